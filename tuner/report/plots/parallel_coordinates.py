"""Parallel coordinates: one line for each trial, through its settings to its score."""

import dataclasses
import math
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patheffects import withStroke

from bench.report import tables
from bench.report.plots import style as plot_style
from tuner.report import importance
from tuner.report.importance import Importance
from tuner.report.plots import basic
from tuner.search.table import short_text
from tuner.space.parameters import Boolean, Choice, Int, Parameter
from tuner.trials.store import Project

_AXES = 8
_BELOW = -0.13  # where a line passes an axis whose parameter is not active
_LETTERS, _TITLE_LETTERS = 13, 9
_WIDE = 0.05  # how far the lines of trials with equal values are spread


def coordinates(
    project: Project,
    target: plot_style.Target,
    parameters: dict[str, Parameter],
    theme: str = "light",
    importances: Importance | None = None,
) -> bool:
    """Draws a line for each trial through its settings, number of parameters and score.

    Colours go by rank; the best trial is drawn bold on top. Where a parameter is not active, the
    line passes below its axis. Scores far off the others stand at the end of their axis.

    Args:
        target: A path, or an `io.BytesIO`.
        parameters: The space's, by name.
        theme: `"light"` or `"dark"`.
        importances: The 8 most important parameters are drawn; None: the first of the space.

    Returns:
        True if there was something to draw: two trials with a score and a parameter that varies.
    """
    scored = basic.scored_of(project)
    kinds = basic.ordered(importance.varied(scored, parameters), importances)
    if len(scored) < 2 or not kinds:
        return False
    axes_shown = [_of_parameter(scored, n, kinds[n]) for n in list(kinds)[:_AXES]]
    axes_shown += [*_of_size(scored), _of_score(scored, project.identity)]
    ranks = {record["number"]: rank for rank, record in enumerate(project.ranked)}
    order = [ranks[record["number"]] for record in scored]
    places = np.array([_spread(axis.places, order) for axis in axes_shown])  # (axes, trials)
    with plot_style.picture(target, theme, 10, 5.0, layout=None) as (figure, colours):
        axes = figure.add_axes((0.05, 0.03, 0.88, 0.82))
        axes.set_axis_off()
        axes.set_xlim(-0.02, len(axes_shown) - 1 + 0.02)
        axes.set_ylim(-0.2, 1.06)
        shades = LinearSegmentedColormap.from_list("", [colours["grid"], colours["first"]])
        across = np.arange(len(axes_shown))
        for column, rank in sorted(enumerate(order), key=lambda each: -each[1]):
            goodness = 1 - rank / max(1, len(scored) - 1)
            style = {"color": shades(goodness), "linewidth": 1.4, "alpha": 0.85, "zorder": 2}
            if rank == 0:
                style = {"color": colours["second"], "linewidth": 3.2, "zorder": 4}
            axes.plot(across, places[:, column], solid_joinstyle="round", **style)
        for x, axis in enumerate(axes_shown):
            _draw_axis(axes, x, axis, colours)
        number = project.best["number"]
        axes.annotate(
            f"orange: trial {number}, the best; the bluer a line, the better its trial",
            (0, 0),
            xycoords="axes fraction",
            fontsize=10.5,
            color=colours["soft"],
        )
    return True


@dataclasses.dataclass(frozen=True)
class _Axis:
    """Where each trial crosses it, from 0 to 1, and what is written beside it."""

    title: str
    places: list[float]
    ticks: list[tuple[float, str]]


def _of_parameter(scored: list[dict[str, Any]], name: str, parameter: Parameter) -> _Axis:
    active = [importance.is_in(record, name) for record in scored]
    seen = importance.values_of(scored, name)
    if isinstance(parameter, Choice | Boolean):
        categories = basic.in_order(seen, parameter)
        scale = _Scale(0, len(categories) - 1)
        ticks = [(scale(k), _wrapped(short_text(each))) for k, each in enumerate(categories)]
        numbers = [
            categories.index(importance.value(record, name)) if is_active else None
            for record, is_active in zip(scored, active, strict=True)
        ]
    else:
        scale = _Scale(min(seen), max(seen), parameter.log and min(seen) > 0)
        ticks = scale.ticks(isinstance(parameter, Int))
        numbers = [
            importance.value(record, name) if is_active else None
            for record, is_active in zip(scored, active, strict=True)
        ]
    if not all(active):
        ticks.append((_BELOW, "inactive"))
    return _Axis(name, [_BELOW if n is None else scale(n) for n in numbers], ticks)


