"""Measures a model on a few images, without leaving a trace in it.

One forward and one backward pass, run eagerly and in inference mode: batch statistics stay as they
are, and every variable that is not trained (seeds, counters, metrics) is put back.
"""

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo import inspection
from zoo.diagnostics.outputs import gaussian_kl_per_unit
from zoo.diagnostics.recording import Probe
from zoo.layers.gradients import gradients_of
from zoo.training import keras_contract
from zoo.training.model import ZooModel

_RELU = (keras.activations.relu, keras.activations.relu6)


def last_activation(model: keras.Model) -> tuple[str | None, str | None]:
    """Returns the name and the activation of the layer that makes a functional model's output.

    `(None, None)` where a model is not functional, has several outputs, or ends in a layer that
    has no activation.
    """
    outputs = getattr(model, "outputs", None)
    if isinstance(model, ZooModel) or not outputs or len(outputs) != 1:
        return None, None
    layer = keras_contract.layer_of(outputs[0])
    while isinstance(layer, keras.layers.Reshape):  # which changes no value
        layer = keras_contract.layer_of(layer.input)
    while getattr(layer, "layers", None):
        layer = layer.layers[-1]
    activation = getattr(layer, "activation", None)
    if activation is None:
        return None, None
    return layer.name, getattr(activation, "__name__", type(activation).__name__)


def needs_probabilities(model: keras.Model) -> bool:
    """Tells whether a compiled model's loss is a cross-entropy of values in `[0, 1]`."""
    loss = None if isinstance(model, ZooModel) else getattr(model, "loss", None)
    if isinstance(loss, keras.losses.BinaryCrossentropy | keras.losses.BinaryFocalCrossentropy):
        return not loss.get_config()["from_logits"]
    if not isinstance(loss, str):
        return loss is keras.losses.binary_crossentropy
    return loss.lower().replace("_", "") in ("binarycrossentropy", "binaryfocalcrossentropy", "bce")


