"""Image files below a folder: links followed, hidden ones left out, the rest counted."""

import collections
import dataclasses
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

# Formats that Pillow names but does not read by itself.
_STUBS = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}
_SHOWN = ".png, .jpg, .bmp, .gif, .tif or .webp"
# What file managers and network drives put beside the files of their users.
_NOT_THE_USERS = {"__MACOSX", "@eaDir"}
_BESIDE_IMAGES = {".txt", ".md", ".csv", ".json", ".xml", ".db", ".ini"}  # no images, surely


@dataclasses.dataclass(frozen=True)
class Listing:
    """What a folder holds.

    Attributes:
        files: Image files, sorted by path.
        left_out: Number of other files, by suffix (lower case), texts and tables not counted.
    """

    files: list[Path]
    left_out: dict[str, int]

    def said(self) -> list[str]:
        """Returns a line on what is left out, or none."""
        if not self.left_out:
            return []
        kinds = ", ".join(f"{num} {suffix}" for suffix, num in sorted(self.left_out.items()))
        num = sum(self.left_out.values())
        return [f"{num} {'file' if num == 1 else 'files'} of no image format: {kinds}"]


def suffixes() -> frozenset[str]:
    """Returns the file suffixes that Pillow reads, lower case, with the dot."""
    from PIL import Image

    registered = Image.registered_extensions()
    readable = set(Image.OPEN) - _STUBS
    return frozenset(suffix for suffix, kind in registered.items() if kind in readable)


def listing(folder) -> Listing:
    """Lists a folder and its sub-folders, linked ones too.

    Raises:
        ValueError: if it does not exist, cannot be listed, holds no images, or holds a link to
            a folder that is not there.
    """
    folder = Path(folder)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise ValueError(f"{folder}: must be a folder of images, but it {what}.")
    known = suffixes()
    images, left_out = [], collections.Counter()
    for file in _walk(folder):
        suffix = file.suffix.lower()
        if suffix in known:
            images.append(file)
        elif file.is_symlink() and not file.exists():
            raise ValueError(
                f"{file}: is a link to {os.readlink(file)}, which is not there. Mend or remove it."
            )
        elif suffix not in _BESIDE_IMAGES:
            left_out[suffix or "without a suffix"] += 1
    if not images:
        raise ValueError(f"{folder}: holds no images. Put files there that end in {_SHOWN}.")
    images.sort(key=lambda file: file.relative_to(folder).parts)
    return Listing(images, dict(left_out))


def find(folder) -> list[Path]:
    """Returns the image files of a folder and its sub-folders: see `listing`."""
    return listing(folder).files


def name(place: Path) -> str:
    """Returns what files of one name have in common: the path in the folder, without the suffix.

    A name may be composed or decomposed (é as one sign or as two, as a Mac writes it): they are
    equal here.
    """
    return normal(place.with_suffix("").as_posix())


def normal(text: str) -> str:
    """Returns a name in its composed form, so that what looks equal is equal."""
    return unicodedata.normalize("NFC", text)


def is_hidden(part: str) -> bool:
    """Tells whether a file or folder of this name is none of the user's images."""
    return part.startswith(".") or part in _NOT_THE_USERS


def _walk(folder: Path) -> Iterator[Path]:
    """Yields what is in a folder but hidden things; a link to a folder above is not followed."""
    waiting = [(folder, (os.path.realpath(folder),))]
    while waiting:
        place, above = waiting.pop()
        try:
            entries = list(os.scandir(place))
        except OSError as error:
            raise ValueError(f"{place}: cannot be listed ({error.strerror}).") from error
        for entry in entries:
            if is_hidden(entry.name):
                continue
            if entry.is_dir():
                real = os.path.realpath(entry.path)
                if real not in above:
                    waiting.append((Path(entry.path), (*above, real)))
            elif entry.is_file() or entry.is_symlink():
                yield Path(entry.path)
