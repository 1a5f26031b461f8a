"""Measures two contenders in turn: is B slower than A on this machine?

Three processes stay open: A, B and a second A. They take turns, a window of steps each, in the
order A B B A and then A A A A, so that other load on the machine hits all of them alike. The
difference between A and the second A gives the threshold. A difference between A and B is measured
again in fresh processes, and counts only if it is found each time.
"""

import contextlib
import dataclasses
import functools
import multiprocessing
import os
from typing import Any

import numpy as np

from bench.compare import contenders
from bench.compare import worker as compare_worker
from bench.compare.worker import Contender, Data, Worker
from bench.errors import BenchError
from bench.execution import processes
from bench.execution.contender_process import ContenderError
from bench.runs import suites
from bench.stats import paired

WHATS = ("train", "infer", "latency")


@dataclasses.dataclass(frozen=True)
class Request:
    """What the command line asks for.

    Attributes:
        a, b: See `bench.compare.contenders.parse`.
        models: Of two checkouts: wildcards over names; None takes the core suite.
        what: Of `WHATS`.
        dataset: As `bench.data.catalog.load` takes it.
        batch_size: Of training and inference; None: 64 below 5,000 images, else 128.
        pairs: Of A and B per round, and as many of A and A.
        rounds: How often a difference must be found, each time in fresh processes.
        window_seconds: Length of a window, of at least 3 calls.
    """

    a: str
    b: str
    models: tuple[str, ...] | None = None
    what: tuple[str, ...] = WHATS
    dataset: str = "digits"
    batch_size: int | None = None
    pairs: int = 20
    rounds: int = 2
    window_seconds: float = 0.03


