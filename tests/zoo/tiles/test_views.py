"""Views of an image: what they show, and that maps come back to the pixels that they are of."""

import numpy as np
import pytest

from zoo.tiles import views


@pytest.mark.parametrize(
    ("kind", "tile", "number"),
    [("none", (4, 6), 1), ("flips", (4, 6), 4), ("turns", (5, 5), 8), ("flips", (7,), 2)],
)
def test_views_are_all_different_and_undone_exactly(kind, tile, number):
    several = views.views(kind, tile)
    images = np.random.default_rng(0).random((2, *tile, 3))
    seen = [view.apply(images) for view in several]
    assert len(several) == number == len({each.tobytes() for each in seen})
    np.testing.assert_array_equal(seen[0], images)
    for view, each in zip(several, seen, strict=True):
        np.testing.assert_array_equal(view.undo(each), images)
        np.testing.assert_array_equal(view.undo(each[..., 0]), images[..., 0])


def test_turns_are_the_symmetries_of_the_square():
    image = np.arange(9).reshape(1, 3, 3)
    seen = {view.apply(image).tobytes() for view in views.views("turns", (3, 3))}
    turned = [np.rot90(each, k, (1, 2)) for each in (image, image[:, ::-1]) for k in range(4)]
    assert seen == {each.tobytes() for each in turned}


def test_the_mean_does_not_depend_on_how_the_image_is_held():
    """A function that sees left from right is made one that does not, and the variance tells."""

    def function(images):
        return images * np.linspace(0, 1, 5)

    look = views.mean_and_variance(function, views.views("turns", (5, 5)))
    image = np.random.default_rng(0).random((1, 5, 5))
    both = look(image)
    np.testing.assert_allclose(both[..., 0], image * 0.5, rtol=1e-6)
    held = [view.undo(function(view.apply(image))) for view in views.views("turns", (5, 5))]
    np.testing.assert_allclose(both[..., 1], np.var(held, axis=0), atol=1e-6)
    np.testing.assert_allclose(look(np.rot90(image, 1, (1, 2)))[0], np.rot90(both[0]), atol=1e-6)


@pytest.mark.parametrize(("kind", "tile"), [("rotations", (4, 4)), ("turns", (4, 6))])
def test_what_cannot_be_turned_is_refused(kind, tile):
    with pytest.raises(ValueError, match="views"):
        views.views(kind, tile)
