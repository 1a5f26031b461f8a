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
from collections.abc import Collection
from typing import Any

from bench.errors import BenchError
from bench.leaderboard import one_class
from bench.records import options
from bench.records import store as record_store
from bench.records.config import RunConfig
from bench.stats import intervals

METRICS = {
    "mse": "MSE",
    "mae": "MAE",
    "psnr": "PSNR",
    "ssim": "SSIM",
    "ms_ssim": "MS-SSIM",
    "bce": "cross-entropy",
    "iou_image": "IoU by image",
    "iou_dataset": "IoU of all pixels",
    "boundary_f1": "outline F1",
    "accuracy": "accuracy",
    "recall_lowest": "lowest group recall",
    "recall_spread": "group recall spread",
    "label_consistency": "right label read",
    "flip_rate": "flip rate",
    "auroc": "AUROC",
    "average_precision": "average precision",
    "f1_max": "best F1",
    "f1_floor": "F1 floor",
    "eer": "equal error rate",
    "f1_at_eer": "F1 at equal error",
    "false_positive_rate": "normals flagged",
    "true_positive_rate": "anomalies flagged",
    "pixel_auroc": "pixel AUROC",
    "aupro": "AUPRO",
    "best_dice": "best Dice",
    "dice_floor": "Dice floor",
    "elbo": "ELBO",
    "nll": "negative log-likelihood",
    "bits_per_dimension": "bits per dimension",
    "sample_precision": "sample precision",
    "sample_recall": "sample recall",
    "sample_density": "sample density",
    "sample_coverage": "sample coverage",
    "frechet_distance": "Frechet distance",
    "linear_probe_accuracy": "linear probe accuracy",
    "knn_accuracy": "k-NN accuracy",
    "cluster_nmi": "cluster NMI",
    "cluster_ari": "cluster ARI",
}
# Shown where they decide the rank, on cards and in CSV: a table of all would be too wide.
DETAILS = (
    *("mae", "ms_ssim", "bce", "elbo", "nll", "bits_per_dimension"),
    *("sample_precision", "sample_recall", "sample_density", "sample_coverage"),
    *("frechet_distance", "linear_probe_accuracy", "knn_accuracy", "cluster_nmi", "cluster_ari"),
)
_LOWER_IS_BETTER = (
    *("mse", "mae", "bce", "recall_spread", "eer", "false_positive_rate"),
    *("nll", "bits_per_dimension", "frechet_distance"),
)
HIGHER_IS_BETTER = tuple(name for name in METRICS if name not in _LOWER_IS_BETTER)
TIMINGS = (
    *("train_images_per_second", "end_to_end_images_per_second"),
    *("infer_images_per_second", "latency_ms"),
)

TABLE_FIELDS = ("task", "dataset", "noise", "dataset_checksum")


