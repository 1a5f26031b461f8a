"""The page of a report: what the templates say of records, put together as their context."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from bench.leaderboard import grouping, pareto
from bench.leaderboard import rows as leaderboard_rows
from bench.leaderboard.rows import Row
from bench.records.schema import Record
from bench.report import anomaly_tables, drawings, html, tables, trade_off, uncertainty, words
from bench.report import masks as masks_shown
from bench.report import ranking as ranking_shown
from bench.report import text as report_text
from bench.report.card_pictures import Figure
from bench.report.cards import card
from bench.report.html import Section, Tile
from bench.report.plots import pareto as pareto_plot

# What the page draws itself, so that it can be asked for the numbers.
DRAWN_HERE = ("quality_against_parameters", "quality_against_speed", "codes")
_WIDE, _NARROW = (900, 420), (360, 380)  # pixels of a chart on screens and on phones
_ON_CHARTS = (
    "Along the line no cheaper model is better. Bars: 95 % interval. Orange: baselines, "
    "which make no line. At the edge with an arrow: what lies far outside, with its value. Point "
    "at a model, or tap it, for its numbers; a second tap leads to its card.",
)


def page(
    output: Path,
    records: list[Record],
    rows: list[Row],
    warnings: Sequence[str] = (),
    pictures: Mapping[str, tuple[bytes, bytes]] | None = None,
    strips: Mapping[int, bytes] | None = None,
    card_pictures: Mapping[int, dict[str, list[Figure]]] | None = None,
    sections: Sequence[Section] = (),
    progress: str = "",
    masks: Mapping[int, masks_shown.Shown] | None = None,
) -> str:
    """Returns the page, one self-contained HTML file.

    Args:
        output: The folder of the run.
        records: The latest record of each job.
        rows: The leaderboard of these records.
        warnings: Lines on what could not be read.
        pictures: PNG for light and for dark ground, by the names of `report_text.PICTURES`.
        strips: PNG of the reconstructions of a row, by its number.
        card_pictures: Pictures in the card of a row by heading, by its number.
        sections: What a study adds to the page, below the tables.
        masks: What is shown of the masks of a row in its card, by its number.
        progress: How far a run is that still goes on; its page has no charts yet.
    """
    columns = _quality_first(rows)
    cards = [
        card(
            *(number, row, columns, (strips or {}).get(number)),
            *((card_pictures or {}).get(number, {}), (masks or {}).get(number)),
        )
        for number, row in enumerate(rows)
        if not row.failed
    ]
    failures = tables.failures(rows)
    shown = [
        (
            *report_text.PICTURES[name],
            html.Image(light, ": ".join(report_text.PICTURES[name]), dark=dark),
        )
        for name, (light, dark) in (pictures or {}).items()
        if name not in DRAWN_HERE
    ]
    method = [
        (heading, pairs)
        for heading, fields in report_text.FACTS.items()
        if (pairs := report_text.facts_of(records, fields))
    ]
    again = report_text.command(output, records)
    parts = html.macros("sections.html.j2")
    all_sections = [
        Section("board", "Leaderboard", _board(rows, columns)),
        *([] if progress else [ranking_shown.section(records)]),
        Section("failed", "Failed", parts.failed(failures) if failures else Markup()),
        Section("anomalies", "Anomalies", html.tables("", anomaly_tables.all_of(records))),
        Section("masks", masks_shown.HEADING, Markup() if progress else _masks(output, rows)),
        Section("uncertainty", "Uncertainty", html.tables("", uncertainty.tables(rows))),
        *sections,
        Section("trade-off", "Quality against cost", Markup() if progress else _trade_offs(rows)),
        Section("pictures", "Pictures", parts.pictures(shown)),
        Section("models", "Models", parts.cards(cards) if cards else Markup()),
        Section("method", "How it was measured", parts.method(report_text.METHOD, method)),
        Section("again", "Run it again", parts.again(report_text.AGAIN, again)),
    ]
    summary = report_text.summary(records, rows)
    return html.page(
        report_text.title_of(rows),
        summary,
        _tiles(rows),
        all_sections,
        [*filter(None, [progress]), *warnings],
        said=[(table, [_unbroken(each) for each in said]) for table, said in words.of_rows(rows)],
    )


def _masks(output: Path, rows: list[Row]) -> Markup:
    """Returns the masks of the best model, or of the first row that has any."""
    ranked = sorted(rows, key=lambda row: (row.baseline, row.rank is None, row.rank or 0))
    shown = (masks_shown.of_row(output, row, in_card=False) for row in ranked if not row.failed)
    first = next(filter(None, shown), None)
    return Markup() if first is None else html.macros("masks.html.j2").masks(first)


def _unbroken(sentence: str) -> str:
    """Returns a sentence whose lines do not break within a number and its interval."""
    return sentence.replace(" ± ", "\u00a0±\u00a0").replace(" %", "\u00a0%")


def _tiles(rows: list[Row]) -> list[Tile]:
    """The answers that most readers come for: the best, the smallest and the fastest model."""
    models = [row for row in rows if row.rank is not None and not row.baseline]
    if not models:
        return []
    columns = {column.key: column for column in tables.columns(rows)}
    metric = models[0].ranked_by
    best = "Highest" if metric in leaderboard_rows.HIGHER_IS_BETTER else "Lowest"
    answers = [(f"{best} {leaderboard_rows.METRICS[metric]}", models[0], metric)]
    sized = [row for row in models if row.record.model.params_total]
    if sized:
        answers.append(
            ("Smallest", min(sized, key=lambda row: row.record.model.params_total), "params_total")
        )
    for label, field in (
        ("Fastest training", leaderboard_rows.training_speed(models)[0]),
        ("Fastest inference", "infer_images_per_second"),
    ):
        speeds = pareto.values(models, field)
        if speeds:
            answers.append((label, max(models, key=lambda row: speeds.get(id(row), 0)), field))
    tiles = []
    for label, row, key in answers:
        if key in columns:
            text = columns[key].text(row)
            if key.endswith("per_second"):
                text = f"{text.removesuffix('/s').removesuffix('-')} images/s"
            text += " parameters" if key == "params_total" else ""
            tiles.append(Tile(label, row.name, text, f"row-{rows.index(row)}"))
    return tiles


# --- the leaderboard ------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class _Cell:
    """One cell: what is shown, what is sorted by, and its mark."""

    key: str
    kind: str
    text: str
    value: Any
    mark: drawings.Mark | None
    tied: bool


def _board(rows: list[Row], columns: list[tables.Column]) -> Markup:
    """The leaderboard with its filters: by task and data set where there are several."""
    columns = [column for column in columns if column.key != "preset"]
    heads = [
        {
            "key": column.key,
            "kind": _kind(column),
            "first": "descending" if _is_high_first(column) else "ascending",
            "title": column.title,
        }
        for column in columns
    ]
    lines = [
        {
            "row": row,
            "link": f"row-{number}",
            "kind": "baseline" if row.baseline else "best" if row.rank == 1 else "",
            "cells": [_cell(column, row, rows) for column in columns],
        }
        for number, row in enumerate(rows)
        if not row.failed
    ]
    shown = [line["row"] for line in lines]
    choices = [
        ("Task", "task", _known(str(row.record.data.task or "") for row in shown)),
        ("Data", "table", _known(row.table for row in shown)),
    ]
    return html.render(
        "board.html.j2",
        heads=heads,
        lines=lines,
        choices=[choice for choice in choices if len(choice[2]) > 1],
        all_noisy=all(row.unsteady for row in shown if not row.baseline),
        remarks=[note for note in tables.footnotes(rows) if not note.startswith("*")],
    )


def _cell(column: tables.Column, row: Row, rows: list[Row]) -> _Cell:
    value = row.name if column.key == "model" else column.value(row)
    return _Cell(
        key=column.key,
        kind=_kind(column),
        text=column.text(row).removesuffix("/s"),
        value="" if value is None else value,
        mark=drawings.interval_mark(row, rows) if column.key == row.ranked_by else None,
        tied=column.key == "rank" and _is_tied(row, rows),
    )


def _kind(column: tables.Column) -> str:
    return "number" if column.numeric else "text"


def _is_high_first(column: tables.Column) -> bool:
    return column.key in leaderboard_rows.HIGHER_IS_BETTER or column.key.endswith("per_second")


def _known(values: Any) -> list[str]:
    return [value for value in dict.fromkeys(values) if value]


def _is_tied(row: Row, rows: list[Row]) -> bool:
    fields = leaderboard_rows.TABLE_FIELDS
    return row.rank is not None and any(
        other is not row
        and other.rank == row.rank
        and all(other[field] == row[field] for field in fields)
        for other in rows
    )


def _quality_first(rows: list[Row]) -> list[tables.Column]:
    """The columns that hold anything, quality before cost: a phone shows only the first ones."""
    ranked_by = dict.fromkeys(row.ranked_by for row in rows)
    order = ("rank", "model", "preset", "dataset", *ranked_by, *leaderboard_rows.METRICS)
    places = {key: place for place, key in reversed(list(enumerate(order)))}
    known = [
        column
        for column in tables.columns(rows)
        if any(column.text(row) != tables.UNKNOWN for row in rows)
    ]
    return sorted(known, key=lambda column: places.get(column.key, len(order)))


# --- quality against cost -------------------------------------------------------------------


def _trade_offs(rows: list[Row]) -> Markup:
    """Quality against each cost, one at a time, for each table."""
    charts = []
    for cost in pareto.costs(rows):
        figures = []
        for members in grouping.by_table(rows):
            chart = trade_off.chart(members, rows, cost)
            if chart is not None:
                figures.append(
                    {
                        "row": members[0],
                        "heading": f"{members[0].table}: {chart.y_label}",
                        "wide": pareto_plot.inline(chart, *_WIDE),
                        "narrow": pareto_plot.inline(chart, *_NARROW),
                    }
                )
        if figures:
            charts.append((cost, figures))
    return (
        html.render("trade_off.html.j2", charts=charts, remarks=_ON_CHARTS) if charts else Markup()
    )
