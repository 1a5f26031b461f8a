"""The optimizer that `compile` is given."""

from typing import Any

import keras

from zoo.checks import DEFAULT_LEARNING_RATE, suggestion


def read(owner: str, given: Any) -> keras.Optimizer:
    """Returns the optimizer that a name, a configuration or an instance stands for.

    Raises:
        ValueError: for what is none.
    """
    try:
        found = keras.optimizers.get(given)
    except (ValueError, TypeError):
        found = None
    if isinstance(found, keras.Optimizer):
        return found
    known = [
        name.lower()
        for name, value in vars(keras.optimizers).items()
        if isinstance(value, type) and issubclass(value, keras.Optimizer)
    ]
    near = suggestion(given, known) if isinstance(given, str) else ""
    raise ValueError(
        f"{owner}.compile: optimizer must be a name that Keras knows, such as 'adam', or an "
        f"instance, such as keras.optimizers.Adam({DEFAULT_LEARNING_RATE:g}). "
        f"Received: optimizer={given!r}.{near}"
    )
