"""Steps of training and of inference, ready to be timed: compiled, their data on the device."""

import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

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


class TrainingStep:
    """The step of training, compiled as `fit` compiles it.

    Called on a group of batches as `group` makes it, it runs `model.train_step`
    `model.steps_per_execution` times, compiled with XLA where `model.jit_compile` says so.

    Args:
        model: A compiled model.

    Raises:
        ValueError: if the model has no optimizer.
    """

    def __init__(self, model):
        import tensorflow as tf

        if getattr(model, "optimizer", None) is None:
            raise ValueError(
                "TrainingStep: model must be compiled. "
                f"Received: model={model.name!r} without an optimizer. Call model.compile first."
            )
        if not model.optimizer.built:  # else its slots would come into being in the timed steps
            model.optimizer.build(model.trainable_variables)
        self.model = model
        self.num_steps = int(model.steps_per_execution)
        step = tf.function(self._as_in_fit, jit_compile=model.jit_compile, autograph=False)
        self.function = step if self.num_steps == 1 else tf.function(self._loop, autograph=False)
        self._one_step = step

    def _as_in_fit(self, batch):
        """Runs the step on what `fit` gives it: images alone are no tuple there."""
        alone = isinstance(batch, tuple) and len(batch) == 1
        return self.model.train_step(batch[0] if alone else batch)

    def _loop(self, group):
        import tensorflow as tf

        def body(index):
            self._one_step(tf.nest.map_structure(lambda part: part[index], group))
            return (index + 1,)

        return tf.while_loop(lambda index: index < self.num_steps, body, (0,))

    def __call__(self, group):
        return self.function(group)

    def group(self, batch):
        """Splits a batch of `num_steps` times the size into the batches of one call."""
        import tensorflow as tf

        if self.num_steps == 1:
            return batch
        return tf.nest.map_structure(
            lambda part: tf.reshape(part, (self.num_steps, -1, *part.shape[1:])), batch
        )

    def tracing_count(self) -> int:
        return self.function.experimental_get_tracing_count()

    @contextlib.contextmanager
    def unchanged(self) -> Iterator[None]:
        """Puts weights, optimizer and metrics back at the end of the block."""
        model = self.model
        variables = [*model.variables, *model.metrics_variables]
        for optimizer in getattr(model, "optimizers", [model.optimizer]):  # not of other versions
            variables += optimizer.variables
        before = [variable.numpy() for variable in variables]
        try:
            yield
        finally:
            model.reset_metrics()  # those that the first step made
            for variable, value in zip(variables, before, strict=True):
                variable.assign(value)


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
