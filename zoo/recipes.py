"""Named configurations from papers and tutorials, each with its source: one table."""

import dataclasses

TF_TUTORIAL = "https://www.tensorflow.org/tutorials/generative/autoencoder"
KERAS_IO_VAE = "https://keras.io/examples/generative/vae/"
PYTORCH_VAE = "https://github.com/pytorch/examples/tree/main/vae"


@dataclasses.dataclass(frozen=True)
class Preset:
    """A named set of constructor arguments.

    Attributes:
        arguments: Constructor arguments.
        source: Where the configuration comes from.
        num_parameters: Trainable parameters on `image_shape`, when the source fixes them.
        image_shape: The shape of the source; the preset may be used on others that fit.
    """

    arguments: dict
    source: str
    num_parameters: int | None = None
    image_shape: tuple[int, ...] | None = None


def _dense(hidden_units=(), latent_dim=64, **arguments) -> dict:
    return {"widths": (), "hidden_units": hidden_units, "latent_dim": latent_dim, **arguments}


NAMED: dict[str, dict[str, Preset]] = {
    "autoencoder": {
        "dense": Preset(_dense((256, 128), 16), "this project: a dense pyramid"),
        "undercomplete": Preset(
            _dense((128,), 8), "Goodfellow et al., Deep Learning, ch. 14.1: code below the input"
        ),
        "overcomplete": Preset(
            _dense((), 1568, latent_activation="relu"),
            "Goodfellow et al., Deep Learning, ch. 14.2: code above the input",
            image_shape=(28, 28, 1),
        ),
        "bottleneck": Preset(
            {"widths": (32, 64), "hidden_units": (128,), "latent_dim": 2},
            "this project: a code of two numbers, to be drawn in a plane",
        ),
        "tf_tutorial_dense": Preset(
            _dense((), 64, latent_activation="relu"), TF_TUTORIAL, 101_200, (28, 28, 1)
        ),
        "tf_tutorial_ecg": Preset(
            _dense((32, 16), 8, latent_activation="relu", reconstruction="mean_absolute_error"),
            TF_TUTORIAL,
            10_484,
            (140, 1),
        ),
        "keras_blog_simple": Preset(
            _dense((), 32, latent_activation="relu", reconstruction="binary_crossentropy"),
            "https://blog.keras.io/building-autoencoders-in-keras.html",
            50_992,
            (28, 28, 1),
        ),
        "keras_blog_deep": Preset(
            _dense((128, 64), 32, latent_activation="relu", reconstruction="binary_crossentropy"),
            "https://blog.keras.io/building-autoencoders-in-keras.html",
            222_384,
            (28, 28, 1),
        ),
    },
    "denoising": {
        "tf_tutorial_denoiser": Preset(
            {"widths": (16, 8), "hidden_units": (), "latent_dim": None, "level": 0.2},
            TF_TUTORIAL,
            3_217,
            (28, 28, 1),
        ),
        "keras_io_denoiser": Preset(
            {
                "widths": (32, 32),
                "hidden_units": (),
                "latent_dim": None,
                "down": "maxpool",
                "reconstruction": "binary_crossentropy",
                "level": 0.4,
            },
            "https://keras.io/examples/vision/autoencoder/",
            28_353,
            (28, 28, 1),
        ),
    },
    "sparse": {
        "keras_blog_l1": Preset(
            _dense(
                (),
                32,
                latent_activation="relu",
                reconstruction="binary_crossentropy",
                penalty="l1",
                sparsity_weight=1e-4,
            ),
            "https://blog.keras.io/building-autoencoders-in-keras.html",
            50_992,
            (28, 28, 1),
        ),
        "k_sparse": Preset(
            _dense((), 256, latent_activation="linear", penalty="top_k", num_active=25),
            "Makhzani and Frey, 2014. https://arxiv.org/abs/1312.5663",
        ),
    },
    "contractive": {
        "rifai": Preset(
            _dense((), 64, latent_activation="sigmoid"),
            "Rifai et al., 2011, Eq. 7: one sigmoid layer",
        ),
    },
    "vae": {
        "keras_io": Preset(
            {"widths": (32, 64), "hidden_units": (16,), "mirror_hidden": False, "latent_dim": 2},
            KERAS_IO_VAE,
            69_076 + 65_089,
            (28, 28, 1),
        ),
        "pytorch_example": Preset(_dense((400,), 20), PYTORCH_VAE, 652_824, (28, 28, 1)),
        "iwae_network": Preset(
            _dense((200, 200), 50, activation="tanh"),
            "Burda et al., 2016. https://arxiv.org/abs/1509.00519",
            425_284,
            (28, 28, 1),
        ),
        "sigma": Preset(
            {"widths": (32, 64), "latent_dim": 16, "likelihood": "gaussian", "learn_scale": True},
            "Rybkin et al., 2021. https://arxiv.org/abs/2006.13202",
        ),
    },
    "beta_vae": {
        "capacity": Preset(
            {"widths": (32, 64), "latent_dim": 10, "beta": 100.0, "capacity": 25.0},
            "Burgess et al., 2018, Eq. 8. https://arxiv.org/abs/1804.03599",
        ),
    },
    "upae": {
        "upae_paper": Preset(
            {
                "widths": (16, 32, 64, 64),
                "hidden_units": (2048,),
                "latent_dim": 16,
                "log_variance_bounds": None,
            },
            "Mao et al., 2020. https://arxiv.org/abs/2006.13462",
            4_487_504,
            (64, 64, 1),
        ),
    },
}
