"""Command line: `python -m bench COMMAND`: run, report, inspect, compare, reproduce, scale, ..."""

import argparse
import os
import sys

from bench.errors import exit_code
from bench.execution.engine import ENVIRONMENT
from zoo.parser import Command, add_commands, can_show_all_signs, program

COMMANDS = (
    Command("run", "bench.commands.run", "train and measure models, then print the leaderboard"),
    Command(
        "report",
        "bench.commands.report",
        "write Markdown, CSV, pictures and a page from the records",
    ),
    Command("rank", "bench.commands.rank", "rank models over the data sets of several runs"),
    Command(
        "inspect",
        "bench.commands.inspect",
        "draw filters, activation maps, traversals or interpolations of a saved model",
    ),
    Command(
        "compare",
        "bench.compare.command",
        "tell whether B is slower than A: two models, or two versions of the code",
    ),
    Command(
        "reproduce",
        "bench.reproduce.command",
        "measure published numbers again and tell which agree",
    ),
    Command(
        "scale",
        "bench.scaling.command",
        "tell how cost grows with batch, image, width and data size; and memory over epochs",
    ),
    Command(
        "pack",
        "bench.packing.command",
        "make the weights that come with the package of a run, or measure them again",
    ),
    Command("docs", "bench.commands.docs", "write the tables of README.md and docs/ from records"),
    Command("list", "bench.commands.list", "show models, presets, data sets and suites"),
    Command(
        "migrate",
        "bench.commands.migrate",
        "write records of the version before in the format of this one",
    ),
)
OLD_NAMES = {"look": "inspect", "table": "docs"}  # work until the next version
EXAMPLES = """examples:
  python -m bench run                              four models on garments
  python -m bench run --dataset my_images/ --resize 64x64      which fits mine?
  python -m bench run --help                       noise, masks, anomalies, more
  python -m bench report runs/my_images-core       the page again, from records
  python -m bench rank runs/a runs/b runs/c        one ranking over data sets
  python -m bench inspect model.keras digits --traversal --output codes.png
  python -m bench compare git:main . --models vae  did my changes cost speed?
  python -m bench reproduce --quick                published numbers, again
  python -m bench scale --quick                    how does cost grow with size?
  python -m bench pack --check                     are the shipped weights as good?
  python -m bench list                             models and data sets
"""


def main(arguments: list[str] | None = None) -> int:
    """Runs a command and returns its exit code: 0 done, 1 failed job, 2 wrong use, 130 Ctrl-C."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    can_show_all_signs()
    words = _with_new_name(arguments)
    options = make_parser(words[0] if words else "").parse_args(words)
    return exit_code(options.command, options)


def make_parser(wanted: str | None = None) -> argparse.ArgumentParser:
    """Returns the parser.

    Args:
        wanted: Name of the command that it is for; the others are only named. None: of all.
    """
    about = "Measures the models of the zoo on your images and your machine."
    parser = program("python -m bench", about, EXAMPLES)
    add_commands(parser, COMMANDS, wanted)
    return parser


def _with_new_name(arguments: list[str] | None) -> list[str]:
    """Returns the arguments with a command's old name replaced, and says so."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments and arguments[0] in OLD_NAMES:
        old, new = arguments[0], OLD_NAMES[arguments[0]]
        print(
            f"note: `{old}` is now called `{new}`; the old name works until the next version.",
            file=sys.stderr,
        )
        arguments[0] = new
    return arguments


if __name__ == "__main__":
    sys.exit(main())
