"""Models of your own tried in processes of their own, before any job runs."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.errors import BenchError
from bench.execution.processes import Child, ChildEndedError, call
from bench.records.config import RunConfig
from bench.runs.job import Job
from bench.runs.selection import ModelSpec

LIMIT_SECONDS = 300.0

Check = Callable[[Job, Path, object], None]


def checked(
    context,
    check: Check,
    choices: Sequence[ModelSpec],
    config: RunConfig,
    checksum: str,
    output: Path,
    limit_seconds: float | None = None,
) -> list[ModelSpec]:
    """Tries each model of your own, and returns all models with what each turned out to be.

    Args:
        context: From `processes.forkserver`.
        check: Tries the model of a job in its process, and sends `("ok", origin)` or
            `("failed", text)`.
        config: Of the first jobs.
        limit_seconds: None: 300.

    Raises:
        BenchError: for the first that cannot be measured.
    """
    known = []
    for choice in choices:
        if choice.source is not None:
            job = Job(
                *(config, checksum, "model", choice.model, None, 0),
                arguments=choice.arguments,
                source=choice.source,
            )
            origin = _origin(context, check, job, output, limit_seconds or LIMIT_SECONDS)
            source = dataclasses.replace(
                choice.source,
                origin=origin,
                is_trained=choice.source.is_trained and origin != "detector",
            )
            choice = dataclasses.replace(choice, source=source)
        known.append(choice)
    return known


def _origin(context, check: Check, job: Job, output: Path, limit_seconds: float) -> str:
    child = Child(context, call, check, job, output)
    try:
        if not child.connection.poll(limit_seconds):
            raise BenchError(
                f"{job.source.name}: one step took over {limit_seconds:g} seconds. Make it "
                "smaller, or give a longer --timeout-seconds."
            )
        status, text = child.receive()
    except ChildEndedError as error:
        raise BenchError(f"{job.source.name}: cannot be tried: {error}.") from error
    finally:
        child.end()
    if status != "ok":
        raise BenchError(text)
    return text
