"""`python -m tuner confirm`: the winner and the defaults on fresh seeds, on the test split."""

import argparse
from pathlib import Path

EXAMPLES = """examples:
  python -m tuner confirm runs/search-vae-digits-psnr-bayesian --seeds 5
  python -m tuner confirm runs/search-vae-digits-psnr-bayesian --trial 7
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `confirm`."""
    parser.add_argument("folder", type=Path, help="of the search, such as runs/search-vae-...")
    parser.add_argument("--seeds", type=int, default=3, help="at least 2 (default: %(default)s)")
    parser.add_argument("--trial", type=int, help="another trial than the winner")


def command(options: argparse.Namespace) -> int:
    """Measures, prints the result and writes the report."""
    from rich.console import Console

    from tuner.commands.output import print_plain, print_sentence
    from tuner.report import write
    from tuner.search import confirm
    from tuner.trials.store import Project

    console, project = Console(), Project.open(options.folder)
    confirmed = confirm.confirm(project, options.seeds, console, options.trial)
    print_sentence(console, confirmed.sentence)
    print_plain(console, str(write.write(project, confirmed)))
    return 0
