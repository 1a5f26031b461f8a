"""Gradient histograms against the definition, pixel by pixel."""

import math

import numpy as np
import pytest

from zoo.layers.gradient_histograms import gradient_histograms, root_shares


def by_hand(image, grid, num_directions=8):
    """The definition in loops, of one image `(height, width, channels)`."""
    height, width, channels = image.shape
    expected = np.zeros((*grid, num_directions))
    for row in range(height):
        for column in range(width):
            cell = row * grid[0] // height, column * grid[1] // width
            for channel in range(channels):
                down = right = 0.0
                if 0 < row < height - 1:
                    down = (image[row + 1, column, channel] - image[row - 1, column, channel]) / 2
                if 0 < column < width - 1:
                    right = (image[row, column + 1, channel] - image[row, column - 1, channel]) / 2
                place = (math.atan2(down, right) % math.pi) / math.pi * num_directions
                below = math.floor(place)
                magnitude = math.hypot(down, right)
                expected[(*cell, below % num_directions)] += magnitude * (1 - (place - below))
                expected[(*cell, (below + 1) % num_directions)] += magnitude * (place - below)
    return expected


@pytest.mark.parametrize(
    ("shape", "grid"), [((9, 12, 1), (3, 4)), ((10, 7, 3), (3, 2)), ((8, 8, 1), (1, 1))]
)
def test_definition(shape, grid):
    images = np.random.default_rng(0).random((2, *shape), dtype="float32")
    found = np.asarray(gradient_histograms(images, grid))
    for image, histograms in zip(images, found, strict=True):
        np.testing.assert_allclose(histograms, by_hand(image, grid), atol=1e-4)


def test_a_ramp_has_one_direction():
    """Brightness that rises to the right by 0.1 a pixel: 6 inner columns of 8 rows."""
    images = np.tile(0.1 * np.arange(8, dtype="float32"), (1, 8, 1))[..., None]
    found = np.asarray(gradient_histograms(images, (1, 1)))[0, 0, 0]
    assert found[0] == pytest.approx(8 * 6 * 0.1 + 0, rel=1e-5)
    assert found[1:] == pytest.approx(np.zeros(7), abs=1e-6)
    turned = np.asarray(gradient_histograms(images.swapaxes(1, 2), (1, 1)))[0, 0, 0]
    assert turned[4] == pytest.approx(found[0], rel=1e-5)


def test_root_shares_do_not_see_contrast():
    images = np.random.default_rng(0).random((1, 8, 8, 1), dtype="float32")
    bright, pale = (
        np.asarray(root_shares(gradient_histograms(x, (2, 2)), axes=(1, 2, 3)))
        for x in (images, 0.3 * images)
    )
    np.testing.assert_allclose(bright, pale, atol=1e-4)
    assert np.square(bright).sum() == pytest.approx(1, abs=1e-4)
    empty = root_shares(gradient_histograms(np.zeros((1, 8, 8, 1)), (2, 2)), axes=(1, 2, 3))
    assert not np.asarray(empty).any()
