"""What searches are compared on: functions with a known optimum, and the table of real trainings.

Regret is what is lost against the optimum. For one aim it is the true value of the trial that a
search would hand over, less the optimum. For two aims it is the share of the hypervolume of the
true front that the trials so far do not cover.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tuner.benchmark import functions, grids, table
from tuner.space.space import Space
from tuner.trials import pareto


@dataclasses.dataclass(frozen=True)
class Seen:
    """What a trial shows.

    Attributes:
        score: As the search sees it, lower is better: of the table the error of one seed.
        true: Without the luck of a seed: of the table the mean over its seeds.
        costs: By name.
        sizes: By the field of a trial's record, for limits.
    """

    score: float
    true: float
    costs: dict[str, float] = dataclasses.field(default_factory=dict)
    sizes: dict[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Problem:
    """A space, and what each of its points is worth.

    Attributes:
        about: For the table, in a few words.
        look: Takes settings, the repetition and the epochs; returns what a trial shows.
        optimum: The best true value; of two aims the hypervolume of the true front.
        costs: Names of what is to be small beside the score.
        limits: Largest sizes, by the field of a trial's record.
        reference: Of two aims the worst point of interest: error, and logarithm of the cost.
        epochs: Of a whole training; 1: there is nothing to stop early.
    """

    name: str
    about: str
    space: Space
    look: Callable[[dict[str, Any], int, int], Seen]
    optimum: float
    costs: tuple[str, ...] = ()
    limits: dict[str, float] = dataclasses.field(default_factory=dict)
    reference: tuple[float, float] | None = None
    epochs: int = 1

    def regrets(self, trials: list[Seen]) -> list[float]:
        """Returns the regret after each trial."""
        if self.reference is not None:
            volumes = (self.volume(trials[: end + 1]) for end in range(len(trials)))
            return [1 - volume / self.optimum for volume in volumes]
        found, best = [], math.inf
        for trial in trials:
            if trial.score < best:
                best, regret = trial.score, trial.true - self.optimum
            found.append(max(0.0, regret))
        return found

    def volume(self, trials: list[Seen]) -> float:
        points = [(trial.true, *map(math.log, trial.costs.values())) for trial in trials]
        return pareto.hypervolume(points, self.reference)


_ADDED: dict[str, Problem] = {}


def add(found: Iterable[Problem]) -> None:
    """Adds problems, or puts them in place of those of the same names."""
    _ADDED.update({problem.name: problem for problem in found})


def names() -> tuple[str, ...]:
    """Returns the names of all problems; those of the table where it has the model."""
    present = {row["model"] for row in table.read_rows()} if table.PATH.exists() else set()
    of_table = [name for name, (model, _, _) in _OF_TABLE.items() if model in present]
    return (*functions.FUNCTIONS, *(f"table_{name}" for name in of_table), *_ADDED)


def get(name: str) -> Problem:
    """Returns the problem of a name."""
    return _ADDED[name] if name in _ADDED else _own(name)


@functools.cache
def _own(name: str) -> Problem:
    if name.startswith("table_"):
        return _of_table(name.removeprefix("table_"))
    function = functions.FUNCTIONS[name]

    def look(values: dict[str, Any], repetition: int, epochs: int) -> Seen:
        size = function.size(values) if function.size else None
        return Seen(
            *[function.error(values)] * 2,
            costs={"parameters": size} if function.front_volume else {},
            sizes={"num_parameters": size} if function.limit else {},
        )

    return Problem(
        name,
        function.about,
        function.space,
        look,
        function.front_volume or function.optimum,
        costs=("parameters",) if function.front_volume else (),
        limits={"num_parameters": function.limit} if function.limit else {},
        reference=function.reference,
    )


# --- the table ----------------------------------------------------------------------------------

_OF_TABLE = {
    "autoencoder": ("autoencoder", None, "real trainings of `autoencoder`"),
    "vae": ("vae", None, "real trainings of `vae`"),
    "autoencoder_front": ("autoencoder", "macs", "the same, error and multiply-adds"),
    "vae_front": ("vae", "macs", "the same of `vae`"),
}


def _of_table(name: str) -> Problem:
    model, cost, about = _OF_TABLE[name]
    rows = table.of_model(table.read_rows(), model)

    def error(row: dict[str, Any], seed: int, epoch: int) -> float:
        return row[table.error_column(seed, epoch)]

    def true(row: dict[str, Any], epoch: int = grids.NUM_EPOCHS) -> float:
        return float(np.mean([error(row, seed, epoch) for seed in grids.SEEDS]))

    def look(values: dict[str, Any], repetition: int, epochs: int) -> Seen:
        row = rows[table.key({"model": model} | values)]
        seed = grids.SEEDS[repetition % len(grids.SEEDS)]
        costs = {} if cost is None else {cost: row[cost]}
        return Seen(error(row, seed, epochs), true(row, epochs), costs)

    space = grids.space(model)
    if cost is None:
        optimum, reference = min(map(true, rows.values())), None
    else:
        points = [(true(row), math.log(row[cost])) for row in rows.values()]
        # The worse half of the errors is of no interest.
        reference = (float(np.median([p[0] for p in points])), max(p[1] for p in points) + 0.1)
        optimum = pareto.hypervolume(points, reference)
    return Problem(
        f"table_{name}",
        about,
        space,
        look,
        optimum,
        costs=() if cost is None else (cost,),
        reference=reference,
        epochs=grids.NUM_EPOCHS,
    )
