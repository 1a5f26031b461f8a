"""The score of each trial against what it costs, with the front of what no other beats."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter

from bench.report.plots import pareto as pareto_plots
from bench.report.plots import style
from tuner.report import importance
from tuner.report.plots import basic
from tuner.search import table
from tuner.trials import costs
from tuner.trials.store import Project

_LABELLED = 14


def front(project: Project, target: style.Target, theme: str = "light") -> bool:
    """Draws the score against each cost of a search; one without costs against its parameters.

    The line joins the trials that no other beats in score and that cost. Coloured ones are on the
    front of all costs together; where there are several, such a trial may lie off the line.

    Args:
        target: A path, or an `io.BytesIO`.
        theme: `"light"` or `"dark"`.

    Returns:
        True if there was something to draw: two trials with a score and the cost.
    """
    panels = [panel for name in cost_names(project) if (panel := _Panel(project, name)).is_worth]
    if not panels:
        return False
    with style.picture(target, theme, 10, 5.4 * len(panels)) as (figure, colours):
        every = figure.subplots(len(panels), 1, squeeze=False).flat
        labels = [panel.draw(axes, colours) for panel, axes in zip(panels, every, strict=True)]
        figure.canvas.draw()
        for axes, texts in zip(every.base.flat, labels, strict=True):
            pareto_plots.place_labels(figure, axes, texts, colours)
    return True


def cost_names(project: Project) -> tuple[str, ...]:
    """Returns the costs of a search, `("parameters",)` for one without any."""
    return tuple(project.identity.get("costs") or ("parameters",))


def front_of(project: Project, names: Sequence[str]) -> list[dict[str, Any]]:
    """Returns the trials that no other beats in score and these costs, the cheapest first."""
    from tuner.trials import pareto

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


class _Panel:
    """One cost of a project."""

    def __init__(self, project: Project, name: str):
        self.project, self.cost = project, costs.get([name])[0]
        self.records = with_costs(basic.scored_of(project), [name])
        self.on_line = front_of(project, [name])
        self.on_front = {record["number"] for record in front_of(project, cost_names(project))}

    @property
    def is_worth(self) -> bool:
        return len(self.records) > 1 and all(self.place(r)[0] > 0 for r in self.records)

    def place(self, record: dict[str, Any]) -> tuple[float, float]:
        return record["costs"][self.cost.name], record["score"]

    def draw(self, axes: Axes, colours: dict[str, str]) -> list[tuple[str, float, float, bool]]:
        """Draws line and trials; returns (text, x, y, is it of the front) for the labels."""
        identity = self.project.identity
        is_min = identity["direction"] == "min"
        style.log_if_wide(axes, "x", [self.place(record)[0] for record in self.records])
        axes.xaxis.set_major_formatter("{x:g}" if self.cost.unit else EngFormatter())
        shown, beyond = self._within_reach(is_min)
        if len(self.on_line) > 1:
            axes.plot(
                *zip(*map(self.place, self.on_line), strict=True),
                drawstyle="steps-post",
                color=colours["first"],
                linewidth=2.2,
                alpha=0.55,
                zorder=2,
            )
        kinds = self._kinds(shown)
        for kind, (colour, size, marker) in _MARKS.items():
            of_kind = [record for record in shown if kinds[record["number"]] == kind]
            if of_kind:
                axes.scatter(
                    *zip(*map(self.place, of_kind), strict=True),
                    s=size,
                    marker=marker,
                    color=colours[colour],
                    edgecolors=colours["ground"],
                    linewidths=1.2,
                    alpha=0.7 if kind == "dominated" else 1.0,
                    zorder=3 + list(_MARKS).index(kind),
                )
        arrow = "↙" if is_min else "↖"
        unit = f", {self.cost.unit}" if self.cost.unit else ""
        axes.set_title(f"{basic.score_label(identity)} against {self.cost.name}   {arrow} better")
        axes.set_xlabel(f"{self.cost.title}{unit}")
        axes.set_ylabel(f"{basic.score_label(identity)}, validation")
        axes.margins(0.08, 0.12)
        if beyond:
            plural = "s" * (len(beyond) > 1)
            note = f"{len(beyond)} trial{plural} off the scale"
            axes.set_title(note, loc="right", fontsize=11, fontweight="normal")
        self._legend(axes, colours, set(kinds.values()))
        return self._labels(shown, kinds)

    def _within_reach(self, is_min: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Parts the trials from those so poor that they would squeeze the others together."""
        scores = [record["score"] for record in self.records]
        kept = importance.fenced(scores)
        inside = [
            score == near or (score < near) == is_min
            for score, near in zip(scores, kept, strict=True)
        ]
        keep = {record["number"] for record in self.on_line} | self.on_front
        pairs = list(zip(self.records, inside, strict=True))
        shown = [record for record, is_in in pairs if is_in or record["number"] in keep]
        return shown, [r for r, is_in in pairs if not is_in and r["number"] not in keep]

    def _kinds(self, shown: list[dict[str, Any]]) -> dict[int, str]:
        best, default = self.project.best, table.default_trial(self.project)
        kinds = {
            record["number"]: "front" if record["number"] in self.on_front else "dominated"
            for record in shown
        }
        winner = self.project.winner
        for kind, record in (("defaults", default), ("winner", winner), ("best", best)):
            if record is not None and record["number"] in kinds:
                kinds[record["number"]] = kind
        return kinds

    def _legend(self, axes: Axes, colours: dict[str, str], kinds: set[str]) -> None:
        handles = [
            Line2D(
                *([], []),
                linestyle="",
                marker=marker,
                markersize=np.sqrt(size),
                color=colours[colour],
                label={"front": "on the front", "dominated": "beaten by another"}.get(kind, kind),
            )
            for kind, (colour, size, marker) in reversed(_MARKS.items())
            if kind in kinds
        ]
        axes.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(0, -0.13),
            ncols=len(handles),
            handletextpad=0.2,
            columnspacing=1.4,
        )

    def _labels(
        self, shown: list[dict[str, Any]], kinds: dict[int, str]
    ) -> list[tuple[str, float, float, bool]]:
        """Numbers of the trials that stand out, empty for others, which keep the labels off.

        Of a long front some are left out, never its ends.
        """
        line = [record["number"] for record in self.on_line]
        if len(line) > _LABELLED:
            line = [line[k] for k in np.linspace(0, len(line) - 1, _LABELLED).round().astype(int)]
        wanted = {*line, *(self.on_front if len(self.on_front) <= _LABELLED else ())}
        labels = []
        for record in shown:
            number, kind = record["number"], kinds[record["number"]]
            text = str(number) if number in wanted else ""
            text = f"{number} {kind}" if kind in _NAMED else text
            labels.append((text, *self.place(record), kind in ("best", "winner")))
        return labels


_NAMED = ("best", "winner", "defaults")
# Colour, size and marker, the lowest first.
_MARKS = {
    "dominated": ("muted", 34, "o"),
    "front": ("first", 70, "o"),
    "defaults": ("ink", 80, "D"),
    "winner": ("second", 190, "*"),
    "best": ("second", 110, "o"),
}
