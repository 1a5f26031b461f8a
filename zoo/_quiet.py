"""Standard error without lines that say nothing: TensorFlow's C++ parts write them directly."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

_STDERR = 2


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
