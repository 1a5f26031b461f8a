"""Arrays as pictures: series and vectors as lines, signed values in two colours, grids of tiles."""

import io
from collections.abc import Sequence

import numpy as np

_LINE_SIZE = (48, 96)  # height and width of the picture of a series
_NEGATIVE = np.array([0.0, 0.447, 0.698])  # the blue and the orange of the plots
_POSITIVE = np.array([0.835, 0.369, 0.0])


def as_images(values: np.ndarray, image_shape: Sequence[int]) -> np.ndarray:
    """Returns pictures `(n, height, width, 1 or 3)` of arrays of any shape of the zoo.

    Grey and colour images stay what they are, other numbers of channels are averaged. Series
    `(length, channels)` and vectors `(features,)` become lines, 0 at the bottom and 1 at the top.

    Args:
        values: Floats in `[0, 1]` or bytes, `(n, *image_shape)`.
        image_shape: Shape of one of them.
    """
    if values.dtype == np.uint8:
        values = values.astype("float32") / 255
    if len(image_shape) == 3:
        return values if image_shape[-1] in (1, 3) else values.mean(axis=-1, keepdims=True)
    lines = values.reshape(len(values), image_shape[0], -1)
    return np.stack([_drawn(line) for line in lines])


def _drawn(line: np.ndarray) -> np.ndarray:
    """Draws a series `(length, channels)`: each column from one value to the next."""
    height, width = _LINE_SIZE
    length = len(line)
    columns = np.linspace(0, max(length - 1, 0), width + 1)
    picture = np.zeros((height, width, 1))
    rows = np.arange(height)
    for channel in np.clip(line, 0, 1).T:
        levels = (1 - np.interp(columns, np.arange(length), channel)) * (height - 1)
        low, high = (np.round(f(levels[:-1], levels[1:])) for f in (np.minimum, np.maximum))
        covered = (rows[:, None] >= low - 0.5) & (rows[:, None] <= high + 0.5)
        picture[covered] = 1
    return picture


def signed(values: np.ndarray, limit: float | None = None) -> np.ndarray:
    """Returns colours `(..., 3)` of signed values: blue below 0, white at 0, orange above.

    Args:
        values: Floats of any shape.
        limit: The value that gets the full colour; None: the largest there is.
    """
    limit = limit or float(np.abs(values).max()) or 1.0
    strength = np.clip(np.abs(values) / limit, 0, 1)[..., None]
    full = np.where((values < 0)[..., None], _NEGATIVE, _POSITIVE)
    return 1 - strength * (1 - full)


def shades(values: np.ndarray, limit: float | None = None) -> np.ndarray:
    """Returns grey `(..., 1)` of values that are never negative, else signed colours `(..., 3)`."""
    if values.min(initial=0.0) < 0:
        return signed(values, limit)
    limit = limit or float(values.max(initial=0.0)) or 1.0
    return np.clip(values / limit, 0, 1)[..., None]


def grid(rows: Sequence[np.ndarray], scale: int = 1) -> np.ndarray:
    """Sets rows of pictures below each other; what is between them is transparent.

    Args:
        rows: Each `(n, height, width, 1 or 3)` in `[0, 1]`, of one height and width.
        scale: Whole factor by which each pixel grows; the gaps, see `gap`, do not.

    Returns:
        Bytes `(height, width, 4)`: red, green, blue, opacity.
    """
    height, width = (scale * size for size in rows[0].shape[1:3])
    between = gap(width)
    across = max(len(row) for row in rows)
    size = (len(rows) * (height + between) - between, across * (width + between) - between)
    canvas = np.zeros((*size, 4), np.uint8)
    for down, row in enumerate(rows):
        for along, picture in enumerate(row):
            top, left = down * (height + between), along * (width + between)
            place = canvas[top : top + height, left : left + width]
            grown = picture.repeat(scale, axis=0).repeat(scale, axis=1)
            place[..., :3] = np.round(255 * np.clip(grown, 0, 1))
            place[..., 3] = 255
    return canvas


def gap(width: int) -> int:
    """Returns the pixels between pictures of a width: an eighth of it, at least 2."""
    return max(2, round(width / 8))


def folded(pictures: np.ndarray, across: int) -> list[np.ndarray]:
    """Breaks one long row of pictures into rows of `across`."""
    return [pictures[start : start + across] for start in range(0, len(pictures), across)]


def scale_for(size: int, wanted: int) -> int:
    """Returns the whole factor that brings a size nearest to the one wanted, at least 1."""
    return max(1, round(wanted / size))


def png(picture: np.ndarray) -> bytes:
    """Returns bytes `(height, width, 4)` as a PNG file."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def animated_gif(frames: Sequence[np.ndarray], milliseconds: Sequence[int]) -> bytes:
    """Returns bytes `(height, width, 4)`, one per frame, as a GIF that runs for ever.

    All frames share one palette of 255 colours, exact where there are no more; what is
    transparent stays so.

    Args:
        milliseconds: How long each frame is shown.
    """
    from PIL import Image

    palette, indices = _indexed(np.stack(frames))
    pictures = []
    for frame in indices:
        picture = Image.fromarray(frame)
        picture.putpalette(palette.tobytes())
        pictures.append(picture)
    buffer = io.BytesIO()
    pictures[0].save(
        buffer,
        "GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=list(milliseconds),
        loop=0,
        transparency=255,
        disposal=2,
        optimize=False,
    )
    return buffer.getvalue()


def _indexed(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns a palette `(256, 3)` and for each pixel its entry; 255 is what is transparent."""
    from PIL import Image

    num, height, width, _ = frames.shape
    colours = frames[..., :3].reshape(num * height, width, 3)
    codes = colours.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    known, indices = np.unique(codes, return_inverse=True)
    palette = np.zeros((256, 3), np.uint8)
    if len(known) <= 255:
        palette[: len(known)] = known[:, None] >> np.array([16, 8, 0]) & 255
    else:
        coded = Image.fromarray(colours).quantize(255, dither=Image.Dither.NONE)
        entries = np.array(coded.getpalette(), np.uint8).reshape(-1, 3)[:255]
        palette[: len(entries)], indices = entries, np.asarray(coded)
    indices = np.asarray(indices, np.uint8).reshape(num, height, width)
    return palette, np.where(frames[..., 3] == 0, np.uint8(255), indices)
