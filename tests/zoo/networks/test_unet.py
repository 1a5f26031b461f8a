"""The network of the U-Net: counts worked out by hand, its skips, and how it sees."""

import keras
import numpy as np
import pytest

import zoo
from zoo.registry import presets

SHAPE = (16, 16, 1)
IMAGES = np.random.default_rng(0).random((6, *SHAPE), dtype="float32")
MASKS = (IMAGES > 0.6).astype("uint8")
# Trainable parameters of the four variants for Oxford-IIIT Pet, widths 16-32-64-128, 3 channels.
# A 3x3 convolution with batch normalisation: 9 * in * out + 2 * out.
PETS = (
    (9 * 3 * 16 + 32) + (9 * 16 * 16 + 32)  # level 1
    + (9 * 16 * 32 + 64) + (9 * 32 * 32 + 64)  # level 2
    + (9 * 32 * 64 + 128) + (9 * 64 * 64 + 128)  # level 3
    + (9 * 64 * 128 + 256) + (9 * 128 * 128 + 256)  # bottom
    + (9 * 128 * 64 + 128) + (9 * 64 * 64 + 128)  # level 3, after the skip
    + (9 * 64 * 32 + 64) + (9 * 32 * 32 + 64)  # level 2
    + (9 * 32 * 16 + 32) + (9 * 16 * 16 + 32)  # level 1
    + (16 + 1)
)  # fmt: skip
STRIDED = (9 * 16 * 16 + 32) + (9 * 32 * 32 + 64) + (9 * 64 * 64 + 128)
TRANSPOSED = (4 * 128 * 64 + 64) + (4 * 64 * 32 + 32) + (4 * 32 * 16 + 16)  # 2x2, with bias
UPSAMPLED = (9 * 128 * 64 + 64) + (9 * 64 * 32 + 32) + (9 * 32 * 16 + 16)
COUNTS = {
    "maxpool_transpose_bce": PETS + TRANSPOSED,  # 482,737
    "maxpool_transpose_dice": PETS + TRANSPOSED,
    "strided_transpose_bce": PETS + STRIDED + TRANSPOSED,  # 531,345
    "strided_upsample_dice": PETS + STRIDED + UPSAMPLED,  # 585,105
}


def num_trainable(model) -> int:
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def make(image_shape=SHAPE, *, widths=(4, 8), **arguments):
    model = zoo.create("unet", image_shape, widths=widths, **arguments)
    model.compile("adam", run_eagerly=True)
    return model


@pytest.mark.parametrize("preset", COUNTS)
def test_parameters_of_the_pet_variants(preset):
    model = zoo.create("unet", preset=preset)
    assert num_trainable(model) == COUNTS[preset]
    assert model.image_shape == (128, 128, 3)
    assert model.mask_loss == ("dice" if preset.endswith("dice") else "binary_crossentropy")


def test_parameters_of_ronneberger():
    """Two 3x3 convolutions with bias per stage, 2x2 up-convolutions that halve the channels."""
    down = (
        (9 * 1 * 64 + 64) + (9 * 64 * 64 + 64)
        + (9 * 64 * 128 + 128) + (9 * 128 * 128 + 128)
        + (9 * 128 * 256 + 256) + (9 * 256 * 256 + 256)
        + (9 * 256 * 512 + 512) + (9 * 512 * 512 + 512)
        + (9 * 512 * 1024 + 1024) + (9 * 1024 * 1024 + 1024)
    )  # fmt: skip
    up = (
        (4 * 1024 * 512 + 512) + (9 * 1024 * 512 + 512) + (9 * 512 * 512 + 512)
        + (4 * 512 * 256 + 256) + (9 * 512 * 256 + 256) + (9 * 256 * 256 + 256)
        + (4 * 256 * 128 + 128) + (9 * 256 * 128 + 128) + (9 * 128 * 128 + 128)
        + (4 * 128 * 64 + 64) + (9 * 128 * 64 + 64) + (9 * 64 * 64 + 64)
    )  # fmt: skip
    model = zoo.create("unet", (32, 32, 1), preset="ronneberger")
    assert num_trainable(model) == down + up + (64 * 2 + 2) == 31_030_658
    convolutions = [layer for layer in model.network.layers if "conv" in layer.name.split("_")[-1]]
    assert len([c for c in convolutions if not c.name.endswith("act")]) == 18
    assert "valid padding" in presets.get("unet", "ronneberger").source


@pytest.mark.parametrize("down", ["maxpool", "strided"])
@pytest.mark.parametrize("up", ["transpose", "upsample"])
def test_down_and_up(down, up):
    layers = make((16, 16, 2), widths=(4, 6, 8), down=down, up=up).network.layers
    kinds = [type(layer).__name__ for layer in layers]
    assert kinds.count("MaxPooling2D") == (2 if down == "maxpool" else 0)
    assert kinds.count("Conv2DTranspose") == (2 if up == "transpose" else 0)
    assert kinds.count("UpSampling2D") == (2 if up == "upsample" else 0)
    strided = [layer for layer in layers if getattr(layer, "strides", None) == (2, 2)]
    halving = [layer for layer in strided if type(layer).__name__ == "Conv2D"]
    assert len(halving) == (2 if down == "strided" else 0)


