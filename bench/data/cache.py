"""Keeps a data set that a run has read, so that its jobs need not read all files again."""

import contextlib
import dataclasses
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.data import catalog
from bench.data.dataset import PARTS, Dataset, Split
from zoo.data.contents import Description
from zoo.data.reader import ragged
from zoo.files import new_file

_FOLDER = ".data"
_SHAPES = ".shapes"
_FIELDS = tuple(field.name for field in dataclasses.fields(Split))
_FACTS = tuple(field.name for field in dataclasses.fields(Dataset) if field.name not in PARTS)


@contextlib.contextmanager
def opened(folder: Path) -> Iterator["DatasetCache"]:
    """Yields a cache in a run's folder; what is in the cache is deleted at the end."""
    store = DatasetCache(folder)
    store.clear()  # what a run that was killed has left
    try:
        yield store
    finally:
        store.clear()


class DatasetCache:
    """Data sets by checksum, as `.npz` files. A file that is missing is read from its source again.

    Args:
        folder: Of the run.
    """

    def __init__(self, folder: Path):
        self.folder = folder / _FOLDER

    def put(self, dataset: Dataset) -> None:
        """Keeps a data set, where the disk has room for it; one with facts of its own is not."""
        path = self._path(dataset.checksum)
        if type(dataset) is not Dataset or path.exists():
            return
        arrays = {
            f"{part}.{field}": values
            for part in PARTS
            for field in _FIELDS
            if (values := getattr(getattr(dataset, part), field)) is not None
        }
        arrays = {name: each for key, values in arrays.items() for name, each in _flat(key, values)}
        facts = {name: getattr(dataset, name) for name in _FACTS}
        if dataset.description is not None:
            facts["description"] = dataset.description.to_json()
        with contextlib.suppress(OSError), new_file(path) as temporary:
            np.savez(temporary, facts=np.array(json.dumps(facts)), **arrays)

    def get_or_load(self, checksum: str, name: str, **settings: Any) -> Dataset:
        """Returns the data set of a checksum, or loads it by its name."""
        return self.get(checksum) or catalog.load(name, **settings)

    def get(self, checksum: str) -> Dataset | None:
        """Returns the data set of a checksum, or None where it is not here as it was."""
        try:
            with np.load(self._path(checksum), allow_pickle=False) as file:
                facts = json.loads(str(file["facts"]))
                arrays = {name: file[name] for name in file.files if name != "facts"}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        arrays |= _unflattened(arrays)
        splits = {
            part: Split(**{field: arrays.get(f"{part}.{field}") for field in _FIELDS})
            for part in PARTS
        }
        if facts["description"] is not None:
            facts["description"] = Description.from_json(facts["description"])
        lists = {name: tuple(value) for name, value in facts.items() if isinstance(value, list)}
        dataset = Dataset(**(facts | lists | splits))
        return dataset if dataset.checksum == checksum else None

    def clear(self) -> None:
        with contextlib.suppress(OSError):
            for path in self.folder.iterdir():
                path.unlink()
            self.folder.rmdir()

    def _path(self, checksum: str) -> Path:
        return self.folder / f"{checksum}.npz"


def _flat(key: str, values: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Returns an array, or of images of many sizes all their values in a row, and their shapes."""
    if values.dtype != object:
        return [(key, values)]
    shapes = np.array([each.shape for each in values])
    return [(f"{key}{_SHAPES}", shapes), (key, np.concatenate([each.ravel() for each in values]))]


def _unflattened(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    made = {}
    for name in [name for name in arrays if name.endswith(_SHAPES)]:
        key, shapes = name.removesuffix(_SHAPES), arrays[name]
        pieces = np.split(arrays[key], np.cumsum(shapes.prod(axis=1))[:-1])
        made[key] = ragged([p.reshape(s) for p, s in zip(pieces, shapes, strict=True)])
    return made
