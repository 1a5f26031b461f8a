"""The trials of a search as pictures: its progress, and what its parameters do to the score."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from bench.report.plots import style
from tuner.report import importance, slices
from tuner.report.importance import Importance
from tuner.search.table import short_text
from tuner.space.parameters import Boolean, Choice, Int, Parameter
from tuner.trials.store import Project

_PANELS = 9
_ACROSS = 3
_BARS = 12


def draw(
    project: Project,
    target: style.Target,
    parameters: dict[str, Parameter],
    theme: str = "light",
    importances: Importance | None = None,
) -> bool:
    """Draws the score of each trial with the best so far, and the score over each parameter.

    Args:
        target: A path, or an `io.BytesIO`.
        parameters: The space's, whose kind decides between a logarithmic axis and names.
        importances: Puts the most important parameters first; None: the order of the space.

    Returns:
        True if there was something to draw; otherwise nothing is written.
    """
    scored = scored_of(project)
    if not scored:
        return False
    kinds = ordered(importance.varied(scored, parameters), importances)
    names = list(kinds)[:_PANELS]
    down = -(-len(names) // _ACROSS)
    label = score_label(project.identity)
    bands = slices.compute(scored, parameters, project.best)
    with style.picture(target, theme, 10, 3.2 + 2.4 * down) as (figure, colours):
        heights = [1.3] + [1] * down
        grid = figure.add_gridspec(1 + down, _ACROSS, height_ratios=heights)
        axes = figure.add_subplot(grid[0, :])
        _draw_progress(axes, scored, project, colours)
        axes.set_ylabel(label)
        for place, name in enumerate(names):
            axes = figure.add_subplot(grid[1 + place // _ACROSS, place % _ACROSS])
            _draw_parameter(axes, scored, name, kinds[name], project.best, colours)
            if name in bands:
                _draw_band(axes, bands[name], scored, name, kinds[name], colours)
            _fit(axes, [record["score"] for record in scored])
            if place % _ACROSS == 0:
                axes.set_ylabel(label)
    return True


def write(
    project: Project, parameters: dict[str, Parameter], importances: Importance | None = None
) -> Path | None:
    """Writes `search.png` to the folder of the search, and returns its path."""
    path = project.folder / "search.png"
    return path if draw(project, path, parameters, importances=importances) else None


def importance_bars(
    importances: Importance | None, target: style.Target, theme: str = "light"
) -> bool:
    """Draws the share of each parameter with its spread, the largest on top; 12 at most.

    Returns:
        True if there was something to draw: an importance that means something.
    """
    if importances is None or not importances.means_something:
        return False
    shares = list(importances.shares.items())[:_BARS]
    with style.picture(target, theme, 10, 1.4 + 0.36 * len(shares)) as (figure, colours):
        axes = figure.subplots()
        places = np.arange(len(shares))[::-1]
        means = np.array([share for _, (share, _) in shares])
        spreads = np.array([spread for _, (_, spread) in shares])
        ends = np.clip(means + spreads, 0, 1)
        axes.barh(places, means, height=0.62, color=colours["first"], alpha=0.85, zorder=2)
        axes.hlines(
            places,
            np.clip(means - spreads, 0, 1),
            ends,
            color=colours["ink"],
            linewidth=1.6,
            zorder=3,
        )
        for place, mean, end in zip(places, means, ends, strict=True):
            axes.annotate(
                f"{100 * mean:.0f} %" if mean >= 0.01 else "< 1 %",
                (end, place),
                xytext=(7, 0),
                textcoords="offset points",
                va="center",
                fontsize=11.5,
                color=colours["soft"],
            )
        axes.set_yticks(places, [name for name, _ in shares])
        axes.tick_params(axis="y", labelcolor=colours["ink"])
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
        axes.set_xlim(0, float(ends.max()) * 1.1)
        axes.set_xlabel("share of the explained variance of the scores")
        axes.set_title(
            f"the forest explains {100 * importances.explained:.0f} % of the variance of "
            f"{importances.num_trials} scores, out of bag",
            fontsize=12,
        )
    return True


# --- what several pictures share ----------------------------------------------------------------


def scored_of(project: Project) -> list[dict[str, Any]]:
    """Returns the trials with a score, in their order."""
    return sorted(project.ranked, key=lambda record: record["number"])


def score_label(identity: dict[str, Any]) -> str:
    """Returns the objective with its unit."""
    unit = identity.get("unit")
    return identity["objective"] + (f" ({unit})" if unit else "")


def ordered(kinds: dict[str, Parameter], importances: Importance | None) -> dict[str, Parameter]:
    """Returns the parameters with the most important ones first."""
    shares = {} if importances is None else importances.shares
    names = sorted(kinds, key=lambda name: -shares.get(name, (0.0, 0.0))[0])
    return {name: kinds[name] for name in names}


def in_order(values: Iterable[Any], parameter: Choice | Boolean) -> list[Any]:
    """Returns the different ones of some values: numbers by size, others as the space has them."""
    values = list({repr(value): value for value in values}.values())
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return sorted(values)
    known = [False, True] if isinstance(parameter, Boolean) else _plain(parameter.values)
    return [each for each in known if each in values] + [
        each for each in values if each not in known
    ]


def log_ticks(values: list[float], is_int: bool, most: int = 6) -> list[float]:
    """Returns powers of two for whole numbers, else 1 and 3 times powers of ten."""
    low, high = min(values) * 0.999, max(values) * 1.001
    if is_int:
        ticks = [2.0**power for power in range(20)]
    else:
        ticks = [digit * 10.0**power for power in range(-9, 10) for digit in (1, 3)]
    ticks = [tick for tick in ticks if low <= tick <= high]
    return ticks[:: 1 + (len(ticks) - 1) // most]


def tick_text(tick: float) -> str:
    return f"{tick:g}" if tick >= 0.01 or tick == 0 else f"{tick:.0e}".replace("e-0", "e-")


def _plain(values: Iterable[Any]) -> list[Any]:
    return [list(value) if isinstance(value, tuple) else value for value in values]


# --- panels -------------------------------------------------------------------------------------


def _draw_progress(axes, scored, project, colours) -> None:
    identity, best = project.identity, project.best
    numbers = [record["number"] for record in scored]
    scores = [record["score"] for record in scored]
    pick = np.minimum if identity["direction"] == "min" else np.maximum
    axes.step(
        numbers,
        pick.accumulate(scores),
        where="post",
        color=colours["first"],
        linewidth=2.4,
        label="best so far",
    )
    for record in scored:
        executions = record["scores"]
        if len(executions) > 1:
            axes.plot([record["number"]] * len(executions), executions, color=colours["muted"])
    axes.scatter(numbers, scores, color=colours["muted"], s=26, label="trial", zorder=3)
    axes.scatter(
        [best["number"]], [best["score"]], color=colours["second"], s=60, label="best", zorder=4
    )
    axes.set_title(f"{identity['model']} on {identity['dataset']}: {len(scored)} trials")
    beyond = _fit(axes, scores)
    if beyond:
        note = f"{beyond} trial{'s' * (beyond > 1)} off the scale"
        axes.set_title(note, loc="right", fontsize=11, fontweight="normal")
    axes.set_xlabel("trial")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(loc="best")


def _fit(axes, scores: list[float]) -> int:
    """Fits an axis to all scores but those far off; returns how many of them it leaves out."""
    kept = importance.fenced(scores)
    beyond = int(np.sum(kept != scores))
    if beyond:
        inside = kept[kept == scores]
        room = 0.08 * np.ptp(inside)
        axes.set_ylim(inside.min() - room, inside.max() + room)
    return beyond


def _draw_parameter(axes, scored, name, parameter, best, colours) -> None:
    active = [record for record in scored if importance.is_in(record, name)]
    values = [importance.value(record, name) for record in active]
    scores = [record["score"] for record in active]
    if isinstance(parameter, Choice | Boolean):
        categories = in_order(values, parameter)
        names = [short_text(value) for value in categories]
        values = [categories.index(value) for value in values]
        axes.set_xticks(range(len(names)), [text[:14] for text in names])
        if len(names) > 3:
            axes.tick_params(axis="x", labelrotation=20, labelsize=9)
    elif parameter.log:
        axes.set_xscale("log")
        ticks = log_ticks(values, isinstance(parameter, Int))
        axes.set_xticks(ticks, [tick_text(tick) for tick in ticks], minor=False)
        axes.set_xticks([], minor=True)
    elif isinstance(parameter, Int):
        axes.set_xticks(sorted(set(values)))
    axes.scatter(values, scores, color=colours["first"], s=26, alpha=0.75)
    for record, value in zip(active, values, strict=True):
        if record["number"] == best["number"]:
            axes.scatter([value], [record["score"]], color=colours["second"], s=60, zorder=4)
    axes.margins(x=0.12)
    axes.set_title(name, fontsize=12)


def _draw_band(axes, found: slices.Slice, scored, name, parameter, colours) -> None:
    """Draws mean and deviation of the process: a band over numbers, bars over names."""
    values, low, high = found.values, found.mean - found.deviation, found.mean + found.deviation
    if isinstance(parameter, Choice | Boolean):
        seen = [importance.value(each, name) for each in scored if importance.is_in(each, name)]
        categories = in_order(seen, parameter)
        kept = [place for place, value in enumerate(values) if value in categories]
        places = [categories.index(values[place]) for place in kept]
        axes.vlines(places, low[kept], high[kept], color=colours["second"], alpha=0.35, linewidth=7)
        return
    axes.fill_between(values, low, high, color=colours["second"], alpha=0.18, linewidth=0)
    axes.plot(values, found.mean, color=colours["second"], linewidth=1.4)
