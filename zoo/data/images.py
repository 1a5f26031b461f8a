"""Image files: found in a folder, read as arrays of one size and colour, and written as PNG."""

import contextlib
import dataclasses
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

# Formats that Pillow names but does not read by itself.
_STUBS = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}
_SHOWN = ".png, .jpg, .bmp, .gif, .tif or .webp"
# Pillow's readers leak the errors of struct, zlib and of their own parsing.
_PILLOW_ERRORS = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError)
MASK_COLORS = ((230, 60, 60), (60, 140, 230), (70, 180, 90), (240, 180, 40), (150, 90, 200))


class UnreadableImageError(ValueError):
    """A file that should be an image and cannot be read as one; the text names it."""


def suffixes() -> frozenset[str]:
    """Returns the file suffixes that Pillow reads, lower case, with the dot."""
    from PIL import Image

    registered = Image.registered_extensions()
    readable = set(Image.OPEN) - _STUBS
    return frozenset(suffix for suffix, kind in registered.items() if kind in readable)


def find(folder) -> list[Path]:
    """Returns the image files of a folder and its sub-folders, sorted by path; no hidden ones.

    Raises:
        ValueError: if the folder does not exist, or holds no images.
    """
    folder = Path(folder)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise ValueError(f"{folder}: must be a folder of images, but it {what}.")
    known = suffixes()
    found = []
    for file in folder.rglob("*"):
        place = file.relative_to(folder)
        is_hidden = any(part.startswith(".") for part in place.parts)
        if file.suffix.lower() in known and not is_hidden and file.is_file():
            found.append(file)
    if not found:
        raise ValueError(f"{folder}: holds no images. Put files there that end in {_SHOWN}.")
    return sorted(found, key=lambda file: file.relative_to(folder).parts)


def read(file, *, resize: tuple[int, int] | None = None, color: str | None = None) -> np.ndarray:
    """Reads an image.

    A camera's rotation mark is applied, of moving pictures the first frame is read, and alpha is
    left out. Pixels of 16 bits are divided by 65535, others by 255.

    Args:
        file: Path of the file.
        resize: `(height, width)`; by area averaging (Pillow's BOX filter).
        color: `"grey"`, `"rgb"`, or None to keep what the file has.

    Returns:
        Float32 `(height, width, channels)` in `[0, 1]`, with 1 or 3 channels.

    Raises:
        UnreadableImageError: if the file is damaged, or its pixels have no known range.
    """
    from PIL import Image

    with _opened(file) as image:
        image = _simple_mode(image)
        is_wide = image.mode == "F"
        if color == "grey" and image.mode == "RGB":
            image = image.convert("L")
        if resize is not None:
            image = image.resize((resize[1], resize[0]), Image.Resampling.BOX)
        pixels = np.asarray(image, dtype="float32") / np.float32(65_535 if is_wide else 255)
        if pixels.max() > 1 or pixels.min() < 0:
            raise ValueError("its pixels go beyond 16 bits; save them with 8 or 16 bits")
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3 if color == "rgb" else 1, axis=-1)
    return pixels


def read_mask(file, *, resize: tuple[int, int] | None = None) -> np.ndarray:
    """Reads a mask: the numbers in the file, resized by the nearest pixel.

    Returns:
        Integers `(height, width)`; of palette images the palette's indices.

    Raises:
        UnreadableImageError: if the file is damaged, or is a colour image that is not grey.
    """
    from PIL import Image

    with _opened(file) as image:
        if image.mode in ("RGB", "RGBA", "CMYK", "YCbCr"):
            if not _is_grey(image):
                raise UnreadableImageError(
                    f"{file}: must be a mask of class numbers, but is a colour image. Save it as "
                    "a grey or palette PNG."
                )
            image = image.convert("L")
        elif image.mode == "LA":
            image = image.convert("L")
        if resize is not None:
            image = image.resize((resize[1], resize[0]), Image.Resampling.NEAREST)
        return np.asarray(image).astype("int32")


def size_of(file) -> tuple[int, int]:
    """Returns `(height, width)` of an image file, as it is shown."""
    with _opened(file) as image:
        return image.height, image.width


