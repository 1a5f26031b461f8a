"""Which precision trains a model faster and as well, and how a model changes its own.

Half precision is measured, never assumed: on processors that multiply bfloat16 in hardware large
convolutions gain, small ones lose what the casts take. What is faster is kept only where a training
of some hundred updates from the same start, on the same batches, ends as well.
"""

import dataclasses

import keras
import numpy as np

from zoo.checks import MOST_LOSS_OF_QUALITY
from zoo.training import device_data

NUM_UPDATES = 300
_HELD_OUT_SHARE, _MOST_HELD_OUT = 0.2, 512


@dataclasses.dataclass(frozen=True)
class Gate:
    """How the loss of a precision compares with that of the model's own.

    Attributes:
        loss, reference: On held-out images, of the precision and of the model's own, in the units
            of the model's loss.
        num_updates: Of each training.
    """

    loss: float
    reference: float
    num_updates: int

    @property
    def worse(self) -> float:
        """Returns by what share the loss is higher; negative where it is lower."""
        return (self.loss - self.reference) / max(abs(self.reference), 1e-12)

    @property
    def is_passed(self) -> bool:
        """Tells whether the quality is as good: within 0.1 %, or better."""
        return bool(np.isfinite(self.loss)) and self.worse <= MOST_LOSS_OF_QUALITY


def gate(model, data, batch_size: int, precision: str, num_updates: int = NUM_UPDATES) -> Gate:
    """Trains two copies of a model from its weights, in its own precision and in another.

    Args:
        model: Compiled; it stays as it is.
        data: Arrays as `fit` packs them. A fifth of the rows, at most 512, is held out.
        batch_size: Rows of an update.
        precision: Dtype policy.
        num_updates: Of each copy, on the same batches.
    """
    parts = keras.tree.flatten(data)
    num_rows = len(parts[0])
    num_held_out = min(max(1, int(num_rows * _HELD_OUT_SHARE)), _MOST_HELD_OUT)
    num_train = max(num_rows - num_held_out, min(batch_size, num_rows))
    num_train -= num_train % batch_size
    train = keras.tree.map_structure(lambda part: part[:num_train], data)
    held_out = keras.tree.map_structure(lambda part: part[-num_held_out:], data)
    losses = []
    for name in (model.dtype_policy.name, precision):
        copy = copy_in(model, name)
        updates = device_data.TrainingSteps(copy, train, batch_size)
        left = num_updates
        while left > 0:
            updates(min(left, device_data.MOST_STEPS))
            left -= device_data.MOST_STEPS
        x, y, weights = keras.utils.unpack_x_y_sample_weight(held_out)
        found = copy.evaluate(
            x, y, sample_weight=weights, batch_size=batch_size, verbose=0, return_dict=True
        )
        losses.append(float(found["loss"]))
    return Gate(losses[1], losses[0], num_updates)


def copy_in(model, precision: str):
    """Returns a compiled copy with the model's weights and noise that computes in a precision."""
    copy = type(model).from_config(model.get_config() | {"dtype": precision})
    copy.set_weights(model.get_weights())
    copy.seed_generator.state.assign(model.seed_generator.state)
    copy.compile(
        type(model.optimizer).from_config(model.optimizer.get_config()),
        jit_compile=bool(model.jit_compile),
    )
    copy.build_optimizers()
    return copy


def adopt(model, precision: str) -> None:
    """Has a model compute in another precision from now on, with the same weights and optimizer.

    Layers that stay in float32, such as those that give logarithms of likelihoods, do so here too:
    each layer gets the policy that it has in a model that is made in that precision.

    Raises:
        ValueError: for float16, whose optimizer has to scale the loss: create the model so.
    """
    if precision == "mixed_float16":
        raise ValueError(
            f"{model.owner}: precision must be one that the optimizer need not know of. "
            "Received: precision='mixed_float16'. Create the model with dtype='mixed_float16'."
        )
    other = type(model).from_config(model.get_config() | {"dtype": precision})
    _take_policies(model, other)
    model.train_function = model.test_function = model.predict_function = None


def _take_policies(layer, other) -> None:
    layer.dtype_policy = other.dtype_policy
    pairs = zip(getattr(layer, "layers", ()), getattr(other, "layers", ()), strict=True)
    for own, theirs in pairs:
        _take_policies(own, theirs)
