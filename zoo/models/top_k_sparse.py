"""The sparse autoencoder of interpretability: one overcomplete layer, a few active units."""

import math
from typing import ClassVar

import keras
import numpy as np
from keras import layers, ops

from zoo import checks, losses
from zoo.models.autoencoder import Autoencoder
from zoo.models.sparse import keep_largest
from zoo.registry.entries import listed

OVERCOMPLETENESS = 8
LARGEST_DEFAULT_CODE = 4096
_LOWEST = -1e30


@keras.saving.register_keras_serializable(package="zoo")
class Dictionary(layers.Layer):
    """Adds up directions of length 1, one per code unit: `code @ (kernel / ||kernel||)`.

    Rows have unit norm in the forward pass, so the gradient has no part along a row: a step turns
    a direction and does not stretch it. The constraint brings the stored rows back to the sphere
    after each step.

    Args:
        units: Positive int, size of the output.

    Call arguments:
        code: Float tensor `(batch, latent_dim)`.
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], self.units),
            initializer="random_normal",
            constraint=keras.constraints.UnitNorm(axis=1),
            autocast=False,
        )

    def call(self, code):
        return ops.matmul(code, ops.cast(self.directions(), self.compute_dtype))

    def own_macs(self, input_shape) -> int:
        """Returns the multiply-accumulates of one sample, as of a dense layer."""
        return input_shape[-1] * self.units

    def directions(self):
        """Returns the rows at unit norm, float32, `(latent_dim, units)`."""
        square = ops.sum(ops.square(self.kernel), axis=1, keepdims=True)
        return self.kernel * ops.rsqrt(square + 1e-12)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@listed
class TopKSparseAutoencoder(Autoencoder):
    """Explains an image by a few of many directions.

    h = W_enc (x - b),  prediction = W_dec top_k(h) + b,  ||columns of W_dec|| = 1
    loss = mse(x, prediction) + auxiliary_weight * mse(x - prediction, W_dec top_dead(h))

    The form that is used to read the activations of language models: overcomplete, linear, and
    with exactly `num_active` units on. Choose it to interpret features (of images, series, or
    any vectors scaled to `[0, 1]`): each row of `dictionary()` is one. The second term lets the
    units that have died, being inactive for `dead_after` training steps, learn what is left over.

    Args:
        image_shape: See `Autoencoder`; images and series are flattened inside.
        latent_dim: Positive int, size of the code. `None` means 8 times the number of pixels, at
            most 4096.
        num_active: Positive int <= `latent_dim`, `k`.
        num_auxiliary: Positive int <= `latent_dim`: dead units that explain the residual. `None`
            means half the number of pixels, at most `latent_dim`.
        auxiliary_weight: Float >= 0, `alpha`.
        dead_after: Positive int. Training steps without activity after which a unit is dead.
        **kwargs: `start_at_mean`, here of the bias `b`: see `Autoencoder`, whose other arguments
            are fixed: no hidden layers, a linear output, the mean squared error. Others: see
            `ZooModel`.

    Call arguments:
        x: Float tensor `(batch, *image_shape)` in `[0, 1]`.

    Returns:
        The reconstruction, `(batch, *image_shape)`, linear: it may leave `[0, 1]`.

    Loss terms:
        `reconstruction`: mean squared error over pixels. `auxiliary`: the same between the
        residual, held constant, and its reconstruction by dead units; 0 while none is dead.
        Both `(batch,)`.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: for an argument of `Autoencoder` that is fixed here.

    Differs from the paper: the bias `b` starts at the data's mean, or at their median after
    `center_on`, where the paper takes the geometric median; errors are not normalised. The
    gradient has no part along a direction that would have to be subtracted, as the norm is part of
    the forward pass. With several replicas "active" means active on any of them.

    When not to use it: for a short code, or for features that are no sums of directions: encoder
    and decoder are linear. Nor for large images: each direction has as many weights as an image
    has values.

    Example:
        >>> model = zoo.create("top_k_sparse", image_shape=(8, 8, 1), num_active=4)
        >>> model.latent_dim
        512

    Reference: Gao et al., 2024, sections 2.3 and A.2. https://arxiv.org/abs/2406.04093
    Bricken et al., 2023. https://transformer-circuits.pub/2023/monosemantic-features
    """

    EXCEPTIONS: ClassVar = {"divisible_shapes": "one dense layer takes any shape."}

    # All that an `Autoencoder` takes but image_shape, latent_dim, start_at_mean and seed: it
    # describes deeper networks or other losses.
    FIXED = dict.fromkeys(
        (
            "widths",
            "hidden_units",
            "mirror_hidden",
            "kernel_size",
            "activation",
            "latent_activation",
            "normalization",
            "down",
            "up",
            "convs_per_stage",
            "encoder_padding",
            "pad_to_fit",
            "map_channels",
            "unflatten_activation",
            "head",
            "kernel_initializer",
            "output_activation",
            "reconstruction",
        ),
        "is fixed: one linear layer each way. Use the model 'sparse' with penalty='top_k' for "
        "deeper networks.",
    )

    def __init__(
        self,
        image_shape,
        *,
        latent_dim=None,
        num_active=32,
        num_auxiliary=None,
        auxiliary_weight=1 / 32,
        dead_after=200,
        **kwargs,
    ):
        checks.not_fixed(type(self).__name__, kwargs, TopKSparseAutoencoder.FIXED)
        num_pixels = math.prod(checks.image_shape(type(self).__name__, image_shape))
        if latent_dim is None:
            latent_dim = min(OVERCOMPLETENESS * num_pixels, LARGEST_DEFAULT_CODE)
        super().__init__(
            image_shape,
            latent_dim=latent_dim,
            widths=(),
            hidden_units=(),
            output_activation="linear",
            **kwargs,
        )
        if num_auxiliary is None:
            num_auxiliary = min(max(1, num_pixels // 2), latent_dim)
        checks.positive_int(
            self.owner, num_active=num_active, num_auxiliary=num_auxiliary, dead_after=dead_after
        )
        checks.number(self.owner, low=0.0, auxiliary_weight=auxiliary_weight)
        for name, value in {"num_active": num_active, "num_auxiliary": num_auxiliary}.items():
            if value > latent_dim:
                raise ValueError(
                    f"{self.owner}: {name} must be <= latent_dim. Received: {name}={value}, "
                    f"latent_dim={latent_dim}. Lower one, or raise the other."
                )
        self.num_active = num_active
        self.num_auxiliary = num_auxiliary
        self.auxiliary_weight = auxiliary_weight
        self.dead_after = dead_after

    def build_networks(self):
        inputs = keras.Input(self.image_shape, name="image")
        flat = layers.Flatten(dtype=self.dtype_policy, name="flatten")(inputs)
        unmix = layers.Dense(
            self.latent_dim, use_bias=False, dtype=self.dtype_policy, name="features"
        )
        self.encoder = keras.Model(inputs, unmix(flat), name="encoder")
        code = keras.Input((self.latent_dim,), name="code")
        num_pixels = math.prod(self.image_shape)
        mix = Dictionary(num_pixels, dtype=self.dtype_policy, name="dictionary")
        pixels = layers.Reshape(self.image_shape, dtype="float32", name="reshape")(mix(code))
        self.decoder = keras.Model(code, pixels, name="decoder")
        mix.kernel.assign(mix.directions())
        unmix.kernel.assign(ops.transpose(mix.kernel))
        self.pre_bias = self.add_weight(
            name="pre_bias",
            shape=self.image_shape,
            initializer="zeros",
            dtype="float32",
            autocast=False,
        )
        # Active rows of the last training step, summed over replicas, and the steps that a unit
        # had been inactive for before it: the two together are `inactive_steps`.
        counter = {"shape": (self.latent_dim,), "trainable": False, "autocast": False}
        self.last_activity = self.add_weight(
            name="last_activity",
            initializer="ones",
            aggregation="sum",
            dtype="float32",
            **counter,
        )
        self.earlier_inactive_steps = self.add_weight(
            name="earlier_inactive_steps",
            initializer="zeros",
            aggregation="only_first_replica",
            dtype="float32",
            **counter,
        )

    @property
    def term_weights(self):
        return {"reconstruction": 1.0, "auxiliary": self.auxiliary_weight}

    # --- the model --------------------------------------------------------------------------

    @property
    def output_bias(self):
        return self.pre_bias

    def rescale(self, x):
        return ops.cast(x, "float32") - self.pre_bias

    def activate_code(self, code):
        return keep_largest(ops.cast(code, "float32"), self.num_active)

    def to_pixels(self, logits):
        return ops.cast(logits, "float32") + self.pre_bias

    def forward(self, x, training=False):
        features = ops.cast(self.encoder(self.rescale(x), training=training), "float32")
        code = self.activate_code(features)  # (batch, latent_dim)
        logits = self.decoder(code, training=training)  # (batch, *image_shape)
        inactive_steps = self.inactive_steps()
        if training:  # this step counts before it is asked who is dead
            activity = ops.sum(ops.cast(ops.not_equal(code, 0), "float32"), axis=0)
            self.earlier_inactive_steps.assign(inactive_steps)
            self.last_activity.assign(activity)
            inactive_steps = ops.where(activity > 0, 0.0, inactive_steps + 1)
        return {
            "prediction": self.to_pixels(logits),
            "logits": logits,
            "code": code,
            "features": features,
            "dead": inactive_steps >= self.dead_after,
        }

    def loss_terms(self, x, target, outputs):
        terms = super().loss_terms(x, target, outputs)
        target = ops.cast(target, "float32")
        residual = ops.stop_gradient(target - outputs["prediction"])
        auxiliary_code = self.largest_dead(outputs["features"], outputs["dead"])
        error = losses.mean_squared_error(residual, self.decoder(auxiliary_code))
        some_dead = ops.cast(ops.any(outputs["dead"]), "float32")
        return {**terms, "auxiliary": some_dead * error}

    def largest_dead(self, features, dead):
        """Keeps the `num_auxiliary` largest features of dead units (more where some are equal)."""
        candidates = ops.where(dead, features, _LOWEST)
        largest, _ = ops.top_k(candidates, self.num_auxiliary, sorted=False)
        smallest_kept = ops.stop_gradient(ops.min(largest, axis=-1, keepdims=True))
        kept = ops.logical_and(dead, candidates >= smallest_kept)
        return ops.where(kept, features, 0.0)

    # --- use --------------------------------------------------------------------------------

    def own_macs(self, input_shape) -> int:
        """Returns 0: the bias and the counters of activity multiply nothing."""
        return 0

    def center_on(self, x) -> None:
        """Sets the bias `b` to the median of images, pixel by pixel.

        Call it once before `fit`: codes then describe what differs from the middle, and fewer
        units die.
        """
        self.check_inputs(x)
        self.pre_bias.assign(np.median(x, axis=0))

    def inactive_steps(self):
        """Returns the number of training steps since each unit was active, `(latent_dim,)`."""
        return ops.where(self.last_activity > 0, 0.0, self.earlier_inactive_steps + 1)

    def dead_fraction(self) -> float:
        """Returns the share of code units that are dead, in `[0, 1]`."""
        dead = ops.convert_to_numpy(self.inactive_steps()) >= self.dead_after
        return float(np.mean(dead))

    def dictionary(self) -> np.ndarray:
        """Returns the direction of each code unit, norm 1: `(latent_dim, *image_shape)`."""
        directions = self.decoder.get_layer("dictionary").directions()
        return ops.convert_to_numpy(directions).reshape((-1, *self.image_shape))
