"""Makes a model of your own for a job, and refuses one that cannot be measured, with the fix.

A function gives a `keras.Model` of images to images or masks, or a detector: an object with
`fit(X)` and `decision_function(X)`, as scikit-learn and PyOD have.
"""

import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np

from bench.data import tasks
from bench.data.dataset import Dataset
from bench.evaluation import fit
from bench.evaluation.own_detectors import Detector
from bench.runs.job import Job
from bench.runs.own import Source
from zoo import checks
from zoo.persistence import saving
from zoo.registry import pretrained
from zoo.training.model import ZooModel

_NUM_TRIED = 2  # images that a model is called on before the work


class OwnModelError(ValueError):
    """A model of your own cannot be measured; the text says what is missing."""


def output_shape(dataset: Dataset) -> tuple[int, ...]:
    """Returns the shape that a model has to give: of the images, or of masks by class."""
    if dataset.task != "segmentation":
        return tuple(dataset.image_shape)
    classes = dataset.num_mask_classes
    return (*dataset.image_shape[:-1], 1 if classes <= 2 else classes)


def make(job: Job, dataset: Dataset) -> keras.Model | Detector:
    """Makes the model or the detector of a job, from its seed, compiled where it is trained.

    Raises:
        OwnModelError: for what cannot be imported, built or measured.
    """
    source = job.source
    keras.utils.set_random_seed(job.seed)
    if job.is_trained and job.config.precision is not None:
        keras.config.set_dtype_policy(job.config.precision)
    made = _load(source) if source.origin == "file" else _build(source, job, dataset)
    if not isinstance(made, keras.Model):
        return _as_detector(source, made, dataset)
    _check_model(source, made, dataset)
    if source.is_trained:
        _compile(source, made, job, dataset)
    return made


# --- making ---------------------------------------------------------------------------------


def _load(source: Source) -> keras.Model:
    try:
        if pretrained.find(source.path) is not None:
            return saving.load(source.path)
        return keras.saving.load_model(source.path)
    except (TypeError, ValueError, OSError, KeyError, AttributeError) as error:
        raise OwnModelError(
            f"{source.name}: cannot be loaded ({checks.one_line(error, 200)}). Where it needs "
            "classes of your own, give a function that imports them and returns "
            f"keras.saving.load_model(...): my_module:build"
        ) from error


def _build(source: Source, job: Job, dataset: Dataset) -> Any:
    member = _member(source)
    if isinstance(member, keras.Model):
        raise OwnModelError(
            f"{source.name}: is a model that is there once, and each seed needs a fresh one. "
            "Make it a function that returns it."
        )
    if not callable(member):
        return member  # a detector
    given = dict(job.arguments)
    values = {
        "image_shape": tuple(dataset.image_shape),
        "output_shape": output_shape(dataset),
        "seed": job.seed,
        "random_state": job.seed,
    }
    try:
        parameters = inspect.signature(member).parameters
    except (TypeError, ValueError):  # of compiled code
        parameters = {}
    takes_all = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    unknown = [name for name in given if name not in parameters and not takes_all]
    if unknown and parameters:
        raise OwnModelError(
            f"{source.name}: takes no {unknown[0]!r}.{checks.suggestion(unknown[0], parameters)} "
            f"Its parameters: {', '.join(parameters)}."
        )
    given = {name: value for name, value in values.items() if name in parameters} | given
    lacking = [
        each.name
        for each in parameters.values()
        if each.default is each.empty
        and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
        and each.name not in given
    ]
    if lacking:
        raise OwnModelError(
            f"{source.name}: needs {', '.join(lacking)}, and is given only {', '.join(values)}. "
            f"Write {source.text}:{lacking[0]}=..., or give defaults."
        )
    try:
        made = member(**given)
    except Exception as error:
        raise OwnModelError(f"{source.name}: failed ({checks.one_line(error, 300)}).") from error
    takes_images = getattr(member, "takes_images", None)
    if takes_images is not None and not isinstance(made, keras.Model):
        made.takes_images = takes_images
    return made


def _member(source: Source) -> Any:
    for folder in reversed(source.folders):
        if folder in sys.path:
            sys.path.remove(folder)
        sys.path.insert(0, folder)
    try:
        found = _module(source)
        for part in source.attribute.split("."):
            found = getattr(found, part)
    except Exception as error:
        raise OwnModelError(
            f"{source.name}: cannot be imported ({checks.one_line(error, 300)})."
        ) from error
    return found


