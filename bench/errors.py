"""The one exception that a user of the harness sees."""

import contextlib
import sys
from collections.abc import Callable

from zoo import checks


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


def exit_code(run: Callable[..., int], *arguments) -> int:
    """Returns what a command returns; after a `BenchError` 2, after Ctrl-C 130, each with a line.

    An error that is no defect of the program (`zoo.checks.no_defect`) counts as a `BenchError`.

    Args:
        run: The command.
        *arguments: What it takes.
    """
    try:
        return run(*arguments)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Exception as error:
        if (line := checks.no_defect(error)) is None:
            raise
        print(f"error: {line}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped. What is finished is kept: the same command goes on.", file=sys.stderr)
        return 130
