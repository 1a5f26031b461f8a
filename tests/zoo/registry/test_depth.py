"""Depth by size: what a default network sees, and what it gives to a dense layer."""

import numpy as np
import pytest

import zoo
from zoo.registry import depth, presets

SIDES = (28, 32, 64, 96, 128, 256, 512)


@pytest.mark.parametrize(
    ("shape", "halvings"),
    [
        ((8, 8, 1), 2),
        ((28, 28, 1), 2),
        ((32, 32, 3), 2),
        ((64, 64, 3), 3),
        ((128, 128, 3), 4),
        ((256, 256, 3), 5),
        ((100, 100, 3), 2),  # 25 x 25 is left, which cannot be halved
        ((30, 30, 1), 2),  # does not divide: the model says how to pad
        ((140, 1), 2),
        ((1024, 1), 4),
        ((16, 256, 1), 3),
    ],
)
def test_stages_of_an_autoencoder(shape, halvings):
    widths = depth.autoencoder_widths(shape, (32, 64))
    assert widths == (32, 64, 128, 128, 128)[:halvings]


def test_odd_sides_are_halved_where_they_may_be_rounded_up():
    assert len(depth.autoencoder_widths((100, 100, 3), (32, 64), rounds_up=True)) == 4  # 7 x 7


@pytest.mark.parametrize(
    ("side", "widths"),
    [
        (28, (16, 32, 64)),
        (64, (16, 32, 64)),
        (128, (16, 32, 64, 128)),
        (256, (16, 32, 64, 128, 256)),
        (512, (16, 32, 64, 128, 256, 256)),
        (1024, (16, 32, 64, 128, 256, 256)),
        (100, (16, 32, 64)),
    ],
)
def test_levels_of_a_unet(side, widths):
    assert depth.unet_widths((side, side, 3), (16, 32, 64)) == widths


def test_widths_that_are_wide_already_stay():
    assert depth.autoencoder_widths((64, 64, 3), (200, 300)) == (200, 300, 300)


U_NETS = ("unet", "attention_unet", "residual_unet", "unet_plus_plus")


def seen_places(model, side: int) -> int:
    """Returns how many places of a series the output in its middle depends on.

    With positive weights and no biases nothing cancels, and a maximum passes on what is on.
    """
    for weight in model.weights:
        if "seed" not in weight.path:
            is_on = weight.name in ("kernel", "gamma", "moving_variance")
            weight.assign(np.full(weight.shape, float(is_on)))
    probability = model(np.eye(side, dtype="float32")[..., None]).numpy()[:, side // 2, 0]
    return int(np.count_nonzero(probability > 0.5))  # a half where nothing came through


@pytest.mark.parametrize("name", U_NETS)
@pytest.mark.parametrize("side", [64, 128, 256, 512])
def test_default_unet_sees_half_of_the_image(name, side):
    """A series takes the same path along its length as an image along its height."""
    model = zoo.create(name, (side, 1), activation="linear", **narrow(name, side))
    assert seen_places(model, side) >= side / 2


def narrow(name, side) -> dict:
    """Returns arguments of a network as deep as the default, of few channels."""
    num_levels = len(zoo.create(name, (side, 1)).widths)
    return {"widths": (2,) * num_levels}


@pytest.mark.parametrize("preset", presets.SIZES)
def test_no_size_gives_a_large_map_to_a_dense_layer(preset):
    for side in SIDES[2:]:
        widths = presets.config("vae", preset, (side, side, 3))["widths"]
        places = (side // 2 ** len(widths)) ** 2
        assert places <= 64 or (side // 2 ** len(widths)) % 2, (preset, side)


def test_presets_of_small_images_are_what_they_were():
    assert presets.config("vae", "small", (28, 28, 1))["widths"] == (32, 64)
    assert presets.config("unet", "small", (28, 28, 1))["widths"] == (16, 32, 64)
    assert presets.config("unet", "tiny", (16, 16, 1))["widths"] == (8, 16)
    assert presets.config("vae", "small", (64,))["widths"] == ()


def test_default_follows_the_shape_and_a_given_width_does_not():
    assert zoo.create("autoencoder", (64, 64, 1)).widths == (32, 64, 128)
    assert zoo.create("autoencoder", (64, 64, 1), widths=(4,)).widths == (4,)
    assert zoo.create("autoencoder", (64,)).widths == ()
    model = zoo.create("vae", (64, 64, 1), preset="tiny")
    assert model.get_config()["widths"] == model.widths == (8, 16, 32)
