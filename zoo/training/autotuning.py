"""Chooses how a model runs on this machine by measuring: XLA, updates per call, precision, threads.

None of these settings changes what is computed, but for rounding; a lower precision is measured
only where it is asked for. Which setting is fastest depends on the network and the processor. XLA
fuses many small operations, but its convolutions are slow on CPUs. Two threads help large products
and hinder small ones.
"""

import contextlib
import dataclasses
import hashlib
import importlib.metadata
import json
import os
import platform
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo.files import new_file
from zoo.registry import keras_start
from zoo.training import step_timing
from zoo.training.step_timing import Trial
from zoo.version import __version__

_SCHEMA = 3
_NUM_BATCHES = 4


@dataclasses.dataclass(frozen=True)
class Tuned:
    """What `autotune` found.

    Attributes:
        chosen: The trial whose settings the model has now.
        trials: All that were measured.
        advice: What cannot be changed in this process, as sentences: a precision, a number of
            threads, kernels that are switched off.
        is_cached: Whether an earlier call had measured it.
        path: The file that keeps it.
    """

    chosen: Trial
    trials: tuple[Trial, ...]
    advice: tuple[str, ...]
    is_cached: bool
    path: Path | None

    @property
    def gain(self) -> float:
        """Returns how many times as many updates per second the chosen way does as Keras's."""
        return self.trials[0].seconds_per_update / self.chosen.seconds_per_update

    @property
    def summary(self) -> str:
        """Returns the choice in one line."""
        chosen = self.chosen
        return (
            f"jit_compile={chosen.jit_compile}, steps_per_execution={chosen.steps_per_execution}: "
            f"{1e3 * chosen.seconds_per_update:.3g} ms per update, {self.gain:.2f} times as fast "
            "as one uncompiled update per call"
        )


def autotune(
    model,
    x,
    y=None,
    *,
    batch_size: int = 32,
    precisions: tuple[str, ...] = (),
    threads: tuple[int, ...] = (),
    fresh: bool = False,
    folder: str | Path | None = None,
) -> Tuned:
    """Measures ways to run a compiled model, and gives it the fastest.

    It sets `model.jit_compile` and `model.steps_per_execution`; weights, optimizer, metrics and
    noise are as before. It takes a few seconds, most of them compilation, and is done once: the
    result is kept in a file, by model, batch size, machine and versions.

    Args:
        model: A compiled model of the zoo.
        x, y: Real data, as `fit` takes them; a few batches are used.
        batch_size: As `fit` will be given.
        precisions: Dtype policies to measure too, such as `("mixed_bfloat16",)`. As a model keeps
            its own, a faster one is only told in `advice`.
        threads: Numbers of threads to measure too, each in a process of its own, such as `(1, 2)`.
            A better one is told in `advice`: TensorFlow takes it when it starts.
        fresh: Whether to measure again what is in the file.
        folder: Of the file; default `$ZOO_CACHE_DIR`, else `~/.cache/keras-autoencoder-zoo`.

    Returns:
        A `Tuned`. Print its `summary`.

    Raises:
        ValueError: if the model is not compiled, the data do not fit it, or they are fewer than
            one batch.

    Example:
        >>> model.compile("adam")
        >>> tuned = zoo.autotune(model, images, batch_size=128)
        >>> print(tuned.summary)
        >>> model.fit(images, batch_size=128, epochs=10)
    """
    data = _few(model, model.checked_data(x, y), batch_size)
    path = _folder(folder) / "autotune.json"
    key = _key(model, batch_size, precisions, threads)
    kept = None if fresh else _read(path).get(key)
    if kept is not None:
        trials = tuple(Trial(**trial) for trial in kept)
    else:
        trials = tuple(step_timing.measure(model, data, batch_size))
        few = (model, data, batch_size)
        trials += tuple(step_timing.of_precision(*few, name) for name in precisions)
        trials += tuple(step_timing.of_threads(*few, number) for number in threads)
        _write(path, key, trials)
    policy = step_timing.policy(model)
    own = [trial for trial in trials if trial.precision == policy and not trial.threads]
    chosen = step_timing.best(own)
    model.jit_compile = chosen.jit_compile
    model.steps_per_execution = chosen.steps_per_execution
    model.train_function = model.test_function = model.predict_function = None
    return Tuned(chosen, trials, tuple(_advice(trials, chosen)), kept is not None, path)


