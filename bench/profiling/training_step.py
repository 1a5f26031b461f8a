"""The training step of a model, compiled once for all that is timed with it."""

import contextlib
from collections.abc import Iterator


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
        step = tf.function(model.train_step, jit_compile=model.jit_compile, autograph=False)
        self.function = step if self.num_steps == 1 else tf.function(self._loop, autograph=False)
        self._one_step = step

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
