"""A SavedModel folder as a TFLite or an OpenVINO file, 8 bits, and what an ONNX file lacks."""

import importlib.util
import re
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
_ONNX_NEEDS = ("onnx", "tf2onnx")


def check_installed(format: str) -> None:  # noqa: A002
    """Raises ImportError where the converter of a format is missing."""
    missing = [name for name in _ONNX_NEEDS if importlib.util.find_spec(name) is None]
    if format == "onnx" and missing:
        raise ImportError(
            f"export: format 'onnx' needs {' and '.join(missing)}. "
            'Run: pip install "keras-autoencoder-zoo[onnx]"'
        )
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


def to_tflite(folder: Path, path: Path, calibration=None, example=None) -> None:
    """Writes a TFLite file.

    Args:
        folder: SavedModel with the signature `serve`.
        path: Where to write.
        calibration: Rows of what the model takes, an array or a dict of arrays. With them products
            and convolutions work on whole numbers of 8 bits, whose steps these rows give; inputs
            and outputs stay float32. What TFLite cannot quantise stays float32, too.
        example: One row of what the model takes, whose kinds of numbers the rows are given as.

    Raises:
        ValueError: if TFLite lacks an operation of the model.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=["serve"])
    if calibration is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: _rows(calibration, example)
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
            tf.lite.OpsSet.TFLITE_BUILTINS,
        ]
    with silent(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            content = converter.convert()
        except OSError:
            raise
        except Exception as error:  # its own class is private
            missing = sorted(set(re.findall(r"'(tf\.\w+)' op is neither", str(error))))
            raise ValueError(
                "export: the model must be made of operations that TFLite has. Received: "
                f"{', '.join(missing) or str(error).splitlines()[0]}. Use format='saved_model', or "
                "other layers or activations."
            ) from error
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


def _rows(calibration, example) -> Iterator:
    """Yields what the converter runs the model on: batches of one row."""
    num_rows = len(keras.tree.flatten(calibration)[0])
    for row in np.unique(np.linspace(0, num_rows - 1, MOST_IMAGES).astype(int)):
        batch = keras.tree.map_structure(
            lambda part, like, row=row: np.asarray(part[row : row + 1], like.dtype),
            *(calibration, example),
        )
        yield batch if isinstance(batch, dict) else [batch]


def finish_onnx(path: Path) -> None:
    """Rewrites what the converter leaves undone, names the batch axis and checks the file."""
    import onnx

    file = onnx.load(path)
    nodes = [part for node in file.graph.node for part in _known_nodes(onnx.helper, node)]
    del file.graph.node[:]
    file.graph.node.extend(nodes)
    for value in (*file.graph.input, *file.graph.output):
        if value.type.tensor_type.shape.dim:
            value.type.tensor_type.shape.dim[0].dim_param = "batch"
    try:
        onnx.checker.check_model(file)
    except onnx.checker.ValidationError as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"export: the model must be made of operations that ONNX has. Received: {reason} "
            "Use format='saved_model', or other layers or activations."
        ) from error
    onnx.save(file, path)


def _known_nodes(helper, node) -> list:
    """Returns the nodes that do what one does, as TensorFlow does it.

    - `Erfc`, the exact GELU's, is unknown to ONNX: `erfc(x) = 1 - erf(x)`.
    - A transposed convolution whose input has no size that the converter can tell is cropped at its
      end, as TensorFlow does, not at its start: images would be moved by a pixel.
    """
    given = {attribute.name for attribute in node.attribute}
    if node.op_type == "ConvTranspose" and "output_shape" in given and "pads" not in given:
        kept = [attribute for attribute in node.attribute if attribute.name != "auto_pad"]
        del node.attribute[:]
        node.attribute.extend([*kept, helper.make_attribute("auto_pad", "SAME_UPPER")])
    if node.op_type != "Erfc":
        return [node]
    name, (output,) = node.name, node.output
    one = helper.make_tensor(f"{name}_one", 1, [], [1.0])
    return [
        helper.make_node("Constant", [], [f"{name}_one"], value=one),
        helper.make_node("Erf", node.input, [f"{name}_erf"], name=f"{name}_erf"),
        helper.make_node("Sub", [f"{name}_one", f"{name}_erf"], [output], name=name),
    ]
