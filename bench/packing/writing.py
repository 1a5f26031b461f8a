"""Trained models become files of weights and their index, checked by what they give."""

import dataclasses
import hashlib
import io
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

import zoo
from bench.data import tasks
from bench.errors import BenchError, user_errors
from bench.packing.choosing import Choice
from bench.records import store
from zoo import files
from zoo.persistence.saving import from_arrays
from zoo.registry import pretrained

MOST_BYTES = 15_000_000  # of all files
TOLERANCE = 1e-3  # of a pixel in [0, 1], between float16 and float32
NUM_IMAGES = 1_000  # of the validation split, that outputs are compared on and scores are of
_COLORS = {1: "grey", 3: "rgb"}


@dataclasses.dataclass(frozen=True)
class Packed:
    """A file of weights.

    Attributes:
        difference: Largest change of an output by float16.
    """

    name: str
    content: bytes
    dtype: str
    difference: float
    facts: dict[str, Any]

    @property
    def file(self) -> str:
        return f"{self.name}.npz"

    @property
    def row(self) -> dict[str, Any]:
        """Returns what the index says of it."""
        return {
            "file": self.file,
            "sha256": hashlib.sha256(self.content).hexdigest(),
            "num_bytes": len(self.content),
            "dtype": self.dtype,
            "facts": self.facts,
        }


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


def write(
    packed: Sequence[Packed], folder: Path, say: Callable[[str], None] = lambda text: None
) -> None:
    """Writes the files, then the index that names them; files of the index before it are removed.

    Raises:
        BenchError: if all together are larger than 15 MB, or the folder cannot be written.
    """
    total = sum(len(each.content) for each in packed)
    if total > MOST_BYTES:
        largest = sorted(packed, key=lambda each: -len(each.content))[:3]
        named = ", ".join(f"{each.name} {len(each.content) / 1e6:.2f}" for each in largest)
        raise BenchError(
            f"the weights take {total / 1e6:.1f} MB, and {MOST_BYTES / 1e6:g} MB is the limit. The "
            f"largest: {named}. Choose fewer by --models, or train smaller presets."
        )
    index = {"version": pretrained.VERSION, "weights": {each.name: each.row for each in packed}}
    before = _files_of(folder)
    try:
        for each in packed:
            with files.new_file(folder / each.file) as temporary:
                temporary.write_bytes(each.content)
            say(each.name)
        text = json.dumps(index, indent=1, ensure_ascii=False) + "\n"
        store.write_whole(folder / pretrained.INDEX, text.encode())
        for name in before - {each.file for each in packed}:
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise BenchError(f"cannot write to {folder}: {error.strerror}.") from error


def _files_of(folder: Path) -> set[str]:
    try:
        shelf = pretrained.pretrained(folder)
    except ValueError:  # none yet, or one that is damaged
        return set()
    return {each.path.relative_to(folder).as_posix() for each in shelf.values()}
