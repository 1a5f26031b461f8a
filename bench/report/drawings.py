"""The geometry of the page's small drawings; the templates set it as SVG in the page's colours."""

import dataclasses
import math
from collections.abc import Callable, Sequence

from bench.leaderboard import rows as leaderboard_rows
from bench.leaderboard.rows import Row
from bench.report.plots.scale import Scale

Place = tuple[float, float]
_KINDS = {"loss": "training", "val_loss": "validation"}
_MOST_CLASSES = 10  # colours that can be told apart


@dataclasses.dataclass(frozen=True)
class Mark:
    """A dot with its interval, as parts of a width from 0 to 1.

    Attributes:
        side: -1 or 1 where the value lies far below or above what is drawn; else 0.
    """

    start: float
    middle: float
    stop: float
    side: int = 0


@dataclasses.dataclass(frozen=True)
class Curves:
    """The curves of one loss term over the epochs, in a drawing of 320 x 80 units.

    Attributes:
        term: Name of the loss term, `"loss"` for the whole.
        lines: `(kind, places)` of each seed; the kind is `"loss"` or `"val_loss"`.
        kinds: `(kind, word)` of the kinds that are drawn.
        range: Epochs and values, in words.
        label: What a screen reader says.
    """

    term: str
    lines: list[tuple[str, list[Place]]]
    kinds: list[tuple[str, str]]
    range: str
    label: str


@dataclasses.dataclass(frozen=True)
class Codes:
    """Codes in a square of 320 units: the places of each class, and the names of the classes.

    Attributes:
        groups: `(colour, places)`; the colour is a number up to 9, or `"none"`.
        legend: `(colour, name)`.
    """

    groups: list[tuple[int | str, list[Place]]]
    legend: list[tuple[int, str]]


def interval_mark(row: Row, rows: list[Row]) -> Mark | None:
    """Returns the mark of a row, on the scale of the models of the same table."""
    metric = row.ranked_by
    if metric not in row.quality:
        return None
    peers = [r for r in rows if r.table == row.table and r.rank is not None]
    models = [r for r in peers if not r.baseline] or peers
    if not models:
        return None
    scale = Scale.from_quality(
        [(low, r.quality[metric].mean, high) for r in models for low, high in [_ends(r)]],
        [r.quality[metric].mean for r in peers if r.baseline],
        metric in leaderboard_rows.LOG_METRICS,
    )
    value = row.quality[metric].mean
    start, middle, stop = (
        scale.part(scale.clipped(each)) for each in (_ends(row)[0], value, _ends(row)[1])
    )
    return Mark(start, middle, stop, scale.side(value))


def _ends(row: Row) -> Place:
    interval = row.quality[row.ranked_by]
    half = leaderboard_rows.half_width(interval) or 0.0
    return interval.mean - half, interval.mean + half


def curves(row: Row, term: str = "loss") -> Curves | None:
    """Returns training and validation by epoch, one line per seed; None where none is known."""
    lines = {
        kind: [values for record in row.records if len(values := record.training.curve(name)) > 1]
        for kind, name in (("loss", term), ("val_loss", f"val_{term}"))
    }
    known = [v for group in lines.values() for values in group for v in values if math.isfinite(v)]
    if not known:
        return None
    low, high = min(known), max(known)
    log = low > 0 and high / low > 20
    scale: Callable[[float], float] = math.log if log else float
    longest = max(len(values) for group in lines.values() for values in group)
    span = (scale(high) - scale(low)) or 1.0
    placed = [
        (
            kind,
            [
                (320 * k / (longest - 1), 4 + 72 * (1 - (scale(v) - scale(low)) / span))
                for k, v in enumerate(values)
                if math.isfinite(v)
            ],
        )
        for kind, group in lines.items()
        for values in group
    ]
    return Curves(
        term,
        placed,
        [(kind, word) for kind, word in _KINDS.items() if lines[kind]],
        f"over {longest} epochs, {high:.3g} to {low:.3g}{', log scale' if log else ''}",
        f"{term} of {row.name} over {longest} epochs, from {high:.3g} to {low:.3g}",
    )


def codes(
    points: Sequence[Sequence[float]], labels: Sequence[int], names: Sequence[str]
) -> Codes | None:
    """Places codes in a square, one colour for each of up to ten classes; None for no code.

    Args:
        points: `(x, y)` of each code.
        labels: Class of each; -1 or no `names`: without one.
        names: Names of the classes.
    """
    known = [(float(x), float(y)) for x, y in points]
    if not known:
        return None
    xs, ys = [x for x, _ in known], [y for _, y in known]
    span = max(max(xs) - min(xs), max(ys) - min(ys)) or 1.0
    centre = ((max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2)
    groups: dict[int, list[Place]] = {}
    for (x, y), label in zip(known, labels, strict=True):
        place = (160 + 300 * (x - centre[0]) / span, 160 - 300 * (y - centre[1]) / span)
        groups.setdefault(int(label), []).append(place)
    return Codes(
        [
            (label % _MOST_CLASSES if label >= 0 and names else "none", places)
            for label, places in sorted(groups.items())
        ],
        [
            (label % _MOST_CLASSES, names[label])
            for label in sorted(groups)
            if 0 <= label < len(names)
        ],
    )
