"""Data sets: official layouts, your own files, and every way in which they can be wrong."""

import gzip
import io
import os
import pickle
import subprocess
import sys
import tarfile
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from bench.data import catalog, download
from bench.errors import BenchError
from bench.records import store


@pytest.fixture
def generator():
    return np.random.default_rng(0)


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """A machine without any data set: only `tmp_path / "data"` is searched."""
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(download, "roots", lambda: [tmp_path / "data"])
    return tmp_path / "data"


def idx(array):
    sizes = np.array(array.shape, ">u4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def write_idx(folder, generator, *, zipped=True, num=(60, 20)):
    folder.mkdir(parents=True)
    written = []
    for prefix, count in zip(("train", "t10k"), num, strict=True):
        images = generator.integers(0, 256, (count, 28, 28), dtype="uint8")
        labels = (np.arange(count) % 10).astype("uint8")
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            file = folder / f"{prefix}-{name}-ubyte"
            if zipped:
                file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(idx(array)))
            else:
                file.write_bytes(idx(array))
        written.append((images, labels))
    return written


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


# --- digits ---------------------------------------------------------------------------------


def test_digits_are_split_once():
    first, second = catalog.load("digits"), catalog.load("digits")
    assert (first.num_train, first.num_validation, first.num_test) == (1297, 200, 300)
    assert first.image_shape == (8, 8, 1)
    assert first.train.images.dtype == np.float32
    assert first.checksum == second.checksum != catalog.load("digits", seed=1).checksum
    pixels = np.concatenate([s.images for s in (first.train, first.validation, first.test)])
    assert (pixels.min(), pixels.max()) == (0, 1)
    for split in (first.train, first.validation, first.test):
        shares = np.bincount(split.labels) / len(split)
        np.testing.assert_allclose(shares, 0.1, atol=0.02)


def test_no_image_is_in_two_splits():
    from sklearn.datasets import load_digits

    found = catalog.load("digits")
    parts = (found.train, found.validation, found.test)
    together = np.concatenate([s.images.reshape(len(s), 64) for s in parts]) * 16
    order = np.lexsort(together.T)
    expected = load_digits().data
    np.testing.assert_array_equal(together[order], expected[np.lexsort(expected.T)])


def test_limit_and_noise():
    clean = catalog.load("digits", limit=300)
    assert (clean.num_train, clean.num_validation, clean.num_test) == (300, 100, 100)
    noisy = catalog.load("digits", limit=300, noise="gaussian:0.2")
    assert noisy.task == "denoising"
    np.testing.assert_array_equal(noisy.test.target, clean.test.images)
    assert noisy.checksum == catalog.load("digits", limit=300, noise="gaussian:0.2").checksum
    whole = catalog.load("digits", noise="gaussian:0.1").train
    inner = (whole.target > 0.4) & (whole.target < 0.6)  # four deviations from clipping
    noise = (whole.images - whole.target)[inner]
    assert inner.sum() > 5_000
    assert noise.std() == pytest.approx(0.1, rel=0.03)
    assert noise.mean() == pytest.approx(0.0, abs=0.005)
    assert 0 <= noisy.train.images.min() <= noisy.train.images.max() <= 1


@pytest.mark.parametrize(
    ("kind", "low", "high"), [("masking", 0.3, 0), ("salt_and_pepper", 0.15, 0.15)]
)
def test_noise_of_pixels_hits_its_share(kind, low, high):
    found = catalog.load("digits", noise=f"{kind}:0.3").train
    inner = (found.target > 0.2) & (found.target < 0.8)
    assert (found.images[inner] == 0).mean() == pytest.approx(low, abs=0.01)
    assert (found.images[inner] == 1).mean() == pytest.approx(high, abs=0.01)


@pytest.mark.parametrize(
    "noise", ["gaussian", "gaussian:0", "gaussian:two", "fog:0.1", "masking:2"]
)
def test_wrong_noise(noise):
    with pytest.raises(BenchError, match=r"--noise must be KIND:LEVEL.*gaussian:0\.2"):
        catalog.load("digits", noise=noise)


