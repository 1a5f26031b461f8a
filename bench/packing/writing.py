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

TOLERANCE = 1e-3  # of a pixel in [0, 1], between the weights of the file and those of the training
# Bits of a weight that are tried, fewest first: float16, then float32 whose last ones are 0.
_BITS = (16, 20, 21, 22, 23, 25, 32)
NUM_IMAGES = 1_000  # of the validation split, that outputs are compared on and scores are of
_COLORS = {1: "grey", 3: "rgb"}


def hush() -> None:
    """Lets TensorFlow not warn of each new model that predicts."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def pack(choice: Choice, dataset, about: dict[str, Any]) -> Packed:
    """Makes the file of a training: weights in so few bits that no output moves by over 1e-3.

    Zeros at the end of a float32 take no room in a compressed file: with 12 of the 23 bits of its
    fraction it is three quarters as large.

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
    values = [keras.ops.convert_to_numpy(weight) for weight in model.weights]

    def difference_of(other) -> float:
        return float(np.max(np.abs(other.predict(inputs, verbose=0) - expected)))

    for bits in _BITS:
        kept = [rounded(value, bits) for value in values]
        for weight, value in zip(model.weights, kept, strict=True):
            weight.assign(value)
        if difference_of(model) <= TOLERANCE:
            break
    arrays = {f"{number:03d}": value for number, value in enumerate(kept)}
    arrays = {pretrained.HEADER: np.frombuffer(header, "uint8"), **arrays}
    difference = difference_of(from_arrays(arrays, choice.name))
    if not difference <= TOLERANCE:
        raise BenchError(
            f"{choice.name}: the model that is made of the weights gives other outputs, by "
            f"{difference:.2g}. Train it again."
        )
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    dtype = "float16" if bits == _BITS[0] else "float32"
    return Packed(choice.name, stream.getvalue(), dtype, bits, difference, about)


def rounded(values: np.ndarray, bits: int) -> np.ndarray:
    """Returns floats as float16 for 16 bits, else as float32 rounded to so many; others unchanged.

    Of 17 to 32 bits 9 are sign and exponent; those that are left out at the end are 0.
    """
    if not np.issubdtype(values.dtype, np.floating):
        return values
    if bits == _BITS[0]:
        return values.astype("float16")
    left_out = 32 - bits
    values = np.asarray(values, "float32")
    if not left_out:
        return values
    half, last = np.uint32(1 << (left_out - 1)), np.uint32((1 << left_out) - 1)
    return ((values.view("uint32") + half) & ~last).view("float32")


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
