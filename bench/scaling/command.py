"""`python -m bench scale`: cost against batch, image, width and data size; memory over epochs."""

import argparse
import contextlib
import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from bench.errors import BenchError
from bench.records import store
from bench.scaling import memory as memory_scaling
from bench.scaling import points as scaling_points
from bench.scaling import power_law, tables
from bench.scaling.memory import Flatness
from bench.scaling.power_law import Line

FILE_NAME, PICTURE_NAME = "scale.jsonl", "scale.png"
DESCRIPTION = """Measures how cost grows: of a training step and of inference against batch
size, image size and width, and of an epoch by fit and of predict against the
number of images. One setting changes at a time; the base is 32 images of 32 x
32 x 1 at the preset's width. All points are timed in one process, in rounds,
each in random order. A slope is the exponent of a power law with its 95 %
interval: 1 is proportional, 2 quadratic; below that, overhead is paid.

Every measurement is kept at once: the same command goes on where it was
stopped.
"""
EXAMPLES = """examples:
  python -m bench scale --quick                               three models, all axes, some minutes
  python -m bench scale --models vae:small --axes batch width
  python -m bench scale --models "autoencoder:dense:hidden_units=[512,256]" --axes image
  python -m bench scale --memory --axes                       memory alone, in processes of its own
"""


@dataclasses.dataclass(frozen=True)
class Request:
    """What is to be measured.

    Attributes:
        models: `NAME[:PRESET[:ARGUMENT=VALUE,...]]`.
        axes: Of `scale_points.AXES`; none: memory alone.
        quick: Fewer and smaller points, and shorter.
        memory: Whether memory over epochs is measured too.
        rounds: How often each point is timed; None: 2 with `quick`, else 3.
        fresh: Whether what is measured already is measured again.
    """

    models: tuple[str, ...] = scaling_points.MODELS
    axes: tuple[str, ...] = tuple(scaling_points.AXES)
    quick: bool = False
    memory: bool = False
    rounds: int | None = None
    output: Path | None = None
    fresh: bool = False

    @property
    def folder(self) -> Path:
        return self.output or Path("runs") / ("scale-quick" if self.quick else "scale")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What was found, and where it is."""

    folder: Path
    lines: list[Line]
    flatness: list[Flatness]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `scale`."""
    parser.add_argument(
        "--models",
        nargs="+",
        default=scaling_points.MODELS,
        metavar="NAME[:PRESET[:ARGUMENT=VALUE,...]]",
        help=f"default: {' '.join(scaling_points.MODELS)}",
    )
    parser.add_argument(
        "--axes",
        nargs="*",
        choices=tuple(scaling_points.AXES),
        default=tuple(scaling_points.AXES),
        help="default: all; none after it: memory alone",
    )
    parser.add_argument("--quick", action="store_true", help="fewer and smaller points, shorter")
    parser.add_argument(
        "--memory",
        action="store_true",
        help=f"measure memory over epochs too, with arrays and with a file of "
        f"{memory_scaling.FILE_MIB} MiB ({memory_scaling.QUICK_FILE_MIB} with --quick)",
    )
    parser.add_argument(
        "--rounds", type=int, help="times that each point is measured (default: 3; quick: 2)"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", help="of records and picture (default: runs/...)"
    )
    parser.add_argument("--fresh", action="store_true", help="measure again what is there already")


def command(options: argparse.Namespace) -> int:
    """Measures, prints the tables, and returns the exit code: 1 where a point failed, else 0."""
    given = {field.name: getattr(options, field.name) for field in dataclasses.fields(Request)}
    request = Request(**{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()})
    console = Console()
    outcome = run(request, console)
    if outcome.lines:
        tables.show_slopes(outcome.lines, console)
    for line in outcome.lines:
        for value, error in line.failed:
            console.print(
                f"[red]failed:[/] {escape(line.model)}, {tables.TITLES[line.what]}, {line.axis} "
                f"{value:g}: {escape(error)}",
                highlight=False,
            )
    if not all(line.stable for line in outcome.lines):
        console.print("~ Some steps did not settle: take them as rough.", highlight=False)
    if outcome.flatness:
        tables.show_memory(outcome.flatness, console)
    for name in (FILE_NAME, PICTURE_NAME) if outcome.lines else (FILE_NAME,):
        console.print(str(outcome.folder / name), highlight=False)
    return 1 if any(line.failed for line in outcome.lines) else 0


