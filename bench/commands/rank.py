"""`python -m bench rank`: one ranking over the data sets of several runs."""

import argparse
import json
from pathlib import Path

EXAMPLES = """examples:
  python -m bench rank runs/digits-core runs/fashion_mnist-core
  python -m bench rank runs/* --metric ssim --baselines
  python -m bench rank runs/a runs/b runs/c --output runs/ranking
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `rank`."""
    parser.add_argument(
        "folders", nargs="+", type=Path, metavar="FOLDER", help="folders of runs, or record files"
    )
    parser.add_argument(
        "--metric", help="what ranks, such as mse, ssim or auroc (default: the leaderboards')"
    )
    parser.add_argument(
        "--baselines", action="store_true", help="rank the closed forms among the models"
    )
    parser.add_argument("--output", type=Path, help="folder for a page, Markdown and pictures")
    parser.add_argument(
        "--json", action="store_true", help="write the ranking to standard output as JSON"
    )


def command(options: argparse.Namespace) -> int:
    """Prints the ranking and returns the exit code 0."""
    from rich.console import Console
    from rich.text import Text

    from bench.leaderboard import across
    from bench.records import reading
    from bench.report import ranking
    from zoo import aligned

    folders = dict.fromkeys(options.folders)
    records = [record for folder in folders for record in reading.read(folder)[0]]
    ranked = across.rank(records, options.metric, options.baselines)
    written = []
    if options.output is not None:
        written = ranking.write(options.output, ranked, options.folders)
    if options.json:
        told = ranking.as_json(ranked) | {"files": list(map(str, written))}
        print(json.dumps(told, indent=2, allow_nan=False))
        return 0
    console = Console()
    ranks = ranking.ranks_table(ranked, factors=(1.25, 2.0))  # as many as 80 columns have room for
    aligned.show(console, ranks.head, ranks.lines, numeric=ranks.head[1:], gives_way="model")
    console.print()
    for sentence in ranking.sentences(ranked):
        console.print(Text(sentence))
    for path in written:
        console.print(Text(str(path)), soft_wrap=True)
    return 0
