"""Processes on this machine: how one starts, ends with its parent, and how its death is told."""

import ast
import inspect
import multiprocessing
import multiprocessing.connection
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.execution.engine import ENVIRONMENT

_END_SECONDS = 5.0


def forkserver(preload: Sequence[str]):
    """Returns a `multiprocessing` context that forks each process from a preloaded server.

    The server begins to import the modules at once, while the caller goes on. Ctrl-C, which reaches
    all processes of a terminal, is for the caller alone.

    Args:
        preload: Modules that the server imports. A server that runs already imports no more.

    Raises:
        BenchError: if the caller is a script that would run again in each process.
    """
    _check_main_is_guarded()
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if "forkserver" not in multiprocessing.get_all_start_methods():  # Windows
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    multiprocessing.resource_tracker.ensure_running()  # ends with SIGINT unblocked
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # its processes inherit it
    try:
        multiprocessing.forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return context


def _check_main_is_guarded() -> None:
    """Refuses a script without the guard: each process imports it, and would start as many."""
    main = sys.modules["__main__"]
    path = getattr(main, "__file__", None)
    if path is None or getattr(main, "__spec__", None) is not None:
        return  # a notebook, or `python -m`, which no process imports
    frame = inspect.currentframe()
    while frame is not None and not (
        frame.f_globals is vars(main) and frame.f_code.co_name == "<module>"
    ):
        frame = frame.f_back
    if frame is None:
        return
    try:
        statements = ast.parse(Path(path).read_text(encoding="utf-8")).body
    except (OSError, ValueError, SyntaxError):
        return
    line = frame.f_lineno
    is_guarded = any(
        isinstance(statement, ast.If)
        and statement.lineno <= line <= (statement.end_lineno or line)
        and "__name__" in {getattr(node, "id", None) for node in ast.walk(statement.test)}
        for statement in statements
    )
    if not is_guarded:
        raise BenchError(
            f'bench: {Path(path).name} must start runs under `if __name__ == "__main__":`, as '
            f"each job is a process that imports it. Received: a call at line {line}. "
            "Put the guard before the call, and indent it."
        )


def leave_interrupts_to_the_parent() -> None:
    """Ignores Ctrl-C, which reaches all processes of a terminal at once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def end_with_the_parent() -> None:
    """Ends this process as soon as the one that started it is gone, however that ended."""

    def wait() -> None:
        multiprocessing.connection.wait([multiprocessing.parent_process().sentinel])
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def call(connection, function: Callable, *arguments) -> None:
    """Target of a `Child` that obeys the process which started it.

    Args:
        function: Called with the arguments, and the connection behind them.
    """
    leave_interrupts_to_the_parent()
    end_with_the_parent()
    function(*arguments, connection)


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
