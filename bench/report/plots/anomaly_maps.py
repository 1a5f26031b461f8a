"""Pictures of anomalies, image by image: what a model makes of each, and where it finds them."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from bench.records.schema import Record
from bench.report.plots import style as plot_style

_SCORE_LIMIT = 3.0  # top of the common scale; 1 is what 1 % of normal pixels exceed
_SHOWN = ("inputs", "score_maps", "is_anomaly", "names")
_SHOWN_IF_THERE = ("reconstructions", "squared_errors", "uncertainties", "masks")


def score_maps(
    output_folder: str | Path,
    records: list[Record],
    target: plot_style.Target,
    theme: str = "light",
) -> bool:
    """Draws normal images beside anomalies, and below each what the model makes of it.

    From above: the input, with the true mask in orange where it is known and a line around what
    the model finds strange; where there are any, the reconstruction, the squared error and the
    predicted uncertainty; the score of each pixel. The last, less the lowest where that is below 0,
    is divided by what 1 % of the pixels of held-out normals exceed, so that its scale, from 0 to 3,
    is the same for all models. Of series the values are drawn as lines.

    Args:
        records: Those of one row; the first that has a file is drawn.

    Returns:
        True if there was something to draw; otherwise nothing is written.
    """
    maps = next(filter(None, (_load_maps(output_folder, record) for record in records)), None)
    if maps is None:
        return False
    if maps["inputs"].ndim == 4:
        _draw_maps(maps, target, theme)
    else:
        _draw_series(maps, target, theme)
    return True


# --- what the files hold --------------------------------------------------------------------------


def _load_maps(output_folder: str | Path, record: Record) -> dict[str, Any] | None:
    name = record.artifacts.anomalies
    maps = plot_style.load_arrays(output_folder, name, (*_SHOWN, "pixel_limit"))
    if maps is None or maps["score_maps"].ndim < 2 or maps["inputs"].ndim not in (3, 4):
        return None
    for key in _SHOWN_IF_THERE:
        maps |= plot_style.load_arrays(output_folder, name, (key,)) or {}
    limit = float(maps.pop("pixel_limit"))
    lowest = min(0.0, float(maps["score_maps"].min()), limit)  # below 0: of likelihoods
    unit = max(limit - lowest, np.finfo("float32").tiny)
    maps["score_maps"] = (maps["score_maps"] - lowest) / unit
    return maps


# --- drawing --------------------------------------------------------------------------------------


def _draw_maps(maps: dict[str, Any], target: plot_style.Target, theme: str) -> None:
    images = maps["inputs"]
    normals = np.flatnonzero(maps["is_anomaly"] == 0)
    columns = [*normals, *np.flatnonzero(maps["is_anomaly"] == 1)]
    lines = ["inputs", "reconstructions", "squared_errors", "uncertainties", "score_maps"]
    lines = [key for key in lines if key in maps]
    height, width = images.shape[1:3]
    tile = 0.78
    size = (1.3 + tile * len(columns) + 0.9, tile * height / width * len(lines) + 0.75)
    tops = {key: float(maps[key].max()) or 1.0 for key in lines}
    tops |= {"inputs": 1.0, "reconstructions": 1.0, "score_maps": _SCORE_LIMIT}
    titles = {
        "inputs": "input",
        "reconstructions": "reconstruction",
        "squared_errors": "squared error",
        "uncertainties": "predicted\nuncertainty",
        "score_maps": "score, 1 =\nrare in normals",
    }
    with plot_style.picture(target, theme, *size) as (figure, colours):
        grid = figure.subplots(len(lines), len(columns), squeeze=False)
        for axes in grid.ravel():
            axes.set_xticks([])
            axes.set_yticks([])
            axes.grid(visible=False)
            axes.spines[:].set_visible(False)
        for line, key in enumerate(lines):
            for place, column in enumerate(columns):
                picture = _as_picture(maps[key][column])
                colour_map = "gray" if key in ("inputs", "reconstructions") else "inferno"
                drawn = grid[line, place].imshow(
                    picture, cmap=colour_map, vmin=0, vmax=tops[key], interpolation="nearest"
                )
            grid[line, 0].set_ylabel(
                titles[key], rotation=0, ha="right", va="center", fontsize=10.5, labelpad=6
            )
            if key not in ("inputs", "reconstructions"):
                bar = figure.colorbar(drawn, ax=grid[line, :].tolist(), shrink=0.85, pad=0.01)
                bar.ax.tick_params(labelsize=8)
                bar.outline.set_visible(False)
        for place, column in enumerate(columns):
            axes = grid[0, place]
            _outline(axes, maps["score_maps"][column], 1.0, colours["first"])
            if "masks" in maps:
                _outline(axes, maps["masks"][column].astype(float), 0.5, colours["second"])
            is_anomaly = bool(maps["is_anomaly"][column])
            axes.set_title(
                str(maps["names"][column]).replace("_", "\n").replace("/", "/\n"),
                fontsize=9,
                loc="center",
                fontweight="bold" if is_anomaly else "normal",
                color=colours["second" if is_anomaly else "soft"],
            )


def _outline(axes: Axes, values: np.ndarray, level: float, colour: str) -> None:
    if values.min() < level < values.max():
        axes.contour(values, levels=[level], colors=[colour], linewidths=1.0)


def _as_picture(values: np.ndarray) -> np.ndarray:
    if values.ndim == 3 and values.shape[-1] != 3:
        return values.mean(axis=-1)
    return values


def _draw_series(maps: dict[str, Any], target: plot_style.Target, theme: str) -> None:
    """Input and reconstruction as lines, with the score of each point as a filled curve below."""
    columns = range(len(maps["inputs"]))
    num_columns = 4
    num_rows = -(-len(columns) // num_columns)
    with plot_style.picture(target, theme, 10, 2.1 * num_rows + 0.6) as (figure, colours):
        every = figure.subplots(num_rows, num_columns, squeeze=False).ravel()
        for axes in every[len(columns) :]:
            axes.set_axis_off()
        for axes, column in zip(every, columns, strict=False):
            is_anomaly = bool(maps["is_anomaly"][column])
            time = np.arange(maps["inputs"].shape[1])
            axes.plot(time, maps["inputs"][column].mean(axis=-1), color=colours["ink"], lw=1.2)
            if "reconstructions" in maps:
                rebuilt = maps["reconstructions"][column].mean(axis=-1)
                axes.plot(time, rebuilt, color=colours["first"], lw=1.2)
            score = np.minimum(maps["score_maps"][column], _SCORE_LIMIT) / _SCORE_LIMIT
            axes.fill_between(
                time, -0.5, 0.4 * score - 0.5, color=colours["second"], alpha=0.8, lw=0
            )
            if "uncertainties" in maps:
                deviation = maps["uncertainties"][column]
                axes.fill_between(
                    time,
                    rebuilt - deviation,
                    rebuilt + deviation,
                    color=colours["first"],
                    alpha=0.2,
                )
            if "masks" in maps:
                axes.fill_between(
                    time,
                    -0.5,
                    1,
                    where=maps["masks"][column] > 0,
                    color=colours["muted"],
                    alpha=0.3,
                )
            axes.set_ylim(-0.55, 1.05)
            axes.set_yticks([])
            axes.set_xticks([])
            colour = colours["second" if is_anomaly else "soft"]
            axes.set_title(str(maps["names"][column]), fontsize=10.5, color=colour)
