"""Keeps lines that TensorFlow writes at each start out of the output of our own programs.

TensorFlow's C++ code writes these lines to file descriptor 2, whatever log level is set. A library
must not touch the descriptors of its host. So this is done only in processes that a command of
ours started (`mark` sets an environment variable), and only while TensorFlow is imported.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

MARK = "ZOO_PROGRAM"
_STDERR = 2
_LINES = ("oneDNN custom operations are on", "absl::InitializeLog()")


def mark() -> None:
    """Marks this process, and those it starts, as programs of ours, whose output has no log."""
    os.environ.setdefault(MARK, "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def start():
    """Returns the context in which TensorFlow is imported."""
    return without_lines(*_LINES) if os.environ.get(MARK) else contextlib.nullcontext()


@contextlib.contextmanager
def without_lines(*texts: str) -> Iterator[None]:
    """Holds back what is written to standard error, and then lets all but some lines pass.

    Args:
        *texts: A line with one of them is dropped.
    """
    try:
        sys.stderr.flush()
        kept = os.dup(_STDERR)
    except (AttributeError, OSError, ValueError):  # there is no standard error
        yield
        return
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), _STDERR)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, _STDERR)
            os.close(kept)
            file.seek(0)
            for line in file:
                if not any(text.encode() in line for text in texts):
                    os.write(_STDERR, line)
