"""What a saved model's file says of it, read without Keras: a `.keras` file, or shipped weights."""

import json
import os
import re
import zipfile
import zlib
from pathlib import Path

from zoo.registry import entries, pretrained
from zoo.version import __version__

# What damaged archives, HDF5 files and configurations raise.
DAMAGE = (
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
_PACKAGE = "zoo>"


def entry(path) -> entries.Entry | None:
    """Returns the registry's entry of the model in a file, or of shipped weights.

    None for a class that it lacks, and for `hf://` addresses, whose files are elsewhere.

    Raises:
        TypeError, FileNotFoundError, ValueError: see `header`.
    """
    name = registered_name(header(path)).removeprefix(_PACKAGE)
    listed = (entries.get(each) for each in entries.names())
    return next((each for each in listed if each.class_name == name), None)


def registered_name(header: dict) -> str:
    """Returns the name under which Keras knows the class, such as `"zoo>VAE"`."""
    return str(header.get("registered_name") or header.get("class_name"))


def header(path) -> dict:
    """Returns `config.json` of a `.keras` file that holds a model of the zoo, or one of your own.

    Raises:
        TypeError, FileNotFoundError: as `contents` does.
        ValueError: as `contents` does, and for a class of Keras.
    """
    found = contents(path)
    if is_of_keras(found):
        raise _foreign(Path(path), found)
    return found


def contents(path) -> dict:
    """Returns `config.json` of a `.keras` file of any model, whose parts have the right checksums.

    Args:
        path: Of the file; or the name of shipped weights, or an `hf://` address: then `{}`.

    Raises:
        TypeError: if `path` is neither a string nor a path.
        FileNotFoundError: if there is no such file, or no weights of that name.
        ValueError: if the file is no `.keras` file, is damaged, or was written by a newer version.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"load: path must be a string or a path. Received: path={path!r}.")
    found = pretrained.find(path)
    if found is not None:
        return {} if isinstance(found, str) else found.header()
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"load: path must be a .keras file. Received: the folder {path}.")
    if not path.exists():
        near = [f"'{file.name}'" for file in sorted(path.parent.glob("*.keras"))[:3]]
        hint = f" There: {', '.join(near)}." if near else ""
        raise FileNotFoundError(f"load: path must be a file that exists. Received: {path}.{hint}")
    found = _read(path)
    if not isinstance(found, dict) or not isinstance(found.get("config"), dict):
        raise ValueError(f"load: {path} is no Keras model: its config.json holds no config.")
    card = found["config"].get("card")
    written_by = card.get("version") if isinstance(card, dict) else None
    if written_by is not None and _numbers(written_by) > _numbers(__version__):
        raise ValueError(
            f"load: {path} was written by version {written_by} of the zoo, and this is "
            f"{__version__}. Update: pip install --upgrade keras-autoencoder-zoo"
        )
    return found


def unknown_class(path: Path | str, header: dict) -> ValueError:
    """Returns the error for a file whose class Keras does not know, or that is no `ZooModel`."""
    if not registered_name(header).startswith(_PACKAGE):
        return _foreign(path, header)
    return ValueError(
        f"load: {path} holds {header.get('class_name')}, which this zoo does not have. Import "
        f"the module that registers it first. Received: module {header.get('module')}."
    )


def is_of_keras(header: dict) -> bool:
    """Tells whether the class is one of Keras's own, such as a functional model."""
    is_of_zoo = registered_name(header).startswith(_PACKAGE)
    return not is_of_zoo and str(header.get("module")).partition(".")[0] == "keras"


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's text, or its class name.

    Where Keras tells first what it was doing, that is the line on what went wrong.
    """
    lines = str(error).split("Exception encountered: ")[-1].strip().splitlines()
    return lines[0].rstrip(". ") if lines else type(error).__name__


def _foreign(path: Path | str, header: dict) -> ValueError:
    name, config = header.get("class_name"), header.get("config")
    if isinstance(config, dict) and "card" in config:
        return ValueError(
            f"load: {path} holds {header.get('module')}.{name}, a model of your own that is not "
            "registered. Write @zoo.register(NAME, paper=ADDRESS) above the class, and save the "
            "model again; or load this file with keras.saving.load_model(path, "
            f"custom_objects={{'{name}': {name}}})."
        )
    return ValueError(
        f"load: {path} must hold a model of the zoo. Received: {header.get('module')}."
        f"{header.get('class_name')}. Use keras.saving.load_model for other models."
    )


def _read(path: Path):
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
            if damaged is not None:
                raise ValueError(f"the checksum of {damaged} is wrong")
            return json.loads(archive.read("config.json"))
    except PermissionError as error:
        raise ValueError(f"load: {path} cannot be read: {first_line(error)}.") from error
    except DAMAGE as error:
        raise ValueError(
            f"load: {path} is no Keras file, or is cut off or damaged ({first_line(error)}). "
            "Save it again with model.save('name.keras')."
        ) from error


def _numbers(version: str) -> tuple[int, ...]:
    """Returns `(0, 2, 0)` of `"0.2.0"` and of `"0.2.0.dev1"`."""
    return tuple(int(number) for number in re.findall(r"\d+", str(version))[:3])
