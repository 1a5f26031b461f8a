"""Gradient histograms against the definition, pixel by pixel."""

import itertools
import math

import numpy as np
import pytest

from zoo.layers.gradient_histograms import gradient_histograms, root_shares


def shares_of_cells(place, size, num_cells, interpolate):
    """How much a pixel counts in which cells of a side."""
    if not interpolate:
        return {place * num_cells // size: 1.0}
    at = (place + 0.5) * num_cells / size - 0.5  # in cells, 0 at the first centre
    below = math.floor(at)
    both = {below: 1 - (at - below), below + 1: at - below}
    return {cell: share for cell, share in both.items() if 0 <= cell < num_cells}


def by_hand(image, grid, num_directions=8, interpolate=False):
    """The definition in loops, of one image `(height, width, channels)`."""
    height, width, channels = image.shape
    expected = np.zeros((*grid, num_directions))
    for row in range(height):
        for column in range(width):
            in_rows = shares_of_cells(row, height, grid[0], interpolate)
            in_columns = shares_of_cells(column, width, grid[1], interpolate)
            for channel in range(channels):
                down = right = 0.0
                if 0 < row < height - 1:
                    down = (image[row + 1, column, channel] - image[row - 1, column, channel]) / 2
                if 0 < column < width - 1:
                    right = (image[row, column + 1, channel] - image[row, column - 1, channel]) / 2
                place = (math.atan2(down, right) % math.pi) / math.pi * num_directions
                below = math.floor(place)
                magnitude = math.hypot(down, right)
                for (i, up), (j, along) in itertools.product(in_rows.items(), in_columns.items()):
                    part = magnitude * up * along
                    expected[i, j, below % num_directions] += part * (1 - (place - below))
                    expected[i, j, (below + 1) % num_directions] += part * (place - below)
    return expected


@pytest.mark.parametrize("interpolate", [False, True])
@pytest.mark.parametrize(
    ("shape", "grid"), [((9, 12, 1), (3, 4)), ((10, 7, 3), (3, 2)), ((8, 8, 1), (1, 1))]
)
def test_definition(shape, grid, interpolate):
    images = np.random.default_rng(0).random((2, *shape), dtype="float32")
    found = np.asarray(gradient_histograms(images, grid, interpolate=interpolate))
    for image, histograms in zip(images, found, strict=True):
        expected = by_hand(image, grid, interpolate=interpolate)
        np.testing.assert_allclose(histograms, expected, atol=1e-4)


def test_interpolated_cells_see_less_of_a_shift():
    """An edge that moves by a pixel, over the border of two cells of 4 x 4."""
    images = np.zeros((2, 16, 16, 1), "float32")
    images[0, :, :8], images[1, :, :9] = 1, 1
    hard, soft = (
        np.ptp(np.asarray(root_shares(histograms, axes=(1, 2, 3))), axis=0).sum()
        for histograms in (
            gradient_histograms(images, (4, 4)),
            gradient_histograms(images, (4, 4), interpolate=True),
        )
    )
    assert soft < 0.5 * hard


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
