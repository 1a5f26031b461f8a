"""The conditional VAE: draws images of a class that is asked for."""

import keras
import numpy as np
from keras import layers, ops

from zoo import checks
from zoo.inputs import labels
from zoo.models.vae import VAE
from zoo.registry.entries import listed
from zoo.training.labelled_decoder import LabelledDecoder

INPUT_KEYS = ("image", "label")


@listed
class ConditionalVAE(LabelledDecoder, VAE):
    """Learns the images of each class, to draw them.

    loss = -E_q[log p(x | z, y)] + beta * kl_scale * KL(q(z | x, y) || N(0, I)),  nats per image

    The one-hot label goes through a linear embedding. The encoder sees it as one more channel, the
    decoder beside the code. As the label tells the class, the code is free to hold the style:
    choose this model to sample a class, or to redraw an image as another class (`swap_label`).

    Args:
        image_shape: See `Autoencoder`.
        num_classes: Int >= 2, number of classes.
        embedding_dim: Positive int, size of the label's embedding.
        **kwargs: See `VAE`.

    Call arguments:
        x: Dict. `"image"`: float tensor `(batch, *image_shape)` in `[0, 1]`; `"label"`: integers
            `(batch,)` in `[0, num_classes)`.

    Returns:
        The mean image of the mean code, with the given label, `(batch, *image_shape)`.

    Loss terms:
        `reconstruction`, `kl`: nats per image, `(batch,)`.

    Raises:
        ValueError: if an argument is out of range, or labels are not in `[0, num_classes)`.

    Differs from the paper: the prior of the code does not depend on the label, and the label is a
    class where the paper conditions on an image.

    When not to use it: where a part of the labels is missing (`semi_supervised_m2`), or where the
    images have no classes (`vae`).

    Example:
        >>> model = zoo.create("conditional_vae", image_shape=(28, 28, 1), preset="tiny")
        >>> model.sample(4, label=7).shape
        (4, 28, 28, 1)

    Reference: Sohn et al., 2015, Eq. 4. https://papers.nips.cc/paper/5775
    """

    def __init__(self, image_shape, *, num_classes=10, embedding_dim=16, **kwargs):
        super().__init__(image_shape, **kwargs)
        checks.positive_int(self.owner, num_classes=num_classes, embedding_dim=embedding_dim)
        if num_classes < 2:
            raise ValueError(
                f"{self.owner}: num_classes must be an int >= 2. Received: num_classes=1. "
                "For images without classes use 'vae'."
            )
        self.num_classes = num_classes
        self.embedding_dim = embedding_dim

    # --- networks ---------------------------------------------------------------------------

    def build_networks(self):
        super().build_networks()
        common = {"use_bias": False, "dtype": self.dtype_policy}
        self.label_embedding = layers.Dense(self.embedding_dim, **common, name="label_embedding")
        self.label_channel = layers.Dense(
            int(np.prod(self._channel_shape)), **common, name="label_channel"
        )
        with keras.name_scope(self.name):
            self.label_embedding.build((None, self.num_classes))
            self.label_channel.build((None, self.embedding_dim))

    @property
    def _channel_shape(self) -> tuple[int, ...]:
        """Shape of the label as the encoder sees it: a channel, or more features of a vector."""
        if len(self.image_shape) == 1:
            return (self.embedding_dim,)
        return (*self.image_shape[:-1], 1)

    @property
    def encoder_shape(self):
        extra = self._channel_shape[-1]
        return (*self.image_shape[:-1], self.image_shape[-1] + extra)

    def decoder_arguments(self):
        code_shape = (self.latent_dim + self.embedding_dim,)
        return {**super().decoder_arguments(), "code_shape": code_shape}

    def example_inputs(self):
        image = super().example_inputs()
        return {"image": image, "label": keras.KerasTensor((None,), dtype="int32")}

    # --- data -------------------------------------------------------------------------------

    def check_inputs(self, x, name="x"):
        checks.keys(self.owner, x, INPUT_KEYS, name)
        checks.images(self.owner, x["image"], self.image_shape, f"{name}['image']")
        labels.check(self.owner, x["label"], self.num_classes, name=f"{name}['label']")
        num_images, num_labels = len(x["image"]), len(x["label"])
        if num_images != num_labels:
            raise ValueError(
                f"{self.owner}: {name} must hold one label per image. "
                f"Received: {num_images} images and {num_labels} labels."
            )

    # --- the model --------------------------------------------------------------------------

    def _embed(self, label):
        return self.label_embedding(labels.one_hot(label, self.num_classes))

    def encoder_heads(self, x, training=False):
        checks.keys(self.owner, x, INPUT_KEYS)
        channel = ops.reshape(
            self.label_channel(self._embed(x["label"])), (-1, *self._channel_shape)
        )
        image = ops.cast(x["image"], channel.dtype)
        return self.encoder(ops.concatenate([image, channel], axis=-1), training=training)

    def code_to_logits(self, z, x, training=False):
        embedding = ops.cast(self._embed(x["label"]), z.dtype)
        return self.decoder(ops.concatenate([z, embedding], axis=-1), training=training)

    # --- use --------------------------------------------------------------------------------

    def labels_of(self, x):
        return labels.flat_array(x["label"])

    def swap_label(self, x, wrong_label, *, encode_with: str = "right"):
        """Redraws images as if they were of another class.

        Args:
            x: Dict of images and their right labels, arrays.
            wrong_label: One class for all images, or one per image.
            encode_with: `"right"`: the code is read with the right label and drawn with the wrong
                one, so that it carries the style over. `"wrong"`: both see the wrong label.

        Returns:
            Array `(batch, *image_shape)`.
        """
        checks.one_of(self.owner, encode_with=(encode_with, ("right", "wrong")))
        if encode_with == "right":
            return super().swap_label(x, wrong_label)
        self.check_inputs(x)
        label = self._labels(wrong_label, len(x["image"]), "wrong_label")
        return self.reconstruct({**x, "label": label})
