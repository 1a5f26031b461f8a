"""Pixels of many image files in one `.npy`, which is never older than what it was made from.

The file is read by `numpy.load` like any other. Behind the array, where numpy does not read, stands
a fingerprint of the image files (names, sizes, times of change), so that a change of them is
noticed.
"""

import concurrent.futures
import hashlib
import json
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.files import new_file

_MARK = b"ZOOPIXEL"


def fingerprint(files: Sequence[Path], **settings: Any) -> bytes:
    """Returns 32 bytes that change with the names, sizes or times of files, or with settings.

    Args:
        settings: Plain data: all else that the pixels depend on.
    """
    import PIL

    states = []
    for file in files:
        state = os.stat(file)
        states.append((os.fspath(file), state.st_size, state.st_mtime_ns))
    text = json.dumps([states, settings, PIL.__version__], sort_keys=True)
    return hashlib.sha256(text.encode()).digest()


def opened(path: Path, mark: bytes) -> np.ndarray | None:
    """Returns the array of a pixel file, mapped; None where there is none with this fingerprint."""
    try:
        with open(path, "rb") as file:
            file.seek(-len(_MARK + mark), os.SEEK_END)
            if file.read() != _MARK + mark:
                return None
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        return None


def write(path: Path, mark: bytes, make: Callable[[Callable], None]) -> np.ndarray:
    """Writes a pixel file, whole or not at all, and returns its array, mapped.

    Args:
        mark: Fingerprint, taken before the files are read: what changes meanwhile is noticed.
        make: Fills the array: gets a function from shape and dtype to the array to be filled, in
            a file, which it may call again.

    Raises:
        ValueError: if the file cannot be written, or holds an array of the user's.
    """
    _check_may_be_replaced(path)
    try:
        with new_file(path) as temporary:

            def new(shape: tuple[int, ...], dtype: str) -> np.ndarray:
                pixels = np.lib.format.open_memmap(temporary, "w+", dtype, shape)
                if hasattr(os, "posix_fallocate"):  # a full disk: an error here, a crash later
                    with open(temporary, "rb+") as file:
                        os.posix_fallocate(file.fileno(), 0, os.path.getsize(temporary))
                return pixels

            make(new)
            with open(temporary, "ab") as file:
                file.write(_MARK + mark)
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        raise ValueError(
            f"{path}: cannot be written ({error.strerror or error}). Give another place as cache, "
            'or cache="memory".'
        ) from error
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _check_may_be_replaced(path: Path) -> None:
    """Raises ValueError for an array of the user's: what is behind a pixel file's is missing."""
    try:
        with open(path, "rb") as file:
            is_first = np.lib.format.read_magic(file) == (1, 0)
            of_first, of_later = (
                np.lib.format.read_array_header_1_0,
                np.lib.format.read_array_header_2_0,
            )
            shape, _, dtype = (of_first if is_first else of_later)(file)
            rest = os.path.getsize(path) - file.tell()
    except (OSError, ValueError):
        return  # not there, or no array: a pixel file that was cut off
    if dtype.hasobject or rest == dtype.itemsize * math.prod(shape):
        raise ValueError(
            f"{path}: cache must be a new file, or one that zoo.batches has written. Received: the "
            f"name of an array of shape {shape}, which would be lost. Give another name."
        )


def over_all(work: Callable[[int], Any], num: int) -> list:
    """Returns `work(0)` to `work(num - 1)`, done by a thread for each core.

    The first that fails, in their order, is the error; what has not begun is then left out.
    """
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return list(pool.map(work, range(num)))
