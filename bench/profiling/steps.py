"""Steps of training and of inference, ready to be timed: compiled, their data on the device."""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.profiling.training_step import TrainingStep

_NUM_BATCHES = 4


@dataclasses.dataclass(frozen=True)
class Step:
    """What is timed, and how often it was traced.

    Attributes:
        call: Does the work and returns what to wait for.
        tracing_count: Tells how often the work was traced so far.
        images_per_call: Images that one call works on.
        steps_per_call: Steps of one call: the model's `steps_per_execution` in training, else 1.
    """

    call: Callable[[], Any]
    tracing_count: Callable[[], int]
    images_per_call: int
    steps_per_call: int = 1


def training(model, x, y=None, *, batch_size: int, step: TrainingStep | None = None) -> Step:
    """Returns the training step of a compiled model, which goes round a few batches.

    It changes the model; `bench.profiling.timing.time_training` does not.

    Args:
        x, y: Arrays or dicts of arrays. Few rows are repeated to fill a batch.
        step: The compiled step, where it shall serve again; made afresh by default.
    """
    step = step or TrainingStep(model)
    data = (x,) if y is None else (x, y)
    images_per_call = batch_size * step.num_steps
    batches = [step.group(_on_device(data, rows)) for rows in _rows(data, images_per_call)]
    turn = itertools.cycle(batches)
    return Step(lambda: step(next(turn)), step.tracing_count, images_per_call, step.num_steps)


def inference(model, x, *, batch_size: int) -> Step:
    """Returns a step of `model(x, training=False)`, compiled, always on the same images.

    Args:
        x: Array or dict of arrays. Few rows are repeated to fill the batch.
    """
    import tensorflow as tf

    batch = _on_device(x, _rows(x, batch_size)[0])

    @tf.function(jit_compile=model.jit_compile, autograph=False)
    def infer(images):
        return model(images, training=False)

    return Step(lambda: infer(batch), infer.experimental_get_tracing_count, batch_size)


def _rows(data, batch_size: int) -> np.ndarray:
    """Returns the rows of each batch, `(batches, batch_size)`."""
    import tensorflow as tf

    num_rows = len(tf.nest.flatten(data)[0])
    num_batches = min(max(num_rows // batch_size, 1), _NUM_BATCHES)
    return (np.arange(num_batches * batch_size) % num_rows).reshape(num_batches, batch_size)


def _on_device(data, rows: np.ndarray):
    import tensorflow as tf

    return tf.nest.map_structure(lambda part: tf.constant(part[rows]), data)
