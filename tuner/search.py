"""Searches the settings of a model: random, grid, Bayesian or Hyperband, resumable."""

import dataclasses
import math
import shlex
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

import zoo
from bench import cases, datasets, tasks
from bench.errors import BenchError
from bench.records import check_writable, folder_lock
from tuner import objectives, oracles, runner, spaces
from tuner.project import Project
from tuner.runner import Plan
from tuner.space import Space, narrow
from tuner.trials import Data

_DEFAULT_TRIALS = 20
_PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclasses.dataclass(frozen=True)
class Request:
    """What a search is asked for; None means the default that fits.

    Attributes:
        model: Registry name.
        dataset: Name or path, as `bench.datasets.load` takes it.
        objective: See `tuner.objectives`; None: `"psnr"`, of masks `"iou"`.
        tuner: `"random"`, `"grid"`, `"bayesian"` or `"hyperband"`.
        max_trials: Trials that are trained; None: 20, for `"hyperband"` as many as it has.
        epochs: Of each trial, for `"hyperband"` the most; None: as many as `bench run` takes.
        executions: Trainings of each setting, from as many seeds; the score is their mean.
        settings: What narrows the space, as `tuner.space.narrow` takes it.
        max_parameters: Settings with more weights are refused before training; None: no limit.
        max_macs: As many multiply-accumulates of one forward pass, or None.
        output: Folder of the search; None: `runs/search-...`.
        fresh: Whether what is in the folder is deleted.
        isolated: Whether each trial has a process of its own. A script that searches so keeps its
            calls under `if __name__ == "__main__":`, as always with processes.
        timeout_seconds: Limit of one trial, of isolated ones; None: none.
        Others: see `bench.cases.Plan`.
    """

    model: str
    dataset: str = "digits"
    objective: str | None = None
    tuner: str = "random"
    max_trials: int | None = None
    epochs: int | None = None
    executions: int = 1
    seed: int = 0
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    precision: str = "float32"
    noise: str | None = None
    resize: tuple[int, int] | None = None
    limit: int | None = None
    num_labels: int | None = None
    max_parameters: int | None = None
    max_macs: int | None = None
    output: Path | None = None
    fresh: bool = False
    isolated: bool = True
    timeout_seconds: float | None = None


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a search found.

    Attributes:
        project: Its folder and all its trials.
        num_run: Trials that ran now; the others were finished before.
        space: What was searched.
    """

    project: Project
    num_run: int
    space: Space

    @property
    def best(self) -> dict[str, Any] | None:
        return self.project.best


def search(request: Request, console: Console | None = None) -> Outcome:
    """Searches, and keeps every finished trial as it comes.

    After an interruption the same call goes on where it stopped; with more `max_trials` it goes
    on beyond its end. Scores are of the validation split; the test split is left for
    `python -m bench run`, whose command for the best setting `bench_command` gives.

    Raises:
        BenchError: for wrong arguments, missing data, or a folder that holds another search: all
            before the first training; and after three failures in a row.
        KeyboardInterrupt: on Ctrl-C, after the running trial has been ended.
    """
    console = console or Console()
    _check(request)
    output = request.output or Path("runs") / _default_folder(request)
    check_writable(output)
    with folder_lock(output):
        dataset = datasets.load(
            request.dataset, limit=request.limit, noise=request.noise, resize=request.resize
        )
        task = zoo.get(request.model).model_class.task
        misfit = tasks.misfit(task, dataset)
        if misfit is not None:
            raise BenchError(f"{request.model!r} does not fit these data: it {misfit}.")
        name = request.objective or objectives.default_name(request.model)
        objective = objectives.get(name, request.model, dataset)
        space, notes = prepare_space(request.model, objective, dataset, request.settings)
        batch_size = cases.default_batch_size(dataset.num_train)
        epochs = request.epochs or cases.default_epochs(dataset.num_train, batch_size)
        identity = _identity(request, objective, space, dataset.checksum, epochs)
        project = Project.start(output, identity, request.fresh)
        if request.tuner == "grid":
            notes.append(_grid_note(space, identity["max_trials"]))
        for text in (*notes, *project.warnings):
            console.print(f"[yellow]note:[/] {escape(text)}")
        oracle = oracles.create(
            request.tuner,
            space,
            objective,
            max_trials=_max_trials(request),
            epochs=epochs,
            seed=request.seed,
            recorded=dict(project.trials),
        )
        plan = Plan(
            space=space,
            data=Data(
                request.dataset,
                request.noise,
                request.resize,
                request.limit,
                request.num_labels,
                dataset.checksum,
            ),
            isolated=request.isolated,
            timeout_seconds=request.timeout_seconds,
        )
        num_run = runner.run(plan, project, oracle, console)
    return Outcome(project, num_run, space)


def prepare_space(
    model: str, objective: objectives.Objective, dataset, settings: dict[str, Any]
) -> tuple[Space, list[str]]:
    """Returns the space of a search, fitted to the data and narrowed, and notes on it.

    Raises:
        BenchError: for settings that are unknown, out of range or not comparable.
    """
    space = spaces.for_data(spaces.get(model), dataset.image_shape, dataset.num_train)
    space = narrow(space, settings)
    space, notes = objectives.hold_fixed(space, objective, settings)
    return space, notes


def bench_command(project: Project, number: int | None = None) -> str:
    """Returns the command that measures a setting on the test split, three seeds each."""
    record = project.best if number is None else project.trials[number]
    identity, training = project.identity, record["training"]
    given = ",".join(f"{name}={_literal(value)}" for name, value in record["arguments"].items())
    parts = ["python -m bench run", "--dataset", shlex.quote(identity["dataset"])]
    parts += ["--models", shlex.quote(f"{identity['model']}:small:{given}")]
    parts += ["--epochs", str(record["epochs"]), "--batch-size", str(training["batch_size"])]
    parts += ["--learning-rate", f"{training['learning_rate']:.6g}"]
    for name in ("noise", "limit", "num_labels"):
        if identity[name] is not None:
            parts += [f"--{name.replace('_', '-')}", str(identity[name])]
    if identity["resize"] is not None:
        parts += ["--resize", "x".join(map(str, identity["resize"]))]
    if identity["precision"] != "float32":
        parts += ["--precision", identity["precision"]]
    return " ".join(parts)


def _literal(value: Any) -> str:
    if isinstance(value, list):
        inner = ",".join(map(_literal, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _grid_note(space: Space, max_trials: int) -> str:
    num_points = math.prod(oracles.grid_size(parameter) for parameter in space.free.values())
    return (
        f"the grid has up to {num_points:,} points, {max_trials:,} are tried at most, the last "
        "parameters first. Narrow it with --set."
    )


# --- before the first trial ---------------------------------------------------------------------


def _check(request: Request) -> None:
    if request.model not in zoo.names():
        try:
            zoo.get(request.model)
        except ValueError as error:
            raise BenchError(str(error)) from error
    if request.tuner not in oracles.TUNERS:
        raise BenchError(
            f"--tuner must be one of {', '.join(oracles.TUNERS)}. Received: {request.tuner!r}."
        )
    if request.precision not in _PRECISIONS:
        raise BenchError(
            f"--precision must be one of {', '.join(_PRECISIONS)}. Received: {request.precision!r}."
        )
    for name in ("max_trials", "epochs", "executions", "num_labels", "max_parameters", "max_macs"):
        value = getattr(request, name)
        if value is not None and value < 1:
            raise BenchError(f"--{name.replace('_', '-')} must be at least 1. Received: {value}.")
    if request.seed < 0:
        raise BenchError(f"--seed must be at least 0. Received: {request.seed}.")


def _max_trials(request: Request) -> int | None:
    if request.max_trials is None and request.tuner != "hyperband":
        return _DEFAULT_TRIALS
    return request.max_trials


def _default_folder(request: Request) -> str:
    objective = request.objective or objectives.default_name(request.model)
    name = Path(request.dataset).stem
    noise = f"-{request.noise.replace(':', '-')}" if request.noise else ""
    return f"search-{request.model}-{name}{noise}-{objective}-{request.tuner}"


def _identity(request, objective, space: Space, checksum: str, epochs: int) -> dict[str, Any]:
    plain = {
        "model": request.model,
        "dataset": request.dataset,
        "dataset_checksum": checksum,
        "space": {name: str(parameter) for name, parameter in space.parameters.items()},
        "space_checksum": space.checksum,
        "defaults": space.complete({}),
        "objective": objective.name,
        "direction": objective.direction,
        "unit": objective.unit,
        "epochs": epochs,
        "max_trials": _max_trials(request),
    }
    names = ("tuner", "executions", "seed", "precision", "noise", "resize", "limit", "num_labels")
    for name in (*names, "max_parameters", "max_macs"):
        plain[name] = getattr(request, name)
    return plain
