"""Sources of batches, read by others than `fit`: inputs, targets, and whether they end."""

import collections.abc
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo.inputs import arrays, pipeline


def inputs_of(source) -> collections.abc.Iterator:
    """Yields the inputs of each batch of a source that ends; rows of `zoo.batches` in order."""
    for batch in _in_order(source):
        yield keras.utils.unpack_x_y_sample_weight(batch)[0]


def _in_order(source) -> collections.abc.Iterable:
    """Returns the batches of a source that ends, without another epoch of it."""
    if isinstance(source, tf.data.Dataset):
        return pipeline.in_order(source)
    if isinstance(source, keras.utils.PyDataset):
        return map(source.__getitem__, range(source.num_batches))
    return source


def targets_of(owner: str, x, y, needed: str) -> collections.abc.Iterator[np.ndarray]:
    """Yields the targets of data: of arrays, or of each batch of a source that ends.

    Args:
        owner: Class name for messages.
        needed: What the data should be.

    Raises:
        ValueError: if there are no targets, or no end of them.
    """
    if y is not None:
        yield np.asarray(arrays.values_of(arrays.to_arrays(owner, y, "y")))
        return
    if not is_source(x) or has_no_end(x):
        raise ValueError(
            f"{owner}: the data must be {needed}, that end, to count classes in them. Received: "
            f"x of type {type(x).__name__} and y=None. Or give class_weights as numbers."
        )
    for batch in _in_order(x):
        target = keras.utils.unpack_x_y_sample_weight(batch)[1]
        if target is None:
            raise ValueError(f"{owner}: y must be given. Received: y=None. Call it with {needed}.")
        yield np.asarray(target)


def is_source(data: Any) -> bool:
    """Tells whether data come batch by batch."""
    return isinstance(data, (tf.data.Dataset, keras.utils.PyDataset)) or (
        is_iterable(data) and not arrays.is_array(data)
    )


def is_endless(source) -> bool:
    """Tells whether a source of batches says of itself that it goes on for ever."""
    if isinstance(source, tf.data.Dataset):
        return bool(source.cardinality() == tf.data.INFINITE_CARDINALITY)
    return isinstance(source, keras.utils.PyDataset) and source.num_batches is None


def has_no_end(source) -> bool:
    """Tells whether a source of batches goes on for ever, or may do so."""
    if isinstance(source, (tf.data.Dataset, keras.utils.PyDataset)):
        return is_endless(source)
    return not hasattr(source, "__len__")


def is_iterable(source) -> bool:
    """Tells whether batches can be taken from it one by one; arrays and texts are none."""
    return isinstance(source, collections.abc.Iterable) and not isinstance(
        source, (str, bytes, collections.abc.Mapping, np.ndarray)
    )
