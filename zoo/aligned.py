"""Cells of text side by side, each row on one line: for tables in a terminal."""

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

GAP = 2  # blanks between two columns
# For `print` of a console: words that are wider than it, as paths are, stay whole to be copied.
WHOLE_WORDS: dict[str, Any] = {"overflow": "ignore", "crop": False}
_LEAST = 8  # characters that are left of a column that gives way


def width(cells: Iterable[str]) -> int:
    """Returns the places that the widest of these texts takes on a screen."""
    from rich.cells import cell_len

    return max(map(cell_len, cells), default=0)


def line(cells: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    """Returns a row, its numbers on the right of their columns.

    Args:
        cells: One text per column.
        widths: Of the columns, see `width`.
        numeric: Whether each column holds numbers.
    """
    parts = []
    for cell, wide, is_number in zip(cells, widths, numeric, strict=True):
        room = " " * (wide - width([cell]))
        parts.append(room + cell if is_number else cell + room)
    return (" " * GAP).join(parts).rstrip(" ")


def cut(text: str, places: int, more: str = "…") -> str:
    """Returns a text that takes at most so many places, with a sign at the end where it is cut."""
    from rich.cells import set_cell_size

    if width([text]) <= places:
        return text
    return set_cell_size(text, places - 1).rstrip() + more


def wrapped(text: str, places: int, **indents: str) -> list[str]:
    """Returns a text in lines of so many places; words and addresses stay whole, to be copied.

    Args:
        **indents: `initial_indent` and `subsequent_indent`, as `textwrap` takes them.
    """
    return textwrap.wrap(text, places, break_long_words=False, break_on_hyphens=False, **indents)


def paragraph(text: str, places: int, indent: str = "") -> str:
    """Returns a text in lines of so many places, all but the first set in, as `wrapped` does."""
    lines = wrapped(text, places, initial_indent=indent, subsequent_indent=f"{indent}  ")
    return "\n".join(lines)


def show(
    console: Any,
    head: Sequence[str],
    rows: Sequence[Sequence[str]] | Mapping[str, Sequence[Sequence[str]]],
    *,
    numeric: Iterable[str] = (),
    gives_way: str = "",
    style: Callable[[Sequence[str]], str] = lambda cells: "",
) -> None:
    """Prints a table, one line a row, no wider than the console.

    Args:
        console: Of rich.
        head: Titles of the columns.
        rows: Cells of each row; or, by the heading that stands above them, those of each part.
        numeric: Titles of the columns that hold numbers.
        gives_way: Title of the column whose texts are cut where a row is too wide; without it
            the last one.
        style: Returns rich's style of a row.
    """
    from rich.text import Text

    parts = rows if isinstance(rows, Mapping) else {"": rows}
    indent = " " * GAP if any(parts) else ""
    every = [row for part in parts.values() for row in part]
    widths = [width(column) for column in zip(head, *every, strict=True)]
    over = len(indent) + sum(widths) + GAP * (len(widths) - 1) - console.width
    at = head.index(gives_way) if gives_way else len(head) - 1
    if over > 0:
        widths[at] = max(_LEAST, widths[at] - over)
    is_number = [title in set(numeric) for title in head]
    more = "." if console.options.ascii_only else "…"

    def say(cells: Sequence[str], look: str) -> None:
        shown = [*cells[:at], cut(cells[at], widths[at], more), *cells[at + 1 :]]
        text = indent + line(shown, widths, is_number)
        console.print(Text(text, style=look), no_wrap=True, overflow="ellipsis", soft_wrap=False)

    say(head, "bold")
    for heading, part in parts.items():
        if heading:
            console.print(Text(cut(heading, console.width, more), style="cyan"))
        for row in part:
            say(row, style(row))
