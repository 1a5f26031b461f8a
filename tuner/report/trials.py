"""The trials of a search in its report: the table that sorts, and those without a score."""

from collections.abc import Callable
from html import escape
from typing import Any

from tuner.report import importance
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


class _Column:
    """Title, and of a trial the value to sort by and the text to show."""

    def __init__(
        self,
        title: str,
        value: Callable[[dict[str, Any]], Any],
        text: Callable[[Any], str] = str,
        numeric: bool = True,
        descending: bool = False,
    ):
        self.title, self.value, self.text = title, value, text
        self.numeric, self.descending = numeric, descending

    @property
    def head(self) -> str:
        first = "descending" if self.descending else "ascending"
        sort = ' aria-sort="ascending"' if self.title == "rank" else ""
        kind = "number" if self.numeric else "text"
        return (
            f'<th scope="col" data-kind="{kind}" data-first="{first}"{sort}>'
            f'<button type="button">{escape(self.title)}</button></th>'
        )

    def cell(self, record: dict[str, Any], tags: str = "") -> str:
        value = self.value(record)
        text = "" if value is None else escape(self.text(value))
        data = "" if value is None else escape(str(value))
        kind = "number" if self.numeric else "text"
        tag = 'th scope="row"' if self.title == "trial" else "td"
        return f'<{tag} class="{kind}" data-value="{data}">{tags}{text}</{tag[:2]}>'


def board(
    project: Project, parameters: dict[str, Parameter], importances: Importance | None
) -> str:
    """Returns all trials as a table, best first; a click on a heading sorts by it."""
    if not project.trials:
        return ""
    columns = _columns(project, parameters, importances)
    others = [record for record in project.trials.values() if record["status"] != "ok"]
    others.sort(key=lambda record: record["number"])
    front = {record["number"] for record in project.front}
    lines = []
    for record in [*project.ranked, *others]:
        number = record["number"]
        kind = "best" if record is project.best else "" if record["status"] == "ok" else "baseline"
        tags = _tags(project, number, front)
        cells = "".join(
            column.cell(record, tags if column.title == "trial" else "") for column in columns
        )
        lines.append(f'<tr id="trial-{number}" class="{kind}">{cells}</tr>')
    notes = ["Scores are of the validation split."]
    if project.identity.get("executions", 1) > 1:
        notes.append("A score is the mean of the executions; ± is their standard deviation.")
    notes.append("Empty: the parameter is not active, or the trial was not measured.")
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Trials"><table>'
        f"<thead><tr>{''.join(column.head for column in columns)}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table></div>"
        f'<ul class="notes">{"".join(f"<li>{escape(note)}</li>" for note in notes)}</ul>'
    )


def _tags(project: Project, number: int, front: set[int]) -> str:
    default = table.default_trial(project)
    tags = []
    if project.winner is not None and number == project.winner["number"]:
        tags.append('<span class="preset">winner</span>')
    elif len(front) > 1 and number in front:
        tags.append('<span class="preset">front</span>')
    if default is not None and number == default["number"]:
        tags.append('<span class="tag">defaults</span>')
    return "".join(f"{tag} " for tag in tags)


def _columns(
    project: Project, parameters: dict[str, Parameter], importances: Importance | None
) -> list[_Column]:
    ranks = {record["number"]: rank for rank, record in enumerate(project.ranked, start=1)}
    by_number = project.trials
    is_max = project.identity["direction"] == "max"
    columns = [
        _Column("rank", lambda record: ranks.get(record["number"])),
        _Column("trial", lambda record: record["number"]),
        _Score(
            basic.score_label(project.identity),
            lambda record: record["score"],
            None,
            descending=is_max,
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


class _Score(_Column):
    """The score, or where there is none what became of the trial."""

    def cell(self, record: dict[str, Any], tags: str = "") -> str:
        if record["status"] == "ok":
            text, data = table.score_text(record), str(record["score"])
        else:
            text, data = _STATUS.get(record["status"], record["status"]), ""
        return f'<td class="number" data-value="{data}">{escape(text)}</td>'


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


def without_score(project: Project) -> str:
    """Returns how many trials have no score, by what became of them, with the reasons."""
    groups: dict[str, dict[str, list[int]]] = {}
    for record in sorted(project.trials.values(), key=lambda record: record["number"]):
        if record["status"] != "ok":
            reasons = groups.setdefault(record["status"], {})
            reasons.setdefault(record.get("error") or "no reason given", []).append(
                record["number"]
            )
    known = [status for status in _STATUS if status in groups]
    order = known + [status for status in groups if status not in known]
    return "".join(_group(status, groups[status]) for status in order)


def _group(status: str, reasons: dict[str, list[int]]) -> str:
    count = sum(map(len, reasons.values()))
    lines = [
        f"<code>{escape(f'{_trials(numbers)}: {reason}')}</code>"
        for reason, numbers in reasons.items()
    ]
    shown, more = "".join(lines[:_MOST_REASONS]), "".join(lines[_MOST_REASONS:])
    if more:
        shown += f"<details><summary>{len(lines) - _MOST_REASONS} more</summary>{more}</details>"
    title = _STATUS.get(status, status)
    return (
        f'<ul class="failed"><li><strong>{escape(title)}</strong> '
        f"<span>{count} trial{'s' * (count != 1)}</span>{shown}</li></ul>"
    )


def _trials(numbers: list[int]) -> str:
    return f"trial{'s' * (len(numbers) != 1)} {', '.join(map(str, numbers))}"
