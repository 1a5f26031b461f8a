"""Pictures of a ranking over data sets: critical differences, and performance profiles."""

import numpy as np

from bench.leaderboard.across import Ranking
from bench.report.plots import style as plot_style
from bench.stats import ranking as statistics

MAX_LINES = 8  # models of a profile: those of the best mean rank
_LEVEL = 0.34  # between two names, in units of the axis that the picture is drawn in
_DASHES = ("-", "--", "-.", ":")


def critical_differences(found: Ranking, target: plot_style.Target, theme: str = "light") -> bool:
    """Draws the mean ranks on a line, and a bar under models that cannot be told apart.

    Reference: Demsar, 2006, figure 1; bars by pairs as Benavoli et al., 2016.
    """
    num = len(found.models)
    num_left = (num + 1) // 2
    bars = found.cliques
    depth = 0.25 + 0.2 * len(bars)  # of the bars, below the axis
    height = 1.0 + depth + _LEVEL * num_left
    with plot_style.picture(target, theme, 9, height, layout=None) as (figure, colours):
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_ylim(height, 0)
        left, right = 0.36, 0.64  # of the line of ranks; names stand outside of it

        def place(rank: float) -> float:
            return left + (rank - 1) / (num - 1) * (right - left)

        axes.set_xlim(0, 1)
        axes.text(0.02, 0.3, "mean rank, 1 is best", color=colours["soft"], fontsize=11)
        line = 0.75
        axes.plot([left, right], [line, line], color=colours["ink"], linewidth=1.2)
        step = max(1, round((num - 1) / 10))
        for rank in range(1, num + 1, step):
            axes.plot([place(rank)] * 2, [line - 0.08, line], color=colours["ink"], linewidth=1.2)
            axes.text(place(rank), line - 0.14, str(rank), ha="center", color=colours["soft"])
        for number, (name, mean) in enumerate(zip(found.models, found.mean_ranks, strict=True)):
            is_left = number < num_left
            row = number if is_left else num - 1 - number
            level = line + depth + _LEVEL * (row + 0.4)
            x, end = place(mean.mean), left - 0.015 if is_left else right + 0.015
            colour = colours["second"] if found.baselines[number] else colours["ink"]
            axes.plot([x, x, end], [line, level, level], color=colours["muted"], linewidth=1)
            axes.plot([x], [line], "o", color=colour, markersize=5, clip_on=False)
            text = (
                f"{_short(name)}  {mean.mean:.2f}"
                if is_left
                else f"{mean.mean:.2f}  {_short(name)}"
            )
            axes.text(
                *(end - 0.006 if is_left else end + 0.006, level, text),
                ha="right" if is_left else "left",
                va="center",
                color=colour,
                fontsize=11,
            )
        for number, (first, last) in enumerate(bars):
            y = line + 0.2 + 0.2 * number
            ends = [place(found.mean_ranks[each].mean) for each in (first, last)]
            axes.plot(
                [ends[0] - 0.006, ends[1] + 0.006], [y, y], color=colours["first"], linewidth=4
            )
    return True


def profiles(found: Ranking, target: plot_style.Target, theme: str = "light") -> bool:
    """Draws the share of data sets on which a model is within a factor of the best.

    Returns:
        False where the metric has no ratios: then nothing is written.
    """
    if found.ratios is None:
        return False
    ratios = found.ratios[:, :MAX_LINES]
    finite = ratios[np.isfinite(ratios)]
    most = max(1.5, float(finite.max()) * 1.15)
    factors = np.unique(np.concatenate([[1.0], finite, [most]]))
    with plot_style.picture(target, theme, 9, 4.6) as (figure, colours):
        axes = figure.subplots()
        palette = [colours[key] for key in ("first", "second", "muted", "ink")]
        for number, name in enumerate(found.models[:MAX_LINES]):
            axes.step(
                factors,
                statistics.profile(ratios[:, number], factors),
                where="post",
                color=palette[number % len(palette)],
                linestyle=_DASHES[number // len(palette)],
                linewidth=2.2 if number < len(palette) else 1.6,
                label=_short(name),
            )
        plot_style.log_if_wide(axes, "x", [1.0, most])
        axes.set_xlim(1, most)
        axes.set_ylim(-0.04, 1.04)  # room between the first numbers of both axes
        axes.set_xlabel("cost by the lowest of the data set, at most")
        axes.set_ylabel("share of data sets")
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=9)
    return True


def _short(name: str) -> str:
    return name if len(name) <= 26 else f"{name[:24]} …"
