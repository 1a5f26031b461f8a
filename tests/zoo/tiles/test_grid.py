"""Maps of images of any size: what tiles cover, how they blend, and what stays in memory."""

import tracemalloc

import numpy as np
import pytest

from zoo.tiles import grid


def whole(image, tile, function, **settings):
    """Returns the map of an image in one array."""
    axes = grid.axes(image.shape[:-1], tile, **settings)
    bands = [(first, band.copy()) for first, band in grid.blended(image, axes, function, 3)]
    starts = np.cumsum([0, *(len(band) for _, band in bands)])
    assert [first for first, _ in bands] == starts[:-1].tolist()
    return np.concatenate([band for _, band in bands])


@pytest.mark.parametrize("blend", grid.BLENDS)
@pytest.mark.parametrize("size", [1, 7, 8, 9, 23, 800])
def test_tiles_cover_an_axis_and_their_weights_add_up_to_one(size, blend):
    axis = grid.axis(size, 8, 0.25, blend)
    total = np.zeros(size)
    for index in range(len(axis.starts)):
        of_image, of_tile = axis.inside(index)
        total[of_image] += axis.weights[index][of_tile]
    np.testing.assert_allclose(total, 1, atol=1e-6)
    steps = np.diff(axis.starts)
    assert (steps >= 1).all() and (steps <= 6).all()  # a quarter of 8 is covered twice
    if size >= 8:
        assert axis.starts[0] == 0 and axis.starts[-1] == size - 8


@pytest.mark.parametrize("shape", [(21, 9, 2), (7, 30, 1), (3, 3, 1), (40, 1), (9, 11, 13, 1)])
def test_the_map_of_the_identity_is_the_image(shape):
    image = np.random.default_rng(0).random(shape, "float32")
    made = whole(image, (8,) * (len(shape) - 1), lambda tiles: tiles)
    np.testing.assert_allclose(made, image, atol=1e-6)


def test_one_tile_is_the_function_itself():
    image = np.random.default_rng(0).random((8, 8, 1), "float32")
    made = whole(image, (8, 8), lambda tiles: np.square(tiles[..., 0]) - tiles[:, ::-1, :, 0])
    np.testing.assert_array_equal(made, np.square(image[..., 0]) - image[::-1, :, 0])


def test_an_image_below_the_tile_goes_on_mirrored():
    image = np.arange(6, dtype="float32").reshape(3, 2, 1)
    axes = grid.axes((3, 2), (4, 8))
    tile = grid.cut(image, axes, (0, 0))[..., 0]
    assert tile.tolist() == np.pad(image[..., 0], ((0, 1), (3, 3)), mode="symmetric").tolist()


def test_seams_are_no_larger_than_steps_inside():
    """A function that is wrong near the edges of its tile, as networks are, leaves no edge."""
    edges = np.minimum(np.arange(32), np.arange(32)[::-1])
    error = np.exp(-np.minimum.outer(edges, edges) / 3).astype("float32")

    def function(tiles):
        return tiles[..., 0] + error * np.random.default_rng(len(tiles)).normal(size=len(tiles))[
            :, None, None
        ].astype("float32")

    image = np.zeros((32, 200, 1), "float32")
    steps = {}
    for blend in grid.BLENDS:
        axis = grid.axis(200, 32, 0.5, blend)
        made = whole(image, (32, 32), function, overlap=0.5, blend=blend)
        step = np.abs(np.diff(made[10:22], axis=1)).mean(axis=0)
        seams = sorted({*axis.starts[1:], *(start + 32 for start in axis.starts[:-1])})
        at_seams = step[np.array(seams) - 1]
        inside = np.delete(step, np.array(seams) - 1)
        steps[blend] = at_seams.max() / inside.max()
    assert steps["gaussian"] < 1 < steps["constant"]


def test_memory_beside_the_image_is_one_row_of_tiles():
    """Ten times the rows do not even take twice the memory: what is ready is given away."""
    peaks = []
    for rows in (640, 6400):
        image = np.zeros((rows, 256, 1), "float32")
        axes = grid.axes(image.shape[:-1], (32, 32))
        tracemalloc.start()
        for _ in grid.blended(image, axes, lambda tiles: tiles, 4):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0] < 0.4 * 256 * 640 * 4


@pytest.mark.parametrize(("name", "value"), [("overlap", 0.95), ("overlap", -1), ("blend", "sum")])
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(ValueError, match=f"tiles: {name} must be"):
        grid.axes((32, 32), (8, 8), **{name: value})
