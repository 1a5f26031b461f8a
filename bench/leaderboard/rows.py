"""The leaderboard: records grouped over seeds, ranked, set as a terminal, Markdown or CSV table.

A row is a group of records that differ in nothing but the seed. Ranks are given within one
dataset (and noise), never across two.

Where each class is normal in turn, a row holds all classes too: a seed's value is the mean over
them, and the interval is over seeds. Ranks are given within one set of classes.
"""

import dataclasses
import json
import math
import statistics
from collections.abc import Collection, Iterable
from typing import Any

from bench.errors import BenchError
from bench.leaderboard import folds, one_class
from bench.leaderboard.settings import TOLD_BY_THE_JOB, model_settings, run_settings
from bench.records import metrics, store
from bench.records.schema import Record
from bench.stats import intervals
from zoo.registry import table as models

METRICS = metrics.ranking()  # their labels
# Shown where they decide the rank, on cards and in CSV: a table of all would be too wide.
DETAILS = tuple(name for name in METRICS if metrics.METRICS[name].is_detail)
LOG_METRICS = ("mse", "mae", "frechet_distance")  # where a ratio says more than a difference
HIGHER_IS_BETTER = tuple(name for name in METRICS if metrics.higher_is_better(name))
TIMINGS = (
    *("fit_images_per_second", "train_images_per_second", "end_to_end_images_per_second"),
    *("infer_images_per_second", "latency_ms"),
)
# How fast training is: as `fit` does it, and the bare step, which is all that older records have.
# No table has both: they are not to be compared.
FIT_SPEED, STEP_SPEED = "fit_images_per_second", "train_images_per_second"

