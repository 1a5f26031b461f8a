"""Times the contenders of a workload in turn, and checks that they train the same thing.

A round starts each contender in a fresh process with the round's seed. The contenders take turns in
the order A B C ... and back, with one `fit`, one `predict` or a number of single images each. So
other load on the machine hits all of them alike. A pair is the times of two contenders in one such
double turn. At the end of a round all that train have done the same number of updates, and their
losses on the test images are computed here, from their outputs.
"""

import contextlib
import dataclasses
import multiprocessing
from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.errors import BenchError
from bench.execution.contender_process import ContenderError, ContenderProcess
from bench.peers import worker, workloads
from bench.peers.workloads import KEYS, OURS, WORKLOADS, Workload
from bench.profiling import surroundings
from bench.stats import intervals, paired

WHATS = ("train", "infer", "latency")
# Final losses count as equal when their intervals over rounds overlap, or within this share.
LOSS_TOLERANCE = 0.03


@dataclasses.dataclass(frozen=True)
class Request:
    """What the command line asks for.

    Attributes:
        names: Of `WORKLOADS`.
        contenders: Of `worker.CONTENDERS`.
        pairs: Double turns in a round.
        rounds: Fresh processes with seeds 0, 1, ...
    """

    names: tuple[str, ...] = tuple(WORKLOADS)
    contenders: tuple[str, ...] = tuple(worker.CONTENDERS)
    what: tuple[str, ...] = WHATS
    pairs: int = 2
    rounds: int = 2


@dataclasses.dataclass
class _Measured:
    """What the rounds of one workload gave, by contender."""

    seconds: dict[tuple[str, str], list[list[tuple[float, float]]]]
    losses: dict[str, list[float]]
    errors: dict[str, str]
    facts: dict[str, dict[str, Any]]


def check(request: Request) -> None:
    """Raises BenchError for a wrong name or number."""
    for name, given, known in (
        ("workloads", request.names, WORKLOADS),
        ("contenders", request.contenders, worker.CONTENDERS),
        ("what", request.what, WHATS),
    ):
        wrong = [part for part in given if part not in known]
        if wrong or not given:
            raise BenchError(f"--{name} must be of {', '.join(known)}. Received: {list(given)}.")
    if not set(request.contenders) & set(OURS):
        raise BenchError(f"--contenders must have one of {', '.join(OURS)}, which ratios refer to.")
    if request.pairs < 2 or request.rounds < 1:
        raise BenchError("--pairs must be at least 2, and --rounds at least 1.")


def measure(request: Request, name: str, progress=None) -> list[dict[str, Any]]:
    """Measures one workload.

    Args:
        progress: Called with a text and the share done, in `[0, 1]`.

    Returns:
        A record for each contender and each of `request.what`; see `_record`.
    """
    check(request)
    workload, tell = WORKLOADS[name], progress or (lambda text, share: None)
    data = workloads.load(workload)
    keys = [
        (contender, what)
        for what in request.what
        for contender in request.contenders
        if worker.does(contender, workload.network, what)
    ]
    contenders = list(dict.fromkeys(contender for contender, _ in keys))
    measured = _Measured(
        {key: [] for key in keys}, {contender: [] for contender in contenders}, {}, {}
    )
    for number in range(request.rounds):
        _round(request, workload, data, number, contenders, measured, tell)
    described = surroundings.describe()
    return [
        _record(request, workload, contender, what, measured, described) for contender, what in keys
    ]


def _round(
    request, workload: Workload, data, seed: int, contenders, measured: _Measured, tell
) -> None:
    context = multiprocessing.get_context("spawn")
    with contextlib.ExitStack() as stack:
        running, made = {}, {}
        tell(f"{workload.name}, round {seed + 1}: start", seed / request.rounds)
        for contender in [name for name in contenders if name not in measured.errors]:
            arguments = (contender, workload, data, seed)
            made[contender] = ContenderProcess(context, contender, worker.serve, *arguments)
            stack.callback(made[contender].close)
        for contender, process in made.items():
            with _failing(measured, contender):
                _check_size(contender, process.answer(), workload)
                running[contender] = process
        for contender, process in running.items():
            tell(f"{workload.name}, round {seed + 1}: warm up {contender}", seed / request.rounds)
            with _failing(measured, contender):
                for what in request.what:  # compiles
                    if (contender, what) in measured.seconds:
                        process.ask(what)
        for what in request.what:
            able = [name for name in running if (name, what) in measured.seconds]
            for contender in able:
                measured.seconds[contender, what].append([])
            for pair in range(request.pairs):
                share = (seed + (pair + 1) / request.pairs) / request.rounds
                tell(f"{workload.name}, round {seed + 1}: {what}", share)
                order = [name for name in able if name not in measured.errors]
                turns: dict[str, list[float]] = {contender: [] for contender in order}
                for contender in (*order, *reversed(order)):
                    with _failing(measured, contender):
                        turns[contender].append(running[contender].ask(what))
                for contender, seconds in turns.items():
                    measured.seconds[contender, what][-1].append(tuple(seconds))
        for contender in [name for name in running if name not in measured.errors]:
            with _failing(measured, contender):
                measured.facts[contender] = running[contender].ask("facts")
                if (contender, "train") in measured.seconds:
                    outputs = running[contender].ask("outputs")
                    measured.losses[contender].append(workloads.loss(workload, data, outputs))


