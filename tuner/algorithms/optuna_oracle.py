"""Optuna's samplers behind our spaces, records and budgets: it is asked for values and told scores.

The study is kept in a file beside the records, which Optuna's dashboard opens. The records stay
what counts: a search that goes on writes the study anew from them.
"""

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np

from tuner.algorithms.constraints import Constraints
from tuner.algorithms.earlier import Earlier
from tuner.algorithms.encoding import is_active, is_ordered, steps_of
from tuner.algorithms.random_and_grid import is_flat

FILE, STUDY = "optuna.db", "search"
_RUNNING, _STOPPED, _COMPLETED = "RUNNING", "STOPPED", "COMPLETED"
_MAX_DRAWS = 50
_NUM_STARTUP, _POPULATION = 10, 10
_WITH_LIMITS = ("tpe",)  # samplers that learn from constraints of pruned trials


class OptunaOracle(keras_tuner.Oracle):
    """Asks a sampler of Optuna for the values of a trial, and tells it how the trial ended.

    Numbers with steps are told by the place of their value, names by themselves, and the others as
    they are; what is not active is not suggested. The first trial has the defaults. Settings that
    were tried are not tried again. Each proposal has a seed of its own, from that of the search and
    the trial's number. Of one aim, `"tpe"` learns from the sizes of trials that were refused; for
    the others these are failures.

    Args:
        sampler: One of `names.SAMPLERS`.
        recorded: Trials by number that began before, with their `hyperparameters`.
        costs: Metrics that each trial reports beside its score. Their logarithms are told, as
            costs span decades.
        constraints: What settings must keep within.
        storage: File of the study; None: in memory.
        queue, patience: See `RandomOracle`.
        earlier: Trials of other searches: those of the same data are told to the study.

    References: Akiba et al., 2019. https://doi.org/10.1145/3292500.3330701
    Several estimators at once: Watanabe, 2023. https://arxiv.org/abs/2304.11127
    """

    def __init__(
        self,
        *args,
        sampler: str,
        recorded: dict[int, dict[str, Any]],
        costs: tuple[str, ...] = (),
        constraints: Constraints | None = None,
        storage: Path | None = None,
        queue: Sequence[dict[str, Any]] = (),
        earlier: Sequence[Earlier] = (),
        patience: int | None = None,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        self.queue, self.patience = list(queue), patience
        self.sampler, self.recorded, self.costs = sampler, recorded, costs
        self.constraints = constraints or Constraints({})
        self.study = _study(self.objective, costs, storage)
        self._asked: dict[str, Any] = {}
        for each in earlier:
            if each.is_same and all(name in each.costs for name in costs):
                self.study.tell(
                    self._asked_for(each.values), _told_of(each.score, each.costs, costs)
                )

    def populate_space(self, trial_id):
        """Returns the values of the next trial."""
        number = int(trial_id)
        known = [trial.hyperparameters.values for trial in self.trials.values()]
        if number in self.recorded:
            return self._take(trial_id, dict(self.recorded[number]["hyperparameters"]))
        for values in [self.hyperparameters.values, *self.queue]:
            if values not in known:
                return self._take(trial_id, dict(values))
        if is_flat(self):
            return {"status": _STOPPED, "values": None}
        import optuna

        for draw in range(_MAX_DRAWS):
            seed = int(np.random.default_rng([self.seed, number, draw]).integers(2**31))
            # From the middle on at random: a sampler can insist on what is known.
            name = self.sampler if draw < _MAX_DRAWS // 2 else "random"
            self.study.sampler = _sampler(name, seed)
            trial = self.study.ask()
            values = self._suggested(trial)
            if values not in known:
                return self._keep(trial_id, trial, values)
            self.study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return {"status": _STOPPED, "values": None}

    def end_trial(self, trial):
        """Ends a trial, and tells the study."""
        super().end_trial(trial)
        import optuna

        asked, ended = self._asked.pop(trial.trial_id), self.trials[trial.trial_id]
        sizes = self.constraints.sizes.get(int(trial.trial_id), {})
        limits = self.constraints.limits if self.sampler in _WITH_LIMITS else {}
        for name, limit in limits.items():
            asked.set_constraint(name, float(np.log(sizes[name] / limit)) if name in sizes else 0.0)
        if ended.status == _COMPLETED and all(map(ended.metrics.exists, self.costs)):
            costs = {name: ended.metrics.get_last_value(name) for name in self.costs}
            self.study.tell(asked, _told_of(ended.score, costs, self.costs))
        else:
            pruned = bool(limits) and bool(sizes) and not self.costs
            state = optuna.trial.TrialState
            self.study.tell(asked, state=state.PRUNED if pruned else state.FAIL)

    def _take(self, trial_id: str, values: dict[str, Any]) -> dict[str, Any]:
        """Gives a trial values that are known before."""
        return self._keep(trial_id, self._asked_for(values), values)

    def _asked_for(self, values: dict[str, Any]):
        """Returns a trial of the study with these values."""
        places = {
            hp.name: _told(hp, values[hp.name])
            for hp in self.hyperparameters.space
            if hp.name in values
        }
        self.study.sampler = _sampler("random", 0)
        self.study.enqueue_trial(places)
        trial = self.study.ask()
        self._suggested(trial)
        return trial

    def _keep(self, trial_id: str, trial, values: dict[str, Any]) -> dict[str, Any]:
        self._asked[trial_id] = trial
        trial.set_user_attr("trial", int(trial_id))
        for name, value in values.items():
            trial.set_user_attr(name, value)
        return {"status": _RUNNING, "values": values}

    def _suggested(self, trial) -> dict[str, Any]:
        """Returns the values of all active parameters, parents first."""
        values: dict[str, Any] = {}
        for hp in self.hyperparameters.space:
            if is_active(hp, values):
                values[hp.name] = _suggested(trial, hp)
        return values


def _suggested(trial, hp) -> Any:
    steps = steps_of(hp)
    if steps is None:
        is_float = isinstance(hp, keras_tuner.engine.hyperparameters.Float)
        suggest = trial.suggest_float if is_float else trial.suggest_int
        return suggest(hp.name, hp.min_value, hp.max_value, log=hp.sampling == "log")
    if is_ordered(hp):
        return steps[trial.suggest_int(hp.name, 0, len(steps) - 1)]
    return trial.suggest_categorical(hp.name, steps)


def _told_of(score: float, costs: dict[str, float], names: tuple[str, ...]) -> list[float]:
    """Returns what the study is told of a trial: its score, and the logarithms of its costs."""
    least = float(np.finfo(float).tiny)
    return [float(score), *(math.log(max(costs[name], least)) for name in names)]


def _told(hp, value: Any) -> Any:
    """Returns what Optuna knows a value by."""
    steps = steps_of(hp)
    return value if steps is None or not is_ordered(hp) else steps.index(value)


def _sampler(name: str, seed: int):
    import optuna

    samplers = optuna.samplers
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if name == "random":
            return samplers.RandomSampler(seed)
        if name == "tpe":
            return samplers.TPESampler(
                seed=seed, n_startup_trials=_NUM_STARTUP, multivariate=True, group=True
            )
        if name == "gp":
            return samplers.GPSampler(
                seed=seed, n_startup_trials=_NUM_STARTUP, warn_independent_sampling=False
            )
        if name == "cmaes":
            return samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
        return samplers.NSGAIISampler(seed=seed, population_size=_POPULATION)


def _study(objective, costs: tuple[str, ...], storage: Path | None):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    url = None
    if storage is not None:
        url = f"sqlite:///{storage.resolve()}"
        if storage.exists():
            known = optuna.get_all_study_names(url)
            if STUDY in known:
                optuna.delete_study(study_name=STUDY, storage=url)
    directions = ["minimize" if objective.direction == "min" else "maximize"]
    study = optuna.create_study(
        storage=url, study_name=STUDY, directions=directions + ["minimize"] * len(costs)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names([objective.name, *(f"log {name}" for name in costs)])
    return study
