"""Slopes of cost in log-log, from the records of `bench scale`; nothing is measured here."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.scaling import points as scaling_points
from bench.scaling.points import Point


@dataclasses.dataclass(frozen=True)
class Slope:
    """An exponent: cost grows with its power of the setting.

    Attributes:
        low, high: 95 % interval; None for fewer than 3 points.
        intercept: Of `log cost = intercept + value * log setting`.
    """

    value: float
    low: float | None
    high: float | None
    intercept: float
    num: int


@dataclasses.dataclass(frozen=True)
class Line:
    """The cost of one model along one axis.

    Attributes:
        values: Of the setting; `seconds` of a call, with `low` and `high`, for each.
        slope: None for a single point.
        failed: Values of the setting whose points did not run, with their errors.
    """

    model: str
    axis: str
    what: str
    values: tuple[float, ...]
    seconds: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    slope: Slope | None
    failed: tuple[tuple[float, str], ...] = ()
    stable: bool = True


def fit(settings: Sequence[float], costs: Sequence[float], confidence: float = 0.95) -> Slope:
    """Fits a power law by least squares of the logarithms.

        log cost = intercept + slope * log setting,  slope +- t(n - 2) * standard error

    The interval also widens where the law does not hold: small settings are bound by overhead,
    and bend the line.

    Args:
        settings, costs: Positive, at least two points of different settings.
    """
    x, y = np.log(np.asarray(settings, float)), np.log(np.asarray(costs, float))
    if len(x) < 2 or len(set(x)) < 2:
        raise ValueError(
            "fit: settings must hold at least 2 different values. "
            f"Received: settings={list(settings)}. Measure more points."
        )
    value, intercept, half = straight(x, y, confidence)
    low, high = (None, None) if half is None else (value - half, value + half)
    return Slope(value, low, high, intercept, len(x))


def straight(
    x: Sequence[float], y: Sequence[float], confidence: float = 0.95
) -> tuple[float, float, float | None]:
    """Fits a straight line by least squares.

    Returns:
        The slope, the intercept, and half the slope's Student-t interval; None for 2 points.
    """
    from scipy.stats import linregress, t

    line = linregress(x, y)
    num_free = len(x) - 2
    if num_free < 1:
        return float(line.slope), float(line.intercept), None
    # Without variation of y there is no correlation, from which the error follows.
    error = line.stderr if np.ptp(y) > 0 else 0.0
    half = t.ppf(0.5 + confidence / 2, num_free) * error
    return float(line.slope), float(line.intercept), float(half)


def text(slope: Slope | None) -> str:
    """Returns a slope with its interval, as table and picture show it."""
    if slope is None:
        return ""
    if slope.low is None:
        return f"{slope.value:.2f}"
    return f"{slope.value:.2f} [{slope.low:.2f}, {slope.high:.2f}]"


def lines(
    records: Sequence[dict[str, Any]],
    models: Sequence[str],
    axes: Sequence[str],
    quick: bool,
    machine: dict[str, Any],
) -> list[Line]:
    """Returns what was found of each model along each axis.

    The time of a point is that of its fastest round, because other programs only add to it. Its
    interval spans the intervals of all rounds.
    """
    by_id: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        by_id.setdefault(record["point_id"], []).append(record)
    fitted = []
    for model in models:
        for axis in axes:
            points: dict[str, list[tuple[float, Point]]] = {}
            for value, point in scaling_points.along(model, axis, quick):
                points.setdefault(point.what, []).append((value, point))
            for what, places in points.items():
                rounds = [(value, by_id.get(point.id(machine), [])) for value, point in places]
                if any(each for _, each in rounds):
                    fitted.append(_line(model, axis, what, rounds))
    return fitted


def _line(model: str, axis: str, what: str, rounds) -> Line:
    measured = []
    failed = []
    for value, records in rounds:
        good = [record for record in records if record["status"] == "ok"]
        if good:
            measured.append((value, good))
        elif records:
            failed.append((value, records[-1]["error"]))
    values = tuple(value for value, _ in measured)
    seconds = tuple(min(r["seconds"] for r in good) for _, good in measured)
    return Line(
        *(model, axis, what, values, seconds),
        tuple(min(r["seconds_low"] for r in good) for _, good in measured),
        tuple(max(r["seconds_high"] for r in good) for _, good in measured),
        fit(values, seconds) if len(values) > 1 else None,
        tuple(failed),
        all(r["stable"] for _, good in measured for r in good),
    )
