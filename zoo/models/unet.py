"""The U-Net."""

import keras
import numpy as np
from keras import ops

from zoo import checks, losses
from zoo.inputs import calls, masks, sources
from zoo.inputs.batching import BATCH_SIZE, batched
from zoo.layers.largest import place_of_largest
from zoo.losses import mask_weights
from zoo.models._unet_family import UNetFamily
from zoo.networks import encoders
from zoo.registry.entries import listed
from zoo.training import mask_metrics
from zoo.training.image_to_image import check_images
from zoo.training.pixel_weights import PixelWeights

MAX_CLASSES = 256  # segment() gives uint8


@listed
class UNet(PixelWeights, UNetFamily):
    """Learns which pixels belong to the object.

    loss = mean over the batch of mask_loss(mask, network(x))

    The first model to try for masks, and the yardstick for the others: it needs few images, and
    its skips keep edges sharp. Compare each score with that of the trivial masks, all foreground
    and all background.

    Args:
        image_shape: `(height, width, channels)` or `(length, channels)`. Height, width and length
            must be divisible by `2 ** (len(widths) - 1)`.
        num_classes: `1` for one mask of 0 and 1 (sigmoid); `K` in 2 to 256 for labels
            `0 .. K - 1` that exclude each other (softmax).
        mask_loss: Spec of `zoo.losses.mask_loss`, such as `"dice"` or
            `"0.5 * binary_crossentropy + 0.5 * dice"`. `None` means `"binary_crossentropy"` for
            one class, `"categorical_crossentropy"` for more.
        class_weights: How much each class counts in the loss: a number >= 0 per class, two for
            `num_classes=1` (background, foreground); `"balanced"`: each class the same, by the
            pixels of the masks that `fit` is given. None: each pixel the same. See
            `zoo.losses.masks`.
        ignore_label: Number in the masks that is no class (void), such as 255: such pixels have no
            gradient, and no loss and no metric counts them. One-hot masks may then have places
            without a 1.
        encoder: A classifier of `keras.applications` as the way down: `"mobilenet_v2"`,
            `"efficientnet_v2_b0"`, `"resnet50"` or `"densenet121"`. Images stay in `[0, 1]`, grey
            or RGB; what the classifier wants of them is done in the graph. `widths` are then the
            five of the decoder, from the image's size to a 16th of it, `(16, 32, 64, 128, 256)`
            by default. None: the U-Net's own.
        encoder_weights: `"imagenet"`, the file of such weights, or None: random ones. A saved model
            has its own, and needs neither file nor network.
        freeze: Whether the encoder stays as it is. `model.freeze = False`, and `compile` again,
            releases it for a second stage of training.
        **kwargs: `widths`, `convs_per_stage`, `kernel_size`, `activation`, `normalization`,
            `dropout`, `down`, `up`, `interpolation`: see `UNetFamily`. Others: see `ZooModel`.

    Call arguments:
        x: Float tensor `(batch, *image_shape)` in `[0, 1]`.

    Returns:
        Probabilities, `(batch, height, width, num_classes)` or `(batch, length, num_classes)`.

    Loss terms:
        `mask`: the loss that `mask_loss` names, `(batch,)`. `sample_weight` may hold a weight for
        each image, or one for each pixel: `(batch, height, width)`.

    Raises:
        ValueError: if `image_shape` does not fit `widths`, an argument is out of range, or `fit`
            gets no masks, or masks that are not 0 and 1 or labels.

    Differs from the paper: convolutions keep the image's size ("same" padding), so that the mask
    is as large as the image; no weight map at the borders between cells; Adam in the examples.

    When not to use it: where objects cover each other, where a box or a count is enough, or where
    a threshold on brightness finds the object: measure that first. It has no code.

    Example:
        >>> model = zoo.create("unet", image_shape=(32, 32, 3), preset="tiny", num_classes=3)
        >>> model.network.output["logits"].shape
        (None, 32, 32, 3)

    Reference: Ronneberger et al., 2015. https://arxiv.org/abs/1505.04597
    """

    required_target = "images and their masks, fit(images, masks)"

    def __init__(
        self,
        image_shape,
        *,
        num_classes=1,
        mask_loss=None,
        class_weights=None,
        ignore_label=None,
        encoder=None,
        encoder_weights=None,
        freeze=False,
        **kwargs,
    ):
        if encoder is not None:
            kwargs = {**kwargs, "widths": kwargs.get("widths") or encoders.WIDTHS}
        super().__init__(image_shape, **kwargs)
        encoders.check(self.owner, encoder, encoder_weights, freeze, self.image_shape, self.widths)
        self.encoder = encoder
        self.encoder_weights = None if encoder_weights is None else str(encoder_weights)
        self._is_frozen = bool(freeze)
        checks.positive_int(self.owner, num_classes=num_classes)
        if num_classes > MAX_CLASSES:
            raise ValueError(
                f"{self.owner}: num_classes must be at most {MAX_CLASSES}. "
                f"Received: num_classes={num_classes}. Merge classes."
            )
        if mask_loss is None:
            kind = "binary" if num_classes == 1 else "categorical"
            mask_loss = f"{kind}_crossentropy"
        self.num_classes = num_classes
        self.mask_loss = mask_loss
        self._loss_of_logits = losses.mask_loss(mask_loss)
        self._check_loss_fits_classes()
        self.class_weights = mask_weights.checked(self.owner, class_weights, max(2, num_classes))
        if class_weights == mask_weights.BALANCED:
            self.class_balance = self.add_weight(
                name="class_balance",
                shape=(max(2, num_classes),),
                initializer="ones",
                trainable=False,
                dtype="float32",
            )
        if ignore_label is not None and not (
            isinstance(ignore_label, int) and not 0 <= ignore_label < max(2, num_classes)
        ):
            raise ValueError(
                f"{self.owner}: ignore_label must be a whole number that is no class, or None. "
                f"Received: ignore_label={ignore_label!r} with the classes 0 to "
                f"{max(2, num_classes) - 1}. For example 255."
            )
        self.ignore_label = ignore_label

    def _check_loss_fits_classes(self):
        one_place = ops.zeros((1,) * len(self.image_shape) + (self.num_classes,))
        try:
            self._loss_of_logits(one_place, one_place)
        except ValueError as error:
            raise ValueError(
                f"{self.owner}: mask_loss must fit num_classes={self.num_classes}. "
                f"Received: mask_loss={self.mask_loss!r}. {error}"
            ) from error

    @property
    def num_outputs(self):
        return self.num_classes

    @property
    def freeze(self) -> bool:
        """Whether the encoder stays as it is in training. After a change, `compile` again."""
        return self._is_frozen

    @freeze.setter
    def freeze(self, value: bool) -> None:
        if self.encoder is None:
            encoders.check(self.owner, None, None, value, self.image_shape, self.widths)
            return
        self._is_frozen = bool(value)
        self.network.get_layer(encoders.LAYER).trainable = not value

    def build_networks(self):
        if self.encoder is None:
            super().build_networks()
            return
        self.network = encoders.pretrained_unet(
            self.image_shape,
            owner=self.owner,
            encoder=self.encoder,
            weights=self.encoder_weights,
            **self.network_arguments(),
        )
        self.network.get_layer(encoders.LAYER).trainable = not self._is_frozen

    @classmethod
    def from_config(cls, config, custom_objects=None):
        # The weights of the file, or of the model that is copied, come after this.
        return super().from_config({**config, **dict.fromkeys({"encoder_weights"} & {*config})})

    @property
    def term_weights(self):
        return {"mask": 1.0}

    def target_of(self, x, y):
        spatial = self.image_shape[:-1]
        if y is None:
            raise ValueError(
                f"{self.owner}: y must be given. Received: y=None. Call it with "
                f"{self.required_target}."
            )
        if masks.has_known_rank(y):
            masks.check_shape(self.owner, y.shape, spatial, self.num_classes)
        target = masks.one_hot(y, ops.shape(x)[0], spatial, self.num_classes, self.ignore_label)
        if self.ignore_label is None:
            return target
        return {"image": target, "weight": masks.counted(target)}

    def check_targets(self, y):
        masks.check(self.owner, y, self.image_shape[:-1], self.num_classes, self.ignore_label)

    def fit(self, x=None, y=None, *args, **kwargs):
        """Trains as `ZooModel.fit` does; first, `"balanced"` weights are taken from the masks."""
        if self.class_weights == mask_weights.BALANCED:
            self._balance(x, y)
        return super().fit(x, y, *args, **kwargs)

    def _balance(self, x, y) -> None:
        counts = np.zeros(self.class_balance.shape, "int64")
        for each in sources.targets_of(self.owner, x, y, self.required_target):
            self.check_targets(each)
            counts += masks.class_counts(
                each, self.image_shape[:-1], self.num_classes, self.ignore_label
            )
        self.class_balance.assign(mask_weights.balanced_weights(counts))

    def compile(self, *args, **kwargs):
        """Compiles as `ZooModel.compile` does; a metric may read masks one-hot or as numbers."""
        given = calls.bound(self.owner, keras.Model.compile, (self, *args), kwargs)
        del given["self"]
        for name in ("metrics", "weighted_metrics"):
            if name in given:
                given[name] = mask_metrics.fitted(
                    self.owner, given[name], self.num_classes, self.ignore_label is not None
                )
        super().compile(**given)

    def to_probabilities(self, logits):
        """Applies a sigmoid for one class, a softmax for more, in float32."""
        logits = ops.cast(logits, "float32")
        return ops.sigmoid(logits) if self.num_classes == 1 else ops.softmax(logits, axis=-1)

    def forward(self, x, training=False):
        outputs = self.network(x, training=training)  # logits: (batch, ..., num_classes)
        return {"prediction": self.to_probabilities(outputs["logits"]), **outputs}

    def loss_terms(self, x, target, outputs):
        return {"mask": self.loss_of_logits(target, outputs["logits"])}

    def loss_of_logits(self, target, logits):
        """Computes the mask loss, `(batch,)`; a dict brings the weights of its pixels along."""
        weights = None
        if isinstance(target, dict):
            target, weights = masks.without_void(target["image"]), target["weight"]
        balance = (
            self.class_balance
            if self.class_weights == mask_weights.BALANCED
            else self.class_weights
        )
        return self._loss_of_logits(target, logits, weights, balance)

    def segment(self, x, threshold: float = 0.5, *, batch_size: int = BATCH_SIZE):
        """Returns the masks, uint8, `(batch, height, width)` or `(batch, length)`.

        Args:
            x: Images, tensor or array.
            threshold: Probability in `[0, 1]` above which a place is 1. Several classes need
                none: the most probable one wins.
            batch_size: Images at a time.
        """
        checks.number(self.owner, low=0.0, high=1.0, threshold=threshold)
        # A tensor: of another number a graph would be traced anew.
        return self._masks(x, ops.cast(threshold, "float32"), batch_size=batch_size)

    @batched(check_images)
    def _masks(self, x, threshold):
        return self.to_masks(self.call(x, training=False), threshold)

    @batched(check_images)
    def probabilities(self, x):
        """Returns the probability of each class, float32 `(batch, ..., num_classes)`."""
        return self.call(x, training=False)

    def to_masks(self, probabilities, threshold: float = 0.5):
        """Returns the masks, uint8, that `segment` makes of probabilities `(..., num_classes)`."""
        if self.num_classes == 1:
            return ops.cast(probabilities[..., 0] > threshold, "uint8")
        return ops.cast(place_of_largest(probabilities), "uint8")
