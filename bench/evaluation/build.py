"""Builds a model of the zoo, ready to train: the one place for the benchmark and the search.

It imports nothing but Keras and the zoo, of which `bench compare` takes that of another checkout.
"""

from typing import Any

import keras

import zoo


def build_compiled(
    name: str,
    image_shape: tuple[int, ...],
    optimizer: Any = "adam",
    *,
    preset: str | None = None,
    arguments: dict[str, Any] | None = None,
    seed: int = 0,
    precision: str | None = None,
    **settings: Any,
) -> keras.Model:
    """Sets the seed of this process, creates a model and compiles it.

    Args:
        name: Of the registry.
        image_shape: Of the data.
        optimizer: As `compile` takes it.
        preset: Its arguments are the first ones; None: the constructor's defaults.
        arguments: Of the constructor; they go before those of the preset.
        seed: Of the process, and of the model's own random numbers.
        precision: Dtype policy of the model; None: the global one.
        **settings: Of `compile`, such as `jit_compile` and `steps_per_execution`.

    Raises:
        ValueError, TypeError: what `zoo.create` refuses.
    """
    keras.utils.set_random_seed(seed)
    given = {"seed": seed} | (arguments or {})
    if precision is not None:
        given["dtype"] = precision
    model = zoo.create(name, image_shape=image_shape, preset=preset, **given)
    model.compile(optimizer, **settings)
    return model