def test_too_small_a_limit():
    with pytest.raises(BenchError, match="--limit must be at least 10"):
        catalog.load("digits", limit=3)


def test_names_and_descriptions():
    assert catalog.names()[0] == "digits"
    rows = {row["name"]: row for row in catalog.describe()}
    assert set(rows) == set(catalog.names())
    assert rows["digits"]["is_local"]


def test_unknown_name_suggests():
    with pytest.raises(
        BenchError, match=r"unknown dataset 'fashon_mnist'. Did you mean 'fashion_m"
    ):
        catalog.load("fashon_mnist")


# --- official files -------------------------------------------------------------------------


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_idx_files_in_the_official_layout(alone, generator, name, zipped):
    (images, labels), (test_images, _) = write_idx(alone / name, generator, zipped=zipped)
    found = catalog.load(name)
    assert (found.num_train, found.num_validation, found.num_test) == (54, 6, 20)
    both = np.concatenate([found.train.images, found.validation.images])
    np.testing.assert_allclose(both[..., 0] * 255, images, atol=1e-4)
    np.testing.assert_array_equal(found.train.labels, labels[:54])
    np.testing.assert_allclose(found.test.images[..., 0] * 255, test_images, atol=1e-4)
    assert len(found.class_names) == 10
    assert found.source == str(alone / name)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda data: gzip.compress(gzip.decompress(data)[:-5]),
            "must hold .* The file is cut off",
        ),
        (lambda data: gzip.compress(b"\x89PNG" + b"0" * 100), "is not an IDX file"),
        (lambda data: b"not gzip", "cannot be read"),
        (lambda data: data[:50], "cannot be read"),
        (lambda data: gzip.compress(b""), "is not an IDX file"),
    ],
)
def test_damaged_idx_files(alone, generator, damage, message):
    write_idx(alone / "mnist", generator)
    file = alone / "mnist" / "train-images-idx3-ubyte.gz"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(BenchError, match=rf"train-images.*{message}"):
        catalog.load("mnist")


def test_labels_must_match_images(alone, generator):
    write_idx(alone / "mnist", generator)
    file = alone / "mnist" / "train-labels-idx1-ubyte.gz"
    file.write_bytes(gzip.compress(idx(np.zeros(7, "uint8"))))
    with pytest.raises(BenchError, match="60 images but 7 labels"):
        catalog.load("mnist")


def cifar_batches(generator):
    for name in download._CIFAR_BATCHES:
        pixels = generator.integers(0, 256, (20, 3072), dtype="uint8")
        yield name, pixels, pickle.dumps({b"data": pixels, b"labels": [3] * 20})


@pytest.mark.parametrize("packed", [True, False])
def test_cifar_in_the_official_layout(alone, generator, packed):
    alone.mkdir()
    pixels = {}
    packed_file = alone / "cifar-10-python.tar.gz"
    archive = tarfile.open(packed_file, "w:gz") if packed else None  # noqa: SIM115
    for name, values, data in cifar_batches(generator):
        pixels[name] = values
        if archive is None:
            (alone / "cifar-10-batches-py").mkdir(exist_ok=True)
            (alone / "cifar-10-batches-py" / name).write_bytes(data)
        else:
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    if archive is not None:
        archive.close()
    found = catalog.load("cifar10")
    assert found.image_shape == (32, 32, 3)
    assert (found.num_train, found.num_validation, found.num_test) == (90, 10, 20)
    # The file holds 1,024 red values, then green, then blue, each row by row.
    first = pixels["data_batch_1"][0]
    corner = first[[1, 1024 + 1, 2048 + 1]] / np.float32(255)
    np.testing.assert_allclose(found.train.images[0, 0, 1], corner, atol=1e-6)
    assert set(found.test.labels) == {3}