def run(request: Request, console: Console) -> Outcome:
    """Measures what is missing, and draws the picture.

    Raises:
        BenchError: for a wrong request, or a folder that cannot be written.
    """
    rounds = request.rounds or (2 if request.quick else 3)
    if rounds < 1 or (request.rounds is not None and request.rounds < 1):
        raise BenchError(f"--rounds must be at least 1. Received: {request.rounds}. For example 2.")
    if not request.axes and not request.memory:
        raise BenchError("nothing to measure: name --axes, or give --memory.")
    points = scaling_points.chosen(request.models, request.axes, request.quick)
    if points:
        _check_models(request.models)
    path = request.folder / FILE_NAME
    with store.folder_lock(request.folder):
        if request.fresh:
            path.unlink(missing_ok=True)
        lines = _times(request, points, rounds, path, console) if points else []
        flatness = _memory(request, path, console) if request.memory else []
    if lines:
        from bench.scaling import plots

        plots.costs(lines, request.folder / PICTURE_NAME)
    return Outcome(request.folder, lines, flatness)


def read(path: Path) -> list[dict[str, Any]]:
    """Reads the good lines of a record file; a line that was cut off is passed over."""
    records = []
    with contextlib.suppress(FileNotFoundError):
        for line in path.read_bytes().split(b"\n"):
            with contextlib.suppress(ValueError):
                record = json.loads(line)
                if isinstance(record, dict) and "status" in record:
                    records.append(record)
    return records


def _check_models(models: tuple[str, ...]) -> None:
    from bench.runs import selection
    from bench.runs.models import registry

    known = registry()
    for model in models:
        matches = selection.select([model], "core", "small", known)
        if len(matches) != 1:
            names = ", ".join(f"{choice.model}:{choice.preset}" for choice in matches)
            raise BenchError(f"--models: {model!r} must be one model. It matches {names}.")


def _times(request: Request, points, rounds: int, path: Path, console: Console) -> list[Line]:
    from bench.scaling import timing

    machine = timing.machine()
    ids = {point.id(machine) for point in points}

    def of_points():
        return [
            record
            for record in read(path)
            if record.get("point_id") in ids and record["quick"] == request.quick
        ]

    known = {(record["point_id"], record["round"]) for record in of_points()}
    with _progress(console, "points", rounds * len(points), len(known)) as advance:
        measured = timing.measure(points, rounds=rounds, quick=request.quick, known=known)
        for point, record in measured:
            store.append_line(path, record)
            advance(f"{point.model} {point.what}")
    return power_law.lines(of_points(), request.models, request.axes, request.quick, machine)


def _memory(request: Request, path: Path, console: Console) -> list[Flatness]:
    measured = []
    with _progress(console, "memory", len(memory_scaling.SOURCES), 0) as advance:
        for source in memory_scaling.SOURCES:
            each = memory_scaling.measure(source, request.folder, quick=request.quick)
            measured.append(each)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            extra = {"status": "ok", "kind": "memory", "time_utc": now, "is_flat": each.is_flat}
            store.append_line(path, dataclasses.asdict(each) | extra)
            advance(source)
    return measured


@contextlib.contextmanager
def _progress(console: Console, title: str, total: int, done: int) -> Iterator:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("{task.description}"), BarColumn(24), MofNCompleteColumn(), Remaining())
    with Progress(*columns, console=console, transient=True, refresh_per_second=4) as progress:
        bar = progress.add_task(title, total=total, completed=done)
        yield lambda text: progress.update(bar, advance=1, description=text)
