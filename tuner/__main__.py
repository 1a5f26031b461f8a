"""Command line: `python -m tuner COMMAND`: search, show, report, confirm, export,
space, benchmark."""

import argparse
import sys

from bench.errors import BenchError, exit_code
from tuner.commands import search
from zoo.parser import Command, add_commands, can_show_all_signs, program
from zoo.registry import quiet

COMMANDS = (
    Command("search", "tuner.commands.search", "try settings and keep the best"),
    Command("show", "tuner.commands.show", "show the trials of a search, and draw them"),
    Command("report", "tuner.commands.report", "write the page and the picture of a search"),
    Command(
        "confirm",
        "tuner.commands.confirm",
        "measure the winner and the defaults on fresh seeds, on the test split",
        aliases=("re-evaluate",),
    ),
    Command("export", "tuner.commands.export", "copy the winner's model to a .keras file"),
    Command("space", "tuner.commands.space", "show what is searched in a model"),
    Command(
        "benchmark",
        "tuner.commands.benchmark",
        "compare searches at equal trials where the best is known",
    ),
)


def main(arguments: list[str] | None = None) -> int:
    """Runs a command and returns its exit code: 0 done, 1 no result, 2 wrong use, 130 Ctrl-C."""
    quiet.mark()
    can_show_all_signs()
    return exit_code(_run, sys.argv[1:] if arguments is None else arguments)


def _run(words: list[str]) -> int:
    _refuse_what_is_gone(words)
    options = make_parser(words[0] if words else "").parse_args(words)
    return options.command(options)


def _refuse_what_is_gone(arguments: list[str]) -> None:
    if arguments and arguments[0] in ("chief", "worker"):
        raise BenchError(
            f"`{arguments[0]}` is gone: several machines share a search over a Ray cluster. Use "
            "`python -m tuner search MODEL --engine ray --ray-address HOST:PORT`."
        )


def make_parser(wanted: str | None = None) -> argparse.ArgumentParser:
    """Returns the parser.

    Args:
        wanted: Name of the command that it is for; the others are only named. None: of all.
    """
    parser = program(
        "python -m tuner",
        "Searches for the settings of a model that fit your images.",
        search.EXAMPLES,
    )
    add_commands(parser, COMMANDS, wanted)
    return parser


if __name__ == "__main__":
    sys.exit(main())
