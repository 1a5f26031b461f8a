"""The page of a report: one self-contained HTML file, readable on a phone and without network."""

from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from bench.leaderboard import pareto
from bench.leaderboard import rows as leaderboard_rows
from bench.leaderboard.rows import Row
from bench.report import anomaly_tables, page_drawings, page_trade_off, tables
from bench.report import text as report_text
from bench.report.page_cards import card, filter_data
from bench.report.page_parts import breakable, document, facts, named, table, themed
from bench.reproduce import table as reproduce_table

# What the page draws itself, so that it can be asked for the numbers.
DRAWN_HERE = ("quality_against_parameters", "quality_against_speed", "codes")


def html(
    output: Path,
    records: list[dict[str, Any]],
    rows: list[Row],
    warnings: list[str],
    pictures: dict[str, tuple[bytes, bytes]],
    strips: dict[int, bytes],
    card_pictures: dict[int, dict[str, str]],
) -> str:
    """Returns the page.

    Args:
        output: The folder of the run.
        records: The latest record of each case.
        rows: The leaderboard of these records.
        warnings: Lines on what could not be read.
        pictures: PNG for light and for dark ground, by the names of `report_text.PICTURES`.
        strips: PNG of the reconstructions of a row, by its number.
        card_pictures: Sections of the card of a row, heading to HTML, by its number.
    """
    columns = _quality_first(rows)
    figures = "".join(_figure(n, *pictures[n]) for n in pictures if n not in DRAWN_HERE)
    cards = "".join(
        card(number, row, columns, strips.get(number), card_pictures.get(number, {}))
        for number, row in enumerate(rows)
        if not row.failed
    )
    notes = [note for note in tables.footnotes(rows) if not note.startswith("*")]
    notes = "".join(f"<li>{escape(note)}</li>" for note in notes)
    sections = [
        ("board", "Leaderboard", _board(rows) + f'<ul class="notes">{notes}</ul>'),
        ("failed", "Failed", _failed(rows)),
        ("anomalies", "Anomalies", _anomalies(records)),
        ("published", "Published numbers", reproduce_table.section(output)),
        ("trade-off", "Quality against cost", _trade_offs(rows)),
        ("pictures", "Pictures", figures),
        ("models", "Models", f'<div class="cards">{cards}</div>' if cards else ""),
        ("method", "How it was measured", _method(records)),
        ("again", "Run it again", _again(output, records)),
    ]
    summary = report_text.summary(records, rows)
    return document(report_text.title_of(rows), summary, _tiles(rows), sections, warnings)


def _anomalies(records: list[dict[str, Any]]) -> str:
    """AUROC by normal class beside published rows, by score and by kind of anomaly."""
    parts = []
    for found in anomaly_tables.all_of(records):
        numeric = [False, *[True] * (len(found.head) - 1)]
        notes = "".join(f"<li>{escape(note)}</li>" for note in found.notes)
        parts.append(
            f"<h3>{escape(found.title)}</h3>{table(found.head, found.lines, numeric)}"
            f'<ul class="notes">{notes}</ul>'
        )
    return "".join(parts)


