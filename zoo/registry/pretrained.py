"""The trained weights that come with the package: their index, their files, their names.

`zoo/weights/index.json` says of each what was measured, and the SHA-256 of its file: an `.npz` of
the model's configuration and its weights, in the fewest bits that change no output by over 1e-3.
`python -m bench pack` writes both.
"""

import collections.abc
import dataclasses
import difflib
import functools
import hashlib
import io
import json
import os
import re
import zipfile
import zlib
from pathlib import Path, PurePath
from typing import Any

import numpy as np

FOLDER = Path(__file__).parents[1] / "weights"
INDEX = "index.json"
VERSION = 1  # of the index
HEADER = "header"  # the array of a file that holds the configuration, as JSON in bytes
HUB = "hf://"
MODEL_HELP = "saved model, .keras, or a name that `zoo pretrained` lists"
REINSTALL = "pip install --force-reinstall --no-deps keras-autoencoder-zoo"
_NAME = re.compile(r"[A-Za-z0-9_-]+/[A-Za-z0-9_-]+")


@dataclasses.dataclass(frozen=True)
class Weights:
    """Trained weights that come with the package, and what is known of them.

    Attributes:
        name: Such as `"fashion_mnist/vae"`: what `zoo.load` takes.
        path: Their file.
        sha256: Of the file, in hexadecimal digits; it has `num_bytes`.
        dtype: Of the floats in the file, `"float16"` or `"float32"`; models compute in float32.
        facts: What the record of the training says, plain data: `model`, `preset`, `arguments`,
            `num_parameters`, `data`, `licence`, `training`, `metrics`, `floors`, `limits`.
        bits: Of a weight that are kept; the last of a float32 may be 0.
    """

    name: str
    path: Path
    sha256: str
    num_bytes: int
    dtype: str
    facts: dict[str, Any]
    bits: int = 32

    @property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """Measured on the test images, by name, each a dict.

        `value` is of these weights, `low` and `high` its 95 % interval over images; `mean`,
        `mean_low`, `mean_high` and `num_seeds` are over trainings that differ in the seed; what is
        not known is missing.
        """
        return self.facts["metrics"]

    def arrays(self) -> dict[str, np.ndarray]:
        """Reads the file, whose checksum has to be that of the index; the header is among them.

        Raises:
            FileNotFoundError: if it is missing.
            ValueError: if it is damaged.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"load: the file of {self.name!r} is missing: {self.path}. Fix: {REINSTALL}"
            ) from error
        except OSError as error:
            raise ValueError(f"load: {self.path} cannot be read: {error.strerror}.") from error
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise ValueError(
                f"load: the file of {self.name!r} is damaged, as its checksum differs from that of "
                f"the index: {self.path}. Fix: {REINSTALL}"
            )
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as file:
                return {key: file[key] for key in file.files}
        except (ValueError, KeyError, OSError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(
                f"load: the file of {self.name!r} holds no weights: {self.path}. Fix: {REINSTALL}"
            ) from error

    def header(self) -> dict[str, Any]:
        """Returns the model's configuration, as the `config.json` of a `.keras` file has it."""
        return json.loads(self.arrays()[HEADER].tobytes())

    def summary(self) -> str:
        """Returns the first metric in words: `mse 0.0105`."""
        for name, found in self.metrics.items():
            return f"{name} {found['value']:.4g}"
        return ""


class Shelf(collections.abc.Mapping):
    """Weights by name; shown as a table."""

    def __init__(self, found: dict[str, Weights]):
        self._found = found

    def __getitem__(self, name: str) -> Weights:
        return self._found[name]

    def __iter__(self):
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        if not self:
            return EMPTY
        wide = max(map(len, self))
        return "\n".join(
            f"{each.name:{wide}}  {each.facts['num_parameters']:>9,} parameters  "
            f"{each.num_bytes / 1e6:5.2f} MB  {each.summary()}"
            for each in self.values()
        )


EMPTY = (
    "No weights come with this version. Make some: python -m bench run "
    "bench/experiments/full.yaml, then python -m bench pack runs/full"
)


