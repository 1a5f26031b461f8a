"""The semi-supervised VAE M2: the class is a second, discrete code."""

import math

import keras
from keras import layers, ops

from zoo import checks, losses
from zoo.inputs import labels
from zoo.inputs.batching import batched
from zoo.layers import row_noise
from zoo.layers.largest import place_of_largest
from zoo.models.semi_supervised_vae import SemiSupervisedVAE
from zoo.registry.entries import listed
from zoo.training.image_to_image import check_images
from zoo.training.labelled_decoder import LabelledDecoder


@listed
class SemiSupervisedM2(LabelledDecoder, SemiSupervisedVAE):
    """Learns class and style apart, from few labels.

    L(x, y) = -E_q[log p(x | y, z)] + beta * kl_scale * KL(q(z | x, y) || N(0, I)) + log K
    labelled:    L(x, y) + classification_weight * CE(y, q(y | x))
    unlabelled:  sum_y q(y | x) L(x, y) - H(q(y | x))

    An image without a label is explained by each of the `K` classes, weighted by what the
    classifier says: time and memory of a step grow with `K`. Choose it for the best classifier
    from few labels, and to draw images of a class (`sample(label=...)`).

    Args:
        image_shape: See `Autoencoder`.
        feature_dim: Positive int, units of the layers that join image features and class.
        **kwargs: `num_classes`, `K`; `classification_weight`, `alpha` of the paper; `vae_weight`
            of the rest; `labelled_share`: see `SemiSupervisedVAE`. Others: see `VAE`.

    Call arguments:
        x: Float tensor `(batch, *image_shape)` in `[0, 1]`. `fit(x, y)`: `y` holds integers
            `(batch,)` in `[0, num_classes)`, and -1 for rows without a label.

    Returns:
        The mean image of the mean code and the likeliest class, `(batch, *image_shape)`.

    Loss terms:
        `reconstruction`, `kl`: nats per image. `label_kl`: `KL(q(y | x) || uniform)`, which is
        `log K` for a labelled row. `classification`: nats, 0 for rows without a label. `(batch,)`
        each. `accuracy` is logged over labelled rows.

    Raises:
        ValueError: if an argument is out of range, or labels are not in `[-1, num_classes)`.

    Differs from the paper: all classes have the same prior, and encoder and classifier share their
    first layers.

    When not to use it: with many classes, as a step explains each image by all of them. Compare
    with `vae_weight=0`: where classes are no clusters, images without labels add little.

    Example:
        >>> model = zoo.create("semi_supervised_m2", image_shape=(28, 28, 1), preset="tiny")
        >>> model.sample(3, label=9).shape
        (3, 28, 28, 1)

    Reference: Kingma et al., 2014, Eq. 6 to 9 (M2). https://arxiv.org/abs/1406.5298
    """

    def __init__(self, image_shape, *, feature_dim=128, **kwargs):
        super().__init__(image_shape, **kwargs)
        checks.positive_int(self.owner, feature_dim=feature_dim)
        self.feature_dim = feature_dim

    # --- networks ---------------------------------------------------------------------------

    def build_networks(self):
        super().build_networks()
        features = keras.Input((self.feature_dim,), name="features")
        label = keras.Input((self.num_classes,), name="label")
        x = layers.Concatenate(dtype=self.dtype_policy)([features, label])
        x = layers.Dense(self.feature_dim, self.activation, dtype=self.dtype_policy, name="joined")(
            x
        )
        heads = {
            name: layers.Dense(self.latent_dim, dtype="float32", name=name)(x)
            for name in ("z_mean", "z_log_var")
        }
        self.posterior = keras.Model([features, label], heads, name="posterior")

    def encoder_arguments(self):
        heads = {"features": self.feature_dim, "class_logits": self.num_classes}
        return {**super().encoder_arguments(), "heads": heads}

    def decoder_arguments(self):
        code_shape = (self.latent_dim + self.num_classes,)
        return {**super().decoder_arguments(), "code_shape": code_shape}

    @property
    def term_weights(self):
        return {**super().term_weights, "label_kl": self.vae_weight}

    # --- the model --------------------------------------------------------------------------

    def _features(self, x, training=False):
        heads = self.encoder(x, training=training)
        features = keras.activations.get(self.activation)(heads["features"])
        return features, heads["class_logits"]

    def encoder_heads(self, x, training=False):
        """Returns the code of the likeliest class, and that class as `"label"`."""
        features, class_logits = self._features(x, training)
        label = place_of_largest(class_logits)
        code = self.posterior([features, labels.one_hot(label, self.num_classes)])
        return {**code, "class_logits": class_logits, "label": label}

    def code_to_logits(self, z, x, training=False):
        one_hot = labels.one_hot(x["label"], self.num_classes)
        return self.decoder(ops.concatenate([z, one_hot], axis=-1), training=training)

    def call(self, x, training=None):
        if training:
            return self.forward(x, training=True)["prediction"]
        heads = self.encoder_heads(x)
        return self.to_pixels(self.code_to_logits(heads["z_mean"], heads))

    def forward(self, x, training=False):
        outputs = self._with_each_class(x, training)
        best = labels.one_hot(place_of_largest(outputs["class_logits"]), self.num_classes)
        logits = ops.reshape(outputs["logits"], (-1, self.num_classes, *self.image_shape))
        logits = ops.einsum("bk,bk...->b...", best, logits)
        return {**outputs, "prediction": self.to_pixels(logits)}

    def _with_each_class(self, x, training=False) -> dict:
        """Runs each image with each class: `batch * num_classes` rows, image by image."""
        features, class_logits = self._features(x, training)
        features = ops.repeat(features, self.num_classes, axis=0)
        label = ops.tile(ops.arange(self.num_classes), (ops.shape(class_logits)[0],))
        code = self.posterior([features, labels.one_hot(label, self.num_classes)])
        noise = row_noise.repeated(self.noise_of(x, training), self.num_classes)
        z = self.sampler(code["z_mean"], code["z_log_var"], noise=noise)
        logits = self.code_to_logits(z, {"label": label}, training)
        return {"class_logits": class_logits, "label": label, "logits": logits, "z": z, **code}

    def _per_class(self, values):
        return ops.reshape(values, (-1, self.num_classes))

    def loss_terms(self, x, target, outputs):
        image = ops.repeat(target["image"], self.num_classes, axis=0)
        nll = self._per_class(self.negative_log_likelihood(image, outputs["logits"]))
        kl = self._per_class(self.kl_divergence(outputs))
        log_q = ops.log_softmax(outputs["class_logits"], axis=-1)
        given = labels.one_hot(target["label"], self.num_classes)
        is_labelled = ops.sum(given, axis=-1, keepdims=True)
        weight = given + (1 - is_labelled) * ops.exp(log_q)  # (batch, num_classes)
        negative_entropy = ops.sum(ops.exp(log_q) * log_q, axis=-1) * (1 - is_labelled[:, 0])
        return {
            "reconstruction": ops.sum(weight * nll, axis=-1),
            "kl": ops.sum(weight * kl, axis=-1),
            "label_kl": negative_entropy + math.log(self.num_classes),
            "classification": losses.categorical_nll(given, outputs["class_logits"]),
        }

    # --- use --------------------------------------------------------------------------------

    def labels_of(self, x):
        return self.classify(x).argmax(axis=-1)

    @batched(check_images)
    def classify(self, x):
        return ops.softmax(self._features(x)[1], axis=-1)

    @batched(check_images)
    def elbo(self, x, num_samples: int = 1):
        """Computes the bound for images without a label (`beta = 1`), nats, `(batch,)`."""
        checks.positive_int(self.owner, num_samples=num_samples)
        outputs, image = self._with_each_class(x), ops.repeat(x, self.num_classes, axis=0)
        z_mean, z_log_var = outputs["z_mean"], outputs["z_log_var"]
        nll = self._mean_nll(z_mean, z_log_var, outputs, image, num_samples)
        kl = losses.kl_standard_normal(z_mean, z_log_var)
        log_q = ops.log_softmax(outputs["class_logits"], axis=-1)
        bound = -self._per_class(nll + kl) - log_q - math.log(self.num_classes)
        return ops.sum(ops.exp(log_q) * bound, axis=-1)

    @batched(check_images)
    def log_likelihood(self, x, num_samples: int = 100):
        """Estimates `log p(x)`: the sum over classes, importance sampling of the code."""
        checks.positive_int(self.owner, num_samples=num_samples)
        outputs, image = self._with_each_class(x), ops.repeat(x, self.num_classes, axis=0)
        codes = outputs["z_mean"], outputs["z_log_var"]
        per_class = self._per_class(self._log_mean_weight(*codes, outputs, image, num_samples))
        return ops.logsumexp(per_class, axis=-1) - math.log(self.num_classes)
