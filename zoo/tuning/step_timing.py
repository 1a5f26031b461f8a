"""Times ways to run a model: by XLA or not, updates per call, precision, threads.

The model is as it was afterwards: weights, optimizer, metrics and noise.
"""

import copy
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo import checks
from zoo.training import device_data
from zoo.tuning import precision as in_precision

_ROUNDS = 7
_WINDOW_SECONDS = 0.15
# A call of many updates is to take about as long as this, the first of them to be found out.
_CALL_SECONDS = 0.1
# What is faster by less is not chosen: it may be noise, and XLA takes seconds to compile.
LEAST_GAIN = 1.05


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
        loss, own_loss: On held-out images after `num_updates` from the same start, in this
            precision and in the model's own; None where nothing was to be won.
        num_updates: Of these two trainings.
        error: Why it cannot be run, or None.
    """

    jit_compile: bool = False
    steps_per_execution: int = 1
    precision: str = "float32"
    threads: int | None = None
    seconds_per_update: float | None = None
    compile_seconds: float | None = None
    loss: float | None = None
    own_loss: float | None = None
    num_updates: int | None = None
    error: str | None = None


def best(trials: list[Trial]) -> Trial:
    """Returns the fastest, or the first where it gains too little."""
    able = [trial for trial in trials if trial.error is None]
    fastest = min(able, key=lambda trial: trial.seconds_per_update)
    plain = [trial for trial in able if not trial.jit_compile]
    simple = min(plain, key=lambda trial: trial.seconds_per_update) if plain else fastest
    gain = simple.seconds_per_update / fastest.seconds_per_update
    return fastest if gain >= LEAST_GAIN else simple


def measure(
    model, data, batch_size: int, precision: str | None = None, others: tuple[str, ...] = ()
) -> list[Trial]:
    """Times one update per call and many, without and with XLA, in turn.

    Args:
        precision: Name of the model's own; None: it is asked.
        others: Precisions of copies that take turns with the model.

    Returns:
        The trials of the model, and the best one of each other precision.
    """
    own = precision or policy(model)
    before = _state(model)
    compiled = model.jit_compile, model.is_jit_auto
    try:
        ways = {own: _ways(model, data, batch_size, own)}
        for name in others:
            try:
                ways[name] = _ways(in_precision.copy_in(model, name), data, batch_size, name)
            except Exception as error:
                text = checks.one_line(error, 200)
                ways[name] = [Trial(precision=name, error=text)]
        for _ in range(_ROUNDS):
            for way in (way for of_name in ways.values() for way in of_name):
                if isinstance(way, Run):
                    way.sample()
        trials = {
            name: [way.trial(name) if isinstance(way, Run) else way for way in of_name]
            for name, of_name in ways.items()
        }
        return trials.pop(own) + [_best_or_failed(of_name) for of_name in trials.values()]
    finally:
        model.jit_compile, model.is_jit_auto = compiled
        _restore(model, before)


def _best_or_failed(trials: list[Trial]) -> Trial:
    return best(trials) if any(trial.error is None for trial in trials) else trials[0]


def _ways(model, data, batch_size: int, precision: str) -> list:
    """Returns the ways to run a model that are to be timed, and trials of those that fail."""
    ways: list[Run | Trial] = []
    for jit_compile in (False, True):
        try:
            first = Run(model, data, batch_size, jit_compile, 1)
            shortest = min(first.seconds() for _ in range(3))
            many = first.with_steps(steps_of(shortest))
        except Exception as error:  # XLA has no kernel for some operation
            if not jit_compile:  # it is the model's, or of its data
                raise
            text = checks.one_line(error, 200)
            ways.append(Trial(jit_compile, precision=precision, error=text))
            continue
        ways += [first] if many is None else [first, many]
    return ways


class Run:
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


def steps_of(seconds: float) -> int:
    """Returns a power of two, so many updates that a call takes about 100 ms."""
    return 1 << int(np.log2(np.clip(_CALL_SECONDS / seconds, 1, device_data.MOST_STEPS)))


def of_threads(model, data, batch_size: int, threads: int) -> Trial:
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
            return Trial(precision=policy(model), threads=threads, error=lines[-1][:200])
        return Trial(**json.loads(done.stdout.splitlines()[-1]) | {"threads": threads})


_CHILD = """
import sys
from zoo.tuning import step_timing
step_timing.time_saved(sys.argv[1], int(sys.argv[2]))
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
    print(json.dumps(dataclasses.asdict(best(measure(model, data, batch_size)))))


def _state(model) -> list[tuple[Any, np.ndarray]]:
    model.build_optimizers()
    variables = [*model.variables, *model.metrics_variables]
    variables += [variable for optimizer in model.optimizers for variable in optimizer.variables]
    return [(variable, np.array(variable)) for variable in variables]


def _restore(model, before: list[tuple[Any, np.ndarray]]) -> None:
    model.reset_metrics()  # those that the first step made
    for variable, value in before:
        variable.assign(value)


def policy(model) -> str:
    """Returns the name of the precision that a model computes in."""
    return model.dtype_policy.name
