"""Pictures of a run: the house style, and the reconstructions. Only `plots*.py` use matplotlib.

Figures are made with matplotlib's object-oriented interface, so importing this module changes no
backend, no style and no open figure of the caller.
"""

import contextlib
import io
import textwrap
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullLocator

from bench.leaderboard import floors
from bench.leaderboard import rows as leaderboard_rows
from bench.leaderboard.rows import Row
from bench.records.schema import Record
from bench.records.store import write_whole

Target = str | Path | io.BytesIO

# Okabe and Ito's colours, which colour-blind readers can tell apart; lighter ones on dark ground.
THEMES = {
    "light": {
        "ground": "#ffffff",
        "ink": "#1b2330",
        "soft": "#5b6575",
        "grid": "#e4e8ee",
        "first": "#0072b2",
        "second": "#d55e00",
        "muted": "#8b95a5",
    },
    "dark": {
        "ground": "#171c26",
        "ink": "#e8ecf3",
        "soft": "#a3adbd",
        "grid": "#2b3341",
        "first": "#56b4e9",
        "second": "#f0a830",
        "muted": "#77839a",
    },
}
_PIXELS_PER_INCH = 150  # a width of 10 inches: 1500 pixels, sharp when shown at 1000
_ACROSS = 8  # images in a line
_NEXT_TO_NOTHING = 1e-6  # below it a quality is written as less than this


def reconstruction_strip(
    output_folder: str | Path,
    records: list[Record],
    target: Target,
    theme: str = "light",
    labels: bool = True,
) -> bool:
    """Draws the first test images above what each model makes of them.

    For each dataset: the noisy inputs where they differ from the targets, the targets, then one
    line per model, best first, with its quality, and the floors below them; not one that gives
    back every image as it is, such as PCA of as many numbers as an image has. Images may be grey
    or colour, masks are tinted in their image, series are drawn as lines. Of several seeds the
    first one with samples is shown.

    Args:
        output_folder: The folder that `samples_file` of a record is relative to.
        records: Records as `store.read` gives them; those without samples are left out.
        target: A path, or an `io.BytesIO`.
        theme: `"light"` or `"dark"`.
        labels: False leaves the names out and the ground transparent, for use in a page.

    Returns:
        True if there was something to draw; otherwise nothing is written.
    """
    lines = _strip_lines(output_folder, records)
    if not lines:
        return False
    width, left, right = (10.0, 0.24, 0.99) if labels else (6.0, 0.0, 1.0)
    heights = [_line_height(images, width * (right - left)) for _, images, _ in lines]
    with picture(target, theme, width, sum(heights), layout=None) as (figure, colours):
        if not labels:
            figure.set_facecolor("none")
        bottom = sum(heights)
        for height, (name, images, original) in zip(heights, lines, strict=True):
            bottom -= height
            place = (left, bottom / sum(heights), right - left, height / sum(heights))
            axes = figure.add_axes(place)
            axes.set_axis_off()
            (_draw_images if images.ndim == 4 else _draw_series)(axes, images, original, colours)
            if labels:
                figure.text(
                    *(left - 0.015, place[1] + place[3] / 2, name),
                    ha="right",
                    va="center",
                    fontsize=11.5,
                    linespacing=1.35,
                    color=colours["soft" if original is None else "ink"],
                )
    return True


def load_samples(output_folder: str | Path, record: Record) -> dict[str, np.ndarray] | None:
    """Returns the arrays `inputs`, `targets` and `reconstructions` of a record, in [0, 1].

    None where the record names no samples, or where they are missing, damaged or outside the
    output folder.
    """
    keys = ("inputs", "targets", "reconstructions")
    samples = load_arrays(output_folder, record.artifacts.samples, keys)
    if samples is None:
        return None
    try:
        samples = {
            key: np.clip(np.nan_to_num(np.asarray(array, np.float32)), 0, 1)
            for key, array in samples.items()
        }
    except (ValueError, TypeError):
        return None
    shapes = {array.shape for array in samples.values()}
    good = len(shapes) == 1 and all(a.ndim in (3, 4) and a.size for a in samples.values())
    return samples if good else None


