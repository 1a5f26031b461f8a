"""A model of the zoo for keras-tuner's own tuners: of its space, scored by a fair measure."""

from collections.abc import Mapping
from typing import Any

import keras
import keras_tuner
import numpy as np

import zoo
from bench.data.dataset import Split
from bench.errors import BenchError, user_errors
from bench.records.config import PRECISIONS
from tuner.space import ready
from tuner.space.hypermodel import ZooHyperModel
from tuner.space.space import narrow
from tuner.trials import objectives
from zoo import checks

_OWNER = "tuner.hypermodel"
_NAMED = ("name", "image_shape", "objective", "space", "num_train", "num_classes")
_SETTINGS = ("precision", "seed", "max_parameters", "max_macs")


class MeasuredHyperModel(ZooHyperModel):
    """Adds the objective to the logs of each epoch, as `"val_"` and its name.

    Args:
        measure: What the validation data are measured by.
        Others: see `ZooHyperModel`.
    """

    def __init__(self, *args, measure: objectives.Objective, **kwargs):
        super().__init__(*args, **kwargs)
        self.measure = measure

    @property
    def objective(self) -> keras_tuner.Objective:
        """What a tuner of keras-tuner takes as its `objective`."""
        return keras_tuner.Objective(f"val_{self.measure.name}", self.measure.direction)

    def fit(self, hp, model, *args, validation_data=None, callbacks=(), **kwargs):
        """Trains with the batch size of these values, and measures after each epoch.

        Args:
            validation_data: Images, or `(images, targets or labels)`: what is measured. Keras does
                not evaluate them beside.

        Raises:
            ValueError: without validation data, or for a tuple of more than two.
        """
        if validation_data is None:
            raise ValueError(
                f"{_OWNER}: validation_data must be given, as the objective is measured on it. "
                "Received: None. Write tuner.search(x, validation_data=x_validation)."
            )
        measured = _Measured(self.measure, _split(model.task, validation_data))
        return super().fit(hp, model, *args, callbacks=[measured, *callbacks], **kwargs)


class _Measured(keras.callbacks.Callback):
    """Writes the objective into the logs, which later callbacks and the history see."""

    looks_at_batches = False

    def __init__(self, objective: objectives.Objective, split: Split):
        super().__init__()
        self.objective, self.split = objective, split

    def on_epoch_end(self, epoch, logs=None):
        logs[f"val_{self.objective.name}"] = self.objective.measure(self.model, self.split)


def _split(task: str, data: Any) -> Split:
    parts = data if isinstance(data, tuple) else (data,)
    if len(parts) not in (1, 2):
        raise ValueError(
            f"{_OWNER}: validation_data must be images, or (images, targets or labels). "
            f"Received: a tuple of {len(parts)}."
        )
    x, y = (*parts, None)[:2]
    if isinstance(x, Mapping):  # of conditional models
        return Split(np.asarray(x["image"]), np.asarray(x["label"]))
    if y is None:
        return Split(np.asarray(x))
    is_label = task in ("semi_supervised", "debiasing")
    return Split(np.asarray(x), **{"labels" if is_label else "targets": np.asarray(y)})


def measured(
    name: str,
    image_shape: tuple[int, ...],
    *,
    objective: str | None = None,
    space: Mapping[str, Any] | None = None,
    num_train: int | None = None,
    num_classes: int | None = None,
    **settings: Any,
) -> MeasuredHyperModel:
    """Returns the model of a name with its whole search space, or with a part of it.

    Args:
        name: Registry name.
        image_shape: Of the images, without the batch.
        objective: See `tuner.trials.objectives`; None: `"psnr"`, of masks `"iou"`.
        space: What narrows the space, as `tuner.space.space.narrow` takes it:
            `{"latent_dim": [4, 8], "beta": 1.0, "learning_rate": "0.001..0.01"}`.
        num_train: Number of training images; it gives the batch size's default.
        num_classes: Of models that take labels or give masks of several classes.
        **settings: Of `ZooHyperModel`: `precision`, `seed`, `max_parameters`, `max_macs`.

    Raises:
        BenchError: for a name, an objective or a setting that is unknown or does not fit, and for
            a shape or a number out of range.
        TypeError: for an argument that there is not.
    """
    checks.known_arguments(_OWNER, settings, _SETTINGS, _NAMED)
    with user_errors():
        shape = checks.image_shape(_OWNER, image_shape)
        _check_numbers({"num_train": num_train, "num_classes": num_classes, **settings})
    if not isinstance(space, Mapping | None):
        raise BenchError(
            f"{_OWNER}: space must be a dict such as {{'latent_dim': [4, 8]}}. "
            f"Received: space={space!r}."
        )
    whole = ready.for_data(ready.get(name), shape, num_train)
    given = dict(space or {})
    measure = _objective(objective or objectives.default_name(name), name)
    part, _ = objectives.hold_fixed(narrow(whole, given), measure, given)
    arguments = {} if num_classes is None else {"num_classes": num_classes}
    return MeasuredHyperModel(part, shape, arguments=arguments, measure=measure, **settings)


def _check_numbers(given: Mapping[str, Any]) -> None:
    for name in ("num_train", "num_classes", "max_parameters", "max_macs"):
        if given.get(name) is not None:
            checks.positive_int(_OWNER, **{name: given[name]})
    checks.seed_number(_OWNER, given.get("seed"))
    checks.one_of(_OWNER, precision=(given.get("precision", PRECISIONS[0]), PRECISIONS))


def _objective(name: str, model: str) -> objectives.Objective:
    kind = "masks" if zoo.get(model).model_class.task == "segmentation" else "images"
    known = [each.name for each in objectives.OBJECTIVES.values() if each.kind == kind]
    if name not in known:
        raise BenchError(
            f"{_OWNER}: objective must be one of {', '.join(known)} for {model!r}. "
            f"Received: objective={name!r}.{checks.suggestion(name, known)}"
        )
    return objectives.OBJECTIVES[name]
