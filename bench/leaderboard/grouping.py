"""The rows of one table: those that are ranked together."""

from collections.abc import Iterable

from bench.leaderboard.rows import Row


def by_table(rows: Iterable[Row]) -> list[list[Row]]:
    """Returns the rows with a quality, those of one table in a list: best first, unranked last."""
    return _grouped(row for row in rows if not row.failed and row.ranked_by in row.quality)


def by_shown_table(rows: Iterable[Row]) -> list[list[Row]]:
    """Returns the rows that did not fail, those of one table in a list, without a quality last."""
    groups = _grouped(row for row in rows if not row.failed)
    return [sorted(group, key=lambda row: row.ranked_by not in row.quality) for group in groups]


def _grouped(rows: Iterable[Row]) -> list[list[Row]]:
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(row.table_key(), []).append(row)
    return list(groups.values())
