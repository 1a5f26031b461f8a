"""Methods that take tensors or whole numpy arrays."""

import functools

import keras
import numpy as np
import tensorflow as tf

from zoo import checks, inspection

BATCH_SIZE = 256


def batched(check):
    """Lets a tensor method take numpy arrays of any length.

    Given tensors, the method runs as written. Given a numpy array it is checked at the door,
    run in compiled batches of `batch_size`, and the results come back as numpy.

    Args:
        check: `check(model, x)` raises ValueError when `x` does not fit.
    """

    def decorate(method):
        @functools.wraps(method)
        def wrapper(self, x, *args, batch_size: int = BATCH_SIZE, **kwargs):
            if isinstance(x, dict):
                x = from_lists(x)
            leaves = keras.tree.flatten(x)
            if not all(isinstance(leaf, (np.ndarray, list, float, int)) for leaf in leaves):
                return method(self, x, *args, **kwargs)
            x = as_arrays(x) if isinstance(x, dict) else as_array(x)
            check(self, x)
            checks.positive_int(self.owner, batch_size=batch_size)
            function = _compiled(self, method)
            num_rows = len(keras.tree.flatten(x)[0])
            parts = []
            for start in range(0, num_rows, batch_size):
                rows = slice(start, start + batch_size)
                batch = keras.tree.map_structure(lambda a: tf.convert_to_tensor(a[rows]), x)  # noqa: B023
                parts.append(keras.tree.map_structure(np.asarray, function(batch, *args, **kwargs)))
            return keras.tree.map_structure(lambda *p: np.concatenate(p), *parts)

        return wrapper

    return decorate


def from_lists(values):
    """Returns arrays in place of Python lists, also in a dict."""
    if isinstance(values, dict):
        return {key: from_lists(part) for key, part in values.items()}
    return np.asarray(values) if isinstance(values, list) else values


def as_array(values) -> np.ndarray:
    """Returns values as Keras gives them to a model: floats in its float type."""
    values = np.asarray(values)
    dtype = dtype_in_keras(values)  # that of texts cannot be converted to
    return values if dtype == values.dtype.name else values.astype(dtype)


def as_arrays(data):
    """Returns a structure of values with `as_array` of each."""
    return keras.tree.map_structure(as_array, data)


def dtype_in_keras(values: np.ndarray) -> str:
    return keras.config.floatx() if values.dtype.kind == "f" else values.dtype.name


def _compiled(model, method):
    variables = inspection.variables_of(model)
    functions = inspection.kept_while(model, "_batch_functions", variables)
    if method.__name__ not in functions:
        functions[method.__name__] = tf.function(
            functools.partial(method, model), reduce_retracing=True, autograph=False
        )
    return functions[method.__name__]
