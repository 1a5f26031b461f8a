"""Expectations of the checks: each raises AssertionError with one sentence where it fails."""

import contextlib
import re
from collections.abc import Iterator

import numpy as np


class ExcusedError(Exception):
    """A check does not apply, and why."""


def that(holds, message: str) -> None:
    """Raises AssertionError with the message unless something holds."""
    if not holds:
        raise AssertionError(message)


def close(actual, expected, what: str, *, rtol: float = 1e-7, atol: float = 0.0) -> None:
    """Raises AssertionError unless `|found - expected| <= atol + rtol |expected|` everywhere."""
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol, err_msg=what)


@contextlib.contextmanager
def refusal(error_type: type, pattern: str, what: str) -> Iterator[None]:
    """Raises AssertionError unless the block raises an error whose text has the pattern."""
    try:
        yield
    except error_type as error:
        text = str(error)
        that(re.search(pattern, text), f"{what}: the error must say {pattern!r}. It says: {text}")
    else:
        raise AssertionError(f"{what}: must raise {error_type.__name__}, and was accepted")
