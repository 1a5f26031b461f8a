"""ECG5000: the official files, the tutorial's file, and what can be wrong with them."""

import numpy as np
import pytest

from bench.data import catalog, download, time_series
from bench.errors import BenchError


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """The folder `ecg5000` of a machine without any other data."""
    monkeypatch.setattr(download, "roots", lambda: [tmp_path])
    (tmp_path / "ecg5000").mkdir()
    return tmp_path / "ecg5000"


def beats(num, seed=0, low=-5.0, high=3.0):
    return np.random.default_rng(seed).uniform(low, high, (num, 140))


def write_official(folder, train, test):
    """Labels 1 to 5 in turn, in front; columns parted by two spaces and a sign."""
    for name, values in (("TRAIN", train), ("TEST", test)):
        labels = 1 + np.arange(len(values)) % 5
        table = np.column_stack([labels, values])
        np.savetxt(folder / f"ECG5000_{name}.txt", table, fmt="% .7e", delimiter=" ")


def write_tutorial(folder, num=50):
    labels = np.arange(num) % 2
    values = np.arange(num)[:, None] + np.linspace(0, 0.5, 140)
    np.savetxt(folder / "ecg.csv", np.column_stack([values, labels]), delimiter=",")
    return values, labels


def test_official_files(folder):
    train, test = beats(100), beats(60, 1)
    write_official(folder, train, test)
    found = catalog.load("ecg5000")
    assert found.image_shape == (140, 1)
    assert (found.num_train, found.num_validation, found.num_test) == (90, 10, 60)
    assert found.class_names == time_series.OFFICIAL_CLASSES
    assert found.class_names[0] == "normal"
    np.testing.assert_array_equal(found.test.labels, np.arange(60) % 5)
    assert np.bincount(found.validation.labels).tolist() == [2] * 5
    assert found.train.images.dtype == np.float32


def test_range_is_that_of_train_and_the_rest_is_clipped(folder):
    train, test = beats(100), beats(60, 1)
    test[0, :2] = -50, 50
    write_official(folder, train, test)
    found = catalog.load("ecg5000")
    assert (found.train.images.min(), found.train.images.max()) == (0, 1)
    assert found.test.images[0, :2, 0].tolist() == [0, 1]
    # Undone by hand from two values of the test split that were not clipped.
    scaled = found.test.images[1, :, 0].astype("float64")
    slope, offset = np.polyfit(scaled, test[1], 1)
    rows = [
        np.abs(train - (offset + slope * row[:, 0])).max(axis=1).argmin()
        for row in found.train.images
    ]
    assert len(set(rows)) == 90
    assert offset == pytest.approx(train[rows].min(), abs=1e-4)
    assert offset + slope == pytest.approx(train[rows].max(), abs=1e-4)


def test_tutorial_file_has_the_split_of_the_tutorial(folder):
    from sklearn.model_selection import train_test_split

    values, labels = write_tutorial(folder)
    found = catalog.load("ecg5000")
    assert (found.num_train, found.num_validation, found.num_test) == (36, 4, 10)
    assert found.class_names == ("abnormal", "normal")
    _, test_values, _, test_labels = train_test_split(
        values, labels, test_size=0.2, random_state=21
    )
    np.testing.assert_array_equal(found.test.labels, test_labels)
    order = np.argsort(test_values[:, 0])
    np.testing.assert_array_equal(np.argsort(found.test.images[:, 0, 0]), order)
    assert found.source.endswith("ecg.csv")


def test_official_files_come_first(folder):
    write_tutorial(folder)
    write_official(folder, beats(100), beats(60))
    assert len(catalog.load("ecg5000").class_names) == 5


def test_seed_draws_the_validation_split(folder):
    write_official(folder, beats(100), beats(60, 1))
    first, again, other = (catalog.load("ecg5000", seed=seed) for seed in (0, 0, 1))
    assert first.checksum == again.checksum != other.checksum


def test_without_files_the_error_names_them(folder):
    with pytest.raises(BenchError, match=r"ECG5000_TRAIN\.txt and ECG5000_TEST\.txt") as caught:
        catalog.load("ecg5000")
    for part in ("ecg.csv", "ecg5000/", "ZOO_DATA_DIR"):
        assert part in str(caught.value)
    rows = {row["name"]: row for row in catalog.describe()}
    assert not rows["ecg5000"]["is_local"]


def test_one_official_file_is_not_enough(folder):
    write_official(folder, beats(100), beats(60))
    (folder / "ECG5000_TEST.txt").unlink()
    with pytest.raises(BenchError, match="ecg5000 is not on this machine"):
        catalog.load("ecg5000")


@pytest.mark.filterwarnings("ignore:loadtxt")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("heart beats\n" * 20, "cannot be read as a table of numbers"),
        ("", r"must hold at least 10 rows"),
        (("1 " * 140 + "\n") * 20, r"Received: 20 rows of 140 numbers"),
        (("1 " * 141 + "\n") * 5, r"Received: 5 rows of 141 numbers"),
        (("1 " * 141 + "\n") * 15 + "1 nan" + " 1" * 139, "NaN or infinity in row 16"),
        (("7 " * 141 + "\n") * 15, r"labels must be whole numbers from 1 to 5\. Received: 7"),
        (("1.5 " * 141 + "\n") * 15, r"from 1 to 5\. Received: 1\.5"),
        (("1 " * 141 + "\n") * 15, "all values are 1"),
    ],
)
def test_damaged_files(folder, content, message):
    write_official(folder, beats(100), beats(60))
    (folder / "ECG5000_TRAIN.txt").write_text(content)
    with pytest.raises(BenchError, match=message) as caught:
        catalog.load("ecg5000")
    assert "ECG5000_TRAIN.txt" in str(caught.value)
    assert "\n" not in str(caught.value)
