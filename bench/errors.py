"""The one exception that a user of the harness sees."""


class BenchError(ValueError):
    """A failure that the user can mend: its text says what was expected, what came, and the fix.

    The command line prints it as one line, without a stack trace, and exits with 2.
    """
