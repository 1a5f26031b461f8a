"""Models for other programs: SavedModel, ONNX, TFLite and OpenVINO files that need no zoo."""

import contextlib
import logging
import re
import tempfile
import warnings
from pathlib import Path

import keras
import numpy as np

from zoo import checks
from zoo.files import is_taken, new_file, new_folder
from zoo.persistence import converters
from zoo.training.model import ZooModel

FORMATS = ("saved_model", "onnx", "tflite", "openvino")
_SUFFIXES = {"saved_model": "", "onnx": ".onnx", "tflite": ".tflite", "openvino": ".xml"}
# What is worth exporting where a model has it, for error messages.
_METHODS = (
    "call",
    "encode",
    "decode",
    "reconstruct",
    "anomaly_score",
    "score_map",
    "classify",
    "predict_uncertainty",
)


def export(
    model: ZooModel,
    path,
    format: str | None = None,  # noqa: A002
    *,
    method: str = "call",
    example=None,
    calibration=None,
    overwrite: bool = False,
) -> Path:
    """Writes what a model does, with its weights, for programs without Keras.

    The file maps images to predictions, as `model.predict` does, for batches of any size. It
    cannot be trained further: `model.save("name.keras")` keeps a model for that.

    - `saved_model`: a folder. `loaded = tf.saved_model.load(path)`, then `loaded.serve(images)`; or
      TensorFlow Serving.
    - `onnx`: one file. `onnxruntime.InferenceSession(path).run(None, {"image": images})`. Writing
      needs `pip install "keras-autoencoder-zoo[onnx]"`; running needs `onnxruntime` alone.
    - `tflite`: one file for `ai_edge_litert.interpreter.Interpreter`, made for small devices:
      `Interpreter(path).get_signature_runner("serve")(image=images)`. With `calibration` it
      computes on whole numbers of 8 bits, and its weights take a quarter.
    - `openvino`: a pair of files, `.xml` and `.bin`. `openvino.compile_model(path)(images)`.
      Writing needs `pip install "keras-autoencoder-zoo[openvino]"`.

    A model with several inputs, such as `{"image", "label"}`, takes the same dict in a SavedModel
    and one input of each name in ONNX. The ONNX output is called `"prediction"`, or has the name of
    the method. A method that returns a dict gives one output for each key.

    Args:
        model: A model of the zoo.
        path: Where to write: a folder without suffix, or a name that ends in `.onnx`, `.tflite` or
            `.xml`.
        format: `"saved_model"`, `"onnx"`, `"tflite"`, `"openvino"`, or `None` to tell by the suffix
            of `path`.
        method: What to export: `"call"`, or a method that maps a batch to a batch, such as
            `"encode"`, `"decode"`, `"anomaly_score"` or `"score_map"`.
        example: A batch of what the method takes, an array or a dict of arrays; only shapes, kinds
            and names are read. `None` means images, or codes for `"decode"`.
        calibration: Images as the model takes them, some dozens of those it will meet, for whole
            numbers of 8 bits in a TFLite file; None: float32. Quality then has to be measured:
            `zoo.persistence.running.fidelity`, or `python -m bench compare`.
        overwrite: Whether files that are there may be replaced. Other files in the folder stay.

    Returns:
        The path.

    Raises:
        ValueError: for an unknown format or method, a path whose suffix is of another format, or
            a calibration of another format than TFLite; also where the method fails with the
            example, or is not made of `keras.ops`.
        FileExistsError: if there is a file, or a folder that is not empty, and no `overwrite`.
        TypeError: if `model` is no model of the zoo, or the method does not take the example.
        ImportError: if the converter of the format is not installed.

    Files other than SavedModel are float32: a model with a mixed precision policy is converted from
    a float32 copy, so outputs differ by the rounding of the lower precision.

    Example:
        >>> import tempfile, zoo
        >>> model = zoo.create("autoencoder", image_shape=(8, 8, 1), preset="tiny")
        >>> folder = zoo.export(model, tempfile.mkdtemp(), method="anomaly_score")
    """
    if not isinstance(model, ZooModel):
        raise TypeError(
            "export: model must be a model of the zoo. "
            f"Received: {type(model).__name__}. Use keras.Model.export for others."
        )
    path = Path(path)
    example, calibration = _as_arrays("example", example), _as_arrays("calibration", calibration)
    format = _format_of(path) if format is None else format  # noqa: A001
    checks.one_of("export", format=(format, FORMATS))
    _check_path(path, format)
    written = (path, path.with_suffix(".bin")) if format == "openvino" else (path,)
    if not overwrite and any(map(is_taken, written)):
        raise FileExistsError(
            f"export: path must be new. Received: path={str(path)!r}, which exists. Choose another "
            "path, or give overwrite=True."
        )
    _check_method(model, method)
    if calibration is not None:
        if format != "tflite" or method != "call":
            raise ValueError(
                "export: calibration must be None but for 'tflite' and the method 'call'. "
                f"Received: format={format!r}, method={method!r}. Use a path that ends in .tflite."
            )
        model.check_inputs(calibration, "calibration")
    converters.check_installed(format)
    if format != "saved_model":
        model = _in_float32(model)
    example = _zeros_like(_default_example(model, method) if example is None else example)
    endpoint = _Endpoint(model, method, is_named=format == "onnx")
    try:
        endpoint(example)
    except Exception as error:  # of the model's layers, or of a method of the user's
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(
            f"export: method must take one batch. Received: method={method!r}, which fails with: "
            f"{_reason(error)}. Give a batch of what it takes as example=..."
        ) from error
    signature = [_signature(example, "code" if method == "decode" else "image")]
    if format == "onnx":
        with new_file(path) as temporary:
            _write(endpoint, temporary, signature, "onnx")
            converters.finish_onnx(temporary)
    elif format == "saved_model":
        with new_folder(path) as temporary:
            _write(endpoint, temporary, signature)
    else:
        with tempfile.TemporaryDirectory(prefix="zoo-export-") as scratch:
            _write(endpoint, Path(scratch), signature)
            if format == "tflite":
                converters.to_tflite(Path(scratch), path, calibration, example)
            else:
                converters.to_openvino(Path(scratch), path)
    return path


