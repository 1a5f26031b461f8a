"""`python -m bench compare A B`: the command, its table and its JSON file."""

import argparse
import dataclasses
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape

from bench.compare import comparison, saved_files
from bench.compare.comparison import Outcome, Request, Row
from bench.errors import BenchError
from bench.records import store
from bench.stats import paired
from zoo import aligned

SCHEMA_VERSION = 1
COARSE_THRESHOLD = 0.1
_TITLES = {"train": "training step", "infer": "inference", "latency": "latency"}
_COLOURS = {"faster": "green", "slower": "red", "failed": "red", "not compared": "yellow"}
DESCRIPTION = """Compares the speed of B with A's: two models, or two versions of the code.

A and B are models of the zoo, NAME[:PRESET[:ARGUMENT=VALUE,...]] with @SETTING
behind it, or checkouts: git:REVISION or a folder; or all are saved and
exported files. Settings: @jit, @no_jit, @float32, @mixed_bfloat16,
@mixed_float16, and @steps=N for N training steps per call.

The two run in turn, in processes that stay open. B counts as slower only when
the 95 % interval of the ratio leaves out 1, the ratio is beyond what A differs
from itself (at least 2 %), and both are found again in fresh processes.
Quality is not compared.
"""
EXAMPLES = """examples:
  python -m bench compare vae:small vae:small@jit            does XLA pay on this machine?
  python -m bench compare vae vae@mixed_bfloat16 --what train --dataset fashion_mnist
  python -m bench compare unet:small "unet:small:widths=(8,16)" --dataset composed_digits
  python -m bench compare git:main .                         did my changes cost speed?
  python -m bench compare git:v0.1.0 git:main --models vae "*unet*" --json speed.json
  python -m bench compare ../other . --models vae --what latency
  python -m bench compare vae.keras vae.onnx vae_int8.tflite --dataset fashion_mnist
                                                             files on the same images

exit code: 0 no regression, 1 B is slower than A or does not run, 2 wrong use
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `compare`."""
    default = Request("", "")
    parser.add_argument(
        "a", metavar="A", help="model, git:REVISION, folder or file to compare with"
    )
    parser.add_argument("b", metavar="B", help="model, git:REVISION, folder or file in question")
    parser.add_argument(
        "files",
        nargs="*",
        default=[],  # else it is told to be required where B is missing
        metavar="FILE",
        help="more files, where A and B are saved or exported",
    )
    parser.add_argument(
        "--models", nargs="+", help="of two checkouts: wildcards (default: the core suite)"
    )
    parser.add_argument(
        "--what", nargs="+", choices=comparison.WHATS, default=default.what, help="default: all"
    )
    parser.add_argument("--dataset", default=default.dataset, help="as in bench run")
    parser.add_argument(
        "--batch-size",
        type=int,
        help="of training and inference (default: 64 below 5,000 images, else 128)",
    )
    parser.add_argument(
        "--pairs",
        type=int,
        default=default.pairs,
        help=f"pairs of A and B, and as many of A and A, per round (default: {default.pairs})",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=default.rounds,
        help="how often a difference must be found, each time in fresh processes "
        f"(default: {default.rounds})",
    )
    parser.add_argument(
        "--window-seconds",
        type=float,
        default=default.window_seconds,
        help=f"steps of one turn, in seconds (default: {default.window_seconds})",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was found")


def command(options: argparse.Namespace) -> int:
    """Compares, prints the table, and returns the exit code: 1 when B is slower, else 0."""
    if options.json is not None:
        _check_json(options.json)
    if saved_files.are_files((options.a, options.b, *options.files)):
        return _compare_files(options)
    if options.files:
        raise BenchError(
            "A and B must be two, but for files such as vae.onnx. "
            f"Received: {options.files[0]!r} too."
        )
    fields = comparison.Request.__dataclass_fields__
    request = Request(**{name: getattr(options, name) for name in fields})
    console = Console()
    outcome = comparison.compare(request, console)
    show(outcome, console)
    for note in notes(outcome):
        console.print(escape(note), highlight=False)
    for row in outcome.regressions:
        console.print(f"[red]regression:[/] {escape(sentence(row))}", highlight=False)
    if options.json:
        write_json(options.json, outcome)
    return 1 if outcome.regressions else 0


def _compare_files(options: argparse.Namespace) -> int:
    """Runs saved and exported files of a model on the same images."""
    if options.models is not None:
        raise BenchError("--models belongs to two checkouts; A and B are files.")
    paths = saved_files.check((options.a, options.b, *options.files))
    if options.pairs < 1:
        raise BenchError(f"--pairs must be at least 1. Received: {options.pairs}.")
    if options.batch_size is not None and options.batch_size < 1:
        raise BenchError(f"--batch-size must be above 0. Received: {options.batch_size}.")
    from bench.data import catalog
    from bench.runs import suites

    console = Console()
    is_named = options.dataset.partition("/")[0] in catalog.names()
    how = {} if is_named or not Path(options.dataset).is_dir() else saved_files.reading(paths)
    with console.status("loading data"):
        dataset = catalog.load(options.dataset, **how)
    images = np.ascontiguousarray(dataset.test.images[: saved_files.MOST_IMAGES], "float32")
    batch_size = options.batch_size or suites.default_batch_size(dataset.num_train)
    rows = saved_files.compare(paths, images, batch_size, options.pairs, console)
    batch_size = min(batch_size, len(images))
    saved_files.show(rows, len(images) // batch_size * batch_size, console)
    console.print(
        f"{len(images)} test images of {escape(dataset.name)}, batches of {batch_size}; medians of "
        f"{options.pairs} turns, with 95 % intervals. Each file uses all cores.",
        highlight=False,
    )
    if options.json:
        about = {"dataset": dataset.name, "num_images": len(images), "batch_size": batch_size}
        _write(options.json, saved_files.to_json(rows, **about))
    return 1 if any(row.error is not None for row in rows) else 0


def show(outcome: Outcome, console: Console) -> None:
    """Prints the table: a line for each model and kind of step."""
    request = outcome.request
    console.print(f"A: {escape(request.a)}   B: {escape(request.b)}", highlight=False)
    parts: dict[str, list[tuple[str, ...]]] = {}
    for row in outcome.rows:
        parts.setdefault(row.name, []).append((_TITLES[row.what], *_numbers(row), row.verdict))
    head = ("what", "A ms", "B ms", "B / A [95 % interval]", "threshold", "verdict on B")
    rows = parts if len(parts) > 1 else next(iter(parts.values()), [])  # else the title says it

    def colour(cells: Sequence[str]) -> str:
        return _COLOURS.get(cells[-1], "")

    aligned.show(console, head, rows, numeric=head[1:-1], style=colour)


def _numbers(row: Row) -> tuple[str, ...]:
    difference = row.difference
    if difference is None:
        return ("",) * 4
    mark = "" if row.stable else "~"
    return (
        f"{mark}{row.a_ms:.3g}",
        f"{mark}{row.b_ms:.3g}",
        f"{difference.ratio:.3f} [{difference.low:.3f}, {difference.high:.3f}]",
        f"{difference.threshold:.1%}",
    )


def sentence(row: Row) -> str:
    """Returns a row as a sentence."""
    where = f"{row.name}, {_TITLES[row.what]}"
    if row.error is not None:
        letter = "B" if row.verdict == "failed" else "A"
        return f"{where}: {letter} does not run: {row.error}"
    difference = row.difference
    return (
        f"{where}: B takes {row.b_ms:.3g} ms, A {row.a_ms:.3g} ms: ratio {difference.ratio:.3f} "
        f"[{difference.low:.3f}, {difference.high:.3f}], threshold {difference.threshold:.1%}: "
        f"{row.verdict}"
    )


def notes(outcome: Outcome) -> Iterator[str]:
    """Gives what has to be said beside the table."""
    request, rows = outcome.request, outcome.rows
    yield (
        f"Medians of a step: {request.dataset}, batch {outcome.batch_size}; latency at batch 1. "
        f"{request.pairs} pairs A B B A per round. Quality is not compared."
    )
    for row in {row.name: row for row in rows if row.params_a is not None}.values():
        a, b = row.params_a, row.params_b
        if a == b:
            yield f"{row.name}: {a:,} parameters on both sides."
        else:
            yield f"{row.name}: parameters differ: A {a:,}, B {b:,} ({b / a - 1:+.1%})."
    for row in rows:
        verdicts = [part.verdict for part in row.rounds]
        if len(set(verdicts)) > 1:
            yield f"{row.name}, {_TITLES[row.what]}: the rounds disagree: {', '.join(verdicts)}."
        if row.verdict == "not compared":
            yield sentence(row)
        if row.difference and row.difference.threshold > COARSE_THRESHOLD:
            yield (
                f"{row.name}, {_TITLES[row.what]}: A differs from itself by up to "
                f"{row.difference.threshold:.0%}; smaller differences cannot be seen on a machine "
                "as busy as this."
            )
    if not all(row.stable for row in rows):
        yield "~ The steps did not settle, or were traced again: take it as rough."


def to_json(outcome: Outcome) -> dict[str, Any]:
    """Returns all that was found as plain data, with every pair."""
    request = dataclasses.asdict(outcome.request)
    return {
        "schema_version": SCHEMA_VERSION,
        "time_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        **request,
        "batch_size": outcome.batch_size,
        "dataset_checksum": outcome.dataset_checksum,
        "least_threshold": paired.LEAST_THRESHOLD,
        "codes": outcome.codes,
        "is_regression": bool(outcome.regressions),
        "rows": [dataclasses.asdict(row) for row in outcome.rows],
    }


def write_json(path: Path, outcome: Outcome) -> None:
    """Writes the JSON file.

    Raises:
        BenchError: if it cannot be written.
    """
    _write(path, json.dumps(to_json(outcome), indent=1) + "\n")


def _check_json(path: Path) -> None:
    """Refuses a place that cannot be written before minutes are measured."""
    if path.is_dir():
        raise BenchError(f"--json must be a file. Received: the folder {path}.")
    store.check_writable(path.parent, "Choose another --json.")


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    except OSError as error:
        raise BenchError(f"cannot write {path}: {error.strerror}.") from error
