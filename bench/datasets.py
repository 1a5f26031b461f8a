"""Data sets: plain arrays, split once, with a checksum.

The test split is read once, by the report; search and early stopping see validation only.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench import corruptions, own_files, sources
from bench.errors import BenchError

MIN_IMAGES = 10
NUM_VALIDATION = 5_000


@dataclasses.dataclass(frozen=True)
class Split:
    """One part of a data set.

    Attributes:
        images: Model inputs, float32 `(n, height, width, channels)`, `(n, length, channels)` or
            `(n, features)`, in `[0, 1]`.
        labels: int64 `(n,)`, or None.
        targets: What the output should be, shaped as `images`; None: the images themselves.
    """

    images: np.ndarray
    labels: np.ndarray | None = None
    targets: np.ndarray | None = None

    @property
    def target(self) -> np.ndarray:
        return self.images if self.targets is None else self.targets

    def __len__(self) -> int:
        return len(self.images)


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A data set with its three splits.

    Attributes:
        task: `"reconstruction"`, or `"denoising"` when the inputs are noisy.
        source: Where the data came from.
    """

    name: str
    task: str
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...] = ()
    source: str = ""

    @property
    def image_shape(self) -> tuple[int, ...]:
        return self.train.images.shape[1:]

    @property
    def num_train(self) -> int:
        return len(self.train)

    @property
    def num_validation(self) -> int:
        return len(self.validation)

    @property
    def num_test(self) -> int:
        return len(self.test)

    @functools.cached_property
    def checksum(self) -> str:
        """SHA-256 over names, shapes and bytes of all arrays of all splits, in hexadecimal."""
        digest = hashlib.sha256()
        for part in ("train", "validation", "test"):
            for field in ("images", "labels", "targets"):
                values = getattr(getattr(self, part), field)
                if values is not None:
                    digest.update(f"{part} {field} {values.dtype} {values.shape}".encode())
                    digest.update(np.ascontiguousarray(values).data)
        return digest.hexdigest()


def names() -> list[str]:
    """Returns the names that `load` knows; a path to a folder or an `.npz` works as well."""
    return list(_LOADERS)


def describe() -> list[dict]:
    """Returns, for each name, what it is and whether it is on this machine already.

    Nothing is loaded: only the presence of the files is looked at.
    """
    return [
        {
            "name": name,
            "description": " ".join(loader.__doc__.split()),
            "image_shape": _IMAGE_SHAPES[name],
            "is_local": name == "digits" or sources.find(name) is not None,
        }
        for name, loader in _LOADERS.items()
    ]


def load(
    name_or_path: str | Path,
    *,
    seed: int = 0,
    limit: int | None = None,
    noise: str | None = None,
    resize: tuple[int, int] | None = None,
) -> Dataset:
    """Loads a data set by name, from a folder of images, or from an `.npz` file.

    Args:
        name_or_path: One of `names()`, or a path.
        seed: Of the split, for data without an official one, and of the noise.
        limit: Number of training images to keep (a seeded choice); validation and test keep at
            most a fifth of it each, but at least 100.
        noise: `"gaussian:0.2"`, `"masking:0.3"` or `"salt_and_pepper:0.1"`: the images of all
            splits become noisy inputs, drawn once, and the clean ones their targets.
        resize: `(height, width)` for a folder of images of mixed sizes.

    Returns:
        The data set. Data without an official split are split 80 / 10 / 10 by `seed`, the classes
        keeping their shares; a split that the data bring along is kept.

    Raises:
        BenchError: if the data are missing, unreadable, out of range or too few; the text says
            what to do.
    """
    corruption = None if noise is None else corruptions.parse(noise)
    if resize is not None and min(resize) < 1:
        raise BenchError(f"--resize must be at least 1x1. Received: {resize[0]}x{resize[1]}.")
    loader = _LOADERS.get(str(name_or_path))
    if resize is not None and (loader or Path(name_or_path).is_file()):
        raise BenchError(f"--resize is for folders of images, and {name_or_path} is none.")
    if loader is not None:
        dataset = loader(seed)
    elif not str(name_or_path):
        raise BenchError(
            f"--dataset must be one of {', '.join(_LOADERS)}, or a path. Received: ''."
        )
    else:
        dataset = _load_path(Path(name_or_path), seed, resize)
    _check(dataset)
    if limit is not None:
        dataset = _limited(dataset, limit, seed)
    return dataset if corruption is None else _noisy(dataset, *corruption, seed)


