"""Pictures of predicted uncertainty: sparsification, and predicted against observed quantiles."""

from collections.abc import Sequence

import numpy as np

from bench.leaderboard.rows import Row
from bench.report.plots import style as plot_style

MAX_MODELS = 4
_LINES = ("-", "--", "-.", ":")


def curves(rows: Sequence[Row], target: plot_style.Target, theme: str = "light") -> bool:
    """Draws both for the first models that predict an uncertainty; False where none does."""
    shown = [(row, found) for row in rows if (found := _mean_curves(row)) is not None]
    shown = shown[:MAX_MODELS]
    if not shown:
        return False
    with plot_style.picture(target, theme, 10, 5.0) as (figure, colours):
        left, right = figure.subplots(1, 2)
        for number, (row, found) in enumerate(shown):
            style = {"linestyle": _LINES[number], "linewidth": 1.8}
            shares = [100 * share for share in found["left_out"]]
            left.plot(
                shares, found["by_deviation"], color=colours["first"], label=row.name, **style
            )
            left.plot(shares, found["by_error"], color=colours["second"], **style)
            right.plot(found["levels"], found["below"], color=colours["first"], **style)
        right.plot((0, 1), (0, 1), color=colours["soft"], linestyle=":", linewidth=1.2)
        left.set_title("Sparsification")
        left.set_xlabel("pixels left out, %")
        left.set_ylabel("error of the rest, 1 = of all")
        left.set_ylim(0, None)
        right.set_title("Quantiles")
        right.set_xlabel("predicted share below")
        right.set_ylabel("share of pixels below")
        figure.legend(loc="outside lower center", ncols=2, fontsize=10.5)
    return True


def _mean_curves(row: Row) -> dict[str, np.ndarray] | None:
    """Returns the mean of each curve over the records of a row; None where one has none."""
    every = [record.quality.uncertainty_curves for record in row.records]
    if row.failed or not every or any(each is None for each in every):
        return None
    return {name: np.mean([each[name] for each in every], axis=0) for name in every[0]}
