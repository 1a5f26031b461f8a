"""Files and folders that are complete, or as they were before: the one writer of both."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yields the path of a temporary file; it becomes `path` when all went well.

    The temporary file is flushed to the disk before it replaces `path`. A crash therefore leaves
    the earlier file or the complete new one.

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


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yields a temporary folder; what is in it moves to `path` when all went well.

    Files of the same names are replaced, and others that are there stay.

    Args:
        path: The folder; it is made where it is missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".partial-", dir=path.parent))
    try:
        yield temporary
        path.mkdir(exist_ok=True)
        for file in sorted(temporary.rglob("*")):
            if file.is_file():
                target = path / file.relative_to(temporary)
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(file, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def is_taken(path: Path) -> bool:
    """Tells whether there is a file, or a folder that is not empty."""
    return any(path.iterdir()) if path.is_dir() else path.exists()
