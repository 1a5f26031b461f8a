"""`predict` and `evaluate` on arrays, without an iterator: many batches by one call.

bench/suites/test_predict.py measures what each part is worth.
"""

import contextlib
import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo import inspection
from zoo.inputs import arrays
from zoo.training import device_data, faster_layers

_KEPT, _KEPT_OF_BATCH = "_resident_prediction", "_prediction_of_batch"
# Of several batches, those of images and of the largest output of a layer. They keep the memory of
# a call in bounds; beyond them more is hardly faster.
_BYTES_OF_IMAGES, _BYTES_OF_LAYER = 2**24, 2**26


def rows_per_call(model, x: Any, batch_size: int, arguments: dict[str, Any]) -> int:
    """Returns how many rows a call of `predict` is to work on; 0: Keras does it.

    Small batches are put together, as what happens between two of them would take longer than they
    do. Large ones are worked on one by one. That is still faster than Keras's way: the threads of
    Keras's iterator now and then take half the cores from the operations.

    Args:
        x: Arrays.
        arguments: The other arguments of `predict`, by name.
    """
    is_plain = not arguments.get("steps") and not arguments.get("callbacks")
    if not is_plain or device_data.reason_model_unsupported(model) is not None:
        return 0
    if not _rows_are_apart(model):
        return batch_size
    bytes_of_layer = 4 * device_data.largest_output(model)
    most = min(_BYTES_OF_IMAGES // _bytes_of_row(x), _BYTES_OF_LAYER // max(1, bytes_of_layer))
    return batch_size * min(max(1, most // batch_size), device_data.batches_of(model, batch_size))


def evaluates(model, data: Any, arguments: dict[str, Any]) -> bool:
    """Tells whether `evaluate` is done here; else Keras does it.

    Args:
        data: What `evaluate` packs.
        arguments: Its other arguments, by name.
    """
    if not arrays.is_array(data) or arguments.get("steps"):
        return False
    if device_data.looked_at_in_tests(arguments.get("callbacks")):
        return False
    return device_data.reason_model_unsupported(model) is None


def evaluate(model, data: Any, batch_size: int, callbacks, verbose, return_dict: bool) -> Any:
    """Returns what `keras.Model.evaluate` does, of the same batches.

    Callbacks see the last batch of each call.
    """
    total, num_batches = arrays.num_rows(data), -(-arrays.num_rows(data) // batch_size)
    if not isinstance(callbacks, keras.callbacks.CallbackList):
        shown = {"add_progbar": verbose != 0, "verbose": verbose, "epochs": 1}
        callbacks = keras.callbacks.CallbackList(callbacks, steps=num_batches, model=model, **shown)
    graphs = device_data.evaluation_graphs(model, batch_size, _is_by_xla(model))
    most = max(1, _BYTES_OF_IMAGES // _bytes_of_row(data) // batch_size)
    most = min(most, device_data.batches_of(model, batch_size))
    order = tf.range(most * batch_size, dtype=tf.int64)
    model.stop_evaluating = False
    callbacks.on_test_begin()
    model.reset_metrics()
    for first in range(0, num_batches, most):
        rows = slice(first * batch_size, (first + most) * batch_size)
        tensors = _tensors(keras.tree.map_structure(lambda part, rows=rows: part[rows], data))
        num_rows = min(rows.stop, total) - rows.start
        num_full, num_left = divmod(num_rows, batch_size)
        callbacks.on_test_batch_begin(first)
        if num_full:
            logs = graphs.run(tensors, order, *map(tf.constant, (0, num_full)))
        if num_left:
            logs = graphs.batch(tensors, order[num_full * batch_size : num_rows])
        callbacks.on_test_batch_end(min(first + most, num_batches) - 1, logs)
        if model.stop_evaluating:
            break
    of_metrics = model.get_metrics_result()  # a step of your own may return something else
    logs = _numbers(of_metrics if set(of_metrics) == set(logs) else logs)
    callbacks.on_test_end(logs)
    return logs if return_dict else _listed(model, logs)


def _listed(model, logs: dict[str, Any]) -> Any:
    """Returns logs in the order of the metrics, which Keras's `evaluate` gives; of one, its value.

    Those of `compile` are one metric that holds others.
    """
    names = [each.name for one in model.metrics for each in getattr(one, "metrics", (one,))]
    values = [logs[name] for name in names if name in logs]
    values += [logs[name] for name in sorted(logs) if name not in names]
    return values[0] if len(values) == 1 else values


def _numbers(logs: dict[str, Any]) -> dict[str, Any]:
    """Returns logs as Keras shows them: by name, tensors of one value as floats."""
    found = {}
    for name, value in sorted(logs.items()):
        try:
            found[name] = float(value)
        except (TypeError, ValueError):
            found[name] = value
    return found


def _bytes_of_row(data: Any) -> int:
    return max(1, sum(4 * math.prod(leaf.shape[1:]) for leaf in keras.tree.flatten(data)))


def _rows_are_apart(model) -> bool:
    """Tells whether no row's prediction can depend on the others of its batch: in models of ours.

    One of your own may take a mean over the batch, in any of the methods that it overrides.
    """
    return type(model).__module__.startswith("zoo.")


def predict(model, x: Any, batch_size: int, num_rows: int, verbose) -> Any:
    """Returns the predictions of arrays; None where they are not one row for each of the input.

    Args:
        num_rows: Of a call, a multiple of `batch_size`.
        verbose: As `predict` takes it.
    """
    total = arrays.num_rows(x)
    target = -(-total // batch_size)
    bar = keras.utils.Progbar(target, verbose=1 if verbose == "auto" else int(verbose))
    kept = inspection.cached_while(model, _KEPT, inspection.variables_of(model))
    outputs = None
    for start in range(0, total, num_rows):
        rows = slice(start, start + num_rows)
        tensors = _tensors(keras.tree.map_structure(lambda part, rows=rows: part[rows], x))
        values = _call(model, kept, tensors)
        if not _are_rows(values, min(num_rows, total - start)):
            return None
        if outputs is None:
            outputs = tf.nest.map_structure(
                lambda part: np.empty((total, *part.shape[1:]), part.dtype.as_numpy_dtype), values
            )
        for whole, part in zip(tf.nest.flatten(outputs), tf.nest.flatten(values), strict=True):
            whole[rows] = _view(part)
        if verbose:
            bar.update(min(target, rows.stop // batch_size), finalize=rows.stop >= total)
    return outputs


def _are_rows(values, number: int) -> bool:
    """Tells whether each output has so many rows. One of a model of your own may be of a batch."""
    leaves = tf.nest.flatten(values)
    return all(tf.is_tensor(leaf) and leaf.shape[:1] == (number,) for leaf in leaves)


def on_batch(model, x: Any) -> Any:
    """Returns the predictions of one batch, by a graph that is kept as long as Keras's own.

    For a single image Keras, and `tf.function`, spend most of the time on the way to the graph.

    Args:
        x: An array or a dict of arrays.
    """
    model.make_predict_function()  # another one wherever Keras has the model traced anew
    kept = inspection.cached_while(model, _KEPT_OF_BATCH, model.predict_function)
    return tf.nest.map_structure(_values, _call(model, kept, _tensors(x)))


def _call(model, kept: dict, tensors) -> Any:
    """Returns the predictions of a batch, as tensors, by a graph that is made where it is not kept.

    The graph is one for all numbers of rows, but where XLA compiles it.
    """
    names = tuple(tensors) if isinstance(tensors, dict) else None
    leaves = tf.nest.flatten(tensors)
    key = _is_by_xla(model), names, *((leaf.dtype, *leaf.shape[1:]) for leaf in leaves)
    if key not in kept:
        kept[key] = _OneCall(model, tensors)
    return kept[key](tensors)


class _OneCall:
    """A traced prediction of batches of any size, called by a single operation.

    `tf.function` takes .4 ms on the way to its graph, an operation .1 ms.

    Args:
        tensors: A batch.
    """

    def __init__(self, model, tensors):
        # An operation does not tell XLA; and what is no tensor is no output of a graph.
        self.function, self.is_direct = _traced(model), not _is_by_xla(model)
        if not self.is_direct:
            return
        self.function = self.function.get_concrete_function(_of_any_length(tensors))
        self.captured, outputs = self.function.captured_inputs, self.function.outputs
        self.dtypes, self.structure = [x.dtype for x in outputs], self.function.structured_outputs
        self.is_direct = len(tf.nest.flatten(self.structure)) == len(outputs)

    def __call__(self, tensors) -> Any:
        if not self.is_direct:
            return self.function(tensors)
        inputs = [*tf.nest.flatten(tensors), *self.captured]
        values = tf.raw_ops.StatefulPartitionedCall(args=inputs, Tout=self.dtypes, f=self.function)
        return tf.nest.pack_sequence_as(self.structure, values)


def _values(output) -> Any:
    return output.numpy() if tf.is_tensor(output) else output


def _tensors(x):
    return keras.tree.map_structure(
        lambda part: tf.convert_to_tensor(arrays.in_float_type(part)), x
    )


def _view(values: tf.Tensor) -> np.ndarray:
    """Returns the values without a copy, where they are in the host's memory."""
    try:
        return np.asarray(memoryview(values))
    except (TypeError, ValueError, BufferError):  # on a GPU, or a dtype that numpy has not
        return values.numpy()


def _of_any_length(tensors):
    return tf.nest.map_structure(lambda x: tf.TensorSpec((None, *x.shape[1:]), x.dtype), tensors)


def _is_by_xla(model) -> bool:
    """Tells whether XLA compiles predictions: on a GPU, where the model is compiled with it.

    On a CPU it takes up to three times as long as TensorFlow's own operations: its convolutions are
    slow, and dense layers on the rows of a call leave nothing between two operations to save.
    """
    return bool(model.jit_compile) and bool(keras.distribution.list_devices("gpu"))


def _traced(model):
    jit_compile = _is_by_xla(model)

    def predict_step(x):
        with contextlib.nullcontext() if jit_compile else faster_layers.swapped_in(model):
            return model.predict_step((x,))

    settings = {"jit_compile": jit_compile, "reduce_retracing": not jit_compile}
    return tf.function(predict_step, autograph=False, **settings)