# What is ranked together is the same in these, and in the classes that are normal in turn.
TABLE_FIELDS = (
    *("task", "dataset", "noise", "dataset_checksum", "num_folds"),
    *("contamination", "num_normals"),
)


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the leaderboard: the records of one configuration over its seeds.

    Args:
        records: Its records, by seed, and of a seed by the class that is normal.
        quality: Mean and 95 % interval over seeds, or over folds, for each key of `METRICS` that
            is known.
        ranked_by: The key of `METRICS` that decides the rank.
        rank: 1 is best; rows that cannot be told apart share a rank. None for failures, for rows
            without the metric, and for models that were trained for less than they need.
        detail: What tells this row from others of the same model and preset; often empty.
    """

    records: tuple[Record, ...]
    quality: dict[str, intervals.Interval]
    ranked_by: str
    rank: int | None = None
    detail: str = ""

    def __getitem__(self, name: str) -> Any:
        """Returns a value that all records of the row share, by its name."""
        return self.records[0][name]

    @property
    def record(self) -> Record:
        """Returns the first record, for what all of them share."""
        return self.records[0]

    @property
    def name(self) -> str:
        """Model and preset, with what tells the row from its namesakes: `vae small (beta=4)`."""
        name = " ".join(part for part in (self.record.model.name, self.record.model.preset) if part)
        return f"{name} ({self.detail})" if self.detail else name

    @property
    def failed(self) -> bool:
        return not self.record.is_ok

    @property
    def baseline(self) -> bool:
        return self.record.kind == "baseline"

    @property
    def is_as_it_is(self) -> bool:
        """Whether it is a saved model of your own that was measured without any update."""
        return self.record.model.origin == "file" and self.record.training.num_updates == 0

    @property
    def seeds(self) -> tuple[int, ...]:
        seeds = (record.seed for record in self.records)
        return tuple(dict.fromkeys(seed for seed in seeds if seed is not None))

    @property
    def num_seeds(self) -> int:
        """Number of seeds, or of folds, that the quality is an average of."""
        if self.ranked_by in self.quality:
            return self.quality[self.ranked_by].num
        return len({record.seed for record in self.records})

    @property
    def num_folds(self) -> int | None:
        """Number of folds of the cross-validation, or None."""
        return self.record.config.num_folds

    @property
    def varies_over(self) -> str:
        """What the interval is over: `"seeds"`, or `"folds"`."""
        return "folds" if self.num_folds else "seeds"

    @property
    def normal_classes(self) -> dict[int, str]:
        """Labels of the classes that are normal in turn, and their names; else empty."""
        values = {
            record.config.normal_class: record.data.normal_class_name
            or str(record.config.normal_class)
            for record in self.records
        }
        return {label: values[label] for label in one_class.classes_in_turn(self.records)}

    def table_key(self, without: str | None = None) -> tuple[Any, ...]:
        """Returns what rows that are ranked together share, but for one of `TABLE_FIELDS`."""
        values = (self[name] for name in TABLE_FIELDS if name != without)
        return (*values, *self.normal_classes)

    @property
    def missing_classes(self) -> str:
        """What is missing of the classes of the data, `3 of 10 classes`; empty if nothing is."""
        num, wanted = len(self.normal_classes), self.record.data.num_classes or 0
        return f"{num} of {wanted} classes" if 0 < num < wanted else ""

    @property
    def below_budget(self) -> str:
        """What is missing of the updates that the model needs, `235 of 3,000 updates`, or ""."""
        known = models.MODELS.get(self.record.model.name or "")
        config, data = self.record.config, self.record.data
        if self.baseline or known is None or not known.least_updates or not data.num_train:
            return ""
        done = self.record.training.num_updates
        if not done:
            if not (config.batch_size and config.epochs):  # of a damaged record
                return ""
            done = config.epochs * math.ceil(data.num_train / config.batch_size)
        return f"{done:,} of {known.least_updates:,} updates" * (done < known.least_updates)

    def monte_carlo_error(self, metric: str) -> float | None:
        """Returns how far a mean would move with other samples of the codes; None: not known.

        Args:
            metric: `"elbo"` or `"nll"`, in nats per image; over the seeds as one mean.
        """
        noises = (record.quality.likelihood_noise or {} for record in self.records)
        known = [noise[metric] for noise in noises if noise.get(metric) is not None]
        return math.hypot(*known) / len(known) if known else None

    @property
    def table(self) -> str:
        """The data that the row is ranked on, `digits`, `digits, gaussian:0.2` or
        `digits, one class`.
        """
        parts = [self.record.data.name, self.record.config.noise]
        if normal := self.normal_classes:
            names = ", ".join(normal.values())
            short = names if len(normal) <= 3 else self.missing_classes
            parts.append(f"normal: {short}" if self.missing_classes else "one class")
        if self.num_folds:
            present = len(folds.present(self.records))
            num = "" if present == self.num_folds else f"{present} of "
            parts.append(f"{num}{self.num_folds} folds")
        if share := self.record.config.contamination:
            parts.append(f"{100 * share:g} % anomalies in training")
        if num := self.record.config.num_normals:
            parts.append(f"{num:,} normals to train on")
        return ", ".join(part for part in parts if part) or "unknown"

    @property
    def unsteady(self) -> bool:
        """True if a timing did not settle, the machine was busy, or other jobs ran beside."""
        return any(
            r.speed.noisy or r.speed.stable is False or (r.machine.num_workers or 1) > 1
            for r in self.records
        )

    def middle(self, name: str) -> float | None:
        """Returns the median of a number over the seeds, None where no seed has it.

        Args:
            name: Of the value among all of a record.
        """
        values = [record[name] for record in self.records if record[name] is not None]
        return statistics.median(values) if values else None


def rows(records: Iterable[Record], metric: str | None = None) -> list[Row]:
    """Groups records over their seeds and ranks the groups.

    Args:
        records: Records as `store.read` gives them.
        metric: What decides the rank, a key of `METRICS`; None: the AUROC for anomalies, the
            image-wise IoU for masks, the lowest recall of a group or the accuracy where all models
            tell classes, else the MSE.

    Returns:
        The rows of each dataset by rank, baselines among them, then those without the metric;
        all failures at the end.

    Raises:
        BenchError: if `metric` is unknown.
    """
    if metric not in (None, *METRICS):
        raise BenchError(f"metric must be one of {', '.join(METRICS)}. Received: metric={metric!r}")
    groups: dict[str, list[Record]] = {}
    for record in store.latest(records):
        groups.setdefault(_key(record), []).append(record)
    decisive = _decisive(list(groups.values()))
    all_rows = [
        _row(group, metric or decisive.get(_table(group[0])) or _default_metric(group[0]))
        for group in groups.values()
    ]
    tables: dict[tuple[Any, ...], list[Row]] = {}
    for row in all_rows:
        if not row.failed:
            tables.setdefault(row.table_key(), []).append(row)
    ranked = [row for table in tables.values() for row in _ranked(table, table[0].ranked_by)]
    return _told_apart(ranked + [row for row in all_rows if row.failed])


def _key(record: Record) -> str:
    """Returns what records have in common where they differ in their seeds alone."""
    error = {} if record.is_ok else {"error": record.error}
    own = {"model_config": model_settings(record), **run_settings(record), **error}
    return json.dumps(own, sort_keys=True)


def key_without(row: Row, names: Collection[str]) -> str:
    """Returns what tells a row's configuration from others, but for some settings."""
    own = {k: v for k, v in run_settings(row.record).items() if k not in names}
    return json.dumps({"model_config": model_settings(row.record), **own}, sort_keys=True)


def training_speed(rows: Iterable[Row]) -> tuple[str, str]:
    """Returns the field of the training speed that rows are shown with, and what to call it.

    `fit`'s, unless all of them are of older records, which have that of the bare step alone.
    """
    rows = list(rows)
    is_old = all(row.middle(FIT_SPEED) is None for row in rows)
    if is_old and any(row.middle(STEP_SPEED) is not None for row in rows):
        return STEP_SPEED, "training step"
    return FIT_SPEED, "training"


