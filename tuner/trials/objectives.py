"""What a search looks for: measures that mean the same at every setting, on validation data.

A model's own loss is none of them: its weights and its likelihood are among what the search varies.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

import zoo
from bench.data import tasks
from bench.data.dataset import Dataset, Split
from bench.errors import BenchError
from bench.metrics import anomaly, reconstruction, segmentation
from tuner.space.parameters import Fixed
from tuner.space.space import Space
from zoo import checks

_ELBO_SAMPLES = 4


@dataclasses.dataclass(frozen=True)
class Objective:
    """A measure of a trained model.

    Attributes:
        direction: `"min"` or `"max"`.
        measure: Takes the model and the validation split.
        fixed: Parameters that change what is measured, and so may not vary.
        kind: `"images"`, `"masks"` or `"labels"`: what is measured.
        unit: For titles.
        test_field: Field of the harness's records with the same measure of the test split; empty:
            `"test_"` and the name. None: the harness has none.
    """

    name: str
    direction: str
    measure: Callable[[Any, Split], float]
    kind: str = "images"
    fixed: tuple[str, ...] = ()
    unit: str = ""
    test_field: str | None = ""

    def is_better(self, score: float, than: float) -> bool:
        return score < than if self.direction == "min" else score > than


def _predicted(model, split: Split) -> np.ndarray:
    from bench.evaluation import quality  # with Keras

    predictions = model.predict(
        tasks.inputs(model.task, split), batch_size=quality.TEST_BATCH_SIZE, verbose=0
    )
    predictions = np.asarray(predictions, dtype="float32")
    if not np.isfinite(predictions).all():
        raise FloatingPointError("the predictions hold NaN or infinity")
    return predictions


def _image_measure(function) -> Callable[[Any, Split], float]:
    return lambda model, split: float(function(split.target, _predicted(model, split)).mean())


def _mask_measure(name: str) -> Callable[[Any, Split], float]:
    def measure(model, split: Split) -> float:
        return segmentation.summary(split.targets, _predicted(model, split))[name]

    return measure


def _elbo(model, split: Split) -> float:
    x = tasks.inputs(model.task, split)
    return float(np.mean(model.elbo(x, num_samples=_ELBO_SAMPLES)))


def _auroc(model, split: Split) -> float:
    from zoo.anomalies import selection  # with Keras

    return anomaly.auroc(split.labels, selection.scores(model, split.images))


def _auroc_synthetic(model, split: Split) -> float:
    """AUROC of the images, all of them normal, against copies with drawn defects."""
    from zoo.anomalies import selection  # with Keras

    return selection.auroc_synthetic(model, split.images)


def _aucp(model, split: Split) -> float:
    """AUROC of known normals, every other one of the split, against all else, unlabelled."""
    from zoo.anomalies import selection  # with Keras

    is_known = np.zeros(len(split), bool)
    is_known[np.flatnonzero(split.labels == 0)[::2]] = True
    return selection.aucp(model, split.images[is_known], split.images[~is_known])


def _nll(model, split: Split) -> float:
    """The Gaussian negative log-likelihood of each image under mean and deviation predicted."""
    from scipy.stats import norm

    mean = _predicted(model, split).astype("float64")
    deviation = np.asarray(model.predict_uncertainty(split.images), dtype="float64")
    pixels = norm.logpdf(split.target, mean, deviation)
    return float(-pixels.reshape(len(pixels), -1).sum(axis=1).mean())


def _accuracy(model, split: Split) -> float:
    return tasks.classification(model, split)["test_accuracy"]


# How much of the image a masked autoencoder sees is part of its task, not of its quality.
_OF_IMAGES = {"fixed": ("mask_ratio",)}
_OBJECTIVES = (
    Objective("mse", "min", _image_measure(reconstruction.mse), **_OF_IMAGES),
    Objective("psnr", "max", _image_measure(reconstruction.psnr), **_OF_IMAGES, unit="dB"),
    Objective("ssim", "max", _image_measure(reconstruction.ssim), **_OF_IMAGES),
    Objective(
        *("elbo", "max", _elbo),
        fixed=("likelihood", "stochastic_encoder"),
        unit="nats per image",
    ),
    Objective("nll", "min", _nll, unit="nats per image", test_field=None),
    Objective("auroc", "max", _auroc),
    Objective("auroc_synthetic", "max", _auroc_synthetic, test_field=None),
    Objective("aucp", "max", _aucp, test_field=None),
    Objective(
        "dice", "max", _mask_measure("test_dice_image"), kind="masks", test_field="test_dice_image"
    ),
    Objective(
        "iou", "max", _mask_measure("test_iou_image"), kind="masks", test_field="test_iou_image"
    ),
    Objective("accuracy", "max", _accuracy, kind="labels"),
)
OBJECTIVES = {objective.name: objective for objective in _OBJECTIVES}
# What a model must be able to do to be measured.
_METHODS = {
    "elbo": "elbo",
    "accuracy": "classify",
    "nll": "predict_uncertainty",
    "auroc": "anomaly_score",
    "auroc_synthetic": "anomaly_score",
    "aucp": "anomaly_score",
}
_OF_SCORES = ("auroc", "auroc_synthetic", "aucp")
WITH_ANOMALIES = ("auroc", "aucp")  # among the validation images, for aucp without their labels


def default_name(model: str) -> str:
    """Returns the objective of a search that names none."""
    return {"segmentation": "iou", "features": "auroc_synthetic"}.get(zoo.get(model).task, "psnr")


def check(name: str, model: str) -> None:
    """Checks that a model can be measured by an objective, as far as that needs no data.

    Raises:
        BenchError: for an unknown name, or one that does not fit the model.
    """
    if name not in OBJECTIVES:
        raise BenchError(
            f"unknown objective {name!r}.{checks.suggestion(name, OBJECTIVES)} "
            f"Objectives: {', '.join(OBJECTIVES)}."
        )
    entry = zoo.get(model)
    of_masks = entry.task == "segmentation"
    if (OBJECTIVES[name].kind == "masks") != of_masks:
        fitting = [each.name for each in _OBJECTIVES if (each.kind == "masks") == of_masks]
        raise BenchError(
            f"--objective {name} is for {OBJECTIVES[name].kind}, and {model!r} gives "
            f"{'masks' if of_masks else 'images'}. Use one of {', '.join(fitting)}."
        )
    if entry.task == "features" and name not in _OF_SCORES:
        raise BenchError(
            f"--objective {name} is for images, and {model!r} rebuilds features. Use one of "
            f"{', '.join(_OF_SCORES)}."
        )
    method = _METHODS.get(name)
    if method is not None and not entry.has(method):
        able = [each for each in zoo.names() if zoo.get(each).has(method)]
        raise BenchError(
            f"--objective {name} needs a model with {method}(), unlike {model!r}. "
            f"These have it: {', '.join(able)}."
        )


def get(name: str, model: str, dataset: Dataset) -> Objective:
    """Returns an objective that the model and the data can be measured by.

    Raises:
        BenchError: for an unknown name, or one that does not fit.
    """
    check(name, model)
    if name == "accuracy" and not dataset.num_classes:
        raise BenchError("--objective accuracy needs labels, and the data have none.")
    if name in WITH_ANOMALIES and len(np.unique(_labels(dataset.validation))) != 2:
        raise BenchError(
            f"--objective {name} needs a validation split with anomalies. Take one class of "
            "labelled data as normal: --normal-class. Without anomalies use auroc_synthetic."
        )
    if name == "ssim":
        first = dataset.validation.target[:1]
        if reconstruction.ssim(first, first) is None:
            raise BenchError(
                "--objective ssim needs images of at least 7 x 7 pixels. "
                f"Received: {dataset.image_shape}. Use psnr."
            )
    return OBJECTIVES[name]


def _labels(split: Split) -> np.ndarray:
    return np.zeros(1) if split.labels is None else split.labels


def hold_fixed(
    space: Space, objective: Objective, settings: dict[str, Any]
) -> tuple[Space, list[str]]:
    """Fixes what changes the meaning of an objective.

    Args:
        settings: What the space was narrowed by.

    Returns:
        The space, and a note on each parameter that was free.

    Raises:
        BenchError: if a parameter was narrowed to several values that cannot be compared.
    """
    parameters, notes = dict(space.parameters), []
    for name in objective.fixed:
        parameter = parameters.get(name)
        if parameter is None or isinstance(parameter, Fixed):
            continue
        if name in settings:
            raise BenchError(
                f"--set {name} must be one value with --objective {objective.name}, which means "
                f"another thing for each. Received: {parameter}."
            )
        # Without a stochastic encoder there is no bound.
        value = True if name == "stochastic_encoder" else parameter.default
        parameters[name] = Fixed(value, parameter.when)
        notes.append(f"{name} stays {value}: {objective.name} means another thing for each value")
    return dataclasses.replace(space, parameters=parameters), notes
