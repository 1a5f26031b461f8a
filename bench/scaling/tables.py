"""The tables of `python -m bench scale`: on the screen, and in Markdown."""

import dataclasses
from typing import Any

from rich.console import Console

from bench.report.markdown import table as markdown_table
from bench.scaling import points as scaling_points
from bench.scaling import power_law
from bench.scaling.memory import Flatness
from bench.scaling.power_law import Line
from zoo import aligned

TITLES = {
    "train": "training",
    "infer": "inference",
    "fit": "epoch by fit",
    "predict": "predict",
}
_SLOPES = ("model", "work", "against", "range", "ms", "slope [95 % interval]")
_VERDICTS = {True: "yes", False: "no", None: "unclear"}


def show_slopes(lines: list[Line], console: Console) -> None:
    """Prints the slopes: below each model, a line for each axis and kind of work."""
    console.print("cost = constant * setting ^ slope")
    parts: dict[str, list[list[str]]] = {}
    for line in lines:
        if line.values:
            parts.setdefault(line.model, []).append(_cells(line)[1:])
    aligned.show(console, _SLOPES[1:], parts, numeric=_SLOPES[3:])


def _cells(line: Line) -> list[str]:
    mark = "" if line.stable else "~"
    return [
        *(line.model, TITLES[line.what], line.axis),
        " to ".join(f"{line.values[end]:g}" for end in (0, -1)),
        mark + " to ".join(_milliseconds(line.seconds[end]) for end in (0, -1)),
        power_law.text(line.slope),
    ]


def _milliseconds(seconds: float) -> str:
    value = 1e3 * seconds
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def show_memory(flatness: list[Flatness], console: Console) -> None:
    """Prints the memory over epochs, a line for each kind of data."""
    console.print("memory over epochs")
    head = ("data", "MiB", "taken", "MiB per epoch", "95 % interval", "epochs", "flat?")
    rows = [[*_memory_cells(each), _VERDICTS[each.is_flat]] for each in flatness]
    aligned.show(console, head, rows, numeric=head[1:-1])


def _memory_cells(each: Flatness) -> list[str]:
    return [
        *(each.source, f"{each.data_mib:g}", f"{each.peak_mib:.0f}", f"{each.slope:.2f}"),
        *(f"{each.low:.2f} to {each.high:.2f}", str(len(each.mib))),
    ]


def markdown(records: list[dict[str, Any]]) -> str:
    """Returns what a record file says as two Markdown tables, of slopes and of memory."""
    points = [record for record in records if "point_id" in record]
    models = tuple(dict.fromkeys(record["model"] for record in points))
    shown = []
    for machine, quick in dict.fromkeys(
        (tuple(record[name] for name in scaling_points.MACHINE), record["quick"])
        for record in points
    ):
        where = dict(zip(scaling_points.MACHINE, machine, strict=True))
        lines = power_law.lines(points, models, tuple(scaling_points.AXES), quick, where)
        rows = [_cells(line) for line in lines if line.slope]
        shown.append(markdown_table(_SLOPES, rows, [*[False] * 3, *[True] * 3]) + "\n")
    names = [field.name for field in dataclasses.fields(Flatness)]
    flatness = [
        Flatness(**{name: record[name] for name in names})
        for record in records
        if record.get("kind") == "memory"
    ]
    if flatness:
        titles = ("data", "MiB", "taken, MiB", "MiB per epoch", "95 % interval", "epochs")
        rows = [_memory_cells(each) for each in flatness]
        shown.append(markdown_table(titles, rows, [False, *[True] * 5]) + "\n")
    return "\n".join(shown)
