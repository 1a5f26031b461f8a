"""Cross-validation: each image is tested once, and what belongs together is never parted."""

import dataclasses

import numpy as np
import pytest

from bench.data import dataset as datasets
from bench.data import folds
from bench.data.dataset import Dataset, Split
from bench.errors import BenchError

PARTS = ("train", "validation", "test")


def data(num=60, blocks=None, labels=None):
    """Images that hold their own number."""
    images = np.arange(num, dtype="float32").reshape(-1, 1, 1, 1) / 1000
    whole = Split(np.broadcast_to(images, (num, 2, 2, 1)), labels, blocks=blocks)
    thirds = [whole.take(rows) for rows in np.array_split(np.arange(num), 3)]
    return Dataset("made", "reconstruction", *thirds)


def numbers(split):
    return np.rint(1000 * split.images[:, 0, 0, 0]).astype(int)


@pytest.mark.parametrize("num_folds", [2, 5, 7])
def test_each_image_is_tested_once_and_in_one_split(num_folds):
    dataset, tested = data(), []
    for fold in folds.names(num_folds):
        part = folds.of_fold(dataset, fold)
        rows = [numbers(getattr(part, name)) for name in PARTS]
        assert sorted(np.concatenate(rows)) == list(range(60))
        assert len(rows[1]) >= 1
        tested.append(rows[2])
    assert sorted(np.concatenate(tested)) == list(range(60))
    sizes = [len(each) for each in tested]
    assert max(sizes) - min(sizes) <= 1


def test_folds_are_the_same_each_time():
    again = [numbers(folds.of_fold(data(), "2/5").test) for _ in range(2)]
    np.testing.assert_array_equal(*again)


def test_classes_keep_their_shares():
    labels = np.repeat([0, 1], [40, 20])
    for fold in folds.names(5):
        part = folds.of_fold(data(labels=labels), fold)
        assert np.bincount(part.test.labels).tolist() == [8, 4]


def test_blocks_are_never_parted():
    blocks = np.repeat(np.arange(11), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 5])
    dataset, sizes = data(blocks=blocks), []
    for fold in folds.names(4):
        part = folds.of_fold(dataset, fold)
        of_split = [set(getattr(part, name).blocks.tolist()) for name in PARTS]
        assert not (of_split[0] & of_split[1] or of_split[0] & of_split[2])
        assert not of_split[1] & of_split[2]
        sizes.append(len(part.test))
    assert sum(sizes) == 60 and max(sizes) <= 17  # 15 each, but for whole blocks


def test_the_ordinary_split_keeps_blocks_too():
    blocks = np.repeat(np.arange(20), 3)
    whole = Split(np.zeros((60, 2, 2, 1), "float32"), blocks=blocks)
    parts = datasets.random_split(whole, 0, (6, 7))
    assert [len(part) for part in parts] == [45, 6, 9]
    of_split = [set(part.blocks.tolist()) for part in parts]
    assert len(set.union(*of_split)) == sum(map(len, of_split)) == 20


def test_blocks_come_from_names():
    files = ["a/scan1_tile2.png", "a/scan1_tile7.png", "a/scan10_tile2.png"]
    assert folds.blocks_of(files, r"scan\d+").tolist() == [0, 0, 1]
    assert folds.blocks_of(files, r"(.*)_tile\d").tolist() == [0, 0, 1]
    assert folds.blocks_of(files, r"(a).*_(tile\d)").tolist() == [0, 1, 0]
    with pytest.raises(BenchError, match=r"which a/scan1_tile2.png does not hold"):
        folds.blocks_of(files, "slide")
    with pytest.raises(BenchError, match="must be a regular expression"):
        folds.blocks_of(files, "(")


@pytest.mark.parametrize(
    ("dataset", "num_folds", "said"),
    [
        (data(12), 20, "--folds 20 for 12 images"),
        (data(60, blocks=np.arange(60) % 3), 4, "4 for 3 groups of --group-pattern"),
        (data(12), 3, "leave at least 10 images to train on. .*which leaves 7"),
        (dataclasses.replace(data(), task="anomaly"), 5, "not for anomalies"),
    ],
)
def test_what_cannot_be_parted_is_refused(dataset, num_folds, said):
    with pytest.raises(BenchError, match=said):
        folds.check(dataset, num_folds)


def test_as_many_folds_as_blocks_can_be():
    folds.check(data(60, blocks=np.arange(60) % 3), 3)
