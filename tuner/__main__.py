"""Command line: `python -m tuner COMMAND`: search, show, report, confirm, export,
space, benchmark."""

import argparse
import sys

from bench.errors import BenchError
from tuner.commands import benchmark, confirm, export, report, search, show, space
from zoo import checks
from zoo.parser import can_show_all_signs, program
from zoo.registry import quiet

COMMANDS = (search, show, report, confirm, export, space, benchmark)


def main(arguments: list[str] | None = None) -> int:
    """Runs a command and returns its exit code: 0 done, 1 no result, 2 wrong use, 130 Ctrl-C."""
    quiet.mark()
    can_show_all_signs()
    try:
        _refuse_what_is_gone(sys.argv[1:] if arguments is None else arguments)
        options = make_parser().parse_args(arguments)
        return options.command(options)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Exception as error:
        if (line := checks.no_defect(error)) is None:
            raise
        print(f"error: {line}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped. What is finished is kept: the same command goes on.", file=sys.stderr)
        return 130


def _refuse_what_is_gone(arguments: list[str]) -> None:
    if arguments and arguments[0] in ("chief", "worker"):
        raise BenchError(
            f"`{arguments[0]}` is gone: several machines share a search over a Ray cluster. Use "
            "`python -m tuner search MODEL --engine ray --ray-address HOST:PORT`."
        )


def make_parser() -> argparse.ArgumentParser:
    """Returns the parser of all commands."""
    parser = program(
        "python -m tuner",
        "Searches for the settings of a model that fit your images.",
        search.EXAMPLES,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_command(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
