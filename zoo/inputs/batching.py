"""Methods that take tensors, whole arrays, tables or data sets."""

import contextlib
import contextvars
import functools
import inspect

import keras
import numpy as np
import tensorflow as tf

from zoo import checks, inspection
from zoo.inputs import arrays, calls, checking, sources

BATCH_SIZE = 256


_INSIDE = contextvars.ContextVar("inside of a model", default=False)


def batched(check):
    """Lets a tensor method take whole arrays, tables and data sets.

    Given tensors, the method runs as written, once they are checked, and gives tensors: gradients
    pass. Anything else is checked and run in compiled batches of `batch_size`, or in those of a
    data set, and the results come back as numpy, one row per image.

    Args:
        check: `check(model, x)` raises ValueError when `x` does not fit.
    """

    def decorate(method):
        @functools.wraps(method)
        def wrapper(self, x, *args, batch_size: int = BATCH_SIZE, **kwargs):
            args, kwargs = keras.tree.map_structure(_plain, (args, kwargs))
            if _INSIDE.get() or _is_of_graph(x):
                return method(self, x, *args, **kwargs)
            x = arrays.to_arrays(self.owner, x, "x")
            if _is_tensors(x):
                check(self, arrays.values_of(x))
                with inside():
                    return method(self, x, *args, **kwargs)
            calls.bound(self.owner, wrapper, (self, x, *args), kwargs)
            checks.positive_int(self.owner, batch_size=batch_size)
            function = _compiled(self, method)
            parts = []
            for batch in _batches(self, x, check, batch_size):
                batch = keras.tree.map_structure(tf.convert_to_tensor, arrays.as_arrays(batch))
                parts.append(keras.tree.map_structure(np.asarray, function(batch, *args, **kwargs)))
            if not parts:
                raise checking.no_batches(self.owner, x)
            return keras.tree.map_structure(lambda *p: np.concatenate(p), *parts)

        signature = inspect.signature(method)
        by_name = inspect.Parameter.KEYWORD_ONLY
        batch_size = inspect.Parameter("batch_size", by_name, default=BATCH_SIZE, annotation=int)
        parameters = [*signature.parameters.values(), batch_size]
        wrapper.__signature__ = signature.replace(parameters=parameters)
        return wrapper

    return decorate


@contextlib.contextmanager
def inside():
    """While it lasts, methods are called by the model itself, on what it has made of its input."""
    token = _INSIDE.set(True)
    try:
        yield
    finally:
        _INSIDE.reset(token)


def _plain(argument):
    """Returns a number of numpy as Python has it: the graph would be given a tensor."""
    is_number = isinstance(argument, (np.generic, np.ndarray)) and np.ndim(argument) == 0
    return argument.item() if is_number else argument


def _is_of_graph(x) -> bool:
    leaves = keras.tree.flatten(x)
    return any(
        isinstance(leaf, keras.KerasTensor) or (tf.is_tensor(leaf) and not hasattr(leaf, "numpy"))
        for leaf in leaves
    )


def _is_tensors(x) -> bool:
    return all(tf.is_tensor(leaf) for leaf in keras.tree.flatten(x))


def _batches(model, x, check, batch_size: int):
    """Yields the checked batches of arrays or of a data set."""
    if arrays.is_array(x) or not sources.is_source(x):
        x = keras.tree.map_structure(np.asarray, x)
        check(model, x)
        for start in range(0, arrays.num_rows(x), batch_size):
            rows = slice(start, start + batch_size)
            yield keras.tree.map_structure(lambda part: part[rows], x)  # noqa: B023
        return
    if sources.has_no_end(x):
        raise TypeError(
            f"{model.owner}: x must have an end here. Received: x of type {type(x).__name__}, "
            "which may go on for ever. Call the method with each batch, or give data.take(n)."
        )
    for number, batch in enumerate(sources.inputs_of(x), 1):
        batch = arrays.values_of(arrays.to_arrays(model.owner, batch, "x"))
        with checking.number_in_error(number):
            check(model, batch)
        yield batch


def _compiled(model, method):
    variables = inspection.variables_of(model)
    functions = inspection.cached_while(model, "_batch_functions", variables)
    if method.__name__ not in functions:
        functions[method.__name__] = tf.function(
            functools.partial(method, model), reduce_retracing=True, autograph=False
        )
    return functions[method.__name__]
