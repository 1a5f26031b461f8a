"""The record file: one JSON object per line, written so that a killed run loses at most one line.

Reports, tables and plots are derived from these lines and from nothing else. `bench.records.schema`
defines what a line holds.
"""

import contextlib
import dataclasses
import hashlib
import json
import math
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from bench.errors import BenchError
from bench.records import migrate, schema
from bench.records.config import RunConfig
from bench.records.schema import SCHEMA_VERSION, Record
from zoo import files

FILE_NAME = "records.jsonl"
_MOST_RUNS = 8  # of lines, in a warning


def append(path: str | Path, record: Record) -> None:
    """Adds one record to the end of a record file and returns once it is on the disk.

    NaN and infinities become null. A last line that an earlier writer left without its newline is
    ended first, so that it cannot swallow this record.

    Args:
        path: The record file. Made, with its folder, if missing.
        record: Plain data; numpy scalars and arrays are converted.

    Raises:
        TypeError: if a value is not plain data.
        BenchError: if the file cannot be written.
    """
    append_line(path, record.to_json())


def append_line(path: str | Path, record: dict[str, Any]) -> dict[str, Any]:
    """Adds one JSON object to the end of a file, as `append` does, with its own fields alone.

    Returns:
        The object as it will be read.

    Raises:
        TypeError: if a value is not plain data.
        BenchError: if the file cannot be written.
    """
    line = json.dumps(_plain(record), allow_nan=False).encode() + b"\n"
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "ab+") as file:
            if file.seek(0, os.SEEK_END) > 0:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    line = b"\n" + line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise BenchError(f"cannot write records to {path}: {error.strerror}.") from error
    return json.loads(line)


@dataclasses.dataclass(frozen=True)
class Problem:
    """What is wrong with lines of a record file.

    Attributes:
        problem: And what became of them, `"cut off or not JSON; left out."`.
        lines: Their numbers, from 1, in order.
    """

    problem: str
    lines: list[int]

    @property
    def what(self) -> str:
        """What is wrong, as a part of a sentence."""
        return self.problem.removesuffix(".").removesuffix("; left out")

    @property
    def where(self) -> str:
        """`"line 5"`, or `"lines 1-4, 7"`."""
        runs = _runs(self.lines)
        shown = [str(first) if first == last else f"{first}-{last}" for first, last in runs]
        left = sum(last - first + 1 for first, last in runs[_MOST_RUNS:])
        more = f" and {left} more" if left else ""
        return f"line{'s' * (len(self.lines) > 1)} {', '.join(shown[:_MOST_RUNS])}{more}"

    @property
    def text(self) -> str:
        return f"{self.where}: {self.problem}"


def read(
    path: str | Path, config_class: type[RunConfig] = RunConfig
) -> tuple[list[Record], list[str]]:
    """Reads every good line of a record file; lines of the version before are taken too.

    Commands read by `bench.records.reading`, which tells the warnings.

    Args:
        path: The record file, or the folder that holds it as `records.jsonl`.
        config_class: Of the options.

    Returns:
        The records in file order, and the warnings, one for each kind of line or value that had
        to be left out, with the numbers of its lines.

    Raises:
        BenchError: if the file is missing or cannot be read.
    """
    path = file_of(path)
    records, problems = read_with_problems(path, config_class)
    return records, [f"{path.name} {each.text}" for each in problems]


def file_of(path: str | Path) -> Path:
    """Returns the record file of a folder; of another path itself."""
    path = Path(path)
    return path / FILE_NAME if path.is_dir() else path


def how_to_make(path: Path) -> str:
    """Returns a sentence about a record file, or a folder, that has no records."""
    folder = path.parent if path.suffix == Path(FILE_NAME).suffix else path
    return f"Make some: python -m bench run --output {folder}"


