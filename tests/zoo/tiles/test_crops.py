"""Crops for training: of the pixels of their image, with its mask, and of things that are rare."""

import numpy as np
import pytest

from zoo.data import augmentation
from zoo.tiles.crop_batches import CroppedBatches
from zoo.tiles.crops import Crops, covering

SIZES = [(40, 30), (9, 50), (16, 16), (5, 7)]


def pictures():
    """Images whose pixels tell where they are, and masks that say the same of a few."""
    images = [
        np.stack(np.meshgrid(np.arange(w), np.arange(h)), -1).astype("float32") / 64
        for h, w in SIZES
    ]
    masks = [np.zeros(size, "uint8") for size in SIZES]
    masks[0][35, 3], masks[0][2, 28] = 1, 2
    masks[1][4, 45] = 255
    return images, masks


def test_a_crop_and_its_mask_are_one_place():
    images, _ = pictures()
    masks = [np.rint(image[..., 0] * 64).astype("int32") for image in images]
    crops, generator = Crops(images, masks, (16, 16)), np.random.default_rng(0)
    seen = set()
    for row in (0, 0, 0, 0, 1, 2, 3):
        crop, mask = crops.draw(row, generator)
        assert crop.shape == (16, 16, 2) and crop.dtype == "float32"
        np.testing.assert_array_equal(np.rint(crop[..., 0] * 64), mask)
        seen.add(crop.tobytes())
    assert len(seen) >= 5


def test_small_images_go_on_mirrored():
    images, _ = pictures()
    crop, _ = Crops(images, size=(16, 16)).draw(3, np.random.default_rng(0))
    expected = np.pad(images[3], ((5, 6), (4, 5), (0, 0)), mode="symmetric")
    np.testing.assert_array_equal(crop, expected)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_share_of_the_crops_holds_foreground_and_classes_are_alike(share):
    images, masks = pictures()
    crops = Crops(images, masks, (8, 8), share, ignore_label=255)
    generator = np.random.default_rng(0)
    drawn = [crops.draw(0, generator)[1] for _ in range(400)]
    counts = [np.mean([(mask == number).any() for mask in drawn]) for number in (1, 2)]
    by_chance = 0.05  # at most 64 of 759 places hold a given pixel, and corners fewer
    for count in counts:
        assert share / 2 - 0.08 < count < share / 2 + by_chance + 0.08
    for row in (1, 2):  # of void and of nothing there is no foreground to hold
        assert crops.draw(row, generator)[1].shape == (8, 8)


def test_crops_that_cover_hold_every_pixel():
    images, masks = pictures()
    cuts, of_masks = covering(images, masks, (16, 16))
    assert cuts.shape[1:] == (16, 16, 2) and of_masks.shape == cuts.shape[:3]
    assert len(cuts) == 3 * 2 + 1 * 4 + 1 + 1
    for image in images:
        all_pixels = {tuple(pixel) for pixel in image.reshape(-1, 2)}
        assert all_pixels <= {tuple(pixel) for pixel in cuts.reshape(-1, 2)}
    assert {1, 2, 255} <= set(np.unique(of_masks))


def test_bytes_become_floats():
    image = np.full((20, 20, 1), 51, "uint8")
    crop, _ = Crops([image], size=(8, 8)).draw(0, np.random.default_rng(0))
    np.testing.assert_allclose(crop, 0.2)
    np.testing.assert_allclose(covering([image], None, (8, 8))[0], 0.2)


def test_batches_depend_on_seed_and_epoch_alone():
    images, masks = pictures()
    crops = Crops(images, masks, (8, 8))
    config = augmentation.parse("flip:both")

    def epochs(seed):
        batches = CroppedBatches(crops, per_image=3, batch_size=5, seed=seed, augmentation=config)
        found = []
        for _ in range(2):
            batches.on_epoch_begin()
            found.append([batches[index] for index in range(len(batches))])
            batches.on_epoch_end()
        return found

    first, again, other = epochs(0), epochs(0), epochs(1)
    assert [len(x) for x, _ in first[0]] == [5, 5, 2]
    for a, b in zip(first[1], again[1], strict=True):
        np.testing.assert_array_equal(a[0], b[0])
        np.testing.assert_array_equal(a[1], b[1])
    assert not np.array_equal(first[0][0][0], first[1][0][0])
    assert not np.array_equal(first[0][0][0], other[0][0][0])
    assert first[0][0][1].shape == (5, 8, 8)


def test_a_share_out_of_range_is_refused():
    with pytest.raises(ValueError, match="foreground_share must be"):
        Crops([np.zeros((8, 8, 1))], foreground_share=1.5)
