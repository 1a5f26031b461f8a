"""`predict_large`: any size, any model that gives maps, the method's own result where it fits."""

import numpy as np
import pytest

import zoo

SHAPE = (16, 16, 1)


def images(*shape):
    return np.random.default_rng(0).random(shape, "float32")


@pytest.fixture(scope="module")
def unet():
    return zoo.create("unet", SHAPE, widths=(2, 4), num_classes=3, seed=0)


@pytest.fixture(scope="module")
def denoiser():
    return zoo.create("unet_denoiser", SHAPE, widths=(2, 4), residual=False, seed=0)


def test_one_tile_is_the_plain_result(unet, denoiser):
    x = images(3, *SHAPE)
    np.testing.assert_array_equal(unet.predict_large(x), unet.segment(x))
    for method in ("reconstruct", "score_map"):
        made = denoiser.predict_large(x, method=method)
        np.testing.assert_allclose(made, getattr(denoiser, method)(x), atol=1e-6)


def test_a_tile_of_another_size_is_the_model_of_that_size(unet):
    """Weights of convolutions fit any size: a tile as large as the image gives its plain result."""
    x = images(1, 24, 32, 1)
    whole = zoo.create("unet", (24, 32, 1), widths=(2, 4), num_classes=3)
    whole.set_weights(unet.get_weights())
    made = unet.predict_large(x, tile=(24, 32), method="probabilities")
    np.testing.assert_allclose(made, whole.predict(x, verbose=0), atol=1e-6)


def test_images_of_many_sizes_give_maps_of_their_sizes(unet, denoiser):
    sizes = [(15, 16), (17, 40), (1, 1), (50, 16)]
    masks = unet.predict_large([images(*size, 1) for size in sizes], overlap=0.5)
    assert [(mask.shape, mask.dtype) for mask in masks] == [(size, "uint8") for size in sizes]
    assert denoiser.predict_large(images(20, 21, 1)).shape == (20, 21, 1)
    series = zoo.create("unet", (16, 2), widths=(2, 4))
    assert series.predict_large(images(2, 50, 2)).shape == (2, 50)


def test_far_from_the_edges_of_tiles_nothing_changes(denoiser):
    """The receptive field of this network is 10 pixels to each side: the middle sees no edge."""
    x = images(1, 64, 64, 1)
    wide = denoiser.predict_large(x, tile=64, method="reconstruct")
    tiled = denoiser.predict_large(x, tile=48, overlap=0.9, method="reconstruct")
    np.testing.assert_allclose(tiled[0, 31:33, 31:33], wide[0, 31:33, 31:33], atol=1e-3)


def test_views_are_averaged_and_their_deviation_returned(unet):
    x = images(1, *SHAPE)
    mean, deviation = unet.predict_large(
        x, method="probabilities", views="turns", with_deviation=True
    )
    held = [
        np.rot90(unet.predict(np.rot90(each, k, (1, 2)), verbose=0), -k, (1, 2))
        for each in (x,)
        for k in range(4)
    ]
    held += [
        np.rot90(unet.predict(np.rot90(x[:, ::-1], k, (1, 2)), verbose=0), -k, (1, 2))[:, ::-1]
        for k in range(4)
    ]
    np.testing.assert_allclose(mean, np.mean(held, axis=0), atol=1e-5)
    expected = np.sqrt(np.var(held, axis=0).mean(axis=-1))
    np.testing.assert_allclose(deviation, expected, atol=1e-5)
    np.testing.assert_array_equal(
        unet.predict_large(x, views="turns"), mean.argmax(axis=-1).astype("uint8")
    )
    _, none = unet.predict_large(x, with_deviation=True)
    assert (none == 0).all()


def test_the_threshold_is_that_of_segment():
    model = zoo.create("unet", SHAPE, widths=(2, 4))
    x = images(1, 30, 30, 1)
    probabilities = model.predict_large(x, method="probabilities")
    middle = float(np.median(probabilities))
    masks = model.predict_large(x, threshold=middle)
    np.testing.assert_array_equal(masks, probabilities[..., 0] > middle)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"tile": 15}, "tile must be a size that the model takes.*divisible"),
        ({"tile": (16, 16, 16)}, "tile must have the model's axes"),
        ({"method": "reconstruct"}, "method must be one of segment, probabilities"),
        ({"images": images(20, 20, 3)}, "each image must be"),
        ({"images": images(20, 20, 1) * 255}, "must lie in"),
        ({"images": []}, "at least one"),
        ({"overlap": 1.0}, "overlap must be"),
    ],
)
def test_what_does_not_fit_is_refused(unet, arguments, text):
    with pytest.raises(ValueError, match=text):
        unet.predict_large(**{"images": images(20, 20, 1), **arguments})


def test_dense_models_keep_their_size():
    model = zoo.create("autoencoder", SHAPE, preset="tiny")
    assert model.predict_large(images(40, 20, 1)).shape == (40, 20, 1)
    with pytest.raises(ValueError, match="tile must be 16x16, the model's own size"):
        model.predict_large(images(40, 20, 1), tile=32)
    with pytest.raises(ValueError, match="images or series"):
        zoo.create("autoencoder", (64,), preset="tiny").predict_large(images(2, 64))
