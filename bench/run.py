"""Runs the cases of a plan, one process each, and keeps every result as it comes."""

import contextlib
import dataclasses
import multiprocessing
import os
import secrets
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench import augmentation, cases, datasets, records, tasks
from bench.cases import Case, Plan
from bench.errors import BenchError

_POLL_SECONDS = 0.2
_END_SECONDS = 5.0


@dataclasses.dataclass(frozen=True)
class Request:
    """What the command line asks for; None means the default that fits the data.

    Attributes:
        models: Wildcards over names, each with an optional `:preset`; None takes the suite.
        seeds: Number of seeds per model, counted from 0.
        timing_rounds: Number of those in which speed is measured too; 0: quality only.
        fresh: Whether cases that are finished run again.
        timeout_seconds: Limit of one case, after which it is a failure; None: none.
        Others: see `bench.cases.Plan`.
    """

    dataset: str = "digits"
    models: tuple[str, ...] | None = None
    suite: str | None = None
    preset: str = "small"
    seeds: int = 3
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float = 3e-3
    precision: str = "float32"
    augment: str | None = None
    num_labels: int | None = None
    noise: str | None = None
    resize: tuple[int, int] | None = None
    limit: int | None = None
    output: Path | None = None
    fresh: bool = False
    timing_rounds: int = 1
    timeout_seconds: float | None = None

    def make_plan(self, num_train: int) -> Plan:
        """Returns the plan, with what was left open chosen by the size of the data."""
        batch_size = self.batch_size or cases.default_batch_size(num_train)
        return Plan(
            dataset=self.dataset,
            noise=self.noise,
            resize=self.resize,
            limit=self.limit,
            epochs=self.epochs or cases.default_epochs(num_train, batch_size),
            batch_size=batch_size,
            learning_rate=self.learning_rate,
            precision=self.precision,
            augment=self.augment,
            num_labels=self.num_labels,
        )


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
    with records.folder_lock(output), _forkserver() as context:
        with console.status("loading data and models"):
            receive_catalogue = _start_sending_catalogue(context)
            dataset = datasets.load(
                request.dataset, limit=request.limit, noise=request.noise, resize=request.resize
            )
            models = _choose(request, dataset, receive_catalogue())
        plan = request.make_plan(dataset.num_train)
        console.print(_headline(request, plan, dataset, len(models), output))
        runner = _Runner(context, output, request, console)
        wanted = cases.model_cases(
            plan, dataset.checksum, models, list(range(request.seeds)), request.timing_rounds
        )
        runner.run_all(wanted)
        code_sizes = {record["code_size"] for record in runner.found(wanted)} - {None}
        baselines = cases.baseline_cases(plan, dataset.checksum, sorted(code_sizes), dataset.task)
        runner.run_all(baselines)
    found = runner.found([*wanted, *baselines])
    num_failed = sum(record["status"] != "ok" for record in found)
    return Outcome(output, runner.num_run, runner.num_kept, num_failed, found)


def _check(request: Request) -> None:
    if request.augment is not None:
        augmentation.parse(request.augment)
    for name in ("seeds", "epochs", "batch_size", "num_labels"):
        value = getattr(request, name)
        if value is not None and value < 1:
            raise BenchError(f"--{name.replace('_', '-')} must be at least 1. Received: {value}.")
    if request.learning_rate <= 0:
        raise BenchError(f"--learning-rate must be above 0. Received: {request.learning_rate}.")


def _default_folder(request: Request) -> str:
    name = Path(request.dataset).stem
    chosen = (request.suite or "core") if request.models is None else "models"
    noise = f"-{request.noise.replace(':', '-')}" if request.noise else ""
    return f"{name}-{chosen}{noise}"


def _headline(request: Request, plan: Plan, dataset, num_models: int, output: Path) -> str:
    shape = " x ".join(str(size) for size in dataset.image_shape)
    noise = f", noise {plan.noise}" if plan.noise else ""
    num_images = plan.epochs * dataset.num_train
    return (
        f"[bold]{escape(dataset.name)}[/]: {dataset.num_train:,} training, "
        f"{dataset.num_validation:,} validation, {dataset.num_test:,} test images of "
        f"{shape}{noise}\n{num_models} model{'s' * (num_models > 1)} x {request.seeds} "
        f"seed{'s' * (request.seeds > 1)}, each {plan.epochs} epochs of batch "
        f"{plan.batch_size} = {num_images:,} images; records in {escape(str(output))}"
    )


