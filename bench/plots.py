"""Pictures of a run: loss curves, trade-offs and reconstructions. The only place with matplotlib.

Figures are made with matplotlib's object-oriented interface, so importing this module changes no
backend, no style and no open figure of the caller.
"""

import contextlib
import io
import itertools
import math
import textwrap
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullLocator

from bench import leaderboard
from bench.leaderboard import Row, half_width
from bench.records import write_whole
from bench.stats import Interval

Target = str | Path | io.BytesIO

# Okabe and Ito's colours, which colour-blind readers can tell apart; lighter ones on dark ground.
_THEMES = {
    "light": {
        "ground": "#ffffff",
        "ink": "#1b2330",
        "soft": "#5b6575",
        "grid": "#e4e8ee",
        "first": "#0072b2",
        "second": "#d55e00",
        "muted": "#8b95a5",
    },
    "dark": {
        "ground": "#171c26",
        "ink": "#e8ecf3",
        "soft": "#a3adbd",
        "grid": "#2b3341",
        "first": "#56b4e9",
        "second": "#f0a830",
        "muted": "#77839a",
    },
}
_PIXELS_PER_INCH = 150  # a width of 10 inches: 1500 pixels, sharp when shown at 1000
_ACROSS = 8  # images in a line


def loss_curves(records: list[dict[str, Any]], target: Target, theme: str = "light") -> bool:
    """Draws training and validation loss by epoch, one panel per model, one thin line per seed.

    Panels have scales of their own, because the losses of two models are often two quantities.

    Args:
        records: Records as `bench.records.read` gives them; those without a history are left out.
        target: A path, or an `io.BytesIO`.
        theme: `"light"` or `"dark"`.

    Returns:
        True if there was something to draw; otherwise nothing is written.
    """
    found = [row for row in leaderboard.rows(records) if any(map(curve, row.records))]
    if not found:
        return False
    several = len({row.table for row in found}) > 1
    across = min(3, len(found))
    down = math.ceil(len(found) / across)
    with _picture(target, theme, 10, 0.9 + 2.3 * down) as (figure, colours):
        panels = figure.subplots(down, across, squeeze=False).flat
        for axes, row in itertools.zip_longest(panels, found):
            if row is None:
                axes.set_axis_off()
                continue
            for name, colour in (("loss", colours["first"]), ("val_loss", colours["second"])):
                _draw_seeds(axes, [curve(record, name) for record in row.records], colour)
            name = textwrap.fill(row.name, 28, break_long_words=False)
            axes.set_title(f"{name}\n{row.table}" if several else name, fontsize=12)
            axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
            axes.yaxis.set_major_locator(MaxNLocator(4))
            _log_if_wide(axes, "y", axes.dataLim.intervaly, ratio=20)
        handles = [
            Line2D([], [], color=colours[key], linewidth=2.6, label=label)
            for key, label in (("first", "training"), ("second", "validation"))
        ]
        figure.legend(handles=handles, loc="outside upper right", ncols=2)
        figure.supxlabel("epoch", fontsize=12, color=colours["soft"])
        figure.supylabel("loss, on a scale of its own", fontsize=12, color=colours["soft"])
    return True


