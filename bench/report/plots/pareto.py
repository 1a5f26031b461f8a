"""Quality against size and against speed, with the front of what no other model beats."""

import itertools
import math
import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import EngFormatter

from bench.leaderboard import pareto
from bench.leaderboard import rows as leaderboard_rows
from bench.leaderboard.rows import Row, half_width
from bench.report.plots import style
from bench.report.plots.style import Target
from bench.stats.intervals import Interval


def quality_against_parameters(rows: list[Row], target: Target, theme: str = "light") -> bool:
    """Draws quality against the number of parameters, with error bars over seeds.

    The Pareto front joins the models that no smaller model beats.

    Args:
        rows: Rows of `bench.leaderboard.rows.rows`; their `ranked_by` is the quality drawn.
        target: A path, or an `io.BytesIO`.
        theme: `"light"` or `"dark"`.

    Returns:
        True if there was something to draw; otherwise nothing is written.
    """
    return _trade_off(rows, target, theme, "params_total", "parameters", fewer_is_better=True)


def quality_against_speed(rows: list[Row], target: Target, theme: str = "light") -> bool:
    """Draws quality against inference speed, with error bars over seeds.

    The Pareto front joins the models that no faster model beats. See
    `quality_against_parameters` for the arguments and the returned value.
    """
    title = "inference, images per second"
    return _trade_off(rows, target, theme, "infer_images_per_second", title, fewer_is_better=False)


def _trade_off(
    rows: list[Row], target: Target, theme: str, cost: str, title: str, fewer_is_better: bool
) -> bool:
    rows = [row for row in rows if row.ranked_by in row.quality]
    costs = pareto.values(rows, cost)
    tables: dict[str, list[Row]] = {
        row.table: [] for row in rows if id(row) in costs and not row.baseline
    }
    for row in rows:
        if row.table in tables:
            tables[row.table].append(row)
    if not tables:
        return False
    with style.picture(target, theme, 10, 6.2 * len(tables)) as (figure, colours):
        panels = list(figure.subplots(len(tables), 1, squeeze=False).flat)
        drawn = []
        for axes, (table, members) in zip(panels, tables.items(), strict=True):
            metric = members[0].ranked_by
            high_is_good = metric in leaderboard_rows.HIGHER_IS_BETTER
            arrows = {(True, False): "↙", (False, False): "↘", (True, True): "↖"}
            arrow = arrows.get((fewer_is_better, high_is_good), "↗")
            axes.set_title(f"{table}   {arrow} better")
            axes.set_xlabel(title)
            direction = "higher" if high_is_good else "lower"
            axes.set_ylabel(f"test {leaderboard_rows.METRICS[metric]} ({direction} is better)")
            drawn.append(_draw_trade_off(axes, members, colours, cost, fewer_is_better))
        figure.canvas.draw()
        for axes, labels in zip(panels, drawn, strict=True):
            place_labels(figure, axes, labels, colours)
    return True


def _draw_trade_off(
    axes: Axes, rows: list[Row], colours: dict[str, str], cost: str, fewer_is_better: bool
) -> list[tuple[str, float, float, bool]]:
    """Draws front, points and baselines; returns (name, x, y, on the front) for the labels."""
    metric = rows[0].ranked_by
    high_is_good = metric in leaderboard_rows.HIGHER_IS_BETTER
    kept = pareto.drawn(rows)
    costs = pareto.values(rows, cost)
    placed = [(row, costs[id(row)], row.quality[metric]) for row in kept if id(row) in costs]
    front = pareto.pareto_front(
        [(x, quality.mean) for row, x, quality in placed if not row.baseline],
        fewer_is_better,
        not high_is_good,
    )
    axes.xaxis.set_major_formatter(EngFormatter())
    style.log_if_wide(axes, "x", [x for _, x, _ in placed])
    if metric in ("mse", "mae"):
        style.log_if_wide(axes, "y", [row.quality[metric].mean for row in kept])
    if front:
        steps = "steps-post" if fewer_is_better else "steps-pre"
        line = {"color": colours["first"], "linewidth": 2.2, "alpha": 0.55, "zorder": 2}
        axes.plot(*zip(*sorted(front), strict=True), drawstyle=steps, **line)
    labels = []
    for row, x, quality in placed:
        best = not row.baseline and (x, quality.mean) in front
        colour = colours["second" if row.baseline else "first" if best else "muted"]
        low, high = _bar(quality, axes.get_yscale() == "log")
        axes.plot([x, x], [low, high], color=colour, linewidth=2.4, alpha=0.6, zorder=3)
        axes.plot(
            *(x, quality.mean, "D" if row.baseline else "o"),
            color=colour,
            markersize=9.5,
            zorder=5 if best else 4,
            markeredgecolor=colours["ground"],
            markeredgewidth=1.5,
        )
        labels.append((row.name, x, quality.mean, best))
    lines = [row for row in kept if row.baseline and id(row) not in costs]
    for row in lines:
        dashes = {"linestyle": (0, (5, 3)), "zorder": 1}
        axes.axhline(row.quality[metric].mean, color=colours["second"], **dashes)
    axes.margins(0.1, 0.12)
    spots = axes.transAxes.inverted().transform(
        axes.transData.transform([(x, quality.mean) for _, x, quality in placed])
    )
    side = "left" if np.median(spots[:, 0]) > 0.5 else "right"  # the emptier one
    for row in lines:
        axes.annotate(
            row.name,
            (0.005 if side == "left" else 0.995, row.quality[metric].mean),
            xycoords=axes.get_yaxis_transform(),
            xytext=(0, 4),
            textcoords="offset points",
            ha=side,
            color=colours["second"],
            fontsize=11,
        )
    beyond = [f"{row.name} {row.quality[metric].mean:.3g}" for row in rows if row not in kept]
    if beyond:
        note = {"fontsize": 11, "color": colours["second"], "fontweight": "normal"}
        axes.set_title(f"off the scale: {', '.join(beyond)}", loc="right", **note)
    return sorted(labels, key=lambda label: not label[-1])


