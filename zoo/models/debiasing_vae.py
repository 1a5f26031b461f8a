"""The debiasing VAE: a classifier that looks for what its training data have little of."""

import numpy as np
from keras import ops

from zoo import checks, losses
from zoo.inputs import labels
from zoo.inputs.batching import batched
from zoo.inputs.samplers import COMBINATIONS, LatentResampling, resampling_probabilities
from zoo.models._classifying_vae import ClassifyingVAE
from zoo.registry.entries import listed
from zoo.training.image_to_image import check_images


@listed
class DebiasingVAE(ClassifyingVAE):
    """Learns a class, and shows rare kinds more often.

    loss = CE(y, q(y | x)) + [y = 1] * vae_weight * (reconstruction + beta * kl_scale * kl)

    The VAE learns what images of the positive class look like. When an epoch begins, the positives
    whose latents are rare are drawn more often (`zoo.inputs.samplers.LatentResampling`). Choose it
    when the positive class may hide a small group that a plain classifier would miss, and nobody
    has labelled the groups.

    Args:
        image_shape: See `Autoencoder`.
        vae_weight: Float >= 0, weight of the VAE's two terms, which are nats per image.
        classification_weight: Float >= 0.
        resample: Whether `fit` draws images with rare codes more often. Rows are taken as they
            come where data are no arrays, and with `shuffle=False` or `sample_weight`.
        num_bins: Positive int, bins of the histogram of each code unit.
        smoothing: Float > 0, `alpha` of the paper, added to the histogram's density: small values
            debias more.
        combine: `"max"` of the code units' weights, as in the authors' course, or their
            `"product"`, as in the paper.
        normalize_encoder_only: Whether `normalization` is for the encoder's convolutions alone,
            after their activation, as in the authors' course.
        **kwargs: See `VAE`.

    Call arguments:
        x: Float tensor `(batch, *image_shape)` in `[0, 1]`. `fit(x, y)`: `y` holds `(batch,)` 1
            for the positive class and 0 for the rest.

    Returns:
        The mean image of the mean code, `(batch, *image_shape)`. `classify(x)` gives the
        probability of the positive class.

    Loss terms:
        `classification`: nats per image. `reconstruction`, `kl`: nats per image, exactly 0 for
        negative rows. `(batch,)` each. `accuracy` is logged.

    Raises:
        ValueError: if an argument is out of range, or labels are not 0 and 1.

    Differs from the paper: the reconstruction is a log-likelihood. The course's mean absolute
    error with a KL weight of 5e-4 is `likelihood="laplace"` with `scale = 5e-4 * pixels` and
    `vae_weight = 5e-4`, up to a constant: preset `mit_course`. Batch normalisation has the momentum
    0.9 and epsilon 1e-5 of all models here; the course has those of Keras, 0.99 and 1e-3.

    When not to use it: where the rare groups are labelled: draw by these labels instead. Whether
    it helps has to be measured against `resample=False`, with several seeds.

    Example:
        >>> model = zoo.create("debiasing_vae", image_shape=(28, 28, 1), preset="tiny")
        >>> list(model.term_weights)
        ['reconstruction', 'kl', 'classification']

    Reference: Amini et al., 2019, Eq. 1 to 4. https://doi.org/10.1145/3306618.3314243
    """

    required_target = "fit(images, labels), 1 for the positive class and 0 for the rest"

    FIXED = dict.fromkeys(
        ("num_classes",),
        "is fixed: one class against the rest. Leave it out, or use 'semi_supervised_vae'.",
    )

    def __init__(
        self,
        image_shape,
        *,
        vae_weight=0.01,
        classification_weight=1.0,
        resample=True,
        num_bins=10,
        smoothing=1e-3,
        combine="max",
        normalize_encoder_only=False,
        **kwargs,
    ):
        checks.not_fixed(type(self).__name__, kwargs, DebiasingVAE.FIXED)
        super().__init__(
            image_shape,
            num_classes=2,
            classification_weight=classification_weight,
            vae_weight=vae_weight,
            **kwargs,
        )
        checks.number(self.owner, low=1e-12, smoothing=smoothing)
        checks.positive_int(self.owner, num_bins=num_bins)
        checks.one_of(self.owner, combine=(combine, COMBINATIONS))
        self.resample = bool(resample)
        self.num_bins = num_bins
        self.smoothing = smoothing
        self.combine = combine
        self.normalize_encoder_only = bool(normalize_encoder_only)

    def encoder_arguments(self):
        arguments = super().encoder_arguments()
        if self.normalize_encoder_only:
            arguments |= {"normalize_last": True, "normalize_hidden": False}
        return {**arguments, "heads": {**arguments["heads"], "class_logits": 1}}

    def decoder_arguments(self):
        own = {"normalization": None} if self.normalize_encoder_only else {}
        return {**super().decoder_arguments(), **own}

    def check_targets(self, y):
        labels.check(self.owner, y, 2)

    def weights_of_rows(self, y, sample_weight):
        is_positive = labels.flat_array(y) == 1  # the VAE sees no others
        return is_positive if sample_weight is None else is_positive * np.ravel(sample_weight)

    def resampled(self, x, y, batch_size, seed):
        if not self.resample:
            return None
        if batch_size < 2:
            raise ValueError(
                f"{self.owner}: batch_size must be an int >= 2, as half of a batch is of the "
                f"positive class. Received: batch_size={batch_size}. Use 32, or create the model "
                "with resample=False."
            )
        return LatentResampling(
            self.encode, x, y, batch_size=batch_size, seed=seed, **self._histogram
        )

    @property
    def _histogram(self) -> dict:
        return {
            "num_bins": self.num_bins,
            "smoothing": self.smoothing,
            "combine": self.combine,
        }

    def loss_terms(self, x, target, outputs):
        is_positive = ops.cast(target["label"] == 1, "float32")  # (batch,)
        logit = outputs["class_logits"]  # (batch, 1)
        reconstruction = self.negative_log_likelihood(target["image"], outputs["logits"])
        return {
            "reconstruction": is_positive * reconstruction,
            "kl": is_positive * self.kl_divergence(outputs),
            "classification": losses.bernoulli_nll(is_positive[:, None], logit),
        }

    def predicted_labels(self, outputs):
        return ops.cast(outputs["class_logits"][:, 0] > 0, "int32")

    @batched(check_images)
    def classify(self, x):
        """Returns the probability of the positive class, `(batch,)`."""
        return ops.sigmoid(self.encoder_heads(x)["class_logits"][:, 0])

    def sampling_probabilities(self, x) -> np.ndarray:
        """Returns how often each positive image would be drawn in the next epoch, `(batch,)`."""
        return resampling_probabilities(self.encode(np.asarray(x)), **self._histogram)
