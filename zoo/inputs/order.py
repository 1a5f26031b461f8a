"""The order in which an epoch takes the rows of its data."""

import dataclasses
from typing import Any

import keras
import tensorflow as tf


def orders_of_rows(num_rows: int, shuffle: bool) -> tf.data.Dataset:
    """Returns the rows of an epoch in their order, another one for each iterator.

    Keras draws its own in the same way, so that the orders of a seed are the same: the seed of an
    operation follows from the global one and from the graph that it is in.
    """

    def order(_):
        rows = tf.range(num_rows, dtype=tf.int64)
        return tf.random.shuffle(rows) if shuffle else rows

    options = tf.data.Options()  # there is nothing to tune, and it takes as long as the order
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return tf.data.Dataset.range(1).map(order).with_options(options)


@dataclasses.dataclass(frozen=True)
class Source:
    """Arrays, and how the batches of an epoch are made of their rows.

    Attributes:
        data: Arrays as `fit` packs them.
        batch_size: Rows of an update; the last one of an epoch may have fewer.
        orders: A data set of one element, an order of all rows; another one for each iterator.
        forms: For each array the type that its rows are cast to, and what they are then divided
            by or None; empty: they are used as they are.
    """

    data: Any
    batch_size: int
    orders: tf.data.Dataset
    forms: tuple[tuple[str, float | None], ...] = ()

    @property
    def num_rows(self) -> int:
        return len(keras.tree.flatten(self.data)[0])
