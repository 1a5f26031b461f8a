"""The update of weights by Adam in one pass over memory.

On small models most of a training step is spent reading and writing arrays, not in products.
"""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from zoo.training import device_data, keras_contract

# Settings of Keras's optimizers with which a step is more than Adam's.
_FURTHER = (
    "weight_decay",
    "clipnorm",
    "global_clipnorm",
    "clipvalue",
    "use_ema",
    "loss_scale_factor",
    "gradient_accumulation_steps",
)


def apply_gradients(model, gradients, weights, optimizer=None) -> None:
    """Applies gradients as an optimizer does; Adam's in one pass over the weights.

        m = m + (1 - beta_1) (g - m),  v = v + (1 - beta_2) (g^2 - v)
        w = w - lr sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)

    `keras.optimizers.Adam` makes about a dozen passes over arrays as large as the weights;
    TensorFlow has one kernel for the whole update. Other optimizers, and an Adam that also clips,
    decays or averages, run their own `apply`.

    Args:
        model: Compiled; its step is being traced.
        gradients: As many as `weights`.
        weights: Variables that the optimizer was built for.
        optimizer: The model's own by default, else one that is built.
    """
    optimizer = optimizer or model.optimizer
    slots = None
    if all(gradient is not None for gradient in gradients):
        with tf.init_scope():  # where the learning rate can be read
            slots = _slots_of_adam(model, optimizer, weights)
    if slots is None:
        optimizer.apply_gradients(zip(gradients, weights, strict=True))
        return
    step = ops.cast(optimizer.iterations + 1, "float32")
    settings = {
        "beta1_power": ops.power(optimizer.beta_1, step),
        "beta2_power": ops.power(optimizer.beta_2, step),
        "lr": ops.cast(optimizer.learning_rate, "float32"),
        "beta1": optimizer.beta_1,
        "beta2": optimizer.beta_2,
        "epsilon": optimizer.epsilon,
    }
    for gradient, weight, (m, v) in zip(gradients, weights, slots, strict=True):
        tf.raw_ops.ResourceApplyAdam(
            var=weight.value.handle, m=m.value.handle, v=v.value.handle, grad=gradient, **settings
        )
    optimizer.iterations.assign_add(1)


def has_variables_of(optimizer, weights) -> bool:
    """Tells whether a built optimizer knows the weights, as Keras checks in each update.

    True where it cannot be told: Keras then checks.
    """
    known = keras_contract.weights_of_optimizer(optimizer)
    return known is None or {id(weight) for weight in weights} <= {id(weight) for weight in known}


def _slots_of_adam(model, optimizer, weights) -> list[tuple[Any, Any]] | None:
    """Returns the two moments of each weight, or None for an optimizer that does more than Adam."""
    if type(optimizer) is not keras.optimizers.Adam or not optimizer.built or optimizer.amsgrad:
        return None
    config = optimizer.get_config()
    if any(config.get(name) for name in _FURTHER) or model.run_eagerly:
        return None
    if device_data.is_distributed(model):
        return None
    is_usual = all(
        weight.dtype == "float32"
        and weight.constraint is None
        and not getattr(weight, "overwrite_with_gradient", False)
        for weight in weights
    )
    return keras_contract.moments_of_adam(optimizer, weights) if is_usual else None
