"""The FactorVAE: a VAE whose code units are pushed to be independent of each other."""

from keras import ops

from zoo import checks
from zoo.layers import row_noise
from zoo.models.vae import VAE
from zoo.registry.entries import listed
from zoo.training.adversarial import Adversarial, two_class_loss


def permuted(codes, keys, weights=None):
    """Shuffles each unit's values over the batch, each unit on its own (Algorithm 1).

    Every unit keeps its values, and so its distribution; what units have in common is lost.

    Args:
        codes: Float tensor `(batch, latent_dim)`.
        keys: Float tensor of the same shape, uniform in `[0, 1)`: their order is the new one.
        weights: Float tensor `(batch,)`: rows of weight 0 are shuffled among themselves, so that
            rows that count get values of rows that count. None: all do.
    """
    if weights is None:
        return ops.take_along_axis(codes, ops.argsort(keys, axis=0), axis=0)
    num_rows = ops.shape(keys)[0]
    left_out = ops.cast(ops.equal(weights, 0), "int32")
    later = 2.0 * ops.cast(left_out, keys.dtype)
    order = ops.argsort(keys + later[:, None], axis=0)  # rows that count come first
    counted_first = ops.argsort(left_out * num_rows + ops.arange(num_rows, dtype="int32"))
    places = ops.argsort(counted_first)
    return ops.take(ops.take_along_axis(codes, order, axis=0), places, axis=0)


@listed
class FactorVAE(Adversarial, VAE):
    """Learns a code whose units are independent.

        loss = reconstruction + beta * kl_scale * kl + gamma * total_correlation
        total_correlation = E_q(z)[log D(z) - log(1 - D(z))]  ~  KL(q(z) || prod_j q(z_j))

    The discriminator `D` learns to tell codes from codes whose units were shuffled over the batch;
    its odds estimate how much the units depend on each other. Choose it to separate the factors
    of variation, as `beta_vae` does, but with sharper images: only the dependence between units
    costs more, not what they tell about the image. Use batches of 64 or more.

    Args:
        image_shape: See `Autoencoder`.
        gamma: Float >= 0, dimensionless, weight of the total correlation; `0` gives the VAE.
        **kwargs: See `Adversarial` (`discriminator_units`, `discriminator_learning_rate`) and
            `VAE`.

    Call arguments:
        x: Float tensor `(batch, *image_shape)` in `[0, 1]`.

    Returns:
        The mean image of the mean code, `(batch, *image_shape)`.

    Loss terms:
        `reconstruction`, `kl`: nats per image; `total_correlation`: log-odds in nats, whose mean
        is the estimate and which may be negative for single images; `discriminator`, of weight 0:
        the discriminator's own loss, in nats, `log 2` at chance. All `(batch,)`.

    Raises:
        ValueError: if an argument is out of range.

    Differs from the paper: codes and shuffled codes are of one batch where the paper draws two,
    and the discriminator's two classes are one logit.

    When not to use it: with batches below 64, or where nobody reads the code unit by unit: the
    discriminator then costs time for nothing (`vae`).

    Example:
        >>> model = zoo.create("factor_vae", image_shape=(28, 28, 1), preset="tiny")
        >>> list(model.term_weights)
        ['reconstruction', 'kl', 'total_correlation', 'discriminator']

    Reference: Kim and Mnih, 2018, Eq. 2 and 3, Algorithm 2. https://arxiv.org/abs/1802.05983
    """

    def __init__(self, image_shape, *, gamma=10.0, **kwargs):
        super().__init__(image_shape, **kwargs)
        checks.number(self.owner, low=0.0, gamma=gamma)
        self.gamma = gamma

    @property
    def term_weights(self):
        return {**super().term_weights, "total_correlation": self.gamma, "discriminator": 0.0}

    def discriminator_inputs(self, outputs):
        return outputs["z"], self.permuted_codes(outputs)

    def forward(self, x, training=False):
        outputs = super().forward(x, training=training)
        # Not the numbers of the codes' own noise: by their ranks the units would line up.
        source = self.noise_of(x, training, stream=1)
        return {**outputs, "order": row_noise.uniform(ops.shape(outputs["z"]), source)}

    def permuted_codes(self, outputs):
        """Returns the codes of a batch, each unit shuffled over the rows that count.

        They stay in `outputs`: loss and discriminator of a step look at the same ones.
        """
        if "permuted_z" not in outputs:
            codes = ops.stop_gradient(outputs["z"])
            weights = outputs.get("sample_weight")
            outputs["permuted_z"] = permuted(codes, outputs["order"], weights)
        return outputs["permuted_z"]

    def loss_terms(self, x, target, outputs):
        terms = super().loss_terms(x, target, outputs)
        logit = self.logit(outputs["z"])
        terms["total_correlation"] = logit
        terms["discriminator"] = two_class_loss(
            ops.stop_gradient(logit), ops.stop_gradient(self.logit(self.permuted_codes(outputs)))
        )
        return terms
