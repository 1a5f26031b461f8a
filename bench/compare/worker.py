"""One contender of a comparison: a process that holds a model and runs steps on request.

The model comes from the contender's own code, which may be an earlier commit. The code that
measures is the one in this file for both contenders.
"""

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np

from bench.execution import contender_process
from bench.execution.contender_process import ContenderProcess
from bench.profiling import steps, surroundings, timing

LEARNING_RATE = 3e-3
_FEWEST_CALLS = 3
_MOST_CALLS = 1_000
_WARM_UP_SAMPLES = 10


@dataclasses.dataclass(frozen=True)
class Contender:
    """What one contender runs.

    Attributes:
        name: As it is shown.
        code: Folder whose `zoo` is imported.
        model, preset, arguments: As `zoo.create` takes them.
        jit: What `compile` takes as `jit_compile`.
        precision: Dtype policy of the model.
        steps_per_execution: As `compile` takes it.
    """

    name: str
    code: Path
    model: str
    preset: str
    arguments: dict[str, Any]
    jit: bool | str = "auto"
    precision: str = "float32"
    steps_per_execution: int = 1


@dataclasses.dataclass(frozen=True)
class Data:
    """Real images, few of them: `x` and `y` as `fit` takes them, and inputs for inference."""

    image_shape: tuple[int, ...]
    x: Any
    y: Any
    inputs: Any
    batch_size: int


def serve(connection, contender: Contender, data: Data) -> None:
    """Builds the model, then answers requests until the other end is closed.

    Messages are `("ok", value)` or `("failed", text)`: the first tells the facts about the model,
    the next answer `("prepare", what)` and `("window", num_calls)`.
    """
    holder = _Holder(contender, data)
    answers = {"build": holder.build, "prepare": holder.prepare, "window": holder.window}
    contender_process.serve(connection, answers, "build")


class _Holder:
    """The model, and the step that is being timed."""

    def __init__(self, contender: Contender, data: Data):
        self.contender, self.data = contender, data

    def build(self) -> dict[str, Any]:
        """Returns what is known of the model and of the software."""
        import_zoo(self.contender.code)
        import keras

        from bench.evaluation.build import build_compiled

        self.model = build_compiled(
            self.contender.model,
            self.data.image_shape,
            keras.optimizers.Adam(LEARNING_RATE),
            preset=self.contender.preset,
            arguments=self.contender.arguments,
            precision=self.contender.precision,
            jit_compile=self.contender.jit,
            steps_per_execution=self.contender.steps_per_execution,
        )
        return {
            "params_total": self.model.count_params(),
            "jit_compile": bool(self.model.jit_compile),
            "steps_per_execution": self.model.steps_per_execution,
            "precision": self.model.dtype_policy.name,
            "environment": surroundings.describe(),
        }

    def prepare(self, what: str) -> dict[str, Any]:
        """Compiles a step and warms it up until it is steady."""
        data = self.data
        if what == "train":
            step = steps.training(self.model, data.x, data.y, batch_size=data.batch_size)
        else:
            batch_size = data.batch_size if what == "infer" else 1
            step = steps.inference(self.model, data.inputs, batch_size=batch_size)
        self.step = step
        measured = self._measure(_WARM_UP_SAMPLES)
        return {
            "call_seconds": measured.median_seconds,
            "first_call_seconds": measured.first_call_seconds,
            "stable": measured.stable,
        }

    def window(self, num_calls: int) -> tuple[float, int]:
        """Returns the median seconds of a step in some calls, after one that warms up, and the
        retraces."""
        measured = self._measure(num_calls, warmup_limit_seconds=0.0)
        return measured.median_seconds / self.step.steps_per_call, measured.num_retraces

    def _measure(self, num_calls: int, **settings) -> timing.Timing:
        return timing.measure(
            self.step.call,
            images_per_call=self.step.images_per_call,
            min_samples=num_calls,
            min_seconds=0.0,
            tracing_count=self.step.tracing_count,
            **settings,
        )


def send_whether_without_zoo(connection) -> None:
    """Tells whether a process may import any `zoo`: this file and those it imports bring none."""
    connection.send("zoo" not in sys.modules)


def import_zoo(code: Path):
    """Imports the `zoo` of a folder, while `bench` stays the one that is running.

    Raises:
        ImportError: if another one is imported already.
    """
    code = code.resolve()
    if "zoo" not in sys.modules:
        sys.path.insert(0, str(code))
    import zoo

    if Path(zoo.__file__).resolve().parents[1] != code:
        raise ImportError(f"zoo was to be imported from {code}, but came from {zoo.__file__}")
    return zoo


def calls_per_window(call_seconds: float, window_seconds: float) -> int:
    """Returns how many calls fill a window, at least 3 and at most 1,000."""
    return int(np.clip(np.ceil(window_seconds / call_seconds), _FEWEST_CALLS, _MOST_CALLS))


# --- the other end of the line -----------------------------------------------------------------


class Worker(ContenderProcess):
    """A process of a contender, and the connection to it."""

    def __init__(self, context, letter: str, contender: Contender, data: Data):
        super().__init__(context, letter, serve, contender, data)
        self.num_retraces = 0

    def window(self, num_calls: int) -> float:
        seconds, num_retraces = self.ask("window", num_calls)
        self.num_retraces += num_retraces
        return seconds
