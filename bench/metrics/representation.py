"""Quality of codes: how easily the class of an image is read from them, and how they look.

All numbers need labels. Only the probes that read the codes are shown these labels; the labels that
the model itself was trained with are told by the record's `task` and `num_labels`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.data import tasks
from bench.data.dataset import Dataset, Split, class_balanced_order

NUM_TRAIN_IMAGES = 4_000
NUM_TEST_IMAGES = 2_000
NUM_SHOWN = 1_000
NEAREST = 5
# A picture needs no more: t-SNE is commonly given 50 principal components.
NUM_KEPT_COMPONENTS = 50
_CLUSTER_STARTS = 5
_PROBE_ITERATIONS = 200


def summary(model, dataset: Dataset, seed: int = 0) -> dict[str, Any]:
    """Measures the codes of a trained model.

    Args:
        model: Trained. The codes are those of `encode`, flattened.
        seed: Of the clustering.

    Returns:
        The fields of `from_codes`; `{}` for a model without `encode` or data without labels. A
        model that is given the label (`conditional`) has `representation_reason` in their place.
    """
    if not hasattr(model, "encode") or not _has_labels(dataset):
        return {}
    if model.task == "conditional":
        why = "codes were not judged: the encoder is given the label"
        return {"representation_reason": why}
    return from_codes(dataset, lambda split: codes(model, split), seed)


def codes(model, split: Split) -> np.ndarray:
    """Returns the codes of a split, float32 `(images, size of the code)`."""
    latents = np.asarray(model.encode(tasks.inputs(model.task, split)), dtype="float32")
    if not np.isfinite(latents).all():
        raise FloatingPointError("the codes hold NaN or infinity; the training diverged")
    return latents.reshape(len(latents), -1)


def from_codes(
    dataset: Dataset, encode: Callable[[Split], np.ndarray], seed: int = 0
) -> dict[str, Any]:
    """Measures codes by classifiers and clusters that are fitted to those of training images.

    At most 4,000 training and 2,000 test images, the classes in their shares and the same for each
    model and seed.

    Args:
        encode: Function from a split to its codes, `(images, size)`: a model's, or a baseline's
            such as PCA or the pixels themselves.
        seed: Of the clustering.

    Returns:
        `test_linear_probe_accuracy`: of logistic regression (L2, C = 1) on codes standardised
        by the training images. `test_knn_accuracy`: of the 5 nearest training codes by Euclidean
        distance. `test_cluster_nmi`, `test_cluster_ari`: how well k-means with one cluster per
        class, fitted without labels to the training codes, agrees with the classes (normalised
        mutual information, arithmetic mean; adjusted Rand index, 0 for chance).
        `test_majority_accuracy`: of always answering the commonest class, the trivial baseline of
        both accuracies. `test_representation_intervals`: `[low, high]` of the accuracies over test
        images, Wilson 95 %. `num_probe_train_images`, `num_probe_test_images`. `{}` without
        labels.
    """
    if not _has_labels(dataset):
        return {}
    train = _chosen(dataset.train, NUM_TRAIN_IMAGES)
    test = _chosen(dataset.test, NUM_TEST_IMAGES)
    return _probe(encode(train), train.labels, encode(test), test.labels, seed) | {
        "num_probe_train_images": len(train),
        "num_probe_test_images": len(test),
    }


def _probe(
    train_codes: np.ndarray,
    train_labels: np.ndarray,
    test_codes: np.ndarray,
    test_labels: np.ndarray,
    seed: int,
) -> dict[str, Any]:
    from scipy.stats import binomtest
    from sklearn import cluster, linear_model, metrics, neighbors, pipeline, preprocessing
    from threadpoolctl import threadpool_limits

    probes = {
        "linear_probe_accuracy": pipeline.make_pipeline(
            preprocessing.StandardScaler(),
            linear_model.LogisticRegression(max_iter=_PROBE_ITERATIONS),
        ),
        "knn_accuracy": neighbors.KNeighborsClassifier(min(NEAREST, len(train_labels))),
    }
    clusters = cluster.KMeans(
        len(np.unique(train_labels)), n_init=_CLUSTER_STARTS, random_state=seed
    )
    accuracies, intervals = {}, {}
    with threadpool_limits(1):  # threads that wait for busy cores cost far more than they gain
        for name, probe in probes.items():
            _fit(probe, train_codes, train_labels)
            num_right = int((probe.predict(test_codes) == test_labels).sum())
            bounds = binomtest(num_right, len(test_labels)).proportion_ci(method="wilson")
            accuracies[f"test_{name}"] = num_right / len(test_labels)
            intervals[name] = [float(bounds.low), float(bounds.high)]
        _fit(clusters, train_codes)
        assigned = clusters.predict(test_codes)
    commonest = np.bincount(train_labels).argmax()
    return {
        **accuracies,
        "test_majority_accuracy": float((test_labels == commonest).mean()),
        "test_cluster_nmi": float(metrics.normalized_mutual_info_score(test_labels, assigned)),
        "test_cluster_ari": float(metrics.adjusted_rand_score(test_labels, assigned)),
        "test_representation_intervals": intervals,
    }


def shown(model, dataset: Dataset) -> dict[str, np.ndarray] | None:
    """Returns the arrays of the picture of the codes (`bench.report.plots.latents`), for an `.npz`.

    Returns:
        None for a model without `encode`. `codes`: of at most 1,000 test images, float32
        `(images, size)`; codes of more than 50 numbers are projected on their first 50 principal
        components. `labels`: int64 `(images,)`, of no entries without labels; `class_names`.
    """
    if not hasattr(model, "encode") or model.task == "segmentation":
        return None
    test = _chosen(dataset.test, NUM_SHOWN)
    points = codes(model, test)
    if points.shape[1] > NUM_KEPT_COMPONENTS:
        from sklearn.decomposition import PCA

        size = min(NUM_KEPT_COMPONENTS, len(points))
        points = PCA(size, svd_solver="full").fit_transform(points).astype("float32")
    names = dataset.class_names or tuple(map(str, range(dataset.num_classes)))
    labels = np.zeros(0, "int64") if test.labels is None else test.labels
    return {"codes": points, "labels": labels, "class_names": np.array(names, dtype=str)}


def _fit(estimator, *arrays: np.ndarray) -> None:
    """Fits without the warnings that a record cannot show: a probe that stopped at its limit."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator.fit(*arrays)


def _has_labels(dataset: Dataset) -> bool:
    splits = dataset.train, dataset.test
    if any(split.labels is None for split in splits) or dataset.task == "segmentation":
        return False
    return len(np.unique(dataset.train.labels)) >= 2


def _chosen(split: Split, limit: int) -> Split:
    return split.take(np.sort(class_balanced_order(split.labels, len(split), 0)[:limit]))