def read_with_problems(
    path: Path, config_class: type[RunConfig] = RunConfig
) -> tuple[list[Record], list[Problem]]:
    """Reads a record file as `read` does, and returns what is wrong with it line by line.

    Raises:
        BenchError: if the file is missing or cannot be read.
    """
    records, lines_of = [], {}
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        record, problems = _parse(line, config_class)
        for problem in problems:
            lines_of.setdefault(problem, []).append(number)
        if record is not None:
            records.append(record)
    return records, [Problem(problem, lines) for problem, lines in lines_of.items()]


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    """Returns the first and the last of each row of numbers without a gap."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().split(b"\n")
    except FileNotFoundError as error:
        raise BenchError(f"no records at {path}. {how_to_make(path)}") from error
    except OSError as error:
        raise BenchError(f"cannot read records from {path}: {error.strerror}.") from error


def latest(records: Iterable[Record]) -> list[Record]:
    """Keeps one record per `job_id`: the last one, but no failure in place of an earlier "ok".

    Args:
        records: Records in the order in which they were written.

    Returns:
        The kept records, in the order in which their jobs first appeared.
    """
    kept: dict[str, Record] = {}
    for record in records:
        earlier = kept.get(record.job_id)
        if earlier is None or record.is_ok or not earlier.is_ok:
            kept[record.job_id] = record
    return list(kept.values())


def job_id(identity: dict[str, Any]) -> str:
    """Names a job by its content.

        job_id = first 16 hex digits of sha256(canonical JSON)

    Args:
        identity: What tells this job from others, as plain data. Order of keys, tuple or list,
            and numpy or Python numbers make no difference.

    Returns:
        16 hexadecimal digits.
    """
    text = json.dumps(_plain(identity), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check_writable(output: str | Path, remedy: str = "Choose another --output.") -> None:
    """Makes the output folder and writes to it once, so that long work does not end in an error.

    Args:
        output: The folder of a run.
        remedy: Ends the error: what the caller's command can do about it.

    Raises:
        BenchError: if a file is in the place, or the folder or its record file is read-only.
    """
    output = Path(output)
    try:
        output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output) as file:
            file.write(b"x")
        if (output / FILE_NAME).exists():
            with open(output / FILE_NAME, "ab"):
                pass
    except (FileExistsError, NotADirectoryError) as error:
        raise BenchError(
            f"cannot write to {output}: a file is in the place of the folder. {remedy}"
        ) from error
    except OSError as error:
        raise BenchError(f"cannot write to {output}: {error.strerror}. {remedy}") from error


@contextlib.contextmanager
def folder_lock(output: str | Path) -> Iterator[None]:
    """Holds `<output>/.lock`, so that two runs never write into one folder at a time.

    The system releases the lock when the process ends, also after a crash; both files stay.
    `<output>/.owner` names the process that holds the lock, for the error of those refused.

    Args:
        output: The folder of a run. Made if missing.

    Raises:
        BenchError: if another process holds the lock, or the folder cannot be written.
    """
    check_writable(output)
    owner = Path(output) / ".owner"  # Windows lets nobody read a file that is locked
    lock = filelock.FileLock(Path(output) / ".lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        pid = owner.read_text(encoding="utf-8").strip() if owner.exists() else "unknown"
        raise BenchError(
            f"another run is writing to {output} (pid {pid}). "
            "Wait for it, or choose another --output."
        ) from error
    try:
        owner.write_text(f"{os.getpid()}\n", encoding="utf-8")
        yield
    finally:
        lock.release()


def write_whole(path: str | Path, data: bytes) -> None:
    """Writes a file atomically: a crash leaves the earlier file or the complete new one.

    Args:
        path: The file; its folder is made where it is missing.
        data: What it shall hold.

    Raises:
        BenchError: if the file cannot be written.
    """
    try:
        with files.new_file(Path(path)) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        raise BenchError(f"cannot write {path}: {error.strerror}.") from error


def write_lines(path: str | Path, records: Iterable[dict[str, Any]]) -> None:
    """Writes a file of JSON lines as `write_whole` does."""
    write_whole(path, "".join(json.dumps(record) + "\n" for record in records).encode())


def read_lines(path: str | Path, command: str) -> list[dict[str, Any]]:
    """Reads a file of JSON lines.

    Args:
        command: What makes the file.

    Raises:
        BenchError: if it cannot be read.
    """
    try:
        return [json.loads(line) for line in Path(path).read_text().splitlines()]
    except OSError as error:
        raise BenchError(f"{path} cannot be read: {error.strerror}. Make it: {command}") from error
    except ValueError as error:
        raise BenchError(f"{path} holds no lines of JSON. Make it again: {command}") from error


def lines_so_far(path: Path, command: str) -> list[dict[str, Any]]:
    """Reads what a command that goes on where it stopped has written; nothing before its start.

    Raises:
        BenchError: if the file cannot be read.
    """
    return read_lines(path, command) if path.is_file() else []


def _plain(value: Any) -> Any:
    """Converts to what JSON can say: numpy to Python, tuples to lists, NaN and inf to None."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Path):
        return str(value)
    raise TypeError(
        "records: a value must be plain data (numbers, strings, lists, dicts). "
        f"Received: {value!r} of type {type(value).__name__}."
    )


def _parse(line: bytes, config_class: type[RunConfig]) -> tuple[Record | None, list[str]]:
    """One line to (record, problems); the record is None where nothing of it can be used."""
    try:
        fields = json.loads(line.decode(), parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None, ["cut off or not JSON; left out."]
    if not isinstance(fields, dict):
        return None, ["not a JSON object; left out."]
    version = fields.get("schema_version")
    if version == migrate.OLD_VERSION:
        fields = migrate.migrated(fields)
    elif version != SCHEMA_VERSION:
        return None, [f"schema_version {version!r} is not {SCHEMA_VERSION}; left out."]
    return schema.from_json(fields, config_class)
