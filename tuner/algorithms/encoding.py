"""The settings of a search as points of a unit cube, where distances mean something."""

from collections.abc import Sequence
from typing import Any

import keras_tuner
import numpy as np

_BELOW_ONE = 1 - 1e-9


class UnitCube:
    """Many settings at once, as rows with the probability of each parameter, in `[0, 1)`.

    Args:
        parameters: As `keras_tuner` has them; a parent stands before what depends on it.
    """

    def __init__(self, parameters: Sequence[Any]):
        self.parameters = tuple(parameters)
        self._steps = [steps_of(hp) for hp in self.parameters]
        self._defaults = [hp.value_to_prob(hp.default) for hp in self.parameters]

    def draw(self, generator: np.random.Generator, count: int) -> np.ndarray:
        """Returns rows at random, `(count, parameters)`."""
        return generator.random((count, len(self.parameters)))

    def sequence(self, seed: int, start: int, count: int) -> np.ndarray:
        """Returns rows of a scrambled Sobol sequence from a place on, `(count, parameters)`.

        They fill the cube evenly: each half of a parameter has half of any first 2, 4, 8 ... rows.

        Reference: Owen, 1998. https://doi.org/10.1006/jcom.1998.0487
        """
        from scipy.stats import qmc

        sequence = qmc.Sobol(len(self.parameters), scramble=True, rng=seed)
        # Whole powers of two alone are balanced.
        rows = sequence.random_base2(max(0, start + count - 1).bit_length())
        return np.clip(rows[start : start + count], 0.0, _BELOW_ONE)

    def near(
        self, generator: np.random.Generator, row: np.ndarray, count: int, distance: float
    ) -> np.ndarray:
        """Returns changes of a row, `(count, parameters)`: of about two parameters each.

        Numbers move a little, names are drawn anew.

        Args:
            distance: Standard deviation of the moves.
        """
        shape = (count, len(self.parameters))
        is_number = [is_ordered(hp) for hp in self.parameters]
        moved = row + distance * generator.normal(size=shape)
        changed = np.where(is_number, moved, generator.random(shape))
        is_changed = generator.random(shape) < 2 / len(self.parameters)
        return np.clip(np.where(is_changed, changed, row), 0.0, _BELOW_ONE)

    def rows(self, settings: Sequence[dict[str, Any]]) -> np.ndarray:
        """Returns the rows of settings; what is not active is at its default."""
        columns = [
            [hp.value_to_prob(each[hp.name]) if hp.name in each else default for each in settings]
            for hp, default in zip(self.parameters, self._defaults, strict=True)
        ]
        return np.array(columns).T

    def values(self, row: np.ndarray) -> dict[str, Any]:
        """Returns the settings of a row: the active parameters alone."""
        active: dict[str, Any] = {}
        for hp, probability in zip(self.parameters, row, strict=True):
            if is_active(hp, active):
                active[hp.name] = hp.prob_to_value(float(probability))
        return active

    def points(self, rows: np.ndarray) -> np.ndarray:
        """Returns rows as points, `(len(rows), dimensions)`.

        Steps are at their middle, names have an axis for each value, and what is not active is
        at its default.
        """
        columns: list[np.ndarray] = []
        active: dict[str, np.ndarray] = {}
        places = {hp.name: place for place, hp in enumerate(self.parameters)}
        each = zip(self.parameters, rows.T, self._defaults, self._steps, strict=True)
        for hp, column, default, steps in each:
            active[hp.name] = np.ones(len(rows), dtype=bool)
            for condition in hp.conditions:
                holds = self._holds(condition, places[condition.name], rows)
                active[hp.name] &= active[condition.name] & holds
            column = np.where(active[hp.name], column, default)
            if steps is None:
                columns.append(column)
            elif is_ordered(hp):
                columns.append((_step(column, steps) + 0.5) / len(steps))
            else:
                columns += [_step(column, steps) == step for step in range(len(steps))]
        return np.array(columns, dtype=float).T

    def _holds(self, condition, place: int, rows: np.ndarray) -> np.ndarray:
        hp, column, steps = self.parameters[place], rows[:, place], self._steps[place]
        if steps is None:
            return np.array(
                [hp.prob_to_value(float(share)) in condition.values for share in column]
            )
        return np.array([step in condition.values for step in steps])[_step(column, steps)]


def is_active(hp, values: dict[str, Any]) -> bool:
    """Tells whether the conditions of a parameter hold for these values."""
    return all(condition.is_active(values) for condition in hp.conditions)


def is_ordered(hp) -> bool:
    """Tells whether the values of a parameter are numbers, of which near ones are alike."""
    return getattr(hp, "ordered", True)  # only `Choice` has it


def steps_of(hp) -> list | None:
    """Returns the values of a parameter by their probability; None where they have no steps."""
    kinds = keras_tuner.engine.hyperparameters
    if isinstance(hp, kinds.Float | kinds.Int) and hp.step is None:
        return None
    count = len(tuple(hp.values))
    return [hp.prob_to_value((step + 0.5) / count) for step in range(count)]


def _step(column: np.ndarray, steps: list) -> np.ndarray:
    return np.minimum((column * len(steps)).astype(int), len(steps) - 1)
