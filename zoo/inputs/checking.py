"""The one check of what a model is given, in whatever form it comes.

Arrays are checked as a whole. A source of batches - `tf.data.Dataset`, `keras.utils.PyDataset`,
generator, any other iterable of batches - is checked batch by batch, each as an array is, and the
error says which batch it was.
"""

import collections.abc
import contextlib
import re
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo.inputs import arrays, graph_check, pipeline, sources

_NUM_AHEAD = 1  # checked batches that wait: the check runs beside the step before


class Check:
    """Checks the data of one model.

    Args:
        model: Gives `owner`, `check_inputs`, `check_targets`, `required_target`,
            `damages_inputs`, `fits_every_image` and `fits_every_target`.
        inputs_only: Whether targets and weights are not looked at, as by `predict`.
        every_batch: Whether all batches of a source are checked, or the first alone.
        step: Checks the later batches of data sets inside the training step, where it can; None:
            they are checked as they are read.
    """

    def __init__(
        self,
        model,
        *,
        inputs_only: bool = False,
        every_batch: bool = True,
        step: graph_check.StepCheck | None = None,
    ):
        self.model, self.inputs_only, self.every_batch = model, inputs_only, every_batch
        self.step = step

    def read(self, x, y=None, sample_weight=None) -> tuple[Any, Any, Any]:
        """Returns arrays in place of lists, tables, HDF5 data sets and tensors of others."""
        owner = self.model.owner
        return (
            arrays.to_arrays(owner, x, "x"),
            arrays.to_arrays(owner, y, "y"),
            arrays.to_arrays(owner, sample_weight, "sample_weight"),
        )

    def whole(self, x, y=None, sample_weight=None) -> None:
        """Checks arrays, and that they have one length.

        Raises:
            ValueError: for values, shapes or lengths that do not fit the model.
            TypeError: for what holds no numbers.
        """
        model = self.model
        model.check_inputs(arrays.values_of(x))
        if self.inputs_only:
            return
        if y is not None and arrays.is_array(y):
            model.check_targets(arrays.values_of(y))
            self._same_length("x and y", (x, y))
        elif y is None and model.required_target is not None:
            raise ValueError(
                f"{model.owner}: y must be given. Received: y=None. "
                f"Call it with {model.required_target}."
            )
        if sample_weight is not None and arrays.is_array(sample_weight):
            self._weights(arrays.values_of(sample_weight))
        present = [part for part in (x, y, sample_weight) if part is not None]
        self._same_length("x, y and sample_weight", present)

    def source(self, source: Any) -> Any:
        """Returns a source of the same batches that checks each of them.

        Of a data set the first batch is checked now; of others when Keras looks at it, before it
        traces the model.

        Raises:
            ValueError, TypeError: as `whole`, with the number of the batch.
        """
        stream = _Stream(self)
        if isinstance(source, tf.data.Dataset):
            return self._data_set(source, stream)
        if isinstance(source, keras.utils.PyDataset):
            if source.num_batches == 0:
                raise no_batches(self.model.owner, source)
            return _CheckedPyDataset(source, stream)
        if isinstance(source, collections.abc.Iterator):
            return (stream(batch, number) for number, batch in enumerate(source, 1))
        if isinstance(source, tf.distribute.DistributedDataset):
            return self._distributed(source, stream)
        if sources.is_iterable(source):
            return self._iterable(source, stream)
        fix = (
            f"Read a folder with zoo.batches({source!r}, image_shape=...)."
            if isinstance(source, str)
            else "Convert it with numpy.asarray."
        )
        raise TypeError(
            f"{self.model.owner}: x must be an array, a table, a tf.data.Dataset, a "
            f"keras.utils.PyDataset or a generator. Received: x of type "
            f"{type(source).__name__}. {fix}"
        )

    def target_is_input(self, x, y) -> bool:
        """Tells whether `y` is `x` for a model that damages its inputs.

        Such a target is left out: with it the model would see undamaged inputs, and learn to copy.
        No pair of a noisy and a clean image is one image.
        """
        if not self.model.damages_inputs or not (arrays.is_array(x) and arrays.is_array(y)):
            return False
        if x is y:
            return True
        x, y = arrays.values_of(x), arrays.values_of(y)
        if isinstance(x, dict) or isinstance(y, dict) or x.shape != y.shape:
            return False
        return bool((x[:1] == y[:1]).all() and (x == y).all())

    def _data_set(self, dataset: tf.data.Dataset, stream: "_Stream") -> tf.data.Dataset:
        kept = pipeline.cached_source(dataset)
        if kept is not None:
            self._rows_of_batches(kept)
            return dataset
        first = next(iter(pipeline.in_order(dataset).take(1)), None)
        if first is None:
            raise no_batches(self.model.owner, dataset)
        packed = stream(first, 1)
        is_in_step = self.every_batch and self.step is not None
        if is_in_step and graph_check.can_tell(self.model, dataset.element_spec):
            self.step.look = stream
        if not self.every_batch or (is_in_step and self.step.look is not None):
            if not graph_check.are_alike(packed, first):
                dataset = dataset.map(lambda *batch: stream.packed(batch))
            if self.every_batch:
                dataset = dataset.with_options(tf.data.Options())  # the user's stays as it is
                dataset.zoo_look = stream
            return dataset

        @tf.autograph.experimental.do_not_convert
        def look(number, batch):
            def checked():
                return graph_check.whole(stream, batch, number + 1)

            if graph_check.can_tell(self.model, batch, self.inputs_only):
                are_fine = graph_check.are_images(self.model, batch, self.inputs_only)
                is_checked = tf.cond(are_fine, lambda: True, checked)
            else:
                is_checked = checked()
            with tf.control_dependencies([is_checked]):
                return stream.packed(tf.nest.map_structure(_passed_on, batch, first))

        return dataset.enumerate().map(look).prefetch(_NUM_AHEAD)

    def _distributed(self, source, stream: "_Stream"):
        """Checks the first batch, as it lies on each replica: later ones cannot be reached."""
        first = next(iter(source), None)
        if first is None:
            raise no_batches(self.model.owner, source)
        strategy = self.model.distribute_strategy
        parts = [strategy.experimental_local_results(leaf) for leaf in tf.nest.flatten(first)]
        for of_replica in zip(*parts, strict=True):
            stream(tf.nest.pack_sequence_as(first, of_replica), 1)
        return source

    def _rows_of_batches(self, kept) -> None:
        """Checks the arrays that `zoo.batches` was given: bytes are divided to lie in [0, 1]."""
        x, y, _ = keras.utils.unpack_x_y_sample_weight(kept.data)
        dtype, divisor = kept.forms[0]
        if divisor is not None:
            x = x[:1].astype(dtype) / divisor
        self.model.check_inputs(x)
        if not self.inputs_only:
            self.whole(x, None if y is None else y[: len(x)])
            if y is not None:
                self.model.check_targets(y)

    def _iterable(self, source, stream: "_Stream") -> tf.data.Dataset:
        """Returns a data set of batches that are iterated over anew for each epoch."""
        first = next(iter(source), None)
        if first is None:
            raise no_batches(self.model.owner, source)

        def spec(part):
            return tf.TensorSpec((None, *part.shape[1:]), part.dtype)

        def batches():
            for number, batch in enumerate(source, 1):
                yield stream(batch, number)

        signature = keras.tree.map_structure(spec, stream(first, 1))
        dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
        if hasattr(source, "__len__"):
            dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(source)))
        return dataset.prefetch(_NUM_AHEAD)

    def _same_length(self, names: str, data) -> None:
        lengths = dict.fromkeys(len(leaf) for leaf in keras.tree.flatten(data))
        if len(lengths) > 1:
            raise ValueError(
                f"{self.model.owner}: {names} must have the same length. "
                f"Received: {' and '.join(map(str, lengths))} rows."
            )

    def _weights(self, values: np.ndarray) -> None:
        self.model.check_weight_shape(values.shape)
        if values.dtype.kind not in "biuf":
            raise TypeError(
                f"{self.model.owner}: sample_weight must be numeric. "
                f"Received: dtype {values.dtype}."
            )
        if not np.isfinite(values).all() or (values < 0).any():
            raise ValueError(
                f"{self.model.owner}: sample_weight must be finite and >= 0. "
                f"Received: minimum {np.min(values):.8g}, maximum {np.max(values):.8g}. "
                "A weight of 0 leaves an image out."
            )