# --- processes ------------------------------------------------------------------------------


@contextlib.contextmanager
def _forkserver() -> Iterator[Any]:
    """Gives the context whose processes are forked from one that has imported everything."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    for name, value in quiet.items():
        os.environ.setdefault(name, value)
    if "forkserver" not in multiprocessing.get_all_start_methods():  # Windows
        yield multiprocessing.get_context("spawn")
        return
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bench.worker"])
    yield context


def _send_catalogue(connection) -> None:
    from bench import worker

    worker.send_catalogue(connection)


def _run_case(case: Case, output: str, run_id: str, connection) -> None:
    from bench import worker

    worker.run(case, output, run_id, connection)


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
    """Runs cases one after the other and shows how far they are."""

    def __init__(self, context, output: Path, request: Request, console: Console):
        self.context = context
        self.output = output
        self.timeout_seconds = request.timeout_seconds
        self.console = console
        self.run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        self.num_run = self.num_kept = 0
        self.latest = {} if request.fresh else self._read()

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
        waiting = [case for case in wanted if case not in done]
        if done:
            self.console.print(
                f"{len(done)} of {len(wanted)} cases are finished already and kept "
                "(--fresh runs them again)"
            )
        if not waiting:
            return
        with self._progress() as progress:
            total = progress.add_task("all cases", total=len(wanted), completed=len(done), info="")
            for case in waiting:
                record = self._run_one(case, progress)
                records.append(self.output / records.FILE_NAME, record)
                self.latest[case.id] = dict.fromkeys(records.RECORD_FIELDS) | record
                self.num_run += 1
                progress.advance(total)
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

    def _run_one(self, case: Case, progress: Progress) -> dict[str, Any]:
        """Runs a case in its process; whatever becomes of it, there is a record."""
        receiver, sender = self.context.Pipe(duplex=False)
        arguments = (case, str(self.output), self.run_id, sender)
        process = self.context.Process(target=_run_case, args=arguments, daemon=True)
        epochs = case.plan.epochs if case.kind == "model" else 1
        task = progress.add_task(f"{case.title} seed {case.seed}", total=epochs, info="starting")
        started = time.monotonic()
        record = None
        process.start()
        sender.close()
        try:
            while record is None:
                if self._is_over_time(started):
                    process.kill()
                    record = self._failure(case, f"took over {self.timeout_seconds:g} seconds")
                elif receiver.poll(_POLL_SECONDS):
                    kind, *content = receiver.recv()
                    if kind == "record":
                        (record,) = content
                    elif kind == "stage":
                        progress.update(task, info=content[0])
                    elif kind == "epoch":
                        info = f"validation loss {content[1].get('val_loss', float('nan')):.4g}"
                        progress.update(task, completed=content[0], info=info)
                    elif kind == "trace":
                        self._keep_trace(case, content[0])
        except EOFError:
            process.join()
            record = self._failure(case, _death(process.exitcode))
        finally:
            if process.is_alive():
                process.join(_END_SECONDS if record is not None else 0)
            if process.is_alive():
                process.kill()
                process.join()
            receiver.close()
            progress.remove_task(task)
        return record

    def _is_over_time(self, started: float) -> bool:
        limit = self.timeout_seconds
        return limit is not None and time.monotonic() - started > limit

    def _failure(self, case: Case, error: str) -> dict[str, Any]:
        """Returns the record of a case whose process could not send its own."""
        return case.start_record(self.run_id) | {"error": error}

    def _keep_trace(self, case: Case, trace: str) -> None:
        """Keeps the stack trace of a failed case in a file, for who wants to look."""
        with contextlib.suppress(OSError):
            (self.output / "traces").mkdir(exist_ok=True)
            (self.output / "traces" / f"{case.id}.txt").write_text(trace)


def _death(exit_code: int | None) -> str:
    if exit_code == -9:
        return "the process was killed (signal 9): out of memory, or by hand"
    if exit_code is not None and exit_code < 0:
        return f"the process ended with signal {-exit_code}"
    return f"the process ended with exit code {exit_code} and no result"


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
