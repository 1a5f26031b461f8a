"""Evaluates a model on the validation split on a fixed schedule while it trains.

The schedule is counted in training images. The metric is the same for all models of a task: the MSE
of the reconstruction, or the image-wise IoU of masks. An evaluation does not affect the training:
its time is not counted, and the state of the model is restored.
"""

import math
import time
from typing import Any

import keras
import numpy as np

from bench.data import tasks
from bench.evaluation import quality
from bench.metrics import reconstruction, segmentation
from bench.profiling import timing


class QualityCurve(keras.callbacks.Callback):
    """Measures the model each time it has seen a number of images.

    With several steps per call, or batches that do not divide the schedule, an evaluation
    comes at the end of the first call at which it is due.

    Args:
        task: Of the model; says what it is fed with.
        dataset: The model is evaluated on its validation split.
        every: Epochs between two evaluations; a fraction for evaluations within an epoch. None: no
            evaluations.
        batch_size: Of the training.
        images_per_epoch: None: those of the training split.

    Attributes:
        points: Dicts of `images` seen, `seconds` of training so far and the `value` there.
            Seconds hold the tracing and compilation of the first step, but neither these
            evaluations nor the validation of each epoch.
        paused_seconds: Time of all evaluations together.
    """

    def __init__(
        self,
        task: str,
        dataset,
        every: float | None,
        batch_size: int,
        images_per_epoch: int | None = None,
    ):
        super().__init__()
        self.task = task
        self.dataset = dataset
        self.every = every
        self.images_per_epoch = images_per_epoch or dataset.num_train
        self.every_images = None if every is None else every * self.images_per_epoch
        self.batch_size = batch_size
        self.points: list[dict[str, Any]] = []
        self.paused_seconds = 0.0
        self._seconds = 0.0
        self._num_due = 0  # evaluations that were due so far

    @property
    def metric(self) -> str:
        return "iou_image" if self.task == "segmentation" else "mse"

    @property
    def looks_at_batches(self) -> bool:
        """Whether an evaluation may be due within an epoch."""
        return self.every is not None and self.every != int(self.every)

    def record(self) -> dict[str, Any]:
        """Returns the fields of a record; empty without evaluations."""
        if self.every_images is None:
            return {}
        return {"quality_metric": self.metric, "quality_curve": self.points}

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        self._running_since = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        if self.every_images is None:
            return
        num_train = self.images_per_epoch
        in_epoch = min((batch + 1) * self.batch_size, num_train)
        images = self._epoch * num_train + in_epoch
        is_due = images + 0.5 >= (self._num_due + 1) * self.every_images
        if is_due or in_epoch == num_train:
            timing.synchronize(None)
        now = time.perf_counter()
        self._seconds += now - self._running_since
        if is_due:
            self._num_due = int((images + 0.5) / self.every_images)
            value = measure(self.model, self.task, self.dataset.validation)
            self.points.append({"images": images, "seconds": self._seconds, "value": value})
            self.paused_seconds += time.perf_counter() - now
        self._running_since = time.perf_counter()


def measure(model, task: str, split) -> float | None:
    """Measures a model on a split and leaves it as it was.

    Returns:
        The MSE, or the IoU by image, averaged over the images; None where it is not finite.
    """
    state = model.non_trainable_variables  # seeds and running means of the loss among them
    before = [np.array(variable) for variable in state]
    values = []
    for start in range(0, len(split), quality.TEST_BATCH_SIZE):
        part = split.take(np.arange(start, min(start + quality.TEST_BATCH_SIZE, len(split))))
        prediction = np.asarray(model.predict_on_batch(tasks.inputs(task, part)), dtype="float32")
        if not np.isfinite(prediction).all():
            values.append(np.full(len(part), np.nan))
        elif task == "segmentation":
            void = getattr(model, "ignore_label", None)
            masks = quality.as_masks(part.targets, prediction.shape[-1], void)
            counts = True if void is None else part.targets != void
            iou = segmentation.iou(masks * counts, segmentation.hard_masks(prediction) * counts)
            iou = iou.mean()
            values.append(np.full(len(part), iou))
        else:
            values.append(reconstruction.mse(part.target, prediction))
    for variable, value in zip(state, before, strict=True):
        variable.assign(value)
    mean = float(np.concatenate(values).mean())
    return mean if math.isfinite(mean) else None
