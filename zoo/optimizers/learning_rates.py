"""The learning rate of an optimizer that is compiled already, also where a schedule gives it."""

import warnings
from typing import Any

import keras

from zoo.checks import DEFAULT_LEARNING_RATE


def is_scheduled(optimizer: keras.Optimizer) -> bool:
    """Whether a schedule gives the rate of each update, and not a number."""
    return not hasattr(optimizer.learning_rate, "assign")  # as variables have, of replicas too


def has_ended(optimizer: keras.Optimizer) -> bool:
    """Whether a schedule has brought the rate to 0, so that no update changes a weight."""
    return is_scheduled(optimizer) and float(optimizer.learning_rate) == 0


def set_rate(optimizer: keras.Optimizer, rate: float) -> None:
    """Sets a constant rate, also in place of a schedule; moments and counts of updates stay."""
    try:
        optimizer.learning_rate = rate
    except TypeError:  # Keras takes a schedule alone in the place of a schedule
        constant = keras.optimizers.schedules.ExponentialDecay(rate, decay_steps=1, decay_rate=1.0)
        optimizer.learning_rate = constant


def warn_where_ended(optimizer: keras.Optimizer, owner: str) -> None:
    """Warns of a training that will change nothing."""
    if has_ended(optimizer):
        warnings.warn(
            f"{owner}: the learning rate has come to 0 by its schedule, after "
            f"{int(optimizer.iterations):,} updates: nothing will be learnt. Compile the model "
            f"again: model.compile(keras.optimizers.Adam({DEFAULT_LEARNING_RATE:g})).",
            stacklevel=3,
        )


def without_schedules(config: Any) -> Any:
    """Returns a configuration of `compile` whose optimizers have the default rate, not a schedule.

    A schedule belongs to the training that it was made for: it counts the updates of that one.
    """
    if isinstance(config, list):
        return [without_schedules(each) for each in config]
    if not isinstance(config, dict):
        return config
    return {
        name: DEFAULT_LEARNING_RATE
        if name == "learning_rate" and isinstance(value, dict)
        else without_schedules(value)
        for name, value in config.items()
    }
