"""The beta-VAE: a VAE whose KL has another weight, or a target."""

import keras
from keras import ops

from zoo import checks
from zoo.models.vae import VAE
from zoo.registry.entries import listed


@listed
class BetaVAE(VAE):
    """Learns a code whose units change one factor each.

    loss = reconstruction + beta * kl_scale * kl                      (Higgins et al.)
    loss = reconstruction + beta * kl_scale * |kl - capacity|         (Burgess et al.)

    A larger `beta` gives a simpler, more independent code and blurrier images. With a capacity,
    the code carries about that many nats, whatever `beta` is: let `zoo.schedules.CapacityIncrease`
    raise it during training.

    Args:
        image_shape: See `Autoencoder`.
        beta: Float >= 0, dimensionless; the `gamma` of Burgess et al. when there is a capacity.
        capacity: Float >= 0, nats per image, or `None` for the first loss.
        **kwargs: See `VAE`.

    Call arguments:
        x: Float tensor `(batch, *image_shape)` in `[0, 1]`.

    Returns:
        The mean image of the mean code, `(batch, *image_shape)`.

    Loss terms:
        `reconstruction`, `kl`: nats per image; `capacity_gap`, with a capacity:
        `|kl - capacity|`, nats per image, and `kl` then has weight 0.

    Raises:
        ValueError: if an argument is out of range.

    Differs from the paper: the gap is taken of each image's KL, not of the batch's mean.

    When not to use it: where copies have to be sharp, or to compare likelihoods: with a `beta`
    other than 1 the loss is no bound of the likelihood.

    Example:
        >>> model = zoo.create("beta_vae", image_shape=(28, 28, 1), preset="tiny")
        >>> model.beta
        4.0

    Reference: Higgins et al., 2017, Eq. 4. https://openreview.net/forum?id=Sy2fzU9gl
    Burgess et al., 2018, Eq. 8. https://arxiv.org/abs/1804.03599
    """

    def __init__(self, image_shape, *, beta=4.0, capacity=None, **kwargs):
        super().__init__(image_shape, beta=beta, **kwargs)
        if capacity is not None:
            checks.number(self.owner, low=0.0, capacity=capacity)
            self.capacity_now = self.add_weight(
                name="capacity_now",
                shape=(),
                initializer=keras.initializers.Constant(capacity),
                trainable=False,
                dtype="float32",
            )
        self.capacity = capacity

    @property
    def term_weights(self):
        weights = super().term_weights
        if self.capacity is None:
            return weights
        return {"reconstruction": 1.0, "kl": 0.0, "capacity_gap": weights["kl"]}

    def loss_terms(self, x, target, outputs):
        terms = super().loss_terms(x, target, outputs)
        if self.capacity is not None:
            terms["capacity_gap"] = ops.abs(terms["kl"] - self.capacity_now)
        return terms
