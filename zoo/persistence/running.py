"""Files that were exported, run on images: what they give, and whether it is as good."""

import contextlib
import dataclasses
import importlib.util
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from zoo.checks import MOST_LOSS_OF_QUALITY

SUFFIXES = (".keras", ".onnx", ".tflite", ".xml")
_NEEDS = {".onnx": "onnxruntime", ".xml": "openvino"}


@dataclasses.dataclass(frozen=True)
class Loaded:
    """A file that is ready to run: called with images, it gives their predictions.

    Attributes:
        run: From images `(n, height, width, channels)`, float32, to predictions.
        makes_masks: Whether predictions are probabilities of classes, pixel by pixel; None where
            the file does not tell, as exported ones.
    """

    run: Callable[[np.ndarray], np.ndarray]
    makes_masks: bool | None = None

    def __call__(self, images: np.ndarray) -> np.ndarray:
        return self.run(images)


def load(path, num_threads: int | None = None) -> Loaded:
    """Returns what runs a file on images `(n, height, width, channels)`.

    Called with images of another shape than the model takes, it raises ValueError.

    Args:
        path: `.keras`, `.onnx`, `.tflite`, or the `.xml` of OpenVINO.
        num_threads: Of an operation; None: as many as there are cores.

    Raises:
        ValueError: for another suffix, or a model that does not take images alone.
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


def of_keras(path, num_threads: int | None = None) -> Loaded:
    """Returns what `load` does, for a `.keras` file or the name of trained weights."""
    from zoo.persistence import saving

    model = saving.load(path)
    example = model.example_inputs()
    _check_alone(path, list(example) if isinstance(example, dict) else ["image"])
    return Loaded(
        lambda images: np.asarray(
            model.predict(images, batch_size=len(images), verbose=0), "float32"
        ),
        makes_masks=model.task == "segmentation",
    )


def _check_alone(path, names: Sequence[str]) -> None:
    if len(names) != 1:
        raise ValueError(
            f"{path} must take images alone. Received: a model of {' and '.join(names)}. "
            "Run it by its own library."
        )


def _checked(path, shape: Sequence, run: Callable[[np.ndarray], np.ndarray]) -> Loaded:
    """Returns what runs a file, and refuses images of another shape than that of its input.

    TFLite would run on them all the same, and give numbers that mean nothing.

    Args:
        shape: Of the input; the parts that are no number above 0 are free.
    """
    free = [n if isinstance(n, int | np.integer) and n > 0 else None for n in shape[1:]]

    def checked(images: np.ndarray) -> np.ndarray:
        fits = len(free) == images.ndim - 1 and all(
            wanted in (None, given) for wanted, given in zip(free, images.shape[1:], strict=True)
        )
        if not fits:
            wanted = ", ".join("any" if n is None else str(n) for n in free)
            raise ValueError(
                f"{path} must be given images of shape ({wanted}). Received: {images.shape[1:]}."
            )
        return run(images)

    return Loaded(checked)


def _of_onnx(path: Path, num_threads: int):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    session = onnxruntime.InferenceSession(
        str(path), options, providers=onnxruntime.get_available_providers()
    )
    _check_alone(path, [part.name for part in session.get_inputs()])
    (given,) = session.get_inputs()
    return _checked(path, given.shape, lambda images: session.run(None, {given.name: images})[0])


def _of_tflite(path: Path, num_threads: int):
    made_by = _interpreter()
    with silent(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        interpreter = made_by(model_path=str(path), num_threads=num_threads)
    _check_alone(path, [part["name"] for part in interpreter.get_input_details()])
    given, put_out = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    shapes: list[tuple[int, ...]] = []

    def run(images):
        if shapes != [images.shape]:
            with silent():
                interpreter.resize_tensor_input(given["index"], images.shape)
                interpreter.allocate_tensors()
            shapes[:] = [images.shape]
        interpreter.set_tensor(given["index"], images)
        interpreter.invoke()
        return interpreter.get_tensor(put_out["index"])

    return _checked(path, given["shape_signature"], run)


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
    _check_alone(path, [next(iter(part.get_names()), "an input") for part in compiled.inputs])
    shape = compiled.inputs[0].get_partial_shape()
    free = [None if part.is_dynamic else part.get_length() for part in shape]
    return _checked(path, free, lambda images: compiled(images)[0])


_LOADERS = {
    ".keras": of_keras,
    ".onnx": _of_onnx,
    ".tflite": _of_tflite,
    ".xml": _of_openvino,
}


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Keeps what C++ code writes to standard error out of the terminal."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nothing:
            os.dup2(nothing.fileno(), 2)
            try:
                yield
            finally:
                os.dup2(kept, 2)
    finally:
        os.close(kept)


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


def fidelity(
    images: np.ndarray,
    predicted: np.ndarray,
    reference: np.ndarray,
    makes_masks: bool | None = None,
) -> Fidelity:
    """Compares predictions of a file with those of its model.

    Args:
        images: What both were given.
        predicted, reference: Of the file and of the model, `(n, ...)`: reconstructions, whose
            squared error counts, or probabilities of classes; those of one channel are cut at 0.5.
        makes_masks: Whether they are probabilities, as `Loaded` tells. None: where they have not
            the shape of the images.

    Raises:
        ValueError: if the predictions of the file and the model have different shapes.
    """
    if predicted.shape != reference.shape:
        raise ValueError(
            f"fidelity: predicted must have shape {reference.shape}, as those of the model. "
            f"Received: {predicted.shape}. They are of different models."
        )
    if makes_masks is None:
        makes_masks = reference.shape != images.shape
    if not makes_masks:
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