def test_a_pickle_that_would_run_code_is_refused(alone, generator, tmp_path):
    class Harm:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'harmed'}",)

    folder = alone / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for name, _, data in cifar_batches(generator):
        (folder / name).write_bytes(data)
    (folder / "data_batch_1").write_bytes(pickle.dumps(Harm()))
    with pytest.raises(BenchError, match=r"data_batch_1 cannot be read .*not plain data"):
        catalog.load("cifar10")
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize(
    ("name", "file"),
    [("mnist", "train-images"), ("fashion_mnist", "apt install"), ("cifar10", "cifar-10-python")],
)
def test_offline_says_which_file_goes_where(alone, monkeypatch, name, file):
    def no_network():
        raise OSError("URL fetch failure: no network")

    monkeypatch.setattr(getattr(keras.datasets, name), "load_data", no_network)
    with pytest.raises(BenchError, match=rf"{name} is not on this machine.*ZOO_DATA_DIR") as caught:
        catalog.load(name)
    assert file in str(caught.value)
    assert "\n" not in str(caught.value)


def test_checksums_are_those_of_the_committed_records():
    root = Path(catalog.__file__).parents[1] / "results"
    for file, name in (("digits_50_labels", "digits"), ("reproduce_quick", "fashion_mnist")):
        if name != "digits" and download.find(name) is None:
            continue
        records = store.read(root / f"{file}.jsonl")[0]
        recorded = {record.data.checksum for record in records if not record.config.noise}
        assert recorded == {catalog.load(name).checksum}


@pytest.mark.skipif(
    not Path("/usr/share/datasets/fashion-mnist").is_dir(),
    reason="Debian's package dataset-fashion-mnist is not installed",
)
def test_the_real_fashion_mnist():
    """Published counts: 6,000 of each class in train, 1,000 in test; 784 pixels."""
    found = catalog.load("fashion_mnist")
    assert (found.num_train, found.num_validation, found.num_test) == (55_000, 5_000, 10_000)
    labels = np.concatenate([found.train.labels, found.validation.labels])
    assert set(np.bincount(labels)) == {6_000}
    assert set(np.bincount(found.test.labels)) == {1_000}
    assert found.class_names[found.test.labels[0]] == "Ankle boot"


# --- your own files -------------------------------------------------------------------------


def test_folder_of_grey_images(tmp_path, generator):
    for index in range(20):
        save(tmp_path / f"{index:02}.png", generator.integers(0, 256, (6, 5), dtype="uint8"))
    found = catalog.load(tmp_path)
    assert found.image_shape == (6, 5, 1)
    assert (found.num_train, found.num_validation, found.num_test) == (16, 2, 2)
    assert found.train.labels is None


def test_folders_are_classes_and_one_colour_image_makes_all_colour(tmp_path, generator):
    for index in range(10):
        save(tmp_path / "cat" / f"{index}.png", generator.integers(0, 256, (4, 4), dtype="uint8"))
        save(
            tmp_path / "dog" / f"{index}.bmp", generator.integers(0, 256, (4, 4, 3), dtype="uint8")
        )
    found = catalog.load(tmp_path)
    assert found.image_shape == (4, 4, 3)
    assert found.class_names == ("cat", "dog")
    parts = (found.train, found.validation, found.test)
    labels = np.concatenate([part.labels for part in parts])
    images = np.concatenate([part.images for part in parts])
    grey = images[labels == 0]
    assert np.bincount(labels).tolist() == [10, 10]
    np.testing.assert_array_equal(grey[..., 0], grey[..., 2])


def test_train_and_test_folders_are_the_splits(tmp_path, generator):
    for part, num in (("train", 20), ("val", 4), ("test", 5)):
        for index in range(num):
            save(tmp_path / part / f"{index}.png", np.full((4, 4), num, "uint8"))
    found = catalog.load(tmp_path)
    assert (found.num_train, found.num_validation, found.num_test) == (20, 4, 5)
    np.testing.assert_allclose(found.test.images, 5 / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.full((4, 4), 32_768, "uint16"), [32_768 / 65_535]),
        (np.full((4, 4, 4), (10, 20, 30, 255), "uint8"), [10 / 255, 20 / 255, 30 / 255]),
        (np.full((4, 4), True), [1.0]),
    ],
)
def test_pixel_formats(tmp_path, array, expected):
    for index in range(12):
        save(tmp_path / f"{index}.png", array)
    images = catalog.load(tmp_path).train.images
    np.testing.assert_allclose(images[0, 0, 0], expected, atol=1e-5)


