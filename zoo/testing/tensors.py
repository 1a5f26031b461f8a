"""What the checks need of TensorFlow: constants, streams, and two replicas on one machine."""

import contextlib

import keras
import tensorflow as tf

from zoo.testing.expect import ExcusedError


def constants(data):
    """Returns arrays, or dicts of them, as tensors."""
    return keras.tree.map_structure(tf.constant, data)


def stream(data: tuple, batch_size: int) -> tf.data.Dataset:
    """Returns the arguments of `fit` as a data set of batches."""
    return tf.data.Dataset.from_tensor_slices(data if len(data) > 1 else data[0]).batch(batch_size)


def two_replicas() -> contextlib.AbstractContextManager:
    """Returns the scope of a strategy with two replicas.

    Raises:
        ExcusedError: if TensorFlow has one device alone.
    """
    names = [device.name for device in tf.config.list_logical_devices("CPU")][:2]
    if len(names) < 2:
        raise ExcusedError(
            "TensorFlow has one device here. Call tf.config.set_logical_device_configuration with "
            "two before it starts."
        )
    one_device = tf.distribute.ReductionToOneDevice()
    return tf.distribute.MirroredStrategy(names, cross_device_ops=one_device).scope()
