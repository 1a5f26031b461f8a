"""What each kind of model takes as input and target, and how it is measured.

A model's `task` says what its `fit` needs (`zoo.training.model.TASKS`); a data set's `task` says
what the data set offers.
"""

from typing import Any

import numpy as np

from bench.data.dataset import Dataset, Split
from bench.errors import BenchError
from zoo.data.images import tinted

_TINT, _STRENGTH = (1.0, 0.45, 0.0), 0.55  # of the foreground in pictures
# Suite that is run without --models, by the task of the data set.
SUITE_OF = {"segmentation": "segmentation", "anomaly": "anomaly"}
_FIT = {
    "conditional": "class labels",
    "semi_supervised": "class labels",
    "debiasing": "two classes",
    "segmentation": "masks",
}
_OF_IMAGES_ALONE = ("reconstruction", "features")


def incompatibility(
    task: str, dataset: Dataset, is_augmented: bool = False, is_one_class: bool = False
) -> str | None:
    """Returns what a model of this task lacks in a data set, or None where it fits.

    Args:
        is_one_class: Whether one class of the data is normal, so that the rest is not trained on.
    """
    if is_one_class or dataset.task == "anomaly":
        if task == "features" and len(dataset.image_shape) != 3:
            return "reads features of images, and these are none"
        if task in _OF_IMAGES_ALONE:
            return None
        return f"needs {_FIT[task]}, and anomalies are found here without"
    if task == "features":
        return "rebuilds features, not images: it is for anomalies (--normal-classes, defects_*)"
    if is_augmented and task not in ("reconstruction", "segmentation"):
        return "takes labels, which --augment does not change along"
    if dataset.task == "segmentation":
        return None if task == "segmentation" else "reconstructs, and the targets here are masks"
    has = {
        "reconstruction": True,
        "conditional": dataset.num_classes >= 2,
        "semi_supervised": dataset.num_classes >= 2,
        "debiasing": dataset.num_classes == 2,
        "segmentation": False,
    }[task]
    return None if has else f"needs {_FIT[task]}"


def own_task(dataset: Dataset) -> str:
    """Returns what a model from outside of the zoo is for on these data, in the zoo's words."""
    return "segmentation" if dataset.task == "segmentation" else "reconstruction"


def arguments(task: str, dataset: Dataset) -> dict[str, Any]:
    """Returns the constructor arguments that follow from the data."""
    if task in ("conditional", "semi_supervised"):
        return {"num_classes": dataset.num_classes}
    if task == "segmentation":
        num_classes = 1 if dataset.num_mask_classes <= 2 else dataset.num_mask_classes
        given = {"num_classes": num_classes}
        if dataset.ignore_label is not None:
            given["ignore_label"] = dataset.ignore_label
        return given
    return {}


def normal_classes(dataset: Dataset, wanted: tuple[str, ...] | None) -> list[int | None]:
    """Returns the labels that are normal in turn; `[None]` where the task is the data set's own.

    Args:
        wanted: Labels or names of classes, or `("all",)`.
    """
    if wanted is None:
        return [None]
    if dataset.task != "reconstruction":
        raise BenchError(
            "--normal-classes needs images as they are, without noise or masks. Received: "
            f"{dataset.name}, whose task is {dataset.task}. Leave it out, or leave out --noise."
        )
    if dataset.num_classes < 2:
        raise BenchError(
            f"--normal-classes needs data of at least two classes. Received: {dataset.name}, "
            f"which has {dataset.num_classes}."
        )
    if tuple(wanted) == ("all",):
        return list(range(dataset.num_classes))
    names = [str(label) for label in range(dataset.num_classes)]
    classes: dict[int, None] = {}
    for given in wanted:
        if given in dataset.class_names:
            classes[dataset.class_names.index(given)] = None
        elif given in names:
            classes[int(given)] = None
        else:
            known = dataset.class_names or names
            raise BenchError(
                f"--normal-classes: {dataset.name} has no class {given!r}. "
                f"Its classes: {', '.join(known)}; all of them: all."
            )
    return list(classes)


def inputs(task: str, split: Split) -> Any:
    """Returns what a model takes: images, or images and labels."""
    return {"image": split.images, "label": split.labels} if task == "conditional" else split.images


def pairs(task: str, split: Split, num_labels: int | None = None, seed: int = 0) -> tuple:
    """Returns `(x,)` or `(x, y)` for `fit`.

    Args:
        num_labels: Rows that keep their label in a semi-supervised task; None: all.
        seed: Chooses those rows.
    """
    x = inputs(task, split)
    if task == "semi_supervised":
        return x, keep_labels(split.labels, num_labels, seed)
    if task == "debiasing":
        return x, split.labels
    return (x,) if split.targets is None else (x, split.targets)


def check_num_labels(num_labels: int | None, num_train: int) -> None:
    """Refuses more labels than there are training images.

    Raises:
        BenchError: with both numbers.
    """
    if num_labels is not None and num_labels > num_train:
        raise BenchError(
            f"--num-labels must be at most the number of training images, {num_train:,}. "
            f"Received: {num_labels:,}. Without it all keep their label."
        )


def keep_labels(labels: np.ndarray, num_labels: int | None, seed: int = 0) -> np.ndarray:
    """Returns labels of which all but `num_labels` are -1; each class keeps the same number.

    Where the number is no multiple of the classes, some classes keep one more.
    """
    if num_labels is None or num_labels >= len(labels):
        return labels
    generator = np.random.default_rng([seed, 3])
    order = generator.permutation(len(labels))
    turn = np.empty(len(labels))  # the k-th row of each class has turn k
    for label in np.unique(labels):
        rows = order[labels[order] == label]
        turn[rows] = np.arange(len(rows)) + generator.random()
    kept = np.argsort(turn, kind="stable")[:num_labels]
    kept_labels = np.full_like(labels, -1)
    kept_labels[kept] = labels[kept]
    return kept_labels


def classification(model, split: Split) -> dict[str, Any]:
    """Measures a model that tells classes: accuracy, and recall of each hidden group if any."""
    probabilities = np.asarray(model.classify(split.images))
    if probabilities.ndim == 1:
        predicted = (probabilities > 0.5).astype("int64")
    else:
        predicted = probabilities.argmax(axis=-1)
    is_right = predicted == split.labels
    metrics: dict[str, Any] = {"test_accuracy": float(is_right.mean())}
    if split.groups is not None:
        recalls = [float(is_right[split.groups == g].mean()) for g in np.unique(split.groups)]
        metrics["test_recall_per_group"] = recalls
        metrics["test_recall_lowest"] = min(recalls)
        metrics["test_recall_spread"] = float(np.std(recalls))
    return metrics


def overlay(images: np.ndarray, foreground: np.ndarray) -> np.ndarray:
    """Returns images in colour with the foreground tinted, `(n, height, width, 3)` in `[0, 1]`.

    Args:
        foreground: `(n, height, width)` in `[0, 1]`, how strongly a pixel is tinted.
    """
    if images.shape[-1] != 3:
        images = images.mean(axis=-1, keepdims=True)
    return tinted(images, _TINT, _STRENGTH * foreground)


def foreground(masks: np.ndarray) -> np.ndarray:
    """Returns `(n, height, width)` in `[0, 1]` of class masks or of probabilities by class."""
    if masks.shape[-1] == 1:
        masks = masks[..., 0].astype("float32")
        return masks / max(1.0, float(masks.max()))
    return 1 - masks[..., 0]
