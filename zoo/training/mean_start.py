"""The first output bias: a model that knows nothing yet gives the mean of its data, not grey."""

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np

from zoo.inputs import arrays, checking, pipeline

_MOST_ROWS, _MOST_VALUES = 4096, 2**25  # whose mean is taken, evenly over the data
_MOST_BATCHES = 8  # of a source, its first ones
LEAST_MEAN = 0.02  # of a pixel under a sigmoid, whose logit and slope have to be finite


class MeanStart:
    """Lets the first `fit` of a model set the bias of the layer that gives the pixels.

        bias = logit(mean)   under a sigmoid, the mean kept in [0.02, 0.98]
        bias = mean          under a linear output, or a ReLU

    The mean is that of the training targets: of each pixel where the last layer is dense, of each
    channel where it is a convolution. From a bias of 0 a model spends its first epochs on the grey
    level of the images, and all units of a code may saturate in doing so. What is no longer 0, as
    in a model that was trained, loaded, or started otherwise, is left alone. A layer without a bias
    stays as it is.

    A base of a model before `ZooModel`.

    Args:
        image_shape: See `ZooModel`.
        start_at_mean: Whether the first `fit` does so.
        **kwargs: Of the next base class.

    Source: Burda et al., 2016, appendix: the biases of the output. https://arxiv.org/abs/1509.00519
    """

    def __init__(self, image_shape, *, start_at_mean=True, **kwargs):
        super().__init__(image_shape, **kwargs)
        self.start_at_mean = bool(start_at_mean)

    @property
    def output_bias(self):
        """The bias of the layer that gives the pixels, a variable; None where there is none."""
        kernels = [layer for layer in self.decoder.layers if hasattr(layer, "kernel")]
        return getattr(kernels[-1], "bias", None) if kernels else None

    def output_of_mean(self, mean: np.ndarray) -> np.ndarray:
        """Returns the linear output that gives a mean, `(places, channels)`."""
        if self.output_activation != "sigmoid":
            return mean
        mean = np.clip(mean, LEAST_MEAN, 1 - LEAST_MEAN)
        return np.log(mean / (1 - mean))

    def weights_of_rows(self, y, sample_weight):
        """Returns how much the image of each row counts, `(rows,)`; None: all alike."""
        return sample_weight

    def start_from(self, data, source=None):
        """Sets the output bias from arrays, or from the first batches of a source.

        Args:
            data: What `fit` packs: arrays, or what gives batches of them.
            source: The data set of `zoo.batches` that gives the batches, if one does.

        Returns:
            The data, to be trained on: an iterator is one of the same batches again.
        """
        bias = self.output_bias if self.start_at_mean else None
        if bias is None or not bias.trainable or np.any(keras.ops.convert_to_numpy(bias)):
            return data
        most = max(32, min(_MOST_ROWS, _MOST_VALUES // math.prod(self.image_shape)))
        some, data = some_batches(data, source, most)
        mean = self._mean_target(some)
        if mean is not None:
            values = self.bias_of(mean, tuple(bias.shape))
            if values is not None:
                bias.assign(values)
        return data

    def _mean_target(self, batches: Iterable[Any]) -> np.ndarray | None:
        """Returns the mean of what the predictions of some batches are to be, `image_shape`."""
        total, weight_of_all = np.zeros(self.image_shape), 0.0
        for batch in batches:
            x, y, weight = keras.utils.unpack_x_y_sample_weight(batch)
            if y is not None and checking.is_placeholder(y):
                y = None
            weight = self.weights_of_rows(y, weight)
            target = self.target_of(x, y)
            image = target["image"] if isinstance(target, dict) else target
            image = np.asarray(image, "float32").reshape(-1, *self.image_shape)
            weight = np.ones(len(image)) if weight is None else np.asarray(weight)
            total += np.tensordot(weight.reshape(-1).astype("float32"), image, axes=1)
            weight_of_all += weight.sum()
        return total / weight_of_all if weight_of_all else None

    def bias_of(self, mean: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
        """Returns the bias of a layer for the mean image; None where it has neither layout."""
        of_places = mean.reshape(-1, mean.shape[-1])
        for values in (of_places, of_places.mean(axis=0, keepdims=True)):
            values = self.output_of_mean(values)
            if values.size == np.prod(shape):
                return values.reshape(shape)
        return None


def some_batches(data, source, most_rows: int) -> tuple[list[Any], Any]:
    """Returns some of the data as batches, and the data to go on with, none of them lost."""
    rows = pipeline.some_rows(source, most_rows)
    if rows is not None:
        return [rows], data
    if arrays.is_array(data):
        step = -(-arrays.num_rows(data) // most_rows)
        return [keras.tree.map_structure(lambda part: part[::step], data)], data
    if isinstance(data, keras.utils.PyDataset):
        num_batches = data.num_batches or _MOST_BATCHES
        return [data[index] for index in range(min(num_batches, _MOST_BATCHES))], data
    if isinstance(data, Iterator):
        some = list(itertools.islice(data, _MOST_BATCHES))
        return some, (batch for batch in itertools.chain(some, data))
    if hasattr(data, "take"):  # a `tf.data.Dataset`
        some = list(data.take(_MOST_BATCHES))
        if look := getattr(data, "zoo_look", None):  # they are looked at in the training step
            some = [look(batch, number) for number, batch in enumerate(some, 1)]
        return some, data
    return [], data  # batches that lie on the replicas
