"""Saved models: written in one piece, and loaded with errors that say what the file is."""

import json
import os
import re
import zipfile
import zlib
from pathlib import Path

import keras

from zoo.files import new_file
from zoo.registry import keras_start
from zoo.training.model import ZooModel
from zoo.version import __version__

# What damaged archives, HDF5 files and configurations raise.
_DAMAGE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


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
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"load: path must be a string or a path. Received: path={path!r}.")
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"load: path must be a .keras file. Received: the folder {path}.")
    if not path.exists():
        near = [f"'{file.name}'" for file in sorted(path.parent.glob("*.keras"))[:3]]
        hint = f" There: {', '.join(near)}." if near else ""
        raise FileNotFoundError(f"load: path must be a file that exists. Received: {path}.{hint}")
    _check_header(path, _header(path))
    try:
        return keras.saving.load_model(path)
    except _DAMAGE as error:
        raise ValueError(
            f"load: {path} cannot be loaded ({first_line(error)}). It is damaged, or was written "
            "by a version that is not compatible."
        ) from error


def save(model, path) -> None:
    """Saves a model in one piece: the file is complete, or as it was before."""
    with new_file(Path(path)) as temporary:
        model.save(temporary)


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's text, or its class name.

    Where Keras tells first what it was doing, that is the line on what went wrong.
    """
    lines = str(error).split("Exception encountered: ")[-1].strip().splitlines()
    return lines[0].rstrip(". ") if lines else type(error).__name__


def _header(path: Path) -> dict:
    """Returns `config.json` of a `.keras` file whose every part has the right checksum."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
            if damaged is not None:
                raise ValueError(f"the checksum of {damaged} is wrong")
            return json.loads(archive.read("config.json"))
    except PermissionError as error:
        raise ValueError(f"load: {path} cannot be read: {first_line(error)}.") from error
    except _DAMAGE as error:
        raise ValueError(
            f"load: {path} is no Keras file, or is cut off or damaged ({first_line(error)}). "
            "Save it again with model.save('name.keras')."
        ) from error


def _check_header(path: Path, header: dict) -> None:
    if not isinstance(header, dict) or not isinstance(header.get("config"), dict):
        raise ValueError(f"load: {path} is no Keras model: its config.json holds no config.")
    registered_name = header.get("registered_name") or header.get("class_name")
    card = header["config"].get("card")
    written_by = card.get("version") if isinstance(card, dict) else None
    if written_by is not None and _numbers(written_by) > _numbers(__version__):
        raise ValueError(
            f"load: {path} was written by version {written_by} of the zoo, and this is "
            f"{__version__}. Update: pip install --upgrade keras-autoencoder-zoo"
        )
    model_class = keras_start.registered(str(registered_name))
    if isinstance(model_class, type) and issubclass(model_class, ZooModel):
        return
    if str(registered_name).startswith("zoo>"):
        raise ValueError(
            f"load: {path} holds {header.get('class_name')}, which this zoo does not have. Import "
            f"the module that registers it first. Received: module {header.get('module')}."
        )
    raise ValueError(
        f"load: {path} must hold a model of the zoo. Received: {header.get('module')}."
        f"{header.get('class_name')}. Use keras.saving.load_model for other models."
    )


def _numbers(version: str) -> tuple[int, ...]:
    """Returns `(0, 2, 0)` of `"0.2.0"` and of `"0.2.0.dev1"`."""
    return tuple(int(number) for number in re.findall(r"\d+", str(version))[:3])
