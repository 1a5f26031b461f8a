"""The pictures of a card: what the files of a row hold, drawn for the template to set."""

import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np

from bench.leaderboard.rows import Row
from bench.report import drawings
from bench.report.html import Image
from bench.report.plots import (
    anomaly_maps,
    image_grid,
    label_swap,
    latents,
    style,
    training,
)

LEARNING = "Learning, epoch by epoch"
_TILE = 44  # pixels of one image in a grid


@dataclasses.dataclass(frozen=True)
class Figure:
    """A picture or a drawing of codes, with what there is to say about it."""

    caption: str
    image: Image | None = None
    codes: drawings.Codes | None = None


def from_row(
    output: Path, row: Row, gif: bytes | None, with_swaps: bool, plane: dict[str, Any]
) -> dict[str, list[Figure]]:
    """Returns the sections of a card that are pictures, by heading.

    Each record of the row may lack any file; the first that has one gives the picture.

    Args:
        output: The folder of the run.
        gif: What `plots.training.learning_gif` made of the row.
        with_swaps: Whether the label swap of a conditional model is drawn for each row.
        plane: `method` and `perplexity` of `plots.latents.project`.
    """
    pictures = {}
    if gif is not None:
        picture = Image(gif, f"Reconstructions of {row.name} by epoch", "pixels")
        caption = "Test images above, what the model makes of them below."
        pictures[LEARNING] = [Figure(caption, picture)]
    pictures["Filters and activation maps"] = _layers(output, row)
    pictures["The code"] = _codes(output, row, plane) + _latent(output, row)
    pictures["Anomalies"] = _anomalies(output, row)
    if with_swaps:
        pictures["Label swap"] = _swaps(output, row)
    return {heading: figures for heading, figures in pictures.items() if figures}


def _load(
    output: Path, row: Row, field: str, keys: tuple[str, ...]
) -> dict[str, np.ndarray] | None:
    """Returns arrays of the first record of a row that has them."""
    loaded = (style.load_arrays(output, record.get(field), keys) for record in row.records)
    return next((arrays for arrays in loaded if arrays is not None), None)


def _layers(output: Path, row: Row) -> list[Figure]:
    parts = []
    kernel = _load(output, row, "layers_file", ("filters", "filters_layer"))
    if kernel is not None and kernel["filters"].ndim in (3, 4):
        filters = kernel["filters"].astype("float32")
        layer = str(kernel["filters_layer"])
        picture = _picture(training.filter_rows(filters), 32, f"Filters of {layer}")
        shape = " x ".join(map(str, filters.shape[1:]))
        note = f"{layer}: weights of its filters, {shape} each. Blue below 0, orange above."
        parts.append(Figure(note, picture))
    names = _load(output, row, "layers_file", ("maps_layers",))
    for number, name in enumerate(names["maps_layers"] if names else ()):
        maps = _load(output, row, "layers_file", (f"maps_{number}",))
        if maps is None or maps[f"maps_{number}"].ndim not in (2, 3):
            continue
        values = maps[f"maps_{number}"].astype("float32")
        picture = _picture(training.map_rows(values), 40, f"Activation maps of {name}")
        note = f"{name}: what it makes of the first test image, up to {values.max():.3g}."
        parts.append(Figure(note, picture))
    return parts


def _codes(output: Path, row: Row, plane: dict[str, Any]) -> list[Figure]:
    arrays = _load(output, row, "codes_file", ("codes", "labels", "class_names"))
    if arrays is None or arrays["codes"].ndim != 2 or min(arrays["codes"].shape) < 2:
        return []
    codes, labels = np.nan_to_num(arrays["codes"].astype("float64")), arrays["labels"]
    names = [str(name) for name in arrays["class_names"]]
    if len(labels) != len(codes):
        labels, names = np.full(len(codes), -1), []
    points, share = latents.project(codes, **plane)
    if share is None:
        note = f"Codes of {len(codes)} test images by t-SNE, perplexity {plane['perplexity']:g}."
    else:
        note = f"Codes of {len(codes)} test images on their two main axes, which hold {share:.0%} "
        note += "of their variance."
    return [Figure(note, codes=drawings.codes(points.tolist(), labels.tolist(), names))]


def _latent(output: Path, row: Row) -> list[Figure]:
    shape, parts = tuple(row.record.data.image_shape or ()), []
    crossed = _load(output, row, "latent_file", ("traversal", "units", "values"))
    if crossed is not None and _is_grid(crossed["traversal"], shape):
        rows = [image_grid.as_images(line, shape) for line in crossed["traversal"]]
        picture = _picture(rows, _TILE, f"Traversal of the code of {row.name}")
        units = ", ".join(str(unit) for unit in crossed["units"])
        note = f"One code unit at a time, from its lowest to its highest value: units {units}."
        parts.append(Figure(note, picture))
    lines = _load(output, row, "latent_file", ("interpolation",))
    if lines is not None and _is_grid(lines["interpolation"], shape):
        rows = [image_grid.as_images(line, shape) for line in lines["interpolation"]]
        picture = _picture(rows, _TILE, f"Interpolation between codes of {row.name}")
        parts.append(Figure("From one test image to the next, by their codes.", picture))
    return parts


def _is_grid(values: np.ndarray, shape: tuple[int, ...]) -> bool:
    return bool(shape) and values.size > 0 and values.shape[2:] == shape


def _picture(rows: list[np.ndarray], wanted: int, alt: str) -> Image:
    scale = image_grid.scale_for(rows[0].shape[2], wanted)
    return Image(image_grid.png(image_grid.grid(rows, scale=scale)), alt, "pixels")


def _swaps(output: Path, row: Row) -> list[Figure]:
    target = io.BytesIO()
    if not label_swap.redrawn_images(output, list(row.records), target):
        return []
    alt = f"Images that {row.name} redrew with a wrong label"
    return [Figure("", Image(target.getvalue(), alt, "strip"))]


def _anomalies(output: Path, row: Row) -> list[Figure]:
    light, dark = io.BytesIO(), io.BytesIO()
    for target, theme in ((light, "light"), (dark, "dark")):
        if not anomaly_maps.score_maps(output, list(row.records), target, theme):
            return []
    alt = f"Normal images and anomalies, as {row.name} sees them"
    picture = Image(light.getvalue(), alt, dark=dark.getvalue())
    return [Figure("Normal test images beside anomalies.", picture)]
