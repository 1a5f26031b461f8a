"""Numbers of any type become pixels in `[0, 1]`: where white is not known, it is asked for.

| values                                        | become                                        |
| --------------------------------------------- | --------------------------------------------- |
| booleans, or whole numbers of 0 and 1 alone   | as they are                                   |
| 8 bits                                        | divided by 255                                |
| 16 bits, without sign                         | divided by 65535                              |
| floats in [0, 1]                              | as they are                                   |
| any, where the range LOW..HIGH is given       | (value - LOW) / (HIGH - LOW)                  |
| all else                                      | refused, with the range that would fit        |
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

TOPS = {"uint8": 255, "uint16": 65_535}
_FAR_BELOW = 8  # a highest value of less than an eighth of the type's is said
_BLOCK_BYTES = 2**24


@dataclasses.dataclass(frozen=True)
class Scale:
    """A range of values that becomes `[0, 1]`.

    Attributes:
        note: What the user should know of it, or None.
    """

    low: float = 0.0
    high: float = 1.0
    note: str | None = None

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Returns float32 in `[0, 1]`."""
        pixels = np.asarray(values).astype("float32")
        if self.low:
            pixels = pixels - np.float32(self.low)
        extent = self.high - self.low
        return pixels if extent == 1 else pixels / np.float32(extent)


