"""What a search is asked for, and what it is once the data are known."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zoo
from bench.data import cache, tasks
from bench.errors import BenchError
from bench.records import config
from bench.runs import suites
from tuner.algorithms import oracles
from tuner.algorithms.constraints import Constraints
from tuner.search import keras_tuner_contract
from tuner.search.scheduler import Schedule
from tuner.space import hypermodel, ready
from tuner.space.space import Space, narrow
from tuner.trials import costs, objectives
from tuner.trials.trial import Data
from zoo import checks

_DEFAULT_TRIALS = 20
ENGINES = ("local", "ray")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request(config.Loading):
    """What a search is asked for; None means the default that fits.

    Attributes:
        model: Registry name.
        objective: See `tuner.trials.objectives`; None: `"psnr"`, of masks `"iou"`.
        costs: Names from `costs.COSTS` to be kept small beside it: the search then looks for the
            settings that no other beats in all of them.
        tuner: `"random"`, `"grid"`, `"bayesian"` or `"hyperband"`.
        max_trials: Trials that are trained; None: 20, for `"hyperband"` as many as it has.
        epochs: Of each trial, for `"hyperband"` the most; None: as many as `bench run` takes.
        executions: Trainings of each setting, from as many seeds; the score is their mean.
        patience: Epochs without a better objective after which a training ends; None: never.
        settings: What narrows the space, as `tuner.space.space.narrow` takes it.
        normal_class: Label or name of the only class to train on; the objective `"auroc"` then
            tells how well the others are told apart in the validation split.
        max_parameters: Settings with more weights are refused before training: a number, or
            `"0.5x"` for a share of what the model has by default. None: no limit.
        max_macs: As many multiply-accumulates of one forward pass, or None.
        max_trial_seconds: Settings whose training would take longer are refused before it, by the
            time of a few steps; None: no limit.
        max_total_seconds: No trial starts later than that after the call; None: no limit.
        output: Folder of the search; None: `runs/search-...`.
        fresh: Whether what is in the folder is deleted.
        isolated: Whether each trial has a process of its own. A script that searches so keeps its
            calls under `if __name__ == "__main__":`, as always with processes.
        timeout_seconds: A trial that takes longer is ended and counts as failed; None: no limit.
        workers: Trials at a time; None: one on a machine, as many as fit on a cluster.
        engine: `"local"` or `"ray"`.
        ray_address: Of the cluster; None: one on this machine, for this search.
        Others: see `bench.records.config.Loading`, and `tuner.trials.trial.Data`.
    """

    model: str
    objective: str | None = None
    costs: tuple[str, ...] = ()
    tuner: str = "random"
    max_trials: int | None = None
    epochs: int | None = None
    executions: int = 1
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
        aims = "-".join([self.objective or objectives.default_name(self.model), *self.costs])
        data = f"{Path(self.dataset).stem}{noise}{normal}"
        return Path("runs") / f"search-{self.model}-{data}-{aims}-{self.tuner}"

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
        if self.model not in zoo.names():
            try:
                zoo.get(self.model)
            except ValueError as error:
                raise BenchError(str(error)) from error
        for name, known in (
            ("tuner", oracles.TUNERS),
            ("precision", config.PRECISIONS),
            ("engine", ENGINES),
        ):
            value = getattr(self, name)
            if value not in known:
                raise BenchError(
                    f"--{name} must be one of {', '.join(known)}. Received: {value!r}."
                    f"{checks.suggestion(value, known)}"
                )
        costs.get(self.costs)
        counts = ("max_trials", "epochs", "executions", "patience", "num_labels", "workers")
        for name in counts:
            self._check_least(name, 1)
        for name in ("max_parameters", "max_macs"):
            if isinstance(getattr(self, name), str):
                _share(name, getattr(self, name))
            else:
                self._check_least(name, 1)
        for name in ("max_trial_seconds", "max_total_seconds", "timeout_seconds"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise BenchError(f"--{name.replace('_', '-')} must be above 0. Received: {value}.")
        self._check_least("seed", 0)
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


@dataclasses.dataclass(frozen=True)
class ResolvedRequest:
    """A request with all that was open in it decided by the data.

    Attributes:
        identity: Everything that can change the result, as plain data.
        notes: What the user should know before the first trial.
        data_notes: What was read, and what was left out.
    """

    request: Request
    schedule: Schedule
    objective: objectives.Objective
    identity: dict[str, Any]
    notes: tuple[str, ...]
    data_notes: tuple[str, ...] = ()

    def oracle(self, recorded: dict[int, dict[str, Any]]):
        """Returns a new search algorithm.

        Args:
            recorded: Trials by number that began before.
        """
        oracle = oracles.create(
            self.request.tuner,
            self.schedule.space,
            self.objective,
            max_trials=self.request.num_trials,
            epochs=self.identity["epochs"],
            seed=self.request.seed,
            costs=self.request.costs,
            recorded=recorded,
            constraints=Constraints(
                {
                    "num_parameters": self.identity["max_parameters"],
                    "forward_macs": self.identity["max_macs"],
                    "expected_seconds": self.identity["max_trial_seconds"],
                }
            ),
        )
        return keras_tuner_contract.checked(oracle, self.request.num_trials)


def resolve(request: Request, store: cache.DatasetCache | None = None) -> ResolvedRequest:
    """Loads the data and decides what the search is.

    Args:
        store: Where the data are kept for the trials.

    Raises:
        BenchError: for wrong arguments, missing data, or a model that does not fit them.
    """
    request.check()
    data = Data(request.dataset, num_labels=request.num_labels, **request.loading)
    dataset = data.load()
    checksum, data_notes = dataset.checksum, dataset.notes
    if store is not None:
        store.put(dataset)
    if request.normal_class is not None:
        label = tasks.normal_classes(dataset, (str(request.normal_class),))[0]
        wants_anomalies = request.objective == "auroc"
        data = dataclasses.replace(data, normal_class=label, with_anomalies=wants_anomalies)
        dataset = data.prepared(dataset)
    data = dataclasses.replace(data, checksum=checksum)
    task = zoo.get(request.model).model_class.task
    incompatibility = tasks.incompatibility(
        task, dataset, is_one_class=request.normal_class is not None
    )
    if incompatibility is not None:
        raise BenchError(f"{request.model!r} does not fit these data: it {incompatibility}.")
    name = request.objective or objectives.default_name(request.model)
    objective = objectives.get(name, request.model, dataset)
    space, notes = prepare_space(request.model, objective, dataset, request.settings)
    batch_size = suites.default_batch_size(dataset.num_train)
    epochs = request.epochs or suites.default_epochs(dataset.num_train, batch_size)
    if request.tuner == "grid":
        notes.append(_grid_note(space, request.num_trials))
    whole = ready.for_data(ready.get(request.model), dataset.image_shape, dataset.num_train)
    identity = _identity(request, data, objective, space, epochs)
    identity["reference"] = {"arguments": whole.arguments({}), "training": whole.training({})}
    identity |= _limits(request, whole, dataset)
    schedule = Schedule(space, data, dataset.image_shape, tasks.arguments(task, dataset))
    return ResolvedRequest(request, schedule, objective, identity, tuple(notes), data_notes)


def prepare_space(
    model: str, objective: objectives.Objective, dataset, settings: Mapping[str, Any]
) -> tuple[Space, list[str]]:
    """Returns the space of a search, fitted to the data and narrowed, and notes on it.

    Raises:
        BenchError: for settings that are unknown, out of range or not comparable.
    """
    space = ready.for_data(ready.get(model), dataset.image_shape, dataset.num_train)
    space = narrow(space, dict(settings))
    return objectives.hold_fixed(space, objective, dict(settings))


def _grid_note(space: Space, max_trials: int) -> str:
    return (
        f"the grid has up to {oracles.grid_size(space):,} points, {max_trials:,} are tried at "
        "most, the last parameters first. Narrow it with --set."
    )


def _identity(
    request: Request, data: Data, objective: objectives.Objective, space: Space, epochs: int
) -> dict[str, Any]:
    identity = {
        "model": request.model,
        "dataset": request.dataset,
        "dataset_checksum": data.checksum,
        "space": {name: str(parameter) for name, parameter in space.parameters.items()},
        "space_checksum": space.checksum,
        "defaults": space.complete({}),
        "objective": objective.name,
        "direction": objective.direction,
        "unit": objective.unit,
        "costs": list(request.costs) or None,
        "epochs": epochs,
        "max_trials": request.num_trials,
        "normal_class": data.normal_class,
    }
    names = ("tuner", "executions", "seed", "precision", "noise", "resize", "limit", "num_labels")
    for name in (*names, "max_trial_seconds", "patience"):
        identity[name] = getattr(request, name)
    for option in config.READING:  # left out at the default: older searches keep their identity
        if not option.is_default(getattr(request, option.name)):
            identity[option.name] = getattr(request, option.name)
    return identity


def _limits(request: Request, space: Space, dataset) -> dict[str, int | None]:
    """Returns the limits as numbers; shares are of the model as it is by default."""
    limits = {name: getattr(request, name) for name in ("max_parameters", "max_macs")}
    if any(isinstance(value, str) for value in limits.values()):
        task = zoo.get(request.model).model_class.task
        arguments = tasks.arguments(task, dataset)
        builder = hypermodel.ZooHyperModel(space, dataset.image_shape, arguments=arguments)
        model = builder.build(hypermodel.hyperparameters(space))
        sizes = {
            "max_parameters": hypermodel.num_parameters(model),
            "max_macs": hypermodel.forward_macs(model),
        }
        limits |= {
            name: round(_share(name, value) * sizes[name])
            for name, value in limits.items()
            if isinstance(value, str)
        }
    return limits


def _share(name: str, text: str) -> float:
    try:
        share = float(text.removesuffix("x"))
    except ValueError:
        share = 0.0
    if not (text.endswith("x") and share > 0 and math.isfinite(share)):
        raise BenchError(
            f"--{name.replace('_', '-')} must be a number, or a share such as 0.5x. "
            f"Received: {text!r}."
        )
    return share