def _bar(quality: Interval, log: bool) -> tuple[float, float]:
    """The ends of an error bar; on a log axis the lower end cannot go to 0."""
    half = half_width(quality) or 0.0
    low = quality.mean - half
    return max(low, quality.mean / 3) if log else low, quality.mean + half


def place_labels(
    figure: Figure,
    axes: Axes,
    labels: list[tuple[str, float, float, bool]],
    colours: dict[str, str],
) -> None:
    """Writes each label where it covers no point, line or other label, near its point if it can.

    Each label takes the cheapest of many places around its point, given where the others are; a
    few rounds settle it.
    """
    renderer = figure.canvas.get_renderer()
    spots = axes.transData.transform([(x, y) for _, x, y, _ in labels])
    fixed = [(x - 11, y - 11, x + 11, y + 11) for x, y in spots]
    fixed += [text.get_window_extent(renderer).extents for text in axes.texts]
    for line in axes.lines:
        corners = line.get_transform().transform(_corners(line))
        fixed += [
            (*(np.minimum(start, end) - 3), *(np.maximum(start, end) + 3))
            for start, end in itertools.pairwise(corners)
        ]
    texts = [
        axes.annotate(
            textwrap.shorten(name, 40, placeholder=" …"),
            (x, y),
            xytext=(0, 0),
            textcoords="offset pixels",
            va="center",
            zorder=6,
            fontsize=11,
            fontweight="bold" if best else "normal",
            color=colours["ink" if best else "soft"],
            path_effects=[withStroke(linewidth=3, foreground=colours["ground"])],
        )
        for name, x, y, best in labels
    ]
    sizes = [text.get_window_extent(renderer) for text in texts]
    taken: dict[int, np.ndarray] = {}
    for _ in range(3):
        for number, (spot, size) in enumerate(zip(spots, sizes, strict=True)):
            distances, boxes = _places(spot, size.width, size.height)
            others = fixed + [box for other, box in taken.items() if other != number]
            covered = _overlaps(boxes, np.array(others)).sum(axis=1)
            inside = _overlaps(boxes, axes.get_window_extent().extents[None]).sum(axis=1)
            outside = size.width * size.height - inside
            taken[number] = boxes[np.argmin(covered + 5 * outside + 3 * distances)]
    for number, (spot, text) in enumerate(zip(spots, texts, strict=True)):
        left, bottom, right, top = taken[number]
        text.set_position((left - spot[0], (bottom + top) / 2 - spot[1]))
        near = np.clip(spot, (left, bottom), (right, top))
        if math.dist(near, spot) > 28:
            ends = axes.transData.inverted().transform([spot, near])
            axes.plot(*ends.T, color=colours["soft"], linewidth=0.9, zorder=1.5)


def _places(spot: np.ndarray, width: float, height: float) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (left, bottom, right, top) around a point, the usual ones first, and how far off."""
    angles = np.radians((0, 180, 90, 270, 45, 315, 135, 225, 22, 338, 158, 202))
    distances = np.repeat((18.0, 30.0, 48.0, 70.0, 96.0, 126.0, 160.0), len(angles))
    across, up = np.tile(np.cos(angles), 7), np.tile(np.sin(angles), 7)
    left = spot[0] + distances * across + (across - 1) / 2 * width
    bottom = spot[1] + distances * up - height / 2
    return distances, np.stack([left, bottom, left + width, bottom + height], axis=1)


def _overlaps(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The area that each box shares with each other box, in square pixels."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    return np.clip(high - low, 0, None).prod(axis=-1)


def _corners(line: Line2D) -> np.ndarray:
    """The points that a line is drawn through, with the corners of a line in steps."""
    x, y = (np.asarray(values, float) for values in line.get_data())
    if line.get_drawstyle() == "steps-post":
        x, y = np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]
    elif line.get_drawstyle() == "steps-pre":
        x, y = np.repeat(x, 2)[:-1], np.repeat(y, 2)[1:]
    return np.column_stack([x, y])
