"""Tables as GitHub Markdown."""

from collections.abc import Iterable, Sequence

from bench.leaderboard.rows import Row
from bench.report.html import Table
from bench.report.tables import columns, failures, footnotes


def leaderboard(rows: list[Row]) -> str:
    """Returns the leaderboard, its failures and its footnotes as GitHub Markdown."""
    shown = columns(rows)
    lines = [[plain(c.text(row)) for c in shown] for row in rows if not row.failed]
    heads = [plain(column.title) for column in shown]
    parts = [table(heads, lines, [column.numeric for column in shown])]
    failed = failures(rows)
    if failed:
        heads = ("model", "seeds", "error")
        parts.append(titled(Table(heads, failed, [False] * 3, "Failed")))
    parts.append("\n".join(f"- {plain(note)}" for note in footnotes(rows)))
    return "\n\n".join(parts).rstrip() + "\n"


def table(head: Sequence[str], lines: Iterable[Sequence[str]], numeric: Sequence[bool]) -> str:
    """Returns a table as GitHub Markdown; the cells are Markdown, see `plain`."""
    rule = ["--:" if is_number else "---" for is_number in numeric]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *lines))


def titled(titled_table: Table) -> str:
    """Returns a table of texts as GitHub Markdown: title in bold, the table, notes as a list."""
    head, *lines = ([*map(plain, line)] for line in (titled_table.head, *titled_table.lines))
    parts = [f"**{titled_table.title}**", table(head, lines, titled_table.numeric)]
    if titled_table.notes:
        parts.append("\n".join(f"- {plain(note)}" for note in titled_table.notes))
    return "\n\n".join(parts)


def plain(text: str) -> str:
    """Returns a text in one line that is not read as Markdown or HTML."""
    for mark in "\\`*|[]<>":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())
