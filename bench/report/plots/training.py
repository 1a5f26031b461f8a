"""Pictures of a training: loss curves, reconstructions by epoch, filters, maps and latent grids."""

import itertools
import math
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bench.leaderboard import rows as leaderboard_rows
from bench.records.schema import Record
from bench.report.plots import image_grid, style
from bench.report.plots.style import Target

ACROSS = 8  # filters or maps in a line
MAX_SLICES = 16  # filters, and channels of each, where every channel is a picture
_TITLE_WIDTH, _TITLE_LINES = 32, 4  # characters, lines of a panel's title
_WIDE = 4  # losses are drawn on a logarithmic scale from this ratio on
_TILE = 44  # pixels of one image in a small picture
_FRAME_MILLISECONDS = 160
_LAST_MILLISECONDS = 2200
_MUTED = (128, 138, 155, 255)  # readable on light and on dark ground
_ACCENT = (0, 130, 200, 255)


def loss_curves(records: list[Record], target: Target, theme: str = "light") -> bool:
    """Draws training and validation loss by epoch, one panel per model, one thin line per seed.

    Panels have scales of their own, because the losses of two models are often two quantities.

    Args:
        records: Records as `store.read` gives them; those without a history are left out.
        target: A path, or an `io.BytesIO`.
        theme: `"light"` or `"dark"`.

    Returns:
        True if there was something to draw; otherwise nothing is written.
    """
    rows = leaderboard_rows.rows(records)
    trained = [row for row in rows if any(record.training.curve() for record in row.records)]
    if not trained:
        return False
    several = len({row.table for row in trained}) > 1
    across = min(3, len(trained))
    down = math.ceil(len(trained) / across)
    titles = [_title(row, several) for row in trained]
    height = 1.9 + 0.22 * max(title.count("\n") + 1 for title in titles)
    with style.picture(target, theme, 10, 0.9 + height * down) as (figure, colours):
        panels = figure.subplots(down, across, squeeze=False).flat
        for axes, row, title in itertools.zip_longest(panels, trained, titles):
            if row is None:
                axes.set_axis_off()
                continue
            for name, colour in (("loss", colours["first"]), ("val_loss", colours["second"])):
                _draw_seeds(axes, [record.training.curve(name) for record in row.records], colour)
            axes.set_title(title, fontsize=11)
            axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
            axes.yaxis.set_major_locator(MaxNLocator(4))
            style.log_if_wide(axes, "y", axes.dataLim.intervaly, ratio=_WIDE)
        handles = [
            Line2D([], [], color=colours[key], linewidth=2.6, label=label)
            for key, label in (("first", "training"), ("second", "validation"))
        ]
        figure.legend(handles=handles, loc="outside upper right", ncols=2)
        figure.supxlabel("epoch", fontsize=12, color=colours["soft"])
        figure.supylabel("loss, on a scale of its own", fontsize=12, color=colours["soft"])
    return True


def _title(row: leaderboard_rows.Row, with_table: bool) -> str:
    """Returns the name of a row in a few short lines, the rest of a long one left out."""
    name = style.short_lines(row.name, _TITLE_WIDTH, _TITLE_LINES)
    return f"{name}\n{row.table}" if with_table else name


def _draw_seeds(axes: Axes, curves: list[list[float]], colour: str) -> None:
    """Each seed as a thin line and their mean as a thick one."""
    curves = [values for values in curves if values]
    if not curves:
        return
    for values in curves if len(curves) > 1 else []:
        axes.plot(range(1, len(values) + 1), values, color=colour, linewidth=0.9, alpha=0.45)
    shortest = min(map(len, curves))
    mean = np.mean([values[:shortest] for values in curves], axis=0)
    mark = "o" if shortest == 1 else None
    axes.plot(range(1, shortest + 1), mean, color=colour, linewidth=2.4, marker=mark)


# --- arrays as rows of pictures -------------------------------------------------------------


def learning_gif(output_folder: str | Path, record: Record) -> bytes | None:
    """Animates what a model made of a few test images, epoch by epoch.

    The first line shows what it should be, the second what it is; a bar and a number below tell
    the epoch. The ground is transparent, so that it suits light and dark pages.

    Args:
        output_folder: The folder that `frames_file` of the record is relative to.
        record: A record as `bench.records.store.read` gives it.

    Returns:
        The GIF file, or None where the record has no frames, or they are damaged.
    """
    keys = ("frames", "targets", "epochs")
    arrays = style.load_arrays(output_folder, record.artifacts.frames, keys)
    if arrays is None:
        return None
    frames, targets, epochs = (arrays[key] for key in keys)
    is_whole = frames.ndim >= 3 and frames.shape[1:] == targets.shape and frames.size
    if not is_whole or len(epochs) != len(frames) or frames.dtype != np.uint8:
        return None
    shape, total = targets.shape[1:], int(epochs.max())
    originals = image_grid.as_images(targets, shape)
    scale = image_grid.scale_for(originals.shape[2], _TILE)
    pictures = []
    for frame, epoch in zip(frames, epochs, strict=True):
        picture = image_grid.grid([originals, image_grid.as_images(frame, shape)], scale)
        pictures.append(np.concatenate([picture, _epoch_bar(picture.shape[1], int(epoch), total)]))
    times = [_FRAME_MILLISECONDS] * (len(pictures) - 1) + [_LAST_MILLISECONDS]
    return image_grid.animated_gif(pictures, times)


