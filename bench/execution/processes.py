"""Processes of this machine: how one starts, ends with its parent, and tells how it died."""

import multiprocessing
import multiprocessing.connection
import multiprocessing.forkserver
import os
import signal
import threading
from collections.abc import Callable, Sequence
from typing import Any

from bench.execution.engine import ENVIRONMENT

_END_SECONDS = 5.0


def forkserver(preload: Sequence[str]):
    """Returns the context whose processes are forked from one that has imported everything.

    That one starts to import now, while the caller goes on.

    Args:
        preload: Modules to import; a forkserver that runs already keeps what it has.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if "forkserver" not in multiprocessing.get_all_start_methods():  # Windows
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    multiprocessing.forkserver.ensure_running()
    return context


def leave_interrupts_to_the_parent() -> None:
    """Ignores Ctrl-C, which reaches all processes of a terminal at once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def end_with_the_parent() -> None:
    """Ends this process as soon as the one that started it is gone, however that ended."""

    def wait() -> None:
        multiprocessing.connection.wait([multiprocessing.parent_process().sentinel])
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


class ChildEndedError(EOFError):
    """A child ended without the message that was waited for; the text says how."""


class Child:
    """A process and this end of the line to it; the other end is the first argument of `target`.

    Args:
        context: From `forkserver`, or another of `multiprocessing`.
        target: A function of a module.
        both_ways: Whether the child listens too.
    """

    def __init__(self, context, target: Callable, *arguments, both_ways: bool = False):
        self.connection, other = context.Pipe(duplex=both_ways)
        self.process = context.Process(target=target, args=(other, *arguments), daemon=True)
        self.process.start()
        other.close()

    def receive(self) -> Any:
        """Returns the next message.

        Raises:
            ChildEndedError: if there is none to come.
        """
        try:
            return self.connection.recv()
        except (EOFError, OSError) as error:
            self.process.join(_END_SECONDS)
            raise ChildEndedError(death(self.process.exitcode)) from error

    def end(self, patience_seconds: float = 0.0) -> None:
        """Closes the line, and kills a process that has not ended after some time."""
        self.connection.close()
        if patience_seconds:
            self.process.join(patience_seconds)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def death(exit_code: int | None) -> str:
    """Returns in words how a process ended, by its exit code; None: it still runs."""
    if exit_code == -9:
        return "the process was killed (signal 9): out of memory, or by hand"
    if exit_code is not None and exit_code < 0:
        return f"the process ended with signal {-exit_code}"
    return f"the process ended with exit code {exit_code} and no result"
