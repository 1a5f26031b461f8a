"""What the process of a contender does."""

import gc
import importlib
import os
import sys
import time
from typing import Any

from bench.execution import contender_process
from bench.peers.workloads import IN_BFLOAT16, Data, Workload

# Name of a contender, and what it needs to be installed.
CONTENDERS = {
    "zoo": None,
    "zoo autotuned": None,
    "zoo bfloat16": None,
    "zoo model(x)": None,
    "keras": None,
    "keras on jax": "jax",
    "keras on torch": "torch",
    "torch": "torch",
    "torch bfloat16": "torch",
    "torch.compile": "torch",
    "torch.compile bfloat16": "torch",
    "pythae": "pythae",
}
_ON_BACKEND = "keras on "  # and the backend
# Pythae has no such networks.
_NETWORKS = {"pythae": ("dense", "vae")}
# A call as it comes, beside `predict_on_batch`.
_WHATS = {"zoo model(x)": ("latency",)}


def does(name: str, network: str, what: str) -> bool:
    """Tells whether a contender has a network, and has another way to do what is measured."""
    return network in _NETWORKS.get(name, (network,)) and what in _WHATS.get(name, (what,))


def make(name: str, workload: Workload, data: Data, seed: int):
    """Imports a framework and returns its contender."""
    is_in_bfloat16 = name.endswith(IN_BFLOAT16)
    if name.startswith("zoo"):
        importlib.import_module("zoo")  # before Keras, for its faster kernels
        from bench.peers.zoo_contender import ZooContender

        precision = "mixed_bfloat16" if is_in_bfloat16 else None
        how = name == "zoo autotuned", precision, name == "zoo model(x)"
        return ZooContender(workload, data, seed, *how)
    if name.startswith("keras"):
        from bench.peers.keras_contender import KerasContender

        return KerasContender(workload, data, seed)
    if name == "pythae":
        from bench.peers.pythae_contender import PythaeContender

        return PythaeContender(workload, data, seed)
    from bench.peers.torch_contender import TorchContender

    return TorchContender(workload, data, seed, name.startswith("torch.compile"), is_in_bfloat16)


def choose_backend(name: str) -> None:
    """Prepares a process that has not imported Keras, for one contender.

    On another backend TensorFlow is out of reach, as where it is not installed: Keras would import
    it beside PyTorch, for nothing, and the threads of both would be in each other's way.
    """
    if name == "keras":  # what a user of Keras alone gets
        os.environ.pop("TF_ENABLE_ONEDNN_OPTS", None)
    if name.startswith(_ON_BACKEND):
        os.environ["KERAS_BACKEND"] = name.removeprefix(_ON_BACKEND)
        sys.modules["tensorflow"] = None  # an import of it fails


def serve(connection, name: str, workload: Workload, data: Data, seed: int) -> None:
    """Answers requests until it is closed: seconds of work, arrays of `"outputs"`, or facts.

    The first message tells the number of parameters; `"facts"` tells what is to be recorded.
    """
    choose_backend(name)
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
        "latency": lambda: _seconds(made[0].infer_singly),
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
