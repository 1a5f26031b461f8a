"""`python -m tuner show`: the trials of a search as a table, a picture and a page."""

import argparse
from pathlib import Path

from bench.errors import BenchError

EXAMPLES = """example:
  python -m tuner show runs/search-vae-digits-psnr-bayesian --all
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `show`."""
    parser.add_argument("folder", type=Path, help="of the search, such as runs/search-vae-...")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument(
        "--limit", type=int, default=10, metavar="N", help="show the N best (default: 10)"
    )
    shown.add_argument("--all", action="store_true", help="show every trial, in their order")


def command(options: argparse.Namespace) -> int:
    """Prints the trials and writes the report."""
    from rich.console import Console

    from tuner.commands import report
    from tuner.commands.output import print_plain, print_sentence
    from tuner.search import confirm, table
    from tuner.trials.store import Project

    if options.limit is not None and options.limit < 1:
        raise BenchError(f"--limit must be at least 1. Received: {options.limit}.")
    console = Console()
    project = Project.open(options.folder)
    for warning in project.warnings:
        print_plain(console, f"note: {warning}")
    if not project.trials:
        console.print("no trial is finished yet")
        return 1
    limit = None if options.all or not project.ranked else options.limit
    console.print(table.rich_table(project, limit=limit))
    num_left_out = 0 if limit is None else max(0, len(project.trials) - limit)
    if num_left_out:
        console.print(f"{num_left_out} more trials: --all shows them")
    if project.identity.get("costs"):
        console.print(table.front_table(project))
    confirmed = confirm.read(project)
    if confirmed is not None:
        print_sentence(console, confirmed.sentence)
    report.write_files(project, console)
    return 0
