"""How files are read, and what is read of them: arrays in splits, with a description."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

UNLABELLED = -1
_MOST_SHOWN = 20  # classes, the empty ones among them


@dataclasses.dataclass(frozen=True)
class Options:
    """How files are read.

    Attributes:
        resize: `(height, width)`, images by area averaging, masks by the nearest pixel; None: all
            have one size.
        color: `"grey"`, `"rgb"`, or None: grey if all images are grey.
        skip_unreadable: Whether damaged image files are left out; otherwise the first is an error.
        value_range: What is black and what is white; None: the type's range.
        foreground: `"nonzero"` or `"above:NUMBER"`: which numbers of masks are foreground; None:
            the numbers are classes.
        ignore_label: Number of the masks that is no class (void): it stays in them as it is.
        mask_classes: Number of classes of the masks, where some may be missing in them.
        layout: One of `layouts.LAYOUTS`: what the sub-folders mean; None: as they are called.
        data_kind: `"series"` or `"images"`: what arrays of rank 3 are; None: by key and shape.
        label_column: Name of a table's column of labels; None: it has none.
        separator: Sign between the cells of a table; None: found.
        columns: Features of a table, by name, in this order; None: all columns of numbers.
        window: Steps that a long series is cut into; None: it is not.
        stride: Steps from one window to the next; None: `window`.
        keep_sizes: Whether image files keep their own sizes: images and masks are then arrays of
            objects, see `Reader.all`.
    """

    resize: tuple[int, int] | None = None
    color: str | None = None
    skip_unreadable: bool = False
    value_range: tuple[float, float] | None = None
    foreground: str | None = None
    ignore_label: int | None = None
    mask_classes: int | None = None
    layout: str | None = None
    data_kind: str | None = None
    label_column: str | None = None
    separator: str | None = None
    columns: tuple[str, ...] | None = None
    window: int | None = None
    stride: int | None = None
    keep_sizes: bool = False

    def given(self) -> list[str]:
        """Returns the flags of a command line that ask for what is not the default."""
        return [
            flag(field.name)
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default
        ]


@dataclasses.dataclass(frozen=True)
class Description:
    """What was read of a folder or a file.

    Attributes:
        layout: See `zoo.data.layouts`; `"npz"` or `"table"` for a file.
        what: `"images"`, `"series"`, `"vectors"` or `"windows"`.
        shape: Of one of them; of images of several sizes, that of the smallest.
        largest: Shape of the largest, where sizes differ, or None.
        num_sizes: How many sizes there are.
        num_read: Number in each split that was read.
        bit_depths: Such as `"8 bits"`; empty where they have none.
        classes: Number of each class, by name, in all splits.
        num_mask_classes: Classes of the masks, the background among them; 0 without masks.
        ignore_label: Number in the masks that is no class, or None.
        void_share: Share of the pixels of the masks that have it, or None.
        left_out: A line on each thing that is not read, with the reason.
        skipped: A line on each file that could not be read.
        notes: What the user should know of the values.
    """

    layout: str
    what: str
    shape: tuple[int, ...]
    num_read: Mapping[str, int]
    largest: tuple[int, ...] | None = None
    num_sizes: int = 1
    bit_depths: str = ""
    classes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    num_mask_classes: int = 0
    ignore_label: int | None = None
    void_share: float | None = None
    left_out: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Returns the description in words, a line for each kind of thing."""
        sizes = ", ".join(f"{split} {num}" for split, num in self.num_read.items())
        depths = f", {self.bit_depths}" if self.bit_depths else ""
        num = sum(self.num_read.values())
        lines = [f"read: {num} {self.what} of {self._size()}{depths} ({sizes})"]
        if self.classes:
            is_short = len(self.classes) <= _MOST_SHOWN
            shown = {name: num for name, num in self.classes.items() if num or is_short}
            counts = ", ".join(f"{name} {num}" for name, num in shown.items())
            lines.append(f"classes: {counts}")
        if self.num_mask_classes:
            line = f"masks: {self.num_mask_classes} classes, the background among them"
            if self.void_share is not None:
                line += f"; {self.void_share:.2%} of the pixels are void ({self.ignore_label})"
            lines.append(line)
        lines += [f"left out: {line}" for line in self.left_out]
        lines += [f"note: {line}" for line in self.notes]
        return [*lines, *(f"skipped: {line}" for line in self.skipped)]

    def _size(self) -> str:
        sizes = list(map(str, self.shape))
        if len(sizes) == 3 and sizes[-1] in ("1", "3"):
            size = "x".join(sizes[:2])
            size += " to " + "x".join(map(str, self.largest[:2])) if self.largest else ""
            size += f", {self.num_sizes} sizes" if self.num_sizes > 2 else ""
            return size + (", rgb" if sizes[-1] == "3" else ", grey")
        unit = {1: " numbers", 2: " values" if self.what == "windows" else ""}
        return "x".join(sizes) + unit.get(len(sizes), "")

    def with_left_out(self, line: str) -> "Description":
        """Returns the same with one thing more that is not read."""
        return dataclasses.replace(self, left_out=(*self.left_out, line))

    def with_note(self, line: str) -> "Description":
        """Returns the same with one note more."""
        return dataclasses.replace(self, notes=(*self.notes, line))

    def to_json(self) -> dict[str, Any]:
        """Returns plain data that JSON can hold; what is empty is left out."""
        values = dataclasses.asdict(self)
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
        return {k: v for k, v in plain.items() if v not in (None, "", [], {}, 0)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Description":
        """Returns the description of plain data; fields that are not known are left out."""
        known = {field.name for field in dataclasses.fields(cls)}
        given = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k in known}
        return cls(**given)


