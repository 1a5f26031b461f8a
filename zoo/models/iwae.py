"""The importance-weighted autoencoder."""

from keras import ops

from zoo import checks, losses
from zoo.layers import row_noise
from zoo.models.vae import VAE
from zoo.registry.entries import listed

ESTIMATORS = ("standard", "doubly_reparameterized")


@listed
class IWAE(VAE):
    """Learns a VAE by a tighter bound, of many samples.

    loss = -log (1 / k) sum_i w_i,  w_i = p(x | z_i) p(z_i) / q(z_i | x),  nats per image

    Choose it over `vae` when the likelihood of images matters: the bound rises to `log p(x)` with
    the samples `k`, and the posterior need not be Gaussian for it. It costs `k` decoder passes,
    and with a large `k` the encoder's gradient drowns in noise; the doubly reparameterized
    estimator keeps it. One sample gives the VAE with `kl="monte_carlo"`.

    Args:
        image_shape: See `Autoencoder`.
        num_importance_samples: Positive int, `k`.
        estimator: Of the gradient, not of the loss. `"standard"` is that of the paper;
            `"doubly_reparameterized"` (DReG) has less noise in the encoder, for one more decoder
            pass.
        **kwargs: See `VAE`, but for `kl` and `beta`.

    Call arguments:
        x: Float tensor `(batch, *image_shape)` in `[0, 1]`.

    Returns:
        The mean image of the mean code, `(batch, *image_shape)`.

    Loss terms:
        `importance_weighted_bound`: the bound on `log p(x)`, nats per image, weight -1, so that
        larger is better. `reconstruction` and `kl`: means over the samples, nats per image, with
        weight 0; the bound is at least `-(reconstruction + kl)`. All `(batch,)`.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: for `kl` and `beta`.

    Differs from the paper: one layer of codes. `kl_scale` weighs `log q(z | x) - log p(z)` inside
    the bound, for warm-up. Metrics of `compile` see the first sample's image.

    When not to use it: where the code is what you want: more samples make a better bound and a
    worse encoder, at the cost of as many decoder passes (`vae`).

    Example:
        >>> model = zoo.create("iwae", preset="iwae_network")
        >>> model.num_importance_samples
        5

    Reference: Burda et al., 2016, Eq. 8, 13 and 14. https://arxiv.org/abs/1509.00519
    Tucker et al., 2019, Eq. 8 (DReG). https://arxiv.org/abs/1810.04152
    """

    FIXED = dict.fromkeys(
        ("kl", "beta"),
        "is fixed, as the bound holds for the Monte-Carlo KL with weight 1 alone. Leave it out, or "
        "use a beta_vae.",
    )

    def __init__(self, image_shape, *, num_importance_samples=5, estimator="standard", **kwargs):
        checks.not_fixed(type(self).__name__, kwargs, IWAE.FIXED)
        super().__init__(image_shape, kl="monte_carlo", **kwargs)
        checks.positive_int(self.owner, num_importance_samples=num_importance_samples)
        checks.one_of(self.owner, estimator=(estimator, ESTIMATORS))
        if estimator == "doubly_reparameterized" and self.normalization == "batch":
            raise ValueError(
                f"{self.owner}: normalization must not be 'batch' with the doubly reparameterized "
                "estimator, whose second pass would see other statistics. Received: "
                "normalization='batch'. Use 'layer' or 'group'."
            )
        self.num_importance_samples = num_importance_samples
        self.estimator = estimator

    @property
    def term_weights(self):
        return {"importance_weighted_bound": -1.0, "reconstruction": 0.0, "kl": 0.0}

    # --- the model --------------------------------------------------------------------------

    def forward(self, x, training=False):
        z_mean, z_log_var = self.encode_distribution(x, training)  # (batch, latent_dim)
        z_mean, z_log_var = self._repeat(z_mean), self._repeat(z_log_var)
        noise = row_noise.tiled(self.noise_of(x, training), self.num_importance_samples)
        z = self.sampler(z_mean, z_log_var, noise=noise)  # (samples * batch, latent_dim)
        logits = self.code_to_logits(z, self._repeat(x), training)
        return {
            "prediction": self.to_pixels(self._by_sample(logits)[0]),
            "logits": logits,
            "z_mean": z_mean,
            "z_log_var": z_log_var,
            "z": z,
        }

    def loss_terms(self, x, target, outputs):
        log_weights, nll, kl = self.log_weights(target, outputs)
        bound = losses.log_mean_exp(log_weights)
        if self.estimator == "doubly_reparameterized":
            surrogate = self._doubly_reparameterized(x, target, outputs, log_weights)
            bound = ops.stop_gradient(bound - surrogate) + surrogate
        return {
            "importance_weighted_bound": bound,
            "reconstruction": ops.mean(nll, axis=0),
            "kl": ops.mean(kl, axis=0),
        }

    def log_weights(self, target, outputs: dict):
        """Returns `log w`, `-log p(x | z)` and `log q(z | x) / p(z)`, `(samples, batch)` each."""
        nll = self.negative_log_likelihood(self._repeat(target), outputs["logits"])
        nll, kl = self._by_sample(nll), self._by_sample(self.kl_divergence(outputs))
        return -nll - self.kl_scale * kl, nll, kl

    def _doubly_reparameterized(self, x, target, outputs, log_weights):
        # With v the normalised weights, the decoder's gradient is sum v d(log w), the encoder's
        # sum v^2 d(log w)/dz dz: the second v comes from scaling the gradient that z passes on.
        share = ops.stop_gradient(ops.softmax(log_weights, axis=0))  # (samples, batch)
        z, frozen_z = outputs["z"], ops.stop_gradient(outputs["z"])
        z = frozen_z + ops.reshape(share, (-1, 1)) * (z - frozen_z)
        second = {
            "logits": self.code_to_logits(z, self._repeat(x)),
            "z_mean": ops.stop_gradient(outputs["z_mean"]),
            "z_log_var": ops.stop_gradient(outputs["z_log_var"]),
            "z": z,
        }
        return ops.sum(share * self.log_weights(target, second)[0], axis=0)

    def _repeat(self, values):
        """Repeats a batch for each sample, sample by sample."""
        return ops.tile(values, (self.num_importance_samples,) + (1,) * (len(values.shape) - 1))

    def _by_sample(self, values):
        """Splits the first axis into `(samples, batch)`."""
        return ops.reshape(values, (self.num_importance_samples, -1, *values.shape[1:]))
