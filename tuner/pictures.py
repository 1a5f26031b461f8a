"""The trials of a search as a picture."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from bench import plots
from tuner.parameters import Boolean, Choice, Int, Parameter
from tuner.project import Project
from tuner.table import short_text

_PANELS = 9


def draw(
    project: Project, target: plots.Target, parameters: dict[str, Parameter], theme: str = "light"
) -> bool:
    """Draws the score of each trial with the best so far, and the score over the
    parameters that go along with it most.

    Args:
        target: A path, or an `io.BytesIO`.
        parameters: The space's, whose kind decides between a logarithmic axis and names.

    Returns:
        True if there was something to draw; otherwise nothing is written.
    """
    scored = [record for record in project.trials.values() if record["status"] == "ok"]
    if not scored:
        return False
    names = [name for name in parameters if len(_distinct(scored, name)) > 1]
    names.sort(key=lambda name: -_strength(scored, name, parameters[name]))
    names = names[:_PANELS]
    across, down = 3, -(-len(names) // 3)
    identity = project.identity
    label = identity["objective"] + (f" ({identity['unit']})" if identity["unit"] else "")
    with plots.picture(target, theme, 10, 3.2 + 2.4 * down) as (figure, colours):
        heights = [1.3] + [1] * down
        grid = figure.add_gridspec(1 + down, across, height_ratios=heights)
        axes = figure.add_subplot(grid[0, :])
        _draw_progress(axes, scored, project.best, identity, colours)
        axes.set_ylabel(label)
        for place, name in enumerate(names):
            axes = figure.add_subplot(grid[1 + place // across, place % across])
            _draw_parameter(axes, scored, name, parameters[name], project.best, colours)
            if place % across == 0:
                axes.set_ylabel(label)
    return True


def write(project: Project, parameters: dict[str, Parameter]) -> Path | None:
    """Writes `search.png` to the folder of the search, and returns its path."""
    path = project.folder / "search.png"
    return path if draw(project, path, parameters) else None


def _draw_progress(axes, scored, best, identity, colours) -> None:
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
    axes.set_xlabel("trial")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(loc="best")


def _draw_parameter(axes, scored, name, parameter, best, colours) -> None:
    found = [record for record in scored if name in record["values"]]
    values = [record["values"][name] for record in found]
    scores = [record["score"] for record in found]
    if isinstance(parameter, Choice | Boolean):
        names = [short_text(value) for value in _in_order(values, parameter)]
        values = [names.index(short_text(value)) for value in values]
        axes.set_xticks(range(len(names)), [text[:14] for text in names])
        if len(names) > 3:
            axes.tick_params(axis="x", labelrotation=20, labelsize=9)
    elif parameter.log:
        axes.set_xscale("log")
        ticks = _log_ticks(values, isinstance(parameter, Int))
        axes.set_xticks(ticks, [_tick_text(tick) for tick in ticks], minor=False)
        axes.set_xticks([], minor=True)
    elif isinstance(parameter, Int):
        axes.set_xticks(sorted(set(values)))
    axes.scatter(values, scores, color=colours["first"], s=26, alpha=0.75)
    for record, value in zip(found, values, strict=True):
        if record["number"] == best["number"]:
            axes.scatter([value], [record["score"]], color=colours["second"], s=60, zorder=4)
    axes.margins(x=0.12)
    axes.set_title(name, fontsize=12)


def _log_ticks(values: list[float], is_int: bool) -> list[float]:
    """Returns powers of two for whole numbers, else 1 and 3 times powers of ten; six at most."""
    low, high = min(values) * 0.999, max(values) * 1.001
    if is_int:
        ticks = [2.0**power for power in range(20)]
    else:
        ticks = [digit * 10.0**power for power in range(-9, 10) for digit in (1, 3)]
    ticks = [tick for tick in ticks if low <= tick <= high]
    return ticks[:: 1 + (len(ticks) - 1) // 6]


def _tick_text(tick: float) -> str:
    return f"{tick:g}" if tick >= 0.01 else f"{tick:.0e}".replace("e-0", "e-")


def _strength(scored: list[dict[str, Any]], name: str, parameter: Parameter) -> float:
    """Returns how much of the scores' rank goes along with a parameter, from 0 to 1."""
    found = [record for record in scored if name in record["values"]]
    ranks = np.argsort(np.argsort([record["score"] for record in found])).astype(float)
    if len(found) < 3 or not ranks.std():
        return 0.0
    values = [record["values"][name] for record in found]
    if isinstance(parameter, Choice | Boolean):
        groups = [repr(value) for value in values]
    else:
        middle = np.median(values)
        groups = [value > middle for value in values]
    means = {group: ranks[[each == group for each in groups]].mean() for group in set(groups)}
    return float(np.var([means[group] for group in groups]) / ranks.var())


def _in_order(values: list, parameter: Choice | Boolean) -> list:
    known = [False, True] if isinstance(parameter, Boolean) else _plain(parameter.values)
    return [value for value in known if value in values]


def _plain(values: Iterable) -> list:
    return [list(value) if isinstance(value, tuple) else value for value in values]


def _distinct(scored: list[dict[str, Any]], name: str) -> set[str]:
    return {repr(record["values"][name]) for record in scored if name in record["values"]}
