"""The label swap: does a conditional model draw the class that it is told?

Test images are redrawn with a wrong label. An independent classifier reads the results
(`bench.metrics.feature_classifier`), and the reconstruction error tells how much of the class the
code itself holds.
"""

from typing import Any

import numpy as np

from bench.data.dataset import Dataset
from bench.metrics import reconstruction
from bench.metrics.feature_classifier import Classifier

NUM_SHOWN = 25
MAX_IMAGES = 2_000


def other_labels(labels: np.ndarray, num_classes: int, seed: int = 0) -> np.ndarray:
    """Returns for each label another one, all others being equally likely."""
    shift = np.random.default_rng([seed, 5]).integers(1, num_classes, len(labels))
    return (labels + shift) % num_classes


def measure(model, dataset: Dataset, classifier: Classifier) -> dict[str, Any]:
    """Redraws images with right and wrong labels.

    Args:
        model: A `conditional_vae`.
        dataset: Labelled; the first 2,000 test images are used.

    Returns:
        `test_label_consistency`: share of reconstructions with the right label that are read as
        it. `test_flip_rate`: share of images drawn with a wrong label that are read as the wrong
        label. `test_flip_rate_both`: the same where the encoder saw the wrong label too.
        `test_sample_consistency`: share of new samples that are read as their label.
        `test_mse_wrong_label`: squared error of the redrawn images, beside `test_mse`.
        `classifier_accuracy` on the real images, and `classifier_checksum`.
    """
    num_classes, test = dataset.num_classes, dataset.test
    images, right = test.images[:MAX_IMAGES], test.labels[:MAX_IMAGES]
    given = other_labels(right, num_classes)
    x = {"image": images, "label": right}
    swapped = model.swap_label(x, given)
    both = model.swap_label(x, given, encode_with="wrong")
    new_labels = np.arange(1_000) % num_classes
    samples = model.sample(len(new_labels), label=new_labels, seed=0)

    def share(generated, labels) -> float:
        return float((classifier.read(np.clip(generated, 0, 1)) == labels).mean())

    return {
        "test_label_consistency": share(model.reconstruct(x), right),
        "test_flip_rate": share(swapped, given),
        "test_flip_rate_both": share(both, given),
        "test_sample_consistency": share(samples, new_labels),
        "test_mse_wrong_label": float(reconstruction.mse(images, swapped).mean()),
        "classifier_accuracy": classifier.accuracy,
        "classifier_checksum": classifier.checksum,
    }


def shown(model, dataset: Dataset, classifier: Classifier) -> dict[str, np.ndarray]:
    """Returns the arrays of the picture: 25 images, their labels, and what became of them."""
    images, right = dataset.test.images[:NUM_SHOWN], dataset.test.labels[:NUM_SHOWN]
    given = other_labels(dataset.test.labels[:MAX_IMAGES], dataset.num_classes)[:NUM_SHOWN]
    names = dataset.class_names or tuple(map(str, range(dataset.num_classes)))
    redrawn = np.clip(model.swap_label({"image": images, "label": right}, given), 0, 1)
    return {
        "inputs": images,
        "right": right,
        "given": given,
        "redrawn": redrawn,
        "read": classifier.read(redrawn),
        "class_names": np.array(names),
    }
