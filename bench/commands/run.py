"""`python -m bench run`: trains and measures models, then prints the leaderboard."""

import argparse
import json
import math
import webbrowser
from pathlib import Path
from typing import Any

from bench.runs import command_line

_MOST_TABLES = 3  # that the terminal tells of in words

EXAMPLES = """examples:
  python -m bench run                                     four small models on images of garments
  python -m bench run --dataset fashion_mnist --models "*vae*" --epochs 5 --seeds 3
  python -m bench run --dataset my_images/ --resize 64x64
  python -m bench run --noise gaussian:0.3                noisy inputs, clean targets
  python -m bench run --dataset composed_digits           four U-Nets, beside the trivial masks
  python -m bench run --dataset digits --normal-classes all   each digit in turn: find all others
  python -m bench run --dataset defects_textures          find defects, and where they are
  python -m bench run --models autoencoder:tf_tutorial_dense --dataset fashion_mnist --epochs 10
  python -m bench run --models vae my_module:build mine.keras    your own beside ours
  python -m bench run bench/experiments/digits.yaml       grids from a file, checked before it runs
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `run`."""
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
    """Runs what is asked for and tells the result; returns 1 if a job failed, else 0."""
    from rich.console import Console
    from rich.markup import escape
    from rich.text import Text

    from bench.execution import session
    from bench.report.live import LivePage
    from bench.runs import experiment

    given = command_line.given(options)
    shows = {name: given.get(name, False) for name in ("open", "quiet", "json")}
    console = Console(stderr=shows["json"], quiet=shows["quiet"])
    warnings = Console(stderr=True)
    if options.experiment is None:
        asked, run = session.Request(**given), session.run
        folder = asked.folder
    else:
        asked, run = experiment.read(options.experiment, given), session.run_experiment
        folder = asked.output
    page = LivePage(folder, lambda text: warnings.print(f"[yellow]warning:[/] {escape(text)}"))
    try:
        outcome = run(asked, console, page.after_job)
    except KeyboardInterrupt:
        if page.stop():
            warnings.print(Text(f"what is finished: {page.path}"), soft_wrap=True)
        raise
    is_written = page.finish()
    if shows["json"]:
        print(_as_json(outcome, page.path if is_written else None))
    else:
        _print_result(outcome, page.path if is_written else None)
    if shows["open"] and is_written:
        webbrowser.open(page.path.absolute().as_uri())
    return 1 if outcome.num_failed else 0


def _print_result(outcome: Any, page: Path | None) -> None:
    """Prints the leaderboard, what it says in words, and where the page is."""
    from rich.console import Console
    from rich.text import Text

    from bench.leaderboard import rows as leaderboard_rows
    from bench.report import terminal, words

    console = Console()
    rows = leaderboard_rows.rows(outcome.records)
    console.print(terminal.to_rich_table(rows))
    said = words.of_rows(rows)
    for table, sentences in said[:_MOST_TABLES]:
        console.print()
        if len(said) > 1:
            console.print(Text(f"{table}:", style="bold"))
        for sentence in sentences:
            console.print(Text(sentence))
    if len(said) > _MOST_TABLES:
        console.print(Text(f"\nThe page tells of {len(said) - _MOST_TABLES} more tables."))
    if page is not None:
        console.print(Text(f"\nPictures, curves and all numbers: {page}"), soft_wrap=True)


def _as_json(outcome: Any, page: Path | None) -> str:
    """Returns the result as JSON: where it is, what it says in words, and the rows."""
    from bench.leaderboard import rows as leaderboard_rows
    from bench.report import tables, words

    rows = leaderboard_rows.rows(outcome.records)
    result = {
        "output": str(outcome.output),
        "page": None if page is None else str(page),
        "num_run": outcome.num_run,
        "num_kept": outcome.num_kept,
        "num_failed": outcome.num_failed,
        "words": [{"table": table, "sentences": said} for table, said in words.of_rows(rows)],
        "rows": tables.plain_lines(rows),
    }
    return json.dumps(_finite(result), indent=2, allow_nan=False)


def _finite(value: Any) -> Any:
    """Returns a value with None for numbers that JSON does not know."""
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
