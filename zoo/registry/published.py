"""Named configurations from papers and tutorials, each with its source: one table."""

import dataclasses

TF_TUTORIAL = "https://www.tensorflow.org/tutorials/generative/autoencoder"
KERAS_IO_VAE = "https://keras.io/examples/generative/vae/"
PYTORCH_VAE = "https://github.com/pytorch/examples/tree/main/vae"
KERAS_BLOG = "https://blog.keras.io/building-autoencoders-in-keras.html"
# Small convolutional autoencoders that courses build after the one of the Keras blog and compare:
# three stages on 28x28 and a feature map as code, with several output activations.
EXERCISE = f"a common course exercise, after {KERAS_BLOG}"


@dataclasses.dataclass(frozen=True)
class Preset:
    """A named set of constructor arguments.

    Attributes:
        arguments: Constructor arguments.
        source: Where the configuration comes from.
        num_parameters: Trainable parameters on `image_shape`, when the source fixes them.
        image_shape: The shape of the source; the preset may be used on others that fit.
        starts_at_mean: Whether the source sets the output bias from the data: see `Autoencoder`.
    """

    arguments: dict
    source: str
    num_parameters: int | None = None
    image_shape: tuple[int, ...] | None = None
    starts_at_mean: bool = False


def _dense(hidden_units=(), latent_dim=64, **arguments) -> dict:
    return {"widths": (), "hidden_units": hidden_units, "latent_dim": latent_dim, **arguments}


def _exercise(widths, output_activation, **arguments) -> dict:
    return {
        "widths": widths,
        "hidden_units": (),
        "latent_dim": None,
        "down": "maxpool",
        "up": "conv_upsample",
        "pad_to_fit": True,
        "output_activation": output_activation,
        **arguments,
    }


def _upae_network(**arguments) -> dict:
    return {
        "widths": (16, 32, 64, 64),
        "hidden_units": (2048,),
        "latent_dim": 16,
        "kernel_size": 4,
        "normalization": "batch",
        "unflatten_activation": "linear",
        "head": "transpose",
        "kernel_initializer": "pytorch_uniform",
        **arguments,
    }


def _pets(down: str, up: str, mask_loss: str) -> Preset:
    arguments = {
        "widths": (16, 32, 64, 128),
        "normalization": "batch",
        "down": down,
        "up": up,
        "mask_loss": mask_loss,
    }
    source = "a widely run course assignment: Oxford-IIIT Pet, four U-Net variants"
    return Preset(arguments, source, image_shape=(128, 128, 3))


_LEAKY = {"activation": "leaky_relu", "kernel_size": (5, 5, 2)}
_DIGIT = (28, 28, 1)
_LEARNED = {"likelihood": "gaussian", "scale": 1.0, "learn_scale": True}
_SIGMA = {"widths": (32, 64), "latent_dim": 16, **_LEARNED}

