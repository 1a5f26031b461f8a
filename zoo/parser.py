"""The parser of the command lines of `zoo`, `bench` and `tuner`."""

import argparse
import re
import sys
from pathlib import Path

# Scripts of the installation, and what the help is written with.
SCRIPTS = {
    "zoo": "python -m zoo",
    "zoo-bench": "python -m bench",
    "zoo-tune": "python -m tuner",
}
_NEGATIVE_RANGE = re.compile(r"-[\d.]+\.\.\S+")


class CommandParser(argparse.ArgumentParser):
    """Tells wrong use in one line, and shows the name that it was started by.

    A range that starts with a minus, as in `--range -1..1`, is a value.
    """

    def parse_known_args(self, args=None, namespace=None):
        joined: list[str] = []
        for word in sys.argv[1:] if args is None else args:
            if joined and joined[-1].startswith("--") and _NEGATIVE_RANGE.fullmatch(word):
                joined[-1] += f"={word}"
            else:
                joined.append(word)
        return super().parse_known_args(joined, namespace)

    def format_help(self) -> str:
        return as_started(super().format_help())

    def format_usage(self) -> str:
        return as_started(super().format_usage())

    def error(self, message: str):
        """Ends the program with code 2."""
        text = f"error: {message.removesuffix('.')}. See {self.prog} --help\n"
        self.exit(2, as_started(text))


def as_started(text: str) -> str:
    """Returns a text with the name of the script that runs, where it is one of `SCRIPTS`."""
    script = Path(sys.argv[0]).stem
    return text.replace(SCRIPTS[script], script) if script in SCRIPTS else text
