"""Augmentation: image and mask alike, exact where it can be, the same by seed."""

import numpy as np
import pytest
from scipy import ndimage

from zoo.data import augmentation
from zoo.data.augmentation import Augmentation, augment, parse

EVERYTHING = {
    "flips": "both",
    "max_shift": 0.2,
    "max_rotation_degrees": 40,
    "scale_range": (0.8, 1.3),
}


@pytest.fixture
def images():
    return np.random.default_rng(0).random((12, 16, 20, 3), dtype="float32")


@pytest.fixture
def smooth():
    """Pictures of smooth blobs, and the masks of what is brighter than one half."""
    noise = np.random.default_rng(0).random((8, 33, 41))
    values = ndimage.gaussian_filter(noise, (0, 5, 5))
    values = (values - values.min()) / np.ptp(values)
    images = values[..., None].astype("float32")
    return images, (images > 0.5).astype("uint8")


def test_nothing_asked_changes_nothing(images):
    np.testing.assert_array_equal(augment(images), images)
    masks = np.ones((12, 16, 20, 1), "uint8")
    same, same_masks = augment(images, masks)
    np.testing.assert_array_equal(same, images)
    assert same_masks.dtype == np.uint8


@pytest.mark.parametrize(("flips", "axes"), [("horizontal", [2]), ("vertical", [1])])
def test_flips_are_exact_and_happen_to_half(images, flips, axes):
    many = np.repeat(images, 50, axis=0)
    flipped = augment(many, flips=flips)
    is_same = (flipped == many).all(axis=(1, 2, 3))
    is_mirrored = (flipped == np.flip(many, axes)).all(axis=(1, 2, 3))
    assert (is_same ^ is_mirrored).all()
    assert is_same.mean() == pytest.approx(0.5, abs=0.1)  # five deviations of 600 coins


def test_both_flips_are_drawn_apart(images):
    many = np.repeat(images, 50, axis=0)
    flipped = augment(many, flips="both")
    for axes in ([], [1], [2], [1, 2]):
        share = (flipped == np.flip(many, axes)).all(axis=(1, 2, 3)).mean()
        assert share == pytest.approx(0.25, abs=0.09)


def test_mask_goes_where_its_image_goes(smooth):
    """Interpolation and threshold may differ at the edge of a region, and nowhere else."""
    images, masks = smooth
    changed, changed_masks = augment(images, masks, **EVERYTHING, seed=1)
    assert set(np.unique(changed_masks)) == {0, 1}
    agrees = (changed > 0.5) == (changed_masks == 1)
    assert agrees.mean() > 0.97
    assert ((changed > 0.5) == (masks == 1)).mean() < 0.9  # it did move
    is_clear = np.abs(changed - 0.5) > 0.1
    assert agrees[is_clear].all()


def test_masks_take_no_new_values(images):
    masks = np.random.default_rng(0).choice([0, 3, 7], (12, 16, 20, 1))
    changed = augment(images, masks, **EVERYTHING)[1]
    assert set(np.unique(changed)) <= {0, 3, 7}
    assert changed.dtype == masks.dtype


def test_clean_targets_are_interpolated_as_the_images_are(images):
    changed, targets = augment(images, 1 - images, **EVERYTHING)
    np.testing.assert_allclose(targets, 1 - changed, atol=1e-5)


def test_agrees_with_scipy(images, monkeypatch):
    """A rotation by 30 degrees, scaled by 1.2, about the centre, then moved by 3 and -2 pixels."""
    angle, scale, shift = np.deg2rad(30), 1.2, np.array([3.0, -2.0])
    forward = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    backward = np.linalg.inv(forward)
    centre = np.array([7.5, 9.5])
    offset = centre - backward @ (centre + shift)
    expected = [
        np.stack(
            [
                ndimage.affine_transform(
                    image[..., channel], backward, offset, order=1, mode="reflect"
                )
                for channel in range(3)
            ],
            axis=-1,
        )
        for image in images
    ]

    class Fixed:
        """Gives, in place of random numbers, scale, angle and shift of this test."""

        def __init__(self, seed):
            self.draws = iter([scale, angle, shift / (16, 20)])

        def uniform(self, low, high, size):
            return np.broadcast_to(next(self.draws), size)

        def random(self, size):
            return np.ones(size)

    monkeypatch.setattr(augmentation.np.random, "default_rng", Fixed)
    np.testing.assert_allclose(augment(images, max_shift=0.5), np.stack(expected), atol=1e-5)


