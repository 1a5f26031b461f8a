"""What the selection of models needs to know of each model, from the zoo's registry: no Keras."""

import zoo
from bench.runs.selection import ModelInfo


def registry() -> dict[str, ModelInfo]:
    """Returns what is known of each registered model, by name."""
    models = {}
    for name in zoo.names():
        entry = zoo.get(name)
        arguments = sorted(set(entry.argument_names) - {"image_shape", "seed"})
        models[name] = ModelInfo(tuple(entry.presets), tuple(arguments), entry.task)
    return models


def modules() -> tuple[str, ...]:
    """Returns the modules that hold the models, for a server to import before it forks."""
    return tuple(dict.fromkeys(zoo.get(name).module for name in zoo.names()))
