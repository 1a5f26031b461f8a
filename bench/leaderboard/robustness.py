"""How a table of anomalies changes with what is trained on: fewer normals, anomalies among them."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from bench.leaderboard import rows as leaderboard_rows
from bench.leaderboard.rows import Row
from bench.stats.intervals import Interval

# What may differ between two levels of one line beside the axis: it follows from the data.
_FOLLOWS = ("epochs", "batch_size", "latent_size")


@dataclasses.dataclass(frozen=True)
class Axis:
    """What is varied.

    Attributes:
        name: The field of the configuration.
        words: What it is, for titles.
    """

    name: str
    words: str

    def place(self, row: Row) -> float:
        """Returns where a row lies: the share, or the number of normals, infinite for all."""
        value = getattr(row.record.config, self.name)
        return math.inf if value is None else float(value)

    def text(self, row: Row) -> str:
        """Returns the level of a row in words."""
        value = getattr(row.record.config, self.name)
        if self.name == "num_normals":
            return "all" if value is None else f"{value:,}"
        return f"{100 * value:g} %"


AXES = (
    Axis("contamination", "share of anomalies among the training images"),
    Axis("num_normals", "number of normal training images"),
)


@dataclasses.dataclass(frozen=True)
class Line:
    """A model or a baseline at each level: its AUROC with the interval over seeds, or None."""

    name: str
    is_baseline: bool
    values: tuple[Interval | None, ...]

    @property
    def change(self) -> float | None:
        """Returns how far the mean is lower at the last level; None where one is not known."""
        first, last = self.values[0], self.values[-1]
        return None if first is None or last is None else first.mean - last.mean


@dataclasses.dataclass(frozen=True)
class Panel:
    """One axis, all else equal: the levels from the easiest on, and a line for each model.

    Attributes:
        table: Name of the table at the first level.
        places, texts: Of the levels: shares, or numbers of normals.
        lines: Best first at the first level.
    """

    axis: Axis
    table: str
    places: tuple[float, ...]
    texts: tuple[str, ...]
    lines: tuple[Line, ...]


def panels(rows: Sequence[Row]) -> list[Panel]:
    """Returns a panel for each axis that has two levels or more, by data and the other axis."""
    found = []
    for axis in AXES:
        groups: dict[tuple[Any, ...], list[Row]] = {}
        for row in _of_one_class(rows):
            groups.setdefault(row.table_key(without=axis.name), []).append(row)
        for members in groups.values():
            levels = {axis.place(row): axis.text(row) for row in members}
            if len(levels) > 1:
                order = sorted(levels, reverse=axis.name == "num_normals")  # the easiest first
                found.append(_panel(axis, members, {place: levels[place] for place in order}))
    return found


def main_panels(rows: Sequence[Row]) -> list[Panel]:
    """Returns the panels of which the other axis is at its easiest level."""
    tables = {row.table for row in first_levels(rows)}
    return [panel for panel in panels(rows) if panel.table in tables]


def _panel(axis: Axis, members: list[Row], levels: dict[float, str]) -> Panel:
    by_line: dict[str, dict[float, Row]] = {}
    for row in members:
        key = leaderboard_rows.key_without(row, (axis.name, *_FOLLOWS))
        if row.baseline:
            key += str(row.record.model.latent_size)
        by_line.setdefault(key, {})[axis.place(row)] = row
    lines = []
    for by_place in by_line.values():
        values = tuple(
            by_place[place].quality["auroc"] if place in by_place else None for place in levels
        )
        row = next(iter(by_place.values()))
        lines.append(Line(row.name, row.baseline, values))
    lines.sort(key=lambda line: line.values[0].mean if line.values[0] else 0.0, reverse=True)
    first = next(row for row in members if axis.place(row) == next(iter(levels)))
    places = tuple(_num_normals(first) if math.isinf(place) else place for place in levels)
    return Panel(axis, first.table, places, tuple(levels.values()), tuple(lines))


def _num_normals(row: Row) -> float:
    """Returns how many normal images a row was trained on, the most of its classes."""
    num = max(record.data.num_train or 0 for record in row.records)
    return round(num * (1 - row.record.config.contamination))


def first_levels(rows: Sequence[Row]) -> list[Row]:
    """Returns the rows without those of further levels, which the panels tell of."""
    further: set[int] = set()
    for axis in AXES:
        groups: dict[tuple[Any, ...], list[Row]] = {}
        for row in _of_one_class(rows):
            groups.setdefault((row["task"], row["dataset_checksum"], row["noise"]), []).append(row)
        for members in groups.values():
            places = [axis.place(row) for row in members]
            first = max(places) if axis.name == "num_normals" else min(places)
            pairs = zip(members, places, strict=True)
            further |= {id(row) for row, place in pairs if place != first}
    return [row for row in rows if id(row) not in further]


def _of_one_class(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if not row.failed and row.normal_classes and "auroc" in row.quality]


def sentences(panel: Panel) -> list[str]:
    """Returns which model loses least on the way, and how the best floor fares."""
    models = [line for line in panel.lines if not line.is_baseline and line.change is not None]
    floors = [line for line in panel.lines if line.is_baseline and line.change is not None]
    way = f"From {panel.texts[0]} to {panel.texts[-1]}, {panel.axis.words}"
    said = []
    if models:
        least = min(models, key=lambda line: line.change)
        best = max(models, key=lambda line: line.values[-1].mean)
        which = ", the least of the models" if len(models) > 1 else ""
        said.append(f"{way}: {least.name} {_fall(least)}{which}.")
        if best is not least:
            said.append(f"Best at {panel.texts[-1]} is {best.name}, which {_fall(best)}.")
    if floors:
        floor = max(floors, key=lambda line: line.values[-1].mean)
        said.append(f"The best floor there, {floor.name}, {_fall(floor)}.")
    return said


def _fall(line: Line) -> str:
    verb = "falls" if line.change > 0 else "rises"
    return f"{verb} by {abs(line.change):.3f} to {line.values[-1].mean:.3f}"
