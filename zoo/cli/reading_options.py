"""Options of the commands that read image files or arrays to learn from."""

import argparse

from zoo import checks
from zoo.data import mask_numbers, reading, scaling


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the options to a parser."""
    parser.add_argument(
        "--resize", type=checks.size, metavar="HxW", help="size of the model's images"
    )
    parser.add_argument("--color", choices=("grey", "rgb"), help="default: as the files are")
    parser.add_argument(
        "--range",
        type=value_range,
        metavar="LOW..HIGH",
        help="what is black and white, such as 0..4095; default: the range of the type",
    )
    parser.add_argument(
        "--foreground",
        type=foreground,
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
        "--data",
        dest="data_kind",
        choices=("images", "series"),
        help="what arrays of rank 3 in an .npz are; default: by key and shape",
    )
    parser.add_argument("--skip-unreadable", action="store_true", help="leave damaged files out")


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
        "data_kind": options.data_kind,
    }
    return reading.Options(**(given | settings))


def value_range(text: str) -> tuple[float, float]:
    """Returns `(low, high)` of `"0..4095"`."""
    try:
        return scaling.parse_range(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def foreground(text: str) -> str:
    """Returns a description of the foreground of masks, checked."""
    try:
        return mask_numbers.foreground(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