# --- loaders --------------------------------------------------------------------------------


def _digits(seed: int) -> Dataset:
    """Handwritten digits, 1,797 of 8 x 8 pixels, embedded in scikit-learn: needs no network."""
    from sklearn.datasets import load_digits

    found = load_digits()
    images = (found.images[..., None] / 16.0).astype("float32")
    parts = _random_split(images, found.target.astype("int64"), seed, (200, 300))
    return _dataset("digits", parts, tuple("0123456789"), "scikit-learn")


def _fashion_mnist(seed: int) -> Dataset:
    """Garments, 70,000 of 28 x 28 pixels, Zalando; the last 5,000 of train are validation."""
    class_names = (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    )
    return _official("fashion_mnist", class_names)


def _mnist(seed: int) -> Dataset:
    """Handwritten digits, 70,000 of 28 x 28 pixels; the last 5,000 of train are validation."""
    return _official("mnist", tuple("0123456789"))


def _cifar10(seed: int) -> Dataset:
    """Photographs, 60,000 of 32 x 32 x 3 pixels; the last 5,000 of train are validation."""
    class_names = (
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    )
    return _official("cifar10", class_names)


_LOADERS: dict[str, Callable[[int], Dataset]] = {
    "digits": _digits,
    "fashion_mnist": _fashion_mnist,
    "mnist": _mnist,
    "cifar10": _cifar10,
}
_IMAGE_SHAPES = {
    "digits": (8, 8, 1),
    "fashion_mnist": (28, 28, 1),
    "mnist": (28, 28, 1),
    "cifar10": (32, 32, 3),
}


