"""Runs what is asked for, one process for each job, and keeps every result as it comes."""

import contextlib
import dataclasses
import math
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from bench.data import cache, catalog, tasks
from bench.errors import BenchError
from bench.execution import argument_rows, local, own_rows
from bench.execution.processes import forkserver
from bench.execution.runner import OnRecord, Runner
from bench.execution.tracking import Tracking
from bench.records import store as record_store
from bench.records.config import RunConfig
from bench.records.schema import Record
from bench.runs import job, models, selection, suites
from bench.runs.experiment import Experiment
from bench.runs.request import Request as Request
from zoo.aligned import WHOLE_WORDS


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a run did.

    Attributes:
        output: Folder of the records.
        num_run: Jobs that ran now; `num_kept` were finished before.
        records: Records of the jobs asked for, the latest of each.
    """

    output: Path
    num_run: int
    num_kept: int
    num_failed: int
    records: list[Record]


@dataclasses.dataclass(frozen=True)
class _Work:
    """A request with everything in it resolved."""

    request: Request
    configs: list[RunConfig]
    models: list[selection.ModelSpec]
    checksum: str
    task: str
    image_shape: tuple[int, ...]
    headline: str

    def model_jobs(self) -> list[job.Job]:
        request = self.request
        return job.model_jobs(
            self.configs,
            self.checksum,
            self.models,
            request.seed_list,
            request.timing_rounds,
            request.sweep_batch_sizes,
            request.keep_models,
        )


def run(
    request: Request, console: Console | None = None, on_record: OnRecord | None = None
) -> Outcome:
    """Runs what is asked for, skipping the jobs that are finished in the output folder.

    Records are appended to `<output>/records.jsonl` as the jobs end. After an interruption the
    same call goes on where it stopped.

    Args:
        console: Where progress is told.
        on_record: See `bench.execution.runner.Runner`.

    Raises:
        BenchError: for wrong arguments, missing data or a folder that cannot be written: all
            before the first training.
        KeyboardInterrupt: on Ctrl-C, after the running job has been ended.
    """
    return _run([request], request.folder, console or Console(), on_record)


def run_experiment(
    experiment: Experiment, console: Console | None = None, on_record: OnRecord | None = None
) -> Outcome:
    """Runs all requests of an experiment file into one folder, one after the other.

    The file is copied to `<output>/experiments/`, and each record of a job that runs names it.

    Raises:
        BenchError: as `run` does, with file and line where the file is wrong.
        KeyboardInterrupt: on Ctrl-C, after the running job has been ended.
    """
    console = console or Console()
    return _run(list(experiment.requests), experiment.output, console, on_record, experiment)


def _run(
    requests: list[Request],
    output: Path,
    console: Console,
    on_record: OnRecord | None,
    experiment: Experiment | None = None,
) -> Outcome:
    for request in requests:
        request.check()
        _check_own(request)
    requests = [member for request in requests for member in _members(request)]
    how = requests[0]  # where jobs run is the same for all requests
    record_store.check_writable(output)
    with record_store.folder_lock(output), contextlib.ExitStack() as stack:
        run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        context = job_server()
        engine = stack.enter_context(contextlib.closing(_engine(how, context, output, run_id)))
        store = stack.enter_context(cache.opened(output))
        with console.status("loading data"):
            work = _resolve_all(requests, store)
        with console.status("trying your models"):
            work = [_tried(part, context, output) for part in work]
            _check_arguments(work, context, output)
        stamp = {}
        if experiment is not None:
            stamp = {"experiment": experiment.name, "experiment_sha256": experiment.sha256}
            experiment.copy_to(output)
        console.print(_where(output, experiment, engine.note))
        tracking = None
        if how.track:
            tracking = Tracking(how.track, output, lambda text: _warn(console, text))
            stack.enter_context(contextlib.closing(tracking))
        runner = Runner(
            *(engine, output, console),
            fresh=how.fresh,
            stamp=stamp,
            on_record=on_record,
            tracking=tracking,
        )
        wanted = []
        for part in work:
            console.print(part.headline, **WHOLE_WORDS)
            wanted += _run_part(runner, part)
    records = runner.records_of(wanted)
    num_failed = sum(not record.is_ok for record in records)
    return Outcome(output, runner.num_run, runner.num_kept, num_failed, records)


def job_server():
    """Returns the `multiprocessing` context of jobs: its server has imported what they need."""
    return forkserver(("bench.evaluation.job_runner", *models.modules()))


def _members(request: Request) -> list[Request]:
    """Returns a request for each category of its data, into one folder; else itself."""
    with request.placed("dataset"):
        names = catalog.members(request.dataset)
    if names == [request.dataset]:
        return [request]
    return [dataclasses.replace(request, dataset=n, output=request.folder) for n in names]


def _run_part(runner: Runner, part: _Work) -> list[job.Job]:
    """Runs the models, then the baselines, whose size follows from the models."""
    wanted = part.model_jobs()
    runner.run_all(wanted, part.request.target)
    latent_sizes = {record.model.latent_size for record in runner.records_of(wanted)} - {None}
    baselines = job.baseline_jobs(
        *(part.configs, part.checksum, sorted(latent_sizes), part.task, part.image_shape),
        seeds=part.request.seed_list,
    )
    runner.run_all(baselines)
    return [*wanted, *baselines]


def _check_own(request: Request) -> None:
    """Refuses models of your own whose files lack something, and what they cannot be run with."""
    registry = models.registry()
    for model in request.models or ():
        with request.placed(model):
            if not selection.is_own(model, registry):
                continue
            if request.crop is not None:
                raise BenchError(f"--crop is not for models of your own. Received: {model}.")
            if request.ray_address is not None:
                raise BenchError(
                    f"--ray-address is not for models of your own: {model} is on this machine. "
                    "Leave it out."
                )


def _tried(part: _Work, context, output: Path) -> _Work:
    """Tries the models of your own, each in a process, and notes which are detectors."""
    with part.request.placed("models"):
        tried = own_rows.checked(
            *(context, try_own, part.models, part.configs[0], part.checksum, output),
            limit_seconds=part.request.timeout_seconds,
        )
    return dataclasses.replace(part, models=tried)


def _check_arguments(work: list[_Work], context, output: Path) -> None:
    """Builds each model of the zoo with arguments of yours once, in a process for each data set.

    Raises:
        BenchError: for the first whose arguments are refused.
    """
    of_data: dict[str, dict[selection.ModelSpec, tuple[Request, job.Job]]] = {}
    for part in work:
        for choice in part.models:
            if choice.source is None and choice.arguments:
                wanted = job.Job(
                    *(part.configs[0], part.checksum, "model", choice.model, choice.preset, 0),
                    arguments=choice.arguments,
                )
                of_data.setdefault(part.checksum, {}).setdefault(choice, (part.request, wanted))
    for asked in of_data.values():
        jobs = [wanted for _, wanted in asked.values()]
        refused = argument_rows.check(context, try_arguments, jobs, output)
        if refused is None:
            continue
        number, text = refused
        choice = list(asked)[number]
        with asked[choice][0].placed(choice.text):
            raise BenchError(f"{jobs[number].title}: {text}")


def try_own(wanted: job.Job, output: Path, connection) -> None:
    """Tries a model of your own in its own process; see `bench.execution.own_rows`."""
    from bench.evaluation import job_runner

    job_runner.check_own(wanted, output, connection)


def try_arguments(wanted: Sequence[job.Job], output: Path, connection) -> None:
    """Builds models in their own process; see `bench.execution.argument_rows`."""
    from bench.evaluation import job_runner

    job_runner.check_arguments(wanted, output, connection)


def run_job(wanted: job.Job, output: Path, run_id: str, connection) -> None:
    """Runs a job in its own process: the one way from here to what imports Keras.

    Args:
        output: Folder of the records.
        run_id: Goes into the record.
        connection: Gets the messages, the record last.
    """
    from bench.evaluation import job_runner

    job_runner.run(wanted, output, run_id, connection)


def _engine(request: Request, context, output: Path, run_id: str):
    """Returns what jobs run on."""
    options = {"num_workers": request.workers, "timeout_seconds": request.timeout_seconds}
    if request.engine == "ray":
        from bench.execution import ray_engine

        return ray_engine.RayEngine(run_job, output, run_id, address=request.ray_address, **options)
    return local.LocalEngine(context, run_job, output, run_id, **options)


def _resolve_all(requests: list[Request], store: cache.DatasetCache) -> list[_Work]:
    """Loads each data set once, and keeps it for the jobs in a file, not in memory."""
    of_data: dict[tuple, list[Request]] = {}
    for request in requests:
        of_data.setdefault((request.dataset, *request.loading.values()), []).append(request)
    registry = models.registry()
    work: dict[int, _Work] = {}
    for sharing in of_data.values():
        with sharing[0].placed("dataset"):
            dataset = catalog.load(sharing[0].dataset, **sharing[0].loading)
        store.put(dataset)
        work |= {id(request): _resolve(request, dataset, registry) for request in sharing}
    with_labels = [part for part in work.values() if part.request.num_labels is not None]
    if with_labels:  # of a file some experiments may have no such model
        with with_labels[0].request.placed("num_labels"):
            selection.check_labels_are_used([c for part in with_labels for c in part.models])
    return [work[id(request)] for request in requests]


def _resolve(request: Request, dataset, registry: dict[str, selection.ModelInfo]) -> _Work:
    configs = request.make_configs(dataset)
    chosen = _choose(request, dataset, registry)
    headline = _headline(request, configs, dataset, len(chosen))
    about = (dataset.checksum, dataset.task, dataset.image_shape)
    return _Work(request, configs, chosen, *about, headline)


def _warn(console: Console, text: str) -> None:
    console.print(f"[yellow]warning:[/] {escape(text)}", **WHOLE_WORDS)


def _where(output: Path, experiment: Experiment | None, note: str) -> str:
    name = "" if experiment is None else f"experiment [bold]{escape(experiment.name)}[/], "
    note = f"\n[yellow]{escape(note)}[/]" if note else ""
    return f"{name}records in {escape(str(output))}{note}"


def _headline(request: Request, configs: list[RunConfig], dataset, num_models: int) -> str:
    shape = " x ".join(str(size) for size in dataset.image_shape)
    noise = f", noise {request.noise}" if request.noise else ""
    num_settings = len(configs) // (request.folds or 1)
    settings = f" x {num_settings} settings" if num_settings > 1 else ""
    settings += f" x {request.folds} folds" if request.folds else ""
    num_images = request.images_per_epoch(dataset)
    budgets = dict.fromkeys(budget(config, num_images) for config in configs)
    num_seeds = len(request.seed_list)
    sizes = (
        f"{dataset.num_train:,} train, {dataset.num_validation:,} validate, "
        f"{dataset.num_test:,} test"
    )
    jobs = (
        f"{num_models} model{'s' * (num_models > 1)} x {num_seeds} "
        f"seed{'s' * (num_seeds > 1)}{settings}, each {' or '.join(budgets)}"
    )
    if request.folds is not None:
        num = dataset.num_train + dataset.num_validation + dataset.num_test
        sizes = f"{num:,} images in {request.folds} folds, each tested once"
    what = "images" if request.crop is None else "crops"
    name = f"[bold]{escape(dataset.name)}[/], {what} of {shape}{noise}"
    return "\n".join([name, sizes, jobs, *map(escape, dataset.notes)])


def budget(config: RunConfig, num_images: int) -> str:
    """Returns how long a training is, in words."""
    updates = config.epochs * math.ceil(num_images / config.batch_size)
    epochs = f"{config.epochs} epoch{'s' * (config.epochs > 1)}"
    most = "" if config.patience is None else "at most "
    return f"{most}{updates:,} update{'s' * (updates > 1)} ({epochs} of batch {config.batch_size})"


# --- models ---------------------------------------------------------------------------------


def _choose(
    request: Request, dataset, registry: dict[str, selection.ModelInfo]
) -> list[selection.ModelSpec]:
    """Returns the models that are asked for and fit the data."""
    task = "anomaly" if request.normal_classes is not None else dataset.task
    by_task = tasks.SUITE_OF.get(task, "core")
    own = None if task == "anomaly" else suites.OF_DATASET.get(dataset.name)
    suite = request.suite or own or by_task
    for model in request.models or ():
        with request.placed(model):  # each has a line of its own in an experiment file
            selection.select([model], suite, request.preset, registry)
    incompatibilities = {
        name: tasks.incompatibility(
            known.task, dataset, request.augment is not None, request.normal_classes is not None
        )
        for name, known in registry.items()
    }
    with request.placed("models"):
        return selection.select(
            None if request.models is None else list(request.models),
            suite,
            request.preset,
            registry,
            {name: reason for name, reason in incompatibilities.items() if reason is not None},
        )
