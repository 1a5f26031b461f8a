"""The diagnosis of a job's training: the callback that watches it, and its fields of the record."""

import math
from typing import Any

from bench.data import tasks
from bench.data.dataset import Dataset
from zoo.diagnostics.callback import NUM_PROBE_IMAGES, HealthCheck


def callback(
    task: str, dataset: Dataset, *, batch_size: int, num_labels: int | None = None, seed: int = 0
) -> HealthCheck:
    """Returns the callback that watches a job's `fit`, on a few of its training images.

    It has to stand before callbacks that may raise, so that it sees the epoch at which they stop.
    It uses no more images than a batch has, so it does not raise the peak of memory.

    Args:
        task: The model's task, one of `zoo.training.model.TASKS`.
        dataset: The data that the job trains on.
        batch_size: Of the job.
        num_labels: Rows that keep their label in a semi-supervised task; None: all.
        seed: Of the job, which draws them.
    """
    pairs = tasks.pairs(task, dataset.train, num_labels, seed)
    return HealthCheck(*pairs, num_images=min(NUM_PROBE_IMAGES, batch_size), verbose=0)


def from_check(check: HealthCheck) -> dict[str, Any]:
    """Returns what was found as plain data for the record.

    Returns:
        `findings`: list of dicts with `code`, `severity`, `layer`, `number`, `text` and `remedy`,
        errors first. `layer_changes`: path of each layer to `||w - w_0|| / ||w_0||`, `w_0` its
        weights before training. Numbers have four digits; None where they are not finite.
    """
    return {
        "findings": [
            {
                "code": finding.code,
                "severity": finding.severity,
                "layer": finding.layer,
                "number": _short(finding.number),
                "text": finding.text,
                "remedy": finding.remedy,
            }
            for finding in check.findings
        ],
        "layer_changes": {layer: _short(change) for layer, change in check.layer_changes.items()},
    }


def _short(number: float) -> float | None:
    return float(f"{number:.4g}") if math.isfinite(number) else None