def test_empty_folder(tmp_path):
    with pytest.raises(BenchError, match=r"holds no images\. Put files there that end in \.png"):
        catalog.load(tmp_path)


def test_unreadable_image_is_named(tmp_path):
    for index in range(12):
        save(tmp_path / f"{index}.png", np.zeros((4, 4), "uint8"))
    (tmp_path / "5.png").write_bytes(b"this is no picture")
    with pytest.raises(BenchError, match=r"5\.png: cannot be read as an image"):
        catalog.load(tmp_path)
    whole = (tmp_path / "6.png").read_bytes()
    (tmp_path / "5.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BenchError, match=r"5\.png: cannot be read as an image"):
        catalog.load(tmp_path)


def test_mixed_sizes_name_both_and_can_be_resized(tmp_path):
    for index in range(12):
        save(tmp_path / f"{index:02}.png", np.full((4 + 4 * (index == 7), 4), 100, "uint8"))
    with pytest.raises(BenchError, match=r"00\.png is 4x4 but .*07\.png is 8x4.*--resize 4x4"):
        catalog.load(tmp_path)
    found = catalog.load(tmp_path, resize=(2, 6))
    assert found.image_shape == (2, 6, 1)
    np.testing.assert_allclose(found.train.images, 100 / 255, atol=1e-6)


def test_too_few_images(tmp_path):
    for index in range(4):
        save(tmp_path / f"{index}.png", np.zeros((4, 4), "uint8"))
    with pytest.raises(BenchError, match=r"at least 10 images are needed\. Received: 4"):
        catalog.load(tmp_path)


@pytest.mark.parametrize(
    ("arrays", "shape", "sizes"),
    [
        ({"images": np.ones((30, 6, 4, 3))}, (6, 4, 3), (24, 3, 3)),
        ({"x": np.full((30, 6, 4), 255, "uint8"), "y": np.arange(30)}, (6, 4, 1), (24, 3, 3)),
        ({"x_train": np.ones((30, 9)), "x_test": np.ones((7, 9))}, (9,), (27, 3, 7)),
        (
            {
                "series": np.ones((30, 8, 1)),
                "series_validation": np.ones((4, 8, 1)),
                "series_test": np.ones((7, 8, 1)),
            },
            (8, 1),
            (30, 4, 7),
        ),
    ],
)
def test_npz(tmp_path, arrays, shape, sizes):
    np.savez(tmp_path / "data.npz", **arrays)
    found = catalog.load(tmp_path / "data.npz")
    assert found.image_shape == shape
    assert (found.num_train, found.num_validation, found.num_test) == sizes
    np.testing.assert_allclose(found.train.images, 1.0)
    assert found.name == "data"


def holed():
    images = np.zeros((30, 4, 4, 1))
    images[7, 1, 1] = np.nan
    return images


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": np.ones((30, 4, 4, 1))}, "must hold x_train .*Received: pictures"),
        ({"images": np.ones((30, 4, 4, 1)) * 200.0}, r"\[0, 1\].*maximum 200. Divide by 255"),
        ({"images": np.ones((30, 4, 4, 1)) * -1}, r"\[0, 1\].*minimum -1"),
        ({"images": np.ones(30)}, "must be numbers of shape"),
        ({"images": np.ones((30, 4, 4, 1)), "labels": np.ones(4)}, "one whole number per image"),
        ({"images": np.array([{}] * 30)}, "images must be a plain array of numbers"),
        (
            {"x_train": holed(), "x_test": np.ones((5, 4, 4, 1)), "x_val": np.ones((5, 4, 4, 1))},
            "index 7",
        ),
        ({"images": np.ones((5, 4, 4, 1))}, "at least 10 images"),
    ],
)
def test_wrong_npz(tmp_path, arrays, message):
    np.savez(tmp_path / "data.npz", **arrays)
    with pytest.raises(BenchError, match=message):
        catalog.load(tmp_path / "data.npz")


