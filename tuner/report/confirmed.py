"""The winner of a search beside the defaults on fresh seeds, in words and as a drawing."""

import math
from html import escape
from typing import Any

from tuner.trials.store import Project

_WIDTH, _HEIGHT = 380, 156
_LEFT, _RIGHT = 112, 296


def confirmed_section(project: Project, confirmed: Any) -> str:
    """Returns the section of the report.

    Args:
        confirmed: See `tuner.search.confirm.Confirmation`.
    """
    return (
        f"<p>{escape(sentence(project, confirmed))}</p>"
        f'<figure style="max-width:32rem">{drawing(project, confirmed)}'
        f"<figcaption>{escape(_caption(confirmed))}</figcaption></figure>"
    )


def sentence(project: Project, confirmed: Any) -> str:
    """Returns what was confirmed: a gain with its interval, or that it is noise."""
    low, high = _gains(confirmed)[1:]
    interval = (
        f"95 % interval {_number(low)} to {_number(high)}"
        if math.isfinite(low) and math.isfinite(high)
        else "without an interval, which takes two seeds"
    )
    gain = _amount(confirmed, _gains(confirmed)[0])
    verdict = {
        "better": f"A gain of {gain}, {interval}",
        "worse": f"No gain but a loss: {gain}, {interval}",
    }.get(confirmed.verdict, f"Noise: {gain}, {interval}, no difference is shown")
    ratio = confirmed.winner_parameters / max(1, confirmed.default_parameters)
    seeds = len(confirmed.seeds)
    return (
        f"{verdict}: test {confirmed.metric} of {_name(project, confirmed)} beside the defaults of "
        f"the model on {seeds} fresh seed{'s' * (seeds != 1)}. It has {ratio:.2g} times their "
        f"parameters ({confirmed.winner_parameters:,} of {confirmed.default_parameters:,})."
    )


def drawing(project: Project, confirmed: Any) -> str:
    """Returns the scores by seed, and below the gain with its interval, as SVG."""
    scores = [*confirmed.winner, *confirmed.default]
    place = _scale(min(scores), max(scores))
    parts = []
    for winner, default in zip(confirmed.winner, confirmed.default, strict=True):
        path = f"M{place(default):.1f} 18L{place(winner):.1f} 54"
        parts.append(f'<path d="{path}" style="stroke:var(--muted);opacity:.5"/>')
    rows = (
        (18, "defaults", confirmed.default, "muted"),
        (54, _name(project, confirmed), confirmed.winner, "first"),
    )
    for y, name, values, colour in rows:
        mean = sum(values) / len(values)
        parts.append(f'<text x="8" y="{y + 4}" class="label">{escape(name)}</text>')
        parts.append(f'<path class="rail" d="M{place(mean):.1f} {y - 8}v16" stroke-width="2"/>')
        parts += [_dot(place(value), y, colour, 4) for value in values]
        text = f"{mean:.4g}{_unit(confirmed)}"
        parts.append(f'<text x="{_WIDTH - 6}" y="{y + 4}" class="end">{escape(text)}</text>')
    parts.append(f'<path class="grid" d="M8 78H{_WIDTH - 8}"/>')
    parts += _gain(confirmed)
    return (
        f'<svg class="plot" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(sentence(project, confirmed))}">{"".join(parts)}</svg>'
    )


def _gain(confirmed: Any) -> list[str]:
    middle, low, high = _gains(confirmed)
    ends = [end for end in (low, high) if math.isfinite(end)]
    place = _scale(min(0.0, middle, *ends), max(0.0, middle, *ends))
    zero, y = place(0.0), 118
    colour = {"better": "good", "worse": "second"}.get(confirmed.verdict, "muted")
    parts = [
        f'<text x="8" y="{y + 4}" class="label">gain</text>',
        f'<path class="level" d="M{zero:.1f} 98V138"/>',
        f'<text x="{zero:.1f}" y="94" class="mid">0</text>',
    ]
    if len(ends) == 2:
        parts.append(
            f'<path d="M{place(low):.1f} {y}H{place(high):.1f}" stroke-width="3.5" '
            f'stroke-linecap="round" style="stroke:var(--{colour})"/>'
        )
        for end, x, anchor in ((low, place(low) + 4, "end"), (high, place(high) - 4, "")):
            text = escape(_number(end))
            parts.append(f'<text x="{x:.1f}" y="{y + 22}" class="{anchor}">{text}</text>')
    parts.append(_dot(place(middle), y, colour, 5.5))
    text = escape(_amount(confirmed, middle))
    parts.append(f'<text x="{_WIDTH - 6}" y="{y + 4}" class="end strong">{text}</text>')
    return parts


def _gains(confirmed: Any) -> tuple[float, float, float]:
    """Returns the difference and the ends of its interval, above 0 where the winner is better."""
    low, high = confirmed.interval
    if confirmed.higher_is_better:
        return confirmed.difference, low, high
    return -confirmed.difference, -high, -low


def _caption(confirmed: Any) -> str:
    less = "" if confirmed.higher_is_better else f" Lower {confirmed.metric} is better."
    return (
        "Above: the test score of each seed, lines join equal seeds. Below: the mean gain of the "
        f"pairs with its 95 % interval; right of 0 the winner is better.{less}"
    )


def _name(project: Project, confirmed: Any) -> str:
    number = getattr(confirmed, "number", None)
    number = project.winner["number"] if number is None else number
    return f"trial {number}"


def _amount(confirmed: Any, value: float) -> str:
    return f"{_number(value)}{_unit(confirmed)}"


def _unit(confirmed: Any) -> str:
    return f" {confirmed.unit}" if confirmed.unit else ""


def _number(value: float) -> str:
    return f"{value:+.3g}"


def _dot(x: float, y: float, colour: str, radius: float) -> str:
    return f'<circle cx="{x:.1f}" cy="{y}" r="{radius}" style="fill:var(--{colour})"/>'


def _scale(low: float, high: float):
    def place(value: float) -> float:
        part = (value - low) / (high - low) if high > low else 0.5
        return _LEFT + part * (_RIGHT - _LEFT)

    return place
