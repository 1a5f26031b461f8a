"""Long series in windows of one length: where they begin, how they are split, scores of steps."""

from collections.abc import Sequence

import numpy as np


def starts(length: int, window: int, stride: int) -> np.ndarray:
    """Returns the first step of each window; the last window ends with the series.

        0, stride, 2 stride, ..., length - window

    Args:
        length: Steps of the series, at least `window`.
        window: Steps of a window.
        stride: Steps from one window to the next.
    """
    found = np.arange(0, length - window + 1, stride)
    last = length - window
    return found if found[-1] == last else np.append(found, last)


def cut(values: np.ndarray, window: int, stride: int) -> np.ndarray:
    """Returns the windows of a series `(length, channels)`: `(n, window, channels)`."""
    return np.stack(
        [values[start : start + window] for start in starts(len(values), window, stride)]
    )


def of_series(
    where, values: np.ndarray, window: int, stride: int | None
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Cuts one long series, or each of several, into windows.

    Args:
        where: File, for messages.
        values: `(length, channels)`, or `(series, length, channels)`.
        window: Steps of a window.
        stride: Steps from one window to the next; None: `window`.

    Returns:
        Windows `(n, window, channels)`; their first steps, of several series as if these followed
        one another with a gap; and a line on the steps in no window, where there are some.

    Raises:
        ValueError: if a series is shorter than the window.
    """
    stride = stride or window
    several = values if values.ndim == 3 else values[None]
    length = several.shape[1]
    if length < window:
        raise ValueError(
            f"{where}: a series must be at least as long as --window. Received: {length} steps for "
            f"--window {window}."
        )
    each = starts(length, window, stride)
    found = np.concatenate([cut(series, window, stride) for series in several])
    first_steps = np.concatenate([each + row * (length + window) for row in range(len(several))])
    num_between = int(np.isnan(per_step(np.zeros((len(each), window)), each, length)).sum())
    left_out = (f"{num_between * len(several)} steps between windows",) if num_between else ()
    return found, first_steps, left_out


def split_in_time(
    first_steps: np.ndarray, window: int, sizes: Sequence[int]
) -> tuple[list[np.ndarray], int]:
    """Splits windows in the order of time; no step is in two parts.

    Args:
        first_steps: First step of each window, rising.
        window: Steps of a window.
        sizes: Number of windows of each part but the first, in the order of time.

    Returns:
        Rows of each part, and how many windows between two parts are in none.
    """
    rows, parts = np.arange(len(first_steps)), []
    for size in reversed(sizes):
        if not size:
            parts.insert(0, rows[:0])
            continue
        part, rows = rows[-size:], rows[:-size]
        parts.insert(0, part)
        rows = rows[first_steps[rows] + window <= first_steps[part[0]]]
    parts.insert(0, rows)
    return parts, len(first_steps) - sum(map(len, parts))


def per_step(scores: np.ndarray, first_steps: np.ndarray, length: int) -> np.ndarray:
    """Returns the mean of the windows' scores at each step; NaN where no window is.

    Args:
        scores: `(n, window)`: of each step of each window.
        first_steps: First step of each window.
        length: Steps of the series.
    """
    total, count = np.zeros(length), np.zeros(length)
    for row, start in zip(scores, first_steps, strict=True):
        total[start : start + len(row)] += row
        count[start : start + len(row)] += 1
    return np.divide(total, count, out=np.full(length, np.nan), where=count > 0)
