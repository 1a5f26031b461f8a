"""Chooses how a model runs on this machine by measuring: XLA, updates per call, precision, threads.

None of these settings changes what is computed, but for rounding; a lower precision is measured
only where it is asked for. Which setting is fastest depends on the network and the processor. XLA
fuses many small operations, but its convolutions are slow on CPUs. Two threads help large products
and hinder small ones.
"""

import contextlib
import copy
import dataclasses
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo import checks
from zoo.files import new_file
from zoo.registry import keras_start
from zoo.training import device_data
from zoo.version import __version__

_SCHEMA = 3
_NUM_BATCHES = 4
_ROUNDS = 7
_WINDOW_SECONDS = 0.15
# A call of many updates is to take about as long as this, the first of them to be found out.
_CALL_SECONDS = 0.1
# What is faster by less is not chosen: it may be noise, and XLA takes seconds to compile.
_LEAST_GAIN = 1.05


@dataclasses.dataclass(frozen=True)
class Trial:
    """One way to run a model, and its time.

    Attributes:
        jit_compile: Whether XLA compiled the step.
        steps_per_execution: Updates per call.
        precision: Dtype policy.
        threads: Of one operation; None: TensorFlow's choice.
        seconds_per_update: The least over rounds: whatever else the machine does only adds.
        compile_seconds: The first call.
        error: Why it cannot be run, or None.
    """

    jit_compile: bool = False
    steps_per_execution: int = 1
    precision: str = "float32"
    threads: int | None = None
    seconds_per_update: float | None = None
    compile_seconds: float | None = None
    error: str | None = None


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
        trials = tuple(_measure(model, data, batch_size))
        trials += tuple(_of_precision(model, data, batch_size, name) for name in precisions)
        trials += tuple(_of_threads(model, data, batch_size, number) for number in threads)
        _write(path, key, trials)
    own = [trial for trial in trials if trial.precision == _policy(model) and not trial.threads]
    chosen = _best(own)
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


def _best(trials: list[Trial]) -> Trial:
    """Returns the fastest, or the first where it gains too little."""
    able = [trial for trial in trials if trial.error is None]
    fastest = min(able, key=lambda trial: trial.seconds_per_update)
    plain = [trial for trial in able if not trial.jit_compile]
    simple = min(plain, key=lambda trial: trial.seconds_per_update) if plain else fastest
    gain = simple.seconds_per_update / fastest.seconds_per_update
    return fastest if gain >= _LEAST_GAIN else simple


def _advice(trials: tuple[Trial, ...], chosen: Trial):
    for trial in trials:
        if trial.error is not None or trial.seconds_per_update is None:
            continue
        gain = chosen.seconds_per_update / trial.seconds_per_update
        if gain < _LEAST_GAIN:
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


# --- measuring -------------------------------------------------------------------------------


def _measure(model, data, batch_size: int, precision: str | None = None) -> list[Trial]:
    """Times one update per call and many, without and with XLA, in turn."""
    precision = precision or _policy(model)
    before = _state(model)
    compiled = model.jit_compile
    try:
        ways: list[_Run | Trial] = []
        for jit_compile in (False, True):
            try:
                first = _Run(model, data, batch_size, jit_compile, 1)
                shortest = min(first.seconds() for _ in range(3))
                many = first.with_steps(_steps_of(shortest))
            except Exception as error:  # XLA has no kernel for some operation
                if not jit_compile:  # it is the model's, or of its data
                    raise
                text = checks.one_line(error)[:200]
                ways.append(Trial(jit_compile, precision=precision, error=text))
                continue
            ways += [first] if many is None else [first, many]
        for _ in range(_ROUNDS):
            for way in ways:
                if isinstance(way, _Run):
                    way.sample()
        return [way.trial(precision) if isinstance(way, _Run) else way for way in ways]
    finally:
        model.jit_compile = compiled
        _restore(model, before)