class _Stream:
    """Checks batches one by one, each as arrays are.

    Attributes:
        drops_target: Whether the target is the input and is left out; the first batch tells.
    """

    def __init__(self, check: Check):
        self.check = check
        self.drops_target: bool | None = None

    def __call__(self, batch, number: int) -> tuple:
        """Returns a batch as `fit` packs arrays.

        Args:
            number: Of the batch in its epoch, from 1.
        """
        if number > 1 and not self.check.every_batch:
            return self.packed(self.check.read(*keras.utils.unpack_x_y_sample_weight(batch)))
        with number_in_error(number):
            x, y, sample_weight = self.check.read(*keras.utils.unpack_x_y_sample_weight(batch))
            if y is not None and is_placeholder(y):
                y = None
            self.check.whole(x, y, sample_weight)
            self._compare(x, y)
        return self.packed((x, y, sample_weight))

    def packed(self, batch) -> tuple:
        """Returns a batch in the float type of Keras, without a target that is its input."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
        y = None if self.drops_target else y
        if y is None and sample_weight is not None:
            y = no_target(x)
        packed = tuple(part for part in (x, y, sample_weight) if part is not None)
        return keras.tree.map_structure(arrays.in_float_type, packed)

    def _compare(self, x, y) -> None:
        if self.check.inputs_only:
            return
        is_input = self.check.target_is_input(x, y)
        if self.drops_target is None:
            self.drops_target = is_input
        if is_input != self.drops_target:
            raise ValueError(
                f"{self.check.model.owner}: y must be the clean images of noisy ones in every "
                "batch, or x itself in every batch. Received: batches of both kinds. "
                "Give clean images alone, as fit(x), to have them damaged."
            )


class _CheckedPyDataset(keras.utils.PyDataset):
    """Batches of another one, each checked before it is given on."""

    def __init__(self, source: keras.utils.PyDataset, stream: _Stream):
        super().__init__(
            workers=source.workers,
            use_multiprocessing=source.use_multiprocessing,
            max_queue_size=source.max_queue_size,
        )
        self.source, self.stream = source, stream

    @property
    def num_batches(self):
        return self.source.num_batches

    def __getitem__(self, index):
        return self.stream(self.source[index], index + 1)

    def on_epoch_begin(self):
        self.source.on_epoch_begin()

    def on_epoch_end(self):
        self.source.on_epoch_end()


@contextlib.contextmanager
def number_in_error(number: int):
    """Adds the number of a batch to what a check says of it."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(f"{error} Found in batch {number}.") from error


