"""Command line: `python -m bench COMMAND`: run, report, inspect, compare, reproduce, scale, ..."""

import argparse
import os
import sys

from bench.commands import docs, inspect, migrate, report, run
from bench.commands import list as list_command
from bench.compare import command as compare
from bench.errors import BenchError
from bench.execution.engine import ENVIRONMENT
from bench.reproduce import command as reproduce
from bench.scaling import command as scale
from zoo.parser import CommandParser

COMMANDS = (run, report, inspect, compare, reproduce, scale, docs, list_command, migrate)
OLD_NAMES = {"look": "inspect", "table": "docs"}  # work until the next version
EXAMPLES = f"""{run.EXAMPLES.rstrip()}
  python -m bench report runs/digits-core                 pictures and a page from the records
  python -m bench inspect model.keras digits --layer encoder/conv1 --output maps.png
  python -m bench compare git:main . --models vae         did my changes cost speed?
  python -m bench reproduce --quick                       published numbers, measured again
  python -m bench scale --quick                           how does cost grow with size?
  python -m bench list                                    models, presets and data sets
"""


def main(arguments: list[str] | None = None) -> int:
    """Runs a command and returns its exit code: 0 done, 1 failed job, 2 wrong use, 130 Ctrl-C."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    options = make_parser().parse_args(_with_new_name(arguments))
    try:
        return options.command(options)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped. What is finished is kept: the same command goes on.", file=sys.stderr)
        return 130


def make_parser() -> argparse.ArgumentParser:
    """Returns the parser of all commands."""
    parser = CommandParser(
        prog="python -m bench",
        description="Measures the models of the zoo on your images and your machine.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_command(commands)
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
