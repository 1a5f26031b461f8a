"""Tables of anomalies: AUROC by normal class beside published ones, by score, by kind of anomaly.

Read from records alone; the leaderboard has the mean over classes.
"""

import statistics
from collections.abc import Sequence

from bench.leaderboard import categories, one_class, robustness
from bench.leaderboard import rows as leaderboard_rows
from bench.leaderboard.rows import Row
from bench.records.metrics import METRICS
from bench.records.schema import Record
from bench.report import published_auroc
from bench.report.html import Table
from bench.report.markdown import titled
from bench.stats.intervals import Interval

UNKNOWN = "-"


def all_of(records: list[Record]) -> list[Table]:
    """Returns every table that the records have something for; `[]` without anomalies."""
    return [
        *per_class(records),
        *by_score(records),
        *by_group(records),
        *by_level(records),
        *by_category(records),
    ]


def markdown(records: list[Record]) -> str:
    """Returns every table as Markdown, empty without anomalies."""
    return "\n\n".join(titled(table) for table in all_of(records))


def per_class(records: list[Record]) -> list[Table]:
    """Returns, for each data set whose classes are normal in turn, AUROC by normal class.

    A cell is the mean over seeds; below 0.5 it is shown as it is. Published rows follow.
    """
    tables = []
    for dataset, rows in _tables(records, is_one_class=True).items():
        names: dict[int, str] = {}
        for row in rows:
            names |= row.normal_classes
        labels = sorted(names)
        lines = []
        for row in sorted(rows, key=lambda row: not row.baseline):  # floors on top
            by_label = _by_class(row)
            values = [by_label.get(label) for label in labels]
            line = _line(row.name, [*values, row.quality["auroc"].mean])
            lines.append((*line, *_cost(row)))
        notes = [
            "AUROC of the model's own score, mean over seeds. Normal is one class, all others "
            "of the test split are anomalies. Floors, which need no training, are on top; seconds "
            "are those of a training, the shortest over seeds, the median over classes."
        ]
        sources: dict[str, list[str]] = {}
        for published in published_auroc.for_dataset(dataset):
            values = [published.auroc.get(label) for label in labels]
            if any(value is not None for value in values):
                mean = published.mean if len(labels) == len(published.auroc) else None
                line = _line(f"{published.method}, published", [*values, mean])
                lines.append((*line, "", ""))
                differs = f" ({published.differs})" if published.differs else ""
                sources.setdefault(published.source + differs, []).append(published.method)
        notes += [f"Published: {', '.join(rows)}: {source}." for source, rows in sources.items()]
        head = ("normal class", *(names[label] for label in labels), "mean", "parameters", "s")
        tables.append(_table(f"AUROC by normal class, {dataset}", head, tuple(lines), tuple(notes)))
    return tables


def by_score(records: list[Record]) -> list[Table]:
    """Returns, for each data set, the AUROC of each model by each score that it has."""
    tables = []
    for is_one_class in (True, False):
        for dataset, rows in _tables(records, is_one_class).items():
            kept = [row for row in rows if all(record.quality.scores for record in row.records)]
            names = list(dict.fromkeys(n for row in kept for n in row.records[0].quality.scores))
            lines = []
            for row in kept:
                values = [_mean_of_score(row, name) for name in names]
                own = row.record.quality.score_name
                cells = [
                    f"{_number(value)}{' *' if name == own else ''}"
                    for name, value in zip(names, values, strict=True)
                ]
                lines.append((row.name, *cells))
            if lines:
                head = ("score", *(name.replace("_", " ") for name in names))
                title = f"AUROC by score, {dataset}"
                notes = ("* The model's own score, by which it is ranked.",)
                tables.append(_table(title, head, tuple(lines), notes))
    return tables


def by_group(records: list[Record]) -> list[Table]:
    """Returns, for each data set of defects, the AUROC of each kind against intact images."""
    tables = []
    for dataset, rows in _tables(records, is_one_class=False).items():
        kept = [row for row in rows if all(r.quality.auroc_by_group for r in row.records)]
        names = list(dict.fromkeys(n for row in kept for n in row.record.quality.auroc_by_group))
        lines = tuple(
            _line(
                row.name,
                [
                    _mean([record.quality.auroc_by_group.get(name) for record in row.records])
                    for name in names
                ],
            )
            for row in kept
        )
        if lines:
            head = ("anomaly", *(name.replace("_", " ") for name in names))
            tables.append(_table(f"AUROC by kind of anomaly, {dataset}", head, lines))
    return tables


