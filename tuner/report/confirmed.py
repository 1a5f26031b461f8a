"""The winner of a search beside the defaults on fresh seeds, in words and as a drawing."""

import math
from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from tuner.report.html import render
from tuner.trials.store import Project

# Of the drawing, in its own units: the whole, and where the scores lie in it.
_WIDTH, _LEFT, _RIGHT = 380, 112, 296


def confirmed_section(project: Project, confirmed: Any) -> Markup:
    """Returns the section of the report.

    Args:
        confirmed: See `tuner.search.confirm.Confirmation`.
    """
    if confirmed.is_default:
        text = confirmed.sentence
        return Markup("<p>{}.</p>").format(text[0].upper() + text[1:])
    scores = [*confirmed.winner, *confirmed.default]
    place = _scale(min(scores), max(scores))
    rows = (
        (18, "defaults", confirmed.default, "muted"),
        (54, _name(project, confirmed), confirmed.winner, "first"),
    )
    return render(
        "confirmed.html.j2",
        sentence=sentence(project, confirmed),
        caption=_caption(confirmed),
        width=_WIDTH,
        pairs=[
            (place(default), place(winner))
            for winner, default in zip(confirmed.winner, confirmed.default, strict=True)
        ],
        rows=[
            {
                "y": y,
                "name": name,
                "colour": colour,
                "places": [place(value) for value in values],
                "mean": place(sum(values) / len(values)),
                "text": f"{sum(values) / len(values):.4g}{_unit(confirmed)}",
            }
            for y, name, values, colour in rows
        ],
        gain=_gain(confirmed),
    )


def sentence(project: Project, confirmed: Any) -> str:
    """Returns what was confirmed: a gain with its interval, or that it is noise."""
    gain, low, high = _gains(confirmed)
    interval = (
        f"95 % interval {_number(low)} to {_number(high)}"
        if math.isfinite(low) and math.isfinite(high)
        else "without an interval, which takes two seeds"
    )
    amount = _amount(confirmed, gain)
    verdict = {
        "better": f"A gain of {amount}, {interval}",
        "worse": f"No gain but a loss: {amount}, {interval}",
    }.get(confirmed.verdict, f"Noise: {amount}, {interval}, no difference is shown")
    ratio = confirmed.winner_parameters / max(1, confirmed.default_parameters)
    seeds = len(confirmed.seeds)
    return (
        f"{verdict}: test {confirmed.metric} of {_name(project, confirmed)} beside the defaults "
        f"of the model on {seeds} fresh seed{'s' * (seeds != 1)}. It has {ratio:.2g} times their "
        f"parameters ({confirmed.winner_parameters:,} of {confirmed.default_parameters:,})."
    )


def _gain(confirmed: Any) -> dict[str, Any]:
    """Returns where the gain, its interval and 0 lie, with their texts and colour."""
    middle, low, high = _gains(confirmed)
    ends = [end for end in (low, high) if math.isfinite(end)]
    place = _scale(min(0.0, middle, *ends), max(0.0, middle, *ends))
    sides = ((low, 4, "end"), (high, -4, "")) if len(ends) == 2 else ()
    return {
        "zero": place(0.0),
        "middle": place(middle),
        "colour": {"better": "good", "worse": "second"}.get(confirmed.verdict, "muted"),
        "text": _amount(confirmed, middle),
        "ends": [
            {"x": place(end), "at": place(end) + shift, "anchor": anchor, "text": _number(end)}
            for end, shift, anchor in sides
        ],
    }


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


def _scale(low: float, high: float) -> Callable[[float], float]:
    """Returns the function that places a value between the ends of the drawing."""

    def place(value: float) -> float:
        part = (value - low) / (high - low) if high > low else 0.5
        return _LEFT + part * (_RIGHT - _LEFT)

    return place
