"""How well anomalies are found, as images and as pixels, and the closed-form floor to beat.

A score is higher for what is stranger; label 1 is an anomaly, 0 is normal. Nothing is clipped: an
area below 0.5 says that anomalies look more normal than normals do, which happens for simple
shapes, and has to be seen. All curves are exact: every distinct score is a threshold, and what
has equal scores is decided together.
"""

import numbers
import typing

import numpy as np

from bench.data.dataset import PARTS, Dataset
from bench.errors import BenchError
from bench.evaluation import closed_forms
from bench.metrics import anomaly_curves as curves

MODES = ("interpolated", "upae")
AUPRO_LIMIT = 0.3


class OneClassSplits(typing.NamedTuple):
    """Holds normal images for training and validation, and all of test; label 1 is an anomaly."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray


# --- images -------------------------------------------------------------------------------------


def curve(labels: np.ndarray, scores: np.ndarray) -> curves.Curve:
    """Counts what each threshold finds: the one sort that all metrics of images start from.

    Args:
        labels: `(n,)` of 0 (normal) and 1 (anomaly), both present.
        scores: `(n,)`, finite, higher for stranger ones.

    Raises:
        BenchError: for other values or shapes, or a missing class; as in all metrics here.
    """
    return curves.counted(*curves.checked_images(labels, scores))


def auroc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Computes the chance that an anomaly scores above a normal; equal scores count 1/2."""
    return curves.auroc(curve(labels, scores))


def average_precision(labels: np.ndarray, scores: np.ndarray) -> float:
    """Computes the step sum of precision over recall, `sum_k (R_k - R_(k-1)) P_k`."""
    return curves.average_precision(curve(labels, scores))


def trapezoid_precision_recall(labels: np.ndarray, scores: np.ndarray) -> float:
    """Computes the area below straight lines through the precision-recall points.

    The curve starts at recall 0, precision 1. Some tools report this area as AUPR; it is another
    number than `average_precision`, and flatters where points are few.
    """
    counts = curve(labels, scores)
    precision = np.append(1.0, curves.precision(counts))
    recall = np.append(0.0, counts.true_positives / counts.true_positives[-1])
    return float(np.trapezoid(precision, recall))


def f1_max(labels: np.ndarray, scores: np.ndarray) -> float:
    """Computes the F1 score of the best threshold, which only the labels can tell.

    It is never below `f1_floor`, which is what answering "anomaly" every time gets.
    """
    return float(curves.f1(curve(labels, scores)).max())


def f1_floor(labels: np.ndarray) -> float:
    """Computes `2 pi / (1 + pi)`, with `pi` the share of anomalies: F1 without looking."""
    return curves.floor(curves.checked_labels("labels", labels))


def equal_error_rate(
    labels: np.ndarray, scores: np.ndarray, mode: str = "interpolated"
) -> curves.EqualErrorRate:
    """Computes the error rate where as many normals are taken for anomalies as the reverse.

    Args:
        mode: `"interpolated"`: the false positive rate where the straight line between two points
            of the ROC curve crosses the false negative rate; the threshold is that of the nearest
            point. `"upae"`: the false positive rate of the first corner of the ROC curve where
            the two rates differ by at most 5e-3, as in the official code of UPAE; there may be
            none.

    Raises:
        BenchError: for an unknown mode, or if `"upae"` finds no such point.

    Reference: Mao et al., 2020. https://github.com/dbbbbm/UAE
    """
    if mode not in MODES:
        raise BenchError(
            f"equal_error_rate: mode must be one of {', '.join(map(repr, MODES))}. "
            f"Received: mode={mode!r}."
        )
    labels, scores = curves.checked_images(labels, scores)
    if mode == "upae":
        return curves.upae_equal_error_rate(labels, scores)
    return curves.equal_error_rate(curves.counted(labels, scores))


