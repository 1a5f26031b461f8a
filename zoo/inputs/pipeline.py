"""Batches for `fit` as a `tf.data.Dataset`: rows that are made when asked for, in an order.

Rows are read batch by batch, so that they may be larger than memory. The order of an epoch is a
permutation of all rows, not of a buffer.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo.inputs.arrays import dtype_in_keras
from zoo.inputs.order import Source, orders_of_rows

_NUM_AHEAD = 2  # batches; AUTOTUNE would let them grow to half of the memory
_MOST_FILES = 256  # that are read to look at some rows
MOST_KEPT_BYTES = 2**30  # of pixels as bytes, that are kept in memory unasked


class Rows:
    """Rows that are made when asked for.

    Attributes:
        num_rows: How many there are.
        shape: Of one row.
        dtype: Of what `take` gives.
        take: Returns the rows of an index array; or one row of a number, where `is_single`.
        array: What they are taken from; None: from files.
        divisor: What rows of the array are divided by, once they have their type.
    """

    def __init__(
        self,
        num_rows: int,
        shape,
        dtype: str,
        take: Callable,
        is_single: bool = False,
        array: np.ndarray | None = None,
        divisor: float | None = None,
    ):
        self.num_rows, self.shape, self.dtype = num_rows, tuple(shape), dtype
        self.take, self.is_single = take, is_single
        self.array, self.divisor = array, divisor

    def __len__(self) -> int:
        return self.num_rows


@dataclasses.dataclass(frozen=True)
class Batches:
    """What a data set of `batches` was made of."""

    parts: Sequence[Rows]
    orders: tf.data.Dataset
    batch_size: int
    is_augmented: bool = False


def array_rows(array: np.ndarray, dtype: str, divisor: float | None = None) -> Rows:
    """Returns the rows of an array, cast to a type, then divided where a divisor is given."""

    def take(rows):
        values = np.asarray(array[rows], dtype)
        return values if divisor is None else np.divide(values, divisor, out=values)

    return Rows(len(array), array.shape[1:], dtype, take, array=array, divisor=divisor)


def dataset_of_rows(
    parts: Sequence[Rows], orders: tf.data.Dataset, batch_size: int
) -> tf.data.Dataset:
    """Returns batches of rows, made ahead in parallel: of an array, or of tuples of several."""
    num_rows = len(parts[0])
    rows = orders.flat_map(tf.data.Dataset.from_tensor_slices)
    rows = rows.apply(tf.data.experimental.assert_cardinality(num_rows))
    is_single = parts[0].is_single

    def take(index):
        arrays = tuple(
            tf.ensure_shape(
                tf.numpy_function(part.take, [index], part.dtype),
                part.shape if is_single else (None, *part.shape),
            )
            for part in parts
        )
        return arrays if len(arrays) > 1 else arrays[0]

    if is_single:
        made = rows.map(take, num_parallel_calls=tf.data.AUTOTUNE).batch(batch_size)
    else:
        made = rows.batch(batch_size).map(take, num_parallel_calls=tf.data.AUTOTUNE)
    return made.prefetch(_NUM_AHEAD)


def in_order(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Returns a data set of the same batches; one of `batches` in the order of its rows, unchanged.

    What looks at it leaves the orders of the epochs as they were.
    """
    batches = getattr(dataset, "zoo_batches", None)
    if batches is None:
        return dataset
    return dataset_of_rows(
        batches.parts, orders_of_rows(len(batches.parts[0]), False), batches.batch_size
    )


def some_rows(data: Any, most: int) -> Any | None:
    """Returns rows of a data set of `batches`, evenly over it, unchanged; None for any other data.

    What looks at them leaves the orders of the epochs as they were.
    """
    batches = getattr(data, "zoo_batches", None)
    if batches is None:
        return None
    pixels = batches.parts[0]
    most = min(most, _MOST_FILES) if pixels.is_single else most
    rows = np.arange(0, len(pixels), -(-len(pixels) // most))

    def taken(part):
        return np.stack([part.take(row) for row in rows]) if part.is_single else part.take(rows)

    parts = tuple(map(taken, batches.parts))
    return parts if len(parts) > 1 else parts[0]


def cached_source(data: Any) -> Source | None:
    """Returns what a data set of `batches` can train on without it; None for any other data.

    An array in memory is taken whatever its size, pixels in a file up to 1 GiB; images that are
    changed in each epoch are not.
    """
    batches = getattr(data, "zoo_batches", None)
    if batches is None or batches.is_augmented:
        return None
    arrays = [part.array for part in batches.parts]
    if any(array is None for array in arrays):
        return None
    size = sum(array.nbytes for array in arrays if isinstance(array, np.memmap))
    if size > MOST_KEPT_BYTES:
        return None
    arrays = tuple(map(np.asarray, arrays))
    forms = tuple((part.dtype, part.divisor) for part in batches.parts)
    return Source(
        arrays if len(arrays) > 1 else arrays[0], batches.batch_size, batches.orders, forms
    )


def is_mapped(data: Any) -> bool:
    """Tells whether arrays lie in a file, at least one of them: they may be larger than memory."""
    return any(isinstance(leaf, np.memmap) for leaf in keras.tree.flatten(data))


def from_mapped(data: Any, batch_size: int | None = None, shuffle: bool = False) -> tf.data.Dataset:
    """Gives arrays to Keras batch by batch; Keras itself would copy them to memory as a whole.

    Args:
        data: What `fit` packs: images, or a tuple with targets and weights; dicts of arrays.
        batch_size: None: 32, as in Keras.
        shuffle: Whether each epoch has an order of its own: that which Keras draws.
    """
    leaves = [np.asanyarray(leaf) for leaf in keras.tree.flatten(data)]
    parts = [array_rows(leaf, dtype_in_keras(leaf)) for leaf in leaves]
    orders = orders_of_rows(len(leaves[0]), shuffle)
    dataset = dataset_of_rows(parts, orders, batch_size or 32)

    def packed(*batch):
        return keras.tree.pack_sequence_as(data, batch)

    return (
        dataset if len(parts) == 1 and not isinstance(data, (tuple, dict)) else dataset.map(packed)
    )