def test_corrupt_npz_and_missing_file(tmp_path):
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(BenchError, match=r"cannot be read as \.npz"):
        catalog.load(tmp_path / "bad.npz")
    with pytest.raises(BenchError, match=r"a \.npz file that exists"):
        catalog.load(tmp_path / "none.npz")


# --- what the loader does with any data -----------------------------------------------------


def numbered(num, *shape):
    """Images whose every pixel tells the row of the file they came from."""
    return np.broadcast_to(np.arange(num).reshape(-1, *[1] * len(shape)) / 100, (num, *shape))


def rows(split):
    return set(np.rint(split.images.reshape(len(split), -1)[:, 0] * 100).astype(int).tolist())


def test_index_of_a_bad_image_is_that_in_the_file(tmp_path):
    images = np.zeros((40, 4, 4, 1))
    images[17, 1, 1] = np.inf
    np.savez(tmp_path / "data.npz", images=images)
    with pytest.raises(BenchError, match=r"data\.npz: NaN or infinity in 1 images.*at index 17\."):
        catalog.load(tmp_path / "data.npz")


def test_given_validation_is_kept_when_the_test_split_is_drawn(tmp_path):
    images = numbered(50, 4, 4, 1)
    np.savez(tmp_path / "data.npz", x_train=images[:40], x_val=images[40:])
    found = catalog.load(tmp_path / "data.npz")
    assert (found.num_train, found.num_validation, found.num_test) == (36, 10, 4)
    assert rows(found.validation) == set(range(40, 50))
    assert rows(found.train) | rows(found.test) == set(range(40))


def test_splits_must_have_one_shape(tmp_path):
    np.savez(tmp_path / "data.npz", x_train=np.ones((20, 4, 4)), x_test=np.ones((20, 4, 5)))
    with pytest.raises(
        BenchError, match=r"one shape\. Received: train \(4, 4, 1\), test \(4, 5, 1"
    ):
        catalog.load(tmp_path / "data.npz")


@pytest.mark.parametrize("shape", [(0, 4, 4, 1), (20, 0, 4, 1)])
def test_images_without_pixels(tmp_path, shape):
    np.savez(tmp_path / "data.npz", images=np.ones(shape))
    with pytest.raises(BenchError, match=r"holds no images\. Received: shape"):
        catalog.load(tmp_path / "data.npz")


def test_masking_of_flat_vectors_hits_single_features(tmp_path):
    np.savez(tmp_path / "data.npz", images=np.ones((100, 400)))
    found = catalog.load(tmp_path / "data.npz", noise="masking:0.3").train
    masked = (found.images == 0).mean(axis=1)
    np.testing.assert_allclose(masked, 0.3, atol=0.12)  # five deviations of one vector's share
    assert masked.mean() == pytest.approx(0.3, abs=0.02)


def test_masking_of_colour_hits_all_channels_of_a_pixel(tmp_path):
    np.savez(tmp_path / "data.npz", images=np.ones((40, 8, 8, 3)))
    images = catalog.load(tmp_path / "data.npz", noise="masking:0.5").train.images
    np.testing.assert_array_equal(images.min(axis=-1), images.max(axis=-1))
    assert set(np.unique(images)) == {0, 1}


def test_resize_is_refused_where_it_would_be_ignored(tmp_path):
    np.savez(tmp_path / "data.npz", images=np.ones((20, 4, 4)))
    for source in ("digits", tmp_path / "data.npz"):
        with pytest.raises(BenchError, match="--resize is for folders of images"):
            catalog.load(source, resize=(2, 2))
    with pytest.raises(BenchError, match=r"--resize must be at least 1x1\. Received: 0x4"):
        catalog.load(tmp_path, resize=(0, 4))
    with pytest.raises(BenchError, match="unknown dataset"):  # the folder is what is wrong
        catalog.load(tmp_path / "none", resize=(2, 2))