def by_level(records: list[Record]) -> list[Table]:
    """Returns a table for each thing that is varied: AUROC at each share or number."""
    tables = []
    for panel in robustness.panels(leaderboard_rows.rows(records)):
        head = (panel.axis.words, *panel.texts)
        lines = [(line.name, *map(level_text, line.values)) for line in panel.lines]
        notes = ("± is half the 95 % interval over seeds, which draw the training images, too.",)
        title = f"AUROC by {panel.axis.words}, {panel.table}"
        tables.append(_table(title, head, lines, notes))
    return tables


def by_category(records: list[Record]) -> list[Table]:
    """Returns, for data that are categories of one set, their mean, and each category."""
    tables = []
    for group in categories.groups(leaderboard_rows.rows(records)):
        shown = [m for m in categories.METRICS if any(m in line.means for line in group.lines)]
        lines = [
            (line.name, *(level_text(line.means.get(metric)) for metric in shown))
            for line in group.lines
        ]
        head = ("mean over categories", *(METRICS[metric].label for metric in shown))
        notes = ("± is half the 95 % interval over seeds of the mean over categories.",)
        title = f"Mean of {len(group.categories)} categories, {group.name}"
        tables.append(_table(title, head, lines, notes))
        for metric in shown:
            lines = [
                _line(line.name, [line.by_category[metric].get(n) for n in group.categories])
                for line in group.lines
                if line.by_category[metric]
            ]
            title = f"{METRICS[metric].label} by category, {group.name}"
            tables.append(_table(title, ("category", *group.categories), lines))
    return tables


def level_text(interval: Interval | None) -> str:
    """Returns a mean with half its interval, three decimals."""
    if interval is None:
        return UNKNOWN
    half = leaderboard_rows.half_width(interval)
    return f"{interval.mean:.3f}" + ("" if half is None else f" ± {half:.3f}")


def _table(
    title: str,
    head: tuple[str, ...],
    lines: Sequence[Sequence[str]],
    notes: Sequence[str] = (),
) -> Table:
    """A table of numbers, whose first column has the names."""
    return Table(head, lines, [False, *[True] * (len(head) - 1)], title, notes)


# --- shared -------------------------------------------------------------------------------------


def _tables(records: list[Record], is_one_class: bool) -> dict[str, list[Row]]:
    """Returns the rows with an AUROC by data set, best first, without further levels of an axis."""
    rows_of: dict[str, list[Row]] = {}
    rows = categories.without_members(leaderboard_rows.rows(records))
    for row in robustness.first_levels(rows):
        has_classes = bool(row.normal_classes)
        if not row.failed and "auroc" in row.quality and has_classes == is_one_class:
            rows_of.setdefault(row.record.data.name, []).append(row)
    return rows_of


def _by_class(row: Row, name: str = "test_auroc", summary=None) -> dict[int, float | None]:
    """Returns a value for each normal class: a summary over its seeds, by default the mean."""
    values: dict[int, list[float]] = {}
    for record in row.records:
        if record[name] is not None:
            values.setdefault(record.config.normal_class, []).append(record[name])
    return {label: (summary or _mean)(numbers) for label, numbers in values.items()}


def _cost(row: Row) -> tuple[str, str]:
    """Returns parameters, or the numbers that a floor keeps, and the seconds of a training."""
    params = row.record.model.params_total
    seconds = list(_by_class(row, "train_seconds", min).values())  # a busy machine only adds to it
    return (
        "" if params is None else f"{params:,}",
        "" if not seconds or row.baseline else f"{statistics.median(seconds):.1f}",
    )


def _mean_of_score(row: Row, name: str) -> float | None:
    """Returns the mean over seeds, and of a seed over its classes."""
    values = [(record.quality.scores.get(name) or {}).get("auroc") for record in row.records]
    return _mean(one_class.values_by_seed(row.records, values))


def _mean(values: list[float | None]) -> float | None:
    return None if not values or None in values else statistics.fmean(values)


def _line(name: str, values: list[float | None]) -> tuple[str, ...]:
    return (name, *map(_number, values))


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.4f}"
