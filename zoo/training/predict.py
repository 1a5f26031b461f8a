"""`predict` on arrays: many batches per call, and no iterator."""

import contextlib
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo import inspection
from zoo.inputs import arrays
from zoo.training import device_data, single_channel

_KEPT = "_resident_prediction"
_MOST_BYTES = 2**24  # of the images of a call: more would leave the processor's caches


def batches_per_call(model, x: Any, batch_size: int, arguments: dict[str, Any]) -> int:
    """Returns how many batches a call of `predict` is to work on; 0: Keras does it.

    Large batches are worked on one by one. That is still faster than Keras's way: the threads of
    Keras's iterator now and then take half the cores from the operations.

    Args:
        x: Arrays.
        arguments: The other arguments of `predict`, by name.
    """
    is_plain = not arguments.get("steps") and not arguments.get("callbacks")
    if not is_plain or device_data.reason_model_unsupported(model) is not None:
        return 0
    leaves = keras.tree.flatten(x)
    fitting = _MOST_BYTES // max(1, sum(leaf[:batch_size].size * 4 for leaf in leaves))
    whole = len(leaves[0]) // batch_size
    return max(1, min(device_data.batches_of(model, batch_size), fitting, whole))


def predict(model, x: Any, batch_size: int, num_batches: int, verbose) -> np.ndarray:
    """Returns the predictions of arrays, `num_batches` batches per call.

    Args:
        verbose: As `predict` takes it.
    """
    num_rows = len(keras.tree.flatten(x)[0])
    bar = keras.utils.Progbar(
        -(-num_rows // batch_size), verbose=1 if verbose == "auto" else int(verbose)
    )
    function, outputs, done = _function(model), None, 0
    for start, count, size in _groups(num_rows, batch_size, num_batches):
        rows = slice(start, start + count * size)
        shape = (count, size)
        group = keras.tree.map_structure(
            lambda part, rows=rows, shape=shape: _tensor(part[rows], shape), x
        )
        values = function(group)
        if outputs is None:
            outputs = np.empty((num_rows, *values.shape[2:]), values.dtype.as_numpy_dtype)
        outputs[rows] = np.reshape(_view(values), outputs[rows].shape)
        done += count
        if verbose:
            bar.update(done, finalize=done == bar.target)
    return outputs


def _view(values: tf.Tensor) -> np.ndarray:
    """Returns the values without a copy, where they are in the host's memory."""
    try:
        return np.asarray(memoryview(values))
    except (TypeError, ValueError, BufferError):  # on a GPU, or a dtype that numpy has not
        return values.numpy()


def _groups(num_rows: int, batch_size: int, num_batches: int):
    """Yields first row, batches and their size: groups of whole batches, and the rows left over."""
    num_full = num_rows // batch_size
    for first in range(0, num_full, num_batches):
        yield first * batch_size, min(num_batches, num_full - first), batch_size
    if num_rows % batch_size:
        yield num_full * batch_size, 1, num_rows % batch_size


def _tensor(rows: np.ndarray, shape: tuple[int, int]) -> tf.Tensor:
    rows = arrays.as_array(rows)
    return tf.convert_to_tensor(rows.reshape(*shape, *rows.shape[1:]))


def _function(model):
    """Returns the graph of a model as it is compiled now, made once for many calls.

    XLA compiles the whole loop, as the start of a compiled program costs as much as a small batch.
    """
    jit_compile = bool(model.jit_compile)
    kept = inspection.cached_while(model, _KEPT, inspection.variables_of(model))
    if jit_compile not in kept:
        settings = {"jit_compile": jit_compile, "reduce_retracing": not jit_compile}
        kept[jit_compile] = tf.function(_loop(model, jit_compile), autograph=False, **settings)
    return kept[jit_compile]


def _loop(model, jit_compile: bool):
    def predict_step(data):
        with contextlib.nullcontext() if jit_compile else single_channel.by_products(model):
            return model.predict_step(data)

    step = tf.function(predict_step, autograph=False)

    def one(group, index):
        return step((tf.nest.map_structure(lambda part: part[index], group),))

    def run(group):
        count = tf.shape(tf.nest.flatten(group)[0])[0]
        first = one(group, 0)
        values = tf.TensorArray(first.dtype, size=count, element_shape=first.shape).write(0, first)

        def body(index, values):
            return index + 1, values.write(index, one(group, index))

        return tf.while_loop(lambda index, _: index < count, body, (1, values))[1].stack()

    return run
