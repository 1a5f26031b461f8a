"""The beta-TCVAE: a VAE whose KL is weighted part by part."""

from typing import ClassVar

from zoo import checks, losses
from zoo.models.vae import VAE
from zoo.registry.entries import listed


@listed
class BetaTCVAE(VAE):
    """Learns a code of independent units, less blurred.

    loss = reconstruction + kl_scale * (
        alpha mutual_information + beta total_correlation + gamma dimension_wise_kl)

    The KL has three parts: what the code tells of the image, how its units depend on each other,
    and how far each unit is from the prior. `beta_vae` punishes all three, this one the second
    alone. Choose it for disentangled units; with all weights 1 it is the VAE with
    `kl="monte_carlo"`.

    Args:
        image_shape: See `Autoencoder`.
        alpha: Float >= 0, weight of the mutual information of image and code.
        beta: Float >= 0, weight of the total correlation.
        gamma: Float >= 0, weight of the KL of each unit to the prior.
        num_train: Number of training images, which the estimate of `q(z)` needs. `None` lets the
            batch stand for the data: the mutual information is then at most `log batch_size`
            nats, and the rest of it is counted in the other two parts.
        sampling: `"stratified"`, unbiased in `q(z)`, or `"weighted"`, as in the paper's
            experiments: the same gradients but for the weight of an image on itself; its values
            are off by a constant. Not used without `num_train`.
        **kwargs: See `VAE`, but for `kl`.

    Call arguments:
        x: Float tensor `(batch, *image_shape)` in `[0, 1]`.

    Returns:
        The mean image of the mean code, `(batch, *image_shape)`.

    Loss terms:
        `reconstruction`, `mutual_information`, `total_correlation`, `dimension_wise_kl`: nats per
        image, `(batch,)`. The last three depend on the batch, and may be negative for an image.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: for `kl`.

    Differs from the paper: the stratified weights are those of its appendix, with an image's own
    weight on the diagonal; nothing else.

    When not to use it: where copies have to be faithful: punishing dependence costs detail. Its
    estimates are statistics of the batch, so not with small batches.

    Example:
        >>> model = zoo.create("beta_tc_vae", image_shape=(28, 28, 1), preset="tiny")
        >>> model.beta
        6.0

    Reference: Chen et al., 2018, Eq. 2 to 4 and appendix C. https://arxiv.org/abs/1802.04942
    """

    EXCEPTIONS: ClassVar = {"weights_add_up": "the parts of the KL are statistics of the batch."}

    FIXED = dict.fromkeys(
        ("kl",), "is fixed, as the parts of the KL are estimated at a sample. Leave it out."
    )

    def __init__(
        self,
        image_shape,
        *,
        alpha=1.0,
        beta=6.0,
        gamma=1.0,
        num_train=None,
        sampling="stratified",
        **kwargs,
    ):
        checks.not_fixed(type(self).__name__, kwargs, BetaTCVAE.FIXED)
        super().__init__(image_shape, beta=beta, **kwargs)
        checks.number(self.owner, low=0.0, alpha=alpha)
        checks.number(self.owner, low=0.0, gamma=gamma)
        if num_train is not None:
            checks.positive_int(self.owner, num_train=num_train)
        checks.one_of(self.owner, sampling=(sampling, losses.MINIBATCH_SAMPLINGS))
        self.alpha = alpha
        self.gamma = gamma
        self.num_train = num_train
        self.sampling = sampling

    @property
    def term_weights(self):
        return {
            "reconstruction": 1.0,
            "mutual_information": self.alpha * self.kl_scale,
            "total_correlation": self.beta * self.kl_scale,
            "dimension_wise_kl": self.gamma * self.kl_scale,
        }

    def loss_terms(self, x, target, outputs):
        return {
            "reconstruction": self.negative_log_likelihood(target, outputs["logits"]),
            **losses.kl_parts(
                outputs["z"],
                outputs["z_mean"],
                outputs["z_log_var"],
                self.num_train,
                self.sampling,
                outputs.get("sample_weight"),
            ),
        }
