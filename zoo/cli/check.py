"""`python -m zoo check`: what is read of a folder or a file, without any training."""

import argparse
from pathlib import Path

from zoo.cli import reading_options, screen
from zoo.data import reading
from zoo.parser import new_command


def run(options: argparse.Namespace) -> int:
    """Prints what is read, and what is left out and why."""
    contents = reading.read(
        options.data, reading_options.from_arguments(options), watch=screen.reading_bar
    )
    screen.say(f"layout: {contents.kind}")
    for line in contents.said:
        screen.say(line)
    return 0


def add_parser(commands) -> None:
    """Adds the sub-command to the parser."""
    parser = new_command(
        commands,
        "check",
        run,
        "say what is read of your images, and what is left out",
        "examples:\n  python -m zoo check photos/\n  python -m zoo check scans/ --range 0..4095\n",
        description="Reads a folder of images, an .npz or a table as the other commands do, and "
        "says what it found: layout, sizes, classes, masks, bit depth, and what is left out.",
    )
    parser.add_argument("data", type=Path, help="folder of images, .npz file, or table")
    reading_options.add(parser)
