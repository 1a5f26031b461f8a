"""What a model is made of: its layers, the weights of its loss terms and its optimizer's settings.

Plain data for the record, so that a report can show them without Keras.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from bench.errors import BenchError
from bench.introspection import activations
from zoo import inspection

# Settings of an optimizer that say nothing while they have these values.
_SILENT = {
    "clipnorm": None,
    "clipvalue": None,
    "global_clipnorm": None,
    "weight_decay": None,
    "use_ema": False,
    "ema_overwrite_frequency": None,
    "gradient_accumulation_steps": None,
    "loss_scale_factor": None,
    "amsgrad": False,
    "centered": False,
    "nesterov": False,
}


def layer_rows(
    model: keras.Model, image_shape: Sequence[int] | None = None
) -> list[dict[str, Any]]:
    """Lists the layers of a model, as its record keeps them.

    Args:
        image_shape: Of a model that does not know what it takes.

    Returns:
        One dict per layer: `layer`, its path; `kind`, its class; `output_shape` of one image, None
        where inference does not call it; `parameters`, the number of its weights. Weights that
        the model holds itself come last, as `"(own weights)"`. The parameters add up to those of
        the model.
    """
    layers = inspection.named_layers(model)
    shapes = activations.output_shapes(model, list(layers.values()), image_shape)
    counted: set[int] = set()

    def count(weights: list[Any]) -> int:
        new = [weight for weight in weights if id(weight) not in counted]
        counted.update(map(id, new))
        return sum(int(np.prod(weight.shape)) for weight in new)

    rows = [
        {
            "layer": path,
            "kind": type(layer).__name__,
            "output_shape": shapes.get(id(layer)),
            "parameters": count(layer.weights),
        }
        for path, layer in layers.items()
    ]
    own = count(model.weights)
    if own:
        kind = type(model).__name__
        rows.append(
            {"layer": "(own weights)", "kind": kind, "output_shape": None, "parameters": own}
        )
    return rows


def find_layer(model: keras.Model, name: str) -> tuple[str, keras.layers.Layer]:
    """Finds a layer by its path, or by its name where only one layer has it.

    Returns:
        Its path, and the layer.

    Raises:
        BenchError: if no layer has that name, or several do.
    """
    layers = inspection.named_layers(model)
    if name in layers:
        return name, layers[name]
    same = [path for path in layers if path.rsplit("/", 1)[-1] == name]
    if len(same) == 1:
        return same[0], layers[same[0]]
    if same:
        raise BenchError(f"--layer {name}: {len(same)} layers have it. Give {' or '.join(same)}.")
    from zoo import checks

    raise BenchError(
        f"--layer must be a layer of the model. Received: {name}."
        f"{checks.suggestion(name, list(layers))} Its layers: {', '.join(layers)}."
    )


def loss_terms(model: keras.Model) -> dict[str, float]:
    """Returns the terms of the loss and what each is multiplied by, now."""
    weights = getattr(model, "term_weights", {})
    return {name: _rounded(keras.ops.convert_to_numpy(w)) for name, w in weights.items()}


def optimizer_settings(model: keras.Model) -> dict[str, Any]:
    """Returns the settings of the optimizer that took effect, those switched off left out.

    The `learning_rate` is the present one, or the text of its schedule. Under mixed precision it is
    the inner optimizer's.
    """
    optimizer = model.optimizer
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    config = {
        name: value
        for name, value in optimizer.get_config().items()
        if name != "name" and not (name in _SILENT and value == _SILENT[name])
    }
    if not config.get("use_ema"):
        config.pop("ema_momentum", None)
    if isinstance(config.get("learning_rate"), dict):
        config["learning_rate"] = _schedule_text(config["learning_rate"])
    return keras.tree.map_structure(_plain, config)


def _schedule_text(schedule: dict[str, Any]) -> str:
    """Returns for example `CosineDecay(initial_learning_rate=0.001, decay_steps=3440)`."""
    settings = (
        f"{name}={_plain(value)}"
        for name, value in schedule["config"].items()
        if name != "name" and value not in (None, 0)
    )
    return f"{schedule['class_name']}({', '.join(settings)})"


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float | np.floating):
        return _rounded(value)
    return str(value)


def _rounded(value: Any) -> float:
    """Six digits: what was given as 0.003 and kept in float32 reads 0.003 again."""
    return float(f"{float(value):.6g}")
