"""Several aims at once: the front of a search, its hypervolume, and one number out of many."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.leaderboard.pareto import not_dominated
from tuner.trials import costs

_AUGMENTATION = 0.05


def front(records: Sequence[dict[str, Any]], identity: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the trials that no other beats in score and costs at once, the cheapest first.

    Of trials that are equal in all of them the first is kept.

    Args:
        records: Trials; those without a score, or without one of the costs, are left out.
        identity: Of the search: its `direction`, and the names of its `costs`; without any,
            `"parameters"` is the cost.
    """
    names = tuple(identity.get("costs") or ("parameters",))
    sign = 1 if identity["direction"] == "min" else -1
    placed: dict[tuple[float, ...], dict[str, Any]] = {}
    for record in records:
        values = record.get("costs") or costs.from_record(record, names)
        if record["score"] is not None and all(values.get(name) is not None for name in names):
            placed.setdefault((*(values[name] for name in names), sign * record["score"]), record)
    kept = not_dominated(list(placed))
    return [
        placed[point]
        for point in sorted(point for point, on in zip(placed, kept, strict=True) if on)
    ]


def hypervolume(points: Sequence[Sequence[float]], reference: Sequence[float]) -> float:
    """Returns the volume of what these points beat, up to a reference: the larger, the better.

        volume of the union of the boxes [point, reference]

    Exact for any number of objectives, by slices along the last one; meant for two and three.

    Args:
        points: `(count, objectives)`, each to be small; what the reference beats counts nothing.
        reference: A point that is worse than the ones of interest.

    Reference: Zitzler & Thiele, 1999, IEEE TEVC 3(4). https://doi.org/10.1109/4235.797969
    """
    reference = np.asarray(reference, dtype=float)
    points = np.asarray(points, dtype=float).reshape(-1, len(reference))
    points = points[(points < reference).all(axis=1)]
    if not len(points):
        return 0.0
    if len(reference) == 1:
        return float(reference[0] - points.min())
    points = points[np.argsort(points[:, -1], kind="stable")]
    ends = np.append(points[1:, -1], reference[-1])
    return sum(
        float(end - start) * hypervolume(points[: row + 1, :-1], reference[:-1])
        for row, (start, end) in enumerate(zip(points[:, -1], ends, strict=True))
        if end > start
    )


def weights(generator: np.random.Generator, count: int) -> np.ndarray:
    """Returns weights that add up to 1, any such ones with equal probability, `(count,)`."""
    return generator.dirichlet(np.ones(count))


def objectives(
    scores: Sequence[float], cost_values: Sequence[Sequence[float]], direction: str
) -> np.ndarray:
    """Returns scores and logarithms of costs, each to be small, `(trials, 1 + costs)`.

    Costs such as a number of parameters span decades; by the logarithm each decade counts the same.

    Args:
        scores: `(trials,)`.
        cost_values: `(trials, costs)`; 0 counts as the smallest number above it.
        direction: Of the scores, `"min"` or `"max"`.
    """
    sign = 1 if direction == "min" else -1
    positive = np.maximum(np.asarray(cost_values, dtype=float), np.finfo(float).tiny)
    return np.column_stack([sign * np.asarray(scores, dtype=float), np.log(positive)])


def scalarised(
    values: np.ndarray, weights: Sequence[float], best: np.ndarray, worst: np.ndarray
) -> np.ndarray:
    """Returns one number for several objectives, lower is better, `(...,)`.

        max_j(w_j f_j) + 0.05 sum_j(w_j f_j),  f_j = (value_j - best_j) / (worst_j - best_j)

    The lowest point is on the front for any weights, also in the middle of a concave front, where a
    plain sum finds the ends alone.

    Args:
        values: `(..., objectives)`, each to be small.
        weights: `(objectives,)`, of sum 1.
        best: Of each objective, what counts as 0.
        worst: Of each objective, what counts as 1.

    Reference: Knowles, 2006, Eq. 2, IEEE TEVC 10(1). https://doi.org/10.1109/TEVC.2005.851274
    """
    span = np.where(worst > best, worst - best, 1.0)
    weighted = (values - best) / span * np.asarray(weights)
    return weighted.max(axis=-1) + _AUGMENTATION * weighted.sum(axis=-1)
