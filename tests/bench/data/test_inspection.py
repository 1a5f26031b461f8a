"""MVTec AD and VisA, from small folders in the official layouts."""

import csv

import numpy as np
import pytest

from bench.data import catalog, inspection
from bench.errors import BenchError
from zoo.data.images import write_png

SIZE = 40


def photograph(seed, size=SIZE):
    return np.random.default_rng(seed).random((size, size, 3), dtype="float32")


def square(values=1.0):
    """A mask whose 8 x 8 pixels at row 8, column 16 are a defect."""
    mask = np.zeros((SIZE, SIZE, 1), "float32")
    mask[8:16, 16:24] = values
    return mask


@pytest.fixture
def mvtec(tmp_path, monkeypatch):
    root = tmp_path / "mvtec_anomaly_detection"
    for number, category in enumerate(("bottle", "grid")):
        folder = root / category
        for k in range(20):
            write_png(folder / "train" / "good" / f"{k:03}.png", photograph(100 * number + k))
        for k in range(3):
            write_png(folder / "test" / "good" / f"{k:03}.png", photograph(50 + k))
        for kind in ("broken", "contamination"):
            for k in range(2):
                write_png(folder / "test" / kind / f"{k:03}.png", photograph(70 + k))
                mask = folder / "ground_truth" / kind / f"{k:03}_mask.png"
                write_png(mask, square())
    (root / "license.txt").write_text("CC BY-NC-SA 4.0")
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path))
    return root


@pytest.fixture
def visa(tmp_path, monkeypatch):
    root = tmp_path / "VisA"
    rows = []
    for category in ("candle", "pcb1"):
        images = root / category / "Data" / "Images"
        for k in range(24):
            path = images / "Normal" / f"{k:04}.png"
            write_png(path, photograph(k))
            split = "train" if k < 20 else "test"
            rows.append([category, split, "normal", str(path.relative_to(root)), ""])
        for k in range(4):
            path = images / "Anomaly" / f"{k:03}.png"
            mask = root / category / "Data" / "Masks" / "Anomaly" / f"{k:03}.png"
            write_png(path, photograph(90 + k))
            write_png(mask, square((k + 1) / 255))  # the number of the kind of defect
            places = [str(each.relative_to(root)) for each in (path, mask)]
            rows.append([category, "test", "anomaly", *places])
    (root / "split_csv").mkdir()
    with (root / "split_csv" / "1cls.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["object", "split", "label", "image", "mask"], *rows])
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path))
    return root


def test_mvtec_is_its_categories(mvtec):
    assert catalog.members("mvtec_ad") == ["mvtec_ad/bottle", "mvtec_ad/grid"]
    assert catalog.members(mvtec) == [f"{mvtec}/bottle", f"{mvtec}/grid"]
    assert catalog.members(mvtec / "grid") == [str(mvtec / "grid")]
    assert catalog.members("digits") == ["digits"]
    data = catalog.load("mvtec_ad/grid", resize=(20, 20))
    assert (data.name, data.task, data.image_shape) == ("mvtec_ad/grid", "anomaly", (20, 20, 3))
    assert (len(data.train), len(data.validation), len(data.test)) == (18, 2, 7)
    assert sorted(data.group_names) == ["broken", "contamination", "good"]
    assert data.test.labels.sum() == 4
    expected = np.zeros((20, 20))
    expected[4:8, 8:12] = 1
    for mask, label in zip(data.test.targets[..., 0], data.test.labels, strict=True):
        np.testing.assert_array_equal(mask, expected * label)


def test_visa_is_its_categories(visa):
    assert catalog.members("visa") == ["visa/candle", "visa/pcb1"]
    data = catalog.load("visa/pcb1", resize=(20, 20))
    assert (data.name, data.task, data.image_shape) == ("visa/pcb1", "anomaly", (20, 20, 3))
    assert (len(data.train), len(data.validation), len(data.test)) == (18, 2, 8)
    assert data.train.targets is None
    assert data.test.labels.tolist() == [0] * 4 + [1] * 4
    # Masks hold the numbers of defects; any of them is one.
    expected = np.zeros((20, 20))
    expected[4:8, 8:12] = 1
    for mask, label in zip(data.test.targets[..., 0], data.test.labels, strict=True):
        np.testing.assert_array_equal(mask, expected * label)
    everything = np.concatenate([data.train.images, data.validation.images])
    assert len({image.tobytes() for image in everything}) == 20
    with pytest.raises(BenchError, match=r"is VisA, .* Set ZOO_DATA_DIR .* --dataset visa"):
        catalog.load(visa)


def test_without_size_they_are_small(mvtec):
    assert catalog.load("mvtec_ad/bottle").image_shape == (*inspection.SIZE, 3)


@pytest.mark.parametrize("name", ["mvtec_ad", "visa"])
def test_missing_folders_say_where_to_get_them(name, tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(BenchError) as raised:
        catalog.members(name)
    text = str(raised.value)
    assert "\n" not in text
    for part in ("is not on this machine", "https://", "CC BY", f"{name}/", "ZOO_DATA_DIR"):
        assert part in text
    (entry,) = [each for each in catalog.describe() if each["name"] == name]
    assert not entry["is_local"]


def test_unknown_categories_and_damaged_lists(mvtec, visa):
    for name in ("mvtec_ad/botle", "mvtec_ad"):
        with pytest.raises(BenchError, match="must be one of bottle, grid"):
            catalog.load(name)
    (visa / "candle" / "Data" / "Images" / "Normal" / "0003.png").unlink()
    with pytest.raises(BenchError, match=r"0003.png is missing, of .*1cls.csv"):
        catalog.load("visa/candle", resize=(20, 20))
    (visa / "split_csv" / "1cls.csv").write_text("object,split\ncandle,train\n")
    with pytest.raises(BenchError, match="must have the columns object, split, label"):
        catalog.load("visa/candle")