def _epoch_bar(width: int, epoch: int, total: int) -> np.ndarray:
    """A line that grows with the epochs, and the epoch in words, on transparent ground."""
    from PIL import Image, ImageDraw, ImageFont

    bar = Image.new("RGBA", (width, 30))
    draw = ImageDraw.Draw(bar)
    draw.fontmode = "1"  # a GIF knows no half-transparent pixels
    draw.rectangle((0, 5, width - 1, 6), fill=_MUTED)
    draw.rectangle((0, 4, round((width - 1) * epoch / max(total, 1)), 7), fill=_ACCENT)
    text = f"epoch {epoch} of {total}" if epoch else "untrained"
    draw.text((0, 11), text, fill=_MUTED, font=ImageFont.load_default(15))
    return np.asarray(bar)


# --- arrays as rows of pictures -------------------------------------------------------------


def filter_rows(filters: np.ndarray, max_filters: int = 32) -> list[np.ndarray]:
    """Returns rows of pictures of filters `(filters, height, width, channels)`.

    Filters that read one channel are shown in signed colours, those that read three as colours
    about grey; of others each row is a filter, with one picture for each channel that it reads,
    16 of each at most. Filters of series `(filters, length, channels)` are one pixel high.
    """
    filters = filters[:max_filters]
    if filters.ndim == 3:
        filters = filters[:, None]
    limit = float(np.abs(filters).max()) or 1.0
    channels = filters.shape[-1]
    if channels == 3:
        return image_grid.folded(0.5 + filters / (2 * limit), ACROSS)
    if channels == 1:
        return image_grid.folded(image_grid.signed(filters[..., 0], limit), ACROSS)
    shown = np.moveaxis(filters[:MAX_SLICES, ..., :MAX_SLICES], -1, 1)
    return list(image_grid.signed(shown, limit))


def map_rows(maps: np.ndarray, max_maps: int = 16) -> list[np.ndarray]:
    """Returns rows of pictures of activation maps `(channels, height, width)`, on one scale.

    Maps of series `(channels, length)` are drawn an eighth as high as long.
    """
    maps = maps[:max_maps]
    if maps.ndim == 2:
        maps = maps[:, None].repeat(max(1, maps.shape[1] // 8), axis=1)
    return image_grid.folded(image_grid.shades(maps), ACROSS)


# --- one picture with words -----------------------------------------------------------------


def grid(
    rows: list[tuple[str, np.ndarray]],
    target: Target,
    theme: str = "light",
    title: str = "",
    columns: list[str] | None = None,
    note: str = "",
) -> None:
    """Draws rows of pictures with their names.

    Args:
        rows: Name and pictures `(n, height, width, 1 or 3)` in `[0, 1]`, all of one size.
        target: A path, or an `io.BytesIO`.
        theme: `"light"` or `"dark"`.
        title: Above all.
        columns: Names of the columns, or None.
        note: A line below.
    """
    height, width = rows[0][1].shape[1:3]
    across = max(len(pictures) for _, pictures in rows)
    left = min(2.6, 0.15 + 0.1 * max(len(name) for name, _ in rows))
    size = min(0.95, (10 - left) / across)  # inches of one picture
    scale = image_grid.scale_for(width, 100)
    gap = image_grid.gap(scale * width)
    step = size * (scale * height + gap) / (scale * width + gap)
    above, below = 0.75 if columns else 0.5, 0.35 if note else 0.1
    full_width = max(left + size * across + 0.1, 6.5)
    full_height = above + step * len(rows) + below
    with style.picture(target, theme, full_width, full_height, layout=None) as (figure, colours):
        place = (left / full_width, below / full_height)
        share = (size * across / full_width, step * len(rows) / full_height)
        axes = figure.add_axes((*place, *share))
        axes.set_axis_off()
        picture = image_grid.grid([pictures for _, pictures in rows], scale)
        axes.imshow(picture, interpolation="antialiased", aspect="auto", extent=(0, 1, 0, 1))
        top = 1 - 0.25 / full_height
        figure.text(0.1 / full_width, top, title, fontsize=13, fontweight="bold", va="center")
        small = {"fontsize": 10, "color": colours["soft"], "va": "center"}
        for number, (name, _) in enumerate(rows):
            y = 1 - (above + step * (number + 0.5)) / full_height
            figure.text(place[0] - 0.08 / full_width, y, name, ha="right", **small)
        for number, name in enumerate(columns or []):
            x = (left + size * (number + 0.5)) / full_width
            figure.text(x, 1 - (above - 0.1) / full_height, name, ha="center", **small)
        figure.text(0.1 / full_width, 0.15 / full_height, note, **small)