def pretrained(folder: str | os.PathLike | None = None) -> Shelf:
    """Returns the trained weights that come with the package, by name, with what was measured.

    No TensorFlow is needed for that. `zoo.load(name)` gives the model.

    Args:
        folder: Of other weights that `python -m bench pack` wrote; None: those of the package.

    Returns:
        A mapping of names to `Weights`, in alphabetical order; printed, it is a table.

    Raises:
        ValueError: if the index is missing or damaged.
        TypeError: for a folder that is no path.

    Example:
        >>> import zoo
        >>> shelf = zoo.pretrained()
        >>> all(each.num_bytes < 5_000_000 for each in shelf.values())
        True
    """
    if not isinstance(folder, str | os.PathLike | None):
        raise TypeError(f"pretrained: folder must be a path or None. Received: {folder!r}.")
    folder = FOLDER if folder is None else Path(folder)
    path = folder / INDEX
    try:
        return Shelf(_read(path, path.stat().st_mtime_ns))
    except OSError as error:
        raise ValueError(
            f"pretrained: the index of the weights cannot be read: {path} ({error.strerror}). "
            f"{_fix(folder)}"
        ) from error


@functools.lru_cache(maxsize=4)
def _read(path: Path, changed: int) -> dict[str, Weights]:
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        if index["version"] != VERSION:
            raise ValueError(f"version {index['version']}")
        return {
            name: Weights(name, path.parent / row.pop("file"), **row)
            for name, row in sorted(index["weights"].items())
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"pretrained: the index of the weights is damaged: {path}. {_fix(path.parent)}"
        ) from error


def _fix(folder: Path) -> str:
    if folder == FOLDER:
        return f"Fix: {REINSTALL}"
    return "Give a folder that was written by: python -m bench pack RUN --output FOLDER"


def find(source: str | os.PathLike) -> Weights | str | None:
    """Tells what a model is given by: the one place that does.

    Args:
        source: A path, the name of weights, or an address of Hugging Face, `hf://user/model`; a
            `Path` of any of them, as command lines make it.

    Returns:
        The weights of that name; the address; or None for a path: of a file that is there, or that
        somebody else will not find.

    Raises:
        FileNotFoundError: for a name that no weights have; the text tells the nearest one.
        ValueError: for an address, where what reads it is not installed.
    """
    text = os.fspath(source)
    text = PurePath(text).as_posix() if isinstance(source, PurePath) else text
    if text.startswith((HUB, "hf:/")):  # as a Path has it
        return _address(HUB + text.removeprefix(HUB).removeprefix("hf:/").lstrip("/"))
    if Path(text).is_file() or Path(text).suffix:
        return None
    shelf = pretrained()
    if text in shelf:
        return shelf[text]
    if not Path(text).exists() and (_NAME.fullmatch(text) or _is_end_of_a_name(text, shelf)):
        raise FileNotFoundError(
            f"load: neither a file nor weights are called {text!r}.{_near(text, shelf)}"
        )
    return None


def _is_end_of_a_name(text: str, shelf: Shelf) -> bool:
    return any(name.partition("/")[2] == text for name in shelf)


def _near(text: str, shelf: Shelf) -> str:
    if not shelf:
        return f" {EMPTY}"
    data, _, model = text.rpartition("/")
    names = sorted(shelf, key=lambda name: name.startswith(f"{data}/"))  # of these data last
    ends = {name.partition("/")[2]: name for name in names}
    near = difflib.get_close_matches(model, ends, n=1)
    hint = f" Did you mean {ends[near[0]]!r}?" if near else ""
    return f"{hint} See: python -m zoo pretrained"


def _address(address: str) -> str:
    import importlib.util

    if not re.fullmatch(HUB + r"[\w.-]+/[\w.-]+", address):
        raise ValueError(f"load: an address must be hf://USER/MODEL. Received: {address}.")
    if importlib.util.find_spec("huggingface_hub") is None:
        raise ValueError(
            f"load: {address} needs the package huggingface_hub. Run: pip install huggingface_hub"
        )
    return address
