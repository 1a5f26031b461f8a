"""The options of loading: what data, and how your own files are read; declared once for all.

A run, a search and a trial extend `Loading`. How files are read is explained in
`zoo.data.contents.Options`.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any

from bench.records.options import FLAG, SIZE, WHOLE, Kind, Option, declared_by, option
from zoo.data import layouts, mask_numbers, scaling
from zoo.tabular import tables

ARRAYS = ("images", "series")
RANGE = Kind(scaling.parse_range, "LOW..HIGH, such as 0..4095", scaling.range_text)
FOREGROUND = Kind(mask_numbers.foreground, "nonzero, or above:NUMBER such as above:127")
SEPARATOR = Kind(tables.separator, "comma, semicolon, tab, bar, space, or the sign itself")
VOID = Kind(int, "the number of the void pixels, such as 255")


def without_young_defaults(config: "Loading", known: Iterable[Option]) -> dict[str, Any]:
    """Returns the values of options; those younger than the first records only where they differ
    from their default, so that jobs and searches keep their identity."""
    return {
        each.name: getattr(config, each.name)
        for each in known
        if not (each.since and each.is_default(getattr(config, each.name)))
    }


def _of_files(default: Any, about: str, kind: Kind, **more) -> Any:
    """Declares how files are read: an option of the second version of records.

    It tells no rows of a table apart: the checksum of what was read does.
    """
    return option(default, about, "data", kind, since=2, tells_rows_apart=False, **more)


@dataclasses.dataclass(frozen=True)
class Loading:
    """What is loaded, and how: a run and a search have these options.

    How your own files are read is explained in `zoo.data.contents.Options`.
    """

    dataset: str = option(
        "fashion_mnist_small",
        "name, folder of images, .npz file, or table (.csv, .tsv)",
        "data",
        Kind(str, "a name or a path"),
        tells_rows_apart=False,  # the name and the checksum of what was read do
    )
    noise: str | None = option(
        None,
        "noise on all inputs; targets stay clean",
        "data",
        Kind(str, "text such as gaussian:0.2"),
        metavar="KIND:LEVEL",
    )
    limit: int | None = option(
        None,
        "number of training images to use",
        "data",
        WHOLE,
        tells_rows_apart=False,  # the checksum does
    )
    resize: tuple[int, int] | None = option(
        None,
        "size of all images, for folders of mixed sizes",
        "data",
        SIZE,
        unit="pixels",
        metavar="HxW",
        tells_rows_apart=False,  # the checksum does
    )
    value_range: tuple[float, float] | None = _of_files(
        None,
        "what is black and white in your files",
        RANGE,
        asked="range",
        metavar="LOW..HIGH",
        by_data="the range of the type",
    )
    foreground: str | None = _of_files(
        None,
        "numbers of your masks that are foreground",
        FOREGROUND,
        metavar="NUMBERS",
        by_data="the numbers are classes",
    )
    ignore_label: int | None = _of_files(
        None,
        "number in your masks that is no class (void)",
        VOID,
        metavar="NUMBER",
    )
    mask_classes: int | None = _of_files(
        None,
        "classes of your masks, where some may be missing in them",
        WHOLE,
        by_data="by the masks",
        least=1,
    )
    layout: str | None = _of_files(
        None,
        "what the sub-folders of your folder mean",
        Kind(str, "a word"),
        choices=layouts.LAYOUTS,
        by_data="as they are called",
    )
    data_kind: str | None = _of_files(
        None,
        "what arrays of rank 3 in an .npz are",
        Kind(str, "a word"),
        asked="data",
        choices=ARRAYS,
        by_data="by key and shape",
    )
    label_column: str | None = _of_files(
        None,
        "name of the column of labels in a table",
        Kind(str, "the name of a column"),
        metavar="NAME",
    )
    separator: str | None = _of_files(
        None,
        "what separates the cells of a table",
        SEPARATOR,
        metavar="SIGN",
        by_data="found; a tab for .tsv",
    )
    window: int | None = _of_files(
        None,
        "length of the windows that a long series is cut into",
        WHOLE,
        unit="steps",
        least=1,
    )
    stride: int | None = _of_files(
        None,
        "steps from one window to the next",
        WHOLE,
        unit="steps",
        by_data="the window",
        least=1,
    )
    skip_unreadable: bool = _of_files(
        False,
        "leave damaged files out",
        FLAG,
    )

    @property
    def loading(self) -> dict[str, object]:
        """Returns what `bench.data.catalog.load` takes beside the name."""
        return {name: getattr(self, name) for name in LOADING}

    @property
    def loading_identity(self) -> dict[str, Any]:
        """Returns what tells these data, read so, from others."""
        return without_young_defaults(self, DATA)


# Of `Loading`, whatever a class that extends it has beside.
DATA = declared_by(Loading)
LOADING = tuple(each.name for each in DATA if each.name != "dataset")