def _of_size(scored: list[dict[str, Any]]) -> list[_Axis]:
    sizes = [record.get("num_parameters") for record in scored]
    known = [size for size in sizes if size]
    if len(set(known)) < 2:
        return []
    scale = _Scale(min(known), max(known), is_log=max(known) / min(known) > 3)
    ticks = [
        (place, tables.short_number(value).replace(".0 ", " "))
        for place, value in scale.marks(False)
    ]
    if len(known) < len(sizes):
        ticks.append((_BELOW, "unknown"))
    places = [scale(size) if size else _BELOW for size in sizes]
    return [_Axis("number of\nparameters", places, ticks)]


def _of_score(scored: list[dict[str, Any]], identity: dict[str, Any]) -> _Axis:
    scores = [record["score"] for record in scored]
    kept = importance.fenced(scores)
    scale = _Scale(float(kept.min()), float(kept.max()))
    ticks = scale.ticks(False)
    arrow = "↓" if identity["direction"] == "min" else "↑"
    title = basic.score_label(identity).replace(" (", "\n(")
    if min(scores) < kept.min():
        ticks = [(place, text) for place, text in ticks if place > 0.06]
        ticks.append((0.0, f"≤ {kept.min():.4g}"))
    if max(scores) > kept.max():
        ticks = [(place, text) for place, text in ticks if place < 0.94]
        ticks.append((1.0, f"≥ {kept.max():.4g}"))
    return _Axis(f"{title} {arrow}", [scale(score) for score in kept], ticks)


class _Scale:
    """Puts numbers between 0 and 1."""

    def __init__(self, low: float, high: float, is_log: bool = False):
        self.low, self.high, self.is_log = low, high, is_log

    def __call__(self, value: float) -> float:
        if self.high == self.low:
            return 0.5
        if self.is_log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def marks(self, is_int: bool) -> list[tuple[float, float]]:
        """Returns place and value of round numbers."""
        if self.is_log:
            values = basic.log_ticks([self.low, self.high], is_int, most=8)
            values = values if len(values) > 1 else [self.low, self.high]
        else:
            from matplotlib.ticker import MaxNLocator

            values = MaxNLocator(6, integer=is_int).tick_values(self.low, self.high)
            reach = 1e-9 * (self.high - self.low)
            values = [v for v in values if self.low - reach <= v <= self.high + reach]
        return [(self(value), float(value)) for value in values]

    def ticks(self, is_int: bool) -> list[tuple[float, str]]:
        return [(place, basic.tick_text(value)) for place, value in self.marks(is_int)]


def _draw_axis(axes, x: int, axis: _Axis, colours: dict[str, str]) -> None:
    axes.plot([x, x], [0, 1], color=colours["soft"], linewidth=1.2, zorder=5)
    halo = [withStroke(linewidth=3, foreground=colours["ground"])]
    for place, text in axis.ticks:
        axes.plot([x - 0.03, x + 0.03], [place, place], color=colours["soft"], linewidth=1.2)
        axes.annotate(
            text,
            (x, place),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=9.5,
            linespacing=0.95,
            color=colours["ink"],
            path_effects=halo,
            zorder=6,
            annotation_clip=False,
        )
    title = axis.title if "\n" in axis.title else _wrapped(axis.title, _TITLE_LETTERS)
    axes.annotate(
        title,
        (x, 1),
        xytext=(0, 14),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=9.5,
        fontweight="bold",
        linespacing=1.1,
        color=colours["ink"],
        annotation_clip=False,
    )


def _spread(places: list[float], ranks: list[int]) -> np.ndarray:
    """Parts the trials that cross an axis at the same place, the better ones above."""
    spread = np.array(places, float)
    for place in set(places):
        same = [k for k, each in enumerate(places) if each == place]
        same.sort(key=lambda k: -ranks[k])
        spread[same] += np.linspace(-_WIDE / 2, _WIDE / 2, len(same)) if len(same) > 1 else 0
    return spread


def _wrapped(text: str, letters: int = _LETTERS) -> str:
    """Breaks a long name after an underscore, and cuts what is longer still."""
    words = text.replace("_", "_\u200b").replace(",", ",\u200b").split("\u200b")
    lines = [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + len(word) > letters:
            lines.append("")
        lines[-1] += word
    longest = _LETTERS + 2
    return "\n".join(line if len(line) <= longest else f"{line[:_LETTERS]}…" for line in lines[:3])
