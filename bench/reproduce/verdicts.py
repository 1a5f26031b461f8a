"""Whether a measured number agrees with a published one: read from records and counts alone."""

import dataclasses
import math
from collections.abc import Collection, Sequence
from typing import Any

from bench.data import binarize
from bench.leaderboard import one_class, rows
from bench.records.schema import Record
from bench.reproduce.entries import Entry
from bench.stats import intervals

YES, NO, NOT_RUN, MISSING = "yes", "no", "not run", "data missing"


@dataclasses.dataclass(frozen=True)
class Row:
    """A published number beside ours.

    Attributes:
        agrees: `"yes"`, `"no"`, `"not run"` or `"data missing"`.
        ours: Mean over seeds with its interval, or a count; None where nothing ran.
        note: Why it did not run or failed, or which file to put where; else empty.
    """

    entry: Entry
    agrees: str
    ours: intervals.Interval | None = None
    seeds: tuple[int, ...] = ()
    note: str = ""

    @property
    def half_width(self) -> float | None:
        """Half the 95 % interval; None for counts and a single seed."""
        return None if self.ours is None else rows.half_width(self.ours)

    @property
    def difference(self) -> float | None:
        """Ours less the published value."""
        return None if self.ours is None else self.ours.mean - self.entry.published


def agrees(entry: Entry, ours: intervals.Interval) -> bool:
    """Tells whether a mean over seeds agrees with a published value.

        |mean - published| <= tolerance + min(half interval, tolerance)

    They agree if the 95 % interval of our mean overlaps the published value with its tolerance. An
    interval wider than the tolerance, as with few seeds, is cut to the tolerance: uncertainty must
    not make numbers agree. A single seed has no interval. A count is equal or not.
    """
    half = rows.half_width(ours) or 0.0
    reach = entry.tolerance + min(half, entry.tolerance)
    return abs(ours.mean - entry.published) <= reach * (1 + 1e-9)


def from_count(entry: Entry, number: int) -> Row:
    """Returns the row of a number of parameters."""
    ours = intervals.Interval(number, None, None, 1)
    return Row(entry, YES if agrees(entry, ours) else NO, ours)


def from_records(entry: Entry, records: Collection[Record]) -> Row:
    """Returns the row of an entry from those of the records that its recipe made."""
    if entry.why_not:
        return Row(entry, NOT_RUN, note=entry.why_not)
    own = [record for record in records if is_of(entry, record)]
    failed = [record for record in own if not record.is_ok]
    values_at = {
        index: number
        for index, record in enumerate(own)
        if record.is_ok and (number := value(entry, record)) is not None
    }
    if failed:
        return Row(entry, NO, note=f"failed: {failed[0].error or 'no error given'}")
    if not values_at:
        note = f"needs {entry.data}: {entry.needed}" if entry.needed else ""
        return Row(entry, NOT_RUN, note=note)
    measured = [own[index] for index in values_at]
    values = one_class.values_by_seed(measured, list(values_at.values()))
    ours = intervals.mean_interval(values)
    seeds = tuple(sorted({record.seed for record in measured}))
    return Row(entry, YES if agrees(entry, ours) else NO, ours, seeds)


def value(entry: Entry, record: Record) -> float | None:
    """Returns the number that an entry is about, None where the record lacks it."""
    name, *keys = entry.field.split(".")
    number: Any = record.get(name)
    for key in keys:
        number = number.get(key) if isinstance(number, dict) else None
    if not isinstance(number, int | float) or not math.isfinite(number):
        return None
    return entry.offset + entry.factor * number


def is_of(entry: Entry, record: Record) -> bool:
    """Tells whether a record comes from the recipe of an entry, whatever its seed."""
    recipe = entry.recipe
    if record.kind != "model" or not recipe or entry.is_count:
        return False
    model, preset = recipe["model"].split(":")
    arguments = recipe.get("arguments") or {}
    wanted = {
        "model": model,
        "preset": preset,
        "dataset": binarize.name_of(recipe["dataset"], recipe.get("prepare")),
        "noise": recipe.get("noise"),
        "resize": recipe.get("resize"),
        "limit": recipe.get("limit"),
        "epochs": recipe["epochs"],
        "batch_size": recipe["batch_size"],
        "learning_rate": recipe["learning_rate"],
        "num_labels": recipe.get("num_labels"),
        "normal_class_name": recipe.get("normal_class"),
        "precision": "float32",
        "augment": None,
    }
    has = {field: _plain(record[field]) for field in wanted}
    given = _plain(record.model.arguments or {})
    return has == {k: _plain(v) for k, v in wanted.items()} and given == _plain(arguments)


def compute(
    entries: Sequence[Entry],
    records: Collection[Record],
    counts: dict[str, int] | None = None,
    missing: Collection[str] = (),
) -> list[Row]:
    """Returns a row for each entry.

    Args:
        records: Of any runs; each entry takes those of its recipe.
        counts: Parameters by id of the entry.
        missing: Names of data sets that are not on this machine.
    """
    all_rows = []
    for entry in entries:
        if entry.is_count:
            number = (counts or {}).get(entry.id)
            row = Row(entry, NOT_RUN, note=entry.why_not)
            all_rows.append(row if number is None else from_count(entry, number))
            continue
        row = from_records(entry, records)
        if row.agrees == NOT_RUN and not entry.why_not and entry.data in missing:
            row = Row(entry, MISSING, note=entry.needed)
        all_rows.append(row)
    return all_rows


def _plain(value: Any) -> Any:
    """Lists for tuples, so that what came from JSON and what did not can be compared."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