def quality_against_parameters(rows: list[Row], target: Target, theme: str = "light") -> bool:
    """Draws quality against the number of parameters, with error bars over seeds.

    The Pareto front joins the models that no smaller model beats.

    Args:
        rows: Rows of `bench.leaderboard.rows`; their `ranked_by` is the quality drawn.
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


def reconstruction_strip(
    output_folder: str | Path,
    records: list[dict[str, Any]],
    target: Target,
    theme: str = "light",
    labels: bool = True,
) -> bool:
    """Draws the first test images above what each model makes of them.

    For each dataset: the noisy inputs where they differ from the targets, the targets, then one
    line per model, best first, with its test MSE. Images may be grey or colour; series are drawn
    as lines. Of several seeds the first one with samples is shown.

    Args:
        output_folder: The folder that `samples_file` of a record is relative to.
        records: Records as `bench.records.read` gives them; those without samples are left out.
        target: A path, or an `io.BytesIO`.
        theme: `"light"` or `"dark"`.
        labels: False leaves the names out and the ground transparent, for use in a page.

    Returns:
        True if there was something to draw; otherwise nothing is written.
    """
    lines = _strip_lines(output_folder, records)
    if not lines:
        return False
    width, left, right = (10.0, 0.24, 0.99) if labels else (6.0, 0.0, 1.0)
    heights = [_line_height(images, width * (right - left)) for _, images, _ in lines]
    with _picture(target, theme, width, sum(heights), layout=None) as (figure, colours):
        if not labels:
            figure.set_facecolor("none")
        bottom = sum(heights)
        for height, (name, images, original) in zip(heights, lines, strict=True):
            bottom -= height
            place = (left, bottom / sum(heights), right - left, height / sum(heights))
            axes = figure.add_axes(place)
            axes.set_axis_off()
            (_draw_images if images.ndim == 4 else _draw_series)(axes, images, original, colours)
            if labels:
                figure.text(
                    *(left - 0.015, place[1] + place[3] / 2, name),
                    ha="right",
                    va="center",
                    fontsize=11.5,
                    linespacing=1.35,
                    color=colours["soft" if original is None else "ink"],
                )
    return True


def load_samples(output_folder: str | Path, record: dict[str, Any]) -> dict[str, np.ndarray] | None:
    """Returns the arrays `inputs`, `targets` and `reconstructions` of a record, in [0, 1].

    None where the record names no samples, or where they are missing, damaged or outside the
    output folder.
    """
    name, folder = record["samples_file"], Path(output_folder).resolve()
    if not name or not (folder / name).resolve().is_relative_to(folder):
        return None
    try:
        with np.load(folder / name) as file:
            found = {key: file[key] for key in ("inputs", "targets", "reconstructions")}
        found = {
            key: np.clip(np.nan_to_num(np.asarray(array, np.float32)), 0, 1)
            for key, array in found.items()
        }
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    shapes = {array.shape for array in found.values()}
    good = len(shapes) == 1 and all(a.ndim in (3, 4) and a.size for a in found.values())
    return found if good else None


def curve(record: dict[str, Any], name: str = "loss") -> list[float]:
    """Returns one curve of a record's history; NaN for epochs without a finite number."""
    values = (record["history"] or {}).get(name)
    if not isinstance(values, list):
        return []
    return [float(v) if isinstance(v, int | float) else math.nan for v in values]


@contextlib.contextmanager
def _picture(
    target: Target, theme: str, width: float, height: float, layout: str | None = "constrained"
) -> Iterator[tuple[Figure, dict[str, str]]]:
    """A figure in the house style, written to the target when the block ends without an error."""
    colours = _THEMES[theme]
    with matplotlib.rc_context(_style(colours)):
        figure = Figure(figsize=(width, height), layout=layout)
        FigureCanvasAgg(figure)
        yield figure, colours
        buffer = target if isinstance(target, io.BytesIO) else io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
    if not isinstance(target, io.BytesIO):
        write_whole(target, buffer.getvalue())


def _style(colours: dict[str, str]) -> dict[str, Any]:
    ink, soft, ground = colours["ink"], colours["soft"], colours["ground"]
    return {
        "figure.dpi": _PIXELS_PER_INCH,
        "savefig.dpi": _PIXELS_PER_INCH,
        "figure.facecolor": ground,
        "axes.facecolor": ground,
        "savefig.facecolor": "auto",
        "text.color": ink,
        "axes.labelcolor": soft,
        "axes.titlecolor": ink,
        "xtick.color": soft,
        "ytick.color": soft,
        "xtick.major.size": 0,
        "ytick.major.size": 0,
        "xtick.minor.size": 0,
        "ytick.minor.size": 0,
        "axes.edgecolor": colours["grid"],
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.spines.left": False,
        "axes.grid": True,
        "grid.color": colours["grid"],
        "grid.linewidth": 1.0,
        "axes.axisbelow": True,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "font.family": "DejaVu Sans",
        "font.size": 13,
        "axes.labelsize": 13,
        "axes.titlesize": 14,
        "xtick.labelsize": 11.5,
        "ytick.labelsize": 11.5,
        "axes.formatter.useoffset": False,
        "legend.frameon": False,
        "legend.fontsize": 12,
        "lines.solid_capstyle": "round",
        "figure.constrained_layout.h_pad": 0.1,
        "figure.constrained_layout.w_pad": 0.1,
    }


