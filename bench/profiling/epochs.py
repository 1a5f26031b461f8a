"""The speed of `fit` as a user calls it: whole epochs after the first."""

import contextlib
import math
import time
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from bench.stats import intervals
from zoo.data import augmentation
from zoo.inputs.augmented_batches import AugmentedBatches

_LONGEST_EPOCH_SECONDS = 0.5  # of many images so many are taken that an epoch takes as long
_FEWEST_EPOCHS, _FEWEST_SECONDS = 6, 0.5


class _Clock(keras.callbacks.Callback):
    """Notes when epochs end, and stops when enough of them are known."""

    looks_at_batches = False

    def __init__(self):
        super().__init__()
        self.ends: list[float] = []

    @property
    def seconds(self) -> list[float]:
        """Returns the seconds of each epoch after the first."""
        return list(np.diff(self.ends))

    def on_epoch_end(self, epoch, logs=None):
        self.ends.append(time.perf_counter())
        known = self.seconds
        if len(known) >= _FEWEST_EPOCHS and sum(known) >= _FEWEST_SECONDS:
            self.model.stop_training = True


def time_fit(
    model,
    x,
    y=None,
    *,
    batch_size: int,
    step_seconds: float,
    augment: str | None = None,
    compiled_by_xla: bool | None = None,
) -> dict[str, Any]:
    """Times epochs of `model.fit`, from the end of one to the end of the next.

    What Keras does between two updates and between two epochs is in it: order, batches, logs and
    callbacks. There is no validation. The model changes: put it back afterwards.

    Args:
        x, y: As `fit` takes them: all training images. Of many, the first are taken: whole
            batches that take about half a second.
        batch_size: Images per update.
        step_seconds: Of one update, about.
        augment: As in `RunConfig`; images are then changed batch by batch, on the host.
        compiled_by_xla: Whether XLA compiled the training, so that its epochs are timed as they
            were; None: as the model is compiled.

    Returns:
        `fit_images_per_second`, images of an epoch by its median seconds, with `_low` and `_high`,
        the 95 % interval of the median; `fit_num_epochs` and `fit_images_per_epoch`.
    """
    num_images = len(keras.tree.flatten(x)[0])
    num_batches = max(1, math.ceil(_LONGEST_EPOCH_SECONDS / step_seconds))
    num_images = min(num_images, num_batches * batch_size)
    pair = (x,) if y is None else (x, y)
    pair = keras.tree.map_structure(lambda part: part[:num_images], pair)
    if augment is not None:
        changes = augmentation.parse(augment)
        pair = (AugmentedBatches(*pair, augmentation=changes, batch_size=batch_size),)
    settings = {"batch_size": batch_size} if augment is None else {}
    clock = _Clock()
    with _compiled(model, compiled_by_xla):
        model.fit(*pair, epochs=10**6, callbacks=[clock], verbose=0, **settings)
    epoch = intervals.median_interval(clock.seconds)
    return {
        "fit_images_per_second": num_images / epoch.median,
        "fit_images_per_second_low": num_images / epoch.high,
        "fit_images_per_second_high": num_images / epoch.low,
        "fit_num_epochs": len(clock.seconds),
        "fit_images_per_epoch": num_images,
    }


@contextlib.contextmanager
def _compiled(model, by_xla: bool | None) -> Iterator[None]:
    """Has XLA compile the training, or not, until the block ends."""
    before = model.jit_compile
    if by_xla is not None:
        model.jit_compile = by_xla
    try:
        yield
    finally:
        model.jit_compile = before
