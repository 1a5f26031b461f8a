"""A folder of weights: their files and their index, read and written without Keras."""

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.errors import BenchError, user_errors
from bench.records import store
from zoo import files
from zoo.registry import pretrained

MOST_BYTES = 15_000_000  # of all files


@dataclasses.dataclass(frozen=True)
class Packed:
    """A file of weights.

    Attributes:
        bits: Of a weight, see `bench.packing.writing`.
        difference: Largest change of an output by that; None of a file that was there.
    """

    name: str
    content: bytes
    dtype: str
    bits: int
    difference: float | None
    facts: dict[str, Any]

    @property
    def file(self) -> str:
        return f"{self.name}.npz"

    @property
    def row(self) -> dict[str, Any]:
        """Returns what the index says of it."""
        return {
            "file": self.file,
            "sha256": hashlib.sha256(self.content).hexdigest(),
            "num_bytes": len(self.content),
            "dtype": self.dtype,
            "bits": self.bits,
            "facts": self.facts,
        }


def there(folder: Path) -> dict[str, Packed | None]:
    """Returns the weights that a folder has; None for those whose file is missing or damaged.

    Raises:
        BenchError: if its index is damaged.
    """
    if not (folder / pretrained.INDEX).exists():
        return {}
    with user_errors():
        shelf = pretrained.pretrained(folder)
    found: dict[str, Packed | None] = dict.fromkeys(shelf)
    for name, weights in shelf.items():
        with contextlib.suppress(OSError):
            content = weights.path.read_bytes()
            if hashlib.sha256(content).hexdigest() == weights.sha256:
                found[name] = Packed(
                    *(name, content, weights.dtype, weights.bits), None, weights.facts
                )
    return found


def is_of(packed: Packed, about: dict[str, Any]) -> bool:
    """Tells whether a file is of the training that the facts are of, not of another one."""
    return all(
        packed.facts.get("training", {}).get(key) == about["training"][key]
        for key in ("job_id", "time_utc")
    )


def write(packed: Sequence[Packed], folder: Path) -> None:
    """Writes the files, then the index of them; other files of the index before are removed.

    Raises:
        BenchError: if all together are larger than 15 MB, or the folder cannot be written.
    """
    total = sum(len(each.content) for each in packed)
    if total > MOST_BYTES:
        largest = sorted(packed, key=lambda each: -len(each.content))[:3]
        named = ", ".join(f"{each.name} {len(each.content) / 1e6:.2f}" for each in largest)
        raise BenchError(
            f"the weights take {total / 1e6:.1f} MB, and {MOST_BYTES / 1e6:g} MB is the limit. The "
            f"largest: {named}. Choose fewer by --models, or train smaller presets."
        )
    index = {"version": pretrained.VERSION, "weights": {each.name: each.row for each in packed}}
    before = _files_of(folder)
    try:
        for each in packed:
            with files.new_file(folder / each.file) as temporary:
                temporary.write_bytes(each.content)
        text = json.dumps(index, indent=1, ensure_ascii=False) + "\n"
        store.write_whole(folder / pretrained.INDEX, text.encode())
        for name in before - {each.file for each in packed}:
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise BenchError(f"cannot write to {folder}: {error.strerror}.") from error


def _files_of(folder: Path) -> set[str]:
    try:
        shelf = pretrained.pretrained(folder)
    except ValueError:  # none yet, or one that is damaged
        return set()
    return {each.path.relative_to(folder).as_posix() for each in shelf.values()}