def _trade_off(
    rows: list[Row], target: Target, theme: str, cost: str, title: str, fewer_is_better: bool
) -> bool:
    rows = [row for row in rows if row.ranked_by in row.quality]
    tables: dict[str, list[Row]] = {
        row.table: [] for row in rows if row.middle(cost) and not row.baseline
    }
    for row in rows:
        if row.table in tables:
            tables[row.table].append(row)
    if not tables:
        return False
    with _picture(target, theme, 10, 6.2 * len(tables)) as (figure, colours):
        panels = list(figure.subplots(len(tables), 1, squeeze=False).flat)
        drawn = []
        for axes, (table, members) in zip(panels, tables.items(), strict=True):
            metric = members[0].ranked_by
            high_is_good = metric in leaderboard.HIGHER_IS_BETTER
            arrows = {(True, False): "↙", (False, False): "↘", (True, True): "↖"}
            arrow = arrows.get((fewer_is_better, high_is_good), "↗")
            axes.set_title(f"{table}   {arrow} better")
            axes.set_xlabel(title)
            direction = "higher" if high_is_good else "lower"
            axes.set_ylabel(f"test {leaderboard.METRICS[metric]} ({direction} is better)")
            drawn.append(_draw_trade_off(axes, members, colours, cost, fewer_is_better))
        figure.canvas.draw()
        for axes, labels in zip(panels, drawn, strict=True):
            _place_labels(figure, axes, labels, colours)
    return True


def _draw_trade_off(
    axes: Axes, rows: list[Row], colours: dict[str, str], cost: str, fewer_is_better: bool
) -> list[tuple[str, float, float, bool]]:
    """Draws front, points and baselines; returns (name, x, y, on the front) for the labels."""
    metric = rows[0].ranked_by
    high_is_good = metric in leaderboard.HIGHER_IS_BETTER
    models = [row.quality[metric].mean for row in rows if not row.baseline]
    kept = [row for row in rows if _fits(row.quality[metric].mean, models, high_is_good)]
    placed = [(row, row.middle(cost), row.quality[metric]) for row in kept if row.middle(cost)]
    front = _pareto_front(
        [(x, quality.mean) for row, x, quality in placed if not row.baseline],
        fewer_is_better,
        not high_is_good,
    )
    axes.xaxis.set_major_formatter(EngFormatter())
    _log_if_wide(axes, "x", [x for _, x, _ in placed])
    if metric in ("mse", "mae"):
        _log_if_wide(axes, "y", [row.quality[metric].mean for row in kept])
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
    lines = [row for row in kept if not row.middle(cost)]
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


def _fits(value: float, models: list[float], high_is_good: bool) -> bool:
    """Whether a quality is drawn: not that of a baseline so poor that it squeezes the models."""
    spread = max(models) - min(models) + 0.2 * max(models)
    return value >= min(models) - spread if high_is_good else value <= max(models) + spread


def _bar(quality: Interval, log: bool) -> tuple[float, float]:
    """The ends of an error bar; on a log axis the lower end cannot go to 0."""
    half = half_width(quality) or 0.0
    low = quality.mean - half
    return max(low, quality.mean / 3) if log else low, quality.mean + half


def _pareto_front(
    points: list[tuple[float, float]], fewer_is_better: bool, lower_is_better: bool
) -> list[tuple[float, float]]:
    """The points that no other beats in both ways, from the cheapest on."""
    sign_x, sign_y = (1 if fewer_is_better else -1), (1 if lower_is_better else -1)
    front: list[tuple[float, float]] = []
    for x, y in sorted(points, key=lambda point: (sign_x * point[0], sign_y * point[1])):
        if not front or sign_y * y < sign_y * front[-1][1]:
            front.append((x, y))
    return front


