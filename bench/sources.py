"""Readers of the files that data sets come in; every failure is one line with the fix."""

import dataclasses
import gzip
import io
import math
import os
import pickle
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np

from bench.errors import BenchError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
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


@dataclasses.dataclass(frozen=True)
class Found:
    """Arrays read from a folder or file.

    Attributes:
        splits: `"train"` and perhaps `"validation"` and `"test"`, each `(images, labels)`.
    """

    splits: dict[str, tuple[np.ndarray, np.ndarray | None]]
    class_names: tuple[str, ...] = ()


# --- MNIST, Fashion-MNIST, CIFAR-10 ---------------------------------------------------------


def roots() -> list[Path]:
    """Returns the folders that are searched, in order."""
    keras_home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    own = [Path(os.environ["ZOO_DATA_DIR"])] if os.environ.get("ZOO_DATA_DIR") else []
    return [*own, keras_home / "datasets", Path("/usr/share/datasets")]


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
        splits = npz(place).splits
        train, test = splits["train"], splits.get("test", (None, None))
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
            found = _NumpyUnpickler(io.BytesIO(batch(name)), encoding="bytes").load()
            pixels = np.asarray(found[b"data"], dtype="uint8")
            images.append(pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
            labels.append(np.asarray(found[b"labels"], dtype="int64"))
        except Exception as error:  # a damaged pickle fails in any way that a constructor can
            raise BenchError(
                f"{place}: {name} cannot be read ({error}). Get cifar-10-python.tar.gz again."
            ) from error
    train = np.concatenate(images[:-1]), np.concatenate(labels[:-1])
    return train, (images[-1], labels[-1])


# --- your own data --------------------------------------------------------------------------


def npz(path: Path) -> Found:
    """Reads an `.npz` file: `x_train`, `x_test` (and labels `y_...`), or `images` alone.

    `x_validation` or `x_val` is the validation split; `x` may stand for `images`, and `y` for
    `labels`. Greyscale images without a channel axis, `(n, height, width)`, get one; rank 2 is
    read as flat vectors. Bytes are divided by 255; floats must lie in `[0, 1]`.
    """
    try:
        if not zipfile.is_zipfile(path):
            raise ValueError("it is no zip file, or is cut off")
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: np.asarray(file[key]) for key in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise BenchError(
            f"{path}: cannot be read as .npz of plain arrays ({error}). Write it with numpy.savez, "
            "without object arrays."
        ) from error
    splits: dict[str, tuple[np.ndarray, np.ndarray | None]] = {}
    for split, images_keys, labels_keys in (
        ("train", ("x_train", "images", "x"), ("y_train", "labels", "y")),
        ("validation", ("x_validation", "x_val"), ("y_validation", "y_val")),
        ("test", ("x_test",), ("y_test",)),
    ):
        images = next((arrays[key] for key in images_keys if key in arrays), None)
        labels = next((arrays[key] for key in labels_keys if key in arrays), None)
        if images is None:
            continue
        if images.ndim not in (2, 3, 4) or images.dtype.kind not in "uif":
            raise BenchError(
                f"{path}: {split} images must be numbers of shape (n, height, width, channels). "
                f"Received: {images.dtype} of shape {images.shape}."
            )
        if labels is not None:
            labels = labels.reshape(-1)
            if len(labels) != len(images) or labels.dtype.kind not in "uif":
                raise BenchError(
                    f"{path}: {split} labels must be one number per image. Received: "
                    f"{len(labels)} labels of {labels.dtype} for {len(images)} images."
                )
            if not np.array_equal(labels, np.floor(labels)):
                raise BenchError(f"{path}: {split} labels must be whole numbers, without NaN.")
            labels = labels.astype("int64")
        splits[split] = (images[..., None] if images.ndim == 3 else images, labels)
    if "train" not in splits:
        raise BenchError(
            f"{path}: must hold x_train (and x_test), or images. "
            f"Received: {', '.join(arrays) or 'nothing'}."
        )
    return Found(splits)


def image_folder(path: Path, resize: tuple[int, int] | None = None) -> Found:
    """Reads a folder of images.

    Folders `train` and `test` (and `validation` or `val`), if they are there, are the splits.
    Below that, folders are classes. Greyscale stays one channel if all images are greyscale;
    otherwise all become RGB. Pixels of 16 bits are scaled by 65535. Of moving pictures the first
    frame is read, and alpha is left out.

    Args:
        path: The folder.
        resize: `(height, width)`; each image is resized by area averaging (Pillow's BOX filter).
    """
    parts = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}
    if (path / "train").is_dir() and (path / "test").is_dir():
        folders = {split: path / name for name, split in parts.items() if (path / name).is_dir()}
    else:
        folders = {"train": path}
    files = {split: _image_files(folder) for split, folder in folders.items()}
    classes = sorted(
        {
            file.relative_to(folders[split]).parts[0]
            for split, found in files.items()
            for file in found
            if len(file.relative_to(folders[split]).parts) > 1
        }
    )
    pictures = {
        split: [_read_image(file, resize) for file in found] for split, found in files.items()
    }
    _check_sizes(files, pictures)
    is_colour = any(image.ndim == 3 for found in pictures.values() for image in found)
    splits = {}
    for split, found in pictures.items():
        images = np.stack([_channels(image, is_colour) for image in found])
        places = [file.relative_to(folders[split]).parts for file in files[split]]
        has_labels = bool(classes) and all(len(place) > 1 for place in places)
        labels = [classes.index(place[0]) for place in places] if has_labels else None
        splits[split] = (images, None if labels is None else np.array(labels, "int64"))
    return Found(splits, tuple(classes))


