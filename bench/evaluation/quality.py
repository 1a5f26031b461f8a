"""Measures on the test split what a model is for, and keeps the first images for pictures."""

from pathlib import Path
from typing import Any

import numpy as np

from bench.data import tasks
from bench.evaluation import (
    anomaly_scores,
    closed_forms,
    label_swap,
    shown_masks,
    whole_images,
)
from bench.metrics import anomaly, calibration, feature_classifier, reconstruction, segmentation
from bench.runs.job import Job
from zoo.files import new_file
from zoo.registry.model_card import anomaly_threshold

NUM_SAMPLES = 8
NUM_SHOWN = 6  # normals, and as many anomalies, in the pictures of anomalies
TEST_BATCH_SIZE = 256
# Rules for a threshold, from the scores of held-out normals alone; the first is the record's.
THRESHOLDS: dict[str, dict[str, float]] = {
    "0.95 quantile": {"quantile": 0.95},
    "mean + 1 sigma": {"num_sigmas": 1.0},
    "mean + 2 sigma": {"num_sigmas": 2.0},
}
PIXEL_QUANTILE = 0.99  # of the pixels of held-out normals: 1 on the pictures' common scale


def compute(job: Job, model, dataset, output: Path) -> dict[str, Any]:
    """Measures what the model is for, on the test split."""
    task = model.task
    if dataset.task == "anomaly":
        if hasattr(model, "cap_uncertainty"):
            model.cap_uncertainty(dataset.validation.images)
        scorer = anomaly_scores.ModelScorer(model, dataset.train.images)
        held_out = scorer.own(dataset.validation.images)
        fields = compute_anomaly(job, dataset, scorer, output, held_out)
        model.set_threshold(held_out, **next(iter(THRESHOLDS.values())))
        return fields

    def predict(split):
        return model.predict(tasks.inputs(task, split), batch_size=TEST_BATCH_SIZE, verbose=0)

    if task == "segmentation":
        if dataset.crop is not None:
            return compute_segmentation(
                job, dataset, lambda split: whole_images.predict(model, split), output
            )
        return compute_segmentation(job, dataset, predict, output)
    fields = compute_reconstruction(job, dataset, predict, output)
    fields |= compute_calibration(model, dataset.test)
    if hasattr(model, "classify") and dataset.num_classes:
        fields |= tasks.classification(model, dataset.test)
    if task == "conditional":
        classifier = feature_classifier.load_or_train(dataset, output / "classifiers")
        fields |= label_swap.measure(model, dataset, classifier)
        shown = label_swap.shown(model, dataset, classifier)
        fields["swaps_file"] = save_arrays(job, output, "swaps", shown)
    return fields


def compute_reconstruction(job: Job, dataset, reconstruct, output: Path) -> dict[str, Any]:
    """Measures reconstruction on the test split and keeps the first images for pictures.

    Args:
        reconstruct: Function from a split to its reconstructions.
    """
    test = dataset.test
    reconstructions = _finite(reconstruct(test))
    summary = reconstruction.reconstruction_summary(test.target, reconstructions)
    first = slice(NUM_SAMPLES)
    samples = {
        "inputs": test.images[first],
        "targets": test.target[first],
        "reconstructions": np.clip(reconstructions[first], 0, 1),
    }
    return {f"test_{name}": value for name, value in summary.items()} | {
        "samples_file": save_arrays(job, output, "samples", samples)
    }


def compute_calibration(model, test) -> dict[str, Any]:
    """Measures the uncertainty that a model predicts on the test split; `{}` without one."""
    if not hasattr(model, "predict_uncertainty"):
        return {}
    mean = np.asarray(model.reconstruct(test.images))
    return calibration.summary(test.target, mean, model.predict_uncertainty(test.images))


def compute_segmentation(job: Job, dataset, predict, output: Path) -> dict[str, Any]:
    """Measures masks on the test split, and keeps the first and the worst images for pictures.

    Args:
        predict: Function from a split to the probabilities of its masks: an array, or, of images
            of many sizes, one array after the other.
    """
    test, void = dataset.test, dataset.ignore_label
    found = predict(test)
    if isinstance(found, np.ndarray):
        probabilities = _finite(found)
    else:
        probabilities = [_finite(each) for each in found]
    scores = segmentation.scores(test.targets, probabilities, ignore_label=void)
    names = dataset.mask_names[1:] if scores.iou.shape[1] == 1 else dataset.mask_names
    fields = scores.summary() | {"test_per_class": scores.per_class(names)}
    if test.images[0].ndim != 3:  # series have no pictures
        return fields
    shown = shown_masks.arrays(test, probabilities, scores, void)
    return fields | {
        "samples_file": save_arrays(job, output, "samples", _samples(dataset, probabilities)),
        "masks_file": save_arrays(job, output, "masks", shown),
    }


