"""The memory autoencoder (MemAE): a code is made of codes of normal images, and of nothing else."""

from zoo import checks
from zoo.layers import memory
from zoo.models.autoencoder import Autoencoder
from zoo.registry.entries import listed


@listed
class MemoryAutoencoder(Autoencoder):
    """Learns to copy normal images from a memory.

    loss = reconstruction + entropy_weight * sum_i -w_i log w_i

    The code of the encoder addresses a memory of `num_items` codes, `m_i`, with the weights `w_i`.
    What is decoded is `sum_i w_i m_i`, a sparse, positive combination of them, so an anomaly is
    hard to copy even with a large code. Choose it for anomalies that a plain autoencoder copies
    too well. With many items it comes near to nearest neighbours, which need no training.
    On features: `FeatureAutoencoder(num_items=...)`.

    Args:
        image_shape: See `Autoencoder`.
        num_items: Positive int, of the memory.
        shrink: Float in `[0, 1]`: weights below it become 0. `None` means `1 / num_items`, the
            lower end of the paper's range.
        entropy_weight: Float >= 0, of the entropy of the weights, which keeps few of them large.
        latent_dim: Positive int, size of the code. Defaults to `32`.
        **kwargs: See `Autoencoder`.

    Call arguments:
        x: Float tensor `(batch, *image_shape)` in `[0, 1]`.

    Returns:
        The reconstruction, `(batch, *image_shape)`.

    Loss terms:
        `reconstruction`: mean over pixels. `entropy`: of the weights, nats. Both `(batch,)`.

    Raises:
        ValueError: if an argument is out of range, or so much is shrunk that nothing is left.

    Differs from the paper: one code for an image, where the paper reads one for each place of a
    feature map; smaller networks.

    When not to use it: where the nearest neighbours find as many anomalies: they need no training,
    and `bench run` has them in each table of anomalies. Nor where copies have to be exact.

    Example:
        >>> model = zoo.create("memory_autoencoder", image_shape=(28, 28, 1), num_items=100)
        >>> tuple(model.memory.items.shape)
        (100, 32)

    Reference: Gong et al., 2019, Eq. 3 to 9. https://arxiv.org/abs/1904.02639
    """

    def __init__(
        self,
        image_shape,
        *,
        num_items=500,
        shrink=None,
        entropy_weight=2e-4,
        latent_dim=32,
        **kwargs,
    ):
        super().__init__(image_shape, latent_dim=latent_dim, **kwargs)
        owner = self.owner
        checks.positive_int(owner, num_items=num_items)
        checks.number(owner, low=0.0, entropy_weight=entropy_weight)
        if shrink is not None:
            checks.number(owner, low=0.0, high=1.0, shrink=shrink)
        if latent_dim is None:
            raise ValueError(
                f"{owner}: latent_dim must be an int. Received: latent_dim=None. "
                "The memory holds codes, for example latent_dim=32."
            )
        self.num_items = num_items
        self.shrink = shrink
        self.entropy_weight = entropy_weight

    @property
    def resolved_shrink(self) -> float:
        """The threshold in use, with `None` resolved."""
        return 1 / self.num_items if self.shrink is None else self.shrink

    def build_networks(self):
        super().build_networks()
        self.memory = memory.Memory(
            self.num_items, self.resolved_shrink, name="memory", dtype="float32"
        )
        self.memory.build((None, self.latent_dim))

    @property
    def term_weights(self):
        return {**super().term_weights, "entropy": self.entropy_weight}

    def activate_code(self, code):
        return self.memory(super().activate_code(code))[0]

    def forward(self, x, training=False):
        asked = super().activate_code(self.encoder(self.rescale(x), training=training))
        code, weights = self.memory(asked)
        logits = self.decoder(code, training=training)
        prediction = self.to_pixels(logits)
        return {"prediction": prediction, "logits": logits, "code": code, "weights": weights}

    def loss_terms(self, x, target, outputs):
        weights = outputs["weights"]
        return {
            **super().loss_terms(x, target, outputs),
            "entropy": memory.entropy(weights),
        }
