"""Cost against batch size, image size, width and data size: one panel each, log-log."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from bench.report.plots import style
from bench.report.plots.style import Target
from bench.scaling import points, power_law
from bench.scaling.power_law import Line

_ROWS = {
    "training": {"train": "training step, ms", "fit": "an epoch by fit, ms"},
    "inference": {"infer": "inference on a batch, ms", "predict": "predict, ms"},
}
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8b95a5")
_MARKERS = "osD^vPX"


def costs(lines: list[Line], target: Target, theme: str = "light") -> bool:
    """Draws the cost along each axis, with intervals; the legend tells the slopes.

    Args:
        lines: As `bench.scaling.power_law.lines` gives them.
        target: A path, or an `io.BytesIO`.
        theme: `"light"` or `"dark"`.

    Returns:
        True if there was something to draw; otherwise nothing is written.
    """
    lines = [line for line in lines if line.values]
    axes_names = [name for name in points.AXES if any(line.axis == name for line in lines)]
    if not axes_names:
        return False
    models = list(dict.fromkeys(line.model for line in lines))
    width, height = 5.4 * len(axes_names), 9.6
    with style.picture(target, theme, width, height) as (figure, colours):
        panels = figure.subplots(len(_ROWS), len(axes_names), squeeze=False)
        for row, (title, whats) in zip(panels, _ROWS.items(), strict=True):
            for panel, name in zip(row, axes_names, strict=True):
                here = [line for line in lines if line.axis == name and line.what in whats]
                panel.set_title(f"{title} by {name}")
                panel.set_xlabel(points.AXES[name])
                if here:
                    panel.set_ylabel(whats[here[0].what])
                for line in here:
                    _draw(panel, line, models.index(line.model), colours["ground"])
                if here:
                    _scale(panel, sorted({value for line in here for value in line.values}))
    return True


def _draw(panel: Axes, line: Line, number: int, ground: str) -> None:
    colour, marker = _COLOURS[number % len(_COLOURS)], _MARKERS[number % len(_MARKERS)]
    x = np.array(line.values)
    middle, low, high = (1e3 * np.array(part) for part in (line.seconds, line.low, line.high))
    panel.errorbar(
        *(x, middle),
        yerr=np.clip([middle - low, high - middle], 0, None),
        fmt=marker,
        color=colour,
        markersize=8,
        markeredgecolor=ground,
        elinewidth=2,
        label=f"{line.model}: {power_law.text(line.slope)}",
    )
    if line.slope is not None:
        ends = np.array([x.min(), x.max()])
        fitted = 1e3 * np.exp(line.slope.intercept) * ends**line.slope.value
        panel.plot(ends, fitted, color=colour, linewidth=1.6, alpha=0.6)


def _scale(panel: Axes, values: list[float]) -> None:
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xticks(values, [f"{value:g}" for value in values])
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.xaxis.set_minor_locator(LogLocator(numticks=1))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.yaxis.set_minor_formatter(NullFormatter())
    panel.legend(loc="upper left", title="slope [95 % interval]", fontsize=10, title_fontsize=10)
    low, high = panel.get_ylim()
    panel.set_ylim(low, high * (high / low) ** 0.45)  # room for the legend
