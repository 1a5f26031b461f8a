"""`python -m tuner benchmark`: searches against each other where the best is known."""

import argparse
from pathlib import Path

DESCRIPTION = """Regret of searches after 10, 20 and 40 trials, over seeds: on functions with
a known optimum and on a table of real trainings. Nothing is trained.
"""
EXAMPLES = """examples:
  python -m tuner benchmark --seeds 5
  python -m tuner benchmark --report             the tables of what is there already
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `benchmark`."""
    add = parser.add_argument
    add("--output", type=Path, default=Path("runs/search_benchmark"), help="(default: %(default)s)")
    add("--seeds", type=int, default=20, help="repetitions of each search (default: %(default)s)")
    add("--problems", nargs="+", metavar="NAME", help="(default: all)")
    add("--searches", nargs="+", metavar="NAME", help="(default: all that are installed)")
    add("--report", action="store_true", help="run nothing, report what is there")


def command(options: argparse.Namespace) -> int:
    """Runs what is missing, prints the tables and writes them with the curves."""
    from rich.console import Console
    from rich.progress import Progress

    from bench.errors import BenchError
    from bench.records.store import check_writable
    from tuner.benchmark import contenders, problems, report, run
    from tuner.commands.output import print_plain
    from zoo import checks

    known = problems.names()
    names = tuple(options.problems or known)
    for name in names:
        if name not in known:
            raise BenchError(
                f"tuner benchmark: --problems must be of {', '.join(known)}. "
                f"Received: {name!r}.{checks.suggestion(name, known)}"
            )
    searches = tuple(options.searches or contenders.installed())
    for search in searches:
        contenders.check(search)
    if options.seeds < 1:
        raise BenchError(
            f"tuner benchmark: --seeds must be at least 1. Received: {options.seeds}. Give 20."
        )
    console = Console()
    if options.report:
        records = run.read(options.output)
    else:
        check_writable(options.output)
        options.output.mkdir(parents=True, exist_ok=True)
        with Progress(console=console) as progress:
            task = progress.add_task("searches", total=None)
            records = run.run(
                options.output,
                names,
                searches,
                options.seeds,
                lambda done, wanted, text: progress.update(
                    task, completed=done, total=wanted, description=text
                ),
            )
    if not records:
        raise BenchError(f"tuner benchmark: {options.output} has no records. Leave --report out.")
    for path in report.write(options.output, records, console):
        print_plain(console, str(path))
    return 0
