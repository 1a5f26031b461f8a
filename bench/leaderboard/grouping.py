"""The rows of one table: those that are ranked together."""

from collections.abc import Iterable

from bench.leaderboard import rows as leaderboard_rows
from bench.leaderboard.rows import Row


def by_table(rows: Iterable[Row]) -> list[list[Row]]:
    """Returns the rows with a quality, those of one table in a list: best first, unranked last."""
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        if not row.failed and row.ranked_by in row.quality:
            key = (*(row[f] for f in leaderboard_rows.TABLE_FIELDS), *row.normal_classes)
            groups.setdefault(key, []).append(row)
    return list(groups.values())
