"""Warm start: settings that a user wants tried, and the trials of earlier searches.

What is taken from other folders is copied into the folder of the search. So the search can be
continued in the same way when those folders change.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.records.store import write_whole
from tuner.algorithms.earlier import Earlier
from tuner.space import parameters as kinds
from tuner.space.hypermodel import declare, hyperparameters
from tuner.space.parameters import Choice, Fixed
from tuner.space.space import Space
from tuner.trials.store import EARLIER_FILE, Project
from zoo import checks

_BETWEEN = re.compile(r",(?=\s*\w+\s*=)")
# What must be equal for scores to mean the same.
_SAME = ("dataset_checksum", "epochs", "precision", "noise", "limit", "normal_class", "num_labels")


def enqueued(texts: Iterable[str], space: Space) -> list[dict[str, Any]]:
    """Reads settings such as `"latent_dim=8,depth=2"`; what is not named has its default.

    Returns:
        Values as keras-tuner has them, one for each text.

    Raises:
        BenchError: for an unknown name, or a value that the search would not try.
    """
    found = []
    for text in texts:
        values: dict[str, Any] = {}
        for part in _BETWEEN.split(text):
            name, equals, value = (each.strip() for each in part.partition("="))
            if not equals or not value:
                raise BenchError(
                    f"--enqueue must be NAME=VALUE[,NAME=VALUE...]. Received: {text!r}."
                )
            if name not in space.free:
                raise BenchError(
                    f"--enqueue {name} is not searched.{checks.suggestion(name, space.free)} "
                    f"It varies {', '.join(space.free)}."
                )
            if name in values:
                raise BenchError(
                    f"--enqueue {name} is given twice in {text!r}. Settings of their own stand "
                    f"apart: {name}={values[name]} {name}={value}."
                )
            values[name] = kinds.parse(value)
        found.append(_as_tuned(space, values, f"--enqueue {text}"))
    return found


def _as_tuned(space: Space, values: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """Returns complete values by the tuner's labels.

    Raises:
        BenchError: for a value that the search would not try.
    """
    tuned: dict[str, Any] = {}
    for name, value in space.complete(dict(values)).items():
        parameter = space.parameters[name]
        if isinstance(parameter, Fixed):
            continue
        is_choice = isinstance(parameter, Choice)
        known = value in parameter.values if is_choice else parameter.accepts(value)
        if known and not is_choice:
            known = _is_step(space, name, value)
        if not known:
            raise BenchError(
                f"{owner}: {name} must be among {parameter}. Received: {name}={value}."
            )
        tuned[name] = parameter.label_of(value) if is_choice else value
    unknown = [name for name in values if name not in tuned]
    if unknown:
        when = space.parameters[unknown[0]].when
        raise BenchError(
            f"{owner}: {unknown[0]} counts only with {when.parent} of "
            f"{', '.join(map(str, when.values))}. Give that too."
        )
    return tuned


def _is_step(space: Space, name: str, value: Any) -> bool:
    hp = {each.name: each for each in hyperparameters(space).space}[name]
    return getattr(hp, "step", None) is None or value in hp.values


def taken(
    folders: Iterable[str | Path], project: Project, space: Space
) -> tuple[list[Earlier], list[str]]:
    """Takes the trials of earlier searches over, or those that were taken when this one began.

    Args:
        folders: Of the earlier searches.
        project: This search; `keep` writes to its folder what was taken.

    Returns:
        The trials whose settings are of this space, and a note on each folder.

    Raises:
        BenchError: if a folder holds no search, or one of another model or objective.
    """
    path, folders = project.folder / EARLIER_FILE, list(folders)
    if not folders:
        return [], []
    if path.exists() and not project.is_new:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [Earlier(**json.loads(line)) for line in lines], []
    found, notes = [], []
    for other in folders:
        trials, note = _of(Project.open(other), space, project.identity)
        found += trials
        notes.append(note)
    return found, notes


def keep(earlier: Iterable[Earlier], project: Project) -> None:
    """Copies the trials that were taken into the folder of a search, when it begins."""
    path = project.folder / EARLIER_FILE
    if not path.exists():
        text = "".join(f"{json.dumps(vars(each))}\n" for each in earlier)
        write_whole(path, text.encode())


def _of(project: Project, space: Space, identity: Mapping[str, Any]) -> tuple[list[Earlier], str]:
    for name in ("model", "objective"):
        if project.identity[name] != identity[name]:
            raise BenchError(
                f"--from {project.folder} must be a search of {name} {identity[name]!r}. "
                f"Received: {project.identity[name]!r}."
            )
    is_same = all(project.identity.get(name) == identity.get(name) for name in _SAME)
    found = []
    for record in project.ranked:
        values = _fitting(space, record)
        if values is not None:
            costs = record.get("costs") or {}
            found.append(Earlier(values, record["score"], costs, str(project.folder), is_same))
    whose = "the same data" if is_same else "other data or another budget: they count a tenth"
    note = f"{len(found)} of {len(project.ranked)} trials of {project.folder} fit, of {whose}"
    return found, note


def _fitting(space: Space, record: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns the values of a trial by this space's parameters; None where they are outside."""
    given = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in record["values"].items()
    }
    for name, value in given.items():
        parameter = space.parameters.get(name)
        if isinstance(parameter, Fixed) and parameter.value != value:
            return None
    active = space.complete({name: given[name] for name in given if name in space.free})
    try:
        tuned = _as_tuned(space, {n: v for n, v in active.items() if n in space.free}, "")
    except BenchError:
        return None
    hp = hyperparameters(space)
    hp.values = dict(tuned)
    return tuned if declare(space, hp) == active else None
