"""What VAEs share whose decoder sees a class label beside the code."""

import keras
import numpy as np

from zoo import checks
from zoo.inputs import labels
from zoo.inputs.arrays import as_array
from zoo.inputs.batching import batched


def _check_codes(model, x) -> None:
    checks.keys(model.owner, x, ("code", "label"), "codes")
    checks.codes(model.owner, x["code"], (model.latent_dim,), "codes['code']")
    labels.check(model.owner, x["label"], model.num_classes, name="codes['label']")


def _one_row(example):
    """Returns an image, or a dict of one and its label, as a batch of one."""
    if isinstance(example, dict):
        return {name: as_array(part)[None] for name, part in example.items()}
    return as_array(example)[None]


class LabelledDecoder:
    """Decoding, sampling and redrawing by class; a mixin before `VAE`.

    The model gives `code_to_logits(z, x)`, which reads `x["label"]`, and `labels_of(x)`.
    """

    def labels_of(self, x):
        """Returns the label of each image of an input, `(batch,)`."""
        raise NotImplementedError

    @batched(_check_codes)
    def decode(self, codes, training: bool = False):
        """Returns the images of codes, `(batch, *image_shape)`.

        Args:
            codes: Dict of `"code"`, `(batch, latent_dim)`, and `"label"`, `(batch,)`.
        """
        return self.to_pixels(self.code_to_logits(codes["code"], codes, training))

    def sample(
        self,
        num_images: int = 25,
        *,
        label=None,
        temperature: float = 1.0,
        seed: int | None = None,
    ):
        """Draws new images of a class: the mean images of codes from `N(0, temperature^2 I)`.

        Args:
            label: One class for all images, one per image, or None for each class in turn.

        Returns:
            Array `(num_images, *image_shape)`.
        """
        codes = self._prior_codes(num_images, temperature, seed)
        if label is None:
            label = np.arange(num_images) % self.num_classes
        return self.decode({"code": codes, "label": self._labels(label, num_images)})

    def swap_label(self, x, wrong_label):
        """Redraws images as if they were of another class, with the style they have.

        The code is read with the right label and drawn with the wrong one.

        Args:
            x: Arrays as `fit` takes them, with the right labels where the model asks for them.
            wrong_label: One class for all images, or one per image.

        Returns:
            Array `(batch, *image_shape)`.
        """
        self.check_inputs(x)
        num_images = len(keras.tree.flatten(x)[0])
        wrong_label = self._labels(wrong_label, num_images, "wrong_label")
        return self.decode({"code": self.encode(x), "label": wrong_label})

    def interpolate(self, start, end, num_steps: int = 8):
        """Decodes codes on the line between two images, all with the label of the first.

        Args:
            start: One image, `image_shape`, an array or nested lists; with its label in a dict
                where the model asks for it.
            end: The same.
            num_steps: Number of images, both ends included.

        Returns:
            Array `(num_steps, *image_shape)`.
        """
        checks.positive_int(self.owner, num_steps=num_steps)
        start, end = map(_one_row, (start, end))
        first, last = self.encode(start), self.encode(end)
        steps = np.linspace(0.0, 1.0, num_steps, dtype="float32")[:, None]
        label = np.repeat(self.labels_of(start), num_steps)
        return self.decode({"code": first + steps * (last - first), "label": label})

    def _labels(self, label, num: int, name: str = "label") -> np.ndarray:
        """Returns one checked label per image."""
        label = np.asarray(label)
        label = np.full(num, label) if label.ndim == 0 else label.reshape(-1)
        if len(label) != num:
            raise ValueError(
                f"{self.owner}: {name} must be an int or one int per image. "
                f"Received: {len(label)} labels for {num} images."
            )
        labels.check(self.owner, label, self.num_classes, name=name)
        return label.astype("int32")
