"""The one exception that a user of the harness sees."""

import contextlib


class BenchError(ValueError):
    """A failure that the user can mend: its text says what was expected, what came, and the fix.

    The command line prints it as one line, without a stack trace, and exits with 2.
    """


@contextlib.contextmanager
def user_errors():
    """Turns the `ValueError` of what reads and checks for the harness into a `BenchError`."""
    try:
        yield
    except BenchError:
        raise
    except ValueError as error:
        raise BenchError(str(error)) from error
