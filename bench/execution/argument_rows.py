"""Arguments of the zoo's models tried in one process, before any job runs.

Names of arguments are checked without Keras; what a value may be only the constructor knows.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from bench.execution.processes import Child, ChildEndedError, call
from bench.runs.job import Job

LIMIT_SECONDS = 300.0  # of building one model, and of the start of the process

Check = Callable[[Sequence[Job], Path, object], None]


def check(
    context,
    check_all: Check,
    jobs: Sequence[Job],
    output: Path,
    limit_seconds: float = LIMIT_SECONDS,
) -> tuple[int, str] | None:
    """Builds the model of each job once, and returns the number of the first that is refused.

    Args:
        context: From `processes.forkserver`.
        check_all: Builds the models in the process. It sends `("next", "")` before each, and
            `("refused", text)` or, at the end, `("done", "")`.
        jobs: One for each setting, all on the same data.

    Returns:
        The number, and what is said of it; None where all can be built.
    """
    if not jobs:
        return None
    child, number = Child(context, call, check_all, jobs, output), -1
    try:
        while True:
            if not child.connection.poll(limit_seconds):
                return max(number, 0), f"took over {limit_seconds:g} seconds to build."
            kind, text = child.receive()
            if kind == "done":
                return None
            if kind == "refused":
                return number, text
            number += 1
    except ChildEndedError as error:
        return max(number, 0), f"cannot be built: {error}."
    finally:
        child.end()
