"""Data sets that are categories of one: the mean over them, for each model."""

import dataclasses
import statistics
from collections.abc import Sequence

from bench.leaderboard import rows as leaderboard_rows
from bench.leaderboard.rows import Row
from bench.stats import intervals
from bench.stats.intervals import Interval

METRICS = ("auroc", "pixel_auroc", "aupro")
# What may differ between the categories: the data, and what follows from them.
_FOLLOWS = ("dataset", "dataset_checksum", "epochs", "batch_size", "latent_size")


@dataclasses.dataclass(frozen=True)
class Line:
    """A model, or a baseline, over the categories.

    Attributes:
        by_category: Metric, then category, to the mean over seeds.
        means: Metric to the mean over categories, with its interval over seeds; only metrics that
            every category has.
    """

    name: str
    is_baseline: bool
    by_category: dict[str, dict[str, float]]
    means: dict[str, Interval]


@dataclasses.dataclass(frozen=True)
class Group:
    """The categories of one data set, and a line for each model, best first."""

    name: str
    categories: tuple[str, ...]
    lines: tuple[Line, ...]


def groups(rows: Sequence[Row]) -> list[Group]:
    """Returns a group for each data set that was run by two categories or more."""
    members: dict[str, list[Row]] = {}
    for row in rows:
        parent, _, category = (row.record.config.dataset or "").rpartition("/")
        is_of_defects = row.record.data.task == "anomaly" and not row.normal_classes
        if parent and category and is_of_defects and not row.failed and "auroc" in row.quality:
            members.setdefault(parent, []).append(row)
    found = []
    for parent, own in members.items():
        categories = tuple(dict.fromkeys(_category(row) for row in own))
        if len(categories) > 1:
            found.append(Group(parent, categories, _lines(own, categories)))
    return found


def sentences(group: Group) -> list[str]:
    """Returns which model is best in the mean, and how it stands to the best floor."""
    whole = [line for line in group.lines if line.means]
    models = [line for line in whole if not line.is_baseline]
    floors = [line for line in whole if line.is_baseline]
    if not models:
        return []
    best = models[0]
    text = f"Best in the mean of {len(group.categories)} categories is {_value(best)}"
    if not floors:
        return [f"{text}."]
    is_above = best.means["auroc"].mean > floors[0].means["auroc"].mean
    way = "above" if is_above else "not above"
    advice = "" if is_above else " Use that, which needs no training."
    return [f"{text}, {way} the best floor, {_value(floors[0])}.{advice}"]


def _value(line: Line) -> str:
    return f"{line.name} ({line.means['auroc'].mean:.3f})"


def without_members(rows: Sequence[Row]) -> list[Row]:
    """Returns the rows that are of no category of a group."""
    names = {group.name for group in groups(rows)}
    return [
        row
        for row in rows
        if row.failed or (row.record.config.dataset or "").rpartition("/")[0] not in names
    ]


def _category(row: Row) -> str:
    return (row.record.config.dataset or "").rpartition("/")[2]


def _lines(rows: Sequence[Row], categories: tuple[str, ...]) -> tuple[Line, ...]:
    by_model: dict[str, dict[str, Row]] = {}
    for row in rows:
        key = leaderboard_rows.key_without(row, _FOLLOWS)
        if row.baseline:
            key += str(row.record.model.latent_size)
        by_model.setdefault(key, {})[_category(row)] = row
    lines = []
    for own in by_model.values():
        by_category = {
            metric: {name: r.quality[metric].mean for name, r in own.items() if metric in r.quality}
            for metric in METRICS
        }
        means = {}
        for metric in METRICS:
            if set(by_category[metric]) == set(categories):
                means[metric] = _over_seeds(list(own.values()), metric)
        first = next(iter(own.values()))
        lines.append(Line(first.name, first.baseline, by_category, means))
    lines.sort(key=lambda x: x.means["auroc"].mean if x.means else -1.0, reverse=True)
    return tuple(lines)


def _over_seeds(rows: Sequence[Row], metric: str) -> Interval:
    """Returns the mean over rows of a seed, with the interval over the seeds that all have."""
    values = [{r.seed: r.quality.metrics.get(metric) for r in row.records} for row in rows]
    seeds = [seed for seed in values[0] if all(each.get(seed) is not None for each in values)]
    return intervals.mean_interval(
        [statistics.fmean(each[seed] for each in values) for seed in seeds]
    )
