"""The trials of a search in its report: the table that sorts, and those without a score."""

import dataclasses
from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from tuner.report import importance
from tuner.report.html import render
from tuner.report.importance import Importance
from tuner.report.plots import basic
from tuner.search import table
from tuner.space.parameters import Parameter
from tuner.trials import costs
from tuner.trials.store import Project

_MOST_REASONS = 8
_STATUS = {
    "over_budget": "over budget",
    "refused": "refused",
    "diverged": "diverged",
    "failed": "failed",
}


@dataclasses.dataclass(frozen=True)
class _Column:
    """A column of the table.

    Attributes:
        value: Of a trial, what is sorted by; None: an empty cell.
        text: Of a value, what is shown.
        text_of: Of a trial, what is shown whatever the value; None: `text` of the value.
    """

    title: str
    value: Callable[[dict[str, Any]], Any]
    text: Callable[[Any], str] = str
    numeric: bool = True
    descending: bool = False
    text_of: Callable[[dict[str, Any]], str] | None = None

    @property
    def kind(self) -> str:
        return "number" if self.numeric else "text"

    @property
    def first(self) -> str:
        """The order after the first click on the heading."""
        return "descending" if self.descending else "ascending"

    def cell(self, record: dict[str, Any]) -> dict[str, Any]:
        value = self.value(record)
        text = "" if value is None else self.text(value)
        return {
            "title": self.title,
            "kind": self.kind,
            "value": "" if value is None else value,
            "text": text if self.text_of is None else self.text_of(record),
        }


def board(
    project: Project, parameters: dict[str, Parameter], importances: Importance | None
) -> Markup:
    """Returns all trials as a table, best first."""
    if not project.trials:
        return Markup()
    columns = _columns(project, parameters, importances)
    others = [record for record in project.trials.values() if record["status"] != "ok"]
    others.sort(key=lambda record: record["number"])
    front = {record["number"] for record in project.front}
    lines = [
        {
            "number": record["number"],
            "kind": _kind(project, record),
            "tags": _tags(project, record["number"], front),
            "cells": [column.cell(record) for column in columns],
        }
        for record in [*project.ranked, *others]
    ]
    notes = ["Scores are of the validation split."]
    if project.identity.get("executions", 1) > 1:
        notes.append("A score is the mean of the executions; ± is their standard deviation.")
    notes.append("Empty: the parameter is not active, or the trial was not measured.")
    return render("trials.html.j2", columns=columns, lines=lines, remarks=notes)


def _kind(project: Project, record: dict[str, Any]) -> str:
    if record["status"] != "ok":
        return "baseline"
    return "best" if record is project.best else ""


def _tags(project: Project, number: int, front: set[int]) -> list[tuple[str, str]]:
    """Returns class and text of what marks a trial."""
    default = table.default_trial(project)
    tags = []
    if project.winner is not None and number == project.winner["number"]:
        tags.append(("preset", "winner"))
    elif len(front) > 1 and number in front:
        tags.append(("preset", "front"))
    if default is not None and number == default["number"]:
        tags.append(("tag", table.defaults_name(project).removeprefix("the ")))
    return tags


def _columns(
    project: Project, parameters: dict[str, Parameter], importances: Importance | None
) -> list[_Column]:
    ranks = {record["number"]: rank for rank, record in enumerate(project.ranked, start=1)}
    by_number = project.trials
    is_max = project.identity["direction"] == "max"
    columns = [
        _Column("rank", lambda record: ranks.get(record["number"])),
        _Column("trial", lambda record: record["number"]),
        _Column(
            basic.score_label(project.identity),
            lambda record: record["score"],
            descending=is_max,
            text_of=_score_or_status,
        ),
        _Column("parameters", lambda record: record.get("num_parameters"), lambda n: f"{n:,}"),
    ]
    for cost in costs.get(project.identity.get("costs") or ()):
        if cost.name != "parameters":
            columns.append(_of_cost(cost))
    columns.append(_Column("seconds", _seconds, lambda seconds: f"{seconds:.1f}"))
    shown = importance.varied(by_number.values(), parameters)
    for name in basic.ordered(shown, importances):
        columns.append(_of_parameter(list(by_number.values()), name))
    return columns


def _score_or_status(record: dict[str, Any]) -> str:
    """Returns the score, or where there is none what became of the trial."""
    if record["status"] == "ok":
        return table.score_text(record)
    return _STATUS.get(record["status"], record["status"])


def _of_cost(cost: costs.Cost) -> _Column:
    title = cost.name + (f" ({cost.unit})" if cost.unit else "")

    def value(record: dict[str, Any]) -> float | None:
        return (costs.from_record(record, [cost.name]) | (record.get("costs") or {})).get(cost.name)

    return _Column(title, value, lambda number: table.cost_text(number, cost.unit))


def _of_parameter(records: list[dict[str, Any]], name: str) -> _Column:
    seen = importance.values_of(records, name)
    numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in seen)

    def value(record: dict[str, Any]) -> Any:
        if not importance.is_in(record, name):
            return None
        shown = importance.value(record, name)
        return shown if numeric else table.short_text(shown)

    return _Column(name, value, table.short_text, numeric)


def _seconds(record: dict[str, Any]) -> float | None:
    return sum(record["train_seconds"]) if record.get("train_seconds") else None


# --- without a score ----------------------------------------------------------------------------


def without_score(project: Project) -> Markup:
    """Returns how many trials have no score, by what became of them, with the reasons."""
    groups: dict[str, dict[str, list[int]]] = {}
    for record in sorted(project.trials.values(), key=lambda record: record["number"]):
        if record["status"] != "ok":
            reasons = groups.setdefault(record["status"], {})
            reasons.setdefault(table.reason(record), []).append(record["number"])
    known = [status for status in _STATUS if status in groups]
    order = known + [status for status in groups if status not in known]
    shown = [
        {
            "title": _STATUS.get(status, status),
            "count": sum(map(len, groups[status].values())),
            "reasons": [
                {"numbers": numbers, "text": text} for text, numbers in groups[status].items()
            ],
        }
        for status in order
    ]
    return render("without_score.html.j2", groups=shown, most=_MOST_REASONS)
