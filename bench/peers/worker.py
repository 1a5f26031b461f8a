"""A side in a process of its own, and the line to it."""

import contextlib
import gc
import importlib
import os
import time
from typing import Any

from bench.peers.table import OURS
from bench.peers.workloads import Data, Workload

# Name of a side, and what it needs to be installed.
SIDES = {
    "zoo": None,
    "zoo autotuned": None,
    "keras": None,
    "torch": "torch",
    "torch.compile": "torch",
    "pythae": "pythae",
}
# Pythae has no such networks.
NOT_THERE = {"pythae": ("upae", "unet")}


def make(name: str, workload: Workload, data: Data, seed: int):
    """Imports a framework and returns its side."""
    if name in OURS:
        importlib.import_module("zoo")  # before Keras, for its faster kernels
        from bench.peers.zoo_side import ZooSide

        return ZooSide(workload, data, seed, autotune=name == "zoo autotuned")
    if name == "keras":
        from bench.peers.keras_side import KerasSide

        return KerasSide(workload, data, seed)
    if name == "pythae":
        from bench.peers.pythae_side import PythaeSide

        return PythaeSide(workload, data, seed)
    from bench.peers.torch_side import TorchSide

    return TorchSide(workload, data, seed, compiled=name == "torch.compile")


def serve(connection, name: str, workload: Workload, data: Data, seed: int) -> None:
    """Answers `"train"` and `"infer"` with seconds, `"outputs"` with arrays, until it is closed.

    The first message tells the number of parameters; `"facts"` tells what is to be recorded.
    """
    from bench import engines

    engines.leave_interrupts_to_the_parent()
    if name == "keras":  # what a user of Keras alone gets
        os.environ.pop("TF_ENABLE_ONEDNN_OPTS", None)
    side = None
    try:
        request = "make"
        while True:
            try:
                if request == "make":
                    side = make(name, workload, data, seed)
                    found: Any = side.num_parameters
                elif request == "facts":
                    more = side.facts() if hasattr(side, "facts") else {}
                    found = {"num_parameters": side.num_parameters, "note": side.note, **more}
                elif request == "outputs":
                    found = side.outputs()
                else:
                    found = _seconds(getattr(side, request))
                connection.send(("ok", found))
            except Exception as error:  # the parent shows it in the row
                text = " ".join(str(error).split())
                connection.send(("failed", f"{type(error).__name__}: {text}"[:300]))
            request = connection.recv()
    except (EOFError, OSError):  # the parent is done, or gone
        return


def _seconds(work) -> float:
    gc.collect()
    gc.disable()
    try:
        started = time.perf_counter_ns()
        work()
        return (time.perf_counter_ns() - started) / 1e9
    finally:
        gc.enable()


class SideError(Exception):
    """A side cannot go on; its text says why."""


class Worker:
    """The parent's end."""

    def __init__(self, context, name: str, workload: Workload, data: Data, seed: int):
        self.name = name
        self.connection, other = context.Pipe()
        arguments = (other, name, workload, data, seed)
        self.process = context.Process(target=serve, args=arguments, daemon=True)
        self.process.start()
        other.close()

    def answer(self) -> Any:
        try:
            status, value = self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            status, value = "failed", f"the process ended with {self.process.exitcode}"
        if status != "ok":
            raise SideError(value)
        return value

    def ask(self, request: str) -> Any:
        with contextlib.suppress(OSError):  # it ended; `answer` says so
            self.connection.send(request)
        return self.answer()

    def close(self) -> None:
        self.connection.close()
        self.process.join(2.0)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
