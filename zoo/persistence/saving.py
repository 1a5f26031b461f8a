"""Saved models: written in one piece, and loaded with errors that say what the file is."""

from pathlib import Path

import keras

from zoo.files import new_file
from zoo.registry import keras_start, saved_file
from zoo.training.model import ZooModel


def load(path) -> ZooModel:
    """Loads a model of the zoo from a `.keras` file.

    `keras.saving.load_model` does the work; this says in one line what is wrong with a file.

    Args:
        path: The file, written by `model.save("name.keras")` or `python -m zoo train`.

    Returns:
        The model with its weights, optimizer state and `card`.

    Raises:
        TypeError: if `path` is neither a string nor a path.
        FileNotFoundError: if there is no such file.
        ValueError: if the file is no `.keras` file, is damaged, holds another kind of model, or
            was written by a newer version.

    Example:
        >>> import zoo
        >>> model = zoo.load("model.keras")  # doctest: +SKIP
    """
    header = saved_file.header(path)
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


def save(model, path) -> None:
    """Saves a model in one piece: the file is complete, or as it was before."""
    with new_file(Path(path)) as temporary:
        model.save(temporary)
