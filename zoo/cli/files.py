"""Files and folders that a command writes: checked first, complete or not there at all."""

import collections
import contextlib
import csv
import itertools
import tempfile
from pathlib import Path

import numpy as np

from zoo.data.files import normal
from zoo.files import is_taken


class CommandError(ValueError):
    """A failure that the user can mend; the command line prints it as one line."""


def finite(values, model):
    """Returns what a model gives.

    Raises:
        CommandError: if there is NaN or infinity in it.
    """
    if not np.isfinite(np.asarray(values)).all():
        raise CommandError(
            f"the {model.registry_name} gives NaN or infinity: its training diverged, or its "
            "weights are damaged. Train it again, with a lower --learning-rate."
        )
    return values


def check_file(path: Path, overwrite: bool, suffix: str, inputs: Path | None = None) -> None:
    """Raises CommandError when a file must not or cannot be written.

    Args:
        inputs: File that is read: it is not replaced, whatever `overwrite` says.
    """
    if path.suffix != suffix:
        raise CommandError(
            f"--output must end in {suffix}. Received: {path}. "
            f"For example {path.with_suffix(suffix)}"
        )
    if path.is_dir():
        raise CommandError(f"--output must be a file. Received: the folder {path}.")
    if inputs is not None and path.exists() and inputs.exists() and path.samefile(inputs):
        raise CommandError(f"--output must not be the file that is read. Received: {path}.")
    if path.exists() and not overwrite:
        raise CommandError(f"{path} exists. Choose another --output, or give --overwrite.")
    _check_parent(path)


def check_folder(path: Path, overwrite: bool, inputs: Path | None = None) -> None:
    """Raises CommandError when a folder must not or cannot be written.

    Args:
        inputs: Folder that is read: what is written there would be read the next time.
    """
    if path.exists() and not path.is_dir():
        raise CommandError(f"--output must be a folder. Received: the file {path}.")
    if inputs is not None and path.resolve().is_relative_to(inputs.resolve()):
        raise CommandError(
            f"--output must lie outside of the images' folder. Received: {path} in {inputs}."
        )
    if path.is_dir() and any(path.iterdir()) and not overwrite:
        raise CommandError(
            f"{path} is not empty. Choose another --output, or give --overwrite, which replaces "
            "files of the same names and keeps the others."
        )
    _check_parent(path)


def check_new(path: Path, overwrite: bool) -> None:
    """Raises CommandError when there is a file, or a folder that is not empty, and may stay."""
    if not overwrite and is_taken(path):
        raise CommandError(f"{path} exists. Choose another path, or give --overwrite.")
    _check_parent(path)


def _check_parent(path: Path) -> None:
    existing = path.absolute().parent
    while not existing.exists():
        existing = existing.parent
    try:
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(b"x")
    except OSError as error:
        raise CommandError(
            f"{path} cannot be written: {existing} is no folder to write to ({error.strerror})."
        ) from error


@contextlib.contextmanager
def new_table(path: Path):
    """Yields a writer of the rows of a CSV file; bytes of names beyond UTF-8 become `\\udce9`."""
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        yield csv.writer(file)


def png_names(files: list[Path], folder: Path) -> dict[Path, Path]:
    """Returns for each file the relative path of its picture, ending in `.png`, all different.

    `a.jpg` becomes `a.png`; where `a.bmp` is there too, they become `a.jpg.png` and `a.bmp.png`;
    where that is taken, `a.jpg-2.png`. Names that differ in capitals alone are not different: some
    disks do not tell them apart.
    """
    places = {file: file.relative_to(folder) for file in files}
    stems = {file: _as_on_disk(place.with_suffix("")) for file, place in places.items()}
    counts = collections.Counter(stems.values())
    is_shared = {file: counts[stem] > 1 for file, stem in stems.items()}
    names, taken = {}, set()
    for file in sorted(files, key=is_shared.get):  # a name of its own comes first
        place = places[file]
        base = place.name if is_shared[file] else place.stem
        candidates = itertools.chain([base], (f"{base}-{number}" for number in itertools.count(2)))
        for candidate in candidates:
            name = place.with_name(candidate + ".png")
            if _as_on_disk(name) not in taken:
                break
        taken.add(_as_on_disk(name))
        names[file] = name
    return {file: names[file] for file in files}


def _as_on_disk(place: Path) -> str:
    return normal(place.as_posix()).casefold()