def load_arrays(
    output_folder: str | Path, name: str | None, keys: tuple[str, ...]
) -> dict[str, np.ndarray] | None:
    """Returns the arrays of a file, None where it is missing, damaged or outside the folder."""
    folder = Path(output_folder).resolve()
    if not name or not (folder / name).resolve().is_relative_to(folder):
        return None
    try:
        with np.load(folder / name) as file:
            return {key: file[key] for key in keys}
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile):
        return None


@contextlib.contextmanager
def figure(
    theme: str,
    width: float,
    height: float,
    dots_per_inch: float = _PIXELS_PER_INCH,
    letters: float = 13,
    layout: str | None = "constrained",
) -> Iterator[tuple[Figure, dict[str, str]]]:
    """A figure in the house style, of inches, and the colours of its theme.

    Args:
        letters: Size of the labels of axes in points; other texts are in proportion.
    """
    colours = THEMES[theme]
    with matplotlib.rc_context(_style(colours, dots_per_inch, letters)):
        made = Figure(figsize=(width, height), layout=layout)
        FigureCanvasAgg(made)
        yield made, colours


@contextlib.contextmanager
def picture(
    target: Target, theme: str, width: float, height: float, layout: str | None = "constrained"
) -> Iterator[tuple[Figure, dict[str, str]]]:
    """A figure in the house style, written to the target when the block ends without an error."""
    with figure(theme, width, height, layout=layout) as (made, colours):
        yield made, colours
        buffer = target if isinstance(target, io.BytesIO) else io.BytesIO()
        made.savefig(buffer, format="png", metadata={"Software": None})
    if not isinstance(target, io.BytesIO):
        write_whole(target, buffer.getvalue())


def _style(colours: dict[str, str], dots_per_inch: float, letters: float) -> dict[str, Any]:
    ink, soft, ground = colours["ink"], colours["soft"], colours["ground"]
    return {
        "figure.dpi": dots_per_inch,
        "savefig.dpi": dots_per_inch,
        "figure.facecolor": ground,
        "axes.facecolor": ground,
        "savefig.facecolor": "auto",
        "text.color": ink,
        "axes.labelcolor": soft,
        "axes.titlecolor": ink,
        "xtick.color": soft,
        "ytick.color": soft,
        "xtick.major.size": 0,
        "ytick.major.size": 0,
        "xtick.minor.size": 0,
        "ytick.minor.size": 0,
        "axes.edgecolor": colours["grid"],
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.spines.left": False,
        "axes.grid": True,
        "grid.color": colours["grid"],
        "grid.linewidth": 1.0,
        "axes.axisbelow": True,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "font.family": "DejaVu Sans",
        "font.size": letters,
        "axes.labelsize": letters,
        "axes.titlesize": 1.08 * letters,
        "xtick.labelsize": 0.885 * letters,
        "ytick.labelsize": 0.885 * letters,
        "axes.formatter.useoffset": False,
        "legend.frameon": False,
        "legend.fontsize": 0.92 * letters,
        "lines.solid_capstyle": "round",
        "figure.constrained_layout.h_pad": 0.1,
        "figure.constrained_layout.w_pad": 0.1,
    }


def log_if_wide(axes: Axes, name: str, values: Sequence[float], ratio: float = 3) -> None:
    """Makes an axis logarithmic where its values are positive and far apart."""
    if min(values) > 0 and max(values) / min(values) > ratio:
        make_log(axes, name, max(values) / min(values))


def make_log(axes: Axes, name: str, ratio: float) -> None:
    """Makes an axis logarithmic, with the ticks that suit the ratio of its ends."""
    axis = axes.xaxis if name == "x" else axes.yaxis
    (axes.set_xscale if name == "x" else axes.set_yscale)("log")
    ticks = (1, 1.5, 2, 3, 5, 7) if ratio <= 10 else (1, 2, 5) if ratio <= 1000 else (1,)
    axis.set_major_locator(LogLocator(subs=ticks, numticks=12))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(EngFormatter() if name == "x" else "{x:g}")


