"""`python -m tuner benchmark`: searches against each other where the best is known."""

import argparse
from pathlib import Path

DESCRIPTION = """Regret of searches after 10, 20 and 40 trials, over seeds: on functions with
a known optimum, on a table of real trainings, and on tables that others
published, in the format of Syne Tune. Nothing is trained.
"""
EXAMPLES = """examples:
  python -m tuner benchmark --seeds 5
  python -m tuner benchmark --report             the tables of what is there already
  python -m tuner benchmark --blackbox ~/.blackbox-repository/autoencodix_varix
      on published trainings of autoencoders, too; Syne Tune makes such folders
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `benchmark`."""
    add = parser.add_argument
    add("--output", type=Path, default=Path("runs/search_benchmark"), help="(default: %(default)s)")
    add("--seeds", type=int, default=20, help="repetitions of each search (default: %(default)s)")
    add("--problems", nargs="+", metavar="NAME", help="(default: all)")
    add("--searches", nargs="+", metavar="NAME", help="(default: all that are installed)")
    add(
        "--blackbox",
        nargs="+",
        type=Path,
        default=(),
        metavar="FOLDER",
        help="tables of trainings in the format of Syne Tune; needs pyarrow",
    )
    add(
        "--objective",
        metavar="NAME",
        help="of those tables, NAME or NAME:lower or NAME:higher (default: the one they name)",
    )
    add("--report", action="store_true", help="run nothing, report what is there")


def command(options: argparse.Namespace) -> int:
    """Runs what is missing, prints the tables and writes them with the curves."""
    from rich.console import Console
    from rich.progress import Progress

    from bench.errors import BenchError
    from bench.records.store import check_writable
    from tuner.benchmark import blackbox, contenders, problems, report, run
    from tuner.commands.output import print_plain
    from zoo import checks

    name, _, better = (options.objective or "").partition(":")
    if better not in ("", *blackbox.BETTER):
        raise BenchError(
            "tuner benchmark: --objective must be NAME, NAME:lower or NAME:higher. "
            f"Received: {options.objective!r}."
        )
    if name and not options.blackbox:
        raise BenchError("tuner benchmark: --objective is of a --blackbox FOLDER. Give one.")
    folders = [folder.expanduser().resolve() for folder in options.blackbox]
    if len({folder.name for folder in folders}) < len(folders):
        raise BenchError("tuner benchmark: each --blackbox must have a name of its own.")
    for folder in folders:
        problems.add(blackbox.read(folder, name or None, better or None))
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
        found = run.read(options.output)
        records = [record for record in found if record["problem"] in known]
        others = sorted({record["problem"] for record in found} - set(known))
        if others:
            print_plain(console, f"left out, give their --blackbox: {', '.join(others)}")
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
