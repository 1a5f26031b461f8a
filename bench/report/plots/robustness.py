"""AUROC against the share of anomalies, or the number of normals, among the training images."""

from collections.abc import Sequence

from bench.leaderboard import robustness
from bench.leaderboard.rows import Row
from bench.report.plots import style as plot_style

MAX_LINES = 6  # models, and as many baselines, of a panel: those that are best at its first level
_MARKS = ("o", "s", "^", "D", "v", "P")


def curves(rows: Sequence[Row], target: plot_style.Target, theme: str = "light") -> bool:
    """Draws a panel for each thing that is varied; returns False where nothing is."""
    panels = robustness.main_panels(rows)
    if not panels:
        return False
    height = 4.6 * len(panels) + 0.2
    with plot_style.picture(target, theme, 9, height) as (figure, colours):
        every = figure.subplots(len(panels), 1, squeeze=False).ravel()
        for axes, panel in zip(every, panels, strict=True):
            _draw(axes, panel, colours)
    return True


def _draw(axes, panel: robustness.Panel, colours: dict[str, str]) -> None:
    models = [line for line in panel.lines if not line.is_baseline][:MAX_LINES]
    floors = [line for line in panel.lines if line.is_baseline][:MAX_LINES]
    palette = [colours[key] for key in ("first", "muted", "ink")]
    places = range(len(panel.places))  # at equal distances: shares and numbers span decades
    for lines in (models, floors):
        for number, line in enumerate(lines):
            known = [(x, value) for x, value in zip(places, line.values, strict=True) if value]
            means = [value.mean for _, value in known]
            errors = [
                [v.mean - (v.mean if v.low is None else v.low) for _, v in known],
                [(v.mean if v.high is None else v.high) - v.mean for _, v in known],
            ]
            axes.errorbar(
                [x for x, _ in known],
                means,
                errors,
                color=colours["second"] if line.is_baseline else palette[number % len(palette)],
                linestyle="--" if line.is_baseline else "-",
                marker=_MARKS[number % len(_MARKS)],
                markersize=5,
                linewidth=1.6,
                capsize=3,
                label=line.name,
            )
    axes.set_xticks(list(places), _ticks(panel))
    axes.set_xlabel(panel.axis.words)
    axes.set_ylabel("AUROC")
    axes.set_title(panel.table, fontsize=11)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=9)


def _ticks(panel: robustness.Panel) -> list[str]:
    """Returns the levels in words; all normals with their number."""
    return [
        f"all, {place:,.0f}" if text == "all" else text
        for place, text in zip(panel.places, panel.texts, strict=True)
    ]
