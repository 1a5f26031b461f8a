"""What the process of a contender does."""

import gc
import importlib
import os
import time
from typing import Any

from bench.execution import contender_process
from bench.peers.workloads import OURS, Data, Workload

# Name of a contender, and what it needs to be installed.
CONTENDERS = {
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
    """Imports a framework and returns its contender."""
    if name in OURS:
        importlib.import_module("zoo")  # before Keras, for its faster kernels
        from bench.peers.zoo_contender import ZooContender

        return ZooContender(workload, data, seed, autotune=name == "zoo autotuned")
    if name == "keras":
        from bench.peers.keras_contender import KerasContender

        return KerasContender(workload, data, seed)
    if name == "pythae":
        from bench.peers.pythae_contender import PythaeContender

        return PythaeContender(workload, data, seed)
    from bench.peers.torch_contender import TorchContender

    return TorchContender(workload, data, seed, compiled=name == "torch.compile")


def serve(connection, name: str, workload: Workload, data: Data, seed: int) -> None:
    """Answers `"train"` and `"infer"` with seconds, `"outputs"` with arrays, until it is closed.

    The first message tells the number of parameters; `"facts"` tells what is to be recorded.
    """
    if name == "keras":  # what a user of Keras alone gets
        os.environ.pop("TF_ENABLE_ONEDNN_OPTS", None)
    made = []

    def build() -> int:
        made.append(make(name, workload, data, seed))
        return made[0].num_parameters

    def facts() -> dict[str, Any]:
        more = made[0].facts() if hasattr(made[0], "facts") else {}
        return {"num_parameters": made[0].num_parameters, "note": made[0].note, **more}

    answers = {
        "build": build,
        "facts": facts,
        "outputs": lambda: made[0].outputs(),
        "train": lambda: _seconds(made[0].train),
        "infer": lambda: _seconds(made[0].infer),
    }
    contender_process.serve(connection, answers, "build")


def _seconds(work) -> float:
    gc.collect()
    gc.disable()
    try:
        started = time.perf_counter_ns()
        work()
        return (time.perf_counter_ns() - started) / 1e9
    finally:
        gc.enable()
