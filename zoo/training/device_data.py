"""Training on data that stay on the device: gathered in the graph, many updates per call.

With small models and small images, most of the time goes into what happens between two updates,
not into arithmetic. Keras keeps its loop over epochs, with callbacks, validation and history. The
function that Keras calls for each group of batches is replaced by one graph: it gathers rows from
resident tensors in the order of the epoch, and updates the weights once per batch. Order, batches
and updates are those of the ordinary path.
"""

import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo import inspection
from zoo.inputs import arrays
from zoo.inputs.order import Source
from zoo.training import keras_contract

# A call is to take about as long as this many multiply-adds: long enough that what Python does
# between two calls is little, short enough that progress is seen.
_MACS_PER_CALL = 4e9
MOST_STEPS = 256
_KEPT, _KEPT_SIZES = "_resident_graphs", "_sizes_of_layers"
_MOST_SHARE = 0.25  # of a GPU's memory
_SAFE_BYTES = 2**30  # on a GPU whose memory is not known
_MOST_GRAPHS = 4  # of a model that are kept
_HOOKS = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
_HOOKS_OF_TESTS = ("on_test_batch_begin", "on_test_batch_end")
# Of these, the hooks that see batches do nothing while `save_freq` is "epoch".
_BY_EPOCH = (keras.callbacks.ModelCheckpoint, keras.callbacks.BackupAndRestore)


def reason_unsupported(model, data: Any, arguments: dict[str, Any]) -> str | None:
    """Returns why data cannot stay on the device, or None where they can.

    Args:
        data: What `fit` packs: images, or a tuple with targets and weights.
        arguments: The other arguments of `fit`, by name.
    """
    leaves = keras.tree.flatten(data)
    if not all(isinstance(leaf, np.ndarray) or hasattr(leaf, "numpy") for leaf in leaves):
        return "the data are no arrays"
    if any(isinstance(leaf, np.memmap) for leaf in leaves):
        return "the data are mapped from a file, which may be larger than memory"
    model_reason = reason_model_unsupported(model)
    if model_reason is not None:
        return model_reason
    for name in ("steps_per_epoch", "class_weight"):
        if arguments.get(name):
            return f"{name} is given"
    if arguments.get("shuffle", True) not in (True, False):
        return f"shuffle is {arguments['shuffle']!r}"
    size, room = sum(leaf.nbytes for leaf in map(np.asarray, leaves)), _room()
    if room is not None and size > room:
        size, room = (f"{number / 2**20:,.0f} MiB" for number in (size, room))
        return f"the data have {size}, and the device has {room} to spare"
    return None


def reason_model_unsupported(model) -> str | None:
    """Returns why Keras must call the model itself, whatever the data; None where it need not."""
    if model.run_eagerly:
        return "the model runs eagerly"
    if is_distributed(model):
        return "the model is distributed over replicas"
    if keras.config.max_steps_per_epoch():
        return "keras.config.max_steps_per_epoch is set"
    return None


def is_distributed(model) -> bool:
    """Tells whether a distribution strategy has the model, of one replica or of several."""
    strategy = model.distribute_strategy
    return tf.distribute.has_strategy() or strategy is not tf.distribute.get_strategy()


def _room() -> float | None:
    """Returns the bytes that data may take on a GPU; None on a CPU, where they are already."""
    gpus = tf.config.list_logical_devices("GPU")
    if not gpus:
        return None
    limit = keras_contract.gpu_memory_limit()
    if limit is None:
        return _SAFE_BYTES
    try:
        name = gpus[0].name.replace("/device:", "")
        used = tf.config.experimental.get_memory_info(name)["current"]
    except (ValueError, RuntimeError):
        used = 0
    return _MOST_SHARE * (limit - used)


def steps_per_call(model, batch_size: int, num_rows: int, callbacks: Any) -> int:
    """Returns the updates per call: as compiled, or more where nobody looks at single batches.

    A callback that looks at batches sees each of them. The calls of an epoch have as many updates
    each, or nearly so: Keras counts the last as a whole one.
    """
    compiled, num_batches = int(model.steps_per_execution), math.ceil(num_rows / batch_size)
    if compiled > 1 or any(_looks_at_batches(callback) for callback in _listed(callbacks)):
        return min(compiled, num_batches)
    most = batches_of(model, 3 * batch_size)  # forward, and twice as much backward
    return math.ceil(num_batches / math.ceil(num_batches / most))


