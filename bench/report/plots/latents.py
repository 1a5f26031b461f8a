"""The picture of the codes: one point per test image, coloured by its class."""

import itertools
import math
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

from bench.errors import BenchError
from bench.leaderboard import rows as leaderboard_rows
from bench.records.schema import Record
from bench.report.plots import style

METHODS = ("pca", "t_sne")
PERPLEXITY = 30.0
_ACROSS = 3
_MOST_NAMED = 20
_SEED = 0


def codes(
    output_folder: str | Path,
    records: list[Record],
    target: style.Target,
    theme: str = "light",
    method: str = "pca",
    perplexity: float = PERPLEXITY,
) -> bool:
    """Draws the codes of test images on a plane, one panel per model, coloured by class.

    PCA shows the plane in which the codes vary most, with the share of the variance that lies in
    it. t-SNE keeps neighbours together, and neither the size of clusters nor the distance between
    them means anything; the number of neighbours that count is about the perplexity.

    Args:
        output_folder: The folder that `codes_file` of a record is relative to.
        records: Records as `store.read` gives them; those without codes are left out, and
            of several seeds the first with codes is drawn.
        target: A path, or an `io.BytesIO`.
        theme: `"light"` or `"dark"`.
        method: `"pca"` or `"t_sne"`; the latter takes seconds per model.
        perplexity: Of t-SNE: more than 0 and less than the images drawn. 5 to 50 are usual.

    Returns:
        True if there was something to draw; otherwise nothing is written.

    Raises:
        BenchError: for an unknown method, or a perplexity out of range.

    Reference: van der Maaten and Hinton, 2008. https://www.jmlr.org/papers/v9/vandermaaten08a.html
    """
    _check(method, perplexity)
    rows = [row for row in leaderboard_rows.rows(records) if not row.failed]
    loaded = [(row, _load_first(output_folder, row)) for row in rows]
    latents = [(row, arrays) for row, arrays in loaded if arrays is not None]
    if not latents:
        return False
    places = [project(arrays["codes"], method, perplexity) for _, arrays in latents]
    several = len({row.table for row, _ in latents}) > 1
    across, names = min(_ACROSS, len(latents)), _names(latents)
    down = math.ceil(len(latents) / across)
    lines_of_names = math.ceil(len(names) / 5) if names else 0
    height = 0.5 + (9.6 / max(2, across) + 0.45) * down + 0.28 * lines_of_names
    with style.picture(target, theme, 10, height) as (figure, colours):
        panels = figure.subplots(down, across, squeeze=False).flat
        for axes, drawn in itertools.zip_longest(panels, zip(latents, places, strict=True)):
            axes.set_axis_off()
            if drawn is None:
                continue
            (row, arrays), (points, share) = drawn
            _scatter(axes, points, arrays["labels"], colours["first"], theme)
            title = textwrap.fill(row.name, 28, break_long_words=False)
            if several:
                title += f"\n{row.table}"
            if share is not None:
                title += f"\n{share:.0%} of the variance in this plane"
            axes.set_title(title, fontsize=12)
        kind = "PCA" if method == "pca" else f"t-SNE, perplexity {perplexity:g}"
        figure.suptitle(f"Codes of test images, {kind}", fontsize=14)
        if names:
            palette = _palette(len(names), theme)
            handles = [
                Line2D([], [], marker="o", linestyle="", color=colour, label=name)
                for name, colour in zip(names, palette, strict=True)
            ]
            figure.legend(handles=handles, loc="outside lower center", ncols=5, fontsize=11)
    return True


def project(
    codes: np.ndarray, method: str = "pca", perplexity: float = PERPLEXITY
) -> tuple[np.ndarray, float | None]:
    """Puts codes on a plane, the same way each time.

    Args:
        codes: `(images, size)`, at least two images.
        method: See `codes`.
        perplexity: See `codes`.

    Returns:
        Points `(images, 2)`, and with PCA the share of the variance in that plane.
    """
    _check(method, perplexity)
    values = np.asarray(codes, dtype="float64")
    if method == "t_sne" and values.shape[1] > 2:
        if perplexity >= len(values):
            raise BenchError(
                f"perplexity must be less than the {len(values)} images drawn. "
                f"Received: perplexity={perplexity:g}."
            )
        from sklearn.manifold import TSNE
        from threadpoolctl import threadpool_limits

        start = "pca" if values.std() > 0 else "random"
        model = TSNE(2, perplexity=perplexity, init=start, random_state=_SEED)
        with threadpool_limits(1):  # threads that wait for busy cores cost far more than they gain
            return model.fit_transform(values.astype("float32")).astype("float64"), None
    centred = values - values.mean(axis=0)
    _, lengths, directions = np.linalg.svd(centred, full_matrices=False)
    points = np.zeros((len(values), 2))
    kept = directions[:2]
    points[:, : len(kept)] = centred @ (kept * _signs(kept)).T
    total = float((lengths**2).sum())
    return points, float((lengths[:2] ** 2).sum()) / total if total > 0 else 1.0


def _signs(directions: np.ndarray) -> np.ndarray:
    """Makes the largest entry of each direction positive, which a decomposition leaves open."""
    largest = np.abs(directions).argmax(axis=1)
    return np.where(directions[np.arange(len(directions)), largest] < 0, -1.0, 1.0)[:, None]


def _check(method: str, perplexity: float) -> None:
    if method not in METHODS:
        raise BenchError(f"method must be one of {', '.join(METHODS)}. Received: {method!r}.")
    if not 0 < perplexity < math.inf:
        raise BenchError(
            f"perplexity must be a number > 0. Received: perplexity={perplexity!r}. For example 30."
        )


def _load_first(output_folder: str | Path, row: leaderboard_rows.Row) -> dict[str, Any] | None:
    return next(filter(None, (_load(output_folder, record) for record in row.records)), None)


def _load(output_folder: str | Path, record: Record) -> dict[str, Any] | None:
    keys = ("codes", "labels", "class_names")
    latents = style.load_arrays(output_folder, record.artifacts.latents, keys)
    if latents is None:
        return None
    points, labels = latents["codes"], latents["labels"]
    good = points.ndim == 2 and len(points) > 1 and points.dtype.kind == "f"
    good = good and points.size > 0 and np.isfinite(points).all()
    good = good and labels.shape in ((0,), (len(points),)) and labels.dtype.kind in "iu"
    return latents if good and labels.min(initial=0) >= 0 else None


def _names(latents: list[tuple[leaderboard_rows.Row, dict[str, Any]]]) -> list[str]:
    """The class names of the legend, if all panels have the same and they are not too many."""
    every = {tuple(map(str, a["class_names"])) for _, a in latents if len(a["labels"])}
    names = list(every.pop()) if len(every) == 1 else []
    return [textwrap.shorten(name, 18, placeholder="…") for name in names[:_MOST_NAMED]]


def _scatter(axes, points: np.ndarray, labels: np.ndarray, colour: Any, theme: str) -> None:
    if len(labels):
        colour = np.array(_palette(int(labels.max()) + 1, theme))[labels]
    size = float(np.clip(9_000 / len(points), 6, 40))
    axes.scatter(*points.T, s=size, c=colour, alpha=0.8, linewidths=0)
    axes.set_aspect("equal", adjustable="datalim")


def _palette(num: int, theme: str) -> list[str]:
    """One colour per class, lighter on dark ground; beyond twenty classes they come round."""
    listed = np.array(colormaps["tab10" if num <= 10 else "tab20"].colors)
    if theme == "dark":
        listed = 1 - 0.65 * (1 - listed)
    return [to_hex(listed[k % len(listed)]) for k in range(num)]
