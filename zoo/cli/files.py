"""Files and folders that a command writes: checked first, complete or not there at all."""

import contextlib
import csv
import os
import shutil
import tempfile
from pathlib import Path


class CommandError(ValueError):
    """A failure that the user can mend; the command line prints it as one line."""


def check_file(path: Path, overwrite: bool, suffix: str) -> None:
    """Raises CommandError when a file must not or cannot be written."""
    if path.suffix != suffix:
        raise CommandError(
            f"--output must end in {suffix}. Received: {path}. "
            f"For example {path.with_suffix(suffix)}"
        )
    if path.is_dir():
        raise CommandError(f"--output must be a file. Received: the folder {path}.")
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


def _check_parent(path: Path) -> None:
    existing = path.absolute().parent
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise CommandError(f"{path} cannot be written: {existing} is no folder to write to.")


@contextlib.contextmanager
def new_folder(path: Path):
    """Yields a temporary folder; what is in it moves to `path` when all went well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".partial-", dir=path.parent))
    try:
        yield temporary
        path.mkdir(exist_ok=True)
        for file in sorted(temporary.rglob("*")):
            if file.is_file():
                target = path / file.relative_to(temporary)
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(file, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def new_table(path: Path):
    """Yields a writer of the rows of a CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        yield csv.writer(file)


def png_names(files: list[Path], folder: Path) -> dict[Path, Path]:
    """Returns for each file the relative path of its picture, ending in `.png`.

    `a.jpg` becomes `a.png`; where `a.bmp` is there too, they become `a.jpg.png` and `a.bmp.png`.
    """
    stems: dict[Path, int] = {}
    places = {file: file.relative_to(folder) for file in files}
    for place in places.values():
        stems[place.with_suffix("")] = stems.get(place.with_suffix(""), 0) + 1
    return {
        file: place.with_suffix(".png")
        if stems[place.with_suffix("")] == 1
        else place.with_name(place.name + ".png")
        for file, place in places.items()
    }
