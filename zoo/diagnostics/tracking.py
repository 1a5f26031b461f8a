"""The callback that tells trackers of a training."""

import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from zoo.tracking import runs, trackers


class Tracking(keras.callbacks.Callback):
    """Sends what each epoch tells to TensorBoard, MLflow or Weights & Biases.

    Names are those of `fit`'s history and of the records of `bench run`: `loss`, `val_loss`, the
    model's terms; at the end `train_seconds`. `bench run --track`, `zoo train --track` and
    `tuner search --track` do the same without a line of code. A tracker that fails is left out
    with a warning; the training goes on.

    Args:
        tracker: `"tensorboard"`, `"mlflow"` or `"wandb"`, or several.
        folder: Below it are `tensorboard/`, `mlflow.db` or `wandb/`.
        name: Of the run; None: that of the model.
        settings: Plain data to show with the run, beside the model's own arguments.
        project: Experiment of MLflow, project of W&B.

    Raises:
        ValueError: for an unknown tracker, or a package that is missing.

    Example:
        >>> import tempfile, numpy as np
        >>> images = np.random.default_rng(0).random((64, 8, 8, 1), "float32")
        >>> model = zoo.create("autoencoder", (8, 8, 1), preset="tiny")
        >>> model.compile("adam")
        >>> tracking = zoo.callbacks.Tracking("tensorboard", tempfile.mkdtemp())
        >>> _ = model.fit(images, callbacks=[tracking], verbose=0)
    """

    looks_at_batches = False

    def __init__(
        self,
        tracker: str | Sequence[str],
        folder: str | Path = runs.FOLDER,
        *,
        name: str | None = None,
        settings: Mapping[str, Any] | None = None,
        project: str = trackers.PROJECT,
    ):
        super().__init__()
        names = [tracker] if isinstance(tracker, str) else list(tracker)
        self._runs = runs.Runs(names, Path(folder), project, _warn)
        self.name, self.settings = name, dict(settings or {})
        self._epoch, self._key = 0, ""

    def on_train_begin(self, logs=None):
        self._started, self._epoch = time.perf_counter(), 0
        own = {"num_parameters": self.model.count_params()}
        if hasattr(self.model, "argument_names"):
            config = self.model.get_config()
            names = [name for name in self.model.argument_names() if name in config]
            own |= {"model": self.model.registry_name, **{name: config[name] for name in names}}
        self._key = f"{self.name or self.model.name} {time.time():.0f}"
        self._runs.start(self._key, self.name or self.model.name, own | self.settings)

    def on_epoch_end(self, epoch, logs=None):
        self._epoch = epoch + 1
        values = {name: float(value) for name, value in (logs or {}).items()}
        self._runs.step(self._key, self._epoch, values)

    def on_train_end(self, logs=None):
        seconds = time.perf_counter() - self._started
        self._runs.step(self._key, self._epoch, {"train_seconds": seconds})
        self._runs.end(self._key)

    def stop(self, error: str = "stopped") -> None:
        """Ends a run whose `fit` ended by an exception."""
        self._runs.end(self._key, error)


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=2)
