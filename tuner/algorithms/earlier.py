"""Trials of earlier searches, as a Gaussian process learns from them.

Those of the same data and budget count as the search's own. Those of other data have another level
and another spread: they count by how many deviations they are from the mean of their own search,
and with ten times the noise.

Reference: Yogatama & Mann, 2014, Sec. 3. https://proceedings.mlr.press/v33/yogatama14.html
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

OTHERS_NOISE = 10.0  # times that of the search's own trials
NUM_QUEUED = 2  # best trials of each earlier search that are tried first


@dataclasses.dataclass(frozen=True)
class Earlier:
    """A trial of an earlier search.

    Attributes:
        values: As keras-tuner has them.
        score: Of its objective.
        costs: By name.
        source: Names its search.
        is_same: Whether its data, budget and precision are those of this search.
    """

    values: dict[str, Any]
    score: float
    costs: dict[str, float]
    source: str
    is_same: bool


def joined(
    own: np.ndarray, objectives: np.ndarray, earlier: Sequence[Earlier]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the objectives of own and earlier trials, and how many times the noise each has.

    Args:
        own: Objectives of the search's own trials, `(trials, aims)`.
        objectives: Of the earlier trials, `(len(earlier), aims)`.

    Returns:
        `(trials + len(earlier), aims)` and `(trials + len(earlier),)`.
    """
    is_same = np.array([each.is_same for each in earlier], dtype=bool)
    known = np.concatenate([own, objectives[is_same]])
    moved = objectives.copy()
    for source in {each.source for each in earlier if not each.is_same}:
        rows = np.array([each.source == source for each in earlier])
        spread = moved[rows].std(axis=0)
        shares = (moved[rows] - moved[rows].mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        moved[rows] = known.mean(axis=0) + known.std(axis=0) * shares
    noises = np.where(is_same, 1.0, OTHERS_NOISE)
    return np.concatenate([own, moved]), np.concatenate([np.ones(len(own)), noises])


def best(earlier: Sequence[Earlier], direction: str) -> list[dict[str, Any]]:
    """Returns the settings to try first: the best of each earlier search."""
    sign = 1 if direction == "min" else -1
    found: list[dict[str, Any]] = []
    for source in dict.fromkeys(each.source for each in earlier):
        of_source = [each for each in earlier if each.source == source]
        ranked = sorted(of_source, key=lambda each: sign * each.score)
        found += [each.values for each in ranked[:NUM_QUEUED] if each.values not in found]
    return found