@contextlib.contextmanager
def _opened(file):
    """Opens a file with Pillow, upright; what Pillow raises becomes one line with the name."""
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings(), Image.open(file) as image:
            warnings.simplefilter("ignore")
            image.load()
            yield ImageOps.exif_transpose(image)
    except UnreadableImageError:
        raise
    except (Image.DecompressionBombError, *_PILLOW_ERRORS) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        reason = lines[0].split(" '" + str(file))[0]
        raise UnreadableImageError(
            f"{file}: cannot be read as an image ({reason}). Remove or replace the file."
        ) from error


def _simple_mode(image):
    """Returns the image as `"L"`, `"RGB"`, or `"F"` for pixels of 16 bits."""
    if image.mode == "F":
        raise ValueError("its pixels are floats of unknown range; save them with 8 or 16 bits")
    if image.mode.startswith("I"):
        return (image.convert("I") if image.mode == "I;16B" else image).convert("F")
    if image.mode in ("L", "RGB"):
        return image
    if image.mode in ("1", "LA", "La") or (image.mode == "P" and _is_grey(image)):
        return image.convert("L")
    return image.convert("RGB")


def _is_grey(image) -> bool:
    """Tells whether an image, or a palette as a grey GIF has one, holds nothing but greys."""
    red, green, blue = image.convert("RGB").split()
    return red.tobytes() == green.tobytes() == blue.tobytes()


@dataclasses.dataclass
class Reader:
    """Reads image files to one size and colour.

    Attributes:
        resize: `(height, width)`, or None when all files have one size.
        color: `"grey"`, `"rgb"`, or None: grey if all files are grey.
        skip_unreadable: Whether damaged files are left out; otherwise the first one is an error.
        skipped: What was left out: one line per file.
    """

    resize: tuple[int, int] | None = None
    color: str | None = None
    skip_unreadable: bool = False
    skipped: list[str] = dataclasses.field(default_factory=list)

    def batches(self, files, batch_size: int = 64) -> Iterator[tuple[list[Path], np.ndarray]]:
        """Yields files and their images, float32 `(n, height, width, channels)`, in order."""
        for start in range(0, len(files), batch_size):
            kept, images = self._read(files[start : start + batch_size])
            if kept:
                yield kept, np.stack(images)

    def all(self, files) -> tuple[list[Path], np.ndarray]:
        """Returns the files that could be read, and their images as one array.

        Raises:
            ValueError: if sizes differ, or no file could be read.
        """
        kept, images = self._read(files)
        if not kept:
            raise ValueError(f"none of {len(files)} files can be read. {self.skipped[0]}")
        for file, image in zip(kept, images, strict=True):
            if image.shape[:2] != images[0].shape[:2]:
                sizes = [f"{found.shape[0]}x{found.shape[1]}" for found in (images[0], image)]
                raise ValueError(
                    f"{kept[0]} is {sizes[0]} but {file} is {sizes[1]}: images must have one "
                    f"size. Resize them all, for example with --resize {sizes[0]}."
                )
        channels = max(image.shape[-1] for image in images)
        shape = (*images[0].shape[:2], channels)
        return kept, np.stack([np.broadcast_to(image, shape) for image in images])

    def _read(self, files) -> tuple[list[Path], list[np.ndarray]]:
        kept, images = [], []
        for file in files:
            try:
                image = read(file, resize=self.resize, color=self.color)
            except UnreadableImageError as error:
                if not self.skip_unreadable:
                    raise UnreadableImageError(
                        f"{error} Or leave it out: --skip-unreadable."
                    ) from error
                self.skipped.append(str(error))
            else:
                kept.append(file)
                images.append(image)
        return kept, images


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
    image = np.broadcast_to(np.asarray(image, "float32"), (*mask.shape, 3)).copy()
    colors = np.array(MASK_COLORS, "float32") / 255
    is_painted = mask > 0
    paint = colors[(mask[is_painted] - 1) % len(colors)]
    image[is_painted] = (1 - opacity) * image[is_painted] + opacity * paint
    return image