def _module(source: Source) -> Any:
    if source.module is not None:
        return importlib.import_module(source.module)
    name = Path(source.path).stem
    is_taken = not name.isidentifier() or name in sys.modules
    if is_taken or importlib.util.find_spec(name).origin != source.path:
        name = f"own_{source.sha256[:8]}"  # another module has the name of the file
    spec = importlib.util.spec_from_file_location(name, source.path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # so that what it defines can be pickled
    spec.loader.exec_module(module)
    return module


# --- checking -------------------------------------------------------------------------------


def _as_detector(source: Source, made: Any, dataset: Dataset) -> Detector:
    if not (hasattr(made, "fit") or hasattr(made, "decision_function")):
        raise OwnModelError(
            f"{source.name}: must return a keras.Model, or a detector with fit(X) and "
            f"decision_function(X). Received: {type(made).__module__}.{type(made).__name__}."
        )
    try:
        detector = Detector(source.name, made)
    except ValueError as error:
        raise OwnModelError(str(error)) from error
    if dataset.task != "anomaly":
        raise OwnModelError(
            f"{source.name}: is a detector, which is for anomalies. Received: {dataset.name}, "
            f"whose task is {dataset.task}. Give --normal-classes all, or data with defects."
        )
    return detector


def _check_model(source: Source, model: keras.Model, dataset: Dataset) -> None:
    """Calls the model on a few images and compares what it gives with what it has to give."""
    if isinstance(model, ZooModel):
        _check_of_zoo(source, model, dataset)
        return
    images, wanted = dataset.test.images[:_NUM_TRIED], output_shape(dataset)
    try:
        found = model(keras.ops.convert_to_tensor(images), training=False)
    except Exception as error:
        fix = "A function may take image_shape and output_shape."
        if source.origin == "file":
            fix = "A saved model is measured on images of the shape that it was made for."
        raise OwnModelError(
            f"{source.name}: cannot be called on images of {_shape(dataset.image_shape)} "
            f"({checks.one_line(error, 300)}). {fix}"
        ) from error
    shape = getattr(found, "shape", None)
    if shape is None or tuple(shape) != (len(images), *wanted):
        received = type(found).__name__ if shape is None else _shape(tuple(shape))
        what = "masks" if dataset.task == "segmentation" else "images"
        raise OwnModelError(
            f"{source.name}: must give {what} of {_shape((len(images), *wanted))} for a batch of "
            f"{_shape(images.shape)}. Received: {received}."
        )
    values = np.asarray(keras.ops.convert_to_numpy(found), "float64")
    if not np.isfinite(values).all():
        raise OwnModelError(
            f"{source.name}: gives NaN or infinity for {np.sum(~np.isfinite(values)):,} of "
            f"{values.size:,} numbers, before any training. Look at its layers and their start."
        )
    is_bad = dataset.task == "segmentation" and (values.min() < -1e-6 or values.max() > 1 + 1e-6)
    if is_bad:
        raise OwnModelError(
            f"{source.name}: masks must be probabilities in [0, 1]. Received: {values.min():.3g} "
            f"to {values.max():.3g}. End it by a sigmoid, or a softmax over classes."
        )


def _check_of_zoo(source: Source, model: ZooModel, dataset: Dataset) -> None:
    if tuple(model.image_shape) != tuple(dataset.image_shape):
        fix = "A function may take image_shape."
        if source.origin == "file":
            fix = "Give images of its shape; --resize makes those of a folder so."
        raise OwnModelError(
            f"{source.name}: is for images of {_shape(model.image_shape)}, and those of "
            f"{dataset.name} are {_shape(dataset.image_shape)}. {fix}"
        )
    lacks = tasks.incompatibility(model.task, dataset, is_one_class=dataset.task == "anomaly")
    if lacks is not None:
        raise OwnModelError(f"{source.name}: does not fit these data: it {lacks}.")


def _compile(source: Source, model: keras.Model, job: Job, dataset: Dataset) -> None:
    """Compiles a model that is not: Adam, and MSE of images or cross-entropy of masks."""
    if getattr(model, "optimizer", None) is not None:
        return
    settings: dict[str, Any] = {
        "jit_compile": job.config.jit_compile,
        "steps_per_execution": job.config.steps_per_execution,
    }
    if not isinstance(model, ZooModel):
        if "train_step" in fit.own_steps(model):
            raise OwnModelError(
                f"{source.name}: has a train_step of its own and is not compiled. Call "
                "model.compile(optimizer) in the function."
            )
        settings["loss"] = _loss(source, dataset)
    model.compile(fit.optimizer(job, dataset), **settings)


def _loss(source: Source, dataset: Dataset):
    if dataset.task != "segmentation":
        return "mean_squared_error"
    void = dataset.ignore_label
    if dataset.num_mask_classes > 2:
        return keras.losses.SparseCategoricalCrossentropy(ignore_class=void)
    if void is not None:
        raise OwnModelError(
            f"{source.name}: is not compiled, and these masks have void pixels ({void}), which "
            "binary cross-entropy would take as a class. Compile it with a loss that leaves them "
            "out."
        )
    return "binary_crossentropy"


def _shape(shape) -> str:
    return " x ".join(map(str, shape))
