"""The leaderboard in the terminal: one table that fits, with one line for each row.

Columns are left out by priority, never wrapped. A dot shows where a row lies, the bar around it
its interval, and the best baseline is drawn across the table as the floor. What colours say, signs
say too.
"""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from typing import Any

from bench.leaderboard import categories, floors, grouping, robustness
from bench.leaderboard.rows import FIT_SPEED, HIGHER_IS_BETTER, METRICS, STEP_SPEED, Row
from bench.report import anomaly_tables, drawings
from bench.report.tables import (
    Column,
    columns,
    failures,
    footnotes,
    over,
    own_notes,
    short_number,
)
from bench.stats.intervals import Interval
from zoo import aligned

_FIRST = (*("params_total", "infer_images_per_second", FIT_SPEED, STEP_SPEED, "latency_ms"),)
_LAST = ("peak_memory_mib", "forward_macs", "seeds", "end_to_end_images_per_second")
_TITLES = {
    "params_total": "weights",
    "infer_images_per_second": "infer\nimages/s",
    FIT_SPEED: "train\nimages/s",
    STEP_SPEED: "train step\nimages/s",
}
_BAR = (9, 25)  # characters of the narrowest and of the widest bar
_SHORTEST_NAME = 12


@dataclasses.dataclass(frozen=True)
class _Signs:
    """The characters of a drawing; plain ones where the terminal knows no others."""

    dot: str
    bar: str
    left: str
    right: str
    rule: str
    more: str


_UNICODE = _Signs("●", "━", "◀", "▶", "─", "…")
_ASCII = _Signs("o", "=", "<", ">", "-", ".")


@dataclasses.dataclass(frozen=True)
class _Shown:
    """A column as it is set: title by lines, a cell for each row, the width of the widest."""

    key: str
    title: list[str]
    cells: list[str]
    width: int
    numeric: bool = True


def to_rich_table(rows: list[Row]) -> Any:
    """Returns what `rich.print` shows as the leaderboard, its failures and its notes."""
    return _Terminal(rows)


class _Terminal:
    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        from rich.text import Text

        signs = _ASCII if options.ascii_only else _UNICODE
        shown = categories.without_members(robustness.first_levels(self.rows))
        tables = grouping.by_shown_table(shown)
        for members in tables:
            if len(tables) > 1:
                yield Text(f"\n{members[0].table}", style="bold")
            yield from _lines(members, options.max_width, signs)
        for panel in robustness.main_panels(self.rows):
            yield from _panel_lines(panel, options.max_width, signs)
        for group in categories.groups(self.rows):
            yield from _group_lines(group, options.max_width, signs)
        for name, seeds, error in failures(self.rows):
            many = "s" * ("," in seeds)
            yield Text(f"failed: {name}, seed{many} {seeds}: {error}", style="red")
        for note in _notes(self.rows):
            yield Text(note, style="dim")


def _lines(members: list[Row], width: int, signs: _Signs) -> Iterator[Any]:
    """Yields the table of rows that are ranked together, line by line."""
    from rich.text import Text

    shown = _fitting(members, width, signs)
    height = max(len(column.title) for column in shown)
    for line in range(height):
        words = [([""] * (height - len(column.title)) + column.title)[line] for column in shown]
        yield _line(shown, words, style="bold")
    yield Text(signs.rule * _whole(shown), style="dim")
    best = next((row for row in members if not row.baseline and row.rank is not None), None)
    floor = floors.floor_of(best, members) if best else None
    for number, row in enumerate(members):
        cells = [column.cells[number] for column in shown]
        style = "cyan" if row.baseline else "green" if row.rank == 1 else ""
        yield _line(shown, cells, style, rule=signs.rule if row is floor else "")


def _panel_lines(panel: robustness.Panel, width: int, signs: _Signs) -> Iterator[Any]:
    """Yields a line for each model and floor: its AUROC at each level."""
    title = f"{panel.table}: AUROC by {panel.axis.words}"
    lines = [(line.name, line.is_baseline, line.values) for line in panel.lines]
    yield from _interval_lines(title, panel.texts, lines, width, signs)


def _group_lines(group: categories.Group, width: int, signs: _Signs) -> Iterator[Any]:
    """Yields a line for each model and floor: the means over the categories."""
    title = f"{group.name}: mean of {len(group.categories)} categories; the page has each"
    shown = [m for m in categories.METRICS if any(m in line.means for line in group.lines)]
    lines = [
        (line.name, line.is_baseline, tuple(line.means.get(metric) for metric in shown))
        for line in group.lines
    ]
    yield from _interval_lines(title, [METRICS[metric] for metric in shown], lines, width, signs)


def _interval_lines(
    title: str,
    heads: Sequence[str],
    lines: Sequence[tuple[str, bool, tuple[Interval | None, ...]]],
    width: int,
    signs: _Signs,
) -> Iterator[Any]:
    """Yields a table of means, `±` where it fits: of each line the name, and whether a floor."""
    from rich.text import Text

    yield Text(f"\n{title}", style="bold")
    names = [f"{name} *" if is_baseline else name for name, is_baseline, _ in lines]
    model = _shown_as("model", ["model"], names, numeric=False)
    for with_halves in (True, False):
        columns = []
        for number, head in enumerate(heads):
            cells = [anomaly_tables.level_text(values[number]) for _, _, values in lines]
            cells = cells if with_halves else [cell.partition(" ")[0] for cell in cells]
            columns.append(_shown_as(str(number), [head], cells))
        room = width - _whole(columns) - aligned.GAP
        if room >= min(model.width, 2 * _SHORTEST_NAME):
            break
    shown = [_cut(model, max(room, _SHORTEST_NAME), signs), *columns]
    yield _line(shown, [column.title[0] for column in shown], style="bold")
    yield Text(signs.rule * _whole(shown), style="dim")
    for number, (_, is_baseline, _) in enumerate(lines):
        cells = [column.cells[number] for column in shown]
        yield _line(shown, cells, "cyan" if is_baseline else "")


