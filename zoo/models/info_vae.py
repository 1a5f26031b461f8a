"""The information-maximizing VAE."""

from typing import ClassVar

from keras import ops

from zoo import checks, losses
from zoo.layers import row_noise
from zoo.models.vae import VAE
from zoo.registry.entries import listed


@listed
class InfoVAE(VAE):
    """Learns a VAE whose codes match the prior jointly.

    loss = reconstruction + (1 - alpha) kl_scale kl + (alpha + lambda_scale - 1) kl_scale mmd

    The KL pulls each image's code to the prior and so wipes out information. Here a part of its
    work is done by the maximum mean discrepancy (MMD) between the codes of a batch and the prior.
    Choose it when a VAE ignores its code, or leaves holes between code and prior. `alpha = 0,
    lambda_scale = 1` is
    the VAE, `alpha = 1` has no KL (MMD-VAE), and `alpha + lambda_scale = 1` is the beta-VAE of
    `beta = 1 - alpha`.

    Args:
        image_shape: See `Autoencoder`.
        alpha: Float <= 1, weight of the mutual information of image and code.
        lambda_scale: Float >= 1 - alpha, the paper's `lambda`: weight of the divergence between
            code and prior. Its best value grows with the scale of `reconstruction` and with the
            batch size.
        kernel: `"gaussian"` or `"inverse_multiquadratic"`.
        kernel_scales: Tuple of floats > 0: squared widths of the kernel, in units of the mean
            squared distance of two samples of the prior. The kernel is the sum over them.
        **kwargs: See `VAE`, but for `beta`.

    Call arguments:
        x: Float tensor `(batch, *image_shape)` in `[0, 1]`.

    Returns:
        The mean image of the mean code, `(batch, *image_shape)`.

    Loss terms:
        `reconstruction`, `kl`: nats per image. `mmd`: dimensionless, one value per batch, given
        to each image; unbiased, so it may be negative; 0 for a batch of one. All `(batch,)`.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: for `beta`.

    Differs from the paper: the kernel's width is relative to the prior's, whatever `latent_dim`;
    `lambda_scale` is 10, not 1000, at which the noise of the MMD of 64 images rules the training.

    When not to use it: with small batches, as the MMD is a statistic of the batch, or to compare
    likelihoods: with an MMD the loss is no bound of the likelihood.

    Example:
        >>> model = zoo.create("info_vae", image_shape=(28, 28, 1), preset="tiny")
        >>> model.lambda_scale
        10.0

    Reference: Zhao et al., 2019, section 3. https://arxiv.org/abs/1706.02262
    """

    EXCEPTIONS: ClassVar = {"weights_add_up": "the MMD is a statistic of the batch."}

    FIXED = dict.fromkeys(
        ("beta",), "is not an argument, as the KL has weight 1 - alpha. Use alpha=1 - beta."
    )

    def __init__(
        self,
        image_shape,
        *,
        alpha=0.0,
        lambda_scale=10.0,
        kernel="gaussian",
        kernel_scales=(1.0,),
        **kwargs,
    ):
        checks.not_fixed(type(self).__name__, kwargs, InfoVAE.FIXED)
        super().__init__(image_shape, **kwargs)
        checks.number(self.owner, high=1.0, alpha=alpha)
        checks.number(self.owner, low=0.0, lambda_scale=lambda_scale)
        if alpha + lambda_scale < 1 - 1e-9:
            raise ValueError(
                f"{self.owner}: alpha + lambda_scale must be >= 1, or the divergence would be "
                f"pushed up. Received: alpha={alpha!r}, lambda_scale={lambda_scale!r}. "
                f"Use lambda_scale >= {1 - alpha:g}."
            )
        checks.one_of(self.owner, kernel=(kernel, tuple(losses.KERNELS)))
        if not isinstance(kernel_scales, (tuple, list)) or not kernel_scales:
            raise ValueError(
                f"{self.owner}: kernel_scales must be a tuple of floats > 0, not empty. "
                f"Received: kernel_scales={kernel_scales!r}. For example (0.5, 1.0, 2.0)."
            )
        for scale in kernel_scales:
            checks.number(self.owner, low=1e-6, kernel_scales=scale)
        self.alpha = alpha
        self.lambda_scale = lambda_scale
        self.kernel = kernel
        self.kernel_scales = tuple(kernel_scales)

    @property
    def term_weights(self):
        return {
            "reconstruction": 1.0,
            "kl": (1.0 - self.alpha) * self.kl_scale,
            "mmd": (self.alpha + self.lambda_scale - 1.0) * self.kl_scale,
        }

    def forward(self, x, training=False):
        outputs = super().forward(x, training)
        return {**outputs, "prior_z": self.prior_samples(x, outputs["z"], training)}

    def prior_samples(self, x, z, training: bool = False):
        """Draws as many codes from the prior as there are in `z`, `(batch, latent_dim)`."""
        # Not the numbers of the codes' own noise, which would make code and prior alike.
        return row_noise.normal(ops.shape(z), self.noise_of(x, training, stream=1))

    def loss_terms(self, x, target, outputs):
        return {**super().loss_terms(x, target, outputs), "mmd": self.mmd_to_prior(outputs)}

    def mmd_to_prior(self, outputs: dict):
        """Computes the MMD between the batch's codes and samples of the prior, `(batch,)`."""
        return losses.maximum_mean_discrepancy(
            outputs["z"],
            outputs["prior_z"],
            self.kernel,
            self.kernel_scales,
            outputs.get("sample_weight"),
        )