def batches_of(model, batch_size: int) -> int:
    """Returns how many batches fill a call of inference."""
    macs = batch_size * max(1, _macs_per_image(model))
    return int(min(MOST_STEPS, max(1, _MACS_PER_CALL // macs)))


def _listed(callbacks: Any) -> list:
    listed = keras.tree.flatten(getattr(callbacks, "callbacks", callbacks))
    return [callback for callback in listed if callback is not None]


def looked_at_in_tests(callbacks: Any) -> bool:
    """Tells whether a callback looks at single batches of `evaluate`."""
    return any(_looks_at_batches(callback, _HOOKS_OF_TESTS) for callback in _listed(callbacks))


def _looks_at_batches(callback, hooks: tuple[str, ...] = _HOOKS) -> bool:
    if type(callback) in (keras.callbacks.History, keras.callbacks.ProgbarLogger):
        return False
    if getattr(callback, "looks_at_batches", True) is False:
        return False
    if isinstance(callback, _BY_EPOCH) and type(callback) in _BY_EPOCH:
        return not keras_contract.saves_by_epoch(callback)
    pairs = ((getattr(callback, name), getattr(keras.callbacks.Callback, name)) for name in hooks)
    return any(getattr(own, "__func__", own) is not usual for own, usual in pairs)


def _macs_per_image(model) -> int:
    """Returns about how many multiply-adds a forward pass takes."""
    return _sizes(model)[0]


def largest_output(model) -> int:
    """Returns of how many numbers the largest output of a layer is, for an image."""
    return _sizes(model)[1]


def _sizes(model) -> tuple[int, int]:
    """Returns multiply-adds and the largest output, counted anew when a layer was replaced."""
    kept = inspection.cached_while(model, _KEPT_SIZES, inspection.variables_of(model))
    if not kept:
        macs, largest = 0, 0
        for layer, shape in _outputs(model):
            places = math.prod(shape[:-1])
            if isinstance(layer, keras.layers.Conv2DTranspose):  # each weight, for each input pixel
                places /= math.prod(layer.strides)
            macs += places * sum(math.prod(weight.shape) for weight in layer.trainable_weights)
            largest = max(largest, math.prod(shape))
        kept["sizes"] = int(macs), largest
    return kept["sizes"]


def _outputs(model) -> Iterator[tuple[Any, tuple[int, ...]]]:
    """Yields each layer and the shape of its output without the batch; `()` where none is known."""
    for layer in inspection.named_layers(model).values():
        shape = getattr(getattr(layer, "output", None), "shape", None) if layer.built else None
        yield layer, tuple(size or 1 for size in shape[1:]) if shape is not None else ()


class ResidentTraining:
    """What `fit` calls for each group of batches; it takes the place of `model.train_function`.

    That `fit` does so is checked by `keras_contract.fit_calls_our_function`.

    Args:
        model: Compiled.
        source: What it is trained on.
        num_steps: Updates per call.
        by_xla: Whether XLA compiles the updates of whole batches; None: as the model is compiled.

    Attributes:
        compiled_steps: Those that the model was compiled with; validation runs by them.
        batches: What Keras counts: as many elements as an epoch has batches. Nothing reads them.
    """

    def __init__(self, model, source: Source, num_steps: int, by_xla: bool | None = None):
        self.model, self.source, self.by_xla = model, source, by_xla
        self.compiled_steps = model.steps_per_execution
        self.data = _tensors(source.data)
        self.num_steps = num_steps
        self.num_full, self.num_left = divmod(source.num_rows, source.batch_size)
        self.batches = tf.data.Dataset.range(self.num_full + bool(self.num_left))
        self.graphs = _graphs(model, source, by_xla)
        self._ordinary = self._iterator = self._order = None
        self._step = 0

    def __call__(self, iterator) -> dict[str, Any]:
        """Runs the next updates; a new iterator of Keras, which is not read, is a new epoch.

        What else calls it, such as `train_on_batch` in a callback, brings its own data.
        """
        if not isinstance(iterator, tf.data.Iterator):
            return self.ordinary(iterator)
        if iterator is not self._iterator:
            self._iterator, self._step = iterator, 0
            self._order = next(iter(self.source.orders))
        count = min(self.num_steps, self.num_full - self._step)
        logs = None
        if count > 0:
            logs = self.graphs.run(self.data, self._order, *map(tf.constant, (self._step, count)))
        self._step += self.num_steps
        if self._step > self.num_full and self.num_left:
            logs = self.graphs.batch(self.data, self._order[-self.num_left :])
        return logs

    def trace_anew(self) -> None:
        """Forgets the graphs: the model's step has changed."""
        self.model.__dict__.pop(_KEPT, None)
        self.graphs, self._ordinary = _graphs(self.model, self.source, self.by_xla), None

    @property
    def ordinary(self):
        """What Keras calls for a batch."""
        if self._ordinary is None:
            self.model.train_function = None
            try:
                self.model.make_train_function()
                self._ordinary = self.model.train_function
            finally:
                self.model.train_function = self
        return self._ordinary


class TrainingSteps:
    """Some updates on resident data, as `fit` does them between two looks at the logs.

    Args:
        model: Compiled; as it is now, so is the graph.
        data: Arrays as `fit` packs them, of whole batches.
        batch_size: Rows of an update.
    """

    def __init__(self, model, data: Any, batch_size: int):
        self.data = _tensors(data)
        num_rows = len(keras.tree.flatten(data)[0])
        self.order = tf.constant(np.resize(np.arange(num_rows), MOST_STEPS * batch_size))
        by_xla = bool(model.jit_compile)
        self.graphs = _Graphs(model.train_step, batch_size, by_xla, by_xla)

    def __call__(self, count: int) -> dict[str, float]:
        """Does so many updates, and returns what `fit` shows of them."""
        logs = self.graphs.run(self.data, self.order, *map(tf.constant, (0, count)))
        return {name: float(value) for name, value in logs.items()}


def _tensors(data: Any):
    return keras.tree.map_structure(tf.convert_to_tensor, arrays.as_arrays(data))


class _Graphs:
    """The graphs of a model's updates, or of its evaluation, for data of any length.

    XLA compiles the whole loop: the start of a compiled program costs as much as a small update.

    Args:
        step: `train_step` or `test_step` of the model.
        batch_size: Rows of an update.
        by_xla: Whether XLA compiles the loop.
        rest_by_xla: Whether it compiles the batch that is left over at the end of an epoch, which
            by rule would not be worth a compilation of its own.
        forms: See `Source`.
    """

    def __init__(self, step, batch_size: int, by_xla: bool, rest_by_xla: bool, forms: tuple = ()):
        step = tf.function(step, autograph=False)
        # A constant of the graph would be turned into a product by its reciprocal.
        divisors = [None if divisor is None else tf.constant(divisor) for _, divisor in forms]

        def batch(data, rows):
            parts = [tf.gather(part, rows) for part in tf.nest.flatten(data)]
            for place, (dtype, _) in enumerate(forms):
                parts[place] = tf.cast(parts[place], dtype)
                if divisors[place] is not None:
                    parts[place] /= divisors[place]
            return step(tf.nest.pack_sequence_as(data, parts))

        def run(data, order, start, count):
            def one(index):
                first = (start + index) * batch_size
                if by_xla:  # it would compile anew for each place of a slice
                    return batch(data, tf.gather(order, first + tf.range(batch_size)))
                return batch(data, tf.slice(order, [first], [batch_size]))

            def body(index):
                one(index)
                return (index + 1,)

            tf.while_loop(lambda index: index < count - 1, body, (0,))
            return one(count - 1)

        def compiled(function, jit_compile: bool):
            # XLA needs the lengths of arrays; it compiles anew for other data.
            settings = {"jit_compile": jit_compile, "reduce_retracing": not jit_compile}
            return tf.function(function, autograph=False, **settings)

        self.run = compiled(run, by_xla)
        self.batch = compiled(batch, rest_by_xla)


def _graphs(model, source: Source, by_xla: bool | None) -> _Graphs:
    """Returns the graphs of a model as it is compiled now, traced once for many calls of `fit`."""
    rest_by_xla = bool(model.jit_compile)
    by_xla = rest_by_xla if by_xla is None else by_xla
    return _kept_graphs(model, "train_step", source.batch_size, by_xla, rest_by_xla, source.forms)


def evaluation_graphs(model, batch_size: int, by_xla: bool) -> _Graphs:
    """Returns the graphs of a model's evaluation, traced once for many calls of `evaluate`."""
    return _kept_graphs(model, "test_step", batch_size, by_xla, by_xla)


def _kept_graphs(model, step: str, *settings) -> _Graphs:
    state = (inspection.variables_of(model), model.optimizer, *model.metrics)
    kept = inspection.cached_while(model, _KEPT, state)
    key = step, *settings
    if key not in kept:
        if len(kept) == _MOST_GRAPHS:
            del kept[next(iter(kept))]
        kept[key] = _Graphs(getattr(model, step), *settings)
    return kept[key]
