"""Whether XLA shall compile the training of a network of dense layers on a CPU.

Keras's `jit_compile="auto"` is "no" on CPUs, which is right for convolutions: XLA takes several
times as long for them. On dense layers XLA does in few passes what happens between products, and
that is much of a small update. What it saves must be worth its compilation, soon.
"""

import math

import keras

from zoo import inspection
from zoo.training import device_data

FIRST_EPOCHS = 2  # in which the compilation has to pay
# Estimates for two cores with AVX-512. bench/suites/test_auto_jit.py measures what the choice is
# worth.
_COMPILE_SECONDS_OF_LAYER = 0.2
_SAVED_SECONDS_OF_ROW, _SAVED_SECONDS_OF_WEIGHT = 4e-6, 4e-10  # of an update
# Above that many multiply-adds of an update, products are all that counts, and XLA's are no faster.
_MOST_MACS = 5e7
_MOST_ROWS = 256
# What such a network may consist of: layers of which XLA gives the same values, but for rounding.
_LAYERS = (
    keras.layers.Dense,
    keras.layers.Flatten,
    keras.layers.Reshape,
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
)


def pays(model, batch_size: int, num_updates: int) -> bool:
    """Tells whether XLA saves more in the first epochs of a `fit` than its compilation takes.

        num_updates * saved seconds of an update > seconds of the compilation

    Who calls `fit` again and again, for a few updates each, will go on: updates of earlier calls
    count, too. So the choice takes at most twice the time of the better one.

    It depends on the network, the batch and the number of updates alone, not on a measurement: the
    same calls give the same weights every time.

    Args:
        model: Compiled, on a machine without GPU.
        batch_size: Rows of an update.
        num_updates: In the first two epochs, or in the only one, and in calls before.
    """
    if not is_dense(model):
        return False
    num_weights = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    if batch_size > _MOST_ROWS or batch_size * num_weights > _MOST_MACS:
        return False
    num_layers = sum(
        isinstance(layer, keras.layers.Dense) for layer in inspection.named_layers(model).values()
    )
    saved = _SAVED_SECONDS_OF_ROW * batch_size + _SAVED_SECONDS_OF_WEIGHT * num_weights
    return num_updates * saved > _COMPILE_SECONDS_OF_LAYER * num_layers


def is_dense(model) -> bool:
    """Tells whether a training step is products of matrices, without chance and without extras.

    The model has to say so, by `steps_are_plain`; layers are dense or have no weights, and their
    activations are Keras's; all is float32, and the metrics are the model's own.
    """
    if not model.steps_are_plain:
        return False
    layers = inspection.named_layers(model).values()
    if not all(type(layer) in _LAYERS and _is_of_keras(layer) for layer in layers):
        return False
    in_float32 = all(part.dtype_policy.name == "float32" for part in (model, *layers))
    own = {model.loss_tracker.name, *model.term_trackers}
    has_own_metrics = all(metric.name in own for metric in model.metrics)
    on_cpu = not keras.distribution.list_devices("gpu")
    return in_float32 and has_own_metrics and on_cpu and not device_data.is_distributed(model)


def _is_of_keras(layer) -> bool:
    activation = getattr(layer, "activation", None)
    name = getattr(activation, "__module__", None) or type(activation).__module__
    return activation is None or name.split(".")[0] == "keras"
