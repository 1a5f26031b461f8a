"""The leaderboard in the terminal, set by rich."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from bench.leaderboard.rows import METRICS, Row
from bench.report.tables import Column, columns, failures, footnotes

_NAME_WIDTH = 28  # characters that the names of rows have at least, where the terminal is narrow


def _both_names(column: Column) -> Column:
    """The model column with the preset in it; any other column as it is."""
    if column.key != "model":
        return column

    def text(row: Row) -> str:
        return f"{row.name} *" if row.baseline else row.name

    return dataclasses.replace(column, text=text)


def _fitting(
    shown: list[Column], max_width: int, width_of: Callable[[list[Column]], int]
) -> Iterator[list[Column]]:
    """Deals columns out to as many tables as it takes, each with the names of the rows."""
    names = [column for column in shown if not column.numeric]
    rest = [column for column in shown if column.numeric]
    room = max_width - min(_NAME_WIDTH, width_of(names))
    fitting: list[Column] = []
    for column in rest:
        if fitting and width_of([*fitting, column]) > room:
            yield [column for column in shown if column in fitting or column in names]
            fitting = []
        fitting.append(column)
    yield [column for column in shown if column in fitting or column in names]


class _Terminal:
    """A table that rich sets on one line per row, or as two tables where the terminal is narrow."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        from rich.measure import Measurement
        from rich.padding import Padding
        from rich.table import Table
        from rich.text import Text

        every = columns(self.rows)
        whole = self._table(every)
        unbounded = options.update(max_width=1000)

        def width_of(shown: list[Column]) -> int:
            return Measurement.get(console, unbounded, self._table(shown, 0)).maximum

        if Measurement.get(console, unbounded, whole).maximum <= options.max_width:
            yield whole
        else:
            quality = {*METRICS, "rank", "dataset", "seeds"}
            named = [_both_names(column) for column in every if column.key != "preset"]
            of_quality = [c for c in named if c.key == "model" or c.key in quality]
            for shown in _fitting(of_quality, options.max_width, width_of):
                yield self._table(shown, 0)
            yield self._table([c for c in named if c.key not in quality], 0)
        failed = failures(self.rows)
        if failed:
            table = Table(title="Failed", title_justify="left", box=None, padding=(0, 1))
            for header in ("model", "seeds", "error"):
                table.add_column(header, overflow="fold")
            for cells in failed:
                table.add_row(*(Text(cell, style="red") for cell in cells))
            yield table
        for note in footnotes(self.rows):
            yield Padding(Text(note, style="dim"), (0, 1))

    def _table(self, shown: list[Column], padding: int = 1) -> Any:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, padding=(0, padding), pad_edge=False)
        for column in shown:
            table.add_column(
                Text(column.title),
                justify="right" if column.numeric else "left",
                overflow="fold",
                no_wrap=column.numeric or None,
            )
        for row in self.rows:
            if not row.failed:
                style = "italic cyan" if row.baseline else "bold green" if row.rank == 1 else ""
                table.add_row(*(Text(column.text(row)) for column in shown), style=style)
        return table


def to_rich_table(rows: list[Row]) -> Any:
    """Returns what `rich.print` shows as the leaderboard, its failures and its footnotes.

    Where the terminal is too narrow for all columns, quality and cost become tables of their
    own.
    """
    return _Terminal(rows)
