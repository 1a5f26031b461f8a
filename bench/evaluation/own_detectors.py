"""Detectors in the style of scikit-learn and PyOD as rows of an anomaly run.

Which way `decision_function` points is read, never guessed: scikit-learn's is high for what is
normal, PyOD's for what is anomalous.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.profiling import memory, timing
from bench.runs.job import Job
from zoo import checks

SCORE = "decision_function"
_TIMED_BATCH = 128


class Detector:
    """A detector with its direction known: `scores` are higher for what is stranger.

        scores = sign * decision_function(X),  sign +1 where high is anomalous, else -1

    The attribute `higher_is_anomalous` of the object decides; without it, detectors of
    scikit-learn and pipelines that end in one point to normal, those of PyOD to anomalous.

    Args:
        name: For errors.
        made: Has `fit(X)` and `decision_function(X)`; X are the images as rows of numbers, or,
            where it has a true attribute `takes_images`, the images.

    Raises:
        ValueError: where a method is missing, or the direction is not known.
    """

    def __init__(self, name: str, made: Any):
        self.name = name
        self.made = made
        for method in ("fit", SCORE):
            if not callable(getattr(made, method, None)):
                raise ValueError(f"{name}: {_without(made, method)}")
        higher = getattr(made, "higher_is_anomalous", None)
        higher = _direction(made) if higher is None else higher
        if not isinstance(higher, bool | np.bool_):
            raise ValueError(
                f"{name}: which way its decision_function points is not known. Set the attribute "
                "higher_is_anomalous of the detector: True where high is anomalous, as PyOD has "
                "it, False where high is normal, as scikit-learn has it."
            )
        self.sign = 1.0 if higher else -1.0
        self.takes_images = bool(getattr(made, "takes_images", False))

    def rows(self, images: np.ndarray) -> np.ndarray:
        """Returns what the detector is given."""
        return images if self.takes_images else images.reshape(len(images), -1)

    def fit(self, images: np.ndarray) -> None:
        self.made.fit(self.rows(images))

    def scores_of(self, images: np.ndarray) -> np.ndarray:
        """Returns the scores of images, float64 `(n,)`, higher for what is stranger.

        Raises:
            ValueError: if there is not one finite number for each image, or it fails.
        """
        try:
            found = np.asarray(self.made.decision_function(self.rows(images)), "float64")
        except Exception as error:
            raise ValueError(
                f"{self.name}: {SCORE} failed on {len(images)} images "
                f"({checks.one_line(error, 300)})."
            ) from error
        if found.shape == (len(images), 1):
            found = found[:, 0]
        if found.shape != (len(images),):
            raise ValueError(
                f"{self.name}: decision_function must give one number for each image. "
                f"Received: shape {found.shape} for {len(images)} images."
            )
        if not np.isfinite(found).all():
            raise ValueError(
                f"{self.name}: decision_function gives NaN or infinity for "
                f"{int((~np.isfinite(found)).sum())} of {len(found)} images."
            )
        return self.sign * found


class DetectorScorer:
    """What `bench.evaluation.quality.compute_anomaly` asks, of a detector that was fitted."""

    default = SCORE

    def __init__(self, detector: Detector):
        self.detector = detector

    def own(self, images: np.ndarray) -> np.ndarray:
        return self.detector.scores_of(images)

    def scores(self, images: np.ndarray) -> dict[str, np.ndarray]:
        return {self.default: self.own(images)}

    def reconstruct(self, images: np.ndarray) -> None:
        """Returns None: a detector makes no images."""

    def score_map(self, images: np.ndarray) -> None:
        """Returns None: it scores whole images."""

    def uncertainty(self, images: np.ndarray) -> None:
        """Returns None: nothing is predicted."""


def fit(detector: Detector, dataset) -> dict[str, Any]:
    """Fits a detector to the training images, and returns what that adds to the record."""
    with memory.PeakMemory() as peak:
        started = time.perf_counter()
        detector.fit(dataset.train.images)
        seconds = time.perf_counter() - started
    return {
        "train_seconds": seconds,
        "samples_seen": dataset.num_train,
        "peak_memory_mib": peak.mib,
        "peak_rss_mib": peak.rss_mib,
        "memory_method": peak.method,
        "model_config": {},
    }


def speed(detector: Detector, dataset, fit_seconds: float) -> dict[str, Any]:
    """Returns the fields of speed: of the one fit, of batches of 128, and of single images.

    A fit is done once, so its speed has no interval.
    """
    images = dataset.test.images
    rows = np.arange(_TIMED_BATCH) % len(images)

    def timed(batch: np.ndarray) -> timing.Timing:
        return timing.measure(
            lambda: detector.scores_of(batch), images_per_call=len(batch), wait=lambda _: None
        )

    with timing.Disturbance() as disturbance:
        many, single = timed(images[rows]), timed(images[:1])
    return {
        "fit_images_per_second": dataset.num_train / fit_seconds,
        "infer_images_per_second": many.images_per_second,
        "infer_images_per_second_low": many.images_per_second_low,
        "infer_images_per_second_high": many.images_per_second_high,
        "infer_batch_size": _TIMED_BATCH,
        "latency_ms": 1e3 * single.median_seconds,
        "latency_ms_low": 1e3 * single.low_seconds,
        "latency_ms_high": 1e3 * single.high_seconds,
        "timing_stable": many.stable and single.stable,
        "noisy": disturbance.noisy,
        "disturbance_share": disturbance.share,
    }


def measure(job: Job, detector: Detector, dataset, output: Path, connection) -> dict[str, Any]:
    """Fits a detector, measures how well it finds anomalies, then its speed."""
    from bench.evaluation import quality

    connection.send(("stage", "fitting"))
    fields = fit(detector, dataset)
    connection.send(("stage", "testing"))
    fields |= quality.compute_anomaly(job, dataset, DetectorScorer(detector), output)
    if job.timing:
        connection.send(("stage", "timing"))
        fields |= speed(detector, dataset, fields["train_seconds"])
    return fields


def _direction(made: Any) -> bool | None:
    """Returns whether high is anomalous, where the library says so; else None."""
    steps = getattr(made, "steps", None)
    if isinstance(steps, list) and steps:  # a pipeline: its last step decides
        return _direction(steps[-1][1])
    if any(kind.__module__.partition(".")[0] == "pyod" for kind in type(made).__mro__):
        return True
    if any(kind.__module__ == "sklearn.base" for kind in type(made).__mro__):
        from sklearn.base import is_outlier_detector

        return False if is_outlier_detector(made) else None
    return None


def _without(made: Any, method: str) -> str:
    kind = type(made).__name__
    text = f"a detector must have {method}(X). Received: {kind} without it."
    if method == SCORE and hasattr(made, "novelty"):
        return f"{text} Give it novelty=True."
    if method == SCORE and hasattr(made, "score_samples"):
        return (
            f"{text} It has score_samples: return an object whose decision_function calls that, "
            "with higher_is_anomalous = False."
        )
    return text
