"""Command line of the zoo: train a model on a folder of images, and use it."""

import argparse
import sys
from pathlib import Path

from zoo import checks
from zoo.cli import (
    card,
    check,
    models,
    pretrained,
    reading_options,
    thresholds,
    tiling,
    train,
    use,
)
from zoo.cli.instances import MIN_DISTANCE
from zoo.parser import can_show_all_signs, exit_code, new_command, program
from zoo.registry import quiet
from zoo.registry.pretrained import MODEL_HELP

EXAMPLES = """examples:
  python -m zoo list                                         what there is
  python -m zoo check photos/                                what is read of it
  python -m zoo train vae photos/ --resize 64x64 --output vae.keras
  python -m zoo reconstruct vae.keras photos/ --output copies/
  python -m zoo score vae.keras photos/ --output scores.csv  which are strange?
  python -m zoo sample vae.keras --num 25 --grid --output samples.png
  python -m zoo segment unet.keras cells/images/ --output masks/
  python -m zoo card vae.keras                               how it was trained
  python -m zoo pretrained                                   weights that come along
  python -m zoo export vae.keras exported/
each command has its own --help
"""


def main(arguments: list[str] | None = None) -> int:
    """Runs a command and returns its exit code: 0 done, 2 wrong use, 130 Ctrl-C."""
    quiet.mark()
    can_show_all_signs()
    options = make_parser().parse_args(arguments)
    return exit_code(
        lambda: options.command(options), line_of=_line_of, stopped="Nothing is half-written."
    )


def _line_of(error: Exception) -> str | None:
    return checks.one_line(error, with_kind=False) if isinstance(error, ValueError) else None


def make_parser() -> argparse.ArgumentParser:
    """Returns the parser of all commands."""
    parser = program(
        "python -m zoo", "Trains autoencoders and U-Nets on your images, and uses them.", EXAMPLES
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check.add_parser(commands)
    train.add_parser(commands)
    _add_reconstruct(commands)
    _add_score(commands)
    _add_segment(commands)
    card.add_parser(commands)
    pretrained.add_parser(commands)
    models.add_parsers(commands)
    return parser


def _add_folder_command(commands, name: str, run, about: str, examples: str):
    """Adds a command that reads a saved model and a folder of images."""
    parser = new_command(commands, name, run, about, f"examples:\n{examples}")
    parser.add_argument("model", type=Path, help=MODEL_HELP)
    parser.add_argument("folder", type=Path, help="folder of images; score: or a table or .npz")
    parser.add_argument("--batch-size", type=int, default=64, help="default: 64")
    parser.add_argument("--skip-unreadable", action="store_true", help="leave damaged files out")
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")
    tiling.add_options(parser)
    return parser


def _add_reconstruct(commands) -> None:
    parser = _add_folder_command(
        commands,
        "reconstruct",
        use.reconstruct,
        "write what the model makes of each image, and its error",
        "  python -m zoo reconstruct vae.keras photos/ --output copies/\n",
    )
    parser.add_argument(
        "--output", type=Path, required=True, help="folder: a PNG per image, and errors.csv"
    )


def _add_score(commands) -> None:
    parser = _add_folder_command(
        commands,
        "score",
        use.score,
        "write the anomaly score of each image",
        "  python -m zoo score vae.keras photos/ --output scores.csv\n"
        "  python -m zoo score machine.keras week.csv --output scores.csv   (a score a row)\n"
        "  python -m zoo score vae.keras photos/ --output scores.csv --maps maps/\n"
        "  python -m zoo score vae.keras photos/ --output scores.csv --threshold 0.02\n"
        "  python -m zoo score vae.keras photos/ --output scores.csv --normals good/ "
        "--false-alarm-rate 0.01 --keep\n"
        "  python -m zoo score vae.keras photos/ --output scores.csv --fdr 0.1\n",
    )
    parser.add_argument("--output", type=Path, required=True, help="table to write, .csv")
    parser.add_argument("--threshold", type=float, help="score above which an image is strange")
    parser.add_argument(
        "--normals",
        type=Path,
        metavar="PATH",
        help="held-out normal images, or rows, for the threshold",
    )
    thresholds.add(parser, "of the normals")
    parser.add_argument(
        "--fdr",
        type=float,
        metavar="SHARE",
        help="flag so many that at most this share of them are false alarms, on average, in place "
        "of a threshold",
    )
    parser.add_argument(
        "--keep", action="store_true", help="store the threshold in the model's file"
    )
    reading_options.add_of_rows(parser)
    parser.add_argument(
        "--stride", type=int, metavar="STEPS", help="from window to window; default: as trained"
    )
    parser.add_argument("--maps", type=Path, metavar="FOLDER", help="write score maps, as PNG")


def _add_segment(commands) -> None:
    parser = _add_folder_command(
        commands,
        "segment",
        use.segment,
        "write the mask of each image",
        "  python -m zoo segment unet.keras cells/images/ --output masks/\n"
        "  python -m zoo segment unet.keras scans/ --tile 256 --overlap 0.5 --output masks/\n"
        "  python -m zoo segment unet.keras scans/ --tile 256 --views turns --output masks/\n"
        "  python -m zoo segment unet.keras cells/images/ --instances --output cells_found/\n",
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        help="folder: masks/, overlays/ and shares.csv; with --views doubts/ too, the deviation of "
        "probabilities, white is 0.5",
    )
    parser.add_argument(
        "--instances",
        action="store_true",
        help="part objects that touch: labels/ (PNG of 16 bits), and objects.csv with area, "
        "centroid and box",
    )
    parser.add_argument(
        "--min-distance",
        type=int,
        default=MIN_DISTANCE,
        metavar="PIXELS",
        help="of the middles of two objects; default: %(default)s",
    )


if __name__ == "__main__":
    sys.exit(main())
