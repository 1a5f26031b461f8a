"""What looks at a training: its loss, and its objective after each epoch, which may end it."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
import numpy as np

from tuner.trials.objectives import Objective

FEWEST_CURVES = 5
_FIRST_PRUNED = 1  # epoch, counted from 0: the first one tells too little


class DivergedError(FloatingPointError):
    """A loss or predictions that are not finite."""


class Watch(keras.callbacks.Callback):
    """Reports each epoch, and ends a training whose loss is no number."""

    def __init__(self, report: Callable[[str], None], title: str):
        super().__init__()
        self.report, self.title = report, title

    def on_epoch_end(self, epoch, logs=None):
        epochs, loss = self.params["epochs"], logs["loss"]
        self.report(f"{self.title}epoch {epoch + 1}/{epochs}, loss {loss:.4g}")
        if not math.isfinite(logs["loss"]):
            raise DivergedError(f"the loss became {logs['loss']} in epoch {epoch + 1}")


class Measured(keras.callbacks.Callback):
    """Measures the objective after each epoch; ends a training that is poor, or gets no better.

    `EarlyStopping` of Keras looks at the loss, whose meaning differs from trial to trial.

    Args:
        patience: Epochs without a better objective after which training ends, and the best weights
            are taken back; None: never.
        medians: Of earlier trials after each epoch, see `medians`: a training whose best so far is
            worse ends.

    Attributes:
        curve: The objective after each epoch.
        is_pruned: Whether it was ended by the medians.
    """

    def __init__(
        self,
        objective: Objective,
        validation,
        patience: int | None = None,
        medians: Sequence[float] = (),
    ):
        super().__init__()
        self.objective, self.validation = objective, validation
        self.patience, self.medians = patience, medians
        self.curve: list[float] = []
        self.best, self.best_epoch, self.weights = math.nan, 0, None
        self.is_pruned = False

    @property
    def score(self) -> float:
        """Of the weights that the model has at the end."""
        return self.curve[-1] if self.patience is None else self.best

    def on_epoch_end(self, epoch, logs=None):
        score = self.objective.measure(self.model, self.validation)
        self.curve.append(score)
        if not math.isfinite(self.best) or self.objective.is_better(score, self.best):
            self.best, self.best_epoch = score, epoch
            if self.patience is not None:
                self.weights = self.model.get_weights()
        elif self.patience is not None and epoch - self.best_epoch >= self.patience:
            self.model.stop_training = True
        if _FIRST_PRUNED <= epoch < len(self.medians):
            self.is_pruned = self.objective.is_better(self.medians[epoch], self.best)
            self.model.stop_training = self.model.stop_training or self.is_pruned

    def on_train_end(self, logs=None):
        if self.weights is not None:
            self.model.set_weights(self.weights)


def medians(records: Iterable[dict[str, Any]], direction: str) -> tuple[float, ...]:
    """Returns the median of the trials' best so far after each epoch.

    Args:
        records: Of trials that ended, with `curves`: one for each execution.
        direction: Of the objective, `"min"` or `"max"`.

    Returns:
        One for each epoch that five trials reached.

    Reference: Golovin et al., 2017, Sec. 3.2.1. https://doi.org/10.1145/3097983.3098043
    """
    pick = np.minimum if direction == "min" else np.maximum
    curves = [pick.accumulate(record["curves"][0]) for record in records if record.get("curves")]
    found = []
    for epoch in range(max(map(len, curves), default=0)):
        reached = [curve[epoch] for curve in curves if len(curve) > epoch]
        if len(reached) < FEWEST_CURVES:
            break
        found.append(float(np.median(reached)))
    return tuple(found)