def group_fields(config_class: type[RunConfig] = RunConfig) -> tuple[str, ...]:
    """Returns the fields in which the records of a row do not differ."""
    return (
        *("kind", "model", "preset", "config", "code_size", "task", "dataset", "dataset_checksum"),
        *(option.name for option in options.of(config_class) if option.tells_rows_apart),
        *("optimizer", "jit_compile", "device", "cpu_model"),
    )


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the leaderboard: the records of one configuration over its seeds.

    Args:
        records: Its records, by seed, and of a seed by the class that is normal.
        quality: Mean and 95 % interval over seeds for each key of `METRICS` that is known.
        ranked_by: The key of `METRICS` that decides the rank.
        rank: 1 is best; rows that cannot be told apart share a rank. None for failures and for
            rows without the metric.
        detail: What tells this row from others of the same model and preset; often empty.
    """

    records: tuple[dict[str, Any], ...]
    quality: dict[str, intervals.Interval]
    ranked_by: str
    rank: int | None = None
    detail: str = ""

    def __getitem__(self, field: str) -> Any:
        """Returns a field that all records of the row share."""
        return self.records[0][field]

    @property
    def name(self) -> str:
        """Model and preset, with what tells the row from its namesakes: `vae small (beta=4)`."""
        name = " ".join(part for part in (self["model"], self["preset"]) if part)
        return f"{name} ({self.detail})" if self.detail else name

    @property
    def failed(self) -> bool:
        return self["status"] != "ok"

    @property
    def baseline(self) -> bool:
        return self["kind"] == "baseline"

    @property
    def seeds(self) -> tuple[int, ...]:
        found = (record["seed"] for record in self.records)
        return tuple(dict.fromkeys(seed for seed in found if seed is not None))

    @property
    def num_seeds(self) -> int:
        """Number of seeds that the quality is an average of."""
        if self.ranked_by in self.quality:
            return self.quality[self.ranked_by].num
        return len({record["seed"] for record in self.records})

    @property
    def normal_classes(self) -> dict[int, str]:
        """Labels of the classes that are normal in turn, and their names; else empty."""
        found = {
            record["normal_class"]: record["normal_class_name"] or str(record["normal_class"])
            for record in self.records
        }
        return {label: found[label] for label in one_class.classes_in_turn(self.records)}

    @property
    def missing_classes(self) -> str:
        """What is missing of the classes of the data, `3 of 10 classes`; empty if nothing is."""
        num, wanted = len(self.normal_classes), self["num_classes"] or 0
        return f"{num} of {wanted} classes" if 0 < num < wanted else ""

    @property
    def table(self) -> str:
        """The data that the row is ranked on, `digits`, `digits, gaussian:0.2` or
        `digits, one class`.
        """
        parts = [self["dataset"], self["noise"]]
        if normal := self.normal_classes:
            names = ", ".join(normal.values())
            short = names if len(normal) <= 3 else self.missing_classes
            parts.append(f"normal: {short}" if self.missing_classes else "one class")
        return ", ".join(part for part in parts if part) or "unknown"

    @property
    def unsteady(self) -> bool:
        """True if a timing did not settle, the machine was busy, or other cases ran beside."""
        return any(
            r["noisy"] or r["timing_stable"] is False or (r["num_workers"] or 1) > 1
            for r in self.records
        )

    def middle(self, field: str) -> float | None:
        """Returns the median of a numeric field over the seeds, None where no seed has it."""
        values = [record[field] for record in self.records if record[field] is not None]
        return statistics.median(values) if values else None


def rows(
    records: list[dict[str, Any]],
    metric: str | None = None,
    config_class: type[RunConfig] = RunConfig,
) -> list[Row]:
    """Groups records over their seeds and ranks the groups.

    Args:
        records: Records as `store.read` gives them; a missing field counts as unknown.
        metric: What decides the rank, a key of `METRICS`; None: the AUROC for anomalies, the
            image-wise IoU for masks, the lowest recall of a group or the accuracy where all models
            tell classes, else the MSE.
        config_class: Says in which options runs may differ.

    Returns:
        The rows of each dataset by rank, baselines among them, then those without the metric;
        all failures at the end.

    Raises:
        BenchError: if `metric` is unknown.
    """
    if metric not in (None, *METRICS):
        raise BenchError(f"metric must be one of {', '.join(METRICS)}. Received: metric={metric!r}")
    groups: dict[str, list[dict[str, Any]]] = {}
    fields = group_fields(config_class)
    for latest in record_store.latest(records):
        record = dict.fromkeys(record_store.RECORD_FIELDS) | latest
        key = {field: record[field] for field in fields}
        key["config"] = _without_seed(record["config"])
        if record["status"] != "ok":
            key["error"] = record["error"]
        groups.setdefault(json.dumps(key, sort_keys=True), []).append(record)
    decisive = _decisive(list(groups.values()))
    found = [
        _row(group, metric or decisive.get(_table(group[0])) or _default_metric(group[0]))
        for group in groups.values()
    ]
    tables: dict[tuple[Any, ...], list[Row]] = {}
    for row in found:
        if not row.failed:
            key = (*_table(row.records[0]), *row.normal_classes)
            tables.setdefault(key, []).append(row)
    ranked = [row for table in tables.values() for row in _ranked(table, table[0].ranked_by)]
    return _told_apart(ranked + [row for row in found if row.failed], fields)


def key_without(row: Row, fields: Collection[str]) -> str:
    """Returns what tells a row's configuration from others, but for `fields`."""
    key = {field: row[field] for field in group_fields() if field not in fields}
    key["config"] = _without_seed(row["config"])
    return json.dumps(key, sort_keys=True)


