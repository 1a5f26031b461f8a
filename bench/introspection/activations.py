"""What the layers of a model hold and see: filters, activation maps, traversals, interpolations."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from bench.errors import BenchError
from zoo import inspection

_MAX_CANDIDATES = 64  # code units that are tried for a traversal
_Layer = keras.layers.Layer


# --- layers ---------------------------------------------------------------------------------


def output_shapes(
    model: keras.Model, layers: Sequence[_Layer], image_shape: Sequence[int] | None = None
) -> dict[int, list[int]]:
    """Returns the output shape of each layer for one image, by `id(layer)`.

    The model is called on one image of zeros, whose shape a model from outside of the zoo may need
    to be told. Layers that inference does not call are left out.
    """
    if hasattr(model, "example_inputs"):  # a model of the zoo
        symbolic = model.example_inputs()
    elif image_shape is not None:
        symbolic = keras.KerasTensor((None, *image_shape), "float32")
    else:
        symbolic = model.input
    sample = keras.tree.map_structure(
        lambda tensor: keras.ops.zeros((1, *tensor.shape[1:]), tensor.dtype), symbolic
    )
    with _outputs(layers) as outputs:
        model(sample, training=False)
    return {key: list(value.shape[1:]) for key, value in outputs.items()}


def activations(model: keras.Model, inputs: Any, layers: Sequence[_Layer]) -> list[np.ndarray]:
    """Returns what layers put out while the model looks at one image.

    Args:
        model: A model of the zoo.
        inputs: What it takes, a batch of 1: an array, or a dict of arrays.
        layers: Layers that inference calls. Of several calls of a layer the last one counts.

    Returns:
        One float32 array per layer, without the batch axis.

    Raises:
        BenchError: if inference does not call a layer.
    """
    with _outputs(layers) as outputs:
        model(keras.tree.map_structure(keras.ops.convert_to_tensor, inputs), training=False)
    for layer in layers:
        if id(layer) not in outputs:
            raise BenchError(
                f"layer {layer.name} is not called when the model looks at an image: it serves "
                "training only. Choose another layer."
            )
    values_of_layers = (outputs[id(layer)] for layer in layers)
    return [np.asarray(keras.ops.cast(value, "float32"))[0] for value in values_of_layers]


@contextlib.contextmanager
def _outputs(layers: Sequence[_Layer]) -> Iterator[dict[int, Any]]:
    """Notes the first output of each layer while it runs, by `id(layer)`."""
    outputs: dict[int, Any] = {}

    def note(layer: _Layer, output: Any) -> None:
        outputs[id(layer)] = keras.tree.flatten(output)[0]

    with inspection.watched(layers, note):
        yield outputs


def filters(layer: _Layer, image_shape: Sequence[int] = ()) -> np.ndarray:
    """Returns the weights of a layer as pictures.

    Args:
        layer: A convolution, a transposed one, or a dense layer that reads or writes pixels.
        image_shape: Of the model; tells whether a dense layer's weights can be seen as images.

    Returns:
        Float32 `(filters, height, width, channels)`: the channels are those that a filter reads.
        Of series `(filters, length, channels)`.

    Raises:
        BenchError: if the layer has no weights that make pictures.
    """
    kernel = getattr(layer, "kernel", None)
    if kernel is not None:
        kernel = np.asarray(keras.ops.cast(kernel, "float32"))
        is_convolution = hasattr(layer, "kernel_size")
        if is_convolution and "Transpose" in type(layer).__name__:
            return np.moveaxis(kernel, -2, 0)  # ..., out, in
        if is_convolution:
            return np.moveaxis(kernel, -1, 0)
        num_pixels = int(np.prod(image_shape)) if image_shape else None
        if kernel.ndim == 2 and kernel.shape[0] == num_pixels:
            return kernel.T.reshape(-1, *image_shape)
        if kernel.ndim == 2 and kernel.shape[1] == num_pixels:
            return kernel.reshape(-1, *image_shape)
    raise BenchError(
        f"layer {layer.name} ({type(layer).__name__}) has no filters to draw. Choose a "
        "convolution, or a dense layer that reads or writes pixels."
    )


# --- codes ----------------------------------------------------------------------------------


def can_traverse(model: keras.Model) -> bool:
    """Tells whether a model has a code of single units, and a decoder for it."""
    return hasattr(model, "decode") and len(getattr(model, "code_shape", ())) == 1


def traversal(
    model: keras.Model, inputs: Any, num_units: int = 8, num_steps: int = 7
) -> dict[str, np.ndarray]:
    """Changes one code unit of an image at a time and decodes.

    Each unit runs from its smallest to its largest value over the given images. Those that change
    the picture most come first.

    Args:
        model: A model for which `can_traverse` is true.
        inputs: What it takes: at least two images; the first is the one that is changed.
        num_units: Units to show, fewer where the code has fewer.
        num_steps: Values of each.

    Returns:
        Dict: `"images"` `(num_units, num_steps, *image_shape)` in `[0, 1]`; `"units"`, their
        numbers; `"values"` `(num_units, num_steps)`; `"changes"`, the mean squared difference
        between the two ends of each row.
    """
    codes = np.asarray(model.encode(inputs))
    candidates = np.argsort(-codes.std(axis=0), kind="stable")[:_MAX_CANDIDATES]
    low, high = codes.min(axis=0)[candidates], codes.max(axis=0)[candidates]
    values = np.linspace(low, high, num_steps, axis=1)  # (units, steps)
    changed = np.repeat(codes[None, :1], len(candidates), axis=0).repeat(num_steps, axis=1)
    for row, unit in enumerate(candidates):
        changed[row, :, unit] = values[row]
    decoded = _decode(model, changed.reshape(-1, codes.shape[1]), _first(inputs))
    images = np.clip(decoded, 0, 1).reshape(*changed.shape[:2], *decoded.shape[1:])
    changes = np.square(images[:, -1] - images[:, 0]).reshape(len(images), -1).mean(axis=1)
    order = np.argsort(-changes, kind="stable")[:num_units]
    arrays = {"images": images, "units": candidates, "values": values, "changes": changes}
    return {name: array[order] for name, array in arrays.items()}


def interpolation(model: keras.Model, inputs: Any, num_steps: int = 7) -> np.ndarray:
    """Decodes the codes on the line between one image and the next, in pairs.

    Args:
        model: A model that has `interpolate`.
        inputs: What it takes: image 0 goes to image 1, image 2 to image 3, and so on.
        num_steps: Images of each line, both ends included.

    Returns:
        `(num_pairs, num_steps, *image_shape)` in `[0, 1]`.
    """
    num_pairs = len(keras.tree.flatten(inputs)[0]) // 2
    lines = [
        model.interpolate(_row(inputs, 2 * pair), _row(inputs, 2 * pair + 1), num_steps)
        for pair in range(num_pairs)
    ]
    return np.clip(np.stack(lines), 0, 1)


def _decode(model: keras.Model, codes: np.ndarray, first: Any) -> np.ndarray:
    codes = codes.astype("float32")
    if not hasattr(model, "labels_of"):
        return np.asarray(model.decode(codes))
    label = np.repeat(np.asarray(model.labels_of(first)), len(codes))
    return np.asarray(model.decode({"code": codes, "label": label}))


def _first(inputs: Any) -> Any:
    return keras.tree.map_structure(lambda values: np.asarray(values)[:1], inputs)


def _row(inputs: Any, number: int) -> Any:
    return keras.tree.map_structure(lambda values: np.asarray(values)[number], inputs)
