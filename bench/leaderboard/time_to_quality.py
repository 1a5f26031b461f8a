"""How much training a model needs to reach a given quality: images and seconds until a target.

The curve comes from `bench.evaluation.quality_curve`, which measures; this module reads records.
"""

import dataclasses
import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from bench.records import metrics
from bench.records.metrics import METRICS
from bench.records.schema import Record, Training

FIELDS = ("images_to_target", "seconds_to_target")


def reached(training: Training, target: float | None) -> dict[str, Any]:
    """Finds the first evaluation at which a curve has reached the target.

    Args:
        training: With `quality_metric` and `quality_curve`, a list of dicts of `images`, `seconds`
            and `value`.
        target: Value of the metric, or None.

    Returns:
        `target`, `images_to_target` and `seconds_to_target`, the last two None where no
        evaluation reached it. Empty without a target or a curve.
    """
    curve = training.quality_curve
    if target is None or not curve:
        return {}
    is_higher_better = metrics.higher_is_better(training.quality_metric)
    costs = dict.fromkeys(FIELDS)
    for point in curve:
        value = point["value"]
        if value is None or not math.isfinite(value):
            continue
        if value >= target if is_higher_better else value <= target:
            costs = {"images_to_target": point["images"], "seconds_to_target": point["seconds"]}
            break
    return {"target": float(target), **costs}


@dataclasses.dataclass(frozen=True)
class Summary:
    """The time to a target over the seeds of a model.

    Attributes:
        median: Over the seeds, a seed that never got there counted as infinite; infinite where
            the middle one never did.
        num_reached: Seeds that got there, of `num`.
    """

    median: float
    num_reached: int
    num: int


def summary(records: Iterable[Record], field: str) -> Summary | None:
    """Summarises `images_to_target` or `seconds_to_target` over seeds.

    Returns:
        None where no record has a target.
    """
    asked = [record.training for record in records if record.training.target is not None]
    if not asked:
        return None
    values = [getattr(training, field) for training in asked]
    values = [math.inf if value is None else value for value in values]
    return Summary(statistics.median(values), sum(map(math.isfinite, values)), len(values))


def text(summary: Summary | None, number) -> str:
    """Returns a cell of a table: `12.3 k`, `12.3 k (2 of 3)`, `never`, or `-` for no target.

    Args:
        number: Function that writes a number.
    """
    if summary is None:
        return "-"
    middle = number(summary.median) if math.isfinite(summary.median) else "never"
    some = 0 < summary.num_reached < summary.num
    return f"{middle} ({summary.num_reached} of {summary.num})" if some else middle


def note(records: Sequence[Record]) -> str | None:
    """Returns the sentence that the columns need, None where no record has a target."""
    asked = [record.training for record in records if record.training.target is not None]
    if not asked:
        return None
    targets = {
        f"{METRICS[training.quality_metric].label} of "
        f"{'at least' if metrics.higher_is_better(training.quality_metric) else 'at most'} "
        f"{training.target:g}": None
        for training in asked
    }
    schedules = {
        f"{record.config.evaluate_every:g}": None
        for record in records
        if record.training.target is not None
    }
    return (
        f"Time to target: until a validation {' or '.join(targets)}, evaluated every "
        f"{' or '.join(schedules)} epochs; the median over the seeds, a seed that never got there "
        "counted as infinite. Seconds are those of training, compilation in them, validation not."
    )
