"""`python -m bench reproduce`: measures published numbers again and tells which agree."""

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from bench.data import binarize, catalog
from bench.errors import BenchError
from bench.execution import session
from bench.records import store
from bench.records.schema import Record
from bench.reproduce import entries as published_entries
from bench.reproduce import table, verdicts
from bench.reproduce.entries import Entry
from bench.reproduce.verdicts import NO, Row
from zoo import aligned

DEFAULT_SEEDS = 3
DESCRIPTION = """Measures published numbers again, and tells which of ours agree.

Each entry names its source, its recipe, the published value with the spread of
its runs, and the distance that still agrees. Counts of parameters need no
training. What is finished is kept: the same command goes on where it stopped.
An entry whose data are missing is a row that says which files to put where.
"""
EXAMPLES = """examples:
  python -m bench reproduce --list                       all entries, sources and needed data
  python -m bench reproduce --quick                      minutes: counts, and Fashion-MNIST
  python -m bench reproduce --only "count_*"             parameters alone, without training
  python -m bench reproduce --only fashion_mnist_gated_vae --seeds 1
  python -m bench reproduce                              everything whose data are here: days
  python -m bench report runs/reproduce                  a page of it

exit code: 0 all that ran agree, 1 one does not or failed, 2 wrong use
"""


@dataclasses.dataclass(frozen=True)
class Request:
    """What is to be reproduced.

    Attributes:
        only: Ids of entries, perhaps with wildcards; None: all.
        quick: Only those that take minutes on two cores.
        seeds: Seeds of each training, counted from 0; None: those of the entry, else 3.
        output: Folder of the records.
        fresh: Whether what is finished runs again.
    """

    only: tuple[str, ...] | None = None
    quick: bool = False
    seeds: int | None = None
    output: Path = Path("runs/reproduce")
    fresh: bool = False


def reproduce(
    request: Request, console: Console | None = None, entries: Sequence[Entry] | None = None
) -> list[Row]:
    """Runs the entries that are asked for and compares them with what was published.

    The records are those of `bench run`; `<output>/reproduce.json` holds the rows.

    Args:
        entries: To choose from; None: those of `published.yaml`.

    Returns:
        A row for each entry. Where data are missing, or the zoo lacks the model, it says so.

    Raises:
        BenchError: for wrong arguments or a folder that cannot be written.
        KeyboardInterrupt: on Ctrl-C, after the running job has been ended.
    """
    console = console or Console()
    if request.seeds is not None and request.seeds < 1:
        raise BenchError(f"--seeds must be at least 1. Received: {request.seeds}.")
    entries = published_entries.read() if entries is None else entries
    chosen = published_entries.choose(entries, request.only, request.quick)
    store.check_writable(request.output)
    counts = _count(chosen, console)
    missing: set[str] = set()
    records: list[Record] = []
    trainings = [entry for entry in chosen if entry.recipe and not entry.is_count]
    for number, entry in enumerate(trainings, start=1):
        if not _is_here(entry, missing, console):
            continue
        console.rule(f"{number} of {len(trainings)}: {escape(entry.id)}", align="left")
        console.print(f"{escape(entry.what)}; published {escape(entry.text)}", highlight=False)
        records += session.run(to_request(entry, request), console).records
    rows = verdicts.compute(chosen, records, counts, missing)
    table.write_json(request.output, rows)
    return rows


def to_request(entry: Entry, request: Request) -> session.Request:
    """Returns what `bench run` is asked for, writing the data file that the recipe prepares."""
    recipe = dict(entry.recipe)
    folder = request.output / "data"
    dataset = binarize.write(recipe.pop("dataset"), recipe.pop("prepare", None), folder)
    normal = recipe.pop("normal_class", None)
    seeds = recipe.pop("seeds", DEFAULT_SEEDS)
    settings = {
        name: recipe[name] for name in ("epochs", "learning_rate", "noise") if name in recipe
    }
    settings |= {name: recipe[name] for name in ("num_labels", "limit") if name in recipe}
    return session.Request(
        **settings,
        dataset=dataset,
        models=(entry.model,),
        seeds=seeds if request.seeds is None else request.seeds,
        batch_size=(recipe["batch_size"],),
        resize=tuple(recipe["resize"]) if "resize" in recipe else None,
        measure=tuple(recipe.get("measure", ())),
        normal_classes=None if normal is None else (normal,),
        output=request.output,
        fresh=request.fresh,
        timing_rounds=0,
    )


