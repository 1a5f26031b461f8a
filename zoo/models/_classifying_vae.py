"""What VAEs that also tell classes share: a head of class logits beside the code."""

import keras
from keras import ops

from zoo import checks, losses
from zoo.inputs import arrays, calls, labels
from zoo.inputs.batching import batched
from zoo.layers.largest import place_of_largest
from zoo.models.vae import VAE
from zoo.training.fitting import OURS_IN_FIT
from zoo.training.image_to_image import check_images


class ClassifyingVAE(VAE):
    """A VAE whose encoder has one more head; `y` holds class labels.

    Args:
        image_shape: See `Autoencoder`.
        num_classes: Int >= 2.
        classification_weight: Float >= 0, weight of the cross-entropy.
        vae_weight: Float >= 0, weight of the VAE's terms, which are nats per image. With 0 the
            encoder is a plain classifier.
        **kwargs: See `VAE`.
    """

    def __init__(
        self, image_shape, *, num_classes=10, classification_weight=1.0, vae_weight=1.0, **kwargs
    ):
        super().__init__(image_shape, **kwargs)
        checks.positive_int(self.owner, num_classes=num_classes)
        checks.number(self.owner, low=0.0, classification_weight=classification_weight)
        checks.number(self.owner, low=0.0, vae_weight=vae_weight)
        if num_classes < 2:
            raise ValueError(f"{self.owner}: num_classes must be >= 2. Received: num_classes=1.")
        self.num_classes = num_classes
        self.classification_weight = classification_weight
        self.vae_weight = vae_weight

    def build_networks(self):
        super().build_networks()
        self.accuracy_tracker = keras.metrics.Mean(name="accuracy")

    def encoder_arguments(self):
        arguments = super().encoder_arguments()
        return {**arguments, "heads": {**arguments["heads"], "class_logits": self.num_classes}}

    @property
    def term_weights(self):
        weights = {name: self.vae_weight * w for name, w in super().term_weights.items()}
        return {**weights, "classification": self.classification_weight}

    # --- data -------------------------------------------------------------------------------

    def target_of(self, x, y):
        if y is None:
            y = ops.full(ops.shape(x)[:1], labels.UNLABELLED, dtype="int32")
        return {"image": x, "label": labels.flat(y)}

    def check_targets(self, y):
        labels.check(self.owner, y, self.num_classes, unlabelled=True)

    def resampled(self, x, y, batch_size: int, seed: int):
        """Returns a source of training batches to use in place of arrays, or None."""

    def fit(self, x=None, y=None, *args, **kwargs):
        """Trains the model as `ZooModel.fit` does.

        Arrays are drawn as `resampled` says, but where `shuffle=False`, `sample_weight` or
        `class_weight` ask for the rows as they come. What is drawn is no array and does not stay
        on the device.
        """
        ours = {name: kwargs.pop(name) for name in OURS_IN_FIT if name in kwargs}
        args = (self, x, y, *args)
        given = calls.bound(self.owner, keras.Model.fit, args, kwargs, OURS_IN_FIT) | ours
        del given["self"]
        asks_for_rows = given.get("shuffle", True) is not True or any(
            given.get(name) is not None for name in ("sample_weight", "class_weight")
        )
        x, y = arrays.to_arrays(self.owner, x, "x"), arrays.to_arrays(self.owner, y, "y")
        if y is None or asks_for_rows or not arrays.is_array(x):
            return super().fit(**given)
        self._check_compiled()
        x, y = arrays.values_of(self._checked_arrays(x, y)[:2])
        if (labels.flat_array(y) == labels.UNLABELLED).all():
            raise ValueError(
                f"{self.owner}: y must hold labels for some rows. Received: -1 in all "
                f"{len(y)} rows. Without labels use 'vae'."
            )
        self._check_numbers(given)
        share = given.pop("validation_split", None)
        if share and given.get("validation_data") is None:
            (x, y, _), held_out = self._parted(x, y, None, share)
            given["validation_data"] = held_out[:2]
        seed = self.seed
        if seed is None:
            seed = int(keras.random.randint((), 0, 2**31 - 1))
        self.start_from((x, y))
        source = self.resampled(x, y, given.get("batch_size") or 32, seed)
        if source is None:
            return super().fit(**{**given, "x": x, "y": y})
        for name in ("x", "y", "batch_size"):
            given.pop(name, None)
        return super().fit(source, **given)

    # --- the model --------------------------------------------------------------------------

    def loss_terms(self, x, target, outputs):
        terms = super().loss_terms(x, target["image"], outputs)
        label = labels.one_hot(target["label"], self.num_classes)
        terms["classification"] = losses.categorical_nll(label, outputs["class_logits"])
        return terms

    def predicted_labels(self, outputs):
        """Returns the likeliest class of each row, int32 `(batch,)`."""
        return place_of_largest(outputs["class_logits"])

    def track(self, target, outputs, sample_weight):
        has_label = ops.cast(target["label"] != labels.UNLABELLED, "float32")
        is_right = ops.cast(self.predicted_labels(outputs) == target["label"], "float32")
        weight = has_label if sample_weight is None else has_label * sample_weight
        self.accuracy_tracker.update_state(is_right, sample_weight=weight)

    # --- use --------------------------------------------------------------------------------

    @batched(check_images)
    def classify(self, x):
        """Returns the probability of each class, `(batch, num_classes)`."""
        return ops.softmax(self.encoder_heads(x)["class_logits"], axis=-1)