def _strip_lines(
    output_folder: str | Path, records: list[Record]
) -> list[tuple[str, np.ndarray, np.ndarray | None]]:
    """The lines of a strip: name, arrays, and for a reconstruction what it should be."""
    lines: list[tuple[str, np.ndarray, np.ndarray | None]] = []
    headed = set()
    rows = leaderboard_rows.rows(records)
    several = len({row.table for row in rows}) > 1
    for row in _models_first(rows):
        samples = next(filter(None, (load_samples(output_folder, r) for r in row.records)), None)
        if samples is None:
            continue
        original = samples["targets"]
        if (row.table, original.shape) not in headed:
            headed.add((row.table, original.shape))
            if not np.allclose(samples["inputs"], original, atol=1e-6):
                lines.append((f"input\n{row['noise'] or ''}".strip(), samples["inputs"], None))
            name = "true mask" if row.record.data.task == "segmentation" else "original"
            name = f"{name}\n{row['dataset']}" if several else name
            lines.append((name, original, None))
        name, quality = short_lines(row.name, 24), row.quality
        if row.ranked_by in quality:
            metric = leaderboard_rows.METRICS[row.ranked_by]
            name += f"\n{metric} {_number(quality[row.ranked_by].mean)}"
        lines.append((name, samples["reconstructions"], original))
    return lines


def _models_first(rows: list[Row]) -> list[Row]:
    """Returns the rows of each table, models before floors; without failures and exact floors."""
    order = {table: number for number, table in enumerate(dict.fromkeys(r.table for r in rows))}

    def is_shown(row: Row) -> bool:
        size, shape = row.record.model.latent_size, row.record.data.image_shape or ()
        return not (row.failed or (row.baseline and floors.is_exact(size, shape)))

    return sorted(filter(is_shown, rows), key=lambda row: (order[row.table], row.baseline))


def short_lines(name: str, width: int, most: int = 3) -> str:
    """Returns a name in a few short lines, the rest of a long one left out."""
    lines = textwrap.wrap(name, width)
    if len(lines) > most:
        lines = [*lines[: most - 1], f"{lines[most - 1][: width - 2]} …"]
    return "\n".join(lines)


def _number(value: float) -> str:
    """Returns a number in three digits; what is as good as nothing without its power of ten."""
    return (
        f"{value:.3g}" if value == 0 or abs(value) >= _NEXT_TO_NOTHING else f"<{_NEXT_TO_NOTHING:f}"
    )


def _line_height(images: np.ndarray, width: float) -> float:
    """Height in inches of a line of eight images, or of series, across a width in inches."""
    ratio = images.shape[1] / images.shape[2] if images.ndim == 4 else 0.7
    return max(0.5, width / _ACROSS * ratio + 0.03)


def _draw_images(axes: Axes, images: np.ndarray, *_: Any) -> None:
    height, width, channels = images.shape[1:]
    if channels not in (1, 3):
        images = images.mean(axis=-1, keepdims=True)
    gap, scale = max(1, round(width * 0.06)), max(1, round(150 / width))
    line = np.zeros((height * scale, (_ACROSS * (width + gap) - gap) * scale, 4), np.float32)
    for number, image in enumerate(images[:_ACROSS]):
        place = slice(number * (width + gap) * scale, (number * (width + gap) + width) * scale)
        line[:, place, :3] = image.repeat(scale, axis=0).repeat(scale, axis=1)
        line[:, place, 3] = 1
    axes.imshow(line, interpolation="antialiased", aspect="equal")


def _draw_series(
    axes: Axes, series: np.ndarray, original: np.ndarray | None, colours: dict[str, str]
) -> None:
    """Series beside each other in [0, 1]; under a reconstruction the original as a pale line."""
    length = series.shape[1]
    for number in range(min(_ACROSS, len(series))):
        x = number * 1.08 + np.arange(length) / max(1, length - 1)
        if original is not None:
            axes.plot(x, original[number], color=colours["muted"], linewidth=2.6, alpha=0.45)
        key = "soft" if original is None else "first"
        axes.plot(x, series[number], color=colours[key], linewidth=1.3)
    axes.set_xlim(-0.02, _ACROSS * 1.08)
    axes.set_ylim(-0.08, 1.08)
