"""The masked autoencoder: a transformer that fills in hidden patches."""

import math
from typing import ClassVar

import keras
import numpy as np
from keras import layers, ops

from zoo import checks, losses
from zoo.inputs.batching import batched
from zoo.layers import row_noise, transformer
from zoo.models.autoencoder import Autoencoder
from zoo.registry.entries import listed
from zoo.training import model
from zoo.training.image_to_image import check_images
from zoo.training.mean_start import MeanStart
from zoo.training.model import ZooModel

# The default patch leaves at least this many along the shorter side, and is at most 16 wide.
PATCHES_PER_SIDE = {1: 28, 2: 7}
LARGEST_DEFAULT_PATCH = 16
_VARIANCE_FLOOR = 1e-6


def default_patch_size(image_shape: tuple[int, ...]) -> int | None:
    """Returns the largest common divisor of the sides that leaves enough patches, or None.

    7 patches per side of images and 28 per series; but 2 pixels where sides are short.
    """
    spatial = image_shape[:-1] or image_shape
    largest = min(spatial) // PATCHES_PER_SIDE[len(spatial)]
    largest = min(max(2, largest), LARGEST_DEFAULT_PATCH)
    divisors = [n for n in range(2, largest + 1) if math.gcd(*spatial) % n == 0]
    return max(divisors, default=None)


