"""Readers of the official files of MNIST, Fashion-MNIST and CIFAR-10, with one-line errors."""

import gzip
import io
import math
import os
import pickle
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.errors import BenchError, user_errors
from zoo.data import npz

_IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_CIFAR_BATCHES = (*(f"data_batch_{index}" for index in range(1, 6)), "test_batch")
_FOLDERS = {
    "fashion_mnist": ("fashion_mnist", "fashion-mnist"),
    "mnist": ("mnist",),
    "cifar10": ("cifar10", "cifar-10-batches-py", "cifar-10-batches-py-target"),
}


def roots() -> list[Path]:
    """Returns the folders that are searched, in order."""
    keras_home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    own = [Path(os.environ["ZOO_DATA_DIR"])] if os.environ.get("ZOO_DATA_DIR") else []
    return [*own, keras_home / "datasets", Path("/usr/share/datasets")]


def folders(*names: str) -> Iterator[Path]:
    """Yields the places where the folder of a data set may be: by its names, then the roots."""
    for root in roots():
        yield from (*(root / name for name in names), root)


def find(name: str) -> Path | None:
    """Returns where a data set's files are on this machine, or None."""
    for root in roots():
        for folder in (*(root / each for each in _FOLDERS[name]), root):
            if name == "cifar10":
                nested = folder / "cifar-10-batches-py"
                for place in (folder, nested, folder / "cifar-10-python.tar.gz"):
                    is_batches = all((place / batch).is_file() for batch in _CIFAR_BATCHES)
                    if is_batches or (place.suffix == ".gz" and place.is_file()):
                        return place
            elif (folder != root or root == _own_root()) and all(
                _existing(folder, file) for file in _IDX_FILES
            ):
                return folder
        if name == "mnist" and (root / "mnist.npz").is_file():
            return root / "mnist.npz"
    return None


def official(name: str):
    """Reads a data set with an official split from this machine, or downloads it with Keras.

    Returns:
        `(train images, labels), (test images, labels)`, uint8 and int64, and the source.

    Raises:
        BenchError: without files and without network, telling which files go where.
    """
    place = find(name)
    if place is None:
        train, test = _download(name)
        source = "keras.datasets"
    elif name == "cifar10":
        train, test = _read_cifar(place)
        source = str(place)
    elif place.suffix == ".npz":
        train, test = _read_npz(place)
        source = str(place)
        if train[1] is None or test[1] is None:
            raise BenchError(f"{place}: must hold x_train, y_train, x_test, y_test. Get it again.")
    else:
        arrays = [read_idx(_existing(place, file)) for file in _IDX_FILES]
        train, test = arrays[:2], arrays[2:]
        source = str(place)
    parts = []
    for images, labels in (train, test):
        images = images if images.ndim == 4 else images[..., None]
        if images.ndim != 4:
            raise BenchError(
                f"{source}: images must have shape (n, height, width). Received: "
                f"{images.shape[:-1]}. A file of labels has the name of a file of images."
            )
        if len(images) != len(labels):
            raise BenchError(
                f"{source}: {len(images)} images but {len(labels)} labels. Get the files again."
            )
        parts.append((images, np.asarray(labels).reshape(-1).astype("int64")))
    return (*parts, source)


def _read_npz(place: Path):
    """Returns `(images, labels)` of train and test; None for what is not there."""
    with user_errors():
        splits = npz.read(place, with_masks=False).splits
    pairs = [splits.get(name, npz.Arrays(None)) for name in ("train", "test")]
    return tuple((pair.images, pair.labels) for pair in pairs)


def _own_root() -> Path | None:
    return Path(os.environ["ZOO_DATA_DIR"]) if os.environ.get("ZOO_DATA_DIR") else None


def _existing(folder: Path, file: str) -> Path | None:
    return next((p for p in (folder / f"{file}.gz", folder / file) if p.is_file()), None)


def _download(name: str):
    import keras

    try:
        return getattr(keras.datasets, name).load_data()
    except Exception as error:  # urllib, ssl and checksum errors alike: there is no network
        files = {
            "cifar10": "cifar-10-python.tar.gz",
        }.get(name, ", ".join(f"{file}.gz" for file in _IDX_FILES))
        debian = " (on Debian: apt install dataset-fashion-mnist)" if "fashion" in name else ""
        raise BenchError(
            f"{name} is not on this machine and cannot be downloaded ({type(error).__name__}). "
            f"Put {files} into a folder {name}/, and set ZOO_DATA_DIR to its parent{debian}."
        ) from error


def read_idx(path: Path) -> np.ndarray:
    """Reads an IDX file of unsigned bytes, gzipped or not.

    Raises:
        BenchError: if it is corrupt, cut off, or not IDX.
    """
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise BenchError(f"{path}: cannot be read ({error}). Get the file again.") from error
    rank = data[3] if len(data) >= 4 else 0
    if data[:3] != b"\x00\x00\x08" or not 1 <= rank <= 4 or len(data) < 4 + 4 * rank:
        raise BenchError(
            f"{path}: is not an IDX file of bytes (it begins with {data[:4].hex() or 'nothing'}). "
            "Get the file again."
        )
    shape = tuple(int(n) for n in np.frombuffer(data, ">u4", rank, 4))
    expected, received = math.prod(shape), len(data) - 4 - 4 * rank
    if expected != received:
        raise BenchError(
            f"{path}: must hold {expected:,} bytes for shape {shape}. "
            f"Received: {received:,}. The file is cut off; get it again."
        )
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


class _NumpyUnpickler(pickle.Unpickler):
    """Reads pickles of dicts, bytes and numpy arrays, and refuses anything else."""

    _ALLOWED = frozenset(
        {
            ("numpy", "dtype"),
            ("numpy", "ndarray"),
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("_codecs", "encode"),
        }
    )

    def find_class(self, module, name):
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not plain data")
        return super().find_class(module, name)


def _read_cifar(place: Path):
    def batch(name: str):
        if place.suffix != ".gz":
            return (place / name).read_bytes()
        with tarfile.open(place) as archive:
            return archive.extractfile(f"cifar-10-batches-py/{name}").read()

    images, labels = [], []
    for name in _CIFAR_BATCHES:
        try:
            contents = _NumpyUnpickler(io.BytesIO(batch(name)), encoding="bytes").load()
            pixels = np.asarray(contents[b"data"], dtype="uint8")
            images.append(pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
            labels.append(np.asarray(contents[b"labels"], dtype="int64"))
        except Exception as error:  # a damaged pickle fails in any way that a constructor can
            raise BenchError(
                f"{place}: {name} cannot be read ({error}). Get cifar-10-python.tar.gz again."
            ) from error
    train = np.concatenate(images[:-1]), np.concatenate(labels[:-1])
    return train, (images[-1], labels[-1])
