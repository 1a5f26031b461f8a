"""The adversarial autoencoder: codes that a discriminator takes for draws from a prior."""

from typing import ClassVar

from keras import ops

from zoo import checks
from zoo.layers import row_noise
from zoo.models.autoencoder import Autoencoder
from zoo.registry.entries import listed
from zoo.training.adversarial import Adversarial, two_class_loss

PRIORS = ("normal", "uniform")


@listed
class AdversarialAutoencoder(Adversarial, Autoencoder):
    """Learns a code of any given distribution.

        loss = reconstruction + adversarial_weight * (-log D(encode(x)))
        D minimises -0.5 log D(z) - 0.5 log(1 - D(encode(x))),  z drawn from the prior

    The discriminator `D` learns to tell draws from the prior from codes, and the encoder learns
    to deceive it. Choose it where a VAE's images are too blurred or the prior has no density to
    write down: all that is needed is to draw from it. `call` is deterministic.

    Args:
        image_shape: See `Autoencoder`.
        latent_dim: Positive int, size of the code.
        prior: `"normal"`: `N(0, I)`, or `"uniform"`: each unit uniform in `[-1, 1]`.
        adversarial_weight: Float >= 0, in units of the reconstruction per nat; `0` gives the
            plain autoencoder.
        **kwargs: See `Adversarial` (`discriminator_units`, `discriminator_learning_rate`) and
            `Autoencoder`.

    Call arguments:
        x: Float tensor `(batch, *image_shape)` in `[0, 1]`.

    Returns:
        The reconstruction, `(batch, *image_shape)`.

    Loss terms:
        `reconstruction`: mean over pixels; `adversarial`: `-log D(encode(x))`, in nats;
        `discriminator`, of weight 0: the discriminator's own loss, in nats, `log 2` at chance,
        which is where the codes follow the prior. All `(batch,)`.

    Raises:
        ValueError: if an argument is out of range.

    Differs from the paper: the encoder's two steps, for the reconstruction and against the
    discriminator, are one step on their weighted sum, and the discriminator's step comes last, on
    the same codes.

    When not to use it: for the likelihood of an image, of which there is none, and with small
    batches, from which the discriminator sees too few codes. `wae_mmd` has the same aim and no
    second player.

    Example:
        >>> model = zoo.create("adversarial_autoencoder", image_shape=(28, 28, 1), preset="tiny")
        >>> model.sample(3).shape
        (3, 28, 28, 1)

    Reference: Makhzani et al., 2016, section 2 (deterministic encoder).
    https://arxiv.org/abs/1511.05644
    """

    EXCEPTIONS: ClassVar = {
        "equal_parts": "the codes that the discriminator compares with are drawn at random.",
    }

    def __init__(
        self, image_shape, *, latent_dim=16, prior="normal", adversarial_weight=0.001, **kwargs
    ):
        super().__init__(image_shape, latent_dim=latent_dim, **kwargs)
        checks.positive_int(self.owner, latent_dim=latent_dim)
        checks.one_of(self.owner, prior=(prior, PRIORS))
        checks.number(self.owner, low=0.0, adversarial_weight=adversarial_weight)
        self.prior = prior
        self.adversarial_weight = adversarial_weight

    @property
    def term_weights(self):
        weight = self.adversarial_weight
        return {"reconstruction": 1.0, "adversarial": weight, "discriminator": 0.0}

    def draw_prior(self, num_codes, source):
        """Draws codes from the prior, float32 `(num_codes, latent_dim)`.

        Args:
            num_codes: Int, or a scalar tensor.
            source: A `RowNoise`, a `keras.random.SeedGenerator` or an int.
        """
        shape = (num_codes, self.latent_dim)
        if self.prior == "normal":
            return row_noise.normal(shape, source)
        return 2.0 * row_noise.uniform(shape, source) - 1.0

    def discriminator_inputs(self, outputs):
        return outputs["prior"], outputs["code"]

    def forward(self, x, training=False):
        outputs = super().forward(x, training=training)
        num_codes = ops.shape(outputs["code"])[0]
        return {**outputs, "prior": self.draw_prior(num_codes, self.noise_of(x, training))}

    def loss_terms(self, x, target, outputs):
        terms = super().loss_terms(x, target, outputs)
        logit = self.logit(outputs["code"])
        terms["adversarial"] = ops.softplus(-logit)  # -log D
        terms["discriminator"] = two_class_loss(
            ops.stop_gradient(self.logit(outputs["prior"])), ops.stop_gradient(logit)
        )
        return terms

    def sample(self, num_images: int = 25, *, seed: int | None = None):
        """Draws new images: those of codes from the prior.

        Returns:
            Array `(num_images, *image_shape)`.
        """
        checks.positive_int(self.owner, num_images=num_images)
        seed = checks.seed_number(self.owner, seed)
        source = self.seed_generator if seed is None else seed
        return self.decode(ops.convert_to_numpy(self.draw_prior(num_images, source)))
