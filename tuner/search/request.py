"""What a search is asked for, checked as far as that needs no data."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.records import config
from bench.records.config import Loading
from bench.runs import selection
from tuner.algorithms import names as algorithms
from tuner.space import ready
from tuner.space.space import narrow
from tuner.trials import costs, objectives
from zoo import checks

_DEFAULT_TRIALS = 20
ENGINES = ("local", "ray")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request(Loading):
    """What a search is asked for; None means the default that fits.

    What data are read, and how, is asked for by the options of `bench.records.config.Loading`.

    Attributes:
        model: Registry name.
        objective: See `tuner.trials.objectives`; None: `"psnr"`, of masks `"iou"`.
        costs: Names from `costs.COSTS` to be kept small beside the objective: the search then looks
            for the Pareto front, the settings that no other beats in all of these at once.
        tuner: `"random"`, `"grid"`, `"bayesian"`, `"hyperband"`, or a sampler of Optuna:
            `"optuna:tpe"`, `"optuna:gp"`, `"optuna:cmaes"`, `"optuna:nsgaii"`.
        max_trials: Trials that are trained; None: 20, for `"hyperband"` as many as it has.
        epochs: Of each trial, for `"hyperband"` the most; None: as many as `bench run` takes.
        executions: Trainings of each setting, from as many seeds; the score is their mean.
        robust: Whether the first trials are trained from two seeds, and all later ones too where
            seeds differ more than settings do; instead of `executions`.
        prune: Whether a training ends whose best so far is worse than the median of the earlier
            trials at that epoch.
        patience: Epochs without a better objective after which a training ends; None: never.
        start_from: Folders of earlier searches of the model and objective, to learn from.
        enqueue: Settings that are tried after the defaults, as `"latent_dim=8,depth=2"`.
        search_patience: Trials in a row without a better score that end the search; None: never.
        settings: What narrows the space, as `tuner.space.space.narrow` takes it.
        normal_class: Label or name of the only class to train on; the objectives `"auroc"` and
            `"aucp"` then tell how well the others are told apart in the validation split.
        max_parameters: Settings with more weights are refused before training: a number, or
            `"0.5x"` for a share of what the model has by default. None: no limit.
        max_macs: The same for the multiply-accumulates of one forward pass.
        max_trial_seconds: Settings whose training would take longer, as the time of a few steps
            tells, are refused before it; None: no limit.
        max_total_seconds: Seconds after the call from which on no trial starts; None: no limit.
        output: Folder of the search; None: `runs/search-...`.
        seed: Of the search and of its models.
        precision: Dtype policy of the models, one of `bench.records.config.PRECISIONS`.
        num_labels: Training rows that keep their label in semi-supervised models; None: all.
        fresh: Whether what is in the folder is deleted.
        isolated: Whether each trial has a process of its own. A script that searches so keeps its
            calls under `if __name__ == "__main__":`, as always with processes.
        timeout_seconds: A trial that takes longer is ended and counts as failed; None: no limit.
        workers: Trials at a time; None: one on a machine, as many as fit on a cluster.
        engine: `"local"` or `"ray"`.
        ray_address: Of the cluster; None: one on this machine, for this search.
    """

    model: str
    objective: str | None = None
    costs: tuple[str, ...] = ()
    tuner: str = algorithms.DEFAULT
    max_trials: int | None = None
    epochs: int | None = None
    executions: int = 1
    robust: bool = False
    prune: bool = False
    start_from: tuple[Path, ...] = ()
    enqueue: tuple[str, ...] = ()
    search_patience: int | None = None
    patience: int | None = None
    seed: int = 0
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    precision: str = "float32"
    num_labels: int | None = None
    normal_class: str | int | None = None
    max_parameters: int | str | None = None
    max_macs: int | str | None = None
    max_trial_seconds: float | None = None
    max_total_seconds: float | None = None
    output: Path | None = None
    fresh: bool = False
    isolated: bool = True
    timeout_seconds: float | None = None
    workers: int | None = None
    engine: str = "local"
    ray_address: str | None = None

    @property
    def folder(self) -> Path:
        """Returns where the search is kept."""
        if self.output is not None:
            return self.output
        noise = f"-{self.noise.replace(':', '-')}" if self.noise else ""
        normal = "" if self.normal_class is None else f"-normal-{self.normal_class}"
        aims = "-".join([self.objective_name, *self.costs])
        data = f"{Path(self.dataset).stem}{noise}{normal}"
        return Path("runs") / f"search-{self.model}-{data}-{aims}-{self.tuner.replace(':', '-')}"

    @property
    def objective_name(self) -> str:
        """Returns the objective, also where none is given."""
        return self.objective or objectives.default_name(self.model)

    @property
    def num_trials(self) -> int | None:
        """Trials that are trained; None: as many as the algorithm has."""
        if self.max_trials is None and self.tuner != "hyperband":
            return _DEFAULT_TRIALS
        return self.max_trials

    def check(self) -> None:
        """Checks what needs no data.

        Raises:
            BenchError: for an unknown name, or a number out of its range.
        """
        narrow(ready.get(self.model), dict(self.settings))
        objectives.check(self.objective_name, self.model)
        for option in config.DATA:
            if problem := option.problem(getattr(self, option.name)):
                raise BenchError(problem)
        for name, known in (("precision", config.PRECISIONS), ("engine", ENGINES)):
            value = getattr(self, name)
            if value not in known:
                raise BenchError(
                    f"--{name} must be one of {', '.join(known)}. Received: {value!r}."
                    f"{checks.suggestion(value, known)}"
                )
        costs.get(self.costs)
        algorithms.check(self.tuner, self.costs, self.epochs)
        is_warm = self.start_from or self.enqueue or self.search_patience is not None
        algorithms.check_warm(self.tuner, bool(is_warm))
        counts = ("max_trials", "epochs", "executions", "patience", "num_labels", "workers")
        for name in (*counts, "search_patience"):
            self._check_least(name, 1)
        if self.num_labels is not None and not selection.learns_from_few_labels(self.model):
            raise selection.unused_labels(f"model {self.model!r}", "Leave it out.")
        for name in ("max_parameters", "max_macs"):
            if isinstance(getattr(self, name), str):
                share(name, getattr(self, name))
            else:
                self._check_least(name, 1)
        for name in ("max_trial_seconds", "max_total_seconds", "timeout_seconds"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise BenchError(f"--{name.replace('_', '-')} must be above 0. Received: {value}.")
        self._check_least("seed", 0)
        if self.seed > checks.LARGEST_SEED:
            raise BenchError(
                f"--seed must be at most {checks.LARGEST_SEED}. Received: {self.seed}."
            )
        if self.robust and self.executions != 1:
            raise BenchError("--robust chooses the number of trainings. Leave out --executions.")
        for name in ("robust", "prune"):
            if getattr(self, name) and self.tuner == "hyperband":
                raise BenchError(f"--tuner hyperband has rounds of its own and takes no --{name}.")
        if self.ray_address is not None and self.engine != "ray":
            raise BenchError("--ray-address is for --engine ray. Give that too.")
        if not self.isolated and (self.engine != "local" or (self.workers or 1) > 1):
            raise BenchError(
                "--in-process runs one trial at a time, in this process. Leave it out."
            )

    def _check_least(self, name: str, least: int) -> None:
        value = getattr(self, name)
        if value is not None and value < least:
            raise BenchError(
                f"--{name.replace('_', '-')} must be at least {least}. Received: {value}."
            )


def share(name: str, text: str) -> float:
    """Returns 0.5 of `"0.5x"`.

    Raises:
        BenchError: for another text; it names the option.
    """
    try:
        number = float(text.removesuffix("x"))
    except ValueError:
        number = 0.0
    if not (text.endswith("x") and number > 0 and math.isfinite(number)):
        raise BenchError(
            f"--{name.replace('_', '-')} must be a number, or a share such as 0.5x. "
            f"Received: {text!r}."
        )
    return number
