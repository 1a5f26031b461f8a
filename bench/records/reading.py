"""How commands read records: what is left out is told, and a file without any is refused."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.errors import BenchError
from bench.records import store
from bench.records.config import RunConfig
from bench.records.schema import Record

Warn = Callable[[str], None]

_MOST_TOLD = 10  # warnings of a file
_MOST_REASONS = 2  # in an error


def tell(text: str) -> None:
    """Tells a warning where messages go: standard output may be JSON."""
    print(f"warning: {text}", file=sys.stderr)


def read(
    path: str | Path, warn: Warn | None = tell, config_class: type[RunConfig] = RunConfig
) -> tuple[list[Record], list[str]]:
    """Reads a record file as `store.read` does, tells what is left out, and wants one record.

    Args:
        path: The record file, or the folder that holds it.
        warn: Is told of what is left out, with the path of the file; None: nobody is.
        config_class: Of the options.

    Returns:
        The records in file order, and all warnings, without the path.

    Raises:
        BenchError: if the file is missing, cannot be read, or has no readable record: with what
            is wrong with its lines.
    """
    file = store.file_of(path)
    records, problems = store.read_with_problems(file, config_class)
    if not records:
        raise BenchError(
            f"no readable record in {file}{_reasons(problems)}. {store.how_to_make(file)}"
        )
    warnings = [each.text for each in problems]
    if warn is not None:
        tell_left_out(file, problems, warn)
    return records, [f"{file.name} {text}" for text in warnings]


def tell_left_out(file: Path, problems: Sequence[store.Problem], warn: Warn = tell) -> None:
    """Tells what is left out of a record file, with its path."""
    for each in problems[:_MOST_TOLD]:
        warn(f"{file} {each.text}")
    if len(problems) > _MOST_TOLD:
        warn(f"{file}: {len(problems) - _MOST_TOLD} more of this kind.")


def folder_of(path: str | Path) -> Path:
    """Returns the folder of a run: itself, or that of the record file that is named in its place.

    Raises:
        BenchError: for another file.
    """
    path = Path(path)
    if not path.is_file():
        return path
    if path.name != store.FILE_NAME:
        raise BenchError(
            f"the folder of a run is wanted, with {store.FILE_NAME} in it. Received: the file "
            f"{path}."
        )
    return path.parent


def _reasons(problems: list[store.Problem]) -> str:
    """Returns what is wrong with a file that has no record, the most frequent first."""
    if not problems:
        return ", which is empty"
    problems = sorted(problems, key=lambda each: -len(each.lines))
    shown = ", ".join(f"{each.what} ({each.where})" for each in problems[:_MOST_REASONS])
    num_more = len(problems) - _MOST_REASONS
    more = f", and {num_more} other reason{'s' * (num_more > 1)}" if num_more > 0 else ""
    return f": {shown}{more}"
