"""Quality against cost as SVG, which takes its colours from the page: light or dark."""

import math
from collections.abc import Sequence
from html import escape

from bench.leaderboard import pareto
from bench.leaderboard import rows as leaderboard_rows
from bench.leaderboard.pareto import Cost, Point
from bench.leaderboard.rows import Row
from bench.report import tables

_SIZES = {"wide": (900, 420), "narrow": (360, 380)}  # one for screens, one for phones
_CHARACTER = 6.7  # width of a letter of a label, about
_LINE = 15


def trade_off_plot(rows: list[Row], links: dict[int, int], cost: Cost) -> str:
    """Draws quality against a cost, with the front of the models that no other beats.

    Args:
        rows: Rows of one table.
        links: Number of a row's card by `id(row)`.
        cost: What goes across.

    Returns:
        Two drawings, of which the page shows the one that fits; empty where a model lacks the
        cost.
    """
    points = pareto.points(rows, cost)
    if not any(not point.row.baseline for point in points):
        return ""
    return "".join(
        f'<div class="{name}">{_scatter(points, rows, links, cost, *size)}</div>'
        for name, size in _SIZES.items()
    )


def _scatter(
    points: list[Point],
    rows: list[Row],
    links: dict[int, int],
    cost: Cost,
    width: int,
    height: int,
) -> str:
    left, right, top, bottom = 58, width - 18, 14, height - 46
    metric = points[0].row.ranked_by
    placed = {id(point.row) for point in points}
    flat = [row for row in pareto.drawn(rows) if row.baseline and id(row) not in placed]
    levels = [row.quality[metric].mean for row in flat]
    x_axis = _Axis([point.cost for point in points], left + 14, right - 14, width / 8)
    ends = [*levels, *(y for p in points for y in (max(p.low, p.quality / 2), p.quality, p.high))]
    log = metric in ("mse", "mae")
    y_axis = _Axis(ends, bottom - 10, top + 10, height / 6, may_be_log=log)
    parts = []
    for value in x_axis.ticks():
        x = x_axis.place(value)
        parts.append(f'<path class="grid" d="M{x:.1f} {top}V{bottom}"/>')
        label = tables.short_number(value).replace(" ", "")
        parts.append(f'<text x="{x:.1f}" y="{bottom + 17}" class="tick mid">{label}</text>')
    for value in y_axis.ticks():
        y = y_axis.place(value)
        parts.append(f'<path class="grid" d="M{left} {y:.1f}H{right}"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" class="tick end">{value:g}</text>')
    middle = (left + right) / 2
    arrow = "←" if cost.fewer_is_better else "→"
    parts.append(
        f'<text x="{middle:.0f}" y="{height - 8}" class="axis mid">{escape(cost.title)} '
        f"{arrow} better</text>"
    )
    for row, level in zip(flat, levels, strict=True):
        y = y_axis.place(level)
        parts.append(f'<path class="level" d="M{left} {y:.1f}H{right}"/>')
        parts.append(
            f'<text x="{right}" y="{y - 5:.1f}" class="label end base">{escape(row.name)}</text>'
        )
    parts.append(_front(points, x_axis, y_axis, cost.fewer_is_better))
    spots = [(x_axis.place(point.cost), y_axis.place(point.quality)) for point in points]
    taken = [(x - 9, y - 9, x + 9, y + 9) for x, y in spots]
    taken += [
        (right - _CHARACTER * len(row.name), y_axis.place(level) - 18, right, y_axis.place(level))
        for row, level in zip(flat, levels, strict=True)
    ]
    order = sorted(range(len(points)), key=lambda k: not points[k].on_front)
    for number in sorted(order, key=lambda k: points[k].on_front):  # the front on top
        point, (x, y) = points[number], spots[number]
        parts.append(_mark(point, x, y, y_axis, links[id(point.row)], cost))
    for number in order:
        label = _label(points[number], *spots[number], taken, (left, top, right, bottom))
        parts.append(label)
    name = f"{leaderboard_rows.METRICS[metric]} against {cost.title}, {points[0].row.table}"
    return (
        f'<svg class="plot" viewBox="0 0 {width} {height}" role="group" '
        f'aria-label="{escape(name)}">{"".join(parts)}</svg>'
    )


