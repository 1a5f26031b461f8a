"""Masks on the page: a table of the classes, and the worst test images with what is wrong there."""

import dataclasses
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.leaderboard.rows import Row
from bench.report.html import Image, Table
from bench.report.plots import masks, style

HEADING = "Masks, the worst images first"
NUM_IN_SECTION, NUM_IN_CARD = 6, 3
_SECTION_PIXELS, _CARD_PIXELS = 240, 120
_PARTS = ("image", "truth", "prediction")
_SHARES = (
    *(("iou", "IoU"), ("dice", "Dice")),
    *(("boundary_f1", "boundary F1"), ("surface_dice", "surface Dice")),
)
_HEAD = (
    *("class", *(title for _, title in _SHARES), "Hausdorff 95 %, pixels"),
    *("objects found", "missed", "invented", "images with it"),
)
KEY = (
    ("class-5", "missed"),
    ("class-0", "invented"),
    ("class-3", "another class"),
    ("void", "void, not scored"),
)


@dataclasses.dataclass(frozen=True)
class Worst:
    """A test image with its masks, and what to say of it."""

    caption: str
    images: tuple[tuple[str, Image], ...]


@dataclasses.dataclass(frozen=True)
class Shown:
    """What is shown of the masks of a row.

    Attributes:
        table: Of its classes; None: not known.
        classes: `(kind, name)`, the key of the colours of the masks.
        key: The same of the errors.
        worst: Images, the worst first.
    """

    table: Table | None
    classes: Sequence[tuple[str, str]]
    worst: Sequence[Worst]
    key: Sequence[tuple[str, str]] = KEY


def of_row(output: Path, row: Row, *, in_card: bool) -> Shown | None:
    """Returns what is shown of a row; None where its task is another, or nothing is known.

    The images are the worst of the first seed, of all its folds.

    Args:
        output: The folder of the run.
        in_card: Whether few small pictures are wanted.
    """
    table = per_class(row)
    names = _class_names(row)
    most, pixels = (NUM_IN_CARD, _CARD_PIXELS) if in_card else (NUM_IN_SECTION, _SECTION_PIXELS)
    of_first_seed = [record for record in row.records if record.seed == row.records[0].seed]
    found = [
        (float(arrays["iou"][number].mean()), place, arrays)
        for record in of_first_seed
        if (arrays := _load(output, record.artifacts.masks, most))
        for place, number in enumerate(arrays["rows"])
    ]
    found.sort(key=lambda each: each[0])
    worst = [_worst(arrays, place, names, row.name, pixels) for _, place, arrays in found[:most]]
    if table is None and not worst:
        return None
    numbered = enumerate(names if len(names) == 1 else names[1:])
    kinds = [(f"class-{masks.ORDER[number % 10]}", name) for number, name in numbered]
    return Shown(table, kinds, worst)


def per_class(row: Row) -> Table | None:
    """Returns the table of a row's classes: means over its records, sums of objects over folds."""
    known = [record.quality.per_class for record in row.records if record.quality.per_class]
    if not known:
        return None
    num_seeds = max(1, len(row.seeds))
    lines = []
    for name in known[0]:
        of_class = [each[name] for each in known if name in each]
        shares = [statistics.fmean(c[key] for c in of_class) for key, _ in _SHARES]
        distance = statistics.fmean(c["hausdorff_95"] for c in of_class)
        objects = [sum(c["objects"][k] for c in of_class) / num_seeds for k in range(3)]
        images = sum(c["images"] for c in of_class) / num_seeds
        counted = [_count(n) for n in objects] if not _is_background(name, known[0]) else ["-"] * 3
        lines.append(
            (name, *(f"{s:.3f}" for s in shares), f"{distance:.1f}", *counted, _count(images))
        )
    notes = (
        "IoU and Dice are of all pixels together, the others means over the test images; a class "
        "that neither the mask nor the prediction of an image has counts as 1, and its distance "
        "as 0. A boundary is right within 2 pixels. An object is a connected component; it is "
        "found where its IoU with a predicted one is above 0.5. Void pixels are left out.",
    )
    return Table(_HEAD, lines, [False, *[True] * (len(_HEAD) - 1)], f"Classes of {row.name}", notes)


def _is_background(name: str, known: dict[str, Any]) -> bool:
    return len(known) > 1 and name == next(iter(known))


def _count(number: float) -> str:
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:,.1f}"


def _class_names(row: Row) -> list[str]:
    known = (record.quality.per_class for record in row.records)
    return [str(name) for name in next(filter(None, known), {"foreground": None})]


def _load(output: Path, file: str | None, most: int) -> dict[str, np.ndarray]:
    """Returns the arrays of the worst images, at most so many; `{}` where the file is none."""
    arrays = style.load_arrays(output, file, ("rows", "iou", "objects"))
    if arrays is None:
        return {}
    arrays["rows"] = arrays["rows"][:most]
    arrays |= style.load_arrays(output, file, ("names",)) or {}
    for number in range(len(arrays["rows"])):
        keys = tuple(f"{part}_{number}" for part in _PARTS)
        pictures = style.load_arrays(output, file, keys)
        if pictures is None:
            return {}
        arrays |= pictures
    return arrays


def _worst(arrays, place: int, names: list[str], of: str, most: int) -> Worst:
    row = arrays["rows"][place]
    name = str(arrays["names"][row]) if "names" in arrays else f"Test image {row + 1}"
    images = tuple(
        (title, Image(file, f"{title} of {name}, {of}", "pixels"))
        for title, file in masks.four(arrays, place, most).items()
    )
    return Worst(f"{name}: {_said(arrays, row, names)}", images)


def _said(arrays, row: int, names: list[str]) -> str:
    values = arrays["iou"][row]
    objects = arrays["objects"][row].sum(axis=0)
    if len(values) == 1:
        text = f"IoU {values[0]:.3f}"
    else:
        lowest = int(np.argmin(values))
        text = f"mean IoU {values.mean():.3f}, lowest {values[lowest]:.3f} of {names[lowest]}"
    found, missed, invented = objects
    return f"{text}; objects: {found} found, {missed} missed, {invented} invented."
