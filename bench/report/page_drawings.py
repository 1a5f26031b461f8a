"""The small drawings of a page, as SVG that takes its colours from the page: light or dark."""

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from bench.leaderboard import rows as leaderboard_rows
from bench.leaderboard.rows import Row
from bench.records import store as record_store


def interval_mark(row: Row, rows: list[Row]) -> str:
    """Draws a dot with its interval, on the scale of the models of the same data set."""
    if row.ranked_by not in row.quality:
        return ""
    peers = [r for r in rows if r.table == row.table and r.rank is not None]
    peers = [r.quality[r.ranked_by] for r in peers if not r.baseline] or [
        r.quality[r.ranked_by] for r in peers
    ]
    if not peers:
        return ""
    ends = [_ends(interval) for interval in peers]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    least = min(interval.mean for interval in peers)
    log = 0 < 5 * least < high
    low = max(low, least / 2) if log else low

    def place(value: float) -> float:
        if high <= low:
            return 32.0
        value = min(max(value, low), high)
        part = math.log(value / low) / math.log(high / low) if log else (value - low) / (high - low)
        return 4 + 56 * part

    start, stop = (place(end) for end in _ends(row.quality[row.ranked_by]))
    middle = place(row.quality[row.ranked_by].mean)
    return (
        '<svg class="mark" viewBox="0 0 64 14" width="64" height="14" aria-hidden="true">'
        '<path class="rail" d="M4 7H60"/>'
        f'<path class="bar" d="M{start:.1f} 7H{stop:.1f}"/>'
        f'<circle cx="{middle:.1f}" cy="7" r="3.6"/></svg>'
    )


def _ends(interval: Any) -> tuple[float, float]:
    half = leaderboard_rows.half_width(interval) or 0.0
    return interval.mean - half, interval.mean + half


def curves(row: Row, term: str = "loss") -> str:
    """Draws a curve of the history: training and validation by epoch, one line per seed."""
    lines = {
        kind: [
            values for record in row.records if len(values := record_store.curve(record, name)) > 1
        ]
        for kind, name in (("loss", term), ("val_loss", f"val_{term}"))
    }
    known = [v for group in lines.values() for values in group for v in values if v == v]
    if not known:
        return ""
    low, high = min(known), max(known)
    log = low > 0 and high / low > 20
    scale: Callable[[float], float] = math.log if log else float
    longest = max(len(values) for group in lines.values() for values in group)
    span = (scale(high) - scale(low)) or 1.0
    paths = []
    for name, group in lines.items():
        for values in group:
            points = [
                f"{320 * k / (longest - 1):.1f},{4 + 72 * (1 - (scale(v) - scale(low)) / span):.1f}"
                for k, v in enumerate(values)
                if v == v
            ]
            paths.append(f'<polyline class="{name}" points="{" ".join(points)}"/>')
    label = escape(f"{term} of {row.name} over {longest} epochs, from {high:.3g} to {low:.3g}")
    kinds = {"loss": "training", "val_loss": "validation"}
    named = " and ".join(f"<b class={kind}>{kinds[kind]}</b>" for kind in kinds if lines[kind])
    shown = "loss" if term == "loss" else f"<code>{escape(term)}</code>"
    return (
        f'<figure class="curves"><svg viewBox="-4 0 328 80" role="img" aria-label="{label}">'
        f'<path class="rail" d="M0 78H320"/>{"".join(paths)}</svg><figcaption>{named} '
        f"{shown} over {longest} epochs, {high:.3g} to {low:.3g}"
        f"{', log scale' if log else ''}</figcaption></figure>"
    )


def code_map(points: Sequence[Sequence[float]], labels: Sequence[int], names: list[str]) -> str:
    """Draws codes as dots in a square, one colour for each of up to ten classes, with a legend.

    Args:
        points: `(x, y)` of each code.
        labels: Class of each; -1 or no `names`: without one.
        names: Names of the classes.
    """
    known = [(float(x), float(y)) for x, y in points]
    if not known:
        return ""
    xs, ys = [x for x, _ in known], [y for _, y in known]
    span = max(max(xs) - min(xs), max(ys) - min(ys)) or 1.0
    centre = ((max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2)
    groups: dict[int, list[str]] = {}
    for (x, y), label in zip(known, labels, strict=True):
        place = (160 + 300 * (x - centre[0]) / span, 160 - 300 * (y - centre[1]) / span)
        groups.setdefault(int(label), []).append(f"M{place[0]:.0f} {place[1]:.0f}h0")
    dots = "".join(
        f'<path class="dots class-{label % 10 if label >= 0 and names else "none"}" '
        f'd="{"".join(group)}"/>'
        for label, group in sorted(groups.items())
    )
    legend = "".join(
        f'<li class="class-{label % 10}">{escape(names[label])}</li>'
        for label in sorted(groups)
        if 0 <= label < len(names)
    )
    legend = f'<ul class="legend">{legend}</ul>' if legend else ""
    return (
        '<svg class="codes" viewBox="0 0 320 320" role="img" aria-label="Codes of the test '
        f'images on two axes">{dots}</svg>{legend}'
    )
