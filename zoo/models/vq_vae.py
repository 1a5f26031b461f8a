"""The vector-quantised VAE: a map of discrete codes."""

import keras
from keras import layers, ops

from zoo import checks, losses
from zoo.inputs.batching import batched
from zoo.layers.quantizer import CODEBOOKS, VectorQuantizer
from zoo.models.autoencoder import Autoencoder
from zoo.networks import convolutional
from zoo.registry.entries import listed
from zoo.training.image_to_image import check_images


def _check_indices(model, indices) -> None:
    checks.array_shape(model.owner, indices.shape, model.code_shape[:-1], "indices")
    if indices.dtype.kind not in "iu":
        raise TypeError(
            f"{model.owner}: indices must be integers. Received: dtype {indices.dtype}. "
            "Use those of encode_indices."
        )
    if indices.size and not 0 <= indices.min() <= indices.max() < model.num_embeddings:
        raise ValueError(
            f"{model.owner}: indices must lie in [0, {model.num_embeddings}). Received: minimum "
            f"{indices.min()}, maximum {indices.max()}. Use those of encode_indices."
        )


@listed
class VQVAE(Autoencoder):
    """Learns to write images by entries of a codebook.

        loss = reconstruction / data_variance + beta * commitment            codebook="ema"
        loss = reconstruction / data_variance + codebook + beta * commitment  codebook="gradient"
        commitment = mean((z_e - stop(e))^2),  codebook = mean((stop(z_e) - e)^2)

    Each position of the encoder's last feature map is replaced by the nearest of `num_embeddings`
    vectors. Choose it for sharp reconstructions from a discrete code: to compress, or as the
    first stage of a model that draws maps of indices. Watch `perplexity`: a small one means that
    most of the codebook lies idle.

    Args:
        image_shape: See `Autoencoder`.
        latent_dim: Positive int, size of each codebook vector, `D`.
        num_embeddings: Int >= 2, vectors in the codebook, `K`.
        num_groups: Positive int, for networks without `widths`, such as those of flat vectors:
            the code is then a row of `num_groups` codebook vectors. Not used with `widths`.
        codebook: `"ema"` (moving averages) or `"gradient"` (trained by the loss).
        beta: Float >= 0, weight of the commitment.
        decay: Float in `[0, 1]`, per step, of the moving averages. Not used by `"gradient"`.
        revive_after: Positive int: a codebook vector that has lain idle for so many training
            steps is moved to a random encoder output of the batch. `None`: never.
        data_variance: Float > 0, in squared pixel units, by which the reconstruction is divided;
            `np.var(x_train)` makes it the unexplained share of the variance.
        widths: Channels of each halving stage. `None` means `(32, 64)` for images and series of
            any size, as no dense layer follows, and `()` for flat vectors.
        hidden_units: Dense layers, applied at each position of the map, before the code; with
            no `widths`, see `Autoencoder`.
        **kwargs: See `Autoencoder`, but for `encoder_padding`, `map_channels` and
            `unflatten_activation`.

    Call arguments:
        x: Float tensor `(batch, *image_shape)` in `[0, 1]`.

    Returns:
        The reconstruction, `(batch, *image_shape)`.

    Loss terms:
        `reconstruction`: mean over pixels; `commitment` and, for `"gradient"`, `codebook`: mean
        over the numbers of the code; `perplexity`, of weight 0: how many codebook vectors the
        batch uses, from 1 to `num_embeddings`, the same for all its images. All `(batch,)`.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: for an argument of codes that are one vector.

    Differs from the paper: squared distances are means over the code where the paper sums over
    each vector, the network has no residual blocks, and idle codebook vectors are revived. The
    moving averages start at 0, so a codebook vector begins at the mean of its first users; sample
    weights do not count in them. Several replicas add up their counts, so the codebook is as on
    one device.

    When not to use it: to draw images by itself: the prior over its indices is a second model. Nor
    for a vector for each image: its code is a map of indices.

    Example:
        >>> model = zoo.create("vq_vae", preset="keras_io")
        >>> model.count_params()
        48913

    Reference: van den Oord et al., 2017, Eq. 3 and appendix A.1. https://arxiv.org/abs/1711.00937
    """

    FIXED = dict.fromkeys(
        ("encoder_padding", "map_channels", "unflatten_activation"),
        "is for codes that are one vector, and this code is a map. Leave it out; see latent_dim "
        "and num_embeddings.",
    )

    def __init__(
        self,
        image_shape,
        *,
        latent_dim=16,
        num_embeddings=128,
        num_groups=8,
        codebook="ema",
        beta=0.25,
        decay=0.99,
        revive_after=100,
        data_variance=1.0,
        widths=None,
        hidden_units=None,
        **kwargs,
    ):
        checks.not_fixed(type(self).__name__, kwargs, VQVAE.FIXED)
        if widths is None:  # no dense layer follows: the map of codes grows with the image
            is_flat = len(checks.image_shape(type(self).__name__, image_shape)) == 1
            widths = () if is_flat else (32, 64)
        super().__init__(
            image_shape, latent_dim=latent_dim, widths=widths, hidden_units=hidden_units, **kwargs
        )
        checks.positive_int(self.owner, latent_dim=latent_dim, num_groups=num_groups)
        checks.positive_int(self.owner, num_embeddings=num_embeddings)
        if num_embeddings < 2:
            raise ValueError(
                f"{self.owner}: num_embeddings must be an int >= 2. "
                f"Received: num_embeddings={num_embeddings}. For example 128."
            )
        checks.one_of(self.owner, codebook=(codebook, CODEBOOKS))
        checks.number(self.owner, low=0.0, beta=beta)
        checks.number(self.owner, low=0.0, high=1.0, decay=decay)
        checks.number(self.owner, low=1e-12, data_variance=data_variance)
        if revive_after is not None:
            checks.positive_int(self.owner, revive_after=revive_after)
        self.num_embeddings = num_embeddings
        self.num_groups = num_groups
        self.codebook = codebook
        self.beta = beta
        self.decay = decay
        self.revive_after = revive_after
        self.data_variance = data_variance

    # --- networks ---------------------------------------------------------------------------

    @property
    def code_shape(self):
        """Shape of one code: the map's, or `(num_groups,)`, and the size of its vectors."""
        if not self.widths:
            return (self.num_groups, self.latent_dim)
        return convolutional.code_map_shape(self.image_shape, len(self.widths), self.latent_dim)

    def encoder_arguments(self):
        heads = None if self.widths else {"code": self.num_groups * self.latent_dim}
        return {**super().encoder_arguments(), "heads": heads}

    def build_networks(self):
        trunk = convolutional.encoder(self.encoder_shape, **self.encoder_arguments())
        if self.widths:
            vectors = self._vectors_of_map(trunk.output)
        else:
            groups = layers.Reshape(self.code_shape, dtype="float32", name="groups")
            vectors = groups(trunk.output)
        self.encoder = keras.Model(trunk.input, vectors, name="encoder")
        self.decoder = convolutional.decoder(self.image_shape, **self.decoder_arguments())
        self.quantizer = VectorQuantizer(
            self.num_embeddings,
            codebook=self.codebook,
            decay=self.decay,
            revive_after=self.revive_after,
            seed_generator=self.seed_generator,
            name="quantizer",
        )
        with keras.name_scope(self.name):
            self.quantizer.build(vectors.shape)

    def _vectors_of_map(self, x):
        """Takes a feature map to vectors of `latent_dim`, by dense layers at each position."""
        dtype = self.dtype_policy
        initializer = convolutional.initializer(self.kernel_initializer)
        for index, units in enumerate(self.hidden_units, 1):
            units = convolutional.linear_units(units, self.activation)
            name = f"hidden{index}"
            dense = layers.Dense(units, kernel_initializer=initializer, dtype=dtype, name=name)
            x = convolutional.conv_norm_act(x, dense, self.normalization, self.activation, dtype)
        return layers.Dense(
            self.latent_dim, kernel_initializer=initializer, dtype="float32", name="code"
        )(x)

    # --- the model --------------------------------------------------------------------------

    @property
    def term_weights(self):
        weights = {"reconstruction": 1 / self.data_variance, "commitment": self.beta}
        if self.codebook == "gradient":
            weights["codebook"] = 1.0
        return {**weights, "perplexity": 0.0}

    def encode_vectors(self, x, training: bool = False):
        """Returns the encoder's vectors before quantisation, `z_e`: `(batch, *code_shape)`."""
        return self.activate_code(self.encoder(self.rescale(x), training=training))

    @batched(check_images)
    def encode(self, x, training: bool = False):
        """Returns the quantised codes, `(batch, *code_shape)`. Takes tensors or arrays."""
        return self.quantizer.look_up(self.quantizer.nearest(self.encode_vectors(x, training)))

    @batched(check_images)
    def encode_indices(self, x):
        """Returns the codebook's index at each position of the map, int32.

        `(batch, height, width)`, `(batch, length)` for series, `(batch, num_groups)` without
        `widths`.
        """
        return self.quantizer.nearest(self.encode_vectors(x))

    @batched(_check_indices)
    def decode_indices(self, indices):
        """Returns the images of maps of indices: `(batch, *image_shape)`."""
        return self.decode(self.quantizer.look_up(indices))

    def interpolate(self, start, end, num_steps: int = 8):
        """Decodes the codes that lie nearest to the line between two images.

        Each vector on the line is replaced by its nearest entry of the codebook, as the decoder
        knows no others.

        Args:
            start: See `Autoencoder.interpolate`; the same for `end` and `num_steps`.

        Returns:
            Array `(num_steps, *image_shape)`.
        """
        vectors = self._codes_between(start, end, num_steps)
        return self.decode_indices(ops.convert_to_numpy(self.quantizer.nearest(vectors)))

    def forward(self, x, training=False):
        vectors = self.encode_vectors(x, training)
        quantization = self.quantizer(vectors, training=training)
        logits = self.decoder(quantization["quantized"], training=training)
        return {
            "prediction": self.to_pixels(logits),
            "logits": logits,
            "vectors": vectors,  # (batch, *code_shape)
            "code": quantization["quantized"],
            "embedding": quantization["embedding"],
            "index": quantization["index"],
            "perplexity": quantization["perplexity"],
        }

    def loss_terms(self, x, target, outputs):
        terms = super().loss_terms(x, target, outputs)
        vectors, embedding = outputs["vectors"], outputs["embedding"]
        terms["commitment"] = losses.mean_squared_error(ops.stop_gradient(embedding), vectors)
        if self.codebook == "gradient":
            terms["codebook"] = losses.mean_squared_error(ops.stop_gradient(vectors), embedding)
        terms["perplexity"] = outputs["perplexity"] * ops.ones_like(terms["commitment"])
        return terms