def _count(entries: Sequence[Entry], console: Console) -> dict[str, int]:
    if not any(entry.is_count and entry.recipe for entry in entries):
        return {}
    from bench.reproduce import parameter_counts

    with console.status("counting parameters"):
        return parameter_counts.compute(entries)


def _is_here(entry: Entry, missing: set[str], console: Console) -> bool:
    """Tells whether the data are here, after one try to load what can be downloaded."""
    if entry.data in missing:
        return False
    if entry.data_files and not binarize.is_local(entry.data):
        try:
            with console.status(f"looking for {escape(entry.data)}"):
                catalog.load(entry.data)
        except BenchError:
            missing.add(entry.data)
            console.print(
                f"[yellow]{escape(entry.data)} is missing:[/] {escape(entry.needed)}",
                highlight=False,
            )
            return False
    return True


# --- the command --------------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `reproduce`."""
    parser.add_argument("--quick", action="store_true", help="only what takes minutes on two cores")
    parser.add_argument("--only", nargs="+", metavar="ID", help='entries; wildcards: "mnist_*"')
    parser.add_argument("--list", action="store_true", help="show the entries and run nothing")
    parser.add_argument(
        "--seeds", type=int, help=f"seeds of each training (default: {DEFAULT_SEEDS})"
    )
    parser.add_argument(
        "--output", type=Path, default=Request.output, help=f"default: {Request.output}"
    )
    parser.add_argument("--fresh", action="store_true", help="run finished jobs again")


def command(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    only = None if options.only is None else tuple(options.only)
    console = Console()
    if options.list:
        entries = published_entries.choose(published_entries.read(), only, options.quick)
        if only is None:
            show_list(entries, console)
        else:
            show_details(entries, console)
        return 0
    request = Request(only, options.quick, options.seeds, options.output, options.fresh)
    rows = reproduce(request, console)
    table.show(rows, console)
    console.print(table.summary(rows), highlight=False)
    console.print(f"{request.output / table.FILE_NAME}", highlight=False, soft_wrap=True)
    return 1 if any(row.agrees == NO for row in rows) else 0


def show_list(entries: Sequence[Entry], console: Console) -> None:
    """Prints a line for each entry, below whether it can be run here."""
    here = _data_sets_here()
    parts: dict[str, list[tuple[str, str]]] = {}
    for entry in entries:
        if entry.why_not:
            part = "not run: --only ID says why"
        elif entry.data is not None and entry.data not in here:
            part = f"without {entry.data}, which is not here"
        else:
            part = "in minutes: --quick" if entry.quick else "in hours"
        parts.setdefault(part, []).append((entry.id, entry.text))
    aligned.show(console, ("entry", "published"), parts)
    console.print("\nSource, tolerance and data of one: --list --only ID", highlight=False)


def _data_sets_here() -> set[str]:
    return {dataset["name"] for dataset in catalog.describe() if dataset["is_local"]}


def show_details(entries: Sequence[Entry], console: Console) -> None:
    """Prints each entry with its published value, its source and what it needs."""
    here = _data_sets_here()
    for entry in entries:
        data = "no data" if entry.is_count else f"data: {entry.data}"
        if entry.data is not None and entry.data not in here:
            data += f" (not here: {entry.needed})"
        runs = f"not run: {entry.why_not}" if entry.why_not else "quick" if entry.quick else "slow"
        published = entry.text
        if entry.recipe and not entry.is_count:
            published += f", tolerance {entry.tolerance:g}"
        console.print(entry.id, style="bold", highlight=False)
        for text in (
            f"{entry.what}: {published}",
            f"{entry.source}, {entry.place}, {entry.url}",
            f"{data}; {runs}",
        ):
            print(aligned.paragraph(text, console.width, "  "))
