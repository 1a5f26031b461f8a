"""A SavedModel folder as a TFLite or an OpenVINO file, and float32 as whole numbers of 8 bits."""

import importlib.util
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from zoo.files import new_file
from zoo.persistence.running import silent

# Of the images of a calibration so many are used, evenly spread.
MOST_IMAGES = 256


def check_installed(format: str) -> None:  # noqa: A002
    """Raises ImportError where the converter of a format is missing."""
    if format == "openvino" and importlib.util.find_spec("openvino") is None:
        raise ImportError(
            "export: format 'openvino' needs openvino. "
            'Run: pip install "keras-autoencoder-zoo[openvino]"'
        )
    if format == "tflite" and not hasattr(tf, "lite"):
        raise ImportError(
            "export: format 'tflite' needs a TensorFlow with tf.lite, and this one has none. "
            "Install tensorflow 2.21, or export to ONNX."
        )


def to_tflite(folder: Path, path: Path, calibration=None) -> None:
    """Writes a TFLite file.

    Args:
        folder: SavedModel with the signature `serve`.
        path: Where to write.
        calibration: Rows of what the model takes, an array or a dict of arrays. With them products
            and convolutions work on whole numbers of 8 bits, whose steps these rows give; inputs
            and outputs stay float32. What TFLite cannot quantise stays float32, too.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=["serve"])
    if calibration is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: _rows(calibration)
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
            tf.lite.OpsSet.TFLITE_BUILTINS,
        ]
    with silent(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        content = converter.convert()
    with new_file(path) as temporary:
        temporary.write_bytes(content)


def to_openvino(folder: Path, path: Path) -> None:
    """Writes the two files of OpenVINO, `.xml` and, beside it, `.bin` with the weights.

    Args:
        folder: SavedModel.
        path: Of the `.xml`.
    """
    import openvino

    model = openvino.convert_model(str(folder))
    with tempfile.TemporaryDirectory(prefix="zoo-openvino-") as scratch:
        written = Path(scratch) / "model.xml"
        openvino.save_model(model, str(written), compress_to_fp16=False)
        for suffix in (".bin", ".xml"):  # the weights first: an .xml without them is damaged
            with new_file(path.with_suffix(suffix)) as temporary:
                shutil.copyfile(written.with_suffix(suffix), temporary)


def _rows(calibration) -> Iterator:
    """Yields what the converter runs the model on: batches of one row."""
    num_rows = len(keras.tree.flatten(calibration)[0])
    for row in np.unique(np.linspace(0, num_rows - 1, MOST_IMAGES).astype(int)):
        batch = keras.tree.map_structure(
            lambda part, row=row: np.asarray(part[row : row + 1]), calibration
        )
        yield batch if isinstance(batch, dict) else [batch.astype("float32")]
