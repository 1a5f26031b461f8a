"""Experiments as files: grids of what `bench run` takes, checked before anything runs.

A key is an option of `bench run`, without the dashes in front and with underscores within. A
value may be a list, and every combination runs:

    name: widths
    dataset: digits
    models: [autoencoder:small, {name: vae, preset: [tiny, small], arguments: {beta: [1, 4]}}]
    seeds: 3
    epochs: [10, 20]

Several grids are a list under `experiments`, and share what stands under `defaults`.
"""

import dataclasses
import hashlib
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.records import store
from bench.runs.experiment_file import Grid, Reader
from bench.runs.request import Request


@dataclasses.dataclass(frozen=True)
class Experiment:
    """An experiment file that has been read and checked.

    Attributes:
        name: From the file, or the file's own.
        output: Folder of the records.
        requests: One for each combination of what cannot share a request.
        content: The file, byte for byte; `sha256` is its hash in hexadecimal digits.
    """

    name: str
    output: Path
    requests: tuple[Request, ...]
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def copy_to(self, output: Path) -> Path:
        """Writes the file to `<output>/experiments/`, beside other versions of it."""
        path = output / "experiments" / f"{self.name}-{self.sha256[:8]}.yaml"
        try:
            path.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise BenchError(f"cannot write to {path.parent}: {error.strerror}.") from error
        store.write_whole(path, self.content)
        return path


def read(path: str | Path, given: dict[str, Any] | None = None) -> Experiment:
    """Reads an experiment file.

    Args:
        path: Of a YAML file in UTF-8.
        given: Options of the command line beside the file. They may say how jobs run, such as
            `workers`; what runs is said by the file alone.

    Raises:
        BenchError: for a missing file or other options, and with file and line for whatever is
            wrong in it: no YAML, an unknown or doubled key, a value of the wrong kind.
    """
    try:
        content = Path(path).read_bytes()
        text = content.decode()
    except OSError as error:
        raise BenchError(f"cannot read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BenchError(f"{path}: must be text in UTF-8.") from error
    how = dict(given or {})
    reader = Reader(path)
    _refuse(path, how, reader.how)
    name, output, grids = reader.read(text)
    output = how.pop("output", None) or output or Path("runs") / name
    requests = [
        Request(**settings, **how, output=output, places=places)
        for grid in grids
        for settings, places in _combinations(grid)
    ]
    return Experiment(name, output, tuple(requests), content)


def _refuse(path: str | Path, given: Iterable[str], allowed: tuple[str, ...]) -> None:
    """Raises BenchError for options of the command line that belong into the file."""
    for name in given:
        if name not in allowed:
            raise BenchError(
                f"--{name.replace('_', '-')} is not taken beside an experiment file, which says "
                f"what runs. Write it into {path} instead."
            )


def _combinations(grid: Grid) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """Gives the settings of each combination, and where they are written."""
    for chosen in itertools.product(*grid.values()):
        settings, places = {}, {}
        for name, (value, where) in zip(grid, chosen, strict=True):
            settings[name] = value
            places |= where
        yield settings, places