def half_width(interval: intervals.Interval) -> float | None:
    """Returns half the width of an interval, None where one seed gives none."""
    if interval.num < 2 or interval.low is None or interval.high is None:
        return None
    half = (interval.high - interval.low) / 2
    return half if math.isfinite(half) else None


def _table(record: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(record[field] for field in TABLE_FIELDS)


def _decisive(groups: list[list[dict[str, Any]]]) -> dict[tuple[Any, ...], str]:
    """Returns what decides the rank of each table: what its models are for."""
    tables: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for record in (record for group in groups for record in group):
        if record["kind"] == "model" and record["status"] == "ok":
            tables.setdefault(_table(record), []).append(record)
    return {
        table: next(
            metric
            for metric in ("auroc", "iou_image", "recall_lowest", "accuracy", "mse")
            if metric == "mse" or all(record[f"test_{metric}"] is not None for record in models)
        )
        for table, models in tables.items()
    }


def _default_metric(record: dict[str, Any]) -> str:
    """Returns what decides the rank of a table of baselines alone."""
    return "auroc" if record["task"] == "anomaly" else "mse"


def _row(group: list[dict[str, Any]], metric: str) -> Row:
    group = sorted(
        group,
        key=lambda record: (record["seed"] is None, record["seed"], record["normal_class"] or 0),
    )
    quality = {}
    for name in METRICS:
        values = one_class.values_by_seed(group, f"test_{name}")
        if values and all(value is not None and math.isfinite(value) for value in values):
            quality[name] = intervals.mean_interval(values)
    return Row(tuple(group), quality, metric)


def _ranked(table: list[Row], metric: str) -> list[Row]:
    known = [row for row in table if metric in row.quality]
    lower = metric not in HIGHER_IS_BETTER
    ranks = intervals.shared_ranks([_rank_interval(row, metric) for row in known], lower)
    found = [dataclasses.replace(row, rank=int(k)) for row, k in zip(known, ranks, strict=True)]
    sign = 1 if lower else -1
    found.sort(key=lambda row: (row.rank, sign * row.quality[metric].mean))
    return found + [row for row in table if metric not in row.quality]


def _rank_interval(row: Row, metric: str) -> intervals.Interval:
    """A baseline has no seeds to vary over: its interval is the value itself."""
    quality = row.quality[metric]
    if row["kind"] == "baseline":
        return dataclasses.replace(quality, low=quality.mean, high=quality.mean)
    return quality


def _told_apart(rows: list[Row], fields: Collection[str]) -> list[Row]:
    """Gives rows of one model, preset and dataset a detail: the settings in which they differ."""
    namesakes: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        namesakes.setdefault((row.failed, row.name, row.table), []).append(_settings(row, fields))
    found = []
    for row in rows:
        same, own = namesakes[row.failed, row.name, row.table], _settings(row, fields)
        differing = [key for key in own if any(own[key] != other.get(key) for other in same)]
        if len(differing) > 1 and "code_size" in differing:  # follows from the rest
            differing.remove("code_size")
        told = [f"{key}={own[key]}" for key in differing]
        detail = ", ".join(filter(None, [row.missing_classes, *told]))
        found.append(dataclasses.replace(row, detail=detail))
    return found


def _settings(row: Row, fields: Collection[str]) -> dict[str, Any]:
    config = _without_seed(row["config"])
    found = {field: row[field] for field in fields if field != "config"}
    found["dataset_checksum"] = (row["dataset_checksum"] or "")[:8]
    return config | found


def _without_seed(config: dict[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in (config or {}).items() if key != "seed"}
