"""The Wasserstein autoencoder with an MMD penalty."""

import math

from zoo import checks, losses
from zoo.inputs.batching import batched
from zoo.models.info_vae import InfoVAE
from zoo.registry.entries import listed
from zoo.training.image_to_image import check_images

# With this standard deviation the Gaussian -log p(x | z) is the squared error plus a constant.
SQUARED_ERROR_SCALE = math.sqrt(0.5)


@listed
class WAEMMD(InfoVAE):
    """Learns sharp copies whose codes follow the prior.

    loss = reconstruction + mmd_weight * kl_scale * mmd

    The plain autoencoder plus one penalty: the maximum mean discrepancy (MMD) between a batch of
    codes and samples of `N(0, I)`. No noise enters the code, so images are sharper than a VAE's,
    and new ones can be sampled all the same. Use batches of 64 and more: the penalty is a
    statistic of the batch. There is no likelihood of an image unless the encoder is stochastic.

    Args:
        image_shape: See `Autoencoder`.
        mmd_weight: Float >= 0, the paper's `lambda`. Its best value grows with the scale of
            `reconstruction`.
        stochastic_encoder: Whether the code is a sample of a Gaussian, as in a VAE.
        likelihood: See `VAE`. Defaults to `"gaussian"`.
        scale: See `VAE`. The default `sqrt(1 / 2)` makes the Gaussian `reconstruction` the
            paper's squared error, summed over pixels, plus a constant.
        kernel: See `InfoVAE`. Defaults to `"inverse_multiquadratic"`.
        kernel_scales: See `InfoVAE`. Defaults to the seven of the authors' code.
        **kwargs: See `VAE`, but for `kl` and `beta`.

    Call arguments:
        x: Float tensor `(batch, *image_shape)` in `[0, 1]`.

    Returns:
        The image of the (mean) code, `(batch, *image_shape)`.

    Loss terms:
        `reconstruction`: nats per image. `mmd`: dimensionless, one value per batch, given to each
        image; unbiased, so it may be negative; 0 for a batch of one. Both `(batch,)`.

    Raises:
        ValueError: if an argument is out of range; by `elbo`, `log_likelihood` and
            `encode_distribution`, if the encoder is deterministic.
        TypeError: for `kl`, `beta`, `alpha` and `lambda_scale`.

    Differs from the paper: the prior has variance 1, and the encoder is not pre-trained.

    When not to use it: for the likelihood of an image, or with batches below 64: the penalty is a
    statistic of the batch.

    Example:
        >>> model = zoo.create("wae_mmd", image_shape=(28, 28, 1), preset="tiny")
        >>> list(model.term_weights)
        ['reconstruction', 'mmd']

    Reference: Tolstikhin et al., 2018, Algorithm 2. https://arxiv.org/abs/1711.01558
    """

    FIXED = dict.fromkeys(
        ("alpha", "lambda_scale", "kl", "beta"),
        "is not an argument, as its loss has no KL. Use mmd_weight=..., or an info_vae, which has "
        "both.",
    )

    def __init__(
        self,
        image_shape,
        *,
        mmd_weight=10.0,
        stochastic_encoder=False,
        likelihood="gaussian",
        scale=SQUARED_ERROR_SCALE,
        kernel="inverse_multiquadratic",
        kernel_scales=losses.WAE_SCALES,
        **kwargs,
    ):
        checks.not_fixed(type(self).__name__, kwargs, WAEMMD.FIXED)
        checks.number(type(self).__name__, low=0.0, mmd_weight=mmd_weight)
        super().__init__(
            image_shape,
            alpha=1.0,
            lambda_scale=mmd_weight,
            likelihood=likelihood,
            scale=scale,
            kernel=kernel,
            kernel_scales=kernel_scales,
            **kwargs,
        )
        self.mmd_weight = mmd_weight
        self.stochastic_encoder = bool(stochastic_encoder)

    def encoder_arguments(self):
        arguments = super().encoder_arguments()
        if self.stochastic_encoder:
            return arguments
        return {**arguments, "heads": {"z": self.latent_dim}}

    def build_networks(self):
        super().build_networks()
        if not self.stochastic_encoder:
            self.sampler.build((None, self.latent_dim))  # never called, and Keras warns of that

    @property
    def term_weights(self):
        weights = super().term_weights
        return {"reconstruction": weights["reconstruction"], "mmd": weights["mmd"]}

    # --- the model --------------------------------------------------------------------------

    def encode_distribution(self, x, training: bool = False):
        """Returns mean and log-variance (nats) of `q(z | x)`, if the encoder is stochastic.

        Raises:
            ValueError: if it is not: its code is a point and has no density, and with it neither
                `elbo` nor `log_likelihood` exists.
        """
        if not self.stochastic_encoder:
            raise ValueError(
                f"{self.owner}: stochastic_encoder must be True for elbo, log_likelihood and "
                "encode_distribution, which need the density q(z | x): that of a deterministic "
                "code is a point. Received: stochastic_encoder=False. Create the model with "
                "stochastic_encoder=True, or use anomaly_score to rank images."
            )
        return super().encode_distribution(x, training)

    @batched(check_images)
    def encode(self, x, training: bool = False):
        """Returns the (mean) codes, `(batch, latent_dim)`. Takes tensors or arrays."""
        if self.stochastic_encoder:
            return super().encode(x, training)
        return self.encoder(x, training=training)

    def forward(self, x, training=False):
        if self.stochastic_encoder:
            return super().forward(x, training)
        z = self.encode(x, training)  # (batch, latent_dim)
        logits = self.code_to_logits(z, x, training)
        return {
            "prediction": self.to_pixels(logits),
            "logits": logits,
            "z": z,
            "prior_z": self.prior_samples(x, z, training),
        }

    def loss_terms(self, x, target, outputs):
        return {
            "reconstruction": self.negative_log_likelihood(target, outputs["logits"]),
            "mmd": self.mmd_to_prior(outputs),
        }