@dataclasses.dataclass(frozen=True)
class Part:
    """One split.

    Attributes:
        images: Float32 `(n, *shape)` in `[0, 1]`, but see `Contents.needs_scale`.
        labels: int64 `(n,)`, -1 where unlabelled, or None.
        masks: Class numbers, and `Contents.ignore_label`, int32 `(n, height, width)`, or None.
        names: File of each image, below the folder of the split; None: they are no files.
    """

    images: np.ndarray
    labels: np.ndarray | None = None
    masks: np.ndarray | None = None
    names: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.images)


@dataclasses.dataclass(frozen=True)
class Contents:
    """What was read.

    Attributes:
        kind: See `layouts`; `"npz"` or `"table"` for a file.
        parts: By `"train"`, and perhaps `"validation"` and `"test"`.
        class_names: Names of the labels; of an inspection, of what the test images show.
        loose: An image without a class, where others have one, or None.
        description: What was read, and what was left out, for people.
        columns: Names of a table's features.
        needs_scale: Whether the values are those of a table, to be scaled by the rows that are
            trained on: see `scaling.Columns`.
        first_steps: Where the windows of `"train"` begin in their series; None: no windows.
    """

    kind: str
    parts: dict[str, Part]
    description: Description
    class_names: tuple[str, ...] = ()
    loose: Path | None = None
    columns: tuple[str, ...] = ()
    needs_scale: bool = False
    first_steps: np.ndarray | None = None

    @property
    def num_mask_classes(self) -> int:
        """Number of classes of the masks, the background among them; 0 without masks."""
        return self.description.num_mask_classes

    @property
    def ignore_label(self) -> int | None:
        """Number in the masks that is no class, or None."""
        return self.description.ignore_label

    @property
    def said(self) -> tuple[str, ...]:
        """Lines that describe what was read, and what was left out."""
        return tuple(self.description.lines())


def flag(name: str) -> str:
    """Returns the flag of a command line for a field of `Options`."""
    name = {"value_range": "range", "data_kind": "data"}.get(name, name)
    return f"--{name.replace('_', '-')}"


def describe(
    layout: str,
    parts: Mapping[str, Part],
    *,
    class_names: tuple[str, ...] = (),
    num_mask_classes: int = 0,
    ignore_label: int | None = None,
    **facts: Any,
) -> Description:
    """Returns the description of what was read.

    Args:
        layout: See `Description`, and there what is not said here.
        parts: What was read.
        class_names: Names of the labels; without, labels are called by their numbers.
        **facts: Fields of `Description`.
    """
    shapes = sorted({image.shape for part in parts.values() for image in part.images})
    shape, is_void = shapes[0], []
    if len(shapes) > 1:
        facts |= {"largest": shapes[-1], "num_sizes": len(shapes)}
    if num_mask_classes and ignore_label is not None:
        masks = [part.masks for part in parts.values() if part.masks is not None]
        is_void = [mask == ignore_label for each in masks for mask in each]
    notes = (
        *facts.pop("notes", ()),
        *_classes_to_learn_from(layout, parts, class_names),
        *(_in_two_splits(parts) if len(shape) == 3 else ()),
    )
    return Description(
        layout,
        notes=notes,
        **{"what": _WHAT[len(shape)], **facts},
        shape=shape,
        num_read={split: len(part) for split, part in parts.items()},
        classes=_num_of_classes(parts, class_names),
        num_mask_classes=num_mask_classes,
        ignore_label=ignore_label if is_void else None,
        void_share=_share(is_void) if is_void else None,
    )


def _classes_to_learn_from(layout: str, parts, class_names: tuple[str, ...]) -> tuple[str, ...]:
    """Returns a note on classes of which the training split holds nothing."""
    train = parts.get("train")
    if layout == "inspection" or train is None or train.labels is None:
        return ()
    counts = _num_of_classes({"train": train}, class_names)
    others = _num_of_classes(parts, class_names)
    lacking = [name for name in others if not counts.get(name)]
    if not lacking:
        return ()
    shown = ", ".join(lacking[:5]) + (", ..." if len(lacking) > 5 else "")
    return (f"nothing of class {shown} to train on",)


def _in_two_splits(parts: Mapping[str, Part]) -> list[str]:
    """Returns a note on each split that holds images to train on: its numbers would be too good."""
    if "train" not in parts or len(parts) == 1:
        return []
    marks = {
        split: [hash(image.tobytes()) for image in each.images] for split, each in parts.items()
    }
    known, notes = set(marks.pop("train")), []
    for split, each in marks.items():
        num = sum(mark in known for mark in each)
        if num:
            notes.append(f"{num} of {len(each)} {split} images are in the train split too")
    return notes


_WHAT = {1: "vectors", 2: "series", 3: "images"}


def _share(is_void: list[np.ndarray]) -> float:
    return sum(int(each.sum()) for each in is_void) / sum(each.size for each in is_void)


def _num_of_classes(parts: Mapping[str, Part], class_names: tuple[str, ...]) -> dict[str, int]:
    labels = [part.labels for part in parts.values() if part.labels is not None]
    if not labels:
        return {}
    numbers, counts = np.unique(np.concatenate(labels), return_counts=True)
    found = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
    names = class_names or tuple(map(str, range(max(found) + 1)))
    counted = {name: found.get(row, 0) for row, name in enumerate(names)}
    return counted | ({"unlabelled": found[UNLABELLED]} if UNLABELLED in found else {})
