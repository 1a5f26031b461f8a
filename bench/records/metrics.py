"""Every measure of quality: what it is called, its unit, which way is better, and its version.

A version rises when a metric is computed in another way: numbers of two versions are not compared.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Metric:
    """What is to be known of a metric.

    Attributes:
        label: Its name in tables.
        higher_is_better: Its direction; None where neither way is better.
        unit: Empty for shares and for what is relative to pixels in [0, 1].
        version: Of its definition.
        ranks: Whether the leaderboard has it, and can rank by it.
        is_detail: Whether tables leave it out where it does not decide the rank.
    """

    label: str
    higher_is_better: bool | None
    unit: str = ""
    version: int = 1
    ranks: bool = True
    is_detail: bool = False


def _detail(label: str, higher_is_better: bool, unit: str = "") -> Metric:
    return Metric(label, higher_is_better, unit, is_detail=True)


def _beside(label: str, higher_is_better: bool | None) -> Metric:
    return Metric(label, higher_is_better, ranks=False)


METRICS: dict[str, Metric] = {
    # reconstruction
    "mse": Metric("MSE", False),
    "mae": _detail("MAE", False),
    "psnr": Metric("PSNR", True, "dB"),
    "ssim": Metric("SSIM", True),
    "ms_ssim": _detail("MS-SSIM", True),
    "bce": _detail("cross-entropy", False, "nats per value"),
    # masks
    "iou_image": Metric("IoU by image", True),
    "iou_dataset": Metric("IoU of all pixels", True),
    "dice_image": _beside("Dice by image", True),
    "dice_dataset": _beside("Dice of all pixels", True),
    "boundary_f1": Metric("boundary F1", True),
    "surface_dice": _beside("surface Dice", True),
    "hausdorff_95": Metric("Hausdorff 95 %", False, "pixels", ranks=False),
    "objects_f1": _beside("F1 of objects", True),
    "objects_found": _beside("objects found", True),
    "objects_missed": _beside("objects missed", False),
    "objects_invented": _beside("objects invented", False),
    "pixel_accuracy": _beside("pixel accuracy", True),
    # classes
    "accuracy": Metric("accuracy", True),
    "recall_lowest": Metric("lowest group recall", True),
    "recall_spread": Metric("group recall spread", False),
    "label_consistency": Metric("right label read", True),
    "flip_rate": Metric("flip rate", True),
    "flip_rate_both": _beside("flip rate where the right label was read too", True),
    "sample_consistency": _beside("right label read of samples", True),
    "mse_wrong_label": _beside("MSE with a wrong label", None),
    # anomalies
    "auroc": Metric("AUROC", True),
    "average_precision": Metric("average precision", True),
    "f1_max": Metric("best F1", True),
    "f1_floor": Metric("F1 floor", True),
    "eer": Metric("equal error rate", False),
    "f1_at_eer": Metric("F1 at equal error", True),
    "false_positive_rate": Metric("normals flagged", False),
    "true_positive_rate": Metric("anomalies flagged", True),
    "pixel_auroc": Metric("pixel AUROC", True),
    "pixel_average_precision": _beside("pixel average precision", True),
    "aupro": Metric("AUPRO", True),
    "best_dice": Metric("best Dice", True),
    "dice_floor": Metric("Dice floor", True),
    # predicted uncertainty
    "coverage_50": _beside("coverage of 50 %", None),
    "coverage_90": _beside("coverage of 90 %", None),
    "coverage_95": _beside("coverage of 95 %", None),
    "quantile_calibration_error": _beside("quantile calibration error", False),
    "sparsification_error": _beside("sparsification error", False),
    # likelihood
    "elbo": _detail("ELBO", True, "nats per image"),
    "nll": _detail("negative log-likelihood", False, "nats per image"),
    "bits_per_dimension": _detail("bits per dimension", False, "bits per value"),
    "active_units": _beside("active units", None),
    # samples
    "sample_precision": _detail("sample precision", True),
    "sample_recall": _detail("sample recall", True),
    "sample_density": _detail("sample density", True),
    "sample_coverage": _detail("sample coverage", True),
    "frechet_distance": _detail("Frechet distance", False),
    # latents
    "linear_probe_accuracy": _detail("linear probe accuracy", True),
    "knn_accuracy": _detail("k-NN accuracy", True),
    "majority_accuracy": _beside("accuracy of the most frequent class", None),
    "cluster_nmi": _detail("cluster NMI", True),
    "cluster_ari": _detail("cluster ARI", True),
}
PREFIX = "test_"  # of the field of a metric's value on the test split


def higher_is_better(name: str) -> bool:
    """Tells which way a metric is better."""
    return bool(METRICS[name].higher_is_better)


def ranking() -> dict[str, str]:
    """Returns the labels of the metrics that the leaderboard has, by name, in its order."""
    return {name: metric.label for name, metric in METRICS.items() if metric.ranks}
