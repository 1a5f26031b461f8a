"""Published numbers beside ours: for the terminal, Markdown, the report's page, and as JSON."""

import dataclasses
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.errors import BenchError
from bench.records import store
from bench.records.schema import Record
from bench.report.html import Section, Table, tables
from bench.report.markdown import plain as plain_markdown
from bench.report.markdown import table as markdown_table
from bench.reproduce import entries as published_entries
from bench.reproduce import verdicts
from bench.reproduce.verdicts import MISSING, NO, NOT_RUN, YES, Row
from zoo import aligned, checks

SCHEMA_VERSION = 1
FILE_NAME = "reproduce.json"
HEAD = ("what", "published", "ours", "difference", "agrees?")
_COLOURS = {YES: "green", NO: "red", NOT_RUN: "yellow", MISSING: "yellow"}
_NOTE = (
    "Ours: mean over seeds ± half its 95 % interval. It agrees where that interval meets the "
    "published value and its tolerance; an interval wider than the tolerance counts as no wider, "
    "and a count must be equal."
)


def cells(row: Row) -> tuple[str, ...]:
    """Returns a row as texts, one for each of `HEAD`."""
    entry = row.entry
    verdict = row.agrees if not row.note else f"{row.agrees}: {row.note}"
    if row.ours is None:
        return (entry.what, entry.text, "", "", verdict)
    if entry.is_count:
        return (
            entry.what,
            entry.text,
            f"{int(row.ours.mean):,}",
            f"{row.difference:+,.0f}",
            verdict,
        )
    decimals = _decimals(entry.tolerance)
    half = "" if row.half_width is None else f" ± {row.half_width:.{decimals}f}"
    num = len(row.seeds)
    return (
        entry.what,
        f"{entry.text}, tolerance {entry.tolerance:g}",
        f"{row.ours.mean:.{decimals}f}{half} ({num} seed{'s' * (num != 1)})",
        f"{row.difference:+.{decimals}f}",
        verdict,
    )


def show(rows: Sequence[Row], console: Console) -> None:
    """Prints a line for each entry, and below the table why some have no number."""
    head = ("entry", "published", "ours", "difference", "agrees?")
    lines = []
    for row in rows:
        entry, (_, _, ours, difference, _) = row.entry, cells(row)
        published = entry.text
        if not entry.is_count:
            published = f"{entry.published:g} (tolerance {entry.tolerance:g})"
        ours = ours.partition(" (")[0]
        lines.append((entry.id, published, ours, difference, row.agrees))

    def colour(shown: Sequence[str]) -> str:
        return _COLOURS[shown[-1]]

    numeric = ("published", "ours", "difference")
    aligned.show(console, head, lines, numeric=numeric, gives_way="entry", style=colour)
    of_note: dict[str, list[str]] = {}
    for row in rows:
        if row.note:
            of_note.setdefault(f"{row.agrees}: {row.note}", []).append(row.entry.id)
    for note, names in of_note.items():
        console.print(f"{note} ({', '.join(names)})", markup=False, highlight=False)


def summary(rows: Sequence[Row]) -> str:
    """Returns how many agree, in one line."""
    num = {verdict: sum(row.agrees == verdict for row in rows) for verdict in _COLOURS}
    ran = num[YES] + num[NO]
    text = f"{num[YES]} of {ran} that ran agree"
    rest = [f"{num[verdict]} {verdict}" for verdict in (NOT_RUN, MISSING) if num[verdict]]
    return f"{'; '.join([text, *rest])}."


def markdown(rows: Sequence[Row]) -> str:
    """Returns the table of what ran, and folded away what did not with the reason of each."""
    ran = [row for row in rows if row.agrees in (YES, NO)]
    parts = _measured(ran)
    counted = [row for row in ran if row.entry.is_count]
    if counted:
        parts.append(_folded(_equal(counted), _lines(counted)))
    differing = [row.entry for row in ran if row.entry.differs]
    if differing:
        lines = [
            f"- {plain_markdown(e.what)}: {plain_markdown(e.differs)}. "
            f"Tolerance: {plain_markdown(e.reason)}."
            for e in differing
        ]
        parts.append(_folded("What of our recipes is not as published", "\n".join(lines)))
    rest = [row for row in rows if row.agrees not in (YES, NO)]
    if rest:
        lines = [
            f"- {plain_markdown(row.entry.what)}: published {plain_markdown(row.entry.text)} "
            f"([source]({row.entry.url})). {_reason(row)}"
            for row in rest
        ]
        open_ones = [row.entry for row in rest if not row.entry.why_not and row.entry.needed]
        needed = dict.fromkeys((entry.data, entry.needed) for entry in open_ones)
        lines += [
            "",
            *(f"Data `{name}`: {plain_markdown(text)}.  " for name, text in needed),
        ]
        parts.append(_folded(f"{len(rest)} published numbers that did not run", "\n".join(lines)))
    return "\n\n".join(parts)