def summary(labels: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Returns the scores of the test split: all higher is better, but `test_eer`.

    Returns:
        `test_auroc`, `test_average_precision`, `test_f1_max`, `test_f1_floor` (a share of
        anomalies alone gives it), `test_eer` and `test_f1_at_eer`.
    """
    labels, scores = curves.checked_images(labels, scores)
    counts = curves.counted(labels, scores)
    crossing = curves.equal_error_rate(counts)
    return {
        "test_auroc": curves.auroc(counts),
        "test_average_precision": curves.average_precision(counts),
        "test_f1_max": float(curves.f1(counts).max()),
        "test_f1_floor": curves.floor(labels),
        "test_eer": crossing.rate,
        "test_f1_at_eer": crossing.f1,
    }


def threshold(
    scores: np.ndarray, quantile: float | None = None, *, num_sigmas: float | None = None
) -> float:
    """Returns the score above which something is an anomaly, from normals alone.

    Args:
        scores: `(n,)`, of normal images that the model was not trained on. Training images score
            too low, and anomalies are not known beforehand.
        quantile: Share of the normals that pass, in `(0, 1)`. Defaults to `0.95`.
        num_sigmas: In place of `quantile`: the mean plus that many standard deviations
            (`n - 1` in the divisor).

    Raises:
        BenchError: if both rules are given, or there are fewer than 2 scores.
    """
    scores = curves.checked_scores("scores", scores).astype("float64")
    if scores.ndim != 1 or len(scores) < 2:
        raise BenchError(
            "threshold: scores must have shape (n,) with n >= 2. "
            f"Received: shape {scores.shape}. Give the scores of held-out normal images."
        )
    if num_sigmas is None:
        quantile = 0.95 if quantile is None else quantile
        if not curves.is_number(quantile) or not 0 < quantile < 1:
            raise BenchError(
                "threshold: quantile must be above 0 and below 1. "
                f"Received: quantile={quantile!r}. For example 0.95."
            )
        return float(np.quantile(scores, quantile))
    if quantile is not None:
        raise BenchError(
            "threshold: quantile must be None when num_sigmas is given. "
            f"Received: quantile={quantile!r}, num_sigmas={num_sigmas!r}. Choose one."
        )
    if not curves.is_number(num_sigmas) or not np.isfinite(num_sigmas):
        raise BenchError(
            "threshold: num_sigmas must be a finite number. "
            f"Received: num_sigmas={num_sigmas!r}. For example 1."
        )
    return float(scores.mean() + num_sigmas * scores.std(ddof=1))


# --- pixels -------------------------------------------------------------------------------------


def pixel_auroc(masks: np.ndarray, score_maps: np.ndarray) -> float:
    """Computes the AUROC of all pixels of all images together.

    Args:
        masks: `(images, height, width)` or `(images, length)` of 0 and 1, where 1 is anomalous;
            a last axis of 1 may follow. Images without an anomaly belong in it.
        score_maps: Scores of the pixels, shaped as the masks.
    """
    return curves.auroc(curves.counted_pixels(*curves.checked_pixels(masks, score_maps)))


def best_dice(masks: np.ndarray, score_maps: np.ndarray) -> float:
    """Computes the Dice score of all pixels together at the best single threshold: `F1-max`.

    Exact, from the precision-recall curve, where grids of thresholds come from below.
    """
    return float(curves.f1(curves.counted_pixels(*curves.checked_pixels(masks, score_maps))).max())


def aupro(
    masks: np.ndarray,
    score_maps: np.ndarray,
    limit: float = AUPRO_LIMIT,
    connectivity: int = 8,
) -> float:
    """Computes the area under the per-region overlap, so that small defects weigh as large ones.

        PRO(t) = mean over regions of |found and region| / |region|
        FPR(t) = found normal pixels / all normal pixels
        AUPRO  = integral of PRO over FPR from 0 to limit, divided by limit

    A region is a connected component of a mask. Exact: all pixels are sorted once by their score,
    and the curve is interpolated linearly, also at the limit.

    Args:
        limit: In `(0, 1]`, the highest false positive rate.
        connectivity: `8`, or `4` when pixels that touch by a corner alone are two regions. It
            makes no difference to series.

    Reference: Bergmann et al., 2021. https://doi.org/10.1007/s11263-020-01400-4
    """
    is_anomaly, score_maps = curves.checked_pixels(masks, score_maps)
    return curves.aupro(is_anomaly, score_maps, limit, connectivity)


def pixel_summary(
    masks: np.ndarray,
    score_maps: np.ndarray,
    limit: float = AUPRO_LIMIT,
    connectivity: int = 8,
) -> dict[str, float]:
    """Returns the scores of the pixels of the test split, each in `[0, 1]`, higher is better.

    Args:
        masks: See `pixel_auroc`.
        score_maps: See `pixel_auroc`.
        limit: See `aupro`.
        connectivity: See `aupro`.

    Returns:
        `test_pixel_auroc`, `test_pixel_average_precision`, `test_aupro`, `test_best_dice`, and
        `test_dice_floor`: the Dice score of calling every pixel anomalous.
    """
    is_anomaly, score_maps = curves.checked_pixels(masks, score_maps)
    counts = curves.counted_pixels(is_anomaly, score_maps)
    return {
        "test_pixel_auroc": curves.auroc(counts),
        "test_pixel_average_precision": curves.average_precision(counts),
        "test_aupro": curves.aupro(is_anomaly, score_maps, limit, connectivity),
        "test_best_dice": float(curves.f1(counts).max()),
        "test_dice_floor": curves.floor(is_anomaly),
    }


# --- protocol and floor -------------------------------------------------------------------------


def one_class_splits(dataset: Dataset, normal_class: int | str) -> OneClassSplits:
    """Takes one class for normal: training and validation see nothing else, test sees all.

    Args:
        dataset: A data set whose splits have labels.
        normal_class: A label, or its name in `dataset.class_names`.

    Raises:
        BenchError: without labels, for an unknown class, for a split without normals, or a test
            split without anomalies.
    """
    if any(getattr(dataset, name).labels is None for name in PARTS):
        raise BenchError(
            f"one_class_splits: dataset must have labels in all splits. Received: {dataset.name}. "
            "Give a data set of classes, such as digits or fashion_mnist."
        )
    label = normal_class
    if isinstance(normal_class, str) and normal_class in dataset.class_names:
        label = dataset.class_names.index(normal_class)
    is_label = isinstance(label, numbers.Integral) and not isinstance(label, bool)
    if not is_label or not 0 <= label < dataset.num_classes:
        names = f" or one of {', '.join(dataset.class_names)}" if dataset.class_names else ""
        raise BenchError(
            f"one_class_splits: normal_class must be a label from 0 to {dataset.num_classes - 1}"
            f"{names}. Received: normal_class={normal_class!r}."
        )
    is_normal = {name: getattr(dataset, name).labels == label for name in PARTS}
    for name, found in is_normal.items():
        if not found.any():
            raise BenchError(
                f"one_class_splits: the {name} split of {dataset.name} must hold images of "
                f"normal_class. Received: normal_class={normal_class!r}, which has none. "
                "Raise the limit on images, or choose another class."
            )
    if is_normal["test"].all():
        raise BenchError(
            f"one_class_splits: the test split of {dataset.name} must hold other classes than "
            f"normal_class. Received: normal_class={normal_class!r} alone."
        )
    return OneClassSplits(
        dataset.train.images[is_normal["train"]],
        dataset.validation.images[is_normal["validation"]],
        dataset.test.images,
        (~is_normal["test"]).astype("int64"),
    )


def pca_score_maps(
    train: np.ndarray, test: np.ndarray, num_components: int, *, normalised: bool = False
) -> np.ndarray:
    """Computes the squared residual of each pixel after a projection on principal components.

    It is the floor of the reconstruction errors: no linear autoencoder does better on `train`.

    Args:
        train: Normal images, the first axis the images.
        test: Images of the same shape.
        num_components: Positive int; capped at the number of pixels and of images in `train`.
        normalised: Divides by the pixel's mean squared residual on `train`, plus 1e-3: what a
            predicted variance does for an autoencoder, here fixed for each pixel.

    Returns:
        float64, the mean over channels: `(images, height, width)` or `(images, length)`;
        `(images, features)` for flat vectors.

    Raises:
        BenchError: for other shapes, values that are not finite, or fewer than 2 training images.
    """
    is_int = isinstance(num_components, numbers.Integral) and not isinstance(num_components, bool)
    if not is_int or num_components < 1:
        raise BenchError(
            "pca_scores: num_components must be an int >= 1. "
            f"Received: num_components={num_components!r}."
        )
    train, test = curves.checked_scores("train", train), curves.checked_scores("test", test)
    if train.ndim < 2 or train.shape[1:] != test.shape[1:]:
        raise BenchError(
            "pca_scores: train and test must be images of one shape. "
            f"Received: {train.shape} and {test.shape}."
        )
    model = closed_forms.create("pca_normalised" if normalised else "pca", num_components)
    model.fit(train)
    return model.score_map(test)


def pca_scores(
    train: np.ndarray, test: np.ndarray, num_components: int, *, normalised: bool = False
) -> np.ndarray:
    """Computes the mean of `pca_score_maps` of each test image, `(images,)`; see there."""
    maps = pca_score_maps(train, test, num_components, normalised=normalised)
    return maps.reshape(len(maps), -1).mean(axis=1)