def _image_files(folder: Path) -> list[Path]:
    found = sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file()
    )
    if not found:
        raise BenchError(
            f"{folder}: holds no images. Put files there that end in {', '.join(IMAGE_SUFFIXES)}."
        )
    return found


def _read_image(file: Path, resize: tuple[int, int] | None) -> np.ndarray:
    """Returns float32 `(height, width)` or `(height, width, 3)` in `[0, 1]`."""
    from PIL import Image

    try:
        with Image.open(file) as image:
            if image.mode == "F":
                raise ValueError("its pixels are floats of unknown range; save them as .npz")
            scale = 65_535.0 if image.mode.startswith("I") else 255.0
            if image.mode == "P" and _is_grey(image):
                image = image.convert("L")
            elif image.mode not in ("L", "RGB") and not image.mode.startswith("I"):
                image = image.convert("L" if image.mode in ("1", "LA") else "RGB")
            elif image.mode == "I;16B":
                image = image.convert("I")
            if resize is not None:
                if image.mode.startswith("I"):
                    image = image.convert("F")
                image = image.resize((resize[1], resize[0]), Image.Resampling.BOX)
            return np.asarray(image, dtype="float32") / np.float32(scale)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BenchError(
            f"{file}: cannot be read as an image ({error}). Remove or replace the file."
        ) from error


def _is_grey(image) -> bool:
    """Tells whether a palette, as a grey GIF has one, holds nothing but greys."""
    red, green, blue = image.convert("RGB").split()
    return red.tobytes() == green.tobytes() == blue.tobytes()


def _check_sizes(files: dict[str, list[Path]], pictures: dict[str, list[np.ndarray]]) -> None:
    first: tuple[Path, tuple[int, ...]] | None = None
    for split, found in pictures.items():
        for file, image in zip(files[split], found, strict=True):
            if first is None:
                first = (file, image.shape[:2])
            elif image.shape[:2] != first[1]:
                sizes = [f"{height}x{width}" for height, width in (first[1], image.shape[:2])]
                raise BenchError(
                    f"{first[0]} is {sizes[0]} but {file} is {sizes[1]}: images must have one "
                    f"size. Resize them all, for example with --resize {sizes[0]}."
                )


def _channels(image: np.ndarray, is_colour: bool) -> np.ndarray:
    if image.ndim == 3:
        return image
    return np.repeat(image[..., None], 3 if is_colour else 1, axis=-1)