def _write(endpoint, path: Path, signature, keras_format: str = "tf_saved_model") -> None:
    try:
        with _quiet_converter():
            endpoint.export(str(path), keras_format, input_signature=signature, verbose=False)
    except OSError:
        raise
    except Exception as error:  # of whatever the method does
        raise ValueError(
            "export: method must be made of keras.ops, for batches of any size. "
            f"Received: method={endpoint.method!r}, which fails with: {_reason(error)}."
        ) from error


def _as_arrays(name: str, batch):
    """Returns a batch as arrays of numbers, whatever it came as."""

    def array(part):
        part = np.asarray(keras.ops.convert_to_numpy(part) if keras.ops.is_tensor(part) else part)
        if part.dtype.kind not in "biuf" and part.dtype.name != "bfloat16":
            raise TypeError(
                f"export: {name} must be an array of numbers, or a dict of arrays. "
                f"Received: {part.dtype} of shape {part.shape}."
            )
        return part

    if batch is None:
        return None
    return (
        {key: array(part) for key, part in batch.items()}
        if isinstance(batch, dict)
        else array(batch)
    )


def _reason(error: Exception) -> str:
    """Returns the line of an error of Keras or TensorFlow that says what went wrong."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines()
    told = [line.strip() for line in lines if line.strip()]
    told = told[1:] if told[1:] and told[0].startswith("Exception encountered") else told
    return told[0].rstrip(". ") if told else type(error).__name__


class _Endpoint(keras.Model):
    """Makes a method of one model the `call` of another."""

    def __init__(self, model: ZooModel, method: str, is_named: bool):
        super().__init__(name=model.name, dtype="float32")
        self.model = model
        self.method = method
        self.is_named = is_named
        self.built = True  # its one child is; otherwise Keras would trace it once more

    def call(self, inputs):
        if self.method == "call":
            outputs = self.model(inputs, training=False)
        else:
            outputs = getattr(self.model, self.method)(inputs)
        if self.is_named and not isinstance(outputs, dict):
            return {"prediction" if self.method == "call" else self.method: outputs}
        return outputs


def _format_of(path: Path) -> str:
    formats = {suffix: name for name, suffix in _SUFFIXES.items()}
    if path.suffix not in formats:
        fix = (
            "Use model.save for .keras files."
            if path.suffix == ".keras"
            else "Use a folder for 'saved_model', a name ending in .onnx for 'onnx'."
        )
        raise ValueError(
            "export: path must have no suffix, or .onnx, .tflite or .xml, when format is None. "
            f"Received: path={str(path)!r}. {fix}"
        )
    return formats[path.suffix]


def _check_path(path: Path, format: str) -> None:  # noqa: A002
    suffix = _SUFFIXES[format]
    if suffix and path.suffix == suffix and path.is_dir():
        raise ValueError(
            f"export: path must be a file name for {format!r}. Received: path={str(path)!r}, which "
            "is a folder. Choose another name."
        )
    if suffix and path.suffix != suffix:
        raise ValueError(
            f"export: path must be a file name ending in {suffix} for {format!r}. "
            f"Received: path={str(path)!r}. For example '{path.with_suffix(suffix).name}'."
        )
    if not suffix and ((path.suffix in _SUFFIXES.values() and path.suffix) or path.is_file()):
        raise ValueError(
            "export: path must be a folder for 'saved_model'. "
            f"Received: path={str(path)!r}. For example '{path.stem}'."
        )


def _check_method(model: ZooModel, method: str) -> None:
    known = [name for name in _METHODS if callable(getattr(model, name, None))]
    is_public = isinstance(method, str) and not method.startswith("_")
    # `fit`, `predict` or `save` would do what they do, here and now.
    is_of_keras = method != "call" and is_public and hasattr(keras.Model, method)
    if not is_public or is_of_keras or not callable(getattr(model, method, None)):
        raise ValueError(
            f"export: method must be a method of {model.owner}, such as {', '.join(known)}. "
            f"Received: method={method!r}.{checks.suggestion(method, known)}"
        )


def _in_float32(model: ZooModel) -> ZooModel:
    """Returns the model, or a copy of it in float32 if it works in mixed precision."""
    if model.compute_dtype == "float32":
        return model
    copy = type(model).from_config({**model.get_config(), "dtype": "float32"})
    copy.set_weights(model.get_weights())
    return copy


def _default_example(model: ZooModel, method: str):
    inputs = _zeros_like(model.example_inputs())
    if method != "decode":
        return inputs
    codes = model.encode(inputs)
    if hasattr(model, "labels_of"):
        return {"code": codes, "label": np.asarray(model.labels_of(inputs), "int32")}
    return codes


def _zeros_like(batch):
    """Returns one row of zeros for a batch, a symbolic one or a dict of them."""

    def zeros(part):
        dtype = keras.backend.standardize_dtype(part.dtype)
        dtype = "float32" if dtype in ("float16", "bfloat16", "float64") else dtype
        return np.zeros((1, *part.shape[1:]), dtype)

    return keras.tree.map_structure(zeros, batch)


def _signature(example, name: str):
    """Returns the input specifications of a batch: any number of rows, a name for each part."""

    def spec(part, name):
        return keras.InputSpec(shape=(None, *part.shape[1:]), dtype=part.dtype.name, name=name)

    if isinstance(example, dict):
        return {key: spec(part, key) for key, part in example.items()}
    return spec(example, name)


@contextlib.contextmanager
def _quiet_converter():
    """Silences the converter's log, whose errors `finish_onnx` finds, and its numpy warning."""
    logger = logging.getLogger("tf2onnx")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logger.setLevel(level)
