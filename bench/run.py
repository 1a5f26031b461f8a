"""Runs the cases of a plan, one process each, and keeps every result as it comes."""

import collections
import contextlib
import dataclasses
import itertools
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench import augmentation, cases, datasets, engines, records, tasks
from bench.cases import Case, Plan
from bench.errors import BenchError


@dataclasses.dataclass(frozen=True)
class Request:
    """What the command line asks for; None means the default that fits the data.

    Attributes:
        models: Wildcards over names, each with an optional `:preset`; None takes the suite.
        seeds: Number of seeds per model, counted from 0.
        timing_rounds: Number of those in which speed is measured too; 0: quality only.
        fresh: Whether cases that are finished run again.
        timeout_seconds: Limit of one case, after which it is a failure; None: none.
        normal_classes: Classes that are normal in turn, labels or names, or `("all",)`: each is a
            task of finding the other classes as anomalies. None: the task is the data set's.
        batch_size, precision, jit, steps_per_execution: One or more values each; every model
            runs at each combination.
        workers: Cases at a time, each on its own cores.
        Others: see `bench.cases.Plan`.
    """

    dataset: str = "digits"
    models: tuple[str, ...] | None = None
    suite: str | None = None
    preset: str = "small"
    seeds: int = 3
    epochs: int | None = None
    batch_size: tuple[int, ...] | None = None
    learning_rate: float = 3e-3
    precision: tuple[str, ...] = ("float32",)
    jit: tuple[str, ...] = ("auto",)
    steps_per_execution: tuple[int, ...] = (1,)
    augment: str | None = None
    num_labels: int | None = None
    normal_classes: tuple[str, ...] | None = None
    measure: tuple[str, ...] = ()
    noise: str | None = None
    resize: tuple[int, int] | None = None
    limit: int | None = None
    output: Path | None = None
    fresh: bool = False
    timing_rounds: int = 1
    timeout_seconds: float | None = None
    workers: int = 1

    def make_plans(self, dataset) -> list[Plan]:
        """Returns a plan for each combination, with what was left open chosen by the data."""
        normal = tasks.normal_classes(dataset, self.normal_classes)
        num_train = dataset.num_train // (dataset.num_classes if self.normal_classes else 1)
        batch_sizes = self.batch_size or (cases.default_batch_size(num_train),)
        combinations = itertools.product(
            normal, batch_sizes, self.precision, self.jit, self.steps_per_execution
        )
        return [
            Plan(
                dataset=self.dataset,
                noise=self.noise,
                resize=self.resize,
                limit=self.limit,
                epochs=self.epochs or cases.default_epochs(num_train, batch_size),
                batch_size=batch_size,
                learning_rate=self.learning_rate,
                precision=precision,
                augment=self.augment,
                num_labels=self.num_labels,
                normal_class=normal_class,
                jit=jit,
                steps_per_execution=steps,
                measures=tuple(sorted(set(self.measure))),
            )
            for normal_class, batch_size, precision, jit, steps in combinations
        ]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a run did.

    Attributes:
        output: Folder of the records.
        num_run: Cases that ran now; `num_kept` were finished before.
        records: Records of the cases asked for, the latest of each.
    """

    output: Path
    num_run: int
    num_kept: int
    num_failed: int
    records: list[dict[str, Any]]


def run(request: Request, console: Console | None = None) -> Outcome:
    """Runs what is asked for, skipping the cases that are finished in the output folder.

    Records are appended to `<output>/records.jsonl` as the cases end. After an interruption the
    same call goes on where it stopped.

    Raises:
        BenchError: for wrong arguments, missing data or a folder that cannot be written: all
            before the first training.
        KeyboardInterrupt: on Ctrl-C, after the running case has been ended.
    """
    console = console or Console()
    _check(request)
    output = request.output or Path("runs") / _default_folder(request)
    records.check_writable(output)
    with records.folder_lock(output), engines.forkserver() as context:
        with console.status("loading data and models"):
            receive_catalogue = _start_sending_catalogue(context)
            dataset = datasets.load(
                request.dataset, limit=request.limit, noise=request.noise, resize=request.resize
            )
            plans = request.make_plans(dataset)
            models = _choose(request, dataset, receive_catalogue())
        console.print(_headline(request, plans, dataset, len(models), output))
        engine = engines.LocalEngine(
            context,
            output,
            f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}",
            num_workers=request.workers,
            timeout_seconds=request.timeout_seconds,
        )
        runner = _Runner(engine, output, request.fresh, console)
        wanted = cases.model_cases(
            plans, dataset.checksum, models, list(range(request.seeds)), request.timing_rounds
        )
        with contextlib.closing(engine):
            runner.run_all(wanted)
            code_sizes = {record["code_size"] for record in runner.found(wanted)} - {None}
            baselines = cases.baseline_cases(
                plans, dataset.checksum, sorted(code_sizes), dataset.task
            )
            runner.run_all(baselines)
    found = runner.found([*wanted, *baselines])
    num_failed = sum(record["status"] != "ok" for record in found)
    return Outcome(output, runner.num_run, runner.num_kept, num_failed, found)


def _check(request: Request) -> None:
    if request.augment is not None:
        augmentation.parse(request.augment)
    for name in ("seeds", "epochs", "batch_size", "num_labels", "steps_per_execution", "workers"):
        given = getattr(request, name)
        for value in given if isinstance(given, tuple) else (given,):
            if value is not None and value < 1:
                option = f"--{name.replace('_', '-')}"
                raise BenchError(f"{option} must be at least 1. Received: {value}.")
    if request.learning_rate <= 0:
        raise BenchError(f"--learning-rate must be above 0. Received: {request.learning_rate}.")


def _default_folder(request: Request) -> str:
    name = Path(request.dataset).stem
    chosen = (request.suite or "core") if request.models is None else "models"
    noise = f"-{request.noise.replace(':', '-')}" if request.noise else ""
    return f"{name}-{chosen}{noise}"


def _headline(request: Request, plans: list[Plan], dataset, num_models: int, output: Path) -> str:
    shape = " x ".join(str(size) for size in dataset.image_shape)
    noise = f", noise {request.noise}" if request.noise else ""
    settings = f" x {len(plans)} settings" if len(plans) > 1 else ""
    budgets = {f"{plan.epochs} epochs of batch {plan.batch_size}": None for plan in plans}
    workers = (
        ""
        if request.workers == 1
        else (
            f"\n{request.workers} cases at a time: [yellow]speeds are not comparable[/] with those of "
            "a run of one at a time"
        )
    )
    return (
        f"[bold]{escape(dataset.name)}[/]: {dataset.num_train:,} training, "
        f"{dataset.num_validation:,} validation, {dataset.num_test:,} test images of "
        f"{shape}{noise}\n{num_models} model{'s' * (num_models > 1)} x {request.seeds} "
        f"seed{'s' * (request.seeds > 1)}{settings}, each {' or '.join(budgets)}; "
        f"records in {escape(str(output))}{workers}"
    )


# --- processes ------------------------------------------------------------------------------


def _send_catalogue(connection) -> None:
    from bench import worker

    worker.send_catalogue(connection)


def _start_sending_catalogue(context) -> Callable[[], dict[str, cases.Known]]:
    """Lets a process list the models while this one loads the data; returns how to wait for it."""
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send_catalogue, args=(sender,), daemon=True)
    process.start()
    sender.close()

    def receive() -> dict[str, cases.Known]:
        try:
            return receiver.recv()
        except EOFError as error:
            raise BenchError(
                "the models cannot be imported. Try: python -c 'import zoo' to see why."
            ) from error
        finally:
            process.join()

    return receive


def _choose(request: Request, dataset, catalogue: dict[str, cases.Known]) -> list[cases.Choice]:
    """Returns the models that are asked for and fit the data."""
    misfits = {
        name: tasks.misfit(known.task, dataset, request.augment is not None)
        for name, known in catalogue.items()
    }
    return cases.select(
        None if request.models is None else list(request.models),
        request.suite or tasks.SUITE_OF.get(dataset.task, "core"),
        request.preset,
        catalogue,
        {name: reason for name, reason in misfits.items() if reason is not None},
    )


class _Runner:
    """Gives cases to an engine, keeps their records and shows how far they are."""

    def __init__(self, engine, output: Path, fresh: bool, console: Console):
        self.engine = engine
        self.output = output
        self.console = console
        self.num_run = self.num_kept = 0
        self.latest = {} if fresh else self._read()

    def _read(self) -> dict[str, dict[str, Any]]:
        if not (self.output / records.FILE_NAME).exists():
            return {}
        found, warnings = records.read(self.output)
        for warning in warnings:
            self.console.print(f"[yellow]warning:[/] {escape(warning)}")
        return {record["case_id"]: record for record in records.latest(found)}

    def found(self, wanted: list[Case]) -> list[dict[str, Any]]:
        """Returns the records of cases that have one."""
        return [self.latest[case.id] for case in wanted if case.id in self.latest]

    def run_all(self, wanted: list[Case]) -> None:
        """Runs the cases that are not finished; a failed one is tried again."""
        done = [case for case in wanted if self.latest.get(case.id, {}).get("status") == "ok"]
        self.num_kept += len(done)
        waiting = collections.deque(case for case in wanted if case not in done)
        if done:
            self.console.print(
                f"{len(done)} of {len(wanted)} cases are finished already and kept "
                "(--fresh runs them again)"
            )
        if not waiting:
            return
        with self._progress() as progress:
            total = progress.add_task("all cases", total=len(wanted), completed=len(done), info="")
            bars: dict[Case, Any] = {}
            while waiting or self.engine.num_running:
                while waiting and self.engine.has_room:
                    case = waiting.popleft()
                    epochs = case.plan.epochs if case.kind == "model" else 1
                    title = f"{case.title} seed {case.seed}"
                    bars[case] = progress.add_task(title, total=epochs, info="starting")
                    self.engine.start(case)
                for case, kind, content in self.engine.messages():
                    self._take(case, kind, content, progress, bars[case])
                    if kind == "record":
                        progress.remove_task(bars.pop(case))
                        progress.advance(total)

    def _take(self, case: Case, kind: str, content: tuple, progress: Progress, bar) -> None:
        if kind == "stage":
            progress.update(bar, info=content[0])
        elif kind == "epoch":
            info = f"validation loss {content[1].get('val_loss', float('nan')):.4g}"
            progress.update(bar, completed=content[0], info=info)
        elif kind == "trace":
            self._keep_trace(case, content[0])
        elif kind == "record":
            (record,) = content
            records.append(self.output / records.FILE_NAME, record)
            self.latest[case.id] = dict.fromkeys(records.RECORD_FIELDS) | record
            self.num_run += 1
            progress.console.print(_result_line(case, record))

    def _progress(self) -> Progress:
        return Progress(
            TextColumn("{task.description:28}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[info]}"),
            console=self.console,
            transient=True,
            refresh_per_second=4,
        )

    def _keep_trace(self, case: Case, trace: str) -> None:
        """Keeps the stack trace of a failed case in a file, for who wants to look."""
        with contextlib.suppress(OSError):
            (self.output / "traces").mkdir(exist_ok=True)
            (self.output / "traces" / f"{case.id}.txt").write_text(trace)


def _result_line(case: Case, record: dict[str, Any]) -> str:
    if record["status"] != "ok":
        return f"[red]failed[/] {case.title} seed {case.seed}: {escape(record['error'])}"
    seconds = record.get("train_seconds")
    trained = f", trained in {seconds:.1f} s" if seconds else ""
    if record.get("test_iou_image") is not None:
        quality = f"IoU {record['test_iou_image']:.4f}"
    else:
        quality = f"MSE {record['test_mse']:.5f}"
    if record.get("test_accuracy") is not None:
        quality += f", accuracy {record['test_accuracy']:.3f}"
    return f"[green]done[/]   {case.title} seed {case.seed}: {quality}{trained}"
