"""What a model costs against what it gives: the costs, and the front that no other model beats."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from bench.leaderboard import quality_gate
from bench.leaderboard import rows as leaderboard_rows
from bench.leaderboard.rows import Row, half_width


@dataclasses.dataclass(frozen=True)
class Cost:
    """A number of a row that quality is set against."""

    field: str
    short: str
    title: str
    fewer_is_better: bool


COSTS = (
    Cost("infer_images_per_second", "inference", "inference, images per second", False),
    Cost("fit_images_per_second", "training", "training by fit, images per second", False),
    Cost("train_images_per_second", "step", "training step, images per second", False),
    Cost("latency_ms", "latency", "latency of one image, ms", True),
    Cost("params_total", "parameters", "parameters", True),
    Cost("forward_macs", "MACs", "multiply-adds of one image, forward", True),
    Cost("peak_memory_mib", "memory", "peak memory of training, MiB", True),
)


def costs(rows: list[Row]) -> tuple[Cost, ...]:
    """Returns the costs of these rows, of training one speed: `fit`'s, or that of older records."""
    field, _ = leaderboard_rows.training_speed(rows)
    other = {leaderboard_rows.FIT_SPEED, leaderboard_rows.STEP_SPEED} - {field}
    return tuple(cost for cost in COSTS if cost.field not in other)


@dataclasses.dataclass(frozen=True)
class Point:
    """A row as a picture places it: its cost across, its quality up, the ends of its interval."""

    row: Row
    cost: float
    quality: float
    low: float
    high: float
    on_front: bool


def points(rows: list[Row], cost: Cost) -> list[Point]:
    """Returns the rows of one table that have the cost, those of the front marked.

    Args:
        rows: Rows of one table, with one `ranked_by`. Baselines are drawn but make no front.
    """
    kept = [row for row in rows if row.ranked_by in row.quality]
    if not kept:
        return []
    metric, costs = kept[0].ranked_by, values(rows, cost.field)
    placed = [
        (row, costs[id(row)], row.quality[metric])
        for row in kept
        if 0 < costs.get(id(row), 0) < math.inf
    ]
    front = pareto_front(
        [(x, quality.mean) for row, x, quality in placed if not row.baseline],
        cost.fewer_is_better,
        metric not in leaderboard_rows.HIGHER_IS_BETTER,
    )
    all_points = []
    for row, x, quality in placed:
        half = half_width(quality) or 0.0
        on_front = not row.baseline and (x, quality.mean) in front
        ends = (quality.mean - half, quality.mean + half)
        all_points.append(Point(row, x, quality.mean, *ends, on_front))
    return all_points


def values(rows: list[Row], field: str) -> dict[int, float]:
    """Returns the cost of each row that has one, by `id(row)`.

    Speeds that `bench.leaderboard.quality_gate` withholds are left out.
    """
    withheld = set(quality_gate.withheld(rows)) if field in leaderboard_rows.TIMINGS else set()
    return {
        id(row): value
        for index, row in enumerate(rows)
        if index not in withheld and (value := row.middle(field))
    }


def pareto_front(
    points: list[tuple[float, float]], fewer_is_better: bool, lower_is_better: bool
) -> list[tuple[float, float]]:
    """Returns the points that no other beats in both ways, from the cheapest on.

    Args:
        points: `(cost, quality)` of each.
        fewer_is_better: Direction of the cost.
        lower_is_better: Direction of the quality.
    """
    sign_x, sign_y = (1 if fewer_is_better else -1), (1 if lower_is_better else -1)
    signed = sorted({(sign_x * x, sign_y * y) for x, y in points})
    kept = not_dominated(signed)
    return [
        (sign_x * x, sign_y * y) for (x, y), on_front in zip(signed, kept, strict=True) if on_front
    ]


def not_dominated(points: Sequence[Sequence[float]]) -> list[bool]:
    """Tells of each point whether no other is as good in all ways and better in one.

    Args:
        points: `(count, objectives)`, each to be small.
    """
    is_on_front = []
    placed = np.asarray(points, dtype=float)
    for point in placed:
        beaten_by = (placed <= point).all(axis=1) & (placed < point).any(axis=1)
        is_on_front.append(not beaten_by.any())
    return is_on_front
