"""The search space of every model: plain data. A new model gets its line in `SPACES`, at the end.

A parameter has the name of a constructor's argument, but for these: `depth` and `base_width` stand
for `widths`, each stage twice as wide as the one before; `hidden_layers` and `hidden_width` for
`hidden_units`, each layer half as wide; `learning_rate` and `batch_size` are of the training.
"""

import dataclasses
import math

import zoo
from bench.errors import BenchError
from bench.runs import suites
from tuner.space.parameters import Boolean, Choice, Fixed, Float, Int, Parameter, When
from tuner.space.space import DERIVED, Space
from zoo import checks

# --- shared parts -------------------------------------------------------------------------------

_LEARNING = {
    "learning_rate": Float(1e-4, 3e-2, 3e-3, log=True),
    "batch_size": Choice((16, 32, 64, 128, 256), 64),
}
_DEEP = When("hidden_layers", (1, 2, 3))
_NETWORK = {
    "depth": Int(1, 4, 2),
    "base_width": Int(8, 128, 32, step=2, log=True),
    "hidden_layers": Int(0, 2, 0),
    "hidden_width": Int(32, 512, 128, step=2, log=True, when=_DEEP),
    "kernel_size": Choice((3, 4, 5), 3),
    "activation": Choice(("relu", "leaky_relu", "elu", "silu", "gelu"), "relu"),
    "normalization": Choice((None, "batch", "group", "layer"), None),
    "down": Choice(("strided", "maxpool"), "strided"),
    "up": Choice(("transpose", "upsample"), "transpose"),
    "convs_per_stage": Int(1, 2, 1),
}
_CODE = {"latent_dim": Int(2, 256, 16, step=2, log=True)}
_PIXEL_LOSSES = ("mean_squared_error", "mean_absolute_error", "mean_huber")
_OUTPUT = {
    "reconstruction": Choice((*_PIXEL_LOSSES, "binary_crossentropy", "ssim"), _PIXEL_LOSSES[0]),
    "output_activation": Choice(
        ("sigmoid", "linear"), "sigmoid", When("reconstruction", _PIXEL_LOSSES)
    ),
}
_AUTOENCODER = _CODE | _NETWORK | _OUTPUT | _LEARNING
_SCALED = When("likelihood", ("gaussian", "laplace"))
_LIKELIHOOD = {
    "likelihood": Choice(("bernoulli", "gaussian", "laplace"), "bernoulli"),
    "scale": Float(0.02, 1.0, 0.1, log=True, when=_SCALED),
    "learn_scale": Boolean(False, when=_SCALED),
    "output_activation": Choice(("sigmoid", "linear"), "sigmoid", _SCALED),
}
_VAE = _CODE | _NETWORK | _LIKELIHOOD | _LEARNING
_BETA = {"beta": Float(0.01, 10.0, 1.0, log=True)}
_UNET = {
    "depth": Int(2, 5, 3),
    "base_width": Int(8, 64, 16, step=2, log=True),
    "convs_per_stage": Int(1, 3, 2),
    "kernel_size": Choice((3, 5), 3),
    "activation": Choice(("relu", "leaky_relu", "elu", "silu", "gelu"), "relu"),
    "normalization": Choice((None, "batch", "group", "layer"), None),
    "dropout": Float(0.0, 0.5, 0.0),
    "down": Choice(("maxpool", "strided"), "maxpool"),
    "up": Choice(("transpose", "upsample"), "transpose"),
    "interpolation": Choice(("nearest", "bilinear"), "nearest", When("up", ("upsample",))),
}
_MASKS = {
    "mask_loss": Choice(
        (None, "dice", "focal", "tversky", "0.5 * crossentropy + 0.5 * dice"), None
    ),
}
_SEGMENTATION = _UNET | _MASKS | _LEARNING
# Noise that the model adds in training; the search measures on the images as the data set has them.
_NOISE = {
    "corruption": Choice(("gaussian", "masking", "salt_and_pepper"), "gaussian"),
    "level": Float(0.05, 0.6, 0.2),
}
_DISCRIMINATOR = {"discriminator_units": Choice(((64, 64), (128, 128), (256, 256)), (128, 128))}
_CLASSIFICATION = {
    "classification_weight": Float(1.0, 500.0, 50.0, log=True),
    "labelled_share": Float(0.1, 0.9, 0.5),
}
_KERNELS = ("gaussian", "inverse_multiquadratic")
_RATES, _TOP_K = When("penalty", ("l1", "kl")), When("penalty", ("top_k",))

