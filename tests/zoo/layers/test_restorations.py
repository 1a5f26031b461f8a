"""Damage that is to be undone, on images where the answer is known, and the score by it."""

import keras
import numpy as np
import pytest

import zoo
from zoo.layers import corruptions, restorations, row_noise

IMAGES = np.random.default_rng(0).random((64, 16, 16, 3), dtype="float32")


def damaged(kind, level, x=IMAGES, seed=1):
    return np.asarray(corruptions.corrupt(x, kind, level, seed))


@pytest.mark.parametrize("kind", restorations.RESTORATIONS)
def test_level_0_changes_nothing_and_values_stay(kind):
    np.testing.assert_allclose(damaged(kind, 0.0), IMAGES, atol=1e-6)
    found = damaged(kind, 1.0)
    assert found.min() >= 0 and found.max() <= 1


def test_rotations_are_quarter_turns_of_a_share_of_the_images():
    found = damaged("rotate90", 0.6)
    turns = [
        next(k for k in range(4) if np.array_equal(after, np.rot90(before, k)))
        for before, after in zip(IMAGES, found, strict=True)
    ]
    counts = np.bincount(turns, minlength=4)
    assert 14 <= counts[0] <= 38 and (counts[1:] > 4).all()


def test_cells_of_a_grid_are_erased():
    hidden = np.asarray(restorations.erased(IMAGES, 0.5, 3))
    cells = hidden.reshape(64, 8, 2, 8, 2)
    np.testing.assert_array_equal(cells, cells[:, :, :1, :, :1] * np.ones((1, 1, 2, 1, 2)))
    assert hidden.mean() == pytest.approx(0.5, abs=0.03)
    np.testing.assert_allclose(damaged("erase", 0.5, seed=3), IMAGES * (1 - hidden))


def test_blur_keeps_a_ramp_and_grey_the_mean():
    ramp = np.tile(np.linspace(0, 1, 16, dtype="float32")[:, None], (1, 1, 16))[..., None]
    soft = damaged("blur", 1.0, np.broadcast_to(ramp.reshape(1, 16, 16, 1), (1, 16, 16, 1)))
    np.testing.assert_allclose(soft[0, 4:12, 4:12], ramp.reshape(16, 16, 1)[4:12, 4:12], atol=1e-5)
    assert damaged("blur", 1.0).std() < 0.5 * IMAGES.std()
    np.testing.assert_allclose(damaged("grey", 1.0).mean(axis=-1), IMAGES.mean(axis=-1), atol=1e-5)
    assert np.ptp(damaged("grey", 1.0), axis=-1).max() < 1e-6


def test_score_is_the_error_of_what_was_erased():
    keras.utils.set_random_seed(0)
    model = zoo.create(
        "denoising", (16, 16, 3), preset="tiny", corruption="erase", level=0.5, seed=0
    )
    x = IMAGES[:3]
    total, weight = 0, 0
    for seed in range(corruptions.NUM_LOOKS):
        hidden = np.asarray(restorations.erased(x, 0.5, row_noise.RowNoise(x, seed)))
        total = total + hidden * (x - model.reconstruct(x * (1 - hidden))) ** 2
        weight = weight + hidden
    expected = (total / np.maximum(weight, 1)).mean(axis=-1)
    np.testing.assert_allclose(model.score_map(x), expected, rtol=1e-3, atol=1e-6)
    alone = model.score_map(x[2:])  # the damage belongs to the image, not to its row
    np.testing.assert_allclose(alone, expected[2:], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "corruption", "text"),
    [
        ((16, 8, 1), "rotate90", "images as high as wide"),
        ((16, 16, 1), "grey", "images with colours"),
        ((64,), "erase", "needs images"),
    ],
)
def test_images_that_do_not_suit_are_refused(shape, corruption, text):
    with pytest.raises(ValueError, match=text):
        zoo.create("denoising", shape, preset="tiny", corruption=corruption)