def test_settings_bound_the_changes():
    """A dot at the centre shows the shift; its distance to a second dot the scale."""
    dots = np.zeros((300, 65, 65, 1), "float32")
    dots[:, 31:34, 31:34] = 1
    moved = augment(dots, max_shift=0.2)
    centres = np.array([ndimage.center_of_mass(image[..., 0]) for image in moved]) - 32
    assert np.abs(centres).max() <= 0.2 * 65 + 0.01
    assert np.abs(centres).max() > 0.18 * 65
    assert np.abs(centres.mean(axis=0)).max() < 1.5
    squares = np.zeros((300, 65, 65, 1), "float32")
    squares[:, 22:43, 22:43] = 1
    scaled = augment(squares, scale_range=(0.5, 1.5))
    sides = np.sqrt(scaled[:, 12:53, 12:53].sum(axis=(1, 2, 3)))  # without mirrored squares
    assert 0.5 * 21 - 0.6 <= sides.min() < 0.55 * 21
    assert 1.45 * 21 < sides.max() <= 1.5 * 21 + 0.6
    line = np.zeros((300, 65, 65, 1), "float32")
    line[:, 32, 10:55] = 1
    turned = augment(line, max_rotation_degrees=20)
    ends = turned[:, :, 50:54, 0].sum(axis=-1).argmax(axis=1) - 32
    angles = np.rad2deg(np.arctan2(ends, 19.5))
    assert 15 < np.abs(angles).max() <= 22


def test_seed_decides(images):
    first, again, other = (augment(images, **EVERYTHING, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(augment(images[:1], **EVERYTHING), images[:1])


def test_beyond_the_edge_the_image_goes_on_mirrored():
    columns = np.tile(np.arange(10, dtype="float32"), (10, 1))[None, ..., None]
    changed = augment(np.repeat(columns, 50, axis=0), max_shift=0.4)
    assert 0 <= changed.min() <= changed.max() <= 9
    for image in changed[..., 0]:
        assert np.abs(np.diff(image, axis=1)).max() <= 1.001  # no seam, as a black fill gives


def test_parse():
    assert parse("flip,shift:0.1,rotation:10,scale:0.9-1.1") == Augmentation(
        "horizontal", 0.1, 10.0, (0.9, 1.1)
    )
    assert parse("flip:both") == Augmentation("both")
    assert parse(" rotation:5 , flip:vertical") == Augmentation("vertical", 0.0, 5.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "augment must name flip, shift:SHARE"),
        ("blur:2", r"Received: 'blur:2'\. For example flip,shift:0\.1"),
        ("shift", "Received: 'shift'"),
        ("shift:far", "Received: 'shift:far'"),
        ("scale:1", "Received: 'scale:1'"),
        ("flip,flip:both", "names flip twice"),
        ("flip:diagonal", "flips must be one of horizontal, vertical, both"),
        ("shift:1", "max_shift must be at least 0 and below 1"),
        ("shift:nan", "max_shift must be at least 0"),
        ("rotation:-5", "max_rotation_degrees must be from 0 to 180"),
        ("scale:1.1-0.9", "smaller first"),
        ("scale:0-2", "two factors from 0.1 to 10"),
    ],
)
def test_wrong_flags(text, message):
    with pytest.raises(ValueError, match=message):
        parse(text)


