"""Cells of text side by side, each row on one line: for tables in a terminal."""

from collections.abc import Iterable, Sequence

GAP = 2  # blanks between two columns


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