def _official(name: str, class_names: tuple[str, ...]) -> Dataset:
    (train_images, train_labels), (test_images, test_labels), source = sources.official(name)
    train_images, test_images = _unit_range(train_images), _unit_range(test_images)
    num_validation = min(NUM_VALIDATION, len(train_images) // 10)
    cut = len(train_images) - num_validation
    for split, images in (("train", train_images), ("test", test_images)):
        _check_pixels(f"{source}, {split} split", images)
    parts = (
        Split(train_images[:cut], train_labels[:cut]),
        Split(train_images[cut:], train_labels[cut:]),
        Split(test_images, test_labels),
    )
    return _dataset(name, parts, class_names, source)


def _load_path(path: Path, seed: int, resize) -> Dataset:
    if path.is_dir():
        found = own_files.image_folder(path, resize)
    elif path.suffix == ".npz" and path.is_file():
        found = own_files.npz(path)
    else:
        from zoo import checks

        raise BenchError(
            f"unknown dataset {str(path)!r}.{checks.suggestion(path, _LOADERS)} Give one of "
            f"{', '.join(_LOADERS)}, a folder of images, or a .npz file that exists."
        )
    splits = {}
    for key, (images, labels) in found.splits.items():
        splits[key] = Split(_unit_range(images), labels)
        # Before the split: an index in the error is then the index in the file.
        where = str(path) if len(found.splits) == 1 else f"{path}, {key} split"
        _check_pixels(where, splits[key].images)
    if len(splits) < 3:
        train = splits["train"]
        _check_number(path, len(train))
        tenth = max(1, len(train) // 10)
        sizes = tuple(0 if key in splits else tenth for key in ("validation", "test"))
        train, validation, test = _random_split(train.images, train.labels, seed, sizes)
        splits = {"validation": validation, "test": test, **splits, "train": train}
    parts = (splits["train"], splits["validation"], splits["test"])
    return _dataset(path.resolve().stem, parts, found.class_names, str(path))


def _dataset(name, parts, class_names, source) -> Dataset:
    return Dataset(name, "reconstruction", *parts, tuple(class_names), source)


def _random_split(images, labels, seed: int, sizes: tuple[int, int]) -> tuple[Split, Split, Split]:
    """Splits off validation and test of the given sizes; the classes keep their shares."""
    order = _class_balanced_order(labels, len(images), seed)
    num_validation, num_test = sizes
    bounds = (num_test, num_test + num_validation)
    test, validation, train = np.split(order, bounds)

    def part(rows):
        rows = np.sort(rows)
        return Split(images[rows], None if labels is None else labels[rows])

    return part(train), part(validation), part(test)


def _class_balanced_order(labels, num: int, seed: int) -> np.ndarray:
    """Shuffles so that every prefix holds each class in about its share."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(num)
    if labels is None:
        return order
    position = np.empty(num)
    for label in np.unique(labels):
        rows = order[labels[order] == label]
        position[rows] = (np.arange(len(rows)) + generator.random()) / len(rows)
    return np.argsort(position, kind="stable")


# --- checks and changes ---------------------------------------------------------------------


def _unit_range(images: np.ndarray) -> np.ndarray:
    """Returns float32 pixels: bytes are divided by 255, floats are taken as they are."""
    if images.dtype == np.uint8:
        return images.astype("float32") / np.float32(255)
    return images.astype("float32")


def _check_number(source, num: int) -> None:
    if num < MIN_IMAGES:
        raise BenchError(f"{source}: at least {MIN_IMAGES} images are needed. Received: {num}.")


def _check_pixels(where: str, images: np.ndarray) -> None:
    if images.size == 0:
        raise BenchError(f"{where}: holds no images. Received: shape {images.shape}.")
    finite = np.isfinite(images.reshape(len(images), -1)).all(axis=1)
    if not finite.all():
        raise BenchError(
            f"{where}: NaN or infinity in {int((~finite).sum())} images, the first at index "
            f"{int(finite.argmin())}. Remove them, or replace them with numpy.nan_to_num."
        )
    low, high = float(images.min()), float(images.max())
    if low < 0 or high > 1:
        fix = "Divide by 255." if low >= 0 and 1 < high <= 255 else "Rescale them."
        raise BenchError(
            f"{where}: pixels must lie in [0, 1]. "
            f"Received: minimum {low:.4g}, maximum {high:.4g}. {fix}"
        )


def _check(dataset: Dataset) -> None:
    source = dataset.source or dataset.name
    for name in ("train", "validation", "test"):
        images = getattr(dataset, name).images
        if len(images) == 0:
            raise BenchError(
                f"{source}, {name} split: holds no images. At least one is needed in each split."
            )
        if images.shape[1:] != dataset.image_shape:
            raise BenchError(
                f"{source}: the images of all splits must have one shape. Received: train "
                f"{dataset.image_shape}, {name} {images.shape[1:]}. Resize or crop them."
            )
    _check_number(source, dataset.num_train)


def _limited(dataset: Dataset, limit: int, seed: int) -> Dataset:
    if limit < MIN_IMAGES:
        raise BenchError(f"--limit must be at least {MIN_IMAGES}. Received: {limit}.")
    few = max(limit // 5, 100)

    def keep(split: Split, num: int) -> Split:
        rows = np.sort(_class_balanced_order(split.labels, len(split), seed)[:num])
        return Split(split.images[rows], None if split.labels is None else split.labels[rows])

    return dataclasses.replace(
        dataset,
        train=keep(dataset.train, limit),
        validation=keep(dataset.validation, few),
        test=keep(dataset.test, few),
    )


def _noisy(dataset: Dataset, kind: str, level: float, seed: int) -> Dataset:
    generator = np.random.default_rng([seed, 7])
    parts = {}
    for name in ("train", "validation", "test"):
        clean = getattr(dataset, name)
        damaged = corruptions.corrupt(clean.images, kind, level, generator)
        parts[name] = Split(damaged, clean.labels, clean.images)
    return dataclasses.replace(dataset, task="denoising", **parts)