def _samples(dataset, probabilities) -> dict[str, np.ndarray]:
    """Returns the first test images, as they are, with their masks, and with those predicted."""
    first = slice(NUM_SAMPLES)
    images, targets = dataset.test.images[first], dataset.test.targets[first]
    known = [without_void(each, dataset.ignore_label)[None] for each in targets]
    hard = [segmentation.hard_masks(each[None]) for each in probabilities[first]]
    most = max(1, dataset.num_mask_classes - 1)
    tints = {
        "inputs": [np.zeros(each.shape[1:-1]) for each in known],
        "targets": [each[0, ..., 0] / most for each in known],
        "reconstructions": [tasks.foreground(each)[0] for each in hard],
    }
    size = dataset.image_shape[:-1]
    return {name: whole_images.overlaid(images, tint, size) for name, tint in tints.items()}


def compute_anomaly(
    job: Job,
    dataset,
    scorer: anomaly_scores.Scorer,
    output: Path,
    held_out: np.ndarray | None = None,
) -> dict[str, Any]:
    """Measures how well anomalies are found, and keeps what the pictures of it need.

    Images are judged by every score that there is, and by the default one in full; pixels by the
    default one, where masks are known. Thresholds come from the validation split, which holds
    normals alone. Reconstruction is measured on the normal test images.

    Args:
        held_out: Scores of the validation images, where they are known already.

    Returns:
        The fields of `anomaly.summary` and `anomaly.pixel_summary`; `scores`, name to `auroc` and
        `average_precision`; `score_name`, the default; `threshold`, `threshold_rule`,
        `test_false_positive_rate` and `test_true_positive_rate` at it; `thresholds`, the same by
        other rules; `test_auroc_by_group`, of each kind of anomaly against all normals.
    """
    test = dataset.test
    labels = test.labels
    scores = scorer.scores(test.images)
    own = _finite(scores[scorer.default])
    held_out = _finite(scorer.own(dataset.validation.images) if held_out is None else held_out)
    normal = test.take(np.flatnonzero(labels == 0))
    fields: dict[str, Any] = {}
    if (rebuilt := scorer.reconstruct(normal.images)) is not None:
        summary = reconstruction.reconstruction_summary(normal.images, _finite(rebuilt))
        fields |= {f"test_{name}": value for name, value in summary.items()}
        if (deviation := scorer.uncertainty(normal.images)) is not None:
            fields |= calibration.summary(normal.images, rebuilt, deviation)
    fields |= anomaly.summary(labels, own)
    fields["scores"] = {
        name: {
            "auroc": anomaly.auroc(labels, values),
            "average_precision": anomaly.average_precision(labels, values),
        }
        for name, values in scores.items()
    }
    fields["score_name"] = scorer.default
    fields |= _at_thresholds(labels, own, held_out)
    fields["test_auroc_by_group"] = {
        dataset.group_names[group]: anomaly.auroc(labels[rows], own[rows])
        for group in np.unique(test.groups[labels == 1])
        for rows in [(labels == 0) | (test.groups == group)]
    }
    maps = None if test.targets is None else scorer.score_map(test.images)
    if maps is not None:
        fields |= anomaly.pixel_summary(test.targets, maps)
    shown = shown_anomalies(dataset, scorer, own, held_out)
    if "reconstructions" in shown:
        samples = {key: shown[key] for key in ("inputs", "reconstructions")}
        samples["targets"] = samples["inputs"]
        fields["samples_file"] = save_arrays(job, output, "samples", samples)
    fields["anomaly_file"] = save_arrays(
        job, output, "anomalies", shown | {"threshold": np.array(fields["threshold"])}
    )
    return fields


