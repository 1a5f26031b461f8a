"""Files that are complete, or as they were before: the one writer of whole files."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yields the path of a temporary file; it becomes `path` when all went well.

    It is on the disk before it does, so that a machine that stops leaves one of the two.

    Args:
        path: The file; its folder is made where it is missing.

    Raises:
        OSError: if it cannot be written; then the earlier file is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
