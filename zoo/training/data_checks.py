"""Checks of what `fit`, `evaluate` and `predict` are given, before long work."""

import keras
import numpy as np
import tensorflow as tf

from zoo import checks
from zoo.data import batching, pipeline


class DataChecks:
    """Refuses data that do not fit the model, and says how to mend them.

    A base of the model, which has the hooks `check_inputs` and `check_targets`.
    """

    def checked_data(self, x, y=None):
        """Checks arrays as `fit` does, and returns them packed as it packs them.

        Raises:
            ValueError: if the model is not compiled, or the data do not fit it.
        """
        self._check_compiled()
        x, y = batching.from_lists(x), batching.from_lists(y)
        if not is_array(x):
            raise ValueError(
                f"{self.owner}: x must be an array. Received: x of type {type(x).__name__}."
            )
        self._check_data(x, y)
        self._check_target_is_given(x, y)
        return keras.utils.pack_x_y_sample_weight(x, self._explicit_target(x, y))

    def _check_compiled(self) -> None:
        if not self.compiled:
            raise ValueError(
                f"{self.owner}: the model must be compiled first. "
                "Call model.compile(optimizer='adam')."
            )

    def _check_data(self, x, y) -> None:
        if is_array(x):
            self.check_inputs(x)
            if is_array(y):
                self.check_targets(y)
                self._check_lengths("x and y", (x, y))
        elif isinstance(x, (tf.data.Dataset, keras.utils.PyDataset)):
            self._check_first_batch(x)

    def _check_rows(self, data, batch_size) -> None:
        """Checks what Keras would on its way: arrays of one length, and a batch size above 0."""
        if batch_size is not None:
            checks.positive_int(self.owner, batch_size=batch_size)
        if is_array(data):
            self._check_lengths("x, y and sample_weight", data)

    def _check_lengths(self, names: str, data) -> None:
        lengths = dict.fromkeys(len(leaf) for leaf in keras.tree.flatten(data))
        if len(lengths) > 1:
            raise ValueError(
                f"{self.owner}: {names} must have the same length. "
                f"Received: {' and '.join(map(str, lengths))} rows."
            )

    def _check_target_is_given(self, x, y) -> None:
        if not is_array(x):
            return  # what it gives is not known yet
        if self.required_target is not None and y is None:
            raise ValueError(
                f"{self.owner}: y must be given. Received: y=None. "
                f"Call it with {self.required_target}."
            )

    def _explicit_target(self, x, y, sample_weight=None):
        """Returns a target of no columns where there are weights but no target.

        Keras drops the sample weights of data without a target; `_tracked_loss` drops this one.
        """
        if sample_weight is not None and hasattr(sample_weight, "shape"):
            self._check_sample_weight(sample_weight)
        if y is None and sample_weight is not None and is_array(x):
            return np.zeros((num_rows(x), 0), "float32")
        return y

    def _check_first_batch(self, source) -> None:
        """Checks one batch of a data set as arrays are checked, before Keras traces the model."""
        if isinstance(source, tf.data.Dataset):
            first = next(iter(pipeline.in_order(source).take(1)), None)
        else:
            first = None if getattr(source, "is_checked", False) else source[0]
        if first is None:
            return
        x, *rest = first if isinstance(first, tuple) else (first,)
        y = rest[0] if rest else None
        if y is not None and not isinstance(y, dict) and is_placeholder(y):
            y = None
        x = keras.tree.map_structure(np.asarray, x)
        y = None if y is None else keras.tree.map_structure(np.asarray, y)
        self._check_data(x, y)
        self._check_target_is_given(x, y)

    def _check_sample_weight(self, sample_weight) -> None:
        shape = tuple(sample_weight.shape)
        if len(shape) != 1 and shape[1:] != (1,):
            raise ValueError(
                f"{self.owner}: sample_weight must have shape (batch,). "
                f"Received: shape {shape}. Give one weight per image."
            )


def is_array(x) -> bool:
    """Tells whether the values of `x` can be read at once: numpy arrays or eager tensors."""
    leaves = keras.tree.flatten(x)
    readable = (isinstance(leaf, np.ndarray) or hasattr(leaf, "numpy") for leaf in leaves)
    return bool(leaves) and all(readable)


def is_placeholder(y) -> bool:
    if isinstance(y, dict):
        return False
    rank = y.shape.rank if hasattr(y.shape, "rank") else len(y.shape)  # a tensor's may be unknown
    return rank == 2 and y.shape[1] == 0


def num_rows(x) -> int:
    return len(keras.tree.flatten(x)[0])