def test_bilinear_upsampling_lies_between_its_neighbours():
    first, second = (
        make(widths=(4, 8), up="upsample", interpolation=kind, seed=1)
        for kind in ("nearest", "bilinear")
    )
    second.set_weights(first.get_weights())
    assert np.abs(first(IMAGES).numpy() - second(IMAGES).numpy()).max() > 1e-4
    layer = second.network.get_layer("up1_repeat")
    ramp = np.arange(4, dtype="float32").reshape(1, 1, 4, 1)
    np.testing.assert_allclose(
        np.asarray(layer(ramp))[0, 0, :, 0], [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3]
    )


def test_skips_are_used():
    """Without the bottom the image reaches the mask by the skip; without both it does not."""
    model = make(seed=1)
    whole = model(IMAGES).numpy()
    for weight in model.network.get_layer("up1").weights:
        weight.assign(0 * weight)
    by_skip = model(IMAGES).numpy()
    assert np.abs(by_skip - whole).max() > 1e-3
    assert np.ptp(by_skip) > 1e-3
    kernel = model.network.get_layer("decode1_conv1").kernel
    value = kernel.numpy()
    value[:, :, :4] = 0  # the 4 channels of the skip come first
    kernel.assign(value)
    np.testing.assert_array_equal(model(IMAGES), np.full((6, *SHAPE), 0.5))


def test_the_bottom_is_used():
    model = make(seed=1)
    kernel = model.network.get_layer("decode1_conv1").kernel
    value = kernel.numpy()
    value[:, :, :4] = 0
    kernel.assign(value)
    assert np.ptp(model(IMAGES).numpy()) > 1e-3


def test_a_shift_by_the_networks_stride_shifts_the_mask():
    """Two halvings: shifts by multiples of 4. Zero borders stay zero, as biases start at zero."""
    model = make((96, 96, 1), widths=(4, 4, 4), seed=2)
    image = np.zeros((1, 96, 96, 1), "float32")
    image[0, 44:52, 44:52, 0] = np.random.default_rng(0).uniform(size=(8, 8))
    expected = model(image).numpy()
    moved = model(np.roll(image, (4, -8), axis=(1, 2))).numpy()
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(moved, np.roll(expected, (4, -8), axis=(1, 2)), atol=1e-6)
    by_one = model(np.roll(image, 1, axis=1)).numpy()
    assert np.abs(by_one - np.roll(expected, 1, axis=1)).max() > 1e-4


def test_images_do_not_see_each_other():
    model = make(normalization="group", seed=1)
    order = [3, 1, 5]
    np.testing.assert_allclose(
        model(IMAGES[order]).numpy(), model(IMAGES).numpy()[order], atol=1e-6
    )


def test_series_have_masks_too():
    model = make((32, 2), widths=(4, 6, 8), num_classes=3)
    series = np.random.default_rng(0).random((5, 32, 2), dtype="float32")
    labels = np.random.default_rng(1).integers(0, 3, (5, 32))
    assert np.isfinite(model.fit(series, labels, verbose=0).history["loss"]).all()
    assert model.segment(series).shape == (5, 32)
    np.testing.assert_allclose(model(series).numpy().sum(axis=-1), 1, atol=1e-5)


def test_dropout_is_noise_in_training_only():
    model = make(dropout=0.5, seed=1)
    first, second = (model(IMAGES, training=True).numpy() for _ in range(2))
    assert np.abs(first - second).max() > 1e-4
    np.testing.assert_array_equal(model(IMAGES), model(IMAGES))
    layer = model.network.get_layer("dropout")
    ones = layer(np.ones((1, 100, 100, 1), "float32"), training=True).numpy()
    assert set(np.unique(ones)) == {0.0, 2.0}
    assert ones.mean() == pytest.approx(1, abs=4 / 100)


def test_dropout_goes_on_after_reloading(tmp_path):
    model = make(dropout=0.5, seed=1)
    model.fit(IMAGES, MASKS, verbose=0)
    model.save(tmp_path / "unet.keras")
    again = keras.saving.load_model(tmp_path / "unet.keras")
    first, second = (m.fit(IMAGES, MASKS, epochs=2, verbose=0).history for m in (model, again))
    assert first["loss"] == pytest.approx(second["loss"], rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image_shape": (784,)}, r"UNet: image_shape must be \(height.*\(784,\).*\(784, 1\)"),
        (
            {"image_shape": (30, 30, 1), "widths": (4, 4, 4)},
            r"divisible by 4.*Pad to \(32, 32, 1\)",
        ),
        ({"widths": (8,)}, r"widths must hold two levels or more\. Received: widths=\(8,\)"),
        ({"dropout": 1.0}, r"dropout must be a number in \[0, 0\.99\]"),
        ({"interpolation": "cubic"}, r"interpolation must be one of 'nearest', 'bilinear'"),
        (
            {"image_shape": (16, 1), "interpolation": "bilinear"},
            r"interpolation must be 'nearest' for series",
        ),
        ({"activation": "glu"}, r"activation must keep the channels"),
        ({"kernel_size": (3, 5)}, r"kernel_size must be an int >= 1"),
        ({"num_classes": 0}, r"num_classes must be an int >= 1"),
        ({"num_classes": 300}, r"num_classes must be at most 256"),
        ({"mask_loss": "dise"}, r"'dise'.*Did you mean 'dice'"),
        (
            {"num_classes": 3, "mask_loss": "binary_crossentropy"},
            r"UNet: mask_loss must fit num_classes=3.*Use categorical_crossentropy",
        ),
        (
            {"mask_loss": "dice + categorical_crossentropy"},
            r"UNet: mask_loss must fit num_classes=1.*Use binary_crossentropy",
        ),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        zoo.create("unet", **{"image_shape": SHAPE, **arguments})