class _Run:
    """A graph that does some updates per call, and how long it took."""

    def __init__(self, model, data, batch_size: int, jit_compile: bool, num_steps: int):
        self.samples: list[float] = []
        self.jit_compile, self.num_steps = jit_compile, num_steps
        model.jit_compile = jit_compile
        self.updates = device_data.TrainingSteps(model, data, batch_size)
        started = time.perf_counter()
        self.updates(num_steps)
        self.compile_seconds = time.perf_counter() - started

    def with_steps(self, num_steps: int):
        """Returns the same graph with more updates per call, or None for no more."""
        if num_steps <= self.num_steps:
            return None
        run = copy.copy(self)
        run.num_steps, run.samples = num_steps, []
        return run

    def seconds(self) -> float:
        """Returns the seconds of an update, over a few calls."""
        self.updates(self.num_steps)
        started, num_calls = time.perf_counter(), 0
        while num_calls < 2 or time.perf_counter() - started < _WINDOW_SECONDS:
            self.updates(self.num_steps)
            num_calls += 1
        return (time.perf_counter() - started) / (num_calls * self.num_steps)

    def sample(self) -> None:
        self.samples.append(self.seconds())

    def trial(self, precision: str) -> Trial:
        return Trial(
            self.jit_compile,
            self.num_steps,
            precision,
            seconds_per_update=min(self.samples),
            compile_seconds=self.compile_seconds,
        )


def _steps_of(seconds: float) -> int:
    """Returns a power of two, so many updates that a call takes about 100 ms."""
    return 1 << int(np.log2(np.clip(_CALL_SECONDS / seconds, 1, device_data.MOST_STEPS)))


def _of_precision(model, data, batch_size: int, precision: str) -> Trial:
    """Times a copy of the model that computes in another precision."""
    try:
        config = model.get_config() | {"dtype": precision}
        other = type(model).from_config(config)
        other.compile(type(model.optimizer).from_config(model.optimizer.get_config()))
        return _best(_measure(other, data, batch_size, precision))
    except Exception as error:
        return Trial(precision=precision, error=checks.one_line(error)[:200])


def _of_threads(model, data, batch_size: int, threads: int) -> Trial:
    """Times a copy in a process that is started with so many threads."""
    with tempfile.TemporaryDirectory(prefix="zoo-autotune-") as folder:
        model.save(Path(folder) / "model.keras")
        leaves = {f"part{n}": part for n, part in enumerate(keras.tree.flatten(data))}
        np.savez(Path(folder) / "data.npz", **leaves)
        environment = os.environ | {
            "TF_NUM_INTRAOP_THREADS": str(threads),
            "TF_NUM_INTEROP_THREADS": str(threads),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        command = [sys.executable, "-c", _CHILD, folder, str(batch_size)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["the process ended"]
            return Trial(precision=_policy(model), threads=threads, error=lines[-1][:200])
        return Trial(**json.loads(done.stdout.splitlines()[-1]) | {"threads": threads})


_CHILD = """
import sys
from zoo.training import autotuning
autotuning.time_saved(sys.argv[1], int(sys.argv[2]))
"""


def time_saved(folder: str, batch_size: int) -> None:
    """Prints the best trial of a saved model: what the process for some threads does."""
    model = keras.saving.load_model(Path(folder) / "model.keras")
    with np.load(Path(folder) / "data.npz") as file:
        parts = [file[f"part{number}"] for number in range(len(file.files))]
    if model.task == "conditional":  # its input has two parts
        keys = sorted(model.example_inputs())
        parts = [dict(zip(keys, parts[: len(keys)], strict=True)), *parts[len(keys) :]]
    data = keras.utils.pack_x_y_sample_weight(*parts)
    print(json.dumps(dataclasses.asdict(_best(_measure(model, data, batch_size)))))


def _state(model) -> list[tuple[Any, np.ndarray]]:
    model.build_optimizers()
    variables = [*model.variables, *model.metrics_variables]
    variables += [variable for optimizer in model.optimizers for variable in optimizer.variables]
    return [(variable, np.array(variable)) for variable in variables]


def _restore(model, before: list[tuple[Any, np.ndarray]]) -> None:
    model.reset_metrics()  # those that the first step made
    for variable, value in before:
        variable.assign(value)


def _policy(model) -> str:
    return model.dtype_policy.name


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
