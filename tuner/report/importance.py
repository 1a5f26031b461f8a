"""How much of the scores of a search goes along with each of its parameters."""

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from tuner.space.parameters import Boolean, Choice, Float, Int, Parameter

FEWEST_TRIALS = 8
# Below this out-of-bag R^2 the forest knows too little for its shares to mean much.
LEAST_EXPLAINED = 0.1
EPOCHS = "epochs"  # of a trial; Hyperband varies them like a parameter
_FORESTS, _TREES, _SHUFFLES = 2, 100, 8
_FENCE = 1.5  # interquartile ranges beyond the quartiles, as of a box plot


@dataclasses.dataclass(frozen=True)
class Importance:
    """What a random forest makes of the trials.

    Attributes:
        shares: By parameter, largest first: its share of the explained variance of the scores,
            in [0, 1], which add up to 1, and the standard deviation of that share.
        explained: Out-of-bag R^2 of the forest, at most 1. Near 0 or below, the scores do not
            follow from the parameters as far as these trials tell, and the shares are noise.
        num_trials: Trials that the forest saw.
    """

    shares: dict[str, tuple[float, float]]
    explained: float
    num_trials: int

    @property
    def means_something(self) -> bool:
        """Whether the forest explains enough for its shares to be read."""
        return self.explained >= LEAST_EXPLAINED


def compute(
    records: Iterable[dict[str, Any]], parameters: dict[str, Parameter]
) -> Importance | None:
    """Returns the importance of each parameter that varies.

    A random forest predicts each trial from trees that have not seen it (out of bag). The
    importance of a parameter is how much R^2 these predictions lose when its values are shuffled
    among the trials, all columns of a category together; the share is that loss over the sum of
    all. Its spread is over shuffles and over forests, not over other trials that might have been
    drawn. Scores far off the others are drawn nearer first, see `fenced`.

    Args:
        records: Trials; those without a score are left out.
        parameters: The space's, by name. A parameter that is not active counts at its default.

    Returns:
        None with fewer than 8 trials with a score, equal scores, or nothing that varies.

    Reference: Breiman, Random Forests, 2001, section 10.
    """
    records = [record for record in records if record["status"] == "ok"]
    kinds = varied(records, parameters)
    if len(records) < FEWEST_TRIALS or not kinds:
        return None
    scores = fenced([record["score"] for record in records])
    if np.ptp(scores) == 0:
        return None
    columns = [_column(records, name, kind) for name, kind in kinds.items()]
    table = np.column_stack([values for values, _ in columns])
    losses, explained = _losses(table, [count for _, count in columns], scores)
    means, spreads = _share(losses.mean(axis=1)), _share(losses).std(axis=1)
    ordered = sorted(zip(kinds, means, spreads, strict=True), key=lambda each: -each[1])
    return Importance(
        {name: (float(share), float(spread)) for name, share, spread in ordered},
        explained,
        len(records),
    )


def fenced(scores: Iterable[float]) -> np.ndarray:
    """Returns scores of which none is over 1.5 interquartile ranges outside of the quartiles.

    A single trial that went wrong would make up all of their variance, and fill every picture.
    """
    scores = np.asarray(list(scores), float)
    low, high = np.percentile(scores, (25, 75))
    reach = _FENCE * (high - low)
    return np.clip(scores, low - reach, high + reach) if reach else scores


def varied(
    records: Iterable[dict[str, Any]], parameters: dict[str, Parameter]
) -> dict[str, Parameter]:
    """Returns the parameters of which the trials have several values, in the space's order.

    What a search narrowed beyond the space is a choice among the values seen; `epochs` are among
    the parameters where the trials differ in them.
    """
    records = list(records)
    kinds: dict[str, Parameter] = {}
    for name in dict.fromkeys([*parameters, *(n for r in records for n in r["values"])]):
        seen = values_of(records, name)
        if len(seen) > 1:
            known = parameters.get(name)
            is_known = isinstance(known, Choice | Int | Float | Boolean)
            kinds[name] = known if is_known else Choice(tuple(seen), seen[0])
    epochs = values_of(records, EPOCHS)
    if len(epochs) > 1 and EPOCHS not in kinds:
        kinds[EPOCHS] = Int(min(epochs), max(epochs), max(epochs), log=True)
    return kinds


