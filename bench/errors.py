"""The one exception that a user of the harness sees."""

import contextlib
from collections.abc import Callable


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
    """Returns what a command returns; after a `BenchError` 2: see `zoo.parser.exit_code`.

    Args:
        run: The command.
        *arguments: What it takes.
    """
    from zoo import parser  # a contender of a checkout imports this file, and has its own zoo

    return parser.exit_code(
        lambda: run(*arguments),
        line_of=lambda error: str(error) if isinstance(error, BenchError) else None,
        stopped="What is finished is kept: the same command goes on.",
    )
