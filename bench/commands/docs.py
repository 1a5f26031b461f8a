"""`python -m bench docs`: tables of Markdown pages, from committed records, never typed.

A page holds pairs of lines, and between them what the record files say:

    <!-- results: bench/results/digits.jsonl mse,ssim -->
    <!-- end of results -->

The first word is one of `KINDS`; record files, which end in `.jsonl`, follow, and then what else
the kind takes: of `options`, which reads no records, the group; of `weights`, which reads the index
of the package's weights, `all`.
"""

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.commands import docs_tables
from bench.errors import BenchError
from bench.peers import roofline_bound
from bench.peers import table as peers_table
from bench.records import reading, store
from bench.records.schema import Record
from bench.reproduce import table
from bench.scaling import tables as scale_tables
from bench.suites import (
    default_table,
    segmentation_table,
    selection_table,
    texture_table,
    upae_table,
)
from zoo.registry import pretrained

Block = Callable[[Sequence[Path], Sequence[str]], str]  # of record files and further words

PAGES = ("README.md", "docs/*.md")
PEERS = "pip install -r bench/peers/requirements.txt && python -m bench.peers"
ROOFLINE = "python -m bench.peers.roofline_bound"
SCALE = "python -m bench scale --memory"
DEFAULTS = "python -m bench.suites.default_check"
MASKS = "python -m bench.suites.segmentation"
SELECTION = "python -m bench.suites.selection_check"
REMEDIES = "python -m bench.suites.upae_remedies"
TEXTURES = "python -m bench.suites.texture_check"

EXAMPLES = """examples:
  python -m bench docs                  README.md and docs/*.md of this folder
  python -m bench docs --check          only tell which pages are out of date
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `docs`."""
    parser.add_argument(
        "pages",
        type=Path,
        nargs="*",
        help="Markdown files with lines such as <!-- results: FILE.jsonl mse,ssim --> and "
        "<!-- end of results -->; files are named from here (default: README.md docs/*.md)",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit code 1 if a page is out of date"
    )


def command(options: argparse.Namespace) -> int:
    """Writes the tables, or only says which pages are out of date; returns the exit code.

    Raises:
        BenchError: if there are no pages, and as `fill`.
    """
    root = Path()
    pages = options.pages or sorted(page for form in PAGES for page in root.glob(form))
    if not pages:
        raise BenchError(f"no {' or '.join(PAGES)} here. Name pages, or go to their folder.")
    changed = outdated(pages, root)
    if not options.check:
        write(changed)
    for page in pages:
        state = "is out of date" if options.check else "written"
        print(f"{page} {state if page in changed else 'is up to date'}")
    return 1 if options.check and changed else 0


def _models(sources: Sequence[Path], words: Sequence[str]) -> str:
    import zoo

    entries = [zoo.get(name) for name in zoo.names()]
    return docs_tables.markdown(_records(sources), entries) + "\n"


def _results(sources: Sequence[Path], words: Sequence[str]) -> str:
    metrics = [metric for word in words for metric in word.split(",")]
    return docs_tables.results(_records(sources), metrics, Path("runs") / sources[0].stem)


def _published(sources: Sequence[Path], words: Sequence[str]) -> str:
    rows = table.from_records(store.latest(_records(sources)))
    return (table.brief(rows) if "brief" in words else table.markdown(rows)) + "\n"


def _peers(sources: Sequence[Path], words: Sequence[str]) -> str:
    return f"{peers_table.markdown(_lines(sources, PEERS))}\n{_command(PEERS)}"


def _roofline(sources: Sequence[Path], words: Sequence[str]) -> str:
    return f"{roofline_bound.markdown(_lines(sources, ROOFLINE))}\n{_command(ROOFLINE)}"


def _scale(sources: Sequence[Path], words: Sequence[str]) -> str:
    return f"{scale_tables.markdown(_lines(sources, SCALE))}\n{_command(SCALE)}"


def _defaults(sources: Sequence[Path], words: Sequence[str]) -> str:
    now, *before = (default_table.verdicts(_lines([source], DEFAULTS)) for source in sources)
    return f"{default_table.markdown(now, *before)}\n\n{_command(DEFAULTS)}"


