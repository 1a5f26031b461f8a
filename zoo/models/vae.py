"""The variational autoencoder."""

import math
from typing import ClassVar

import keras
from keras import ops

from zoo import checks, losses
from zoo.inputs.batching import batched
from zoo.layers.row_noise import RowNoise
from zoo.layers.sampling import GaussianSampler
from zoo.models.autoencoder import Autoencoder
from zoo.registry.entries import listed
from zoo.training.image_to_image import check_images
from zoo.training.model import EVALUATION_SEED

LIKELIHOODS = ("bernoulli", "gaussian", "laplace")
KL_ESTIMATES = ("analytic", "monte_carlo")


@listed
class VAE(Autoencoder):
    """Learns a distribution of images by Gaussian code.

    loss = -E_q[log p(x | z)] + beta * kl_scale * KL(q(z | x) || N(0, I)),  nats per image

    With `beta = 1` the loss is the negative evidence lower bound (ELBO). Choose it to sample new
    images, to score images by likelihood, or for a smooth code. `call` decodes the mean of the
    code, without noise. `fit` and `evaluate` decode one sample of the code; the noise of `evaluate`
    follows from the image.

    Args:
        image_shape: See `Autoencoder`.
        latent_dim: Positive int, size of the code.
        likelihood: `"bernoulli"` (cross-entropy; pixels near 0 or 1), `"gaussian"` (squared
            error) or `"laplace"` (absolute error, the L1 likelihood).
        scale: Float > 0, in pixel units: standard deviation of the Gaussian, or `b` of the
            Laplace. The start value when it is learned. Not used by `"bernoulli"`. To encode what
            varies by less than the scale costs more KL than it saves. So with a scale of 1, the
            whole range of a pixel, the code of small images stays empty, even where the scale is
            learned.
        learn_scale: Whether one scale for all pixels is learned with the weights.
        kl: `"analytic"`, or `"monte_carlo"`: `log q(z | x) - log p(z)` at the sample; same mean,
            more noise, and may be negative for single images.
        beta: Float >= 0, dimensionless. `1` gives the VAE.
        output_activation: `"sigmoid"` or `"linear"`; `"bernoulli"` needs `"sigmoid"`.
        **kwargs: See `Autoencoder`, but for `latent_activation` and `reconstruction`.

    Call arguments:
        x: Float tensor `(batch, *image_shape)` in `[0, 1]`.

    Returns:
        The mean image of the mean code, `(batch, *image_shape)`.

    Loss terms:
        `reconstruction`, `kl`: nats per image, `(batch,)`.

    Raises:
        ValueError: if an argument is out of range.

    Differs from the paper: `kl_scale`, a variable of value 1, lets a callback of `zoo.schedules`
    warm the KL up. Pixels between 0 and 1 under `"bernoulli"` are targets of a cross-entropy.

    When not to use it: where copies have to be sharp: the KL costs detail (`vq_vae`,
    `autoencoder`). Its ELBO is no test for anomalies: simple strange images can have a higher one
    than normal images.

    Example:
        >>> model = zoo.create("vae", preset="pytorch_example")
        >>> model.count_params() - 1  # less kl_scale
        652824

    Reference: Kingma and Welling, 2014, Eq. 7 and 10. https://arxiv.org/abs/1312.6114
    """

    EXCEPTIONS: ClassVar = {"equal_parts": "the code is drawn at random."}

    FIXED = dict.fromkeys(
        ("latent_activation", "reconstruction"),
        "is fixed in a VAE, whose code is Gaussian and whose reconstruction is a likelihood. Use "
        "likelihood=... instead.",
    )

    def __init__(
        self,
        image_shape,
        *,
        latent_dim=16,
        likelihood="bernoulli",
        scale=0.1,
        learn_scale=False,
        kl="analytic",
        beta=1.0,
        **kwargs,
    ):
        checks.not_fixed(type(self).__name__, kwargs, VAE.FIXED)
        super().__init__(image_shape, latent_dim=latent_dim, **kwargs)
        checks.positive_int(self.owner, latent_dim=latent_dim)
        checks.one_of(self.owner, likelihood=(likelihood, LIKELIHOODS), kl=(kl, KL_ESTIMATES))
        checks.number(self.owner, low=1e-6, scale=scale)
        checks.number(self.owner, low=0.0, beta=beta)
        if likelihood == "bernoulli" and self.output_activation != "sigmoid":
            raise ValueError(
                f"{self.owner}: output_activation must be 'sigmoid' for the Bernoulli likelihood. "
                f"Received: output_activation={self.output_activation!r}. "
                "Use 'sigmoid', or likelihood='gaussian'."
            )
        if likelihood == "bernoulli" and learn_scale:
            raise ValueError(
                f"{self.owner}: learn_scale needs a likelihood with a scale. "
                "Received: likelihood='bernoulli'. Use 'gaussian' or 'laplace'."
            )
        self.likelihood = likelihood
        self.scale = scale
        self.learn_scale = bool(learn_scale)
        self.kl = kl
        self.beta = beta
        self.kl_scale = self.add_weight(
            name="kl_scale", shape=(), initializer="ones", trainable=False, dtype="float32"
        )

    def encoder_arguments(self):
        heads = {"z_mean": self.latent_dim, "z_log_var": self.latent_dim}
        return {**super().encoder_arguments(), "heads": heads}

    def build_networks(self):
        super().build_networks()
        self.sampler = GaussianSampler(name="sampler")
        if self.learn_scale:
            start = keras.initializers.Constant(math.log(self.scale))
            self.log_scale = self.add_weight(
                name="log_scale", shape=(), initializer=start, dtype="float32"
            )
        else:
            self.log_scale = math.log(self.scale)

    @property
    def term_weights(self):
        return {"reconstruction": 1.0, "kl": self.beta * self.kl_scale}

    # --- the model --------------------------------------------------------------------------

    def encoder_heads(self, x, training: bool = False) -> dict:
        """Returns the encoder's named outputs; a variant lets it see more, or gives it more."""
        return self.encoder(x, training=training)

    def encode_distribution(self, x, training: bool = False):
        """Returns mean and log-variance (nats) of `q(z | x)`, each `(batch, latent_dim)`."""
        heads = self.encoder_heads(x, training)
        return heads["z_mean"], heads["z_log_var"]

    @batched(check_images)
    def encode(self, x, training: bool = False):
        """Returns the mean codes, `(batch, latent_dim)`. Takes tensors or arrays."""
        return self.encode_distribution(x, training)[0]

    def forward(self, x, training=False):
        heads = self.encoder_heads(x, training)
        noise = self.noise_of(x, training)
        z = self.sampler(heads["z_mean"], heads["z_log_var"], noise=noise)
        logits = self.code_to_logits(z, x, training)
        return {
            "prediction": self.to_pixels(logits),
            "logits": logits,
            **heads,  # z_mean, z_log_var: (batch, latent_dim)
            "z": z,
        }

    def code_to_logits(self, z, x, training: bool = False):
        """Returns the decoder's linear output; a variant lets it see more than the code."""
        return self.decoder(z, training=training)

    def call(self, x, training=None):
        if training:
            return self.forward(x, training=True)["prediction"]
        return self.to_pixels(self.code_to_logits(self.encode(x), x))

    def negative_log_likelihood(self, target, logits):
        """Computes `-log p(target | z)`, nats per image, from the decoder's linear output."""
        if self.likelihood == "bernoulli":
            return losses.bernoulli_nll(target, logits)
        nll = {"gaussian": losses.gaussian_nll, "laplace": losses.laplace_nll}[self.likelihood]
        return nll(target, self.to_pixels(logits), self.log_scale)

    def kl_divergence(self, outputs):
        """Computes the KL term by the chosen estimate, nats per image."""
        z_mean, z_log_var = outputs["z_mean"], outputs["z_log_var"]
        if self.kl == "analytic":
            return losses.kl_standard_normal(z_mean, z_log_var)
        z = outputs["z"]
        return losses.log_normal(z, z_mean, z_log_var) - losses.log_standard_normal(z)

    def loss_terms(self, x, target, outputs):
        return {
            "reconstruction": self.negative_log_likelihood(target, outputs["logits"]),
            "kl": self.kl_divergence(outputs),
        }

    # --- use --------------------------------------------------------------------------------

    @batched(check_images)
    def elbo(self, x, num_samples: int = 1):
        """Computes the evidence lower bound (with `beta = 1`), nats per image, `(batch,)`.

        Args:
            x: Images, tensor or array.
            num_samples: Samples of the code to average over. Their noise follows from the image: it
                is the same at each call, in any batch and row.
        """
        checks.positive_int(self.owner, num_samples=num_samples)
        z_mean, z_log_var = self.encode_distribution(x)
        nll = self._mean_nll(z_mean, z_log_var, x, self.image_of(x), num_samples)
        return -nll - losses.kl_standard_normal(z_mean, z_log_var)

    @batched(check_images)
    def log_likelihood(self, x, num_samples: int = 100):
        """Estimates `log p(x)` by importance sampling, nats per image, `(batch,)`.

            log (1 / S) sum_s p(x | z_s) p(z_s) / q(z_s | x),  z_s ~ q(z | x)

        In the mean it is a lower bound, at least as high as the ELBO, that rises with
        `num_samples`.

        Args:
            x: Images, tensor or array.
            num_samples: `S`; published numbers use 5000.

        Reference: Burda et al., 2016, Eq. 8. https://arxiv.org/abs/1509.00519
        """
        checks.positive_int(self.owner, num_samples=num_samples)
        z_mean, z_log_var = self.encode_distribution(x)
        return self._log_mean_weight(z_mean, z_log_var, x, self.image_of(x), num_samples)

    def _mean_nll(self, z_mean, z_log_var, x, image, num_samples):
        """Averages `-log p(image | z)` over samples of the code, `(batch,)`."""
        noise = RowNoise(image, EVALUATION_SEED)

        def add_sample(number, nll_sum):
            z = self.sampler(z_mean, z_log_var, noise=noise.sample(number))
            return nll_sum + self.negative_log_likelihood(image, self.code_to_logits(z, x))

        start = ops.zeros(ops.shape(z_mean)[:1], dtype="float32")
        return ops.fori_loop(0, num_samples, add_sample, start) / num_samples

    def _log_mean_weight(self, z_mean, z_log_var, x, image, num_samples):
        """Computes the logarithm of the mean importance weight, `(batch,)`."""
        noise = RowNoise(image, EVALUATION_SEED)

        def add_sample(number, log_sum):
            z = self.sampler(z_mean, z_log_var, noise=noise.sample(number))
            log_weight = (
                losses.log_standard_normal(z)
                - losses.log_normal(z, z_mean, z_log_var)
                - self.negative_log_likelihood(image, self.code_to_logits(z, x))
            )
            return ops.logaddexp(log_sum, log_weight)

        start = ops.full(ops.shape(z_mean)[:1], -math.inf, dtype="float32")
        return ops.fori_loop(0, num_samples, add_sample, start) - math.log(num_samples)

    def sample(self, num_images: int = 25, *, temperature: float = 1.0, seed: int | None = None):
        """Draws new images: the mean images of codes from `N(0, temperature^2 I)`.

        Returns:
            Array `(num_images, *image_shape)`.
        """
        return self.decode(self._prior_codes(num_images, temperature, seed))

    def _prior_codes(self, num_images, temperature, seed):
        checks.positive_int(self.owner, num_images=num_images)
        checks.number(self.owner, low=0.0, temperature=temperature)
        seed = checks.seed_number(self.owner, seed)
        source = self.seed_generator if seed is None else seed
        codes = temperature * keras.random.normal((num_images, self.latent_dim), seed=source)
        return ops.convert_to_numpy(codes)
