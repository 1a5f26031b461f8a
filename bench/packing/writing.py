"""Trained models become files of weights, checked by what they give."""

import dataclasses
import io
import json
import logging
from typing import Any

import keras
import numpy as np

import zoo
from bench.data import tasks
from bench.errors import BenchError, user_errors
from bench.packing.choosing import Choice
from bench.packing.shelf import Packed
from zoo.persistence.saving import from_arrays
from zoo.registry import pretrained

TOLERANCE = 1e-3  # of a pixel in [0, 1], between float16 and float32
NUM_IMAGES = 1_000  # of the validation split, that outputs are compared on and scores are of
_COLORS = {1: "grey", 3: "rgb"}


def hush() -> None:
    """Lets TensorFlow not warn of each new model that predicts."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def pack(choice: Choice, dataset, about: dict[str, Any]) -> Packed:
    """Makes the file of a training: weights in float16 where no output moves by more than 1e-3.

    The model gets its card: how image files are read for it, the names of classes, and a threshold
    of the anomaly score from validation images.

    Args:
        dataset: Of the training.
        about: See `bench.packing.facts`.

    Raises:
        BenchError: if the model's file is damaged.
    """
    with user_errors():
        model = zoo.load(choice.model_file)
    validation = dataset.validation.take(np.arange(min(NUM_IMAGES, dataset.num_validation)))
    _give_card(model, dataset, validation)
    inputs = tasks.inputs(model.task, validation)
    expected = model.predict(inputs, verbose=0)
    header = json.dumps(keras.saving.serialize_keras_object(model)).encode()
    found: dict[str, Any] = {}
    for dtype in ("float16", "float32"):
        arrays = {pretrained.HEADER: np.frombuffer(header, "uint8")}
        for number, weight in enumerate(model.weights):
            value = keras.ops.convert_to_numpy(weight)
            is_float = np.issubdtype(value.dtype, np.floating)
            arrays[f"{number:03d}"] = value.astype(dtype) if is_float else value
        again = from_arrays(arrays, choice.name).predict(inputs, verbose=0)
        found[dtype] = (arrays, float(np.max(np.abs(again - expected))))
        if found[dtype][1] <= TOLERANCE:
            break
    arrays, difference = found[dtype]
    if not difference <= TOLERANCE:
        raise BenchError(
            f"{choice.name}: the model that is made of the weights gives other outputs, by "
            f"{difference:.2g}. Train it again."
        )
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return Packed(choice.name, stream.getvalue(), dtype, found["float16"][1], about)


def _give_card(model, dataset, validation) -> None:
    shape = dataset.image_shape
    is_image = len(shape) == 3 and shape[-1] in _COLORS
    model.card = dataclasses.replace(
        model.card,
        resize=shape[:2] if is_image else None,
        color=_COLORS[shape[-1]] if is_image else None,
        class_names=dataset.class_names,
        trained_on=f"{dataset.name}, {dataset.num_train:,} images",
    )
    if hasattr(model, "anomaly_score") and dataset.task == "reconstruction":
        scores = np.asarray(model.anomaly_score(tasks.inputs(model.task, validation)))
        model.set_threshold(np.array([float(f"{score:.5g}") for score in scores]))
