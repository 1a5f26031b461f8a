"""Presets: sets of constructor arguments by name.

The sizes `tiny`, `small` and `base` exist for every model and follow the data: strided convolutions
for images and series, the more the larger they are, and dense layers for flat vectors. The others
are configurations from papers and tutorials, the table of `zoo/registry/published.py`.
"""

import types

from zoo import checks
from zoo.registry import depth
from zoo.registry.published import NAMED, Preset

SIZES = types.MappingProxyType(
    {
        "tiny": {"widths": (8, 16), "hidden_units": (), "latent_dim": 8},
        "small": {"widths": (32, 64), "hidden_units": (), "latent_dim": 16},
        "base": {"widths": (64, 128), "hidden_units": (256,), "latent_dim": 32},
    }
)
FLAT_SIZES = types.MappingProxyType(
    {
        "tiny": {"widths": (), "hidden_units": (64,), "latent_dim": 8},
        "small": {"widths": (), "hidden_units": (256, 128), "latent_dim": 16},
        "base": {"widths": (), "hidden_units": (512, 256), "latent_dim": 32},
    }
)


def _transformer(embedding_dim: int, num_blocks: int, num_heads: int, decoder) -> dict:
    decoder_dim, num_decoder_blocks, num_decoder_heads = decoder
    return {
        "embedding_dim": embedding_dim,
        "num_blocks": num_blocks,
        "num_heads": num_heads,
        "decoder_dim": decoder_dim,
        "num_decoder_blocks": num_decoder_blocks,
        "num_decoder_heads": num_decoder_heads,
    }


_U_NET_WIDTHS = {"tiny": (8, 16), "small": (16, 32, 64), "base": (32, 64, 128)}
_U_NET_SIZES = {
    size: {"widths": widths, "normalization": "batch"} for size, widths in _U_NET_WIDTHS.items()
}
# For models whose constructors take other arguments than the family of `Autoencoder`.
OWN_SIZES: dict[str, dict[str, dict]] = {
    "masked_autoencoder": {
        "tiny": _transformer(32, 2, 2, decoder=(16, 1, 2)),
        "small": _transformer(128, 4, 4, decoder=(64, 2, 4)),
        "base": _transformer(256, 6, 8, decoder=(128, 2, 8)),
    },
    "feature_autoencoder": {
        "tiny": {"latent_dim": 16},
        "small": {},
        "base": {"hidden_units": (256,)},
    },
    "top_k_sparse": {
        "tiny": {"latent_dim": 128, "num_active": 8},
        "small": {"latent_dim": 512, "num_active": 16},
        "base": {"latent_dim": 2048, "num_active": 32},
    },
    "unet": _U_NET_SIZES,
    "attention_unet": _U_NET_SIZES,
    "residual_unet": _U_NET_SIZES,
    "unet_plus_plus": _U_NET_SIZES,
    "unet_denoiser": {size: {"widths": widths} for size, widths in _U_NET_WIDTHS.items()},
}
# Models whose output is no image: they do not take `start_at_mean`.
_GIVE_NO_IMAGES = (
    "unet",
    "attention_unet",
    "residual_unet",
    "unet_plus_plus",
    "feature_autoencoder",
)
# Models without a dense layer that a map goes into: their codes stay as large as the map.
_CODES_ARE_MAPS = ("vq_vae",)
# Codes that are not those of `SIZES`: a penalty on activations leaves nothing of a few units.
LATENT_DIMS = {"sparse": {"tiny": 32, "small": 64, "base": 128}}


def names(model: str) -> list[str]:
    """Returns the preset names of a model, the shared sizes first."""
    return [*SIZES, *NAMED.get(model, {})]


def check(model: str, preset: str) -> None:
    """Raises ValueError where a model has no such preset; the text suggests the nearest one."""
    if preset not in SIZES:
        get(model, preset)


def get(model: str, preset: str) -> Preset:
    """Returns a named preset of a model; the shared sizes have no source and are not here."""
    named = NAMED.get(model, {})
    if preset not in named:
        raise ValueError(
            f"Unknown preset {preset!r} of {model!r}.{checks.suggestion(preset, names(model))} "
            f"Its presets: {', '.join(names(model))}."
        )
    return named[preset]


def config(model: str, preset: str, image_shape=None) -> dict:
    """Returns the constructor arguments of a preset.

    Args:
        model: Registry name.
        preset: A name from `names(model)`.
        image_shape: Shape of the data; it decides between convolutions and dense layers for the
            shared sizes. Without it the preset's own shape is used.
    """
    if preset in SIZES and model in OWN_SIZES:
        sizes = dict(OWN_SIZES[model][preset])
        if "widths" in sizes and image_shape is not None:
            shape = checks.image_shape(model, image_shape)
            sizes["widths"] = depth.unet_widths(shape, sizes["widths"])
        return sizes
    if preset in SIZES:
        shape = image_shape and checks.image_shape(model, image_shape)
        is_flat = shape is not None and len(shape) == 1
        sizes = dict((FLAT_SIZES if is_flat else SIZES)[preset])
        if shape is not None and model not in _CODES_ARE_MAPS:
            sizes["widths"] = depth.autoencoder_widths(shape, sizes["widths"])
        if model in LATENT_DIMS:
            sizes["latent_dim"] = LATENT_DIMS[model][preset]
        return sizes
    chosen = get(model, preset)
    arguments = dict(chosen.arguments)
    if not chosen.starts_at_mean and model not in _GIVE_NO_IMAGES:
        arguments.setdefault("start_at_mean", False)
    if image_shape is None and chosen.image_shape is not None:
        arguments["image_shape"] = chosen.image_shape
    return arguments
