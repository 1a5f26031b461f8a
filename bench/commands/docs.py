"""The tables of Markdown pages: written from committed records, never typed.

A page holds pairs of lines, and between them what the record files say:

    <!-- results: bench/results/digits.jsonl mse,ssim -->
    <!-- end of results -->

The first word is one of `KINDS`; record files, which end in `.jsonl`, follow, and then what else
the kind takes.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.commands import model_table
from bench.errors import BenchError
from bench.peers import roofline_bound
from bench.peers import table as peers_table
from bench.records import store
from bench.reproduce import table
from bench.scaling import command as scale_command

PAGES = ("README.md", "docs/*.md")
PEERS = "pip install -r bench/peers/requirements.txt && python -m bench.peers"
FLOOR = "python -m bench.peers.roofline_bound"
SCALE = "python -m bench scale --memory"


def _models(sources: Sequence[Path], words: Sequence[str]) -> str:
    import zoo

    entries = [zoo.get(name) for name in zoo.names()]
    return model_table.markdown(_records(sources), entries) + "\n"


def _results(sources: Sequence[Path], words: Sequence[str]) -> str:
    metrics = [metric for word in words for metric in word.split(",")]
    return model_table.results(_records(sources), metrics, Path("runs") / sources[0].stem)


def _published(sources: Sequence[Path], words: Sequence[str]) -> str:
    rows = table.of_records(store.latest(_records(sources)))
    return (table.brief(rows) if "brief" in words else table.markdown(rows)) + "\n"


def _peers(sources: Sequence[Path], words: Sequence[str]) -> str:
    return f"{peers_table.markdown(_lines(sources, PEERS))}\n{_command(PEERS)}"


def _floor(sources: Sequence[Path], words: Sequence[str]) -> str:
    return f"{roofline_bound.markdown(_lines(sources, FLOOR))}\n{_command(FLOOR)}"


def _scale(sources: Sequence[Path], words: Sequence[str]) -> str:
    return f"{scale_command.markdown(_lines(sources, SCALE))}\n{_command(SCALE)}"


KINDS: dict[str, Callable[[Sequence[Path], Sequence[str]], str]] = {
    "models": _models,
    "results": _results,
    "published": _published,
    "peers": _peers,
    "floor": _floor,
    "scale": _scale,
}
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
        if missing or not sources:
            named = missing[0] if missing else "a record file"
            raise BenchError(
                f"{named} does not exist, of <!-- {kind}: {given} -->. "
                "Run the command that makes it, or name it from the folder of the README."
            )
        others = [word for word in words if not word.endswith(".jsonl")]
        return f"{begin}{KINDS[kind](sources, others)}{end}"

    return _MARKS.sub(write, text)


def update(pages: Sequence[Path], root: Path) -> list[Path]:
    """Writes the tables of pages anew, and returns the pages that changed.

    Args:
        pages: Markdown files.
        root: Folder that their record files are named from.

    Raises:
        BenchError: as `fill`; then no page is written.
    """
    new = {}
    for page in pages:
        try:
            text = page.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise BenchError(f"{page} cannot be read: {error}") from error
        try:
            filled = fill(text, root)
        except BenchError as error:
            raise BenchError(f"{page}: {error}") from error
        if filled != text:
            new[page] = filled
    for page, text in new.items():
        store.write_whole(page, text.encode())
    return list(new)


def _ends(kind: str) -> tuple[str, str]:
    return rf"(?m)^<!-- {kind}: ", rf"(?m)^<!-- end of {kind} -->"


def _records(sources: Sequence[Path]) -> list[dict[str, Any]]:
    return [record for source in sources for record in store.read(source)[0]]


def _lines(sources: Sequence[Path], command: str) -> list[dict[str, Any]]:
    return [line for source in sources for line in store.read_lines(source, command)]


def _command(command: str) -> str:
    return f"```bash\n{command}\n```\n"