def _few(model, data, batch_size: int):
    num_rows = len(keras.tree.flatten(data)[0])
    if num_rows < batch_size:
        raise ValueError(
            f"{model.owner}.autotune: x must have at least one batch. "
            f"Received: {num_rows} rows and batch_size={batch_size}."
        )
    num_rows = min(num_rows, _NUM_BATCHES * batch_size)
    num_rows -= num_rows % batch_size
    return keras.tree.map_structure(lambda part: np.asarray(part[:num_rows]), data)


def _advice(trials: tuple[Trial, ...], chosen: Trial):
    for trial in trials:
        if trial.error is not None or trial.seconds_per_update is None:
            continue
        gain = chosen.seconds_per_update / trial.seconds_per_update
        if gain < step_timing.LEAST_GAIN:
            continue
        if trial.threads:
            yield (
                f"{gain:.2f} times as fast with {trial.threads} threads: start Python with "
                f"TF_NUM_INTRAOP_THREADS={trial.threads}"
            )
        elif trial.precision != chosen.precision:
            yield f"{gain:.2f} times as fast with dtype={trial.precision!r}: create the model so"
    if kernels_are_late():
        yield "faster kernels may be off: import zoo before keras, or set TF_ENABLE_ONEDNN_OPTS=1"


def kernels_are_late() -> bool:
    """Tells whether TensorFlow had started before `zoo` could ask for oneDNN's kernels."""
    return keras_start.KERNELS_ARE_CHOSEN and platform.machine() in ("x86_64", "AMD64")


# --- the file --------------------------------------------------------------------------------


def _folder(folder: str | Path | None) -> Path:
    default = os.environ.get("ZOO_CACHE_DIR") or Path.home() / ".cache" / "keras-autoencoder-zoo"
    return Path(folder or default).expanduser()


def _key(model, batch_size: int, precisions, threads) -> str:
    """Names what the result depends on."""
    config = {k: v for k, v in model.get_config().items() if k not in ("name", "card", "seed")}
    about = {
        "schema": _SCHEMA,
        "model": [type(model).__name__, config, type(model.optimizer).__name__],
        "batch_size": batch_size,
        "asked": [list(precisions), list(threads)],
        "machine": [platform.node(), platform.machine(), os.cpu_count()],
        "devices": keras.distribution.list_devices(),
        "threads": [os.environ.get(f"TF_NUM_{part}OP_THREADS") for part in ("INTRA", "INTER")],
        "kernels": os.environ.get("TF_ENABLE_ONEDNN_OPTS"),
        "versions": [__version__, keras.__version__, *_tensorflow_versions()],
    }
    text = json.dumps(about, sort_keys=True, default=str)
    return f"{type(model).__name__} {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _tensorflow_versions() -> list[str]:
    versions = []
    for name in ("tensorflow", "tensorflow-cpu"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions.append(f"{name} {importlib.metadata.version(name)}")
    return versions


def _read(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Reads what is kept; a file that cannot be used is as good as none."""
    try:
        trials_of = json.loads(path.read_text())
        for trials in trials_of.values():
            for trial in trials:
                Trial(**trial)
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
    return trials_of


def _write(path: Path, key: str, trials: tuple[Trial, ...]) -> None:
    trials_of = _read(path) | {key: [dataclasses.asdict(trial) for trial in trials]}
    with contextlib.suppress(OSError), new_file(path) as temporary:  # else: measured again
        temporary.write_text(json.dumps(trials_of, indent=1))