class Prober:
    """Measures one model, again and again, on the same images.

    Args:
        model: A built and compiled model.
        x: Inputs of a few rows: a tensor, or a dict or a list of them.
        y: Targets of these rows, or None.

    Attributes:
        target: What predictions are compared with, numpy, or None where their shapes differ.
        frozen_layers: Layers with weights of which none is to be trained.
    """

    def __init__(self, model: keras.Model, x: Any, y: Any):
        self.model, self.x, self.y = model, x, y
        self.layers = inspection.named_layers(model)
        frozen = {
            path: [w for w in layer.weights if keras.backend.is_float_dtype(w.dtype)]
            for path, layer in self.layers.items()
            if not layer.trainable
        }
        self.frozen_layers = tuple(path for path, weights in frozen.items() if weights)
        self.weights = {path: list(layer.trainable_weights) for path, layer in self.layers.items()}
        inside = {id(w) for layer in self.layers.values() for w in layer.weights}
        self.weights |= {w.name: [w] for w in model.weights if w.trainable and id(w) not in inside}
        self.weights |= {path: frozen[path] for path in self.frozen_layers}
        self.weights = {path: weights for path, weights in self.weights.items() if weights}
        self.first_weights = {
            path: [np.array(w) for w in weights] for path, weights in self.weights.items()
        }
        self.target: np.ndarray | None = None

    def probe(self, epoch: int) -> Probe:
        """Measures the model as it is now."""
        with _unchanged_state(self.model):
            return self._probe(epoch)

    def _probe(self, epoch: int) -> Probe:
        seen: dict[str, Any] = {}
        trainable = list(self.model.trainable_weights)

        def loss():
            seen.update(self._zoo_pass() if self._is_zoo else self._keras_pass())
            return self.model.optimizer.scale_loss(seen["loss"])

        with _watched_relus(self.layers) as dead_shares:
            gradients = gradients_of(loss, trainable) if self._has_loss else []
            if not self._has_loss:
                seen.update(prediction=self.model(self.x, training=False))
        scale = float(self.model.optimizer.scale_loss(1.0)) if gradients else 1.0
        prediction = self._comparable(seen)
        outputs = seen.get("outputs", {})
        kl, code = None, None
        if "z_log_var" in outputs:
            kl = gaussian_kl_per_unit(_array(outputs["z_mean"]), _array(outputs["z_log_var"]))
        elif "code" in outputs:
            code = _array(outputs["code"])
            code = code.reshape(len(code), -1)
        return Probe(
            epoch,
            terms={name: float(value) for name, value in seen.get("terms", {}).items()},
            term_weights={name: float(value) for name, value in seen.get("weights", {}).items()},
            prediction=prediction,
            code=code,
            kl_per_unit=kl,
            layer_changes=self._changes(),
            relative_gradients=self._relative(dict(zip(map(id, trainable), gradients)), scale),  # noqa: B905
            dead_shares=dead_shares,
        )

    # --- one pass ---------------------------------------------------------------------------

    @property
    def _is_zoo(self) -> bool:
        return isinstance(self.model, ZooModel)

    @property
    def _has_loss(self) -> bool:
        own = type(self.model).compute_loss is not keras.Model.compute_loss
        return self._is_zoo or own or getattr(self.model, "loss", None) is not None

    def _zoo_pass(self) -> dict:
        model = self.model
        target = model.target_of(self.x, self.y)
        inputs = model.corrupt(self.x, training=False) if self.y is None else self.x
        outputs = model.forward(inputs, training=False)
        terms = model.loss_terms(inputs, target, outputs)
        terms = {name: ops.mean(ops.cast(term, "float32")) for name, term in terms.items()}
        weights = dict(model.term_weights)
        if model.losses:
            terms["regularization"] = sum(
                ops.cast(ops.sum(part), "float32") for part in model.losses
            )
            weights["regularization"] = 1.0
        loss = sum(ops.cast(weights[name], "float32") * term for name, term in terms.items())
        return {
            "loss": loss,
            "terms": terms,
            "weights": weights,
            "outputs": outputs,
            "target": target["image"] if isinstance(target, dict) else target,
            "inputs": inputs,
        }

    def _keras_pass(self) -> dict:
        prediction = self.model(self.x, training=False)
        loss = self.model.compute_loss(
            x=self.x, y=self.y, y_pred=prediction, sample_weight=None, training=False
        )
        return {
            "loss": loss,
            "terms": {"loss": loss},
            "weights": {"loss": 1.0},
            "prediction": prediction,
            "target": self.y,
        }

    def _comparable(self, seen: dict) -> np.ndarray | None:
        """Returns the predictions, and notes the target where they can be compared with it."""
        prediction, target = seen.get("prediction"), seen.get("target")
        if self._is_zoo:  # noise of `forward`, such as a sampled code, does not count
            prediction = self.model(seen["inputs"], training=False)
        if not hasattr(prediction, "shape"):
            return None  # several outputs
        # A debiasing model reconstructs to learn which codes are rare, not to be good at it.
        is_goal = getattr(self.model, "task", None) != "debiasing"
        if is_goal and hasattr(target, "shape") and target.shape == prediction.shape:
            self.target = _array(target)
        return _array(prediction)

    # --- weights and gradients --------------------------------------------------------------

    def _changes(self) -> dict[str, float]:
        changes = {}
        for path, weights in self.weights.items():
            first = self.first_weights[path]
            now = [np.asarray(weight, "float64") for weight in weights]
            change = _norm(a - b for a, b in zip(now, first, strict=True))
            size = _norm(first) or _norm(now)  # weights that started at 0: against their end
            changes[path] = change / size if change else 0.0
        return changes

    def _relative(self, gradients: dict[int, Any], scale: float) -> dict[str, float]:
        if all(gradient is None for gradient in gradients.values()):
            return {}
        norms = {}
        for path, weights in self.weights.items():
            inside = [weight for weight in weights if id(weight) in gradients]
            size = _norm(np.asarray(weight, "float64") for weight in inside)
            if size > 0:
                values = [gradients[id(weight)] for weight in inside]
                norm = _norm(_array(value) for value in values if value is not None)
                norms[path] = norm / scale / size
        return norms


@contextlib.contextmanager
def _unchanged_state(model: keras.Model) -> Iterator[None]:
    """Puts back what a pass changes: seeds, counters, metrics; not what is trained."""
    variables = [*model.non_trainable_variables, *model.metrics_variables]
    before = [np.array(variable) for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            if not np.array_equal(np.asarray(variable), value, equal_nan=value.dtype.kind == "f"):
                variable.assign(value)


@contextlib.contextmanager
def _watched_relus(layers: dict[str, keras.layers.Layer]) -> Iterator[dict[str, float]]:
    """Notes, for each ReLU layer that is called, the share of its units that are never above 0."""
    shares: dict[str, float] = {}
    paths = {id(layer): path for path, layer in layers.items()}

    def note(layer, output):
        alive = ops.any(output > 0, axis=tuple(range(len(output.shape) - 1)))
        shares[paths[id(layer)]] = float(1 - ops.mean(ops.cast(alive, "float32")))

    with inspection.watched(filter(_is_relu, layers.values()), note):
        yield shares


def _is_relu(layer: keras.layers.Layer) -> bool:
    if isinstance(layer, keras.layers.ReLU):
        return not layer.negative_slope and not layer.threshold
    return getattr(layer, "activation", None) in _RELU


def _array(value) -> np.ndarray:
    value = ops.convert_to_numpy(value)
    return value if value.dtype.kind in "iub" else value.astype("float32")


def _norm(parts) -> float:
    return math.sqrt(sum(float(np.square(part, dtype="float64").sum()) for part in parts))
