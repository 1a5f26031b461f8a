"""The settings of a search as points of a unit cube, where distances mean something."""

from collections.abc import Sequence
from typing import Any

import keras_tuner
import numpy as np

_BELOW_ONE = 1 - 1e-9


class Cube:
    """Many settings at once, as rows with the probability of each parameter, in `[0, 1)`.

    Args:
        parameters: As `keras_tuner` has them; a parent stands before what depends on it.
    """

    def __init__(self, parameters: Sequence[Any]):
        self.parameters = tuple(parameters)
        self._steps = [None if _is_continuous(hp) else tuple(hp.values) for hp in self.parameters]
        self._defaults = [hp.value_to_prob(hp.default) for hp in self.parameters]
        self._parents = {condition.name for hp in self.parameters for condition in hp.conditions}

    def draw(self, generator: np.random.Generator, count: int) -> np.ndarray:
        """Returns rows at random, `(count, parameters)`."""
        return generator.random((count, len(self.parameters)))

    def near(
        self, generator: np.random.Generator, row: np.ndarray, count: int, distance: float
    ) -> np.ndarray:
        """Returns changes of a row, `(count, parameters)`.

        Numbers move a little, and about two parameters of each row are drawn anew.

        Args:
            distance: Standard deviation of the moves.
        """
        shape = (count, len(self.parameters))
        is_number = [_is_ordered(hp) for hp in self.parameters]
        moved = row + distance * generator.normal(size=shape) * is_number
        is_new = generator.random(shape) < min(1.0, 2 / len(self.parameters))
        return np.clip(np.where(is_new, generator.random(shape), moved), 0.0, _BELOW_ONE)

    def rows(self, settings: Sequence[dict[str, Any]]) -> np.ndarray:
        """Returns the rows of settings; what is not active is at its default."""
        columns = [
            [hp.value_to_prob(each[hp.name]) if hp.name in each else default for each in settings]
            for hp, default in zip(self.parameters, self._defaults, strict=True)
        ]
        return np.array(columns).T

    def values(self, row: np.ndarray) -> dict[str, Any]:
        """Returns the settings of a row: the active parameters alone."""
        found: dict[str, Any] = {}
        for hp, probability in zip(self.parameters, row, strict=True):
            if is_active(hp, found):
                found[hp.name] = hp.prob_to_value(float(probability))
        return found

    def points(self, rows: np.ndarray) -> np.ndarray:
        """Returns rows as points, `(len(rows), dimensions)`.

        Steps are at their middle, names have an axis for each value, and what is not active is
        at its default.
        """
        columns: list[np.ndarray] = []
        active: dict[str, np.ndarray] = {}
        of_parents: dict[str, list] = {}
        each = zip(self.parameters, rows.T, self._defaults, self._steps, strict=True)
        for hp, column, default, steps in each:
            active[hp.name] = np.ones(len(rows), dtype=bool)
            for condition in hp.conditions:
                holds = [value in condition.values for value in of_parents[condition.name]]
                active[hp.name] &= active[condition.name] & holds
            if hp.name in self._parents:
                of_parents[hp.name] = [hp.prob_to_value(float(share)) for share in column]
            column = np.where(active[hp.name], column, default)
            if steps is not None:
                column = (np.floor(column * len(steps)) + 0.5) / len(steps)
            if _is_ordered(hp):
                columns.append(column)
            else:
                columns += [np.isclose(column, hp.value_to_prob(name)) for name in steps]
        return np.array(columns, dtype=float).T


def is_active(hp, values: dict[str, Any]) -> bool:
    """Tells whether the conditions of a parameter hold for these values."""
    return all(condition.is_active(values) for condition in hp.conditions)


def _is_ordered(hp) -> bool:
    return getattr(hp, "ordered", True)  # only `Choice` has it


def _is_continuous(hp) -> bool:
    kinds = keras_tuner.engine.hyperparameters
    return isinstance(hp, kinds.Float | kinds.Int) and hp.step is None
