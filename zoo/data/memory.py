"""Whether images fit into the memory, asked before they are read: a process that takes more is
ended without a word."""

import os
from pathlib import Path

import numpy as np

_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_GIB = 2**30
# The images one by one, and the array that they become.
_COPIES = 2


def check_fits(where, num: int, shape: tuple[int, ...]) -> None:
    """Raises ValueError where images of float32 take more memory than there is.

    Args:
        where: Folder or file, for the message.
        num: Number of images.
        shape: `(height, width, channels)` of one.
    """
    need, most = _COPIES * 4 * num * int(np.prod(shape, dtype=object)), most_bytes()
    if most is None or need <= most:
        return
    raise ValueError(
        f"{where}: images must fit into memory. Received: {num:,} of "
        f"{'x'.join(map(str, shape))}, which take {need / _GIB:.3g} GiB while they are read, and "
        f"there are {most / _GIB:.3g} GiB. Give a smaller --resize; or train in Python, on "
        "zoo.batches, which reads them batch by batch."
    )


def most_bytes() -> int | None:
    """Returns the memory of the machine, or of the container; None where nobody says."""
    try:
        found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    except (AttributeError, ValueError, OSError):
        found = []
    for path in _LIMITS:
        try:
            found.append(int(Path(path).read_text()))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return min(found, default=None)
