"""Options of the commands that read image files or arrays to learn from."""

import argparse
from collections.abc import Callable
from typing import Any

from zoo import checks
from zoo.data import layouts, mask_numbers, reading, scaling
from zoo.tabular import tables


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the options to a parser."""
    parser.add_argument(
        "--resize", type=checks.size, metavar="HxW", help="size of the model's images"
    )
    parser.add_argument("--color", choices=("grey", "rgb"), help="default: as the files are")
    parser.add_argument(
        "--range",
        type=_of(scaling.parse_range),
        metavar="LOW..HIGH",
        help="what is black and white, such as 0..4095; default: the range of the type",
    )
    parser.add_argument(
        "--foreground",
        type=_of(mask_numbers.foreground),
        metavar="NUMBERS",
        help="numbers of the masks that are foreground: nonzero, or above:127",
    )
    parser.add_argument(
        "--ignore-label",
        type=int,
        metavar="NUMBER",
        help="number of the masks that is no class (void), such as 255",
    )
    parser.add_argument(
        "--mask-classes",
        type=int,
        metavar="NUMBER",
        help="classes of the masks, where some may be missing in them",
    )
    parser.add_argument(
        "--layout",
        choices=layouts.LAYOUTS,
        help="what the sub-folders mean; default: as they are called",
    )
    parser.add_argument(
        "--data",
        dest="data_kind",
        choices=("images", "series"),
        help="what arrays of rank 3 in an .npz are; default: by key and shape",
    )
    add_of_rows(parser)
    parser.add_argument(
        "--window", type=int, metavar="STEPS", help="cut a long series into windows of this length"
    )
    parser.add_argument(
        "--stride",
        type=int,
        metavar="STEPS",
        help="from one window to the next; default: the window",
    )
    parser.add_argument("--skip-unreadable", action="store_true", help="leave damaged files out")


def add_of_rows(parser: argparse.ArgumentParser) -> None:
    """Adds the options of tables."""
    parser.add_argument(
        "--label-column", metavar="NAME", help="column of the labels in a table (.csv, .tsv)"
    )
    parser.add_argument(
        "--separator",
        type=_of(tables.separator),
        metavar="SIGN",
        help="of the cells of a table: comma, semicolon, tab, bar, space; default: found",
    )


def from_arguments(options: argparse.Namespace, **settings) -> reading.Options:
    """Returns how to read, as the options of a command line say.

    Args:
        **settings: Fields of `reading.Options`, in their place.
    """
    given = {
        "resize": options.resize,
        "color": options.color,
        "skip_unreadable": options.skip_unreadable,
        "value_range": options.range,
        "foreground": options.foreground,
        "ignore_label": options.ignore_label,
        "mask_classes": options.mask_classes,
        "layout": options.layout,
        "data_kind": options.data_kind,
        "label_column": options.label_column,
        "separator": options.separator,
        "window": options.window,
        "stride": options.stride,
    }
    return reading.Options(**(given | settings))


def _of(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Returns a reader of texts whose errors the command line shows."""

    def checked(text: str) -> Any:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return checked