NAMED: dict[str, dict[str, Preset]] = {
    "autoencoder": {
        "dense": Preset(
            _dense((256, 128), 16), "this project: a dense pyramid", starts_at_mean=True
        ),
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
            starts_at_mean=True,
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
        "keras_io_timeseries": Preset(
            {
                "widths": (32, 16),
                "kernel_size": 7,
                "latent_dim": None,
                "output_activation": "linear",
            },
            "https://keras.io/examples/timeseries/timeseries_anomaly_detection/ (less its dropout)",
            9_505,
            (288, 1),
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
        "keras_blog_conv": Preset(
            _exercise((16, 8, 8), "sigmoid", reconstruction="binary_crossentropy"),
            KERAS_BLOG,
            4_385,
            _DIGIT,
        ),
        "tf_tutorial_conv": Preset(
            {"widths": (16, 8), "hidden_units": (), "latent_dim": None},
            f"a usual variation of {TF_TUTORIAL}: its convolutional network, without noise",
            3_217,
            _DIGIT,
        ),
        "tf_tutorial_deep": Preset(
            _dense((256, 128), 64, latent_activation="relu"),
            f"a usual variation of {TF_TUTORIAL}: its dense network with more layers",
            484_944,
            _DIGIT,
        ),
        "timsainb_conv": Preset(
            {"widths": (32, 64), "latent_dim": 64, "encoder_padding": "valid"},
            "https://github.com/timsainb/tensorflow2-generative-models, notebook 0.0",
            425_857,
            _DIGIT,
        ),
        "upae_baseline": Preset(
            _upae_network(output_activation="linear"),
            "Mao et al., 2020: the autoencoder that UPAE is compared with, here on pixels in "
            "[0, 1], not [-1, 1]. https://arxiv.org/abs/2006.13462",
            4_487_248,
            (64, 64, 1),
        ),
        "conv_1_relu": Preset(_exercise((32, 16, 16), "relu"), EXERCISE, 16_833, _DIGIT),
        "conv_1_sigmoid": Preset(_exercise((32, 16, 16), "sigmoid"), EXERCISE, 16_833, _DIGIT),
        "conv_1_linear": Preset(_exercise((32, 16, 16), "linear"), EXERCISE, 16_833, _DIGIT),
        "conv_4_sigmoid": Preset(
            _exercise((64, 32, 16), "sigmoid", **_LEAKY), EXERCISE, 121_697, _DIGIT
        ),
        "conv_4_linear": Preset(
            _exercise((64, 32, 16), "linear", **_LEAKY), EXERCISE, 121_697, _DIGIT
        ),
        "conv_6_sigmoid": Preset(_exercise((16, 8, 8), "sigmoid"), EXERCISE, 4_385, _DIGIT),
        "conv_double_sigmoid": Preset(
            _exercise((128, 64, 32), "sigmoid", convs_per_stage=2), EXERCISE, 583_809, _DIGIT
        ),
        "conv_double_linear": Preset(
            _exercise((128, 64, 32), "linear", convs_per_stage=2), EXERCISE, 583_809, _DIGIT
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
            "after Makhzani and Frey, 2014, with fewer units. https://arxiv.org/abs/1312.5663",
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
            starts_at_mean=True,
        ),
        "tf_tutorial_cvae": Preset(
            {"widths": (32, 64), "latent_dim": 2, "encoder_padding": "valid", "map_channels": 32},
            "https://www.tensorflow.org/tutorials/generative/cvae",
            69_989,
            _DIGIT,
        ),
        "pythae_mnist": Preset(
            _dense((400,), 40),
            "https://github.com/clementchadebec/benchmark_VAE, reproduction of the VAE on MNIST",
            676_864,
            _DIGIT,
        ),
        "burgess_network": Preset(
            {
                "widths": (32, 32, 32),
                "kernel_size": 4,
                "hidden_units": (256, 256),
                "latent_dim": 10,
                "head": "transpose",
            },
            "Burgess et al., 2018, without the stage that 64x64 images need. "
            "https://arxiv.org/abs/1804.03599",
            469_173,
            (32, 32, 1),
        ),
        "vampprior_network": Preset(
            _dense((300, 300), 40, activation="glu", kernel_initializer="he_normal"),
            "Tomczak and Welling, 2018: gated layers, here with a free log-variance and the "
            "standard normal prior. https://arxiv.org/abs/1705.07120",
            1_116_864,
            _DIGIT,
        ),
        "upae_encoder": Preset(
            _upae_network(),
            "Mao et al., 2020: the network of UPAE with a Gaussian code. "
            "https://arxiv.org/abs/2006.13462",
            4_520_032,
            (64, 64, 1),
        ),
        "sigma": Preset(
            _SIGMA,
            "Rybkin et al., 2021. https://arxiv.org/abs/2006.13202",
        ),
    },
    "beta_vae": {
        "capacity": Preset(
            {"widths": (32, 64), "latent_dim": 10, "beta": 100.0, "capacity": 25.0},
            "after Burgess et al., 2018, Eq. 8: two stages in place of four, and a tenth of their "
            "gamma. https://arxiv.org/abs/1804.03599",
        ),
    },
    "conditional_vae": {
        "sigma": Preset(
            {**_SIGMA, "kl": "monte_carlo"},
            "Rybkin et al., 2021: a learned scale, here with labels. "
            "https://arxiv.org/abs/2006.13202",
        ),
        "dense": Preset(
            _dense((400,), 20),
            "this project: the network of PyTorch's VAE example, with labels",
            starts_at_mean=True,
        ),
    },
    "semi_supervised_vae": {
        "dense": Preset(
            _dense((500,), 50, activation="softplus"),
            "Kingma et al., 2014: the sizes of its networks. https://arxiv.org/abs/1406.5298",
        ),
    },
    "semi_supervised_m2": {
        "dense": Preset(
            {**_dense((500,), 50, activation="softplus"), "feature_dim": 500},
            "Kingma et al., 2014: the sizes of its networks. https://arxiv.org/abs/1406.5298",
        ),
    },
    "debiasing_vae": {
        "mit_course": Preset(
            {
                "widths": (12, 24, 48, 72),
                "kernel_size": (5, 5, 3, 3),
                "hidden_units": (512,),
                "mirror_hidden": False,
                "latent_dim": 100,
                "normalization": "batch",
                "normalize_encoder_only": True,
                "head": "transpose",
                "output_activation": "relu",
                "likelihood": "laplace",
                "scale": 5e-4 * 64 * 64 * 3,
                "vae_weight": 5e-4,
            },
            "MIT 6.S191, lab 2: Amini et al., 2019. https://github.com/MITDeepLearning/introtodeeplearning",
            909_500,
            (64, 64, 3),
        ),
    },
    "vq_vae": {
        "keras_io": Preset(
            {
                "widths": (32, 64),
                "latent_dim": 16,
                "num_embeddings": 64,
                "codebook": "gradient",
                "revive_after": None,
                "output_activation": "linear",
            },
            "https://keras.io/examples/generative/vq_vae/, its network; it trains with 128 vectors "
            "on pixels in [-0.5, 0.5], its squared error divided by their variance",
            19_856 + 1_024 + 28_033,
            (28, 28, 1),
        ),
    },
    "factor_vae": {
        "kim_mnih": Preset(
            {
                "widths": (32, 32, 64, 64),
                "hidden_units": (128,),
                "kernel_size": 4,
                "latent_dim": 10,
                "head": "transpose",
                "discriminator_units": (1000,) * 6,
                "discriminator_learning_rate": 1e-4,
            },
            "after Kim and Mnih, 2018. https://arxiv.org/abs/1802.05983",
            image_shape=(64, 64, 1),
        ),
    },
    "adversarial_autoencoder": {
        "makhzani": Preset(
            _dense((1000, 1000), 8, discriminator_units=(1000, 1000)),
            "after Makhzani et al., 2016. https://arxiv.org/abs/1511.05644",
            image_shape=(28, 28, 1),
        ),
    },
    "iwae": {
        "iwae_network": Preset(
            _dense((200, 200), 50, activation="tanh", num_importance_samples=5),
            "Burda et al., 2016. https://arxiv.org/abs/1509.00519",
            425_284,
            (28, 28, 1),
            starts_at_mean=True,
        ),
    },
    "wae_mmd": {
        "mnist": Preset(
            {
                "widths": (128, 256, 512, 1024),
                "kernel_size": 4,
                "normalization": "batch",
                "head": "transpose",
                "pad_to_fit": True,
                "latent_dim": 8,
                "mmd_weight": 10.0,
            },
            "after https://github.com/tolstikhin/wae, configs.py: there the decoder starts at 7x7 "
            "pixels, its last layer has a bias, and 0.05 of the squared error is taken, so that "
            "its mmd_weight is 200 here",
            image_shape=(28, 28, 1),
        ),
    },
    "beta_tc_vae": {
        "dsprites": Preset(
            _dense((1200, 1200), 10, beta=6.0, num_train=737_280, sampling="weighted"),
            "after Chen et al., 2018, on dSprites, whose decoder has three layers of tanh: give "
            "the num_train of your own images. https://arxiv.org/abs/1802.04942",
            image_shape=(64, 64, 1),
        ),
    },
    "feature_autoencoder": {
        "textures": Preset(
            {"shared": True, "latent_dim": 16},
            "for textures: one linear network for all places, on gradients at three scales",
        ),
        "photographs": Preset(
            {"features": "mobilenet_v2", "latent_dim": 64, "hidden_units": (256,)},
            "for photographs of things: maps of a network, after https://arxiv.org/abs/2012.07122",
        ),
    },
    "upae": {
        "upae_paper": Preset(
            {
                "widths": (16, 32, 64, 64),
                "hidden_units": (2048,),
                "latent_dim": 16,
                "nll": "joint",
                "score": "paper",
                "log_variance_bounds": None,
            },
            "Mao et al., 2020. https://arxiv.org/abs/2006.13462",
            4_487_504,
            (64, 64, 1),
        ),
    },
    "unet": {
        "maxpool_transpose_bce": _pets("maxpool", "transpose", "binary_crossentropy"),
        "maxpool_transpose_dice": _pets("maxpool", "transpose", "dice"),
        "strided_transpose_bce": _pets("strided", "transpose", "binary_crossentropy"),
        "strided_upsample_dice": _pets("strided", "upsample", "dice"),
        "ronneberger": Preset(
            {"widths": (64, 128, 256, 512, 1024), "dropout": 0.5, "num_classes": 2},
            "Ronneberger et al., 2015, Figure 1, but with same padding: the paper's valid padding "
            "maps 572x572 to 388x388 by the same weights. https://arxiv.org/abs/1505.04597",
            image_shape=(512, 512, 1),
        ),
    },
    "residual_unet": {
        "zhang": Preset(
            {"widths": (64, 128, 256, 512)},
            "Zhang et al., 2018, Table I. https://arxiv.org/abs/1711.10684",
            image_shape=(224, 224, 3),
        ),
    },
    "unet_plus_plus": {
        "zhou": Preset(
            {"widths": (32, 64, 128, 256, 512), "mask_loss": "0.5 * binary_crossentropy + dice"},
            "Zhou et al., 2018. https://arxiv.org/abs/1807.10165",
            image_shape=(96, 96, 1),
        ),
    },
}
