"""The leaderboard of a page: a table that sorts and filters, of one experiment or of several."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from markupsafe import Markup

from bench.leaderboard import rows as leaderboard_rows
from bench.leaderboard.rows import Row
from bench.report import drawings, html, tables


@dataclasses.dataclass(frozen=True)
class Part:
    """Rows that were ranked together.

    Attributes:
        rows: Of one experiment, failures among them.
        columns: Theirs, quality first.
        filters: Name and value of what a filter finds all of these rows by.
        marked: Key of the column that draws the interval; "": of what decides the rank.
    """

    rows: Sequence[Row]
    columns: Sequence[tables.Column]
    filters: tuple[tuple[str, str], ...] = ()
    marked: str = ""


@dataclasses.dataclass(frozen=True)
class _Cell:
    """One cell: what is shown, what is sorted by, and its mark."""

    key: str
    kind: str
    text: str
    value: Any
    mark: drawings.Mark | None = None
    tied: bool = False


def board(
    parts: Sequence[Part],
    link: Callable[[int, Row], str],
    remarks: Iterable[str] = (),
    labels: Sequence[tuple[str, str]] = (),
) -> Markup:
    """Returns the table with its filters: by task and data set where there are several.

    Args:
        parts: The experiments; a column that one of them lacks is empty there.
        link: Gives the address that the name of a row leads to, from its number and the row; ""
            for none.
        remarks: Lines below the table.
        labels: Of further filters: what a reader calls it, and its name in `Part.filters`.
    """
    heads: dict[str, tables.Column] = {}
    for part in parts:
        heads |= {c.key: c for c in part.columns if c.key != "preset" and c.key not in heads}
    lines, number = [], 0
    for part in parts:
        own = {column.key: column for column in part.columns}
        for row in part.rows:
            if not row.failed:
                cells = [_cell(own.get(key), heads[key], row, part) for key in heads]
                lines.append(
                    {
                        "row": row,
                        "address": link(number, row),
                        "kind": "baseline" if row.baseline else "best" if row.rank == 1 else "",
                        "cells": cells,
                        "filters": (
                            ("task", row["task"] or ""),
                            ("table", row.table),
                            *part.filters,
                        ),
                    }
                )
            number += 1
    shown = [line["row"] for line in lines]
    choices = [
        (label, name, _known(dict(line["filters"])[name] for line in lines))
        for label, name in (("Task", "task"), ("Data", "table"), *labels)
    ]
    return html.render(
        "board.html.j2",
        heads=[_head(column) for column in heads.values()],
        lines=lines,
        choices=[choice for choice in choices if len(choice[2]) > 1],
        all_noisy=all(row.unsteady for row in shown if not row.baseline),
        remarks=list(remarks),
    )


def quality_first(rows: Sequence[Row]) -> list[tables.Column]:
    """The columns that hold anything, quality before cost: a phone shows only the first ones."""
    ranked_by = dict.fromkeys(row.ranked_by for row in rows)
    order = ("rank", "model", "preset", "dataset", *ranked_by, *leaderboard_rows.METRICS)
    places = {key: place for place, key in reversed(list(enumerate(order)))}
    known = [
        column
        for column in tables.columns(list(rows))
        if any(column.text(row) != tables.UNKNOWN for row in rows)
    ]
    return sorted(known, key=lambda column: places.get(column.key, len(order)))


def _head(column: tables.Column) -> dict[str, str]:
    return {
        "key": column.key,
        "kind": _kind(column),
        "first": "descending" if _is_high_first(column) else "ascending",
        "title": column.title,
    }


def _cell(column: tables.Column | None, head: tables.Column, row: Row, part: Part) -> _Cell:
    if column is None:
        return _Cell(head.key, _kind(head), "", "")
    value = row.name if column.key == "model" else column.value(row)
    is_marked = column.key == (part.marked or row.ranked_by)
    return _Cell(
        key=column.key,
        kind=_kind(column),
        text=column.text(row).removesuffix("/s"),
        value="" if value is None else value,
        mark=drawings.interval_mark(row, list(part.rows)) if is_marked else None,
        tied=column.key == "rank" and _is_tied(row, part.rows),
    )


def _kind(column: tables.Column) -> str:
    return "number" if column.numeric else "text"


def _is_high_first(column: tables.Column) -> bool:
    return column.key in leaderboard_rows.HIGHER_IS_BETTER or column.key.endswith("per_second")


def _known(values: Iterable[str]) -> list[str]:
    return [value for value in dict.fromkeys(values) if value]


def _is_tied(row: Row, rows: Sequence[Row]) -> bool:
    return row.rank is not None and any(
        other is not row and other.rank == row.rank and other.table_key() == row.table_key()
        for other in rows
    )
