"""Files that were exported, run on images: what they give, and whether it is as good."""

import contextlib
import dataclasses
import importlib.util
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from zoo.checks import MOST_LOSS_OF_QUALITY

SUFFIXES = (".keras", ".onnx", ".tflite", ".xml")
_NEEDS = {".onnx": "onnxruntime", ".xml": "openvino"}


def load(path, num_threads: int | None = None) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function from images `(n, height, width, channels)` to a file's predictions.

    Args:
        path: `.keras`, `.onnx`, `.tflite`, or the `.xml` of OpenVINO.
        num_threads: Of an operation; None: as many as there are cores.

    Raises:
        ValueError: for another suffix.
        ImportError: if what runs it is not installed.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ValueError(
            f"load: path must end in one of {', '.join(SUFFIXES)}. Received: {str(path)!r}."
        )
    need = _NEEDS.get(path.suffix)
    if need is not None and importlib.util.find_spec(need) is None:
        raise ImportError(f"load: {path} needs {need}. Run: pip install {need}")
    num_threads = num_threads or os.cpu_count() or 1
    return _LOADERS[path.suffix](path, num_threads)


def _of_keras(path: Path, num_threads: int):
    from zoo.persistence import saving

    model = saving.load(path)
    return lambda images: np.asarray(
        model.predict(images, batch_size=len(images), verbose=0), "float32"
    )


def _of_onnx(path: Path, num_threads: int):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    session = onnxruntime.InferenceSession(
        str(path), options, providers=onnxruntime.get_available_providers()
    )
    (given,) = session.get_inputs()
    return lambda images: session.run(None, {given.name: images})[0]


def _of_tflite(path: Path, num_threads: int):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        interpreter = _interpreter()(model_path=str(path), num_threads=num_threads)
    given, put_out = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    shapes: list[tuple[int, ...]] = []

    def run(images):
        if shapes != [images.shape]:
            interpreter.resize_tensor_input(given["index"], images.shape)
            interpreter.allocate_tensors()
            shapes[:] = [images.shape]
        interpreter.set_tensor(given["index"], images)
        interpreter.invoke()
        return interpreter.get_tensor(put_out["index"])

    return run


def _interpreter():
    with contextlib.suppress(ImportError):
        from ai_edge_litert.interpreter import Interpreter

        return Interpreter
    import tensorflow as tf

    return tf.lite.Interpreter


def _of_openvino(path: Path, num_threads: int):
    import openvino

    settings = {
        "INFERENCE_PRECISION_HINT": "f32",  # else bfloat16 where the processor has it
        "INFERENCE_NUM_THREADS": num_threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    compiled = openvino.compile_model(str(path), "CPU", settings)
    return lambda images: compiled(images)[0]


_LOADERS = {
    ".keras": _of_keras,
    ".onnx": _of_onnx,
    ".tflite": _of_tflite,
    ".xml": _of_openvino,
}


@dataclasses.dataclass(frozen=True)
class Fidelity:
    """How good the predictions of a file are beside those of the model it was made of.

    Attributes:
        measure: `"squared error"` of predictions against the images, or `"changed pixels"`, the
            share whose class is another.
        value, reference: Of the file and of the model; `reference` is 0 for changed pixels.
        num_images: That both were run on.
    """

    measure: str
    value: float
    reference: float
    num_images: int

    @property
    def loss(self) -> float:
        """Returns how much worse the file is, as a share; negative where it is better."""
        if not self.reference:
            return self.value
        return (self.value - self.reference) / self.reference

    @property
    def is_as_good(self) -> bool:
        """Tells whether nothing is lost, or at most 0.1 %."""
        return self.loss <= MOST_LOSS_OF_QUALITY

    @property
    def text(self) -> str:
        """Returns it as half a sentence."""
        verdict = "as good" if self.is_as_good else "NOT as good: more than 0.1 % is lost"
        if self.measure == "changed pixels":
            return f"{100 * self.value:.2g} % of pixels change their class: {verdict}"
        change = f"{100 * abs(self.loss):.2g} % {'above' if self.loss > 0 else 'below'}"
        return f"squared error {self.value:.4g}, {change} that of the model: {verdict}"


def fidelity(images: np.ndarray, predicted: np.ndarray, reference: np.ndarray) -> Fidelity:
    """Compares predictions of a file with those of its model.

    Args:
        images: What both were given.
        predicted, reference: Of the file and of the model, `(n, ...)`. Where they have the shape of
            the images, they are reconstructions: the squared error counts. Else they are
            probabilities of classes: those of one channel are cut at 0.5.
    """
    if reference.shape == images.shape:
        of_file, of_model = (
            float(np.mean((np.asarray(part, "float64") - images) ** 2))
            for part in (predicted, reference)
        )
        return Fidelity("squared error", of_file, of_model, len(images))
    changed = _classes(predicted) != _classes(reference)
    return Fidelity("changed pixels", float(changed.mean()), 0.0, len(images))


def _classes(probabilities: np.ndarray) -> np.ndarray:
    if probabilities.shape[-1] == 1:
        return probabilities[..., 0] > 0.5
    return probabilities.argmax(axis=-1)
