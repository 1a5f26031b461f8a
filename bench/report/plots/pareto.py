"""What things cost against what they give, with the front of what no other beats: for all reports.

One drawing, as SVG for a page or as PNG for a file. The axes are those of the models. What lies far
outside, a baseline that is exact or a training that went astray, is at the edge with an arrow and
its value, so that it cannot squeeze the others into one line.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter

from bench.report.plots import style, svg
from bench.report.plots.labels import place_labels
from bench.report.plots.scale import Scale
from bench.report.plots.style import Target

_AT = {"left": 0.005, "right": 0.995}  # places of names of lines, parts of the width
_PIXELS_PER_LETTER = 15  # of the width of a page's chart: names take half of it at most
_PIXELS_PER_SMALL_LETTER = 9  # names of lines take the whole width at most
_FRAME = (54, 14, 36, 12)  # pixels left, right, below and above the axes in a page


@dataclasses.dataclass(frozen=True)
class Mark:
    """One thing in the picture.

    Attributes:
        name: Written beside it where there is room.
        x, y: What it costs, above 0, and what it gives.
        low, high: Ends of the interval of `y`.
        kind: `"front"`, `"other"` or `"baseline"`; baselines do not decide how the axes run.
        address, tip: Where it leads to in a page, and what it says when it is pointed at.
    """

    name: str
    x: float
    y: float
    low: float
    high: float
    kind: str
    address: str = ""
    tip: str = ""


@dataclasses.dataclass(frozen=True)
class Chart:
    """A picture of marks.

    Attributes:
        title: Above a PNG.
        label: What the picture shows, for those who cannot see it.
        x_label, y_label: Of the axes; a page leaves out that of `y`.
        marks: At least one that is no baseline.
        levels: `(name, y)` of what has no cost: a line across.
        fewer_is_better: Direction of the cost.
        may_be_log: Whether `y` may be logarithmic.
    """

    title: str
    label: str
    x_label: str
    y_label: str
    marks: Sequence[Mark]
    levels: Sequence[tuple[str, float]]
    fewer_is_better: bool
    may_be_log: bool


def png(charts: Sequence[Chart], target: Target, theme: str = "light") -> bool:
    """Draws charts below each other; returns False, and writes nothing, where there is none."""
    if not charts:
        return False
    with style.picture(target, theme, 10, 6.2 * len(charts)) as (figure, colours):
        panels = figure.subplots(len(charts), 1, squeeze=False)[:, 0]
        for axes, chart in zip(panels, charts, strict=True):
            axes.set_title(chart.title)
            axes.set_ylabel(chart.y_label)
        drawn = [_Panel(a, chart, colours) for a, chart in zip(panels, charts, strict=True)]
        figure.canvas.draw()
        for panel in drawn:
            panel.write_names(figure, 11)
    return True


def inline(chart: Chart, width: int, height: int) -> Markup:
    """Returns a chart as SVG for a page, `width` x `height` pixels where it is not scaled."""
    left, right, bottom, top = _FRAME
    frame = (left / width, bottom / height, 1 - (left + right) / width, 1 - (bottom + top) / height)
    with style.figure("light", width / 72, height / 72, 72, 12, layout=None) as (figure, colours):
        letters = width // _PIXELS_PER_SMALL_LETTER
        panel = _Panel(figure.add_axes(frame), chart, colours, letters)
        figure.canvas.draw()
        longest = min(40, width // _PIXELS_PER_LETTER)
        panel.write_names(figure, 12, outlined=False, longest=longest)
        return svg.inline(figure, f"{chart.label}, {width} wide", panel.links())


class _Panel:
    """A chart on axes, for which the figure is still to place the names."""

    def __init__(
        self, axes: Axes, chart: Chart, colours: dict[str, str], letters: int = 100
    ) -> None:
        self.axes, self.chart, self.colours, self.letters = axes, chart, colours, letters
        models = [mark for mark in chart.marks if mark.kind != "baseline"]
        self.x = Scale.from_costs([mark.x for mark in chart.marks])
        self.y = Scale.from_quality(
            [(mark.low, mark.y, mark.high) for mark in models],
            [*(m.y for m in chart.marks if m.kind == "baseline"), *(y for _, y in chart.levels)],
            chart.may_be_log,
        )
        _apply(self.x, axes, "x", FuncFormatter(_cost_text))
        _apply(self.y, axes, "y", "{x:g}")
        axes.set_xlabel(chart.x_label)
        self._draw_front()
        self.names = [self._draw(f"mark-{n}", mark) for n, mark in enumerate(chart.marks)]
        self._draw_levels()

    def _draw_front(self) -> None:
        front = sorted((mark.x, mark.y) for mark in self.chart.marks if mark.kind == "front")
        if front:
            x, y = zip(*front, strict=True)
            self.axes.plot(
                *(x, [self.y.clipped(value) for value in y]),
                drawstyle="steps-post" if self.chart.fewer_is_better else "steps-pre",
                color=self.colours["first"],
                linewidth=2.2,
                alpha=0.55,
                zorder=2,
            )

    def _draw(self, gid: str, mark: Mark) -> tuple[str, float, float, bool]:
        """Draws a mark and returns its label; at the edge an arrow tells where it lies."""
        colour = {"front": "first", "baseline": "second"}.get(mark.kind, "muted")
        colour, at = self.colours[colour], self.y.clipped(mark.y)
        way = self.y.side(mark.y)
        if not way:
            ends = [self.y.clipped(end) for end in (mark.low, mark.high)]
            bar = {"color": colour, "linewidth": 2.4, "alpha": 0.6, "zorder": 3, "gid": gid}
            self.axes.plot([mark.x, mark.x], ends, **bar)
        self.axes.scatter(
            *([mark.x], [at]),
            s=90,
            marker={-1: "v", 1: "^"}.get(way, "D" if mark.kind == "baseline" else "o"),
            color=colour,
            edgecolors=self.colours["ground"],
            linewidths=1.5,
            zorder=5 if mark.kind == "front" else 4,
            clip_on=False,
            gid=gid,
        )
        name = f"{mark.name} {_far_text(mark.y)}" if way else mark.name
        return (name, mark.x, at, mark.kind == "front")

    def _draw_levels(self) -> None:
        """Draws a line across for each baseline without a cost, its name above on the side."""
        inside = sorted((y, name) for name, y in self.chart.levels if not self.y.side(y))
        colour = self.colours["second"]
        for y, _ in inside:
            self.axes.axhline(y, color=colour, linestyle=(0, (5, 3)), linewidth=1.4, zorder=1)
        places = [self.x.part(mark.x) for mark in self.chart.marks]
        side = "left" if np.median(places) > 0.5 else "right"  # the emptier one
        text = {"color": colour, "textcoords": "offset points", "fontsize": "small"}
        # Names of lines that lie close to each other share a line of text.
        groups: list[tuple[float, list[str]]] = []
        for y, name in inside:
            if groups and self.y.part(y) - self.y.part(groups[-1][0]) < 0.06:
                groups[-1] = (y, [*groups[-1][1], name])
            else:
                groups.append((y, [name]))
        for y, names in groups:
            self.axes.annotate(
                *(_listed(names[::-1], self.letters), (_AT[side], y)),
                xycoords=self.axes.get_yaxis_transform(),
                xytext=(0, 4),
                ha=side,
                **text,
            )
        for way, arrow in ((-1, "↓"), (1, "↑")):
            far = [f"{n} {_far_text(y)}" for n, y in self.chart.levels if self.y.side(y) == way]
            if far:
                beside = [self.x.part(m.x) for m in self.chart.marks if self.y.side(m.y) == way]
                far_side = "left" if beside and max(beside) > 0.5 else "right" if beside else side
                parts = [self.y.part(y) for y, _ in groups]
                if not beside and any(part > 0.8 if way > 0 else part < 0.15 for part in parts):
                    far_side = "right" if side == "left" else "left"  # where no level is named
                self.axes.annotate(
                    *(
                        f"{arrow} {_listed(far, self.letters - 2)}",
                        (_AT[far_side], 0 if way < 0 else 1),
                    ),
                    xycoords="axes fraction",
                    xytext=(0, 4 if way < 0 else -4),
                    va="bottom" if way < 0 else "top",
                    ha=far_side,
                    **text,
                )

    def write_names(self, figure: Figure, size: float, **how: Any) -> None:
        """Writes the names of the marks; `how` as `place_labels` takes it."""
        place_labels(figure, self.axes, self.names, self.colours, size, **how)

    def links(self) -> dict[str, svg.Link]:
        """Returns where the marks lead to, by the `gid` of their artists."""
        places = self.axes.transData.transform([(x, y) for _, x, y, _ in self.names])
        return {
            f"mark-{number}": svg.Link(mark.address, mark.kind, mark.tip, tuple(place))
            for number, (mark, place) in enumerate(zip(self.chart.marks, places, strict=True))
        }


def _apply(scale: Scale, axes: Axes, name: str, formatter: FuncFormatter | str) -> None:
    if scale.log:
        style.make_log(axes, name, scale.high / scale.low)
    (axes.set_xlim if name == "x" else axes.set_ylim)(scale.low, scale.high)
    (axes.xaxis if name == "x" else axes.yaxis).set_major_formatter(formatter)


def _listed(names: Sequence[str], letters: int) -> str:
    """Returns as many names as have room, the first at least, and how many more there are."""
    for num in range(len(names), 0, -1):
        rest = len(names) - num
        text = ", ".join([*names[:num], *([f"{rest} more"] if rest else [])])
        if len(text) <= letters or num == 1:
            return text
    return ""


def _cost_text(value: float, _: int | None = None) -> str:
    return EngFormatter()(value) if value >= 1000 else f"{value:g}"


def _far_text(value: float) -> str:
    return f"{value:.2g}"
