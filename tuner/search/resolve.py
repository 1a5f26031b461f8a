"""What a search is once its data are known."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import zoo
from bench.data import tasks
from bench.data.dataset import Dataset
from bench.runs import suites
from tuner.algorithms import constraints, optuna_oracle, oracles
from tuner.algorithms.earlier import Earlier
from tuner.search import keras_tuner_contract, warm_start
from tuner.search.loading import Loaded, load
from tuner.search.request import Request, share
from tuner.search.scheduler import Schedule
from tuner.space import hypermodel, ready
from tuner.space.space import Space, narrow
from tuner.trials import objectives, robust
from tuner.trials.data import Data


@dataclasses.dataclass(frozen=True)
class ResolvedRequest:
    """A request with all that was open in it decided by the data.

    Attributes:
        identity: Everything that can change the result, as plain data.
        queue: Settings to try after the defaults, as keras-tuner has them.
        notes: What the user should know before the first trial.
        data_notes: What was read, and what was left out.
    """

    request: Request
    schedule: Schedule
    objective: objectives.Objective
    identity: dict[str, Any]
    queue: Sequence[dict[str, Any]]
    notes: tuple[str, ...]
    data_notes: tuple[str, ...] = ()

    def oracle(self, recorded: dict[int, dict[str, Any]], earlier: Sequence[Earlier] = ()):
        """Returns a new search algorithm.

        Args:
            recorded: Trials by number that began before.
            earlier: Trials of other searches to learn from.
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
            storage=self.request.folder / optuna_oracle.FILE,
            queue=self.queue,
            earlier=earlier,
            patience=self.request.search_patience,
            constraints=constraints.of(self.identity),
        )
        return keras_tuner_contract.checked(oracle, self.request.num_trials)


def resolve(request: Request, loaded: Loaded | None = None) -> ResolvedRequest:
    """Decides what the search is, by its data.

    Args:
        loaded: The data; None: they are read now.

    Raises:
        BenchError: for wrong arguments, missing data, or a model that does not fit them.
    """
    request.check()
    loaded = loaded or load(request)
    data, dataset, objective = loaded.data, loaded.dataset, loaded.objective
    space, notes = prepare_space(request.model, objective, dataset, request.settings)
    queue = warm_start.enqueued(request.enqueue, space)
    batch_size = suites.default_batch_size(dataset.num_train)
    epochs = request.epochs or suites.epochs_of(dataset.num_train, batch_size)
    if request.tuner == "grid":
        notes.append(_grid_note(space, request.num_trials))
    whole = ready.for_data(ready.get(request.model), dataset.image_shape, dataset.num_train)
    identity = _identity(request, data, objective, space, epochs)
    identity["reference"] = {"arguments": whole.arguments({}), "training": whole.training({})}
    identity |= _limits(request, whole, dataset)
    arguments = tasks.arguments(zoo.get(request.model).task, dataset)
    schedule = Schedule(space, data, dataset.image_shape, arguments)
    return ResolvedRequest(
        request, schedule, objective, identity, queue, tuple(notes), loaded.notes
    )


def prepare_space(
    model: str, objective: objectives.Objective, dataset: Dataset, settings: Mapping[str, Any]
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
        **request.loading_identity,
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
    names = ("tuner", "executions", "seed", "precision", "num_labels", "max_trial_seconds")
    for name in (*names, "patience"):
        identity[name] = getattr(request, name)
    return identity | _younger(request)


def _younger(request: Request) -> dict[str, Any]:
    """Returns what earlier searches do not know: left out where it is not asked for."""
    asked = {
        "start_from": [str(folder) for folder in request.start_from],
        "enqueue": list(request.enqueue),
        "search_patience": request.search_patience,
        "robust": request.robust,
        "prune": request.prune,
        "executions": robust.NUM_SEEDS if request.robust else None,
    }
    return {name: value for name, value in asked.items() if value}


def _limits(request: Request, space: Space, dataset) -> dict[str, int | None]:
    """Returns the limits as numbers; shares are of the model as it is by default."""
    limits = {name: getattr(request, name) for name in ("max_parameters", "max_macs")}
    if any(isinstance(value, str) for value in limits.values()):
        task = zoo.get(request.model).task
        arguments = tasks.arguments(task, dataset)
        builder = hypermodel.ZooHyperModel(space, dataset.image_shape, arguments=arguments)
        model = builder.build(hypermodel.hyperparameters(space))
        sizes = {
            "max_parameters": hypermodel.num_parameters(model),
            "max_macs": hypermodel.forward_macs(model),
        }
        limits |= {
            name: round(share(name, value) * sizes[name])
            for name, value in limits.items()
            if isinstance(value, str)
        }
    return limits
