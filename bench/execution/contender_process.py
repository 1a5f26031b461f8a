"""A contender of a comparison in a process of its own, and both ends of the connection to it.

A request is a tuple of a name and arguments; its answer is `("ok", value)` or `("failed", text)`.
"""

import contextlib
import traceback
from collections.abc import Callable
from typing import Any

from bench.execution.processes import Child, ChildEndedError, leave_interrupts_to_the_parent

_END_SECONDS = 1.0


class ContenderError(Exception):
    """A contender cannot go on; the arguments are the contender's name and the reason."""


def serve(connection, answers: dict[str, Callable], first: str) -> None:
    """Answers requests until the other end is closed.

    Args:
        answers: What is called, by the name of the request.
        first: The request that is answered before any has come.
    """
    leave_interrupts_to_the_parent()
    request: tuple = (first,)
    try:
        while True:
            try:
                connection.send(("ok", answers[request[0]](*request[1:])))
            except (BrokenPipeError, ConnectionResetError):
                return
            except Exception as error:  # the parent shows it in the row
                text = traceback.format_exception_only(error)
                connection.send(("failed", " ".join("".join(text).split())[:500]))
            request = connection.recv()
    except (EOFError, OSError):  # the parent is done, or gone
        return


class ContenderProcess(Child):
    """The parent's end.

    Args:
        context: Of `multiprocessing`.
        name: Of the contender, for errors.
        target: What the process runs; it gets its end of the line, and `arguments`.
    """

    def __init__(self, context, name: str, target: Callable, *arguments):
        self.name = name
        super().__init__(context, target, *arguments, both_ways=True)

    def answer(self) -> Any:
        """Returns the next answer.

        Raises:
            ContenderError: if the contender failed, or its process ended.
        """
        try:
            status, value = self.receive()
        except ChildEndedError as error:
            status, value = "failed", str(error)
        if status != "ok":
            raise ContenderError(self.name, value)
        return value

    def ask(self, *request) -> Any:
        with contextlib.suppress(OSError):  # it ended; `answer` says so
            self.connection.send(request)
        return self.answer()

    def close(self) -> None:
        self.end(_END_SECONDS)