@contextlib.contextmanager
def errors_of_batches(owner: str):
    """Raises what a check found while TensorFlow read batches as the error that it was."""
    try:
        yield
    except tf.errors.OpError as error:
        match = re.search(rf"(ValueError|TypeError): ({re.escape(owner)}: .*)", str(error))
        if match is None:
            raise
        raise {"ValueError": ValueError, "TypeError": TypeError}[match[1]](match[2]) from None


def no_batches(owner: str, source) -> ValueError:
    """Returns the error of a source that ends before its first batch."""
    kind = "data set" if isinstance(source, tf.data.Dataset) else type(source).__name__
    return ValueError(f"{owner}: x must hold at least one batch. Received: an empty {kind}.")


def is_placeholder(y) -> bool:
    """Tells whether a target is that of `no_target`."""
    if isinstance(y, dict):
        return False
    rank = y.shape.rank if hasattr(y.shape, "rank") else len(y.shape)  # a tensor's may be unknown
    return rank == 2 and y.shape[1] == 0


def no_target(x):
    """Returns a target of no columns: Keras drops the weights of data without a target."""
    first = keras.tree.flatten(x)[0]
    if isinstance(first, np.ndarray):
        return np.zeros((len(first), 0), "float32")
    return tf.zeros((tf.shape(first)[0], 0))


def check_weight_shape(owner: str, shape) -> None:
    """Raises ValueError unless there is one weight per image."""
    shape = tuple(shape)
    if len(shape) != 1 and shape[1:] != (1,):
        raise ValueError(
            f"{owner}: sample_weight must have shape (batch,). "
            f"Received: shape {shape}. Give one weight per image."
        )


def weights_by_row(weight):
    """Returns weights `(batch, -1)`, also those of a graph that does not know their rank."""
    return tf.reshape(weight, (tf.shape(weight)[0], -1))


def _passed_on(tensor, first):
    """Returns a tensor, of the rank of the first batch where its own is not known."""
    if tensor is None:
        return None
    known = first.shape if tensor.shape.rank is None else tensor.shape
    return tf.ensure_shape(tf.identity(tensor), (None, *known[1:]) if known.rank else known)
