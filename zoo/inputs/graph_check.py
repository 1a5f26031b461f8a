"""The quick check of a batch, in the graph: the whole check is asked where it is not sure.

`StepCheck` has it inside the training step: a stage of the pipeline takes longer than the look.
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

_BITS_OF_ONE = 0x3F800000  # of 1 as float32: numbers from 0 to 1 are those bits and below


class StepCheck:
    """Looks at each batch inside the training step, before it is trained on.

    Attributes:
        look: Checks a batch with its number, from 1, and raises what is wrong with it.
        is_on: Whether a step that is traced now looks at its batches.
    """

    def __init__(self):
        self.look: Callable | None = None
        self.is_on = False
        with tf.device("CPU:0"):
            self._number = tf.Variable(0, trainable=False, dtype=tf.int64)

    def restart(self) -> None:
        """Begins an epoch: the next batch is the first."""
        self._number.assign(0)

    def passed(self, model, batch):
        """Returns a batch, tensors of the step that is traced, once it is looked at."""
        if not can_tell(model, batch):  # no data set has such batches: see `Check`
            return batch
        number = self._number.assign_add(1)

        def look(*batch_and_number):  # that of the `fit` which runs the step, not which traced it
            self.look(*batch_and_number)

        are_fine = are_images(model, batch)
        if tf.executing_eagerly():
            is_checked = are_fine if bool(are_fine) else whole(look, batch, number)
        else:
            is_checked = _unless(are_fine, look, batch, number)
        with tf.control_dependencies([is_checked]):
            return tf.nest.map_structure(
                lambda part: None if part is None else tf.identity(part), batch
            )


class Restart(keras.callbacks.Callback):
    """Lets a `StepCheck` count the batches of each epoch."""

    def __init__(self, check: StepCheck):
        super().__init__()
        self.check = check

    def on_epoch_begin(self, epoch, logs=None):
        self.check.restart()


def whole(look: Callable, batch, number):
    """Returns a tensor, true: that a batch passed the whole check, which raises otherwise.

    Args:
        look: Takes the batch as arrays, and its number.
        batch: Tensors, and None for what it lacks.
        number: Tensor.
    """

    def check(number, *values):
        left = iter(values)
        filled = [None if leaf is None else next(left) for leaf in tf.nest.flatten(batch)]
        look(tf.nest.pack_sequence_as(batch, filled), int(number))
        return np.True_

    tensors = [leaf for leaf in tf.nest.flatten(batch) if leaf is not None]
    return tf.numpy_function(check, [number, *tensors], tf.bool)


def _unless(are_fine, look: Callable, batch, number):
    """Returns a tensor, true, where a batch is fine, and what `whole` gives where it is not sure.

    `tf.cond` does the same, but brings switches into the graph of the step, and TensorFlow then
    runs all its operations in a slower way.
    """
    parts = tf.nest.flatten(batch)
    tensors = [number, *(part for part in parts if part is not None)]
    kinds = [tf.TensorSpec(part.shape, part.dtype) for part in tensors]

    def fine(number, *values):
        return tf.constant(True)

    def unsure(number, *values):
        left = iter(values)
        filled = [None if part is None else next(left) for part in parts]
        return whole(look, tf.nest.pack_sequence_as(batch, filled), number)

    branches = [
        tf.function(branch, input_signature=kinds, autograph=False).get_concrete_function()
        for branch in (fine, unsure)
    ]
    (is_checked,) = tf.raw_ops.If(
        cond=are_fine,
        input=tensors,
        Tout=[tf.bool],
        then_branch=branches[0],
        else_branch=branches[1],
    )
    return is_checked


def can_tell(model, batch, inputs_only: bool = False) -> bool:
    """Tells whether `are_images` can be asked of batches of this kind.

    It is for models that take every image of their shape in `[0, 1]`.

    Args:
        model: See `zoo.inputs.checking.Check`.
        batch: Tensors as a data set gives them, or their kinds.
        inputs_only: Whether targets and weights are not looked at.
    """
    _, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
    is_target_fine = model.required_target is None if y is None else model.fits_every_target
    if not (model.fits_every_image and (inputs_only or (sample_weight is None and is_target_fine))):
        return False
    shape = tuple(model.image_shape)
    return all(
        isinstance(part, (tf.Tensor, tf.TensorSpec))
        and part.dtype.is_floating
        and part.shape.rank is not None
        and tuple(part.shape[1:]) == shape
        for part in _looked_at(batch, inputs_only)
    )


def are_images(model, batch, inputs_only: bool = False):
    """Returns a tensor: whether a batch is sure to fit. See `can_tell`."""
    parts = _looked_at(batch, inputs_only)
    lengths = [tf.shape(part)[0] for part in parts]
    conditions = [lengths[0] > 0, *(length == lengths[0] for length in lengths[1:])]
    for part in parts:
        if part.dtype == tf.float32:  # one pass; that of -0 has the sign's bit: ask the whole check
            highest = tf.reduce_max(tf.bitcast(part, tf.uint32))
            conditions.append(highest <= tf.constant(_BITS_OF_ONE, tf.uint32))
        else:  # of a NaN among them, the lowest and the highest value are NaN
            conditions += [tf.reduce_min(part) >= 0, tf.reduce_max(part) <= 1]
    return tf.reduce_all(tf.stack(conditions))


def _looked_at(batch, inputs_only: bool) -> list:
    x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
    return [x] if inputs_only or y is None else [x, y]


def are_alike(packed: tuple, batch) -> bool:
    """Tells whether a batch is packed as it was given, all of it in the types that Keras has."""
    given = batch if isinstance(batch, tuple) else (batch,)
    if len(packed) != len(given):
        return False
    kinds = [[leaf.dtype for leaf in keras.tree.flatten(part)] for part in (packed, given)]
    return kinds[0] == kinds[1]
