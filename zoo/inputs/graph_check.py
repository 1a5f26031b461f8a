"""The quick check of a batch, in the graph: the whole check is asked where it is not sure."""

import keras
import tensorflow as tf


def are_images(model, batch, inputs_only: bool = False):
    """Returns a tensor: whether a batch is sure to fit; None where only the whole check can tell.

    It costs a fifth of the whole check, and is for models that take every image of their shape in
    `[0, 1]`.

    Args:
        model: See `zoo.inputs.checking.Check`.
        batch: Tensors as a data set gives them.
        inputs_only: Whether targets and weights are not looked at.
    """
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
    parts = [x] if inputs_only or y is None else [x, y]
    is_target_fine = model.required_target is None if y is None else model.fits_every_target
    if not (model.fits_every_image and (inputs_only or (sample_weight is None and is_target_fine))):
        return None
    shape = tuple(model.image_shape)
    for part in parts:
        if not (tf.is_tensor(part) and part.dtype.is_floating and part.shape.rank is not None):
            return None
        if tuple(part.shape[1:]) != shape:
            return None
    lengths = [tf.shape(part)[0] for part in parts]
    conditions = [lengths[0] > 0, lengths[0] == lengths[-1]]
    conditions += [tf.reduce_all((part >= 0) & (part <= 1)) for part in parts]  # NaN is neither
    return tf.reduce_all(tf.stack(conditions))


def are_alike(packed: tuple, batch) -> bool:
    """Tells whether a batch is packed as it was given, all of it in the types that Keras has."""
    given = batch if isinstance(batch, tuple) else (batch,)
    if len(packed) != len(given):
        return False
    kinds = [[leaf.dtype for leaf in keras.tree.flatten(part)] for part in (packed, given)]
    return kinds[0] == kinds[1]
