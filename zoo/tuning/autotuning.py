"""Chooses how a model runs on this machine by measuring: XLA, updates per call, precision, threads.

None of these settings changes what is computed, but for rounding; a lower precision is measured
only where it is asked for, and kept only where a short training ends as well. Which setting is
fastest depends on the network and the processor. XLA fuses many small operations, but its
convolutions are slow on CPUs. Two threads help large products and hinder small ones.
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

from zoo import checks
from zoo.files import new_file
from zoo.registry import keras_start
from zoo.tuning import precision, step_timing
from zoo.tuning.step_timing import Trial
from zoo.version import __version__

_SCHEMA = 4
_NUM_BATCHES = 4
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


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
            f"{'' if chosen.precision == 'float32' else chosen.precision + ', '}"
            f"jit_compile={chosen.jit_compile}, steps_per_execution={chosen.steps_per_execution}: "
            f"{1e3 * chosen.seconds_per_update:.3g} ms per update, {self.gain:.2f} times as fast "
            "as one uncompiled update per call"
        )

    @property
    def of_precisions(self) -> str:
        """Returns how the other precisions did against the model's own, in words."""
        own = self.trials[0].precision
        alone = [t for t in self.trials if t.precision == own and not t.threads]
        fastest = step_timing.best(alone)
        return "; ".join(
            _in_words(trial, fastest)
            for trial in self.trials
            if trial.precision != own and not trial.threads
        )


def _in_words(trial: Trial, fastest: Trial) -> str:
    if trial.error is not None:
        return f"{trial.precision} failed: {trial.error}"
    gain = fastest.seconds_per_update / trial.seconds_per_update
    text = f"{trial.precision} is {gain:.2f} times as fast as {fastest.precision}"
    found = _gate_of(trial)
    if found is None:
        return text
    change = f"{100 * abs(found.worse):.2g} % {'higher' if found.worse > 0 else 'lower'}"
    return f"{text}; after {found.num_updates} updates its loss is {change}"


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

    It sets `model.jit_compile`, `model.steps_per_execution` and, among several `precisions`, the
    model's precision; weights, optimizer, metrics and
    noise are as before. It takes a few seconds, most of them compilation, and is done once: the
    result is kept in a file, by model, batch size, machine and versions.

    Args:
        model: A compiled model of the zoo.
        x, y: Real data, as `fit` takes them; a few batches are used.
        batch_size: As `fit` will be given.
        precisions: Dtype policies to measure too, such as `("float32", "mixed_bfloat16")`. Copies
            of the model take turns with it. Where one is faster, both train 300 updates from the
            model's weights on the same batches; the model changes its precision where the loss on
            held-out images, a fifth of `x`, is within 0.1 % or better. Else `advice` says what it
            was. `mixed_float16` is only told, as the optimizer then has to scale the loss.
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
    for name in precisions:
        checks.one_of("autotune", precisions=(name, PRECISIONS))
    own = step_timing.policy(model)
    others = tuple(dict.fromkeys(name for name in precisions if name != own))
    every = model.checked_data(x, y)
    data = _few(model, every, batch_size)
    path = _folder(folder) / "autotune.json"
    key = _key(model, batch_size, others, threads, data if others else None)
    kept = None if fresh else _read(path).get(key)
    if kept is not None:
        trials = tuple(Trial(**trial) for trial in kept)
    else:
        measured = step_timing.measure(model, data, batch_size, own, others)
        plain = [trial for trial in measured if trial.precision == own]
        fastest = step_timing.best(plain)
        trials = tuple(_with_loss(trial, fastest, model, every, batch_size) for trial in measured)
        trials += tuple(
            step_timing.of_threads(model, data, batch_size, number) for number in threads
        )
        _write(path, key, trials)
    here = [trial for trial in trials if not trial.threads]
    chosen = step_timing.best([trial for trial in here if trial.precision == own])
    for trial in here:
        if trial.precision != own and _is_faster(trial, chosen) and _is_as_good(trial):
            chosen = trial
    if chosen.precision != own:
        precision.adopt(model, chosen.precision)
    model.jit_compile = chosen.jit_compile
    model.steps_per_execution = chosen.steps_per_execution
    model.train_function = model.test_function = model.predict_function = None
    return Tuned(chosen, trials, tuple(_advice(trials, chosen)), kept is not None, path)


def _is_faster(trial: Trial, other: Trial) -> bool:
    if trial.error is not None or trial.seconds_per_update is None:
        return False
    return other.seconds_per_update >= step_timing.LEAST_GAIN * trial.seconds_per_update


def _with_loss(trial: Trial, fastest: Trial, model, data, batch_size: int) -> Trial:
    """Returns a trial of another precision with what it loses in quality, if it is faster."""
    is_other = trial.precision != fastest.precision
    if not is_other or trial.precision == "mixed_float16" or not _is_faster(trial, fastest):
        return trial
    found = precision.gate(model, data, batch_size, trial.precision)
    return dataclasses.replace(
        trial, loss=found.loss, own_loss=found.reference, num_updates=found.num_updates
    )


def _gate_of(trial: Trial) -> precision.Gate | None:
    if trial.loss is None:
        return None
    return precision.Gate(trial.loss, trial.own_loss, trial.num_updates)


def _is_as_good(trial: Trial) -> bool:
    found = _gate_of(trial)
    return found is not None and found.is_passed


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
        if trial is chosen or not _is_faster(trial, chosen):
            continue
        gain = chosen.seconds_per_update / trial.seconds_per_update
        if trial.threads:
            yield (
                f"{gain:.2f} times as fast with {trial.threads} threads: start Python with "
                f"TF_NUM_INTRAOP_THREADS={trial.threads}"
            )
        elif (found := _gate_of(trial)) is not None and not found.is_passed:
            yield (
                f"{gain:.2f} times as fast with dtype={trial.precision!r}, and not chosen: after "
                f"{found.num_updates} updates its loss is {100 * found.worse:.2g} % higher"
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


def _key(model, batch_size: int, precisions, threads, data) -> str:
    """Names what the result depends on."""
    config = {k: v for k, v in model.get_config().items() if k not in ("name", "card", "seed")}
    about = {
        "schema": _SCHEMA,
        "model": [type(model).__name__, config, type(model.optimizer).__name__],
        "batch_size": batch_size,
        "asked": [list(precisions), list(threads), None if data is None else _checksum(data)],
        "machine": [platform.node(), platform.machine(), os.cpu_count()],
        "devices": keras.distribution.list_devices(),
        "threads": [os.environ.get(f"TF_NUM_{part}OP_THREADS") for part in ("INTRA", "INTER")],
        "kernels": os.environ.get("TF_ENABLE_ONEDNN_OPTS"),
        "versions": [__version__, keras.__version__, *_tensorflow_versions()],
    }
    text = json.dumps(about, sort_keys=True, default=str)
    return f"{type(model).__name__} {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _checksum(data) -> str:
    """Returns what tells data apart: whether a lower precision is as good depends on them."""
    parts = keras.tree.flatten(data)
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()[:16]


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