@dataclasses.dataclass(frozen=True)
class Columns:
    """How the columns of a table become `[0, 1]`, each by itself: (value - low) / (high - low).

    Attributes:
        lows: Value of each column that becomes 0.
        highs: Value that becomes 1.
    """

    lows: tuple[float, ...]
    highs: tuple[float, ...]

    @classmethod
    def of(cls, values: np.ndarray) -> "Columns":
        """Returns the lowest and the highest value of each column; the last axis is the columns."""
        flat = values.reshape(-1, values.shape[-1])
        return cls(tuple(flat.min(axis=0).tolist()), tuple(flat.max(axis=0).tolist()))

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Returns float32 in `[0, 1]`: what lies beyond is cut to the range."""
        lows = np.array(self.lows)
        extents = np.array(self.highs) - lows
        return np.clip((values - lows) / np.where(extents > 0, extents, 1), 0, 1).astype("float32")

    def note(self, values: np.ndarray, what: str) -> str | None:
        """Returns a line on the values that lie beyond the range, where there are some."""
        num = int(((values < self.lows) | (values > self.highs)).sum())
        if not num:
            return None
        return (
            f"{num} of {values.size} values of {what} lie beyond those trained on, and are cut "
            "to their range"
        )


def parse_range(text: str) -> tuple[float, float]:
    """Returns `(low, high)` of `"0..4095"`.

    Raises:
        ValueError: for another form, or a range that is empty.
    """
    low, dots, high = text.partition("..")
    try:
        bounds = float(low), float(high)
    except ValueError:
        bounds = (0.0, 0.0)
    if not dots or not np.isfinite(bounds).all() or not bounds[0] < bounds[1]:
        raise ValueError(f"the range must be LOW..HIGH, such as 0..4095. Received: {text!r}.")
    return bounds


def check_range(owner: str, value_range) -> None:
    """Raises ValueError for what is no `(low, high)` of two finite numbers in this order."""
    try:
        low, high = map(float, value_range)
        is_range = low < high and bool(np.isfinite([low, high]).all())
    except (TypeError, ValueError):
        is_range = False
    if not is_range or isinstance(value_range, str):
        raise ValueError(
            f"{owner}: value_range must be (low, high), two numbers in this order, such as "
            f"(0, 4095). Received: value_range={value_range!r}."
        )


def range_text(found: Sequence[float]) -> str:
    """Returns a range as `parse_range` takes it."""
    return "..".join(repr(float(value)).removesuffix(".0") for value in found)


def scale_of(
    where, arrays: Sequence[np.ndarray], value_range: tuple[float, float] | None = None
) -> Scale:
    """Returns how the values of arrays become pixels; all arrays are scaled alike.

    Args:
        where: File or argument, for messages.
        arrays: Of one data set: its splits.
        value_range: What is black and what is white, if the user has said so.

    Raises:
        TypeError: for values that are no numbers.
        ValueError: for NaN or infinity, and for values whose white is unknown.
    """
    types = {np.asarray(values).dtype for values in arrays}
    for dtype in types:
        if dtype.kind not in "buif":
            raise TypeError(f"{where}: images must be numbers. Received: dtype {dtype}.")
    whole = [values for values in arrays if values.size]
    if not whole:
        return Scale()
    check_finite(where, whole)
    low, high = (float(edge(bounds(values)[i] for values in whole)) for i, edge in _EDGES)
    if value_range is not None:
        if low < value_range[0] or high > value_range[1]:
            raise ValueError(
                f"{where}: values must lie in the range {value_range[0]:g}..{value_range[1]:g}. "
                f"Received: minimum {low:.8g}, maximum {high:.8g}. Give their own range."
            )
        return Scale(*map(float, value_range))
    if all(dtype.kind == "f" for dtype in types):
        return _of_floats(where, low, high)
    if low >= 0 and high <= 1:
        return Scale()
    names = {dtype.name for dtype in types}
    if len(names) > 1 or not names <= set(TOPS):
        fix = "Say what is white: --range 0..255" if low >= 0 and high <= 255 else "Say the range"
        raise ValueError(
            f"{where}: pixels must lie in [0, 1], or be of 8 or 16 bits without sign. Received: "
            f"{', '.join(sorted(names))}, minimum {low:g}, maximum {high:g}. {fix}, or convert "
            "them."
        )
    top = TOPS[names.pop()]
    return Scale(0.0, float(top), far_below(high, top))


_EDGES = ((0, min), (1, max))


def far_below(high: float, top: int) -> str | None:
    """Returns a note where the highest value is far below what the type can hold."""
    if not 0 < high < top / _FAR_BELOW:
        return None
    return (
        f"values reach {high:g} of {top}: images are dark. If {high:g} is about white, give their "
        f"range: --range 0..{_next_full(high)}"
    )


def check_finite(where, arrays: Sequence[np.ndarray]) -> None:
    """Raises ValueError when images, their first axis the images, hold NaN or infinity."""
    for values in arrays:
        if values.dtype.kind != "f" or np.isfinite(bounds(values)).all():
            continue
        finite = np.isfinite(values.reshape(len(values), -1)).all(axis=1)
        raise ValueError(
            f"{where}: NaN or infinity in {int((~finite).sum())} images, the first at index "
            f"{int(finite.argmin())}. Remove them, or replace them with numpy.nan_to_num."
        )


def bounds(values: np.ndarray) -> tuple[float, float]:
    """Returns the lowest and the highest value, read once: the array may lie in a file."""
    num_rows = max(1, _BLOCK_BYTES * len(values) // max(1, values.nbytes))
    blocks = [values[start : start + num_rows] for start in range(0, len(values), num_rows)]
    low, high = np.transpose([(block.min(), block.max()) for block in blocks])
    return low.min(), high.max()


def exceeds_one(values: np.ndarray) -> bool:
    """Tells whether a value is above 1; it stops at the first block that has one."""
    num_rows = max(1, _BLOCK_BYTES * len(values) // max(1, values.nbytes))
    return any(
        (values[start : start + num_rows] > 1).any() for start in range(0, len(values), num_rows)
    )


def _of_floats(where, low: float, high: float) -> Scale:
    if low < 0 or high > 1:
        if low >= 0 and 1 < high <= 255:
            fix = "Divide by 255, or say what is white: --range 0..255."
        elif low >= -1 and high <= 1:
            fix = "Rescale them with (x + 1) / 2, or give --range=-1..1."
        else:
            fix = "Rescale them, or give their range: --range LOW..HIGH."
        raise ValueError(
            f"{where}: pixels must lie in [0, 1]. "
            f"Received: minimum {low:.4g}, maximum {high:.4g}. {fix}"
        )
    note = None
    if 0 < high <= 1 / 255 * (1 + 1e-6):
        note = f"values reach {high:.3g}, as if divided by 255 twice: images are black"
    return Scale(note=note)


def _next_full(high: float) -> int:
    """Returns the highest number of as many bits as a value has: 4095 for 4000."""
    return 2 ** int(high).bit_length() - 1
