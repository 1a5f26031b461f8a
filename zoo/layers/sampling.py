"""Layers that the models share."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="zoo")
class GaussianSampler(keras.layers.Layer):
    """Draws `z = mean + exp(0.5 log_var) * eps`, `eps ~ N(0, I)`, in float32.

    The reparameterisation trick: the sample is differentiable in mean and log-variance.

    Args:
        seed_generator: `keras.random.SeedGenerator` of the training noise.
        evaluation_seed: Int. Seed of the noise when not training: the same at every call.

    Call arguments:
        mean: Float tensor `(batch, latent_dim)`.
        log_var: Float tensor `(batch, latent_dim)`, natural logarithm of the variance.

    Reference: Kingma and Welling, 2014, section 2.4. https://arxiv.org/abs/1312.6114
    """

    def __init__(self, seed_generator, evaluation_seed: int, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.seed_generator = seed_generator
        self.evaluation_seed = evaluation_seed
        self.evaluation_generator = keras.random.SeedGenerator(evaluation_seed)

    def call(self, mean, log_var, training=None):
        return self.draw(mean, log_var, self.seed_generator if training else self.evaluation_seed)

    def draw(self, mean, log_var, seed):
        """Draws with the noise of a seed: an int or a `SeedGenerator`."""
        noise = keras.random.normal(ops.shape(mean), dtype="float32", seed=seed)
        return mean + ops.exp(0.5 * log_var) * noise

    def evaluation_noise(self):
        """Returns a generator, wound back to its start, for a series of different draws."""
        self.evaluation_generator.state.assign([self.evaluation_seed, 0])
        return self.evaluation_generator


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