def test_empty_name_does_not_read_the_current_folder(tmp_path, monkeypatch):
    for index in range(12):
        save(tmp_path / f"{index}.png", np.zeros((4, 4), "uint8"))
    monkeypatch.chdir(tmp_path)
    assert catalog.load(".").num_train == 10
    with pytest.raises(BenchError, match="--dataset must be one of digits"):
        catalog.load("")


def test_described_shape_is_the_loaded_one(alone, generator):
    write_idx(alone / "mnist", generator)
    described = {row["name"]: row["image_shape"] for row in catalog.describe()}
    for name in ("digits", "mnist"):
        assert catalog.load(name).image_shape == described[name]


def test_describing_finds_files_without_reading_them(alone, generator):
    write_idx(alone / "mnist", generator)
    for file in (alone / "mnist").iterdir():
        file.write_bytes(b"damaged")
    is_local = {row["name"]: row["is_local"] for row in catalog.describe()}
    embedded = {"digits", "fashion_mnist_small", "composed_digits", "lfw_subset", "biased_faces"}
    embedded |= {"defects_digits", "defects_faces", "defects_garments", "defects_textures"}
    embedded |= {"composed_garments"}
    assert {name for name, found in is_local.items() if found} == {*embedded, "mnist"}


def test_seed_changes_the_split_and_the_noise_only(tmp_path):
    np.savez(tmp_path / "data.npz", images=numbered(80, 4, 4, 1))
    first, again, second = (
        catalog.load(tmp_path / "data.npz", seed=seed, noise="gaussian:0.1") for seed in (0, 0, 1)
    )
    assert first.checksum == again.checksum != second.checksum
    for found in (first, second):
        parts = [part.target for part in (found.train, found.validation, found.test)]
        together = np.rint(np.concatenate(parts)[:, 0, 0, 0] * 100)
        assert sorted(together) == list(range(80))


def test_checksum_is_the_same_in_another_process(tmp_path):
    np.savez(tmp_path / "data.npz", images=numbered(40, 4, 4, 1), labels=np.arange(40) % 4)
    code = (
        "import sys; from bench.data import catalog;"
        "print(catalog.load(sys.argv[1], noise='masking:0.3').checksum, 'keras' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "data.npz")]
    root = Path(catalog.__file__).parents[2]
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=True
    )
    expected = catalog.load(tmp_path / "data.npz", noise="masking:0.3").checksum
    assert done.stdout.split() == [expected, "False"]


def test_checksum_covers_pixels_labels_and_places(tmp_path):
    images = numbered(40, 4, 4, 1)

    def checksum(**changed):
        arrays = {"x_train": images, "y_train": np.arange(40), "x_val": images, "x_test": images}
        np.savez(tmp_path / "data.npz", **{**arrays, **changed})
        return catalog.load(tmp_path / "data.npz").checksum

    nudged = images.copy()
    nudged[3, 2, 1, 0] += 0.01
    found = {
        checksum(),
        checksum(x_test=nudged),
        checksum(x_val=nudged),
        checksum(y_train=np.arange(40)[::-1]),
        checksum(
            x_train=images.reshape(40, 2, 8, 1),
            x_val=nudged.reshape(40, 2, 8, 1),
            x_test=images.reshape(40, 2, 8, 1),
        ),
    }
    assert len(found) == 5


# --- damaged files, further -----------------------------------------------------------------


def test_labels_in_the_place_of_images(alone, generator):
    write_idx(alone / "mnist", generator)
    for prefix in ("train", "t10k"):
        labels = (alone / "mnist" / f"{prefix}-labels-idx1-ubyte.gz").read_bytes()
        (alone / "mnist" / f"{prefix}-images-idx3-ubyte.gz").write_bytes(labels)
    with pytest.raises(BenchError, match=r"images must have shape \(n, height, width\)"):
        catalog.load("mnist")


