"""The autoencoder that predicts its own uncertainty (UPAE), for anomaly detection."""

import keras
import numpy as np
from keras import ops

from zoo import checks, losses
from zoo.inputs.batching import batched
from zoo.models.autoencoder import Autoencoder
from zoo.registry.entries import listed
from zoo.training.image_to_image import check_images

LOSSES = {
    "joint": losses.heteroscedastic_squared_error,
    "beta": losses.beta_squared_error,
    "detached": losses.detached_squared_error,
}
NLLS = tuple(LOSSES)
SCORES = ("log_likelihood", "paper")
NO_CAP = 100.0  # of a log-variance, higher than any
SMALLEST_RATIO = 1e-3  # of a squared error to its predicted variance, in recalibration


@listed
class UPAE(Autoencoder):
    """Learns a copy, and how far off it expects to be.

    loss = mean over pixels of (x' - mu)^2 + [exp(-s) (x' - mu*)^2 + s],  s = log sigma^2
           (`nll="joint"`, as in the paper: of the part in brackets alone, with mu for mu*)
    score = mean over pixels of [exp(-s) (x' - mu)^2 + s],  x' = 2 x - 1, mu* held constant

    Errors where the model expects large ones (edges, texture) count less than errors where it
    expects small ones. It also expects large errors at anomalies, which would explain them away.
    So the score has the term `s`, the expected error, which the paper leaves out
    (`score="paper"`). `cap_uncertainty(held_out_normals)` bounds `s` of each pixel, in the score,
    by the highest that normal images get there.

    Args:
        image_shape: See `Autoencoder`.
        latent_dim: Positive int, size of the code.
        widths: Channels of each halving stage. Defaults to `(16, 32, 64, 64)` cut to as many
            stages as the shape allows, `()` for flat vectors.
        hidden_units: Defaults to `(256,)`; the paper has `(2048,)`.
        kernel_size: Defaults to `4`, as in the paper.
        normalization: Defaults to `"batch"`, as in the paper.
        unflatten_activation: `None` means `"linear"` where the decoder has hidden dense layers
            before it, as in the paper, and `activation` where it has none: linear, such a decoder
            would have one nonlinear stage less than its encoder.
        head: `None` means `"transpose"`, as in the paper, unless `up` is another.
        kernel_initializer: Defaults to `"pytorch_uniform"`, as in the authors' code.
        log_variance_bounds: Pair `(low, high)` that `s` is kept between, smoothly, by a tanh;
            `None`, as in the paper, leaves it free. Without bounds, pixels that never change in
            training (a black border) drive `s` to minus infinity, and a single anomaly there
            makes the score explode. The default lower end is a standard deviation of 2.5 % of
            the pixel range.
        nll: How mean and variance share the loss. `"detached"` trains the mean by the squared
            error alone, and the variance with the mean held constant; `"joint"` is the paper's;
            `"beta"` weights each pixel of that by its predicted standard deviation, held constant,
            so that pixels of high variance are not given up (Seitzer et al., 2022).
        score: `"log_likelihood"`, the score above, or `"paper"`, without the term `s`.
        **kwargs: See `Autoencoder`, but for `output_activation`, `reconstruction` and
            `latent_activation`, which are fixed.

    Call arguments:
        x: Float tensor `(batch, *image_shape)` in `[0, 1]`; rescaled to `[-1, 1]` inside.

    Returns:
        The reconstruction in `[0, 1]` units, `(batch, *image_shape)`, not clipped.

    Loss terms:
        `reconstruction`: the loss above, a mean over pixels, `(batch,)`. Can be negative.

    Raises:
        ValueError: if `image_shape` does not fit `widths`, or the bounds are not a rising pair.

    Differs from the paper: the mean is trained by the squared error (`nll="joint"` is the
    paper's); the score has the term `s`; biases of dense layers start at zero, where
    PyTorch draws them; by default `s` is bounded, which changes the loss near the bounds, and there
    are fewer hidden units.

    When not to use it: where the copy alone matters: a part of the training goes into the expected
    error. Nor with `score="paper"` unless it was compared: that score divides by an error that is
    itself larger where something is strange.

    Example:
        >>> model = zoo.create("upae", preset="upae_paper")
        >>> sum(weight.numpy().size for weight in model.trainable_weights)
        4487504

    Reference: Mao et al., 2020, Eq. 3 and 4. https://arxiv.org/abs/2006.13462
    Seitzer et al., 2022 (beta-NLL). https://arxiv.org/abs/2203.09168
    """

    FIXED = dict.fromkeys(
        ("output_activation", "reconstruction", "latent_activation"),
        "is fixed by the model's loss. Leave it out.",
    )

    def __init__(
        self,
        image_shape,
        *,
        latent_dim=16,
        widths=None,
        hidden_units=(256,),
        kernel_size=4,
        normalization="batch",
        unflatten_activation=None,
        head=None,
        kernel_initializer="pytorch_uniform",
        log_variance_bounds=(-6.0, 6.0),
        nll="detached",
        score="log_likelihood",
        **kwargs,
    ):
        checks.not_fixed(type(self).__name__, kwargs, UPAE.FIXED)
        if head is None:
            head = "transpose" if kwargs.get("up", "transpose") == "transpose" else "conv"
        super().__init__(
            image_shape,
            latent_dim=latent_dim,
            widths=self._default_widths(image_shape) if widths is None else widths,
            hidden_units=hidden_units,
            kernel_size=kernel_size,
            normalization=normalization,
            unflatten_activation=unflatten_activation,
            head=head,
            kernel_initializer=kernel_initializer,
            output_activation="linear",
            **kwargs,
        )
        if log_variance_bounds is not None:
            bounds = np.asarray(log_variance_bounds)
            if bounds.dtype.kind not in "iuf" or bounds.shape != (2,) or not bounds[0] < bounds[1]:
                raise ValueError(
                    f"{self.owner}: log_variance_bounds must be a pair (low, high) with "
                    f"low < high, or None. Received: log_variance_bounds={log_variance_bounds!r}. "
                    "For example (-6, 6)."
                )
            log_variance_bounds = tuple(bounds.astype(float).tolist())
        self.log_variance_bounds = log_variance_bounds
        checks.one_of(self.owner, nll=(nll, NLLS), score=(score, SCORES))
        self.nll = nll
        self.score = score

    def own_macs(self, input_shape) -> int:
        """Returns 0: the log-variance is shifted and capped, without a product of tensors."""
        return 0

    def build_networks(self):
        super().build_networks()
        self.log_variance_cap = self.add_weight(
            shape=self.image_shape,
            initializer=keras.initializers.Constant(NO_CAP),
            trainable=False,
            name="log_variance_cap",
            dtype="float32",
        )
        self.log_variance_shift = self.add_weight(
            shape=self.image_shape,
            initializer="zeros",
            trainable=False,
            name="log_variance_shift",
            dtype="float32",
        )

    @classmethod
    def _default_widths(cls, image_shape):
        """Returns the paper's widths, cut to the number of times that every side halves."""
        spatial = checks.image_shape(cls.__name__, image_shape)[:-1]
        if not spatial:
            return ()
        halvings = min((size & -size).bit_length() - 1 for size in spatial)
        return (16, 32, 64, 64)[: max(1, halvings)]

    def decoder_arguments(self):
        arguments = super().decoder_arguments()
        arguments["channels"] = 2 * self.image_shape[-1]  # means, then log-variances
        if arguments["unflatten_activation"] is None and arguments["hidden_units"]:
            arguments["unflatten_activation"] = "linear"
        return arguments

    def forward(self, x, training=False):
        code = self.encode(x, training=training)
        mean, log_variance = ops.split(self.decoder(code, training=training), 2, axis=-1)
        if self.log_variance_bounds is not None:
            low, high = self.log_variance_bounds
            middle, half = (low + high) / 2, (high - low) / 2
            log_variance = middle + half * ops.tanh((log_variance - middle) / half)
        return {
            "prediction": self.to_pixels(mean),
            "mean": mean,
            "log_variance": log_variance,
            "code": code,
        }

    def output_of_mean(self, mean):
        return np.concatenate([2 * mean - 1, np.zeros_like(mean)], axis=-1)

    def rescale(self, x):
        return 2 * ops.cast(x, "float32") - 1

    def to_pixels(self, logits):
        mean = ops.cast(logits[..., : self.image_shape[-1]], "float32")
        return (mean + 1) / 2

    def loss_terms(self, x, target, outputs):
        function = LOSSES[self.nll]
        nll = function(self.rescale(target), outputs["mean"], outputs["log_variance"])
        return {"reconstruction": nll}

    def recalibrate(self, held_out) -> None:
        """Scales the predicted variance of each pixel to the errors on held-out images.

        The variance is multiplied by the mean of `(x' - mu)^2 / sigma^2` over the held-out images,
        plus 0.001. The factor counts in the score and in `predict_uncertainty`, and is saved with
        the model. Set thresholds afterwards.

        Args:
            held_out: Normal images that the model was not trained on, `(n, *image_shape)`.
        """
        self.log_variance_shift.assign(ops.zeros(self.image_shape))
        error = np.asarray(held_out, "float64") - ops.convert_to_numpy(self.reconstruct(held_out))
        ratio = np.square(error / ops.convert_to_numpy(self.predict_uncertainty(held_out)))
        self.log_variance_shift.assign(np.log(ratio.mean(axis=0) + SMALLEST_RATIO))

    def cap_uncertainty(self, held_out) -> None:
        """Bounds `s` of each pixel, in the score alone, by its highest on held-out normals.

        Args:
            held_out: Normal images that the model was not trained on, `(n, *image_shape)`. Set
                thresholds afterwards.
        """
        deviation = ops.convert_to_numpy(self.predict_uncertainty(held_out))
        self.log_variance_cap.assign(2 * np.log(2 * deviation).max(axis=0))

    @classmethod
    def from_config(cls, config, custom_objects=None):
        # A file of before the choice has thresholds of the paper's score.
        return super().from_config({"score": "paper", **config}, custom_objects)

    def load_own_variables(self, store):
        if "0" in store.keys():  # noqa: SIM118, a file of before the cap has none
            super().load_own_variables(store)
        else:
            self.load_noise_state(store)

    @batched(check_images)
    def score_map(self, x):
        """Returns `exp(-s) (x' - mu)^2 + s` of each pixel, averaged over channels; may be below 0.

        `score="paper"` leaves the last term out. Shape `(batch, height, width)` or
        `(batch, length)`; `(batch, features)` for vectors.
        """
        outputs = self.forward(x)
        error = ops.square(self.rescale(x) - outputs["mean"])
        log_variance = outputs["log_variance"] + self.log_variance_shift
        log_variance = ops.minimum(log_variance, self.log_variance_cap)
        normalized = ops.exp(-log_variance) * error
        if self.score == "log_likelihood":
            normalized = normalized + log_variance
        return ops.mean(normalized, axis=-1) if len(self.image_shape) > 1 else normalized

    @batched(check_images)
    def predict_uncertainty(self, x):
        """Returns the predicted standard deviation of each pixel, in `[0, 1]` pixel units.

        Shape `(batch, *image_shape)`; that is `exp(s / 2) / 2`.
        """
        return ops.exp(0.5 * (self.forward(x)["log_variance"] + self.log_variance_shift)) / 2