def values_of(records: Iterable[dict[str, Any]], name: str) -> list[Any]:
    """Returns the different values of a parameter, as they are first seen."""
    values = (value(record, name) for record in records if is_in(record, name))
    return list({repr(each): each for each in values}.values())


def is_in(record: dict[str, Any], name: str) -> bool:
    """Tells whether a parameter is active in a trial."""
    return name in record["values"] or (name == EPOCHS and record.get("epochs") is not None)


def value(record: dict[str, Any], name: str) -> Any:
    """Returns the value of an active parameter; lists for tuples, as files have them."""
    return record["values"][name] if name in record["values"] else record[EPOCHS]


def _column(
    records: list[dict[str, Any]], name: str, parameter: Parameter
) -> tuple[np.ndarray, int]:
    """Returns a parameter as numbers, and the number of its categories, 0 for a scale."""
    default = parameter.default
    default = list(default) if isinstance(default, tuple) else default
    values = [value(record, name) if is_in(record, name) else default for record in records]
    if all(isinstance(each, int | float) and not isinstance(each, bool) for each in values):
        is_log = getattr(parameter, "log", isinstance(parameter, Choice)) and min(values) > 0
        return np.array([math.log(each) if is_log else float(each) for each in values]), 0
    names = list(dict.fromkeys(map(repr, values)))
    return np.array([float(names.index(repr(each))) for each in values]), len(names)


def _losses(table: np.ndarray, categories: list[int], scores: np.ndarray) -> tuple[Any, float]:
    """Returns the loss of R^2 by column and shuffle, `(columns, shuffles)`, and R^2 itself."""
    from sklearn.inspection import permutation_importance

    losses, explained = [], []
    for seed in range(_FORESTS):
        forest = _OutOfBagForest(categories, seed).fit(table, scores)
        explained.append(forest.score(table, scores))
        permuted = permutation_importance(
            forest, table, scores, n_repeats=_SHUFFLES, random_state=seed
        )
        losses.append(permuted.importances)
    return np.concatenate(losses, axis=1), float(np.mean(explained))


def _share(losses: np.ndarray) -> np.ndarray:
    """Returns the parts of the losses that are above 0 over their sum, down the first axis."""
    above = np.clip(losses, 0, None)
    total = above.sum(axis=0)
    return above / np.where(total > 0, total, 1.0)


class _OutOfBagForest:
    """A random forest that predicts each row by the trees that were grown without it.

    Rows must come in the order of the rows it was fitted to; their columns may be shuffled.
    """

    def __init__(self, categories: list[int], seed: int):
        from sklearn.ensemble import RandomForestRegressor

        self.categories = categories
        self.forest = RandomForestRegressor(_TREES, random_state=seed)

    def fit(self, table: np.ndarray, scores: np.ndarray) -> "_OutOfBagForest":
        self.forest.fit(self._encoded(table), scores)
        self.is_out = np.ones((len(self.forest.estimators_), len(table)))
        for row, drawn in zip(self.is_out, self.forest.estimators_samples_, strict=True):
            row[drawn] = 0
        return self

    def predict(self, table: np.ndarray) -> np.ndarray:
        encoded = self._encoded(table)
        predictions = [tree.tree_.predict(encoded)[:, 0] for tree in self.forest.estimators_]
        return np.average(predictions, axis=0, weights=self.is_out)

    def score(self, table: np.ndarray, scores: np.ndarray) -> float:
        from sklearn.metrics import r2_score

        return float(r2_score(scores, self.predict(table)))

    def _encoded(self, table: np.ndarray) -> np.ndarray:
        parts = [
            np.eye(count)[column.astype(int)] if count else column[:, None]
            for column, count in zip(table.T, self.categories, strict=True)
        ]
        return np.hstack(parts).astype(np.float32)
