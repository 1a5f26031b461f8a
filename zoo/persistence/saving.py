"""Saved models: written in one piece, and loaded with errors that say what the file is."""

import json
import os
from pathlib import Path

import keras

from zoo.files import new_file
from zoo.optimizers import learning_rates
from zoo.registry import keras_start, pretrained, saved_file
from zoo.training.model import ZooModel


def load(path: str | os.PathLike) -> ZooModel:
    """Loads a model of the zoo: a `.keras` file, weights that come with the package, or `hf://`.

    `keras.saving.load_model` does the work; this says in one line what is wrong with a file.

    Args:
        path: The file, written by `model.save("name.keras")` or `python -m zoo train`; or a name
            of `zoo.pretrained()`, such as `"fashion_mnist/vae"`; or `"hf://USER/MODEL"`, where
            `model.save("hf://USER/MODEL")` has put it: that needs `huggingface_hub`.

    Returns:
        The model with its weights, optimizer state and `card`. The optimizer of shipped weights
        starts afresh.

    Raises:
        TypeError: if `path` is neither a string nor a path.
        FileNotFoundError: if there is no such file, or no weights of that name.
        ValueError: if the file is no `.keras` file, is damaged, holds another kind of model, or
            was written by a newer version.

    Example:
        >>> import zoo
        >>> model = zoo.load("model.keras")  # doctest: +SKIP
    """
    header = saved_file.header(path)
    found = pretrained.find(path)
    if isinstance(found, str):
        return _from_hub(found)
    if found is not None:
        return from_arrays(found.arrays(), f"the file of {found.name!r}")
    path = Path(path)
    model_class = keras_start.registered(saved_file.registered_name(header))
    if not (isinstance(model_class, type) and issubclass(model_class, ZooModel)):
        raise saved_file.unknown_class(path, header)
    try:
        return keras.saving.load_model(path)
    except saved_file.DAMAGE as error:
        raise ValueError(
            f"load: {path} cannot be loaded ({saved_file.first_line(error)}). It is damaged, or "
            "was written by a version that is not compatible."
        ) from error


def from_arrays(arrays: dict, what: str) -> ZooModel:
    """Returns the model of the arrays of a weights file, see `zoo.registry.pretrained`.

    Args:
        arrays: The header, and the weights in their order.
        what: They are, for errors.

    Raises:
        ValueError: if they are not of one model.
    """
    arrays = dict(arrays)
    try:
        header = json.loads(arrays.pop(pretrained.HEADER).tobytes())
        compiled = header.get("compile_config")
        header["compile_config"] = learning_rates.without_schedules(compiled)
        model = keras.saving.deserialize_keras_object(header)
        for variable, value in zip(model.weights, arrays.values(), strict=True):
            variable.assign(value.astype(variable.dtype))
    except saved_file.DAMAGE as error:
        raise ValueError(
            f"load: {what} cannot be loaded ({saved_file.first_line(error)}). It was written by a "
            f"version that is not compatible. Fix: {pretrained.REINSTALL}"
        ) from error
    return model


def _from_hub(address: str) -> ZooModel:
    try:
        model = keras.saving.load_model(address)
    except Exception as error:  # of the network, of their library, or of the files there
        raise ValueError(
            f"load: {address} cannot be loaded ({saved_file.first_line(error)}). Is the name "
            "right, and the network there?"
        ) from error
    if not isinstance(model, ZooModel):
        header = {"module": type(model).__module__, "class_name": type(model).__name__}
        raise saved_file.unknown_class(address, header)
    return model


def save(model, path) -> None:
    """Saves a model in one piece: the file is complete, or as it was before."""
    with new_file(Path(path)) as temporary:
        model.save(temporary)