def _front(points: list[Point], x_axis: "_Axis", y_axis: "_Axis", fewer_is_better: bool) -> str:
    front = sorted((p.cost, p.quality) for p in points if p.on_front)
    if not front:
        return ""
    placed = [(x_axis.place(x), y_axis.place(y)) for x, y in front]
    path = f"M{placed[0][0]:.1f} {placed[0][1]:.1f}"
    for x, y in placed[1:]:  # the step holds until the next model is reached
        path += f"H{x:.1f}V{y:.1f}" if fewer_is_better else f"V{y:.1f}H{x:.1f}"
    return f'<path class="front" d="{path}"/>'


def _mark(point: Point, x: float, y: float, y_axis: "_Axis", link: int, cost: Cost) -> str:
    row = point.row
    kind = "baseline" if row.baseline else "best" if point.on_front else "other"
    metric = leaderboard_rows.METRICS[row.ranked_by]
    half = leaderboard_rows.half_width(row.quality[row.ranked_by])
    spread = f" ± {half:.2g}" if half else ""
    rough = " (rough: the machine was busy)" if row.unsteady and _is_timing(cost) else ""
    tip = (
        f"{row.name}\n{metric} {point.quality:.4g}{spread}\n"
        f"{cost.title}: {tables.short_number(point.cost)}{rough}"
    )
    low, high = (y_axis.place(max(end, y_axis.low)) for end in (point.low, point.high))
    return (
        f'<a href="#row-{link}" class="point {kind}" data-tip="{escape(tip)}" '
        f'aria-label="{escape(tip)}"><circle class="near" cx="{x:.1f}" cy="{y:.1f}" r="15"/>'
        f'<path d="M{x:.1f} {low:.1f}V{high:.1f}"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5.5"/></a>'
    )


def _is_timing(cost: Cost) -> bool:
    return cost.field in leaderboard_rows.TIMINGS


def _label(
    point: Point,
    x: float,
    y: float,
    taken: list[tuple[float, float, float, float]],
    frame: tuple[float, float, float, float],
) -> str:
    """The name beside its point, where it covers nothing; left out where there is no room."""
    name = point.row.name if len(point.row.name) <= 34 else f"{point.row.name[:33]}…"
    width = _CHARACTER * len(name) * (1.06 if point.on_front else 1)
    for anchor, dx, dy in (
        *(("", 11, 4), ("end", -11, 4), ("mid", 0, -12), ("mid", 0, 22)),
        *(("", 9, -8), ("", 9, 17), ("end", -9, -8), ("end", -9, 17)),
    ):
        start = x + dx - {"": 0, "mid": width / 2, "end": width}[anchor]
        box = (start, y + dy - _LINE + 4, start + width, y + dy + 3)
        inside = box[0] >= frame[0] and box[2] <= frame[2]
        inside = inside and box[1] >= frame[1] - 6 and box[3] <= frame[3]
        if inside and not any(_overlap(box, other) for other in taken):
            taken.append(box)
            kind = " base" if point.row.baseline else " strong" if point.on_front else ""
            return (
                f'<text x="{x + dx:.1f}" y="{y + dy:.1f}" class="label {anchor}{kind}">'
                f"{escape(name)}</text>"
            )
    return ""


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


class _Axis:
    """Places values between two pixels, on a log scale where they are far apart."""

    def __init__(
        self,
        values: Sequence[float],
        start: float,
        stop: float,
        room: float,
        may_be_log: bool = True,
    ) -> None:
        self.low, self.high = min(values), max(values)
        self.log = may_be_log and self.low > 0 and self.high / self.low > 3
        self.start, self.stop = start, stop
        self.most_ticks = max(3, round(room / 10))

    def place(self, value: float) -> float:
        if self.high <= self.low:
            return (self.start + self.stop) / 2
        if self.log:
            part = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            part = (value - self.low) / (self.high - self.low)
        return self.start + part * (self.stop - self.start)

    def ticks(self) -> list[float]:
        """Returns round values within the axis, the finest choice that is not too many."""
        if self.high <= self.low:
            return [self.low]
        found: list[list[float]] = []
        if self.log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            for steps in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
                found.append([step * 10.0**decade for decade in decades for step in steps])
        else:
            first = 10.0 ** math.floor(math.log10(self.high - self.low) - 1)
            for step in (first * factor for factor in (1, 2, 5, 10, 20)):
                numbers = range(math.floor(self.low / step), math.ceil(self.high / step) + 1)
                found.append([round(number * step, 12) for number in numbers])
        choices = [[v for v in values if self.low <= v <= self.high] for values in found]
        fitting = [values for values in choices if 2 <= len(values) <= self.most_ticks]
        return fitting[0] if fitting else min(choices, key=lambda v: abs(len(v) - 3))
