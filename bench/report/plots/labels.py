"""Names beside the points of a picture, where they cover nothing."""

import itertools
import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

_ROUNDS = 3
_MAY_COVER = 0.02  # share of a label that may lie on something else
GID = "label"  # of the labels in an SVG


def place_labels(
    figure: Figure,
    axes: Axes,
    labels: list[tuple[str, float, float, bool]],
    colours: dict[str, str],
    size: float = 11,
    outlined: bool = True,
    longest: int = 40,
) -> None:
    """Writes each label where it covers no point, line or other label, near its point if it can.

    Each label takes the cheapest of many places around its point, given where the others are; a
    few rounds settle it. Labels that still lie on something are left out, those of the front last.

    Args:
        labels: `(name, x, y, is it of the front)` in data units; an empty name keeps others off.
        size: Of the letters, in points.
        outlined: Whether the letters have an outline in the colour of the ground.
        longest: Characters of a name; the rest is left out.
    """
    if not labels:
        return
    point = figure.dpi / 72  # pixels
    renderer = figure.canvas.get_renderer()
    spots = axes.transData.transform([(x, y) for _, x, y, _ in labels])
    fixed = [(*(spot - 5.5 * point), *(spot + 5.5 * point)) for spot in spots]
    fixed += [text.get_window_extent(renderer).extents for text in axes.texts]
    for line in axes.lines:
        corners = line.get_transform().transform(_corners(line))
        fixed += [
            (*(np.minimum(start, end) - 1.5 * point), *(np.maximum(start, end) + 1.5 * point))
            for start, end in itertools.pairwise(corners)
        ]
    outline = [withStroke(linewidth=3, foreground=colours["ground"])] if outlined else None
    texts = [
        axes.annotate(
            name if len(name) <= longest else f"{name[: longest - 1]}…",
            (x, y),
            xytext=(0, 0),
            textcoords="offset points",
            va="center",
            zorder=6,
            fontsize=size,
            fontweight="bold" if best else "normal",
            color=colours["ink" if best else "soft"],
            path_effects=outline,
            gid=GID,
        )
        for name, x, y, best in labels
    ]
    sizes = [text.get_window_extent(renderer) for text in texts]
    named = [number for number, label in enumerate(labels) if label[0]]
    named.sort(key=lambda number: not labels[number][-1])
    obstacles, frame = np.array(fixed), axes.get_window_extent(renderer).extents[None]
    taken: dict[int, np.ndarray] = {}
    for _ in range(_ROUNDS):
        for number in named:
            width, height = sizes[number].width, sizes[number].height
            distances, boxes = _places(spots[number], width, height, point)
            others = [box for other, box in taken.items() if other != number]
            covered = _overlaps(boxes, np.array([*obstacles, *others])).sum(axis=1)
            outside = width * height - _overlaps(boxes, frame).sum(axis=1)
            costs = covered + 5 * outside + 3 * point * distances
            taken[number] = boxes[np.argmin(costs)]
    kept: list[np.ndarray] = []
    for number in named:
        box = taken[number]
        area = np.prod(box[2:] - box[:2])
        covered = _overlaps(box[None], np.array([*obstacles, *kept])).sum()
        if covered + area - _overlaps(box[None], frame).sum() > _MAY_COVER * area:
            texts[number].remove()
            continue
        kept.append(box)
        left, bottom, right, top = box
        spot = spots[number]
        texts[number].set_position(
            ((left - spot[0]) / point, ((bottom + top) / 2 - spot[1]) / point)
        )
        near = np.clip(spot, (left, bottom), (right, top))
        if math.dist(near, spot) > 13 * point:
            ends = axes.transData.inverted().transform([spot, near])
            axes.plot(*ends.T, color=colours["soft"], linewidth=0.9, zorder=1.5)


def _places(
    spot: np.ndarray, width: float, height: float, point: float
) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (left, bottom, right, top) around a point, the usual ones first, and how far off."""
    angles = np.radians((0, 180, 90, 270, 45, 315, 135, 225, 22, 338, 158, 202))
    distances = np.repeat((8.6, 14.4, 23.0, 33.6, 46.1, 60.5), len(angles)) * point
    across, up = np.tile(np.cos(angles), 6), np.tile(np.sin(angles), 6)
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
