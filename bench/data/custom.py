"""Readers of your own data: a folder of images, or an `.npz` file."""

import contextlib
import dataclasses
import zipfile
import zlib
from pathlib import Path

import numpy as np

from bench.errors import BenchError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")


@dataclasses.dataclass(frozen=True)
class Found:
    """Arrays read from a folder or file.

    Attributes:
        splits: `"train"` and perhaps `"validation"` and `"test"`, each `(images, labels)`.
    """

    splits: dict[str, tuple[np.ndarray, np.ndarray | None]]
    class_names: tuple[str, ...] = ()


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
    if (path / "train").is_dir() and (path / "test").is_dir():
        folders = split_folders(path)
    else:
        folders = {"train": path}
    files = {split: image_files(folder) for split, folder in folders.items()}
    classes = sorted(
        {
            file.relative_to(folders[split]).parts[0]
            for split, found in files.items()
            for file in found
            if len(file.relative_to(folders[split]).parts) > 1
        }
    )
    pictures = {
        split: [read_image(file, resize) for file in found] for split, found in files.items()
    }
    check_sizes(files, pictures)
    is_colour = any(image.ndim == 3 for found in pictures.values() for image in found)
    splits = {}
    for split, found in pictures.items():
        images = np.stack([with_channels(image, is_colour) for image in found])
        places = [file.relative_to(folders[split]).parts for file in files[split]]
        has_labels = bool(classes) and all(len(place) > 1 for place in places)
        labels = [classes.index(place[0]) for place in places] if has_labels else None
        splits[split] = (images, None if labels is None else np.array(labels, "int64"))
    return Found(splits, tuple(classes))


def split_folders(path: Path) -> dict[str, Path]:
    """Returns those of the folders `train`, `validation` or `val`, and `test` that are there."""
    names = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}
    return {split: path / name for name, split in names.items() if (path / name).is_dir()}


def image_files(folder: Path) -> list[Path]:
    """Returns the images below a folder, sorted; an error if there is none."""
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


@contextlib.contextmanager
def opened(file: Path):
    """Opens an image with Pillow; what fails inside becomes an error that names the file."""
    from PIL import Image

    try:
        with Image.open(file) as image:
            yield image
    except BenchError:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BenchError(
            f"{file}: cannot be read as an image ({error}). Remove or replace the file."
        ) from error


def read_image(file: Path, resize: tuple[int, int] | None) -> np.ndarray:
    """Returns float32 `(height, width)` or `(height, width, 3)` in `[0, 1]`."""
    from PIL import Image

    with opened(file) as image:
        if image.mode == "F":
            raise ValueError("its pixels are floats of unknown range; save them as .npz")
        scale = 65_535.0 if image.mode.startswith("I") else 255.0
        if image.mode == "P" and is_grey(image):
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


def is_grey(image) -> bool:
    """Tells whether a palette, as a grey GIF has one, holds nothing but greys."""
    red, green, blue = image.convert("RGB").split()
    return red.tobytes() == green.tobytes() == blue.tobytes()


def check_sizes(files: dict[str, list[Path]], pictures: dict[str, list[np.ndarray]]) -> None:
    """Raises BenchError, naming two files, when the pictures have more than one size."""
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


def with_channels(image: np.ndarray, is_colour: bool) -> np.ndarray:
    """Returns `(height, width, channels)`; a grey image of a set with colour becomes RGB."""
    if image.ndim == 3:
        return image
    return np.repeat(image[..., None], 3 if is_colour else 1, axis=-1)