def _place_labels(
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


def _log_if_wide(axes: Axes, name: str, values: Sequence[float], ratio: float = 3) -> None:
    """Makes an axis logarithmic where its values are positive and far apart."""
    if min(values) <= 0 or max(values) / min(values) <= ratio:
        return
    axis = axes.xaxis if name == "x" else axes.yaxis
    (axes.set_xscale if name == "x" else axes.set_yscale)("log")
    ticks = (1, 2, 5) if max(values) / min(values) > 10 else (1, 1.5, 2, 3, 5, 7)
    axis.set_major_locator(LogLocator(subs=ticks, numticks=12))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(EngFormatter() if name == "x" else "{x:g}")


def _draw_seeds(axes: Axes, curves: list[list[float]], colour: str) -> None:
    """Each seed as a thin line and their mean as a thick one."""
    curves = [values for values in curves if values]
    if not curves:
        return
    for values in curves if len(curves) > 1 else []:
        axes.plot(range(1, len(values) + 1), values, color=colour, linewidth=0.9, alpha=0.45)
    shortest = min(map(len, curves))
    mean = np.mean([values[:shortest] for values in curves], axis=0)
    mark = "o" if shortest == 1 else None
    axes.plot(range(1, shortest + 1), mean, color=colour, linewidth=2.4, marker=mark)


def _strip_lines(
    output_folder: str | Path, records: list[dict[str, Any]]
) -> list[tuple[str, np.ndarray, np.ndarray | None]]:
    """The lines of a strip: name, arrays, and for a reconstruction what it should be."""
    lines: list[tuple[str, np.ndarray, np.ndarray | None]] = []
    headed = set()
    rows = leaderboard.rows(records)
    several = len({row.table for row in rows}) > 1
    for row in rows:
        found = next(filter(None, (load_samples(output_folder, r) for r in row.records)), None)
        if row.failed or found is None:
            continue
        original = found["targets"]
        if (row.table, original.shape) not in headed:
            headed.add((row.table, original.shape))
            if not np.allclose(found["inputs"], original, atol=1e-6):
                lines.append((f"input\n{row['noise'] or ''}".strip(), found["inputs"], None))
            name = f"original\n{row['dataset']}" if several else "original"
            lines.append((name, original, None))
        name, mse = textwrap.fill(row.name, 24, break_long_words=False), row.quality.get("mse")
        name += f"\nMSE {mse.mean:.3g}" if mse else ""
        lines.append((name, found["reconstructions"], original))
    return lines


def _line_height(images: np.ndarray, width: float) -> float:
    """Height in inches of a line of eight images, or of series, across a width in inches."""
    ratio = images.shape[1] / images.shape[2] if images.ndim == 4 else 0.7
    return max(0.5, width / _ACROSS * ratio + 0.03)


def _draw_images(axes: Axes, images: np.ndarray, *_: Any) -> None:
    height, width, channels = images.shape[1:]
    if channels not in (1, 3):
        images = images.mean(axis=-1, keepdims=True)
    gap, scale = max(1, round(width * 0.06)), max(1, round(150 / width))
    line = np.zeros((height * scale, (_ACROSS * (width + gap) - gap) * scale, 4), np.float32)
    for number, image in enumerate(images[:_ACROSS]):
        place = slice(number * (width + gap) * scale, (number * (width + gap) + width) * scale)
        line[:, place, :3] = image.repeat(scale, axis=0).repeat(scale, axis=1)
        line[:, place, 3] = 1
    axes.imshow(line, interpolation="antialiased", aspect="equal")


def _draw_series(
    axes: Axes, series: np.ndarray, original: np.ndarray | None, colours: dict[str, str]
) -> None:
    """Series beside each other in [0, 1]; under a reconstruction the original as a pale line."""
    length = series.shape[1]
    for number in range(min(_ACROSS, len(series))):
        x = number * 1.08 + np.arange(length) / max(1, length - 1)
        if original is not None:
            axes.plot(x, original[number], color=colours["muted"], linewidth=2.6, alpha=0.45)
        key = "soft" if original is None else "first"
        axes.plot(x, series[number], color=colours[key], linewidth=1.3)
    axes.set_xlim(-0.02, _ACROSS * 1.08)
    axes.set_ylim(-0.08, 1.08)
