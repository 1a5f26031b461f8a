"""`python -m bench run`: trains and measures models, then prints the leaderboard."""

import argparse
from pathlib import Path

from bench.runs import command_line

EXAMPLES = """examples:
  python -m bench run                                     every model of the core suite on digits
  python -m bench run --dataset fashion_mnist --models "*vae*" --epochs 5 --seeds 3
  python -m bench run --dataset my_images/ --resize 64x64
  python -m bench run --noise gaussian:0.3                noisy inputs, clean targets
  python -m bench run --dataset composed_digits           four U-Nets, beside the trivial masks
  python -m bench run --normal-classes all                each digit in turn: find all others
  python -m bench run --dataset defects_textures          find defects, and where they are
  python -m bench run --models autoencoder:tf_tutorial_dense --dataset fashion_mnist --epochs 10
  python -m bench run bench/experiments/digits.yaml       grids from a file, checked before it runs
"""


def add_command(commands) -> None:
    """Adds `run` to the command line.

    Args:
        commands: What `argparse.ArgumentParser.add_subparsers` returns.
    """
    parser = commands.add_parser(
        "run",
        help="train and measure models, then print the leaderboard",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=command)
    parser.add_argument(
        "experiment",
        nargs="?",
        type=Path,
        default=None,
        metavar="EXPERIMENT.yaml",
        help="file that says what runs, such as bench/experiments/digits.yaml",
    )
    command_line.add_options(parser)


def command(options: argparse.Namespace) -> int:
    """Runs what is asked for and prints the leaderboard; returns 1 if a job failed, else 0."""
    from rich.console import Console

    from bench.execution import session
    from bench.leaderboard import rows as leaderboard_rows
    from bench.report import terminal
    from bench.runs import experiment

    given = command_line.given(options)
    console = Console()
    if options.experiment is None:
        outcome = session.run(session.Request(**given), console)
    else:
        outcome = session.run_experiment(experiment.read(options.experiment, given), console)
    rows = leaderboard_rows.rows(outcome.records)
    console.print(terminal.to_rich_table(rows))
    console.print(f"pictures and a page: python -m bench report {outcome.output}")
    return 1 if outcome.num_failed else 0
