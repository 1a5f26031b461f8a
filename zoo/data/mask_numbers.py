"""The numbers of one mask file, and what they are known to mean."""

import dataclasses

import numpy as np

from zoo.data.opening import UnreadableImageError, grey_or_none, opened, upright

_LOSSY_FORMATS = {"JPEG", "MPO", "AVIF"}
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)


@dataclasses.dataclass(frozen=True)
class Seen:
    """What one mask holds.

    Attributes:
        name: File, or place in an array, for messages.
        values: All numbers that occur, sorted.
        top: Highest number of the type: 255 or 65535; 1 for bits.
        is_lossy: Whether the file's compression changes numbers.
        colors: Colour of each number in the file's palette, or None.
    """

    name: str
    values: tuple[int, ...]
    top: int = 255
    is_lossy: bool = False
    colors: dict[int, tuple[int, ...]] | None = None

    def without(self, number: int | None) -> "Seen":
        """Returns the same without one of the numbers, such as that of void pixels."""
        if number is None or number not in self.values:
            return self
        values = tuple(value for value in self.values if value != number)
        colors = self.colors and {key: c for key, c in self.colors.items() if key != number}
        return dataclasses.replace(self, values=values, colors=colors)

    @property
    def is_on_or_off(self) -> bool:
        """Tells whether there is nothing but 0 and the type's highest number."""
        return set(self.values) <= {0, self.top}


def read(
    file,
    *,
    resize: tuple[int, int] | None = None,
    foreground: str | None = None,
    ignore_label: int | None = None,
) -> tuple[np.ndarray, Seen]:
    """Reads a mask: the numbers in the file, resized by the nearest pixel.

    Of a palette the indices are the numbers; but a palette of black and white, and the greys of a
    GIF, are read as they are shown. A camera's rotation mark is applied.

    Args:
        foreground: See `parse_foreground`: numbers become 1 or 0.
        ignore_label: Number that stays as it is then.

    Returns:
        Integers `(height, width)`, and what the whole mask holds.

    Raises:
        UnreadableImageError: if the file is damaged or holds no numbers: colours, fractions, or a
            drawing in its alpha channel.
    """
    with opened(file) as image:
        is_lossy = image.format in _LOSSY_FORMATS or _is_lossy_webp(image)
        if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
            raise UnreadableImageError(
                f"{file}: must be a mask of one page. Received: {image.n_frames} pages. Save each "
                "as a file."
            )
        image = upright(image)
        values, colors = _values(file, image)
    top = 1 if image.mode == "1" else 65_535 if image.mode.startswith("I") else 255
    if foreground is not None:
        values = cut(values, foreground, ignore_label)
        top, is_lossy, colors = 1, False, None
    seen = Seen(str(file), distinct(values), top, is_lossy, colors)
    if resize is not None:
        values = nearest(values, resize)
    return values, seen


def read_mask(file, *, resize: tuple[int, int] | None = None) -> np.ndarray:
    """Reads the numbers of a mask, int32 `(height, width)`: see `read`."""
    return read(file, resize=resize)[0]


def cut(values: np.ndarray, foreground: str, ignore_label: int | None = None) -> np.ndarray:
    """Returns 1 for the foreground and 0 for the rest, int32; void pixels keep their number.

    Raises:
        ValueError: for a void label of 1, which is the foreground's.
    """
    if ignore_label == 1:
        raise ValueError(
            "--ignore-label must not be 1, the number of the foreground. Received: "
            f"--ignore-label 1 beside --foreground {foreground}. Leave one of them out."
        )
    classes = (values > parse_foreground(foreground)).astype("int32")
    return keep_void(classes, values, ignore_label)


def keep_void(classes: np.ndarray, numbers: np.ndarray, ignore_label: int | None) -> np.ndarray:
    """Returns classes with the void label where the numbers are it."""
    return classes if ignore_label is None else np.where(numbers == ignore_label, numbers, classes)


def parse_foreground(text: str) -> float:
    """Returns the number above which a pixel is foreground: 0 of "nonzero", 127 of "above:127".

    Raises:
        ValueError: for another text.
    """
    kind, _, number = text.partition(":")
    if text == "nonzero":
        return 0.0
    if kind == "above" and number.isdecimal():
        return float(number)
    raise ValueError(
        f"foreground must be nonzero or above:NUMBER, such as above:127. Received: {text!r}."
    )


