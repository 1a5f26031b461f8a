"""Drawn defects: masks are what changed, and a seed decides everything."""

import numpy as np
import pytest

from zoo.anomalies import defects


def damage_all(images, kind, seed=0):
    """Returns images that are all damaged in one way, and masks `(n, height, width, 1)`."""
    generator = np.random.default_rng(seed)
    damaged, masks = zip(*(defects.damage(image, generator, kind) for image in images), strict=True)
    return np.stack(damaged), np.stack(masks)[..., None].astype("uint8")


@pytest.fixture(scope="module")
def photographs():
    """Pieces of a real photograph, in colour, below its sky: float32 `(40, 32, 24, 3)`."""
    from sklearn.datasets import load_sample_image

    pixels = load_sample_image("china.jpg")[200 : 200 + 32 * 5, : 24 * 8].astype("float32") / 255
    return pixels.reshape(5, 32, 8, 24, 3).swapaxes(1, 2).reshape(40, 32, 24, 3)


@pytest.fixture(params=["digits", "photographs"])
def real_images(request):
    return request.getfixturevalue(request.param)[:40]


class TestDefects:
    @pytest.mark.parametrize("kind", defects.KINDS)
    def test_masks_are_exactly_the_changed_pixels(self, kind, real_images):
        before = real_images.copy()
        damaged, masks = damage_all(real_images, kind)
        np.testing.assert_array_equal(real_images, before)  # nothing in place
        assert damaged.dtype == np.float32 and masks.dtype == np.uint8
        assert masks.shape == (*real_images.shape[:-1], 1)
        assert 0 <= damaged.min() < damaged.max() <= 1
        change = np.abs(damaged - real_images).max(axis=-1)
        np.testing.assert_array_equal(masks[..., 0] == 1, change > 0)
        assert change[change > 0].min() >= defects.MIN_CHANGE  # none that cannot be seen
        sizes = masks.sum(axis=(1, 2, 3))
        assert sizes.min() >= defects.MIN_PIXELS
        assert sizes.max() < 0.5 * masks[0].size
        centres = [np.argwhere(mask[..., 0]).mean(axis=0) for mask in masks]
        assert (np.std(centres, axis=0) > 0.5).all()  # places differ

    @pytest.mark.parametrize("kind", defects.KINDS)
    def test_generator_decides_everything(self, kind, digits):
        results = [damage_all(digits[:8], kind, seed)[0] for seed in (0, 0, 1)]
        np.testing.assert_array_equal(results[0], results[1])
        assert (results[0] != results[2]).any()

    def test_missing_part_has_the_colour_of_the_frame(self, digits):
        images = digits[:20] * 0.5 + 0.25
        images[:, [0, -1], :] = images[:, :, [0, -1]] = 0.75
        damaged, masks = damage_all(images, "missing_part")
        np.testing.assert_array_equal(damaged[masks == 1], np.float32(0.75))

    def test_scratch_is_thin_and_stands_out(self, photographs):
        damaged, masks = damage_all(photographs, "scratch")
        values = damaged[masks[..., 0] == 1]
        assert ((values >= 0.8) | (values <= 0.2)).all()
        assert masks.sum(axis=(1, 2, 3)).max() <= 3 * 24

    def test_every_four_images_have_every_kind(self, real_images):
        damaged, masks, kinds = defects.defective(real_images, seed=0)
        for block in kinds.reshape(-1, 4):
            assert sorted(block) == sorted(defects.KINDS)
        assert len({tuple(block) for block in kinds.reshape(-1, 4)}) > 1
        np.testing.assert_array_equal(masks[..., 0] == 1, (damaged != real_images).any(axis=-1))

    def test_an_image_s_defect_does_not_depend_on_those_after_it(self, digits):
        few, many = defects.defective(digits[:7], 3), defects.defective(digits[:30], 3)
        for short, long in zip(few, many, strict=True):
            np.testing.assert_array_equal(short, long[:7])
        assert (defects.defective(digits[:7], 4)[0] != few[0]).any()

    def test_empty_images_get_what_can_be_seen(self):
        empty = np.zeros((8, 16, 16, 1), "float32")
        _, masks, kinds = defects.defective(empty, 0)
        assert set(kinds) <= {"scratch", "noise_patch"}
        assert (masks.sum(axis=(1, 2, 3)) >= defects.MIN_PIXELS).all()
        for kind in ("cut_paste", "missing_part"):
            assert defects.damage(empty[0], np.random.default_rng(0), kind) is None

    @pytest.mark.parametrize(
        ("images", "message"),
        [
            (np.zeros((2, 64), "float32"), "images must be floats of shape"),
            (np.zeros((2, 7, 9, 1), "float32"), "at least 8 x 8 pixels"),
            (np.zeros((2, 8, 8, 1), "uint8"), "of uint8"),
            (np.full((2, 8, 8, 1), 2.0), r"must lie in \[0, 1\]"),
            (np.full((2, 8, 8, 1), np.nan), "NaN or infinity in 2 of 2"),
            (np.zeros((0, 8, 8, 1)), "at least one image"),
        ],
    )
    def test_bad_images(self, images, message):
        with pytest.raises(ValueError, match=message):
            defects.defective(images, 0)

    def test_bad_seeds(self, digits):
        for seed in (-1, 1.5, True, None):
            with pytest.raises(ValueError, match="defective: seed must be an int >= 0"):
                defects.defective(digits[:2], seed)
