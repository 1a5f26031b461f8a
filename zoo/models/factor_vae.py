"""The FactorVAE: a VAE whose code units are pushed to be independent of each other."""

from keras import ops

from zoo import checks
from zoo.layers import row_noise
from zoo.models.vae import VAE
from zoo.registry.entries import listed
from zoo.training.adversarial import Adversarial, two_class_loss


def permuted(codes, source):
    """Shuffles each unit's values over the batch, each unit on its own (Algorithm 1).

    Every unit keeps its values, and so its distribution; what units have in common is lost.

    Args:
        codes: Float tensor `(batch, latent_dim)`.
        source: A `RowNoise`, a `keras.random.SeedGenerator` or an int.
    """
    order = ops.argsort(row_noise.uniform(ops.shape(codes), source), axis=0)
    return ops.take_along_axis(codes, order, axis=0)


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
        return outputs["z"], outputs["permuted_z"]

    def forward(self, x, training=False):
        outputs = super().forward(x, training=training)
        # Not the numbers of the codes' own noise: by their ranks the units would line up.
        source = self.noise_of(x, training, stream=1)
        permuted_z = permuted(ops.stop_gradient(outputs["z"]), source)
        return {**outputs, "permuted_z": permuted_z}

    def loss_terms(self, x, target, outputs):
        terms = super().loss_terms(x, target, outputs)
        logit = self.logit(outputs["z"])
        terms["total_correlation"] = logit
        terms["discriminator"] = two_class_loss(
            ops.stop_gradient(logit), ops.stop_gradient(self.logit(outputs["permuted_z"]))
        )
        return terms
