"""Random layers: a Gaussian code by the reparameterisation trick, and dropout with a saved seed."""

import keras
from keras import ops

from zoo.layers import row_noise


@keras.saving.register_keras_serializable(package="zoo")
class GaussianSampler(keras.layers.Layer):
    """Draws `z = mean + exp(0.5 log_var) * eps`, `eps ~ N(0, I)`, in float32.

    The reparameterisation trick: the sample is differentiable in mean and log-variance.

    Args:
        **kwargs: See `keras.layers.Layer`.

    Call arguments:
        mean: Float tensor `(batch, latent_dim)`.
        log_var: Float tensor `(batch, latent_dim)`, natural logarithm of the variance.
        noise: A `RowNoise`, a `keras.random.SeedGenerator` or an int.

    Reference: Kingma and Welling, 2014, section 2.4. https://arxiv.org/abs/1312.6114
    """

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.built = True  # it has no weights

    def call(self, mean, log_var, noise=None):
        return mean + ops.exp(0.5 * log_var) * row_noise.normal(ops.shape(mean), noise)


@keras.saving.register_keras_serializable(package="zoo")
class SeededDropout(keras.layers.Layer):
    """Sets each value to 0 with probability `rate` in training, and divides the rest by `1 - rate`.

    Unlike Keras' `Dropout` it draws from the model's generator, whose state is saved with the
    model: a reloaded model goes on with the same noise.

    Args:
        rate: Float in `[0, 1)`.
        seed_generator: `keras.random.SeedGenerator` of the training noise.

    Call arguments:
        x: Float tensor.
    """

    def __init__(self, rate: float, seed_generator, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed_generator = seed_generator

    def call(self, x, training=None):
        return keras.random.dropout(x, self.rate, seed=self.seed_generator) if training else x