@listed
class MaskedAutoencoder(MeanStart, ZooModel):
    """Learns to fill in patches that it is not shown.

    loss = mean over hidden patches of mse(patch, predicted patch)

    Three quarters of the patches are hidden at random; the encoder, a vision transformer, sees the
    others alone, and a light decoder predicts all from them. Choose it to pre-train features
    (`encode`) on many images without labels, or to find anomalies that do not follow from their
    surroundings. There is no bottleneck, so there is no `decode`.

    `fit` and `evaluate` use one random mask per image, that of `evaluate` always the same. `call`,
    `reconstruct` and the scores use the same few masks for every image, chosen so that each patch
    is hidden in at least one; the prediction of a patch is the mean over the masks that hide it. No
    pixel is ever copied from the input, so `score_map` compares each patch with what the rest
    of the image lets one expect. Metrics of `compile` see the hidden patches alone.

    The model needs thousands of updates. With fewer it is worse than a ridge regression of the
    hidden pixels on the visible ones, and the leaderboards of `bench` do not rank it.

    Args:
        image_shape: `(height, width, channels)`, `(length, channels)` or `(features,)`; a vector
            is a series of its features, in their order.
        patch_size: Positive int that divides height and width, or the length: patches are
            squares or intervals. `None` takes the largest that divides them, is at most 16 and
            leaves 7 patches per side of an image or 28 per series (2 for shorter sides).
        mask_ratio: Float in `(0, 1)`, share of hidden patches; at least one patch is hidden and
            one visible.
        embedding_dim: Positive int, width of the encoder and of `encode`. Divisible by
            `num_heads`, and by 4 (2 for series and vectors) for the positions.
        num_blocks: Positive int, transformer blocks of the encoder.
        num_heads: Positive int, attention heads of the encoder.
        decoder_dim: Positive int, width of the decoder; divisible like `embedding_dim`.
        num_decoder_blocks: Positive int, transformer blocks of the decoder.
        num_decoder_heads: Positive int, attention heads of the decoder.
        normalize_patches: Whether the target is each patch less its mean, over its standard
            deviation: better features. Predictions are then put back on the mean and deviation
            of the true patch, so scores do not see that a whole patch is brighter or has more
            contrast.
        start_at_mean: See `Autoencoder`; not with `normalize_patches`, whose mean is 0.
        **kwargs: See `ZooModel`.

    Call arguments:
        x: Float tensor `(batch, *image_shape)` in `[0, 1]`.

    Returns:
        The prediction of each patch while hidden, `(batch, *image_shape)`, linear: it may leave
        `[0, 1]`.

    Loss terms:
        `reconstruction`: mean over hidden pixels, `(batch,)`.

    Raises:
        ValueError: if `patch_size` does not divide the image, or an argument is out of range.

    Differs from the paper: no class token (the code is the mean of the tokens, which the paper
    finds as good); patches are embedded after masking, which is the same and cheaper; GELU, layer
    normalisation and sizes as there.

    When not to use it: with few images or little time, or to decode codes and draw images: it has
    no decoder of a code.

    Example:
        >>> model = zoo.create("masked_autoencoder", image_shape=(32, 32, 3), preset="tiny")
        >>> model.patch_size, model.num_patches, model.num_visible
        (4, 64, 16)

    Reference: He et al., 2022, section 3. https://arxiv.org/abs/2111.06377
    """

    EXCEPTIONS: ClassVar = {
        "equal_parts": "the hidden patches are drawn at random.",
        "divisible_shapes": "the size of the patches follows from the shape.",
        "compiled_metrics_compare_prediction_and_target": "they compare hidden patches alone.",
    }

    def __init__(
        self,
        image_shape,
        *,
        patch_size=None,
        mask_ratio=0.75,
        embedding_dim=128,
        num_blocks=4,
        num_heads=4,
        decoder_dim=64,
        num_decoder_blocks=2,
        num_decoder_heads=4,
        normalize_patches=False,
        **kwargs,
    ):
        super().__init__(image_shape, **kwargs)
        checks.positive_int(
            self.owner,
            embedding_dim=embedding_dim,
            num_blocks=num_blocks,
            num_heads=num_heads,
            decoder_dim=decoder_dim,
            num_decoder_blocks=num_decoder_blocks,
            num_decoder_heads=num_decoder_heads,
        )
        checks.number(self.owner, low=1e-6, high=1 - 1e-6, mask_ratio=mask_ratio)
        self.patch_size = self._checked_patch_size(patch_size)
        self._check_width(embedding_dim=embedding_dim, num_heads=num_heads)
        self._check_width(decoder_dim=decoder_dim, num_decoder_heads=num_decoder_heads)
        self.mask_ratio = mask_ratio
        self.embedding_dim = embedding_dim
        self.num_blocks = num_blocks
        self.num_heads = num_heads
        self.decoder_dim = decoder_dim
        self.num_decoder_blocks = num_decoder_blocks
        self.num_decoder_heads = num_decoder_heads
        self.normalize_patches = bool(normalize_patches)

    def _checked_patch_size(self, patch_size) -> int:
        spatial, channels = self.image_shape[:-1], self.image_shape[-1:]
        if not spatial:
            spatial, channels = channels, ()
        axes = "height and width" if len(spatial) == 2 else "length"
        chosen = default_patch_size(self.image_shape) if patch_size is None else patch_size
        if chosen is not None:
            checks.positive_int(self.owner, patch_size=chosen)
        divisor = chosen or 4
        padded = (*(-(-size // divisor) * divisor for size in spatial), *channels)
        if chosen is None:
            raise ValueError(
                f"{self.owner}: image_shape {axes} must have a common divisor for patches. "
                f"Received: image_shape={self.image_shape}. Pad to {padded}, or give patch_size=1."
            )
        if any(size % chosen for size in spatial):
            raise ValueError(
                f"{self.owner}: image_shape {axes} must be divisible by patch_size. Received: "
                f"image_shape={self.image_shape}, patch_size={chosen}. "
                f"Pad to {padded}, or choose another patch_size."
            )
        if math.prod(size // chosen for size in spatial) < 2:
            raise ValueError(
                f"{self.owner}: patch_size must leave at least 2 patches. Received: "
                f"patch_size={chosen}, image_shape={self.image_shape}. Choose a smaller one."
            )
        return chosen

    def _check_width(self, **arguments) -> None:
        (width_name, width), (heads_name, heads) = arguments.items()
        waves = 2 * max(1, len(self.image_shape) - 1)
        divisor = math.lcm(heads, waves)
        if width % divisor:
            raise ValueError(
                f"{self.owner}: {width_name} must be divisible by {heads_name} and by {waves}. "
                f"Received: {width_name}={width}, {heads_name}={heads}. "
                f"For example {width_name}={-(-width // divisor) * divisor}."
            )

    # --- networks ---------------------------------------------------------------------------

    @property
    def grid(self) -> tuple[int, ...]:
        """Number of patches along each axis."""
        return transformer.patch_grid(self.image_shape, self.patch_size)

    @property
    def num_patches(self) -> int:
        return math.prod(self.grid)

    @property
    def num_visible(self) -> int:
        """Number of patches that the encoder sees; the same for every image."""
        shown = self.num_patches - round(self.num_patches * self.mask_ratio)
        return min(max(1, shown), self.num_patches - 1)

    def build_networks(self):
        dtype = self.dtype_policy
        patch_dim = transformer.patch_dim(self.image_shape, self.patch_size)
        self.embed = layers.Dense(self.embedding_dim, dtype=dtype, name="embed")
        self.encoder = transformer.transformer(
            self.embedding_dim, self.num_blocks, self.num_heads, dtype=dtype, name="encoder"
        )
        self.bridge = layers.Dense(self.decoder_dim, dtype=dtype, name="bridge")
        self.decoder = transformer.transformer(
            self.decoder_dim,
            self.num_decoder_blocks,
            self.num_decoder_heads,
            dtype=dtype,
            name="decoder",
        )
        self.pixels = layers.Dense(patch_dim, dtype="float32", name="pixels")
        self.mask_token = self.add_weight(
            name="mask_token",
            shape=(self.decoder_dim,),
            initializer=keras.initializers.RandomNormal(stddev=0.02),
            dtype="float32",
        )
        with keras.name_scope(self.name):
            self.embed.build((None, self.num_visible, patch_dim))
            self.bridge.build((None, self.num_visible, self.embedding_dim))
            self.pixels.build((None, self.num_patches, self.decoder_dim))
        self._positions = transformer.sinusoidal_positions(self.grid, self.embedding_dim)
        self._decoder_positions = transformer.sinusoidal_positions(self.grid, self.decoder_dim)
        self.fixed_orders = self._complementary_orders()

    def _complementary_orders(self) -> np.ndarray:
        """Returns orders of the patches, visible ones first, that hide each patch at least once.

        One random order, turned by the smaller of the two shares each time: the hidden windows
        overlap or touch and go around the circle.
        """
        order = np.random.default_rng(model.EVALUATION_SEED).permutation(self.num_patches)
        turn = min(self.num_visible, self.num_patches - self.num_visible)
        num_orders = -(-self.num_patches // turn)
        return np.stack([np.roll(order, -turn * k) for k in range(num_orders)]).astype("int32")

    # --- the model --------------------------------------------------------------------------

    output_activation = "linear"

    @property
    def output_bias(self):
        return None if self.normalize_patches else self.pixels.bias

    def bias_of(self, mean, shape):
        patches = transformer.to_patches(mean[None].astype("float32"), self.patch_size)
        return np.mean(patches, axis=(0, 1))

    def random_order(self, x, training: bool):
        """Returns a random order of the patches for each image, `(batch, num_patches)`."""
        shape = (ops.shape(x)[0], self.num_patches)
        noise = row_noise.uniform(shape, self.noise_of(x, training))
        return ops.argsort(noise, axis=-1)

    def embed_patches(self, patches, order, training: bool = False):
        """Returns the encoder's tokens of patches, `(batch, tokens, embedding_dim)`.

        Args:
            patches: Float tensor `(batch, tokens, patch_dim)`.
            order: Int tensor `(batch, tokens)`: where in the image each is.
        """
        tokens = self.embed(patches)
        positions = ops.take(ops.convert_to_tensor(self._positions), order, axis=0)
        return self.encoder(tokens + ops.cast(positions, tokens.dtype), training=training)

    def predict_patches(self, patches, order, training: bool = False):
        """Predicts all patches from the first `num_visible` ones of an order, float32.

        Args:
            patches: Float tensor `(batch, num_patches, patch_dim)`.
            order: Int tensor `(batch, num_patches)`, the visible patches first.
        """
        shown = order[:, : self.num_visible]
        visible = transformer.take_tokens(patches, shown)
        tokens = self.bridge(self.embed_patches(visible, shown, training))
        batch, num_hidden = ops.shape(tokens)[0], self.num_patches - self.num_visible
        hidden_shape = (batch, num_hidden, self.decoder_dim)
        hidden = ops.broadcast_to(ops.cast(self.mask_token, tokens.dtype), hidden_shape)
        tokens = ops.concatenate([tokens, hidden], axis=1)
        tokens = transformer.take_tokens(tokens, ops.argsort(order, axis=-1))  # in image order
        tokens = tokens + ops.cast(self._decoder_positions, tokens.dtype)
        return self.pixels(self.decoder(tokens, training=training))

    def forward(self, x, training=False):
        patches = transformer.to_patches(ops.cast(x, "float32"), self.patch_size)
        order = self.random_order(x, training)
        predicted = self.predict_patches(patches, order, training)
        hidden = ops.cast(ops.argsort(order, axis=-1) >= self.num_visible, "float32")
        filled = ops.where(hidden[..., None] > 0, self._to_pixels(predicted, patches), patches)
        return {
            "prediction": transformer.from_patches(filled, self.image_shape, self.patch_size),
            "patches": predicted,  # (batch, num_patches, patch_dim)
            "hidden": hidden,  # (batch, num_patches)
            "order": order,  # (batch, num_patches), the visible patches first
        }

    def call(self, x, training=None):
        if training:
            return self.forward(x, training=True)["prediction"]
        patches = transformer.to_patches(ops.cast(x, "float32"), self.patch_size)
        num_orders, num_patches = self.fixed_orders.shape
        orders = ops.tile(ops.convert_to_tensor(self.fixed_orders), (ops.shape(x)[0], 1))
        predicted = self.predict_patches(ops.repeat(patches, num_orders, axis=0), orders)
        predicted = ops.reshape(predicted, (-1, num_orders, num_patches, patches.shape[-1]))
        hidden = np.argsort(self.fixed_orders, axis=-1) >= self.num_visible
        shares = (hidden / hidden.sum(axis=0)).astype("float32")[..., None]
        mean = self._to_pixels(ops.sum(predicted * shares, axis=1), patches)
        return transformer.from_patches(mean, self.image_shape, self.patch_size)

    def loss_terms(self, x, target, outputs):
        patches = transformer.to_patches(ops.cast(target, "float32"), self.patch_size)
        if self.normalize_patches:
            mean, deviation = _moments(patches)
            patches = (patches - mean) / deviation
        error = ops.mean(ops.square(outputs["patches"] - patches), axis=-1)
        num_hidden = self.num_patches - self.num_visible
        return {"reconstruction": losses.sum_over_event(error * outputs["hidden"]) / num_hidden}

    def for_metrics(self, target, outputs):
        """Returns the hidden patches and their predictions: visible ones would be right as copied.

        Both `(batch, hidden patches, pixels of a patch)`.
        """
        hidden = outputs["order"][:, self.num_visible :]
        patches = transformer.to_patches(ops.cast(target, "float32"), self.patch_size)
        predicted = self._to_pixels(outputs["patches"], patches)
        return tuple(transformer.take_tokens(each, hidden) for each in (patches, predicted))

    def _to_pixels(self, predicted, patches):
        if not self.normalize_patches:
            return predicted
        mean, deviation = _moments(patches)
        return predicted * deviation + mean

    # --- use --------------------------------------------------------------------------------

    def own_macs(self, input_shape) -> int:
        """Returns 0: the mask token is put in place of patches, without a multiplication."""
        return 0

    @batched(check_images)
    def encode(self, x, training: bool = False):
        """Returns the mean of the encoder's tokens with nothing hidden, `(batch, embedding_dim)`.

        Float32. Takes tensors or arrays.
        """
        patches = transformer.to_patches(ops.cast(x, "float32"), self.patch_size)
        order = ops.arange(self.num_patches, dtype="int32")[None]
        tokens = self.embed_patches(patches, order, training)
        return ops.mean(ops.cast(tokens, "float32"), axis=1)

    reconstruct = Autoencoder.reconstruct
    score_map = Autoencoder.score_map
    anomaly_score = Autoencoder.anomaly_score


def _moments(patches):
    """Returns mean and standard deviation of each patch."""
    mean = ops.mean(patches, axis=-1, keepdims=True)
    variance = ops.var(patches, axis=-1, keepdims=True)
    return mean, ops.sqrt(variance + _VARIANCE_FLOOR)