def test_mnist_npz_of_keras(alone, generator):
    alone.mkdir()
    arrays = {"x_train": np.zeros((60, 28, 28), "uint8"), "y_train": np.arange(60) % 10}
    np.savez(alone / "mnist.npz", **arrays)
    with pytest.raises(BenchError, match="must hold x_train, y_train, x_test, y_test"):
        catalog.load("mnist")
    arrays |= {"x_test": np.full((20, 28, 28), 51, "uint8"), "y_test": np.arange(20) % 10}
    np.savez(alone / "mnist.npz", **arrays)
    found = catalog.load("mnist")
    assert (found.num_train, found.num_validation, found.num_test) == (54, 6, 20)
    np.testing.assert_allclose(found.test.images, 0.2, atol=1e-6)


@pytest.mark.parametrize("content", [[1, 2], {b"data": None, b"labels": [1]}, {}, b"text"])
def test_cifar_batch_of_other_content(alone, generator, content):
    folder = alone / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for name, _, data in cifar_batches(generator):
        (folder / name).write_bytes(data)
    (folder / "data_batch_3").write_bytes(pickle.dumps(content))
    with pytest.raises(BenchError, match=r"data_batch_3 cannot be read.*again"):
        catalog.load("cifar10")


def test_any_damaged_byte_of_a_cifar_batch_is_a_clear_error_or_harmless(alone, generator):
    folder = alone / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for name, _, data in cifar_batches(generator):
        (folder / name).write_bytes(data)
    whole = bytearray(data)
    num_errors = 0
    for place in range(0, 160, 2):  # the head, where the constructors are called
        damaged = whole.copy()
        damaged[place] ^= 0x15
        (folder / "test_batch").write_bytes(damaged)
        try:
            catalog.load("cifar10")
        except BenchError:
            num_errors += 1
    assert num_errors > 20


def test_npy_by_the_name_of_npz(tmp_path):
    with (tmp_path / "data.npz").open("wb") as file:
        np.save(file, np.ones((20, 4, 4)))
    with pytest.raises(BenchError, match=r"cannot be read as \.npz.*no zip file.*numpy\.savez"):
        catalog.load(tmp_path / "data.npz")


@pytest.mark.parametrize("label", [np.nan, 1.5])
def test_labels_are_whole_numbers(tmp_path, label):
    np.savez(tmp_path / "data.npz", images=np.ones((20, 4, 4)), labels=np.full(20, label))
    with pytest.raises(BenchError, match="labels must be whole numbers"):
        catalog.load(tmp_path / "data.npz")


def test_grey_gif_stays_grey_and_a_coloured_one_does_not(tmp_path, generator):
    for index in range(12):
        save(tmp_path / "grey" / f"{index}.gif", generator.integers(0, 256, (6, 5), dtype="uint8"))
        save(tmp_path / "red" / f"{index}.gif", np.full((6, 5, 3), (255, 0, 0), "uint8"))
    assert catalog.load(tmp_path / "grey").image_shape == (6, 5, 1)
    assert catalog.load(tmp_path / "red").train.images[0, 0, 0].tolist() == [1, 0, 0]


def test_float_tiff_is_refused_not_turned_black(tmp_path, generator):
    for index in range(12):
        save(tmp_path / f"{index}.tif", 300 * generator.random((6, 5), dtype="float32"))
    with pytest.raises(BenchError, match=r"\.tif: black and white.*floats of unknown range"):
        catalog.load(tmp_path)


def test_image_that_claims_to_be_huge(tmp_path):
    for index in range(12):
        save(tmp_path / f"{index}.bmp", np.zeros((4, 4), "uint8"))
    damaged = bytearray((tmp_path / "3.bmp").read_bytes())
    damaged[18:26] = (60_000).to_bytes(4, "little") * 2  # width and height
    (tmp_path / "3.bmp").write_bytes(damaged)
    with pytest.raises(BenchError, match=r"3\.bmp: cannot be read as an image.*bomb"):
        catalog.load(tmp_path)
