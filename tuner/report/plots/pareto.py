"""The score of each trial against what it costs, with the front of what no other beats."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.report.plots import style
from bench.report.plots.pareto import Chart, Mark, png
from tuner.report.plots import basic
from tuner.search import table
from tuner.trials import costs, pareto
from tuner.trials.store import Project

_NUMBERED = 14  # trials of a front


def front(project: Project, target: style.Target, theme: str = "light") -> bool:
    """Draws the score against each cost of a search; one without costs against its parameters.

    The line joins the trials that no other beats in score and that cost.

    Args:
        target: A path, or an `io.BytesIO`.
        theme: `"light"` or `"dark"`.

    Returns:
        True if there was something to draw: two trials with a score and the cost.
    """
    return png(charts(project), target, theme)


def charts(project: Project) -> list[Chart]:
    """Returns a chart for each cost that two trials have, and none has at 0."""
    every = (_chart(project, name) for name in cost_names(project))
    return [chart for chart in every if chart is not None]


def cost_names(project: Project) -> tuple[str, ...]:
    """Returns the costs of a search, `("parameters",)` for one without any."""
    return tuple(project.identity.get("costs") or ("parameters",))


def front_of(project: Project, names: Sequence[str]) -> list[dict[str, Any]]:
    """Returns the trials that no other beats in score and these costs, the cheapest first."""
    identity = project.identity | {"costs": list(names)}
    return pareto.front(with_costs(basic.scored_of(project), names), identity)


def with_costs(records: Sequence[dict[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    """Returns the trials that have all of these costs, each with its `costs` filled in."""
    complete = []
    for record in records:
        known = costs.from_record(record, names) | (record.get("costs") or {})
        if all(known.get(name) is not None for name in names):
            complete.append(record | {"costs": known})
    return complete


def _chart(project: Project, name: str) -> Chart | None:
    cost = costs.get([name])[0]
    records = with_costs(basic.scored_of(project), [name])
    if len(records) < 2 or any(record["costs"][name] <= 0 for record in records):
        return None
    line = [record["number"] for record in front_of(project, [name])]
    names = _names(project, line)
    score = basic.score_label(project.identity)
    is_min = project.identity["direction"] == "min"
    unit = f", {cost.unit}" if cost.unit else ""
    return Chart(
        title=f"{score} against {cost.name}   {'↙' if is_min else '↖'} better",
        label=f"{score} of the trials against their {cost.title}",
        x_label=f"{cost.title}{unit}",
        y_label=f"{score}, validation",
        marks=[
            Mark(
                name=names.get(record["number"], ""),
                x=record["costs"][name],
                y=record["score"],
                low=record["score"],
                high=record["score"],
                kind="front" if record["number"] in line else "other",
            )
            for record in records
        ],
        levels=(),
        fewer_is_better=True,
        may_be_log=False,
    )


def _names(project: Project, line: list[int]) -> dict[int, str]:
    """Returns what is written beside the trials that stand out, by their numbers.

    Of a long front some are left out, never its ends. Of several costs, a trial that is on the
    front of all of them may lie off the line; it has its number, too.
    """
    if len(line) > _NUMBERED:
        line = [line[k] for k in np.linspace(0, len(line) - 1, _NUMBERED).round().astype(int)]
    of_all = [record["number"] for record in front_of(project, cost_names(project))]
    names = {number: str(number) for number in line}
    if len(of_all) <= _NUMBERED:
        names |= {number: str(number) for number in of_all}
    for kind, record in (
        (table.defaults_name(project).removeprefix("the "), table.default_trial(project)),
        ("winner", project.winner),
        ("best", project.best),
    ):
        if record is not None:
            names[record["number"]] = f"{record['number']} {kind}"
    return names