def _tiles(rows: list[Row]) -> str:
    """The answers that most readers come for: the best, the smallest and the fastest model."""
    models = [row for row in rows if row.rank is not None and not row.baseline]
    if not models:
        return ""
    text = {column.key: column.text for column in tables.columns(rows)}
    metric = models[0].ranked_by
    best = "Highest" if metric in leaderboard_rows.HIGHER_IS_BETTER else "Lowest"
    found = [(f"{best} {leaderboard_rows.METRICS[metric]}", models[0], metric)]
    sized = [row for row in models if row["params_total"]]
    if sized:
        found.append(("Smallest", min(sized, key=lambda r: r["params_total"]), "params_total"))
    for label, field in (
        ("Fastest training", "train_images_per_second"),
        ("Fastest inference", "infer_images_per_second"),
    ):
        speeds = pareto.values(models, field)
        if speeds:
            found.append((label, max(models, key=lambda row: speeds.get(id(row), 0)), field))
    units = {"params_total": " parameters", "train_images_per_second": " images"}
    units["infer_images_per_second"] = " images"
    tiles = []
    for label, row, key in found:
        if key not in text:
            continue
        shown = escape(text[key](row).replace("/s", "")) + units.get(key, "")
        shown += "/s" if key.endswith("per_second") else ""
        tiles.append(
            f'<a class="tile" href="#row-{rows.index(row)}"><span>{escape(label)}</span>'
            f"<strong>{breakable(row.name)}</strong><span>{shown}</span></a>"
        )
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _figure(name: str, light: bytes, dark: bytes) -> str:
    title, caption = report_text.PICTURES[name]
    return (
        f"<figure><h3>{escape(title)}</h3>{themed(light, dark, f'{title}: {caption}')}"
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


# --- the leaderboard ------------------------------------------------------------------------


def _board(rows: list[Row]) -> str:
    if all(row.failed for row in rows):
        return "<p>No run succeeded.</p>"
    shown = [column for column in _quality_first(rows) if column.key != "preset"]
    heads = []
    for column in shown:
        down = column.key in leaderboard_rows.HIGHER_IS_BETTER or column.key.endswith("per_second")
        sort = ' aria-sort="ascending"' if column.key == "rank" else ""
        heads.append(
            f'<th scope="col" data-kind="{"number" if column.numeric else "text"}" '
            f'data-first="{"descending" if down else "ascending"}"{sort}>'
            f'<button type="button">{escape(column.title)}</button></th>'
        )
    lines = []
    for number, row in enumerate(rows):
        if row.failed:
            continue
        kind = "baseline" if row.baseline else "best" if row.rank == 1 else ""
        cells = "".join(_cell(column, number, row, rows) for column in shown)
        lines.append(f'<tr class="{kind}" {filter_data(row)}>{cells}</tr>')
    return (
        f"{_filters([row for row in rows if not row.failed])}"
        '<div class="scroll" tabindex="0" role="region" aria-label="Leaderboard"><table>'
        f"<thead><tr>{''.join(heads)}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def _cell(column: tables.Column, number: int, row: Row, rows: list[Row]) -> str:
    value, text = column.value(row), escape(column.text(row).removesuffix("/s"))
    if column.key == "model":
        value, text = row.name, named(row, f'<a href="#row-{number}">', "</a>")
    elif column.key == "rank" and _is_tied(row, rows):
        text += '<abbr title="Shares this rank: the intervals overlap.">=</abbr>'
    if column.key == row.ranked_by:
        mark = page_drawings.interval_mark(row, rows)
        text = f'<span class="with-mark">{mark}{text}</span>'
    kind = "number" if column.numeric else "text"
    data = "" if value is None else escape(str(value))
    tag = 'th scope="row"' if column.key == "model" else "td"
    return f'<{tag} class="{kind}" data-value="{data}">{text}</{tag[:2]}>'


def _is_tied(row: Row, rows: list[Row]) -> bool:
    fields = leaderboard_rows.TABLE_FIELDS
    return row.rank is not None and any(
        other is not row
        and other.rank == row.rank
        and all(other[field] == row[field] for field in fields)
        for other in rows
    )


def _filters(rows: list[Row]) -> str:
    """Choices by task and data set where there are several, and a search by name."""
    return (
        '<form class="filter" hidden>'
        f"{_select('task', (str(row['task'] or '') for row in rows))}"
        f"{_select('table', (row.table for row in rows), 'data')}"
        '<label>Search <input id="filter" type="search" placeholder="vae, small, baseline …" '
        'autocomplete="off"></label><span id="count" role="status"></span></form>'
    )


def _select(field: str, values: Iterable[str], label: str | None = None) -> str:
    known = [value for value in dict.fromkeys(values) if value]
    if len(known) < 2:
        return ""
    options = "".join(f"<option>{escape(value)}</option>" for value in known)
    return (
        f'<label>{(label or field).capitalize()} <select data-filter="{field}">'
        f'<option value="">all</option>{options}</select></label>'
    )


def _quality_first(rows: list[Row]) -> list[tables.Column]:
    """The columns of the leaderboard, quality before cost: a phone shows only the first ones."""
    first = ("rank", "model", "preset", "dataset", *leaderboard_rows.METRICS)
    return sorted(tables.columns(rows), key=lambda column: column.key not in first)


def _trade_offs(rows: list[Row]) -> str:
    """Quality against each cost, one at a time, for each table."""
    links = {id(row): number for number, row in enumerate(rows)}
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        if not row.failed and row.ranked_by in row.quality:
            groups.setdefault(tuple(row[f] for f in leaderboard_rows.TABLE_FIELDS), []).append(row)
    buttons, bodies = [], []
    for cost in pareto.COSTS:
        figures = []
        for members in groups.values():
            drawing = page_trade_off.trade_off_plot(members, links, cost)
            if drawing:
                metric = members[0].ranked_by
                way = "higher" if metric in leaderboard_rows.HIGHER_IS_BETTER else "lower"
                heading = f"{members[0].table}: {leaderboard_rows.METRICS[metric]}, {way} is better"
                figures.append(
                    f"<figure {filter_data(members[0])}><h3>{escape(heading)}</h3>"
                    f"{drawing}</figure>"
                )
        if figures:
            first = "true" if not buttons else "false"
            buttons.append(
                f'<button type="button" aria-pressed="{first}" '
                f'data-cost="{cost.field}">{cost.short}</button>'
            )
            bodies.append(
                f'<div class="trade-off" data-cost="{cost.field}">{"".join(figures)}</div>'
            )
    if not bodies:
        return ""
    return (
        f'<div class="choice" role="group" aria-label="Cost" hidden>{"".join(buttons)}</div>'
        f'{"".join(bodies)}<ul class="notes"><li>Along the line no cheaper model is better. Bars: '
        "95 % interval over seeds. Orange: baselines, which make no line. Point at a model, or tap "
        "it, for its numbers; a second tap leads to its card.</li></ul>"
    )


# --- the rest -------------------------------------------------------------------------------


def _failed(rows: list[Row]) -> str:
    found = [
        f"<li><strong>{escape(name)}</strong> <span>seeds {escape(seeds)}</span>"
        f"<code>{escape(error)}</code></li>"
        for name, seeds, error in tables.failures(rows)
    ]
    return f'<ul class="failed">{"".join(found)}</ul>' if found else ""


def _method(records: list[dict[str, Any]]) -> str:
    lines = "".join(f"<li>{escape(line)}</li>" for line in report_text.METHOD)
    found = "".join(
        f'<article class="card"><h3>{heading}</h3>{facts(pairs)}</article>'
        for heading, fields in report_text.FACTS.items()
        if (pairs := report_text.facts_of(records, fields))
    )
    return f'<ul>{lines}</ul><div class="cards">{found}</div>'


def _again(output: Path, records: list[dict[str, Any]]) -> str:
    return (
        f'<p>{report_text.AGAIN}</p><div class="again">'
        '<button type="button" id="copy" hidden>Copy</button>'
        f"<pre><code>{escape(report_text.command(output, records))}</code></pre></div>"
    )