# --- models -------------------------------------------------------------------------------------

SPACES: dict[str, dict[str, Parameter]] = {
    "autoencoder": _AUTOENCODER,
    "adversarial_autoencoder": {
        "prior": Choice(("normal", "uniform"), "normal"),
        "adversarial_weight": Float(1e-5, 1e-1, 1e-3, log=True),
        **_DISCRIMINATOR,
        **_AUTOENCODER,
    },
    "contractive": {
        **_AUTOENCODER,
        "contraction_weight": Float(1e-6, 1.0, 1e-3, log=True),
        "latent_activation": Choice(("sigmoid", "tanh"), "sigmoid"),
        "normalization": Choice((None, "group", "layer"), None),
    },
    "denoising": _NOISE | _AUTOENCODER,
    "memory_autoencoder": {
        "num_items": Int(125, 2000, 500, step=2, log=True),
        "entropy_weight": Float(1e-5, 1e-2, 2e-4, log=True),
        **_AUTOENCODER,
        "latent_dim": Int(8, 128, 32, step=2, log=True),
    },
    "sparse": {
        "penalty": Choice(("l1", "kl", "top_k"), "l1"),
        "sparsity_weight": Float(1e-6, 1e-1, 1e-5, log=True, when=_RATES),
        "target_rate": Float(0.01, 0.5, 0.05, log=True, when=When("penalty", ("kl",))),
        "num_active": Int(2, 16, 8, step=2, log=True, when=_TOP_K),
        **_AUTOENCODER,
        "latent_dim": Int(16, 512, 64, step=2, log=True),
    },
    "top_k_sparse": {
        "latent_dim": Choice((None, 128, 256, 512, 1024, 2048, 4096), None),
        "num_active": Int(4, 128, 32, step=2, log=True),
        "auxiliary_weight": Float(1e-3, 1.0, 1 / 32, log=True),
        "dead_after": Int(50, 1600, 200, step=2, log=True),
        **_LEARNING,
    },
    "upae": {
        **_CODE,
        **_NETWORK,
        **_LEARNING,
        "depth": Int(1, 4, 4),
        "base_width": Int(8, 128, 16, step=2, log=True),
        "hidden_layers": Int(0, 2, 1),
        "hidden_width": Int(32, 2048, 256, step=2, log=True, when=_DEEP),
        "kernel_size": Choice((3, 4, 5), 4),
        "normalization": Choice((None, "batch", "group", "layer"), "batch"),
    },
    "vq_vae": {
        "num_embeddings": Int(16, 1024, 128, step=2, log=True),
        "num_groups": Int(2, 32, 8, step=2, log=True),
        "codebook": Choice(("ema", "gradient"), "ema"),
        "decay": Float(0.9, 0.999, 0.99, when=When("codebook", ("ema",))),
        "beta": Float(0.05, 2.0, 0.25, log=True),
        **_AUTOENCODER,
    },
    "feature_autoencoder": {
        "shared": Choice((None, True), None),
        "latent_dim": Int(4, 128, 64, step=2, log=True),
        "hidden_units": Choice(((), (64,), (128,), (256, 128)), ()),
        **_LEARNING,
    },
    "masked_autoencoder": {
        "patch_size": Choice((None, 1, 2, 4, 7, 8, 14, 16), None),
        "mask_ratio": Float(0.25, 0.9, 0.75),
        "embedding_dim": Int(32, 256, 128, step=2, log=True),
        "num_blocks": Int(1, 8, 4),
        "num_heads": Choice((2, 4, 8), 4),
        "decoder_dim": Int(32, 256, 64, step=2, log=True),
        "num_decoder_blocks": Int(1, 4, 2),
        "num_decoder_heads": Choice((2, 4, 8), 4),
        "normalize_patches": Boolean(False),
        **_LEARNING,
    },
    "vae": _BETA | _VAE,
    "beta_vae": {"beta": Float(0.1, 32.0, 4.0, log=True), **_VAE},
    "beta_tc_vae": {
        "alpha": Float(0.1, 10.0, 1.0, log=True),
        "beta": Float(0.1, 32.0, 6.0, log=True),
        "gamma": Float(0.1, 10.0, 1.0, log=True),
        **_VAE,
    },
    "factor_vae": {"gamma": Float(0.1, 50.0, 10.0, log=True), **_BETA, **_DISCRIMINATOR, **_VAE},
    "info_vae": {
        "alpha": Float(0.0, 1.0, 0.0),
        "lambda_scale": Float(1.0, 1000.0, 10.0, log=True),
        "kernel": Choice(_KERNELS, "gaussian"),
        **_VAE,
    },
    "wae_mmd": {
        "mmd_weight": Float(0.1, 1000.0, 10.0, log=True),
        "stochastic_encoder": Boolean(False),
        "kernel": Choice(_KERNELS, "inverse_multiquadratic"),
        **_VAE,
        "likelihood": Choice(("bernoulli", "gaussian", "laplace"), "gaussian"),
        "scale": Float(0.02, 1.0, math.sqrt(0.5), log=True, when=_SCALED),
    },
    "iwae": {
        "num_importance_samples": Choice((2, 5, 10, 20, 50), 5),
        **_VAE,
        "estimator": Choice(  # the second pass of the other one would see other statistics
            ("standard", "doubly_reparameterized"),
            "standard",
            When("normalization", (None, "group", "layer")),
        ),
    },
    "conditional_vae": {"embedding_dim": Int(4, 64, 16, step=2, log=True), **_BETA, **_VAE},
    "debiasing_vae": {
        "vae_weight": Float(1e-4, 1.0, 1e-2, log=True),
        "classification_weight": Float(0.1, 10.0, 1.0, log=True),
        "resample": Boolean(True),
        "num_bins": Int(5, 20, 10, step=5, when=When("resample", (True,))),
        "smoothing": Float(1e-4, 1e-1, 1e-3, log=True, when=When("resample", (True,))),
        "combine": Choice(("max", "product"), "max", When("resample", (True,))),
        **_BETA,
        **_VAE,
    },
    "semi_supervised_vae": _CLASSIFICATION | _BETA | _VAE,
    "semi_supervised_m2": {
        "feature_dim": Int(32, 512, 128, step=2, log=True),
        **_CLASSIFICATION,
        **_BETA,
        **_VAE,
    },
    "unet": _SEGMENTATION,
    "attention_unet": _SEGMENTATION,
    "unet_plus_plus": {"deep_supervision": Boolean(True), **_SEGMENTATION},
    "residual_unet": {
        **_SEGMENTATION,
        "normalization": Choice((None, "batch", "group", "layer"), "batch"),
        "down": Choice(("maxpool", "strided"), "strided"),
        "up": Choice(("transpose", "upsample"), "upsample"),
    },
    "unet_denoiser": {
        **_NOISE,
        "residual": Boolean(True),
        "reconstruction": Choice(_PIXEL_LOSSES, _PIXEL_LOSSES[0]),
        **_UNET,
        **_LEARNING,
    },
}


