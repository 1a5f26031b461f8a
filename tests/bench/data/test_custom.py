"""Own data: what `zoo.data` reads becomes a data set of the harness, by the same rules."""

import numpy as np
import pytest
from PIL import Image

from bench.data import catalog
from bench.errors import BenchError
from zoo.data import images, reading

GREY = np.arange(48, dtype="uint8").reshape(6, 8) * 5


def fill(folder, *places, num=12):
    for place in places:
        (folder / place).mkdir(parents=True)
        for row in range(num):
            Image.fromarray(np.roll(GREY, row)).save(folder / place / f"{row:02}.png")
    return folder


def test_pixels_are_those_of_the_one_reader(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    for row in range(12):
        Image.fromarray(np.roll(GREY, row)).save(tmp_path / f"{row:02}.jpg", exif=exif)
    (tmp_path / "._00.jpg").write_bytes(b"\x00")
    found = catalog.load(tmp_path)
    whole = np.concatenate([found.train.images, found.validation.images, found.test.images])
    expected = np.stack([images.read(file) for file in images.find(tmp_path)])
    assert expected.shape == (12, 8, 6, 1)
    assert sorted(image.tobytes() for image in whole) == sorted(each.tobytes() for each in expected)
    assert found.notes == reading.read(tmp_path).said


def test_an_inspection_is_a_data_set_of_anomalies_with_masks(tmp_path):
    fill(tmp_path, "train/good", num=20)
    fill(tmp_path, "test/good", "test/crack", "test/hole", num=4)
    for kind in ("crack", "hole"):
        (tmp_path / f"ground_truth/{kind}").mkdir(parents=True)
        for row in range(4):
            mask = (200 + row < GREY) * np.uint8(255)
            Image.fromarray(mask).save(tmp_path / f"ground_truth/{kind}/{row:02}_mask.png")
    found = catalog.load(tmp_path)
    assert found.task == "anomaly"
    assert (found.num_train, found.num_validation, found.num_test) == (18, 2, 12)
    assert found.group_names == ("crack", "good", "hole")
    assert found.test.labels.tolist() == 4 * [1] + 4 * [0] + 4 * [1]
    assert found.test.groups.tolist() == 4 * [0] + 4 * [1] + 4 * [2]
    assert not found.train.labels.any()
    sizes = [(200 + row < GREY).sum() for row in range(4)]
    assert found.test.targets.sum(axis=(1, 2, 3)).tolist() == [*sizes, *4 * [0], *sizes]
    with pytest.raises(BenchError, match="--noise is not for data of anomalies"):
        catalog.load(tmp_path, noise="gaussian:0.1")


def test_few_normals_of_an_inspection_are_enough_for_a_threshold(tmp_path):
    """Else all jobs would train, and fail at the end."""
    fill(tmp_path, "train/good", num=12)
    fill(tmp_path, "test/good", "test/crack", num=2)
    found = catalog.load(tmp_path)
    assert (found.num_train, found.num_validation, found.num_test) == (10, 2, 4)
    fill(tmp_path, "val/good", num=1)
    with pytest.raises(BenchError, match=r"at least 2 normals must be held out.* Received: 1 in"):
        catalog.load(tmp_path)


def test_an_inspection_is_tested_on_normals_and_on_defects(tmp_path):
    fill(tmp_path, "train/good", num=20)
    fill(tmp_path, "test/crack", "test/hole", num=2)
    with pytest.raises(BenchError, match=r"must hold normals and defects.* Received: crack, hole"):
        catalog.load(tmp_path)


def test_masks_of_an_npz_are_its_targets(tmp_path):
    pixels = np.stack([np.roll(GREY, row) for row in range(20)])
    np.savez(tmp_path / "x.npz", images=pixels, masks=(pixels > 100) * np.uint8(255))
    found = catalog.load(tmp_path / "x.npz")
    assert (found.task, found.mask_names) == ("segmentation", ("background", "foreground"))
    np.testing.assert_array_equal(found.test.targets, found.test.images > 100 / 255)


def test_files_are_read_as_asked(tmp_path):
    """Range, foreground, kind of arrays and damaged files, each where it is refused without."""
    rows = np.arange(20)
    deep = (rows[:, None, None] * 100 + np.arange(48).reshape(6, 8)).astype("int32")
    np.savez(tmp_path / "deep.npz", images=deep)
    found = catalog.load(tmp_path / "deep.npz", value_range=(-48.0, 2000.0))
    whole = np.concatenate([found.train.images, found.validation.images, found.test.images])
    np.testing.assert_allclose(np.sort(whole.ravel()), np.sort((deep.ravel() + 48) / 2048), 1e-6)

    numbers = np.where(deep % 2, 7, 3) * (deep > 300)
    np.savez(tmp_path / "cells.npz", images=(deep % 256).astype("uint8"), masks=numbers)
    with pytest.raises(BenchError, match="--foreground nonzero"):
        catalog.load(tmp_path / "cells.npz")
    found = catalog.load(tmp_path / "cells.npz", foreground="above:3")
    assert found.num_mask_classes == 2
    kept = np.concatenate([found.train.targets, found.validation.targets, found.test.targets])
    assert kept.sum() == (numbers > 3).sum() > 0

    np.savez(tmp_path / "narrow.npz", x=np.zeros((20, 12, 3), "uint8") + rows[:, None, None] / 20)
    with pytest.raises(BenchError, match="--data series or --data images"):
        catalog.load(tmp_path / "narrow.npz")
    shapes = {
        kind: catalog.load(tmp_path / "narrow.npz", data_kind=kind).image_shape
        for kind in ("series", "images")
    }
    assert shapes == {"series": (12, 3), "images": (12, 3, 1)}

    fill(tmp_path, "photos", num=12)
    (tmp_path / "photos/broken.png").write_bytes(b"no image")
    with pytest.raises(BenchError, match="--skip-unreadable"):
        catalog.load(tmp_path / "photos")
    found = catalog.load(tmp_path / "photos", skip_unreadable=True)
    assert found.num_train + found.num_validation + found.num_test == 12
    assert any("broken.png" in note for note in found.notes)


def test_options_that_would_be_ignored_are_refused(tmp_path):
    folder = fill(tmp_path, "photos") / "photos"
    with pytest.raises(BenchError, match=r"--foreground is for data with masks, and .* has none"):
        catalog.load(folder, foreground="nonzero")
    with pytest.raises(BenchError, match=r"--data is for \.npz files, and .* is none"):
        catalog.load(folder, data_kind="images")


def test_how_files_are_read_is_not_asked_of_a_named_data_set():
    with pytest.raises(BenchError, match=r"own folders and files\. Received: the data set digits"):
        catalog.load("digits", value_range=(0.0, 1.0))


def test_ambiguous_folders_are_one_line(tmp_path):
    with pytest.raises(BenchError, match="test, train beside extra"):
        catalog.load(fill(tmp_path, "train", "test", "extra"))


@pytest.mark.parametrize(("void", "dtype"), [(255, "uint8"), (-1, "int32")])
def test_void_pixels_are_no_class_of_a_data_set(tmp_path, void, dtype):
    masks = np.tile(np.int32([[0, 1], [2, void]]), (20, 1, 1))
    np.savez(tmp_path / "x.npz", images=np.zeros((20, 2, 2, 1), "float32"), masks=masks)
    found = catalog.load(tmp_path / "x.npz", ignore_label=void)
    assert (found.num_mask_classes, found.ignore_label) == (3, void)
    assert found.train.targets.dtype == dtype
    np.testing.assert_array_equal(found.train.targets[0, ..., 0], masks[0])
    with pytest.raises(BenchError, match="--ignore-label must be left out"):
        catalog.load("digits", ignore_label=255)
