"""A data set and its splits: what they hold, how they are drawn, and what they must look like."""

import dataclasses
import functools
import hashlib
from collections.abc import Sequence

import numpy as np

from bench.errors import BenchError
from zoo.data.contents import Description

MIN_IMAGES = 10
PARTS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True)
class Split:
    """One part of a data set.

    Attributes:
        images: Model inputs, float32 `(n, height, width, channels)`, `(n, length, channels)` or
            `(n, features)`, in `[0, 1]`.
        labels: int64 `(n,)`, or None.
        targets: What the output should be; None: the images themselves. Of denoising, the clean
            images, shaped as `images`; of segmentation, the masks, `(n, height, width, 1)` with
            classes `0` to `num_mask_classes - 1` and `ignore_label`: uint8 where these are bytes,
            else int32.
        groups: int64 `(n,)`, or None. The hidden group of each row, which no model is trained
            with: reports measure each group by itself.
        names: Text `(n,)`, the file of each row; None: they are no files.
        blocks: int64 `(n,)`, or None. Rows of one number stay together in every split.

    Images of many sizes are an array of objects, `(n,)`: uint8 or float32
    `(height, width, channels)`; so are their masks.
    """

    images: np.ndarray
    labels: np.ndarray | None = None
    targets: np.ndarray | None = None
    groups: np.ndarray | None = None
    names: np.ndarray | None = None
    blocks: np.ndarray | None = None

    @property
    def target(self) -> np.ndarray:
        return self.images if self.targets is None else self.targets

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: np.ndarray) -> "Split":
        """Returns a split of the given rows."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return Split(**{k: None if v is None else v[rows] for k, v in fields.items()})

    @classmethod
    def joined(cls, splits: Sequence["Split"]) -> "Split":
        """Returns the rows of all splits, one after the other."""
        fields: dict[str, np.ndarray | None] = {}
        for field in dataclasses.fields(cls):
            values = [getattr(split, field.name) for split in splits]
            known = all(each is not None for each in values)
            fields[field.name] = np.concatenate(values) if known else None
        return cls(**fields)


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A data set with its three splits.

    Attributes:
        task: `"reconstruction"`, `"denoising"` when the inputs are noisy, or `"segmentation"`
            when the targets are masks.
        class_names: One for each label.
        source: Where the data came from.
        mask_names: One for each class of the masks; empty without masks.
        description: What was read of your files, and what was left out; None for named data.
        ignore_label: Number in the masks that is no class, or None.
        crop: `(height, width)` that models are made for and trained on; None: the images' size.
    """

    name: str
    task: str
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...] = ()
    source: str = ""
    mask_names: tuple[str, ...] = ()
    description: Description | None = None
    ignore_label: int | None = None
    crop: tuple[int, int] | None = None

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of what models are made for: of an image, or of a crop."""
        if self.crop is not None:
            return (*self.crop, self.train.images[0].shape[-1])
        return self.train.images.shape[1:]

    @property
    def notes(self) -> tuple[str, ...]:
        """Lines on what was read of files, and what was left out."""
        return () if self.description is None else tuple(self.description.lines())

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
    def num_classes(self) -> int:
        """Number of classes of the labels; 0 without labels."""
        if self.class_names:
            return len(self.class_names)
        labels = [getattr(self, part).labels for part in PARTS]
        return max((int(each.max()) + 1 for each in labels if each is not None), default=0)

    @property
    def num_mask_classes(self) -> int:
        """Number of classes of the masks, the background among them; 0 without masks."""
        return len(self.mask_names)

    @functools.cached_property
    def checksum(self) -> str:
        """SHA-256 over names, shapes and bytes of all arrays of all splits, in hexadecimal."""
        digest = hashlib.sha256()
        for part in PARTS:
            for field in ("images", "labels", "targets", "groups"):
                values = getattr(getattr(self, part), field)
                if values is not None:
                    digest.update(f"{part} {field} {values.dtype} {values.shape}".encode())
                    for each in values if values.dtype == object else [values]:
                        if values.dtype == object:
                            digest.update(f"{each.dtype} {each.shape}".encode())
                        digest.update(np.ascontiguousarray(each).data)
        return digest.hexdigest()


# --- drawing --------------------------------------------------------------------------------


def random_split(whole: Split, seed: int, sizes: tuple[int, int]) -> tuple[Split, Split, Split]:
    """Splits off validation and test of the given sizes; the classes keep their shares.

    Where rows belong to blocks, whole blocks are drawn, until the sizes are reached.
    """
    num_validation, num_test = sizes
    if whole.blocks is not None:
        test, validation, train = _block_split(whole.blocks, seed, (num_test, num_validation))
    else:
        order = class_balanced_order(whole.labels, len(whole), seed)
        test, validation, train = np.split(order, (num_test, num_test + num_validation))
    return tuple(whole.take(np.sort(rows)) for rows in (train, validation, test))


def _block_split(blocks: np.ndarray, seed: int, sizes: tuple[int, int]) -> list[np.ndarray]:
    """Returns rows of two parts of at least the given sizes, and the rest, in whole blocks."""
    numbers, counts = np.unique(blocks, return_counts=True)
    order = list(np.random.default_rng(seed).permutation(len(numbers)))
    parts = []
    for size in sizes:
        taken: list[int] = []
        while order and counts[taken].sum() < size:
            taken.append(order.pop())
        parts.append(np.flatnonzero(np.isin(blocks, numbers[taken])))
    return [*parts, np.flatnonzero(np.isin(blocks, numbers[order]))]


def class_balanced_order(labels: np.ndarray | None, num: int, seed: int) -> np.ndarray:
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


# --- checks ---------------------------------------------------------------------------------


def unit_range(images: np.ndarray) -> np.ndarray:
    """Returns float32 pixels: bytes are divided by 255, floats are taken as they are."""
    if images.dtype == np.uint8:
        return images.astype("float32") / np.float32(255)
    return images.astype("float32")


def check_number(source, num: int, num_others: int = 0) -> None:
    """Raises BenchError for too few images to train on.

    Args:
        num_others: How many the other splits hold, or have taken from all.
    """
    if num < MIN_IMAGES:
        received = f"{num} beside {num_others} to validate and to test" if num_others else num
        raise BenchError(
            f"{source}: at least {MIN_IMAGES} images are needed. Received: {received}."
        )


def check_pixels(where: str, images: np.ndarray) -> None:
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


def check(dataset: Dataset) -> None:
    """Raises BenchError when a split is empty, or one has another shape than the rest."""
    source = dataset.source or dataset.name
    for name in PARTS:
        images = getattr(dataset, name).images
        if len(images) == 0:
            raise BenchError(
                f"{source}, {name} split: holds no images. At least one is needed in each split."
            )
        if dataset.crop is None and images.shape[1:] != dataset.image_shape:
            raise BenchError(
                f"{source}: the images of all splits must have one shape. Received: train "
                f"{dataset.image_shape}, {name} {images.shape[1:]}. Resize or crop them."
            )
    others = len(dataset.validation) + len(dataset.test)
    check_number(source, dataset.num_train, others)
