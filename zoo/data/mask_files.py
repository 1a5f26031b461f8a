"""Masks of a data set: found beside their images, and judged together, by one rule.

| all masks together hold                       | they are                                      |
| --------------------------------------------- | --------------------------------------------- |
| 0 and 1; or 0 and the type's highest number   | background and foreground                     |
| 0, 1, ... to the number of classes less one   | classes                                       |
| gaps in the numbers                           | classes, where their number is given          |
| anything, with `foreground` given             | background and foreground                     |
| one value alone, a void label, instance       |                                               |
| numbers, what JPEG leaves of numbers          | refused, with the remedy                      |

A void label that is given, `ignore_label`, is none of these numbers and stays as it is.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zoo.data import files as image_files
from zoo.data import images
from zoo.data.mask_numbers import Seen, cut, distinct, keep_void

MAX_CLASSES = 150
SUFFIXES = ("", "_mask", "_gt")
_MIN_INSTANCES = 8  # so many numbers, each file 1 to its own last, are no classes
_REMEDY_OF_INSTANCES = (
    "These look like numbers of instances: to find all of them as one class, give "
    "--foreground nonzero (foreground='nonzero')."
)


@dataclasses.dataclass(frozen=True)
class Rule:
    """What the numbers of all masks of a data set mean.

    Attributes:
        is_binary: Whether every number but 0 is the foreground.
        num_classes: The background among them.
        ignore_label: Number that is no class, or None.
    """

    is_binary: bool
    num_classes: int
    ignore_label: int | None = None

    def apply(self, numbers: np.ndarray) -> np.ndarray:
        """Returns class numbers, int32; what is no class keeps its number."""
        if not self.is_binary:
            return numbers.astype("int32")
        classes = (numbers > 0).astype("int32")
        return keep_void(classes, numbers, self.ignore_label)


# --- finding --------------------------------------------------------------------------------


def match(
    files: Sequence[Path], image_folder, mask_folder, *, may_lack: Sequence[Path] = ()
) -> list[Path | None]:
    """Returns the mask of each image: of the same place and name, whatever the file's suffix.

    The name may end in `_mask` or `_gt`. Names are equal as they look: é as one sign or two.

    Args:
        files: All images.
        may_lack: Those that may have no mask: None is returned for them.

    Raises:
        ValueError: if an image has none, a mask has no image, or two files have one name.
    """
    mask_folder = Path(mask_folder)
    names: dict[str, Path] = {}
    for file in files:
        name = image_files.name(file.relative_to(image_folder))
        if name in names:
            raise ValueError(
                f"{names[name]} and {file.name} have one name: a mask is found by its name "
                "without the suffix. Rename or remove one of them."
            )
        names[name] = file
    masks: dict[str, Path] = {}
    for mask in image_files.find(mask_folder):
        name = _image_name(mask.relative_to(mask_folder), names)
        if name is None:
            raise ValueError(
                f"{mask}: has no image of this name in {image_folder}. Add it, or remove the mask."
            )
        if name in masks:
            raise ValueError(
                f"{masks[name]} and {mask.name} are masks of one image, {names[name].name}. "
                "Remove one of them."
            )
        masks[name] = mask
    lacking = set(may_lack)
    for name, file in names.items():
        if name not in masks and file not in lacking:
            raise ValueError(
                f"{file}: has no mask. It must be {mask_folder / name}.png (or end in _mask.png), "
                "or remove the image."
            )
    return [masks.get(name) for name in names]


def _image_name(place: Path, names: dict[str, Path]) -> str | None:
    """Returns the image's name of a mask's place, without `_mask`; None: there is none."""
    name = image_files.name(place)
    matches = [
        name.removesuffix(suffix)
        for suffix in SUFFIXES
        if name.endswith(suffix) and name.removesuffix(suffix) in names
    ]
    return matches[0] if matches else None


def check_size(file, mask_file) -> None:
    """Raises ValueError when a mask is not as large as its image."""
    sizes = images.size_of(file), images.size_of(mask_file)
    if sizes[0] != sizes[1]:
        text = [f"{height}x{width}" for height, width in sizes]
        raise ValueError(
            f"{mask_file}: must be as large as its image. Received: {text[1]}, the image {file} "
            f"is {text[0]}."
        )


# --- the rule -------------------------------------------------------------------------------


def judge(
    where,
    seen: Sequence[Seen],
    num_classes: int | None = None,
    ignore_label: int | None = None,
) -> Rule:
    """Returns what the numbers of all masks together mean.

    Args:
        where: Folder or file, for messages.
        seen: What each mask holds.
        num_classes: Given: numbers below it may be missing.
        ignore_label: Number that is no class.

    Raises:
        ValueError: if they are no class numbers; the text names a file and the remedy.
    """
    seen = [mask.without(ignore_label) for mask in seen]
    rule = _judge(where, [mask for mask in seen if mask.values], num_classes, ignore_label)
    if rule.is_binary and ignore_label == 1:
        raise ValueError(
            f"{where}: --ignore-label must not be 1, the number of the foreground. Received: masks "
            "of a background and a foreground. Give the pixels of no class another number."
        )
    return dataclasses.replace(rule, ignore_label=ignore_label)


def _judge(where, seen: list[Seen], num_classes: int | None, ignore_label: int | None) -> Rule:
    if not seen:
        raise ValueError(
            f"{where}: all masks hold the void label {ignore_label} alone. Leave --ignore-label "
            "out, or give masks with classes."
        )
    values = sorted(set().union(*(mask.values for mask in seen)))
    on_or_off = all(mask.is_on_or_off for mask in seen)
    lossy = next((m for m in seen if m.is_lossy and not m.is_on_or_off), None)
    if lossy is not None:
        raise _refusal(
            where,
            values,
            lossy,
            "JPEG changes values: save masks as PNG"
            + (", or give --foreground above:127." if values[-1] > 200 else "."),
        )
    if num_classes is not None and num_classes > 1 and 0 <= values[0] <= values[-1] < num_classes:
        return Rule(False, num_classes)
    if not on_or_off:
        _check_palettes(where, seen)
    if len(values) == 1 and not (num_classes == 1 and values[0] in (0, 1)):
        raise ValueError(
            f"{where}: all masks hold the value {values[0]} alone. At least two classes are needed"
            ": 0 for the background, 1 or 255 for the foreground."
        )
    if on_or_off or set(values) <= {0, 1}:
        return Rule(True, 2)
    is_without_gaps = values == list(range(len(values)))
    if is_without_gaps and len(values) <= MAX_CLASSES and not _are_instances(seen):
        return Rule(False, len(values))
    worst = next(mask for mask in seen if values[-1] in mask.values)
    raise _refusal(where, values, worst, _remedy(values, seen, worst))


def class_numbers(
    where, masks: np.ndarray, num_classes: int | None = None, foreground: str | None = None
) -> np.ndarray:
    """Returns masks of an array `(n, height, width)` as class numbers, int32.

    Raises:
        ValueError: see `judge`.
    """
    return judged(where, masks, num_classes, foreground)[0]


def judged(
    where,
    masks: np.ndarray,
    num_classes: int | None = None,
    foreground: str | None = None,
    ignore_label: int | None = None,
) -> tuple[np.ndarray, Rule]:
    """Returns masks of an array as `class_numbers` does, void pixels as they are, and the rule.

    Raises:
        ValueError: see `judge`.
    """
    masks = np.asarray(masks)
    if masks.dtype.kind == "f" and not (masks == np.floor(masks)).all():
        raise ValueError(
            f"{where}: masks must hold class numbers. Received: fractions, NaN or infinity. Cut "
            "them at a threshold: masks > 0.5."
        )
    top = {"uint16": 65_535, "bool": 1}.get(masks.dtype.name, 255)
    numbers = masks.astype("int32")
    if foreground is not None:
        numbers, top = cut(numbers, foreground, ignore_label), 1
    rows = numbers if numbers.ndim > 2 else [numbers]
    seen = [Seen(f"mask {row}", distinct(mask), top) for row, mask in enumerate(rows)]
    rule = judge(where, seen, num_classes, ignore_label)
    return rule.apply(numbers), rule


def alone(
    where, seen: Seen, num_classes: int | None = None, ignore_label: int | None = None
) -> Rule:
    """Returns the rule of one mask of which the others are not known: classes may be missing.

    Raises:
        ValueError: if its numbers can be no class numbers.
    """
    known = seen.without(ignore_label)
    if known.is_on_or_off or (not seen.is_lossy and set(known.values) <= {0, 1}):
        return Rule(True, 2, ignore_label)
    if not seen.is_lossy and known.values[0] >= 0 and known.values[-1] < MAX_CLASSES:
        return Rule(False, known.values[-1] + 1, ignore_label)
    return judge(where, [seen], num_classes, ignore_label)


def _are_instances(seen: Sequence[Seen]) -> bool:
    """Tells whether each mask numbers 1 to a last one of its own: objects, not classes."""
    lasts = {mask.values[-1] for mask in seen}
    is_counted = all(mask.values in (_upto(mask, 0), _upto(mask, 1)) for mask in seen)
    return is_counted and len(lasts) > 2 and max(lasts) >= _MIN_INSTANCES


def _upto(mask: Seen, first: int) -> tuple[int, ...]:
    return tuple(range(first, mask.values[-1] + 1))


def _check_palettes(where, seen: Sequence[Seen]) -> None:
    """Raises ValueError when a number has another colour in another file."""
    known: dict[int, tuple[tuple[int, ...], str]] = {}
    for mask in seen:
        for number, color in (mask.colors or {}).items():
            first = known.setdefault(number, (color, mask.name))
            if first[0] != color:
                raise ValueError(
                    f"{where}: a number must have one colour in all palettes. Received: {number} "
                    f"is {first[0]} in {first[1]} but {color} in {mask.name}. Save the class "
                    "numbers as grey PNG."
                )


def _remedy(values: list[int], seen: Sequence[Seen], worst: Seen) -> str:
    mixed = next((mask for mask in seen if mask.values[-1] == 1), None)
    if set(values) == {0, 1, worst.top} and mixed is not None and worst.is_on_or_off:
        return f"{worst.name} holds 0 and {worst.top}, {mixed.name} 0 and 1: write all alike."
    without = [value for value in values if value != worst.top]
    if values[-1] == worst.top and worst.top == 255 and without == list(range(len(without))):
        return "If 255 marks pixels of no class (void), give --ignore-label 255 (ignore_label=255)."
    if values[0] < 0:
        return "Number the classes from 0."
    if len(values) == 2:
        return (
            f"If {values[1]} is the foreground, give --foreground nonzero (foreground='nonzero')."
            if values[0] == 0
            else "Number the background 0 and the foreground 1."
        )
    if len(values) > MAX_CLASSES or worst.top > 255 or _are_instances(seen):
        return _REMEDY_OF_INSTANCES
    if values[0] == 1 and values == list(range(1, len(values) + 1)):
        return "Count from 0: masks - 1."
    return (
        "Number the classes from 0 without gaps, say how many there are (--mask-classes, "
        "num_classes=), or give --foreground nonzero."
    )


def _refusal(where, values: list[int], worst: Seen, fix: str) -> ValueError:
    shown = ", ".join(map(str, values[:8])) + (", ..." if len(values) > 8 else "")
    return ValueError(
        f"{where}: masks must hold 0 and 1, 0 and 255, or class numbers from 0 on without gaps. "
        f"Received: {shown}; {worst.name} holds {worst.values[-1]}. {fix}"
    )