@dataclasses.dataclass
class Row:
    """What was found of one model and one kind of step.

    Attributes:
        name: The model, or both where they differ.
        verdict: Of `pairing.VERDICTS`, of B; or `"failed"` and `"not compared"`, with an `error`,
            when B or A cannot be run.
        difference: Over all rounds; None without one.
        rounds: The difference in each round.
        calls_per_window: Calls that one window timed; the seconds are those of the median.
        stable: Whether every step settled before, and none was traced again.
        log_ratios, same_log_ratios: Of the pairs of A and B, and of A and A.
    """

    name: str
    what: str
    verdict: str = "no difference"
    error: str | None = None
    a_ms: float | None = None
    b_ms: float | None = None
    difference: paired.Difference | None = None
    rounds: list[paired.Difference] = dataclasses.field(default_factory=list)
    stable: bool = True
    calls_per_window: int | None = None
    params_a: int | None = None
    params_b: int | None = None
    facts_a: dict[str, Any] = dataclasses.field(default_factory=dict)
    facts_b: dict[str, Any] = dataclasses.field(default_factory=dict)
    log_ratios: list[float] = dataclasses.field(default_factory=list)
    same_log_ratios: list[float] = dataclasses.field(default_factory=list)

    @property
    def is_regression(self) -> bool:
        return self.verdict in ("slower", "failed")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a comparison found.

    Attributes:
        codes: Folder, commit and dirtiness of A's and B's code.
    """

    request: Request
    dataset_checksum: str
    batch_size: int
    codes: dict[str, dict[str, Any]]
    rows: list[Row]

    @property
    def regressions(self) -> list[Row]:
        return [row for row in self.rows if row.is_regression]


def compare(request: Request, console=None) -> Outcome:
    """Measures what is asked for.

    Raises:
        BenchError: for wrong arguments, missing data, or an A that cannot be run at all.
    """
    from rich.console import Console

    from bench.data import catalog
    from bench.runs import models

    console = console or Console()
    specifications = _check(request)
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # several processes share the GPU
    with contextlib.ExitStack() as stack:
        codes = [stack.enter_context(contenders.code_of(part)) for part in specifications]
        has_checkouts = any(part.is_checkout for part in specifications)
        # Each contender of two checkouts imports its own `zoo`.
        without_zoo = ("bench.profiling.steps", "keras")
        context = processes.forkserver(without_zoo if has_checkouts else models.modules())
        with console.status("loading data"):
            dataset = catalog.load(request.dataset)
        if has_checkouts and not _starts_without_zoo(context):
            context = multiprocessing.get_context("spawn")
        known = models.registry()
        pairs_of_contenders = contenders.choose(
            specifications, codes, request.models, dataset, known
        )
        batch_size = request.batch_size or suites.default_batch_size(dataset.num_train)
        progress = stack.enter_context(_progress(console))
        rows = []
        for contender_a, contender_b in pairs_of_contenders:
            data = contenders.images_for(dataset, known[contender_a.model].task, batch_size)
            rows += _Comparison(request, context, contender_a, contender_b, data, progress).rows()
        described = {
            name: dict(
                zip(("folder", "git_commit", "git_dirty"), (str(code), *commit), strict=True)
            )
            for name, code in zip("ab", codes, strict=True)
            for commit in [contenders.commit_of(code)]
        }
    if all(row.verdict == "not compared" for row in rows):
        raise BenchError(f"A ({request.a}) cannot be run: {rows[0].error}")
    return Outcome(request, dataset.checksum, batch_size, described, rows)


# --- preparation ----------------------------------------------------------------------------


def _check(request: Request) -> list[contenders.Specification]:
    both = [contenders.parse(request.a), contenders.parse(request.b)]
    if both[0].is_checkout != both[1].is_checkout:
        raise BenchError(
            "A and B must be two models or two checkouts. "
            f"Received: {request.a!r} and {request.b!r}. "
            "Compare git:REVISION with . and choose the model by --models."
        )
    if request.models is not None and not both[0].is_checkout:
        raise BenchError("--models belongs to two checkouts; A and B are models already.")
    if not request.what or set(request.what) - set(WHATS):
        raise BenchError(f"--what must be of {', '.join(WHATS)}. Received: {request.what}.")
    if request.pairs < 5:
        raise BenchError(f"--pairs must be at least 5. Received: {request.pairs}.")
    for name in ("rounds", "batch_size", "window_seconds"):
        value = getattr(request, name)
        if value is not None and value <= 0:
            raise BenchError(f"--{name.replace('_', '-')} must be above 0. Received: {value}.")
    return both


def _starts_without_zoo(context) -> bool:
    """Tells whether processes start without `zoo`: a server of an earlier run may have it."""
    child = processes.Child(context, compare_worker.send_whether_without_zoo)
    try:
        return child.receive()
    finally:
        child.end()


def _progress(console):
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("{task.description}"), BarColumn(24), MofNCompleteColumn(), Remaining())
    return Progress(*columns, console=console, transient=True, refresh_per_second=4)


# --- measuring ------------------------------------------------------------------------------


class _Comparison:
    """Compares two contenders in all that is asked for."""

    def __init__(
        self,
        request: Request,
        context,
        contender_a: Contender,
        contender_b: Contender,
        data: Data,
        progress,
    ):
        self.request, self.context, self.data, self.progress = request, context, data, progress
        self.contender_a, self.contender_b = contender_a, contender_b
        same = contender_a.name == contender_b.name
        self.name = contender_a.name if same else f"{contender_a.name} / {contender_b.name}"
        self.row_of = {what: Row(self.name, what) for what in request.what}
        self.pairs: dict[str, tuple[list, list]] = {what: ([], []) for what in request.what}

    def rows(self) -> list[Row]:
        """Returns a row for each kind of step: a round, and more while differences are found."""
        waiting = list(self.row_of)
        title = self.name
        for _ in range(self.request.rounds):
            task = self.progress.add_task(title, total=len(waiting) * self.request.pairs)
            self._round(waiting, task)
            self.progress.remove_task(task)
            waiting = [what for what in waiting if self._is_different(self.row_of[what])]
            if not waiting:
                break
            title = f"{self.name}, again"
        for what, row in self.row_of.items():
            if row.rounds and row.error is None:
                self._sum_up(what, row)
        return list(self.row_of.values())

    @staticmethod
    def _is_different(row: Row) -> bool:
        return row.error is None and row.rounds[-1].verdict != "no difference"

    def _round(self, whats: list[str], task) -> None:
        """Measures in fresh processes."""
        with contextlib.ExitStack() as stack:
            workers = []
            for letter, contender in (
                ("A", self.contender_a),
                ("B", self.contender_b),
                ("A", self.contender_a),
            ):
                workers.append(Worker(self.context, letter, contender, self.data))
                stack.callback(workers[-1].close)
            try:
                facts = [worker.answer() for worker in workers]
            except ContenderError as failure:
                for what in whats:
                    self._fail(self.row_of[what], failure)
                return
            for what in whats:
                row = self.row_of[what]
                row.facts_a, row.facts_b = facts[:2]
                row.params_a, row.params_b = (part["params_total"] for part in facts[:2])
                try:
                    self._measure(row, *workers, task)
                except ContenderError as failure:
                    self._fail(row, failure)

    @staticmethod
    def _fail(row: Row, failure: ContenderError) -> None:
        letter, row.error = failure.args
        row.verdict = "failed" if letter == "B" else "not compared"

    def _measure(self, row: Row, a: Worker, b: Worker, same: Worker, task) -> None:
        workers = (a, b, same)
        for worker in workers:
            worker.num_retraces = 0
        prepared = [worker.ask("prepare", row.what) for worker in workers]
        slowest = max(part["call_seconds"] for part in prepared)
        num_calls = compare_worker.calls_per_window(slowest, self.request.window_seconds)
        pairs, same_pairs = paired.take_pairs(
            self.request.pairs,
            *(functools.partial(worker.window, num_calls) for worker in workers),
            functools.partial(self.progress.advance, task),
        )
        row.rounds.append(paired.difference(pairs, same_pairs))
        row.calls_per_window = num_calls
        row.stable &= all(part["stable"] for part in prepared)
        row.stable &= not any(worker.num_retraces for worker in workers)
        for kept, new in zip(self.pairs[row.what], (pairs, same_pairs), strict=True):
            kept.extend(new)

    def _sum_up(self, what: str, row: Row) -> None:
        pairs, same = self.pairs[what]
        row.difference = paired.difference(pairs, same)
        verdicts = [each.verdict for each in (*row.rounds, row.difference)]
        row.verdict = paired.agreed(verdicts)
        row.a_ms = 1e3 * float(np.median([(pair.first_a, pair.second_a) for pair in pairs]))
        row.b_ms = 1e3 * float(np.median([(pair.first_b, pair.second_b) for pair in pairs]))
        row.log_ratios = [pair.log_ratio for pair in pairs]
        row.same_log_ratios = [pair.log_ratio for pair in same]
