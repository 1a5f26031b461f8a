"""The table of the selection check: how the measures order trainings, and what they choose."""

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from bench.report import markdown as markdown_tables

NUM_RESAMPLES = 500
# Measure, in words, and whether more of it is better.
MEASURES = {
    "val_loss": ("loss on held-out normals", False),
    "auroc_synthetic": ("`auroc_synthetic`", True),
    "aucp_50": ("`aucp`, half of the unlabelled are anomalies", True),
    "aucp_10": ("`aucp`, a tenth are anomalies", True),
}
OF_ONE_NETWORK = ("val_loss",)  # losses of two models are two quantities
_HEAD = ("chosen by", "all settings", "within a network", "AUROC of the choice")


def correlation(measured: Sequence[float], true: Sequence[float]) -> float:
    """Computes Spearman's rank correlation; NaN where one of both does not vary."""
    from scipy.stats import rankdata

    ranks = [rankdata(values) for values in (measured, true)]
    if min(each.std() for each in ranks) == 0:
        return float("nan")
    return float(np.corrcoef(*ranks)[0, 1])


def _signed(rows: Sequence[dict[str, Any]], measure: str) -> np.ndarray:
    return np.array([row[measure] for row in rows]) * (1 if MEASURES[measure][1] else -1)


def all_settings(rows: Sequence[dict[str, Any]], measure: str) -> float:
    """Returns the mean over classes of the correlation among all their settings."""
    true = np.array([row["auroc"] for row in rows])
    signed, labels = _signed(rows, measure), np.array([row["normal_class"] for row in rows])
    found = [correlation(signed[labels == k], true[labels == k]) for k in np.unique(labels)]
    return _mean(found)


def within_a_network(rows: Sequence[dict[str, Any]], measure: str) -> np.ndarray:
    """Returns the correlations among the epochs of one training, one for each class."""
    found = []
    for label in sorted({row["normal_class"] for row in rows}):
        own = [row for row in rows if row["normal_class"] == label]
        found.append(correlation(_signed(own, measure), [row["auroc"] for row in own]))
    return np.array(found)


def _cells(records: Sequence[dict[str, Any]], measure: str) -> tuple[str, str]:
    """Returns both correlations with their 95 % intervals over networks, whose settings depend."""
    generator = np.random.default_rng(0)
    names = sorted({row["network"] for row in records})
    of_network = [[row for row in records if row["network"] == name] for name in names]
    within = [within_a_network(rows, measure) for rows in of_network]
    samples: tuple[list[float], list[float]] = ([], [])
    for _ in range(NUM_RESAMPLES):
        drawn = generator.integers(len(names), size=len(names))
        resampled = [row for k in drawn for row in of_network[k]]
        samples[0].append(all_settings(resampled, measure))
        samples[1].append(_mean(np.concatenate([within[k] for k in drawn])))
    found = (all_settings(records, measure), _mean(np.concatenate(within)))
    texts = []
    for value, sample in zip(found, samples, strict=True):
        known = np.array(sample)[np.isfinite(sample)]
        low, high = np.quantile(known, (0.025, 0.975)) if len(known) else (math.nan, math.nan)
        texts.append(f"{value:.2f} ({low:.2f} to {high:.2f})")
    return texts[0], texts[1]


def _mean(values: Sequence[float] | np.ndarray) -> float:
    """Returns the mean of the values that are numbers; NaN where none is."""
    known = [value for value in values if math.isfinite(value)]
    return statistics.fmean(known) if known else math.nan


def chosen(records: Sequence[dict[str, Any]], measure: str) -> float:
    """Returns the true AUROC of what a measure chooses, the mean over classes."""
    labels = sorted({row["normal_class"] for row in records})
    values = []
    for label in labels:
        rows = [row for row in records if row["normal_class"] == label]
        values.append(rows[int(_signed(rows, measure).argmax())]["auroc"])
    return float(np.mean(values))


def markdown(records: Iterable[dict[str, Any]]) -> str:
    """Returns a row for each measure, and what it is to be compared with."""
    records = list(records)
    if not records:
        return "No training is finished."
    lines = []
    for measure, (words, _) in MEASURES.items():
        across, within = _cells(records, measure)
        if measure in OF_ONE_NETWORK:
            lines.append([words, "", within, ""])
        else:
            lines.append([words, across, within, f"{chosen(records, measure):.4f}"])
    labels = sorted({row["normal_class"] for row in records})
    by_class = [[r["auroc"] for r in records if r["normal_class"] == k] for k in labels]
    lines.append(
        ["nothing: the mean setting", "", "", f"{np.mean(list(map(np.mean, by_class))):.4f}"]
    )
    lines.append(
        ["the labels: the best setting", "", "", f"{np.mean(list(map(max, by_class))):.4f}"]
    )
    table = markdown_tables.table(_HEAD, lines, [False, True, True, True])
    num = len({(row["network"], row["epochs"]) for row in records})
    return (
        f"{table}\n\n{len(records)} trained settings, {num} for each of {len(labels)} normal "
        "classes. Spearman's correlation with the true AUROC, the mean over classes, with its 95 % "
        "interval over networks."
    )