def half_width(interval: intervals.Interval) -> float | None:
    """Returns half the width of an interval, None where one seed gives none."""
    if interval.num < 2 or interval.low is None or interval.high is None:
        return None
    half = (interval.high - interval.low) / 2
    return half if math.isfinite(half) else None


def _table(record: Record) -> tuple[Any, ...]:
    """Returns the data that a record can be ranked on."""
    return tuple(record[field] for field in TABLE_FIELDS)


def _decisive(groups: list[list[Record]]) -> dict[tuple[Any, ...], str]:
    """Returns what decides the rank of each table: what its models are for."""
    tables: dict[tuple[Any, ...], list[Record]] = {}
    for record in (record for group in groups for record in group):
        if record.kind == "model" and record.is_ok:
            tables.setdefault(_table(record), []).append(record)
    return {
        table: next(
            metric
            for metric in ("auroc", "iou_image", "recall_lowest", "accuracy", "mse")
            if metric == "mse" or all(metric in record.quality.metrics for record in models)
        )
        for table, models in tables.items()
    }


def _default_metric(record: Record) -> str:
    """Returns what decides the rank of a table of baselines alone."""
    return "auroc" if record.data.task == "anomaly" else "mse"


def _row(group: list[Record], metric: str) -> Row:
    group = sorted(group, key=_place)
    quality = {}
    for name in METRICS:
        values = [record.quality.metrics.get(name) for record in group]
        values = one_class.values_by_seed(group, values)
        if group[0].config.fold is not None:
            values = folds.values_by_fold(group, values)
        if values and all(value is not None and math.isfinite(value) for value in values):
            quality[name] = intervals.mean_interval(values)
    return Row(tuple(group), quality, metric)


def _place(record: Record) -> tuple[Any, ...]:
    """Returns what orders the records of a row: by fold, seed and normal class."""
    fold = int((record.config.fold or "0").partition("/")[0])
    return (record.seed is None, fold, record.seed, record.config.normal_class or 0)


def _ranked(table: list[Row], metric: str) -> list[Row]:
    known = [row for row in table if metric in row.quality and not row.below_budget]
    lower = metric not in HIGHER_IS_BETTER
    ranks = intervals.shared_ranks([rank_interval(row, metric) for row in known], lower)
    ranked = [dataclasses.replace(row, rank=int(k)) for row, k in zip(known, ranks, strict=True)]
    sign = 1 if lower else -1
    ranked.sort(key=lambda row: (row.rank, sign * row.quality[metric].mean))
    others = [row for row in table if metric not in row.quality or row.below_budget]
    return ranked + sorted(others, key=lambda row: metric not in row.quality)


def rank_interval(row: Row, metric: str) -> intervals.Interval:
    """Returns the interval that a row is ranked by.

    A baseline, or a saved model as it is, has no seeds: its interval is the value itself.
    """
    quality = row.quality[metric]
    if (row.baseline or (row.is_as_it_is and row.num_seeds == 1)) and not row.num_folds:
        return dataclasses.replace(quality, low=quality.mean, high=quality.mean)
    return quality


def _told_apart(rows: list[Row]) -> list[Row]:
    """Gives rows of one model, preset and dataset a detail: the settings in which they differ.

    Failures are told from each other, and by the arguments asked for from what did not fail; not
    by what only some of them had told before they ended.
    """
    namesakes: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    asked: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        namesakes.setdefault((row.failed, row.name, row.table), []).append(_settings(row))
        asked.setdefault((row.name, row.table), []).append(row.record.model.arguments or {})
    told_apart = []
    for row in rows:
        same, own = namesakes[row.failed, row.name, row.table], _settings(row)
        differing = [key for key in own if any(own[key] != other.get(key) for other in same)]
        if row.failed:
            unknown = [k for k in TOLD_BY_THE_JOB if any(other.get(k) is None for other in same)]
            differing = [key for key in differing if key not in unknown]
            arguments, others = row.record.model.arguments or {}, asked[row.name, row.table]
            more = [k for k in arguments if any(arguments[k] != other.get(k) for other in others)]
            differing = list(dict.fromkeys([*differing, *more]))
            own = arguments | own
        if len(differing) > 1 and "latent_size" in differing:  # follows from the rest
            differing.remove("latent_size")
        told = [f"{key}={own[key]}" for key in differing]
        detail = ", ".join(filter(None, [row.below_budget, *told]))
        told_apart.append(dataclasses.replace(row, detail=detail))
    return told_apart


def _settings(row: Row) -> dict[str, Any]:
    """Returns what a row may be told from its namesakes by, as its name shows it."""
    settings = model_settings(row.record) | run_settings(row.record)
    classes = "+".join(map(str, row.normal_classes))  # the table may say only how many
    short = {
        "dataset_checksum": row.record.data.checksum,
        "source_sha256": row.record.model.source_sha256,
    }
    return (
        settings | {name: (value or "")[:8] for name, value in short.items()} | {"normal": classes}
    )
