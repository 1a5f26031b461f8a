"""`python -m tuner report`: the page and the picture of a search, anew from its records."""

import argparse
from pathlib import Path

EXAMPLES = """example:
  python -m tuner report runs/search-vae-digits-psnr-bayesian
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `report`."""
    parser.add_argument("folder", type=Path, help="of the search, such as runs/search-vae-...")


def command(options: argparse.Namespace) -> int:
    """Writes `report.html` and `search.png` and prints their paths."""
    from rich.console import Console

    from tuner.trials.store import Project

    write_files(Project.open(options.folder), Console())
    return 0


def write_files(project, console) -> None:
    """Writes the picture, if there is something to draw, and the page; prints their paths."""
    from tuner.commands.output import print_plain
    from tuner.report import write
    from tuner.report.plots import basic
    from tuner.search import confirm
    from tuner.space import ready

    path = basic.write(project, ready.get(project.identity["model"]).parameters)
    if path is not None:
        print_plain(console, str(path))
    print_plain(console, str(write.write(project, confirm.read(project))))