@pytest.mark.parametrize("shape", [(12, 140, 1), (12, 64), (12, 16, 20)])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(ValueError, match=r"must have shape \(n, height, width, channels\)"):
        augment(np.zeros(shape), flips="both")


def test_masks_of_another_size_are_refused(images):
    with pytest.raises(ValueError, match="masks the same"):
        augment(images, np.zeros((12, 8, 20, 1)), flips="both")


# --- batches --------------------------------------------------------------------------------


def batches(images, **options):
    from zoo.inputs.augmented_batches import AugmentedBatches

    settings = {"augmentation": parse("shift:0.2,flip"), "batch_size": 5} | options
    return AugmentedBatches(images, **settings)


def epoch(found):
    """Returns the batches of the next epoch, as `fit` goes through them."""
    found.on_epoch_begin()
    shown = [found[index] for index in range(len(found))]
    found.on_epoch_end()
    return shown


def test_batches_hold_every_image_once(images):
    numbered = np.broadcast_to(np.arange(12.0)[:, None, None, None], images.shape) / 12
    found = batches(numbered.astype("float32"), labels=np.arange(12))
    first = epoch(found)
    assert [len(x) for x, _ in first] == [5, 5, 2]
    order = np.concatenate([y for _, y in first])
    assert sorted(order) == list(range(12)) != order.tolist()
    shown = np.concatenate([x[:, 0, 0, 0] for x, _ in first])
    np.testing.assert_allclose(shown * 12, order, atol=1e-4)
    in_order = epoch(batches(numbered, labels=np.arange(12), shuffle=False))
    assert np.concatenate([y for _, y in in_order]).tolist() == list(range(12))


def test_each_epoch_is_fresh_and_the_seed_repeats_all(images):
    first, second, other = (batches(images, seed=seed) for seed in (1, 1, 2))
    known: set[bytes] = set()
    for _ in range(3):
        batches_now = epoch(first)
        for (one,), (same,) in zip(batches_now, epoch(second), strict=True):
            np.testing.assert_array_equal(one, same)
        shown = {image.tobytes() for (x,) in batches_now for image in x}
        assert len(shown) == 12
        assert not shown & known
        known |= shown
    assert not known & {image.tobytes() for (x,) in epoch(other) for image in x}


def test_batches_change_masks_with_their_images(smooth):
    images, masks = smooth
    for x, y in epoch(batches(images, targets=masks, labels=np.arange(8))):
        assert y.dtype == np.uint8
        assert ((x > 0.5) == (y == 1)).mean() > 0.97


def test_batches_do_not_change_the_arrays(images):
    before = images.copy()
    epoch(batches(images))
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size must be an int >= 1"),
        ({"targets": np.zeros(3)}, "targets must have one row per image. Received: 3 for 12"),
        ({"labels": np.zeros(3)}, "labels must have one row per image"),
    ],
)
def test_wrong_batches(images, options, message):
    with pytest.raises(ValueError, match=message):
        batches(images, **options)


@pytest.mark.parametrize("workers", [1, 2])
def test_fit_sees_fresh_images_each_epoch(images, workers):
    """Three epochs of `fit` see what three epochs by hand give, whatever the number of workers."""
    import keras

    seen = []

    class Watch(keras.layers.Layer):
        def call(self, x):
            seen.append(np.asarray(x))
            return keras.ops.mean(x, axis=(1, 2))

    model = keras.Sequential([Watch(), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    options = {"labels": np.zeros(12, "float32"), "seed": 5}
    found = batches(images, workers=workers, **options)
    model.build((None, 16, 20, 3))
    seen.clear()
    model.fit(found, epochs=3, verbose=0, shuffle=False)
    by_hand = batches(images, **options)
    expected = []
    for _ in range(3):
        expected += [x for x, _ in epoch(by_hand)]
    assert len(seen) == len(expected) == 9
    for one, other in zip(seen, expected, strict=True):
        np.testing.assert_array_equal(one, other)
