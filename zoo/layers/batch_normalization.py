"""Batch normalisation in fewer passes over memory."""

import functools
import inspect

import keras
import tensorflow as tf
from keras import ops

# Arguments that the kernel's way takes into account, or that do not enter the formula.
_HONOURED = {
    *("axis", "momentum", "epsilon", "center", "scale", "synchronized"),
    *(f"{name}_initializer" for name in ("beta", "gamma", "moving_mean", "moving_variance")),
    *(f"{name}_{kind}" for name in ("beta", "gamma") for kind in ("regularizer", "constraint")),
}
# All others of Keras's layer, of this version and of later ones, and their defaults.
_FURTHER = {
    parameter.name: parameter.default
    for parameter in inspect.signature(keras.layers.BatchNormalization.__init__).parameters.values()
    if parameter.default is not parameter.empty and parameter.name not in _HONOURED
}
# Of the inputs. The kernel computes in float32 and rounds its output; Keras's layer casts before it
# computes and after, a pass over memory each.
_DTYPES = ("float32", "bfloat16", "float16")


@keras.saving.register_keras_serializable(package="zoo")
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation over all axes but the last, by TensorFlow's fused kernel.

        y = gamma (x - mean) / sqrt(var + epsilon) + beta

    with the batch's mean and (biased) variance in training, whose moving averages are used
    otherwise. Values, weights and updates are those of `keras.layers.BatchNormalization`, which
    reads its input in several passes; the kernel needs half the time. Keras's layer does the work
    itself where an argument asks for more, such as `renorm`, a mask, or another axis.
    """

    @functools.cached_property
    def does_more(self) -> bool:
        """Whether an argument is set that changes the formula."""
        config = self.get_config()
        return any(config.get(name, default) != default for name, default in _FURTHER.items())

    def call(self, inputs, training=None, mask=None):
        rank = len(inputs.shape)
        is_usual = self.scale and self.center and self.axis in (-1, rank - 1) and mask is None
        is_symbolic = isinstance(inputs, keras.KerasTensor)
        dtype = keras.backend.standardize_dtype(inputs.dtype)
        is_usual = is_usual and dtype in _DTYPES and dtype == self.compute_dtype
        if is_symbolic or not is_usual or self.synchronized or self.does_more:
            return super().call(inputs, training=training, mask=mask)
        channels = inputs.shape[-1]
        pixels = inputs if rank == 4 else tf.reshape(inputs, (-1, 1, 1, channels))
        by_batch = bool(training and self.trainable)
        averages = (self.moving_mean, self.moving_variance)
        normalised, *moments = tf.raw_ops.FusedBatchNormV3(
            x=pixels,
            scale=ops.convert_to_tensor(self.gamma),
            offset=ops.convert_to_tensor(self.beta),
            mean=[] if by_batch else ops.convert_to_tensor(averages[0]),
            variance=[] if by_batch else ops.convert_to_tensor(averages[1]),
            epsilon=self.epsilon,
            is_training=by_batch,
        )
        if by_batch:
            # The kernel's variance is the unbiased one, but for a single value.
            count = tf.maximum(tf.cast(tf.size(inputs) // channels, "float32"), 2.0)
            moments = (moments[0], moments[1] * (count - 1.0) / count)
            for average, value in zip(averages, moments, strict=True):
                average.assign(average * self.momentum + value * (1.0 - self.momentum))
        return normalised if rank == 4 else tf.reshape(normalised, tf.shape(inputs))