def _at_thresholds(labels: np.ndarray, scores: np.ndarray, held_out: np.ndarray) -> dict[str, Any]:
    """Returns the thresholds of held-out normals, and what they find in the test split."""
    rates = {}
    for rule, arguments in THRESHOLDS.items():
        threshold, _ = anomaly_threshold(held_out, **arguments)
        is_flagged = scores > threshold
        rates[rule] = {
            "threshold": threshold,
            "false_positive_rate": float(is_flagged[labels == 0].mean()),
            "true_positive_rate": float(is_flagged[labels == 1].mean()),
        }
    rule, first = next(iter(rates.items()))
    return {
        "threshold": first["threshold"],
        "threshold_rule": f"{rule} of {len(held_out)} held-out normal scores",
        "test_false_positive_rate": first["false_positive_rate"],
        "test_true_positive_rate": first["true_positive_rate"],
        "thresholds": rates,
    }


def shown_anomalies(
    dataset, scorer: anomaly_scores.Scorer, own: np.ndarray, held_out: np.ndarray
) -> dict[str, np.ndarray]:
    """Returns the arrays of the pictures: the first normals and the first anomalies of each kind.

    Returns:
        `inputs`, where there are any `reconstructions`, `squared_errors`, `score_maps`,
        `uncertainties` and `masks`, and `names` of the images shown, whose `is_anomaly` is 1 for
        anomalies; with score maps `pixel_limit`: the 0.99 quantile of the score of a pixel on
        held-out normals; `labels`, `scores`: of all test images; `held_out`: scores of the
        validation images.
    """
    test = dataset.test
    rows = _shown_rows(test.labels, test.groups)
    images = test.images[rows]
    arrays = {
        "inputs": images,
        "is_anomaly": test.labels[rows].astype("uint8"),
        "names": np.array([dataset.group_names[group] for group in test.groups[rows]]),
        "labels": test.labels.astype("uint8"),
        "scores": own.astype("float32"),
        "held_out": held_out.astype("float32"),
    }
    if (reconstructions := scorer.reconstruct(images)) is not None:
        arrays["reconstructions"] = np.clip(reconstructions, 0, 1)
        arrays["squared_errors"] = closed_forms.over_channels((images - reconstructions) ** 2)
    if (maps := scorer.score_map(images)) is not None:
        few = scorer.score_map(dataset.validation.images[:TEST_BATCH_SIZE])
        arrays["score_maps"] = maps.astype("float32")
        arrays["pixel_limit"] = np.quantile(few, PIXEL_QUANTILE).astype("float32")
    if (uncertainty := scorer.uncertainty(images)) is not None:
        arrays["uncertainties"] = closed_forms.over_channels(uncertainty)
    if test.targets is not None:
        arrays["masks"] = test.targets[rows][..., 0]
    return arrays


def _shown_rows(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Returns the first normals, and as many anomalies: the first of each group in turn."""
    turn = np.zeros(len(labels), int)  # the k-th row of each group has turn k
    for group in np.unique(groups):
        turn[groups == group] = np.arange((groups == group).sum())
    normals, anomalies = (np.flatnonzero(labels == label) for label in (0, 1))
    anomalies = anomalies[np.lexsort((groups[anomalies], turn[anomalies]))]
    return np.concatenate([normals[:NUM_SHOWN], anomalies[:NUM_SHOWN]])


def _finite(values) -> np.ndarray:
    values = np.asarray(values)
    values = values if values.dtype == "float64" else values.astype("float32")
    if not np.isfinite(values).all():
        raise FloatingPointError("the predictions hold NaN or infinity; the training diverged")
    return values


def save_arrays(job: Job, output: Path, folder: str, arrays: dict[str, np.ndarray]) -> str:
    """Writes the arrays as a whole, and returns the file's name in the output folder."""
    name = Path(folder) / f"{job.id}.npz"
    with new_file(output / name) as temporary:
        np.savez_compressed(temporary, **arrays)
    return str(name)


def without_void(targets: np.ndarray, ignore_label: int | None) -> np.ndarray:
    """Returns masks of class numbers with the background in place of void."""
    return targets if ignore_label is None else np.where(targets == ignore_label, 0, targets)


def as_masks(targets: np.ndarray, num_classes: int, ignore_label: int | None = None) -> np.ndarray:
    """Returns masks of 0 and 1, one channel for two classes, else one per class."""
    targets = without_void(targets, ignore_label)
    return targets if num_classes <= 2 else segmentation.one_hot(targets[..., 0], num_classes)