def _masks(sources: Sequence[Path], words: Sequence[str]) -> str:
    shown = segmentation_table.markdown(_lines(sources, MASKS), words[0])
    return f"{shown}\n\n{_command(f'{MASKS} --parts {words[0]}')}"


def _measured(markdown: Callable[[list[dict]], str], command: str) -> Block:
    """Returns what writes the table of a command that takes no words, and the command."""
    return lambda sources, words: f"{markdown(_lines(sources, command))}\n\n{_command(command)}"


def _options(sources: Sequence[Path], words: Sequence[str]) -> str:
    return docs_tables.options(words[0]) + "\n"


def _weights(sources: Sequence[Path], words: Sequence[str]) -> str:
    return docs_tables.weights(pretrained.pretrained()) + "\n"


KINDS: dict[str, Block] = {
    "models": _models,
    "results": _results,
    "published": _published,
    "peers": _peers,
    "floor": _roofline,
    "scale": _scale,
    "defaults": _defaults,
    "masks": _masks,
    "selection": _measured(selection_table.markdown, SELECTION),
    "remedies": _measured(upae_table.markdown, REMEDIES),
    "textures": _measured(texture_table.markdown, TEXTURES),
    "options": _options,
    "weights": _weights,
}
_WITHOUT_RECORDS = ("options", "weights")
_MARKS = re.compile(
    rf"(<!-- ({'|'.join(KINDS)}): ([^\n]+?) -->\n).*?(<!-- end of \2 -->)", re.DOTALL
)


def fill(text: str, root: Path) -> str:
    """Returns a page with each of its tables as the records are now.

    Args:
        root: Folder that the record files are named from.

    Raises:
        BenchError: if a record file is missing or cannot be read, or a mark has no end.
    """
    for kind in KINDS:
        begun, ended = (len(re.findall(mark, text)) for mark in _ends(kind))
        if begun != ended:
            raise BenchError(
                f"{begun} lines <!-- {kind}: ... --> have {ended} ends. "
                f"Put <!-- end of {kind} --> below each."
            )

    def write(match: re.Match) -> str:
        begin, kind, given, end = match.groups()
        words = given.split()
        sources = [root / word for word in words if word.endswith(".jsonl")]
        missing = [source for source in sources if not source.is_file()]
        if missing or not (sources or kind in _WITHOUT_RECORDS):
            named = missing[0] if missing else "a record file"
            raise BenchError(
                f"{named} does not exist, of <!-- {kind}: {given} -->. "
                "Run the command that makes it, or name it from the folder of the README."
            )
        others = [word for word in words if not word.endswith(".jsonl")]
        return f"{begin}{KINDS[kind](sources, others)}{end}"

    return _MARKS.sub(write, text)


def outdated(pages: Sequence[Path], root: Path) -> dict[Path, str]:
    """Returns the new text of each page whose tables are not those of the records.

    Args:
        pages: Markdown files.
        root: Folder that their record files are named from.

    Raises:
        BenchError: as `fill`, and if a page cannot be read.
    """
    new = {}
    for page in pages:
        try:
            text = page.read_text()
        except OSError as error:
            raise BenchError(f"{page} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise BenchError(f"{page} is no text file in UTF-8.") from error
        try:
            filled = fill(text, root)
        except BenchError as error:
            raise BenchError(f"{page}: {error}") from error
        if filled != text:
            new[page] = filled
    return new


def write(new: Mapping[Path, str]) -> None:
    """Writes pages, each whole."""
    for page, text in new.items():
        store.write_whole(page, text.encode())


def _ends(kind: str) -> tuple[str, str]:
    return rf"(?m)^<!-- {kind}: ", rf"(?m)^<!-- end of {kind} -->"


def _records(sources: Sequence[Path]) -> list[Record]:
    return [record for source in sources for record in reading.read(source)[0]]


def _lines(sources: Sequence[Path], command: str) -> list[dict[str, Any]]:
    return [line for source in sources for line in store.read_lines(source, command)]


def _command(command: str) -> str:
    return f"```bash\n{command}\n```\n"