def _check_size(contender: str, num_parameters: int, workload: Workload) -> None:
    if num_parameters != workload.num_parameters:
        raise ContenderError(
            contender, f"has {num_parameters:,} parameters, not {workload.num_parameters:,}"
        )


@contextlib.contextmanager
def _failing(measured: _Measured, contender: str):
    try:
        yield
    except ContenderError as error:
        measured.errors.setdefault(contender, error.args[1])


def _record(
    request, workload, contender: str, what: str, measured: _Measured, described
) -> dict[str, Any]:
    """Returns what is kept: seconds per turn, ratios to ours, the losses of the rounds."""
    record: dict[str, Any] = {
        "workload": workload.name,
        "title": workload.title,
        "what": what,
        "side": contender,
        "status": "failed" if contender in measured.errors else "ok",
        "error": measured.errors.get(contender),
        "batch_size": workload.batch_size,
        "images_per_turn": _images_per_turn(workload, what),
        "pairs": request.pairs,
        "rounds": request.rounds,
        **measured.facts.get(contender, {}),
        **described,
        **_versions(),
    }
    if contender in measured.errors:
        return record
    seconds = measured.seconds[contender, what]
    everything = [part for turns in seconds for pair in turns for part in pair]
    record["seconds_per_turn"] = float(np.median(everything))
    record["images_per_second"] = record["images_per_turn"] / record["seconds_per_turn"]
    losses = measured.losses[contender]
    if losses:  # it was trained
        record["losses"] = losses
    if "forward_macs" in record:  # a backward pass is twice the work
        passes = 3 if what == "train" else 1
        flop = 2e-9 * passes * record["forward_macs"] * record["images_per_second"]
        record["share_of_machine"] = flop / record["machine_gflops"]
    for ours, key in zip(OURS, KEYS, strict=True):
        own = measured.seconds.get((ours, what))
        if own is None or ours in measured.errors or ours == contender:
            continue
        ratio = ratio_of(own, seconds)
        for name, value in zip(("", "_low", "_high"), ratio, strict=True):
            record[f"seconds_by_{key}{name}"] = value
        if losses:
            own_losses = measured.losses[ours]
            record[f"loss_by_{key}"] = float(np.mean(losses) / np.mean(own_losses))
            record[f"same_loss_as_{key}"] = same_loss(own_losses, losses)
    return record


def _images_per_turn(workload: Workload, what: str) -> int:
    if what == "latency":
        return workloads.NUM_SINGLES
    return workload.num_images * (workload.epochs if what == "train" else 1)


def ratio_of(ours, theirs) -> tuple[float, float, float]:
    """Computes how many times as long a contender takes as ours, with its 95 % interval.

        ratio = exp(median over pairs of (log theirs - log ours)), each the mean of a double turn

    Args:
        ours, theirs: By round and double turn, the seconds of both turns.
    """
    pairs = [
        paired.Pair(own[0], other[0], other[1], own[1])
        for own_round, other_round in zip(ours, theirs, strict=True)
        for own, other in zip(own_round, other_round, strict=True)
    ]
    logs = [pair.log_ratio for pair in pairs]
    interval = intervals.bootstrap_interval(logs, lambda values: float(np.median(values)))
    return tuple(float(np.exp(value)) for value in (interval.mean, interval.low, interval.high))


def same_loss(ours: Sequence[float], theirs: Sequence[float]) -> bool:
    """Tells whether final losses agree: within 3 % of their means, or by overlapping intervals.

    The intervals are the 95 % ones over rounds, which have different seeds.
    """
    means = np.mean(ours), np.mean(theirs)
    if abs(means[0] - means[1]) <= LOSS_TOLERANCE * abs(means[0]):
        return True
    if min(len(ours), len(theirs)) < 2:
        return False
    first, second = intervals.mean_interval(ours), intervals.mean_interval(theirs)
    return first.low <= second.high and second.low <= first.high


def _versions() -> dict[str, str | None]:
    import importlib.metadata

    versions = {}
    for name in ("torch", "jax", "pythae"):
        versions[f"{name}_version"] = None
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[f"{name}_version"] = importlib.metadata.version(name)
    return versions