# --- use ----------------------------------------------------------------------------------------

_IMAGES_ONLY = (*DERIVED["widths"], "kernel_size", "down", "up", "convs_per_stage")
_UNETS = ("unet", "attention_unet", "residual_unet", "unet_plus_plus", "unet_denoiser")


def get(model: str) -> Space:
    """Returns the whole search space of a model; the constructor's defaults lie within it.

    Raises:
        BenchError: if there is no such model, or it has none.
    """
    if model not in SPACES:
        if model in zoo.names():
            raise BenchError(
                f"{model!r} has no search space. Add its line to SPACES in tuner/space/ready.py."
            )
        stem, colon, _ = model.partition(":")
        if stem not in SPACES and (colon or model.endswith((".py", ".keras"))):
            raise BenchError(
                f"{model!r} has no search space: only models of the zoo have one. "
                "python -m bench run --models measures a model of your own."
            )
        raise BenchError(
            f"unknown model {model!r}.{checks.suggestion(stem, SPACES)} "
            "See python -m tuner space for all models."
        )
    # The wider stages of a U-Net go on doubling; those of an autoencoder stop.
    return Space(model, dict(SPACES[model]), None if model in _UNETS else 4)


def for_data(space: Space, image_shape: tuple[int, ...], num_train: int | None = None) -> Space:
    """Returns the part of a space that fits the data.

    There are at most as many stages as height and width can be halved; where they cannot be halved,
    sizes are rounded up. Vectors take dense layers alone.

    Args:
        num_train: Number of training images; it gives the batch size's default.

    Raises:
        BenchError: if the model cannot take such images.
    """
    parameters = dict(space.parameters)
    if len(image_shape) == 1:
        if space.model in _UNETS:
            raise BenchError(f"{space.model} halves maps, and the data are vectors {image_shape}.")
        parameters = {name: parameters[name] for name in parameters if name not in _IMAGES_ONLY}
        if "hidden_layers" in parameters:
            layers = parameters["hidden_layers"]
            parameters["hidden_layers"] = Int(1, 3, max(1, layers.default))
    else:
        parameters.pop("num_groups", None)
        if "depth" in parameters:
            parameters |= _depth(space.model, parameters["depth"], image_shape)
    if len(image_shape) == 2 and "interpolation" in parameters:
        del parameters["interpolation"]
    if "patch_size" in parameters:
        sides = image_shape[:-1] or image_shape
        parameters["patch_size"] = _kept(
            parameters["patch_size"],
            lambda size: (
                size is None or (max(sides) > size and all(side % size == 0 for side in sides))
            ),
        )
    if "reconstruction" in parameters:
        from zoo.losses import structure  # with Keras

        smallest = structure.SMALLEST_SIDE["ssim"]
        is_large = len(image_shape) == 3 and min(image_shape[:-1]) >= smallest
        parameters["reconstruction"] = _kept(
            parameters["reconstruction"], lambda loss: loss != "ssim" or is_large
        )
    if num_train is not None:
        default = suites.default_batch_size(num_train)
        parameters["batch_size"] = dataclasses.replace(parameters["batch_size"], default=default)
    return dataclasses.replace(space, parameters=parameters)


def _kept(choice: Choice, keep) -> Choice:
    return dataclasses.replace(choice, values=tuple(filter(keep, choice.values)))


def _depth(model: str, depth: Int, image_shape: tuple[int, ...]) -> dict[str, Parameter]:
    sides = image_shape[:-1]
    halvings = min((side & -side).bit_length() - 1 for side in sides)
    levels = 1 if model in _UNETS else 0  # a U-Net halves between its levels
    if halvings:
        padding = {}
    elif levels:
        raise BenchError(
            f"{model} halves images, and {sides} cannot be halved. Resize them: --resize."
        )
    else:
        halvings = max(1, min(sides).bit_length() - 1)
        padding = {"pad_to_fit": Fixed(True)}
    high = min(depth.high, halvings + levels)
    return {**padding, "depth": Int(depth.low, high, min(depth.default, high))}
