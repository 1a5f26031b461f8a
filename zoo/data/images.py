"""Image files: found in a folder, read as arrays of one size and colour, and written as PNG."""

import dataclasses
from pathlib import Path

import numpy as np

from zoo.data import scaling
from zoo.data.files import find as find
from zoo.data.files import suffixes as suffixes
from zoo.data.mask_numbers import read_mask as read_mask
from zoo.data.opening import OutOfRangeError, is_grey, opened, upright
from zoo.data.opening import UnreadableImageError as UnreadableImageError
from zoo.data.opening import size_of as size_of
from zoo.data.scaling import Scale

MASK_COLORS = ((230, 60, 60), (60, 140, 230), (70, 180, 90), (240, 180, 40), (150, 90, 200))


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a file holds beside the pixels that are read.

    Attributes:
        num_frames: Pages or frames, of which the first is read.
        is_transparent: Whether it has an alpha that hides something, which is left out.
        top: Highest value of the type: 255, 65535, or 1 for floats and bits.
        highest: Highest value in the file.
        is_cut: Whether the pixels have 16 bits a colour, of which Pillow reads the upper 8.
    """

    num_frames: int
    is_transparent: bool
    top: float
    highest: float
    is_cut: bool = False


def read(
    file,
    *,
    resize: tuple[int, int] | None = None,
    color: str | None = None,
    value_range: tuple[float, float] | None = None,
) -> np.ndarray:
    """Reads an image.

    A camera's rotation mark is applied, of moving pictures the first frame is read, and alpha is
    left out. Pixels of 16 bits are divided by 65535, of 8 bits by 255; floats lie in `[0, 1]`.
    Of colours of 16 bits the upper 8 are read.

    Args:
        file: Path of the file.
        resize: `(height, width)`; by area averaging (Pillow's BOX filter).
        color: `"grey"`, `"rgb"`, or None to keep what the file has.
        value_range: What is black and what is white, in place of the type's range.

    Returns:
        Float32 `(height, width, channels)` in `[0, 1]`, with 1 or 3 channels.

    Raises:
        UnreadableImageError: if the file is damaged, or its pixels have no known range.
    """
    return read_with_facts(file, resize=resize, color=color, value_range=value_range)[0]


def read_with_facts(
    file,
    *,
    resize: tuple[int, int] | None = None,
    color: str | None = None,
    value_range: tuple[float, float] | None = None,
) -> tuple[np.ndarray, Facts]:
    """Reads an image as `read` does, and what else the file holds."""
    from PIL import Image

    with opened(file, load=False) as image:
        is_cut = _is_cut(image)
        image.load()
        num_frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
        image = upright(image)
        is_transparent = _hides(image)
        unit = 257.0 if is_cut else 1.0  # 65535 / 255
        top = unit * {"F": 1.0, "I": 65_535.0}.get(image.mode[0], 255.0)
        image = _simple_mode(image)
        low, highest = (unit * value for value in _extremes(image))
        facts = Facts(num_frames, is_transparent, top, highest, is_cut)
        _check_range(file, low, highest, top, value_range)
        if color == "grey" and image.mode == "RGB":
            image = image.convert("L")
        if resize is not None:
            image = image.resize((resize[1], resize[0]), Image.Resampling.BOX)
        pixels = np.asarray(image, dtype="float32")
    pixels = pixels * np.float32(unit) if is_cut else pixels
    pixels = Scale(*(value_range or (0.0, top))).apply(pixels)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3 if color == "rgb" else 1, axis=-1)
    return pixels, facts


def _is_cut(image) -> bool:
    """Tells whether an opened image, not yet loaded, has 16 bits where Pillow makes it 8."""
    if image.mode.startswith(("I", "F")):
        return False
    decoded = [each[3] for each in image.tile]  # how the file holds its pixels
    parts = [part for each in decoded for part in (each if isinstance(each, tuple) else (each,))]
    is_netpbm = image.format == "PPM" and any(isinstance(p, int) and p > 255 for p in parts)
    return is_netpbm or any(isinstance(part, str) and ";16" in part for part in parts)


def _simple_mode(image):
    """Returns the image as `"L"`, `"RGB"`, or `"F"` for wider pixels and floats."""
    if image.mode == "F":
        return image
    if image.mode.startswith("I"):
        return (image.convert("I") if image.mode == "I;16B" else image).convert("F")
    if image.mode in ("L", "RGB"):
        return image
    if image.mode in ("1", "LA", "La") or (image.mode == "P" and is_grey(image)):
        return image.convert("L")
    return image.convert("RGB")


def _hides(image) -> bool:
    """Tells whether an alpha channel, or a colour named as transparent, hides a pixel."""
    if "A" not in image.getbands() and "transparency" not in image.info:
        return False
    return image.convert("RGBA").getchannel("A").getextrema()[0] < 255


def _extremes(image) -> tuple[float, float]:
    """Returns the lowest and the highest value of all channels."""
    if image.mode == "F":  # Pillow passes over NaN
        values = np.asarray(image)
        return float(values.min()), float(values.max())
    extremes = np.ravel(image.getextrema())
    return float(extremes.min()), float(extremes.max())


def _check_range(file, low: float, high: float, top: float, value_range) -> None:
    if not np.isfinite([low, high]).all():
        raise ValueError("its pixels hold NaN or infinity")
    first, last = value_range or (0.0, top)
    if first <= low and high <= last:
        return
    if value_range is not None:
        raise OutOfRangeError(
            f"{file}: pixels must lie in the range {first:g}..{last:g} that is given. Received: "
            f"{low:g}..{high:g}.",
            "Give a range that holds all values of all files, such as "
            f"--range {scaling.range_text((min(low, 0), high))}.",
        )
    kind = "floats of unknown range" if top == 1 else "numbers of more than 16 bits"
    raise OutOfRangeError(
        f"{file}: black and white must be known. Received: pixels that are {kind}, "
        f"{low:g}..{high:g}.",
        "Say what they are: --range LOW..HIGH.",
    )


def resized(image, size: tuple[int, int]) -> np.ndarray:
    """Resizes an array `(height, width)` or `(height, width, channels)` in `[0, 1]`, linearly."""
    from PIL import Image

    image = np.asarray(image, "float32")
    if image.shape[:2] == tuple(size):
        return image
    channels = [
        Image.fromarray(np.ascontiguousarray(channel)).resize(size[::-1], Image.Resampling.BILINEAR)
        for channel in np.moveaxis(np.atleast_3d(image), -1, 0)
    ]
    stacked = np.stack([np.asarray(channel) for channel in channels], axis=-1)
    return stacked.reshape(*size, *image.shape[2:])


# --- writing --------------------------------------------------------------------------------


def to_bytes(image) -> np.ndarray:
    """Returns pixels in `[0, 1]` as bytes, rounded; values beyond are clipped."""
    return np.rint(np.clip(np.asarray(image, dtype="float32"), 0, 1) * 255).astype("uint8")


def write_png(path, image) -> None:
    """Writes an image in `[0, 1]`, or bytes: `(height, width)` or `(height, width, 1 or 3)`."""
    from PIL import Image

    image = np.asarray(image)
    image = image if image.dtype == np.uint8 else to_bytes(image)
    image = image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(image)).save(path, format="PNG")


def grid(images, num_columns: int | None = None, gap: int = 1) -> np.ndarray:
    """Lays images `(n, height, width, channels)` out in a grid on white, as square as it gets."""
    num, height, width, channels = images.shape
    columns = num_columns or int(np.ceil(np.sqrt(num)))
    rows = -(-num // columns)
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap, channels)
    canvas = np.ones(shape, "float32")
    for index, image in enumerate(images):
        top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)
        canvas[top : top + height, left : left + width] = image
    return canvas


def overlay(image, mask, opacity: float = 0.5) -> np.ndarray:
    """Paints the classes of a mask over an image, class 0 left as it is: `(height, width, 3)`."""
    colors = np.array(MASK_COLORS, "float32") / 255
    return tinted(image, colors[(np.asarray(mask) - 1) % len(colors)], opacity * (mask > 0))


def tinted(images, color, strength) -> np.ndarray:
    """Mixes images with a colour: `(1 - strength) image + strength color`, float32 in colour.

    Args:
        images: `(..., height, width, 1 or 3)` in `[0, 1]`.
        color: Red, green and blue in `[0, 1]`, `(3,)` or one for each pixel, `(..., 3)`.
        strength: `(..., height, width)` in `[0, 1]`.
    """
    strength = np.asarray(strength, "float32")[..., None]
    images, color = np.asarray(images, "float32"), np.asarray(color, "float32")
    return (1 - strength) * images + strength * color
