"""`python -m bench migrate`: writes records of the version before anew. Goes with the next one."""

import argparse
from pathlib import Path

from bench.errors import BenchError

DESCRIPTION = "Old records are read as they are; this writes them anew, for good."
EXAMPLES = """examples:
  python -m bench migrate runs/
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `migrate`."""
    parser.add_argument(
        "paths", type=Path, nargs="+", help="record files, or folders with records anywhere below"
    )


def command(options: argparse.Namespace) -> int:
    """Migrates the files and returns the exit code 0.

    Raises:
        BenchError: for a path that does not exist, or a file that cannot be read or written.
    """
    from bench.records import migrate, store

    files = [file for path in options.paths for file in _files(path)]
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BenchError(f"cannot read {path}: {error}.") from error
        new, count = migrate.migrated_text(text)
        if count:
            store.write_whole(path, new.encode())
        print(f"{path}: {count} records migrated" if count else f"{path}: nothing to do")
    return 0


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise BenchError(f"{path} does not exist. Name a record file, or a folder with some.")
    return sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]