def _line(shown: Sequence[_Shown], cells: Sequence[str], style: str = "", rule: str = "") -> Any:
    """Sets cells side by side; `rule` fills the room between them, as a line across."""
    from rich.text import Text

    line = aligned.line(cells, [c.width for c in shown], [c.numeric for c in shown])
    if rule:
        line += " " * (_whole(shown) - aligned.width([line]))
        line = re.sub(" {3,}", lambda found: f" {rule * (len(found[0]) - 2)} ", line)
    return Text(line.rstrip(" "), style=style, no_wrap=True)


def _fitting(members: list[Row], width: int, signs: _Signs) -> list[_Shown]:
    """Returns the columns that fit, the most important kept; names are cut as the last resort."""
    every = {column.key: column for column in columns(members)}
    metric = members[0].ranked_by
    rank = _shown_as("rank", ["#"], [_rank_text(row, members) for row in members])
    names = _shown_as("model", ["model"], [_name(row) for row in members], numeric=False)
    kept = [rank, names]
    if metric in every:
        kept.append(_from_column(every[metric], members))
    used = _whole(kept)
    room = _room_for_names(names, width, used)
    if names.width > room:
        names = kept[1] = _cut(names, room, signs)
        used = _whole(kept)
    marks = [drawings.interval_mark(row, members) for row in members]
    bar = 0
    if any(marks) and used + aligned.GAP + _BAR[0] <= width:
        bar = _BAR[0]
        used += aligned.GAP + bar
    others = [key for key in every if key in METRICS and key != metric]
    for key in (*_FIRST, *others, *_LAST):
        if key in every and any(every[key].value(row) is not None for row in members):
            column = _from_column(every[key], members)
            if used + aligned.GAP + column.width <= width:
                kept.append(column)
                used += aligned.GAP + column.width
    if bar:
        bar = min(_BAR[1], bar + width - used)
        way = "higher" if metric in HIGHER_IS_BETTER else "lower"
        title = [way, "is better"]
        cells = [_bar(mark, bar, signs) for mark in marks]
        kept.insert(2, _Shown("bar", title, cells, bar, numeric=False))
    return kept


def _room_for_names(names: _Shown, width: int, used: int) -> int:
    """Returns how wide names may be: half of the table, but all that is left if they need it."""
    room = width // 2
    if len({cell[: room - 1] for cell in names.cells}) < len(names.cells):
        room = width
    return max(_SHORTEST_NAME, min(room, names.width - (used - width)))


def _cut(names: _Shown, room: int, signs: _Signs) -> _Shown:
    cells = [aligned.cut(cell, room, signs.more) for cell in names.cells]
    return _shown_as(names.key, names.title, cells, numeric=False)


def _from_column(column: Column, members: list[Row]) -> _Shown:
    title = _TITLES.get(column.key, column.title).split("\n")
    cells = [column.text(row).removesuffix("/s") for row in members]
    if column.key == "params_total":
        cells = [short_number(column.value(row)) for row in members]
    return _shown_as(column.key, title, cells)


def _shown_as(key: str, title: list[str], cells: list[str], numeric: bool = True) -> _Shown:
    return _Shown(key, title, cells, aligned.width([*title, *cells]), numeric)


def _whole(shown: Sequence[_Shown]) -> int:
    """Returns the width of all columns together."""
    return sum(column.width for column in shown) + aligned.GAP * (len(shown) - 1)


def _name(row: Row) -> str:
    return f"{row.name} *" if row.baseline else row.name


def _rank_text(row: Row, members: list[Row]) -> str:
    """Returns the rank, with a sign of equality where others share it."""
    if row.rank is None:
        return "-"
    tied = any(other is not row and other.rank == row.rank for other in members)
    return f"{row.rank}{'=' if tied else ' '}"


def _bar(mark: drawings.Mark | None, width: int, signs: _Signs) -> str:
    """Draws the interval of a row; an arrow at the edge stands for what lies far outside."""
    if mark is None:
        return ""
    start, middle, stop = (
        round(part * (width - 1)) for part in (mark.start, mark.middle, mark.stop)
    )
    cells = [" "] * width
    cells[start : stop + 1] = signs.bar * (stop - start + 1)
    cells[middle] = {-1: signs.left, 1: signs.right}.get(mark.side, signs.dot)
    return "".join(cells)


def _notes(rows: list[Row]) -> list[str]:
    """Returns what the signs in the table mean, as far as they are there."""
    ok = [row for row in rows if not row.failed]
    signs = []
    if any(_rank_text(row, table)[-1] == "=" for table in grouping.by_table(rows) for row in table):
        signs.append("= shares the rank: the 95 % intervals overlap")
    if any(row.num_seeds > 1 for row in ok):
        signs.append(f"± half the 95 % interval over {over(ok)}")
    if any(row.baseline for row in ok):
        signs.append("* floor: a closed form, which a model has to beat")
    marked = [note for note in footnotes(rows) if note[0] in "-†~‡≥"]
    return [". ".join(signs)] * bool(signs) + own_notes(rows) + marked
