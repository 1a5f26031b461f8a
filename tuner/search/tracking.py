"""Tells trackers of the trials of a search, each when it has ended."""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bench.errors import user_errors
from tuner.trials.store import Project
from zoo.tracking import runs


class Tracking:
    """Is called after each trial; sends those that are not sent yet, also of earlier calls.

    Names of numbers are those of `trials.jsonl`; of several executions it is their mean.

    Args:
        names: Of the trackers, see `zoo.tracking.trackers`.
        folder: Of the search; the trackers' files go below its `tracking/`.
        warn: Is told what went wrong at a tracker, which ends no search.

    Raises:
        BenchError: for an unknown tracker, or a package that is missing.
    """

    def __init__(self, names: Iterable[str], folder: Path, warn: Callable[[str], None]):
        with user_errors():
            project = folder.resolve().name
            self._runs = runs.Runs(names, folder / runs.FOLDER, project, warn)

    def __call__(self, project: Project) -> None:
        for number, record in project.trials.items():
            settings = {"model": project.identity["model"], **record["values"]}
            settings |= {"objective": project.identity["objective"], "status": record["status"]}
            text = json.dumps(record, sort_keys=True)
            key = f"trial {number} {hashlib.sha256(text.encode()).hexdigest()[:8]}"
            if self._runs.is_told(key):
                continue
            self._runs.start(key, f"trial {number}", settings)
            for step, value in enumerate(_mean_curve(record), start=1):
                self._runs.step(key, step, {project.identity["objective"]: value})
            self._runs.step(key, record["epochs"], _results(record))
            self._runs.end(key, record.get("error"), is_final=True)


def _mean_curve(record: dict[str, Any]) -> list[float]:
    """Returns the objective after each epoch, over the executions that got so far."""
    curves = record.get("curves") or []
    length = min(map(len, curves), default=0)
    return [sum(curve[at] for curve in curves) / len(curves) for at in range(length)]


def _results(record: dict[str, Any]) -> dict[str, float]:
    found = {**record, **(record.get("costs") or {})}
    results = {}
    for name, value in found.items():
        if name in ("number", "seeds", "epochs", "process"):
            continue
        if isinstance(value, list) and value and all(isinstance(v, int | float) for v in value):
            value = sum(value) / len(value)
        if isinstance(value, int | float):
            results[name] = value
    return results