def brief(rows: Sequence[Row]) -> str:
    """Returns the table of what was measured, and how many counts of parameters are equal."""
    ran = [row for row in rows if row.agrees in (YES, NO)]
    parts, counted = _measured(ran), [row for row in ran if row.entry.is_count]
    return "\n\n".join([*parts, f"{_equal(counted)}."] if counted else parts)


def _measured(ran: Sequence[Row]) -> list[str]:
    measured = [row for row in ran if not row.entry.is_count]
    return [_lines(measured), _NOTE] if measured else [_NOTE]


def _lines(rows: Sequence[Row]) -> str:
    lines = []
    for row in rows:
        shown = [plain_markdown(cell) for cell in cells(row)]
        shown[0] += f" ([source]({row.entry.url}))"
        lines.append(shown)
    return markdown_table(HEAD, lines, [False, False, True, True, False])


def _equal(counted: Sequence[Row]) -> str:
    equal = sum(row.agrees == YES for row in counted)
    return f"{equal} of {len(counted)} counts of parameters are equal"


def from_records(records: list[Record]) -> list[Row]:
    """Returns a row for each published number, parameters being counted now."""
    from bench.reproduce import parameter_counts

    entries = published_entries.read()
    return verdicts.compute(entries, records, parameter_counts.compute(entries))


# --- JSON and the page ----------------------------------------------------------------------


def to_json(rows: Sequence[Row]) -> dict[str, Any]:
    """Returns all that was found as plain data."""
    return {
        "schema_version": SCHEMA_VERSION,
        "time_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "summary": summary(rows),
        "rows": [
            {
                **dataclasses.asdict(row.entry),
                "agrees": row.agrees,
                "note": row.note,
                "seeds": list(row.seeds),
                "ours": None if row.ours is None else row.ours.mean,
                "low": None if row.half_width is None else row.ours.low,
                "high": None if row.half_width is None else row.ours.high,
                "difference": row.difference,
                "cells": list(cells(row)),
            }
            for row in rows
        ],
    }


def write_json(folder: Path, rows: Sequence[Row]) -> Path:
    """Writes `<folder>/reproduce.json` and returns its path."""
    path = folder / FILE_NAME
    store.write_whole(path, (json.dumps(to_json(rows), indent=1) + "\n").encode())
    return path


def sections(folder: Path) -> list[Section]:
    """Returns the section of the report's page, from the folder's JSON file; none without one."""
    try:
        written = json.loads((folder / FILE_NAME).read_text())
        rows = [(row["cells"], row["source"], row["url"]) for row in written["rows"]]
        text = str(written["summary"])
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BenchError(
            f"{folder / FILE_NAME} cannot be read ({checks.one_line(error)}). "
            f"Make it again: python -m bench reproduce --output {folder}"
        ) from error
    table = Table(
        head=(*HEAD, "source"),
        lines=[[*shown, source] for shown, source, _ in rows],
        numeric=[False, False, True, True, False, False],
        notes=(_NOTE,),
        links=list(dict.fromkeys((source, url) for _, source, url in rows)),
    )
    return [Section("published", "Published numbers", tables(text, [table]))]


def _reason(row: Row) -> str:
    if row.entry.why_not:
        return f"No recipe: {row.entry.why_not}."
    needed = f" (data `{row.entry.data}`)" if row.entry.data else ""
    return f"To run it{needed}: `python -m bench reproduce --only {row.entry.id}`"


def _folded(title: str, text: str) -> str:
    return f"<details>\n<summary>{title}</summary>\n\n{text}\n\n</details>"


def _decimals(tolerance: float) -> int:
    """Decimals that show a tenth of the tolerance."""
    decimals = 0
    while round(tolerance * 10**decimals) < 10 and decimals < 8:
        decimals += 1
    return decimals