def foreground(text: str) -> str:
    """Returns a description of the foreground, as it is; raises as `parse_foreground` does."""
    parse_foreground(text)
    return text


def distinct(values: np.ndarray) -> tuple[int, ...]:
    """Returns the numbers that occur, sorted."""
    if values.size and values.min() >= 0 and values.max() < 2**16:
        return tuple(np.flatnonzero(np.bincount(values.ravel())).tolist())
    return tuple(np.unique(values).tolist())


def nearest(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes by nearest neighbour: the number at the centre of each new pixel."""
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(int)
        for new, old in zip(size, values.shape, strict=True)
    )
    return values[np.ix_(rows, columns)]


def _values(file, image) -> tuple[np.ndarray, dict | None]:
    """Returns the numbers of a mask, int32, and the colours of a palette."""
    if image.mode == "P":
        return _of_palette(file, image)
    if "A" in image.getbands() and image.getchannel("A").getextrema()[0] < 255:
        alpha, shown = np.asarray(image.getchannel("A")), np.asarray(image.convert("L"))
        if shown[alpha < 255].any() or not shown.any():
            raise UnreadableImageError(
                f"{file}: must be a mask of class numbers, but is partly transparent: its drawing "
                "may be in the alpha channel. Save it as a grey PNG without alpha."
            )
    if image.mode in ("RGB", "RGBA", "CMYK", "YCbCr", "LA"):
        grey = grey_or_none(image)
        if grey is None:
            raise UnreadableImageError(
                f"{file}: must be a mask of class numbers, but is a colour image. Save it as a "
                "grey or palette PNG: a mask holds one number per pixel, not colours."
            )
        image = grey
    values = np.asarray(image)
    if values.ndim != 2:
        raise UnreadableImageError(
            f"{file}: must be a mask of whole numbers. Received: pixels of kind {image.mode}."
        )
    if values.dtype.kind == "f" and not (
        np.isfinite(values).all() and (values == np.floor(values)).all()
    ):
        raise UnreadableImageError(
            f"{file}: must be a mask of class numbers, but holds fractions from "
            f"{np.nanmin(values):g} to {np.nanmax(values):g}. Cut it at a threshold: mask > 0.5."
        )
    return values.astype("int32"), None


def _of_palette(file, image) -> tuple[np.ndarray, dict | None]:
    indices = np.asarray(image)
    used = np.flatnonzero(np.bincount(indices.ravel())).tolist()
    table = np.reshape(image.getpalette("RGB") or [], (-1, 3))
    colors = {index: tuple(table[index].tolist()) for index in used if index < len(table)}
    is_grey = all(len(set(color)) == 1 for color in colors.values()) and len(colors) == len(used)
    if is_grey and (set(colors.values()) <= {_BLACK, _WHITE} or image.format == "GIF"):
        return table[indices, 0].astype("int32"), None
    levels = [color[0] for color in colors.values()]
    if is_grey and levels != sorted(levels):
        raise UnreadableImageError(
            f"{file}: must be a mask whose greys rise with the class numbers. Received: a palette "
            "in another order. Save the class numbers as a grey PNG."
        )
    black = [index for index, color in colors.items() if color == _BLACK]
    if black and 0 in colors and colors[0] != _BLACK:
        raise UnreadableImageError(
            f"{file}: must be a mask whose number 0 is the background. Received: a palette in "
            f"which black is number {black[0]}, and 0 is the colour {colors[0]}. Save the class "
            "numbers as a grey PNG."
        )
    return indices.astype("int32"), colors


def _is_lossy_webp(image) -> bool:
    """Tells whether a WebP file holds a `VP8 ` chunk; lossless ones hold `VP8L`."""
    if image.format != "WEBP":
        return False
    with open(image.filename, "rb") as file:
        file.seek(12)
        while len(head := file.read(8)) == 8:
            if head[:4] in (b"VP8 ", b"VP8L"):
                return head[:4] == b"VP8 "
            size = int.from_bytes(head[4:], "little")
            file.seek(size + size % 2, 1)
    return False
