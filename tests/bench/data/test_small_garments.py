"""The embedded garments: balanced, whole, apart, and the same as in the official files."""

import numpy as np
import pytest

from bench.data import catalog, download, small_garments
from bench.errors import BenchError


@pytest.fixture(scope="module")
def garments():
    return catalog.load("fashion_mnist_small")


def test_sizes_and_balance(garments):
    assert garments.image_shape == (28, 28, 1)
    for part, num in ((garments.train, 400), (garments.validation, 50), (garments.test, 100)):
        assert np.bincount(part.labels).tolist() == [num] * 10
        assert part.images.dtype == "float32"
        assert (part.images.min(), part.images.max()) == (0, 1)


def test_no_image_is_in_two_splits(garments):
    parts = (garments.train, garments.validation, garments.test)
    images = [{image.tobytes() for image in part.images} for part in parts]
    assert not (images[0] & images[1] or images[0] & images[2] or images[1] & images[2])


def test_every_seed_has_the_same_split(garments):
    assert catalog.load("fashion_mnist_small", seed=3).checksum == garments.checksum


def test_it_is_small_and_its_licence_is_beside_it():
    assert small_garments.PATH.stat().st_size < 3_000_000
    notice = (small_garments.PATH.parent / "LICENSE-fashion-mnist").read_text()
    assert "MIT License" in notice
    assert "Zalando SE" in notice


def test_rows_of_the_official_files(monkeypatch):
    """Two classes, few images: the first of each class train, the next validate."""
    monkeypatch.setattr(small_garments, "GARMENTS", ("a", "b"))
    monkeypatch.setattr(small_garments, "NUM_PER_CLASS", {"train": 2, "validation": 1, "test": 1})
    train, test = np.array([0, 0, 1, 0, 1, 1, 0, 1]), np.array([1, 1, 0, 0])
    rows = {name: part.tolist() for name, part in small_garments.choose(train, test).items()}
    assert rows == {"train": [0, 1, 2, 4], "validation": [3, 5], "test": [0, 2]}


@pytest.mark.skipif(
    download.find("fashion_mnist") is None, reason="the official files are not on this machine"
)
def test_the_file_is_a_part_of_the_official_ones():
    assert small_garments.checksum(small_garments.arrays_from_official()) == small_garments.SHA256


@pytest.mark.parametrize("content", [b"", b"not a zip", None])
def test_a_damaged_file_is_refused(content, tmp_path, monkeypatch):
    path = tmp_path / "garments.npz"
    if content is None:  # another file of the same form
        with np.load(small_garments.PATH) as file:
            np.savez(path, **{name: part[::-1] for name, part in dict(file).items()})
    else:
        path.write_bytes(content)
    monkeypatch.setattr(small_garments, "PATH", path)
    with pytest.raises(BenchError, match="Install the package again"):
        small_garments.fashion_mnist_small(0)
