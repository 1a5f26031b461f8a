"""The semi-supervised VAE: a few labels and many images without."""

import numpy as np

from zoo import checks
from zoo.inputs import labels
from zoo.inputs.samplers import LabelledShare
from zoo.models._classifying_vae import ClassifyingVAE
from zoo.registry.entries import listed


@listed
class SemiSupervisedVAE(ClassifyingVAE):
    """Learns classes from few labels, images from all.

    loss = reconstruction + beta * kl_scale * kl + classification_weight * [y known] * CE(y, q(y|x))

    The encoder has a head of class logits beside the mean and the log-variance of the code. The
    VAE's terms act on all rows, the classification on the labelled ones. Choose it when labels are
    dear; `semi_supervised_m2` also lets the unlabelled rows teach the classifier itself.

    Args:
        image_shape: See `Autoencoder`.
        num_classes: Int >= 2.
        classification_weight: Float >= 0, nats of reconstruction that a nat of classification is
            worth.
        vae_weight: Float >= 0, weight of the VAE's terms. With 0 the encoder is a plain classifier
            that learns from the labelled rows alone.
        labelled_share: Float between 0 and 1. When labelled rows are rarer in the arrays given to
            `fit`, each batch is drawn with this share of them. `None` takes rows as they come, as
            do `shuffle=False`, `sample_weight` and data that are not arrays.
        **kwargs: See `VAE`.

    Call arguments:
        x: Float tensor `(batch, *image_shape)` in `[0, 1]`. `fit(x, y)`: `y` holds integers
            `(batch,)` in `[0, num_classes)`, and -1 for rows without a label.

    Returns:
        The mean image of the mean code, `(batch, *image_shape)`. `classify(x)` gives the
        probabilities of the classes.

    Loss terms:
        `reconstruction`, `kl`: nats per image, all rows. `classification`: nats per image, 0 for
        rows without a label; `(batch,)` each. `accuracy` is logged over labelled rows.

    Raises:
        ValueError: if an argument is out of range, or labels are not in `[-1, num_classes)`.

    Differs from the paper: one network with one more head, where M1 trains a classifier on the
    codes of a finished VAE.

    When not to use it: before a comparison with `vae_weight=0`, the same network on the labels
    alone: where classes are no clusters, images without labels add little.

    Example:
        >>> model = zoo.create("semi_supervised_vae", image_shape=(28, 28, 1), preset="tiny")
        >>> list(model.term_weights)
        ['reconstruction', 'kl', 'classification']

    Reference: Kingma et al., 2014, section 2.1 (M1). https://arxiv.org/abs/1406.5298
    """

    required_target = "fit(images, labels), with -1 for the rows without a label"

    def __init__(
        self,
        image_shape,
        *,
        num_classes=10,
        classification_weight=50.0,
        vae_weight=1.0,
        labelled_share=0.5,
        **kwargs,
    ):
        super().__init__(
            image_shape,
            num_classes=num_classes,
            classification_weight=classification_weight,
            vae_weight=vae_weight,
            **kwargs,
        )
        if labelled_share is not None:
            checks.number(self.owner, low=0.0, high=1.0, labelled_share=labelled_share)
        self.labelled_share = labelled_share

    def resampled(self, x, y, batch_size, seed):
        share = self.labelled_share
        known = np.mean(labels.flat_array(y) != labels.UNLABELLED)
        if share is None or not 0 < known < share or not 0 < round(batch_size * share) < batch_size:
            return None
        return LabelledShare(x, y, batch_size=batch_size, labelled_share=share, seed=seed)
