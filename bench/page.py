"""The page of a report: one self-contained HTML file, readable on a phone and without network."""

import base64
import math
import struct
from html import escape
from pathlib import Path
from typing import Any

from bench import leaderboard, report_text, tables
from bench.leaderboard import Row


def html(
    output: Path,
    records: list[dict[str, Any]],
    rows: list[Row],
    warnings: list[str],
    pictures: dict[str, tuple[bytes, bytes]],
    strips: dict[int, bytes],
) -> str:
    title = escape(report_text.title_of(rows))
    figures = "".join(_figure(name, *pictures[name]) for name in pictures)
    columns = _quality_first(rows)
    cards = "".join(
        _card(number, row, columns, strips.get(number))
        for number, row in enumerate(rows)
        if not row.failed
    )
    notes = [note for note in tables.footnotes(rows) if not note.startswith("*")]
    notes = "".join(f"<li>{escape(note)}</li>" for note in notes)
    method = "".join(f"<li>{escape(line)}</li>" for line in report_text.METHOD)
    facts = "".join(
        f'<article class="card"><h3>{heading}</h3>{_list(found)}</article>'
        for heading, fields in report_text.FACTS.items()
        if (found := report_text.facts_of(records, fields))
    )
    facts = f'<div class="cards">{facts}</div>'
    again = (
        f'<p>{report_text.AGAIN}</p><div class="again">'
        '<button type="button" id="copy" hidden>Copy</button>'
        f"<pre><code>{escape(report_text.command(output, records))}</code></pre></div>"
    )
    sections = [
        ("board", "Leaderboard", _board(rows) + f'<ul class="notes">{notes}</ul>'),
        ("failed", "Failed", _failed(rows)),
        ("pictures", "Pictures", figures),
        ("models", "Models", f'<div class="cards">{cards}</div>' if cards else ""),
        ("method", "How it was measured", f"<ul>{method}</ul>{facts}"),
        ("again", "Run it again", again),
    ]
    sections = [section for section in sections if section[2]]
    links = "".join(f'<a href="#{name}">{heading}</a>' for name, heading, _ in sections)
    bodies = "".join(
        f'<section id="{name}"><h2>{heading}</h2>{body}</section>'
        for name, heading, body in sections
    )
    alerts = "".join(f"<li>{escape(warning)}</li>" for warning in warnings)
    alerts = f'<ul class="alerts" role="status">{alerts}</ul>' if alerts else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">"
        f"<title>{title}</title><style>{_text('page.css')}</style></head><body>"
        f"<header><h1>{title}</h1><p>{escape(report_text.summary(records, rows))}</p>{_tiles(rows)}"
        f"<nav>{links}</nav></header><main>{alerts}{bodies}</main>"
        f"<script>{_text('page.js')}</script></body></html>\n"
    )


def _tiles(rows: list[Row]) -> str:
    """The answers that most readers come for: the best, the smallest and the fastest model."""
    models = [row for row in rows if row.rank is not None and not row.baseline]
    if not models:
        return ""
    text = {column.key: column.text for column in tables.columns(rows)}
    metric = rows[0].ranked_by
    found = [(f"Lowest {metric.upper()}", models[0], metric)]
    sized = [row for row in models if row["params_total"]]
    if sized:
        found.append(("Smallest", min(sized, key=lambda r: r["params_total"]), "params_total"))
    for label, field in (
        ("Fastest training", "train_images_per_second"),
        ("Fastest inference", "infer_images_per_second"),
    ):
        timed = [row for row in models if row.middle(field)]
        if timed:
            found.append((label, max(timed, key=lambda row: row.middle(field) or 0), field))
    units = {"params_total": " parameters", "train_images_per_second": " images"}
    units["infer_images_per_second"] = " images"
    tiles = []
    for label, row, key in found:
        shown = escape(text[key](row).replace("/s", "")) + units.get(key, "")
        shown += "/s" if key.endswith("per_second") else ""
        tiles.append(
            f'<a class="tile" href="#row-{rows.index(row)}"><span>{label}</span>'
            f"<strong>{_breakable(row.name)}</strong><span>{shown}</span></a>"
        )
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _figure(name: str, light: bytes, dark: bytes) -> str:
    title, caption = (escape(text) for text in report_text.PICTURES[name])
    return (
        f"<figure><h3>{title}</h3><picture>"
        f'<source media="(prefers-color-scheme: dark)" srcset="{_data_uri(dark)}">'
        f'<img alt="{title}: {caption}" {_size(light)} src="{_data_uri(light)}"></picture>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _size(png: bytes) -> str:
    width, height = struct.unpack(">II", png[16:24])
    return f'width="{width}" height="{height}"'


def _board(rows: list[Row]) -> str:
    if all(row.failed for row in rows):
        return "<p>No run succeeded.</p>"
    shown = [column for column in _quality_first(rows) if column.key != "preset"]
    heads = []
    for column in shown:
        down = column.key in leaderboard.HIGHER_IS_BETTER or column.key.endswith("per_second")
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
        cells = []
        for column in shown:
            value, text = column.value(row), escape(column.text(row).removesuffix("/s"))
            if column.key == "model":
                value, text = row.name, _named(row, f'<a href="#row-{number}">', "</a>")
            if column.key == row.ranked_by:
                text = f'<span class="with-mark">{_interval_mark(row, rows)}{text}</span>'
            kind = "number" if column.numeric else "text"
            data = "" if value is None else escape(str(value))
            tag = 'th scope="row"' if column.key == "model" else "td"
            cells.append(f'<{tag} class="{kind}" data-value="{data}">{text}</{tag[:2]}>')
        kind = "baseline" if row.baseline else "best" if row.rank == 1 else ""
        lines.append(f'<tr class="{kind}">{"".join(cells)}</tr>')
    return (
        '<p class="filter" hidden><label for="filter">Filter</label> <input id="filter" '
        'type="search" placeholder="vae, small, baseline …" autocomplete="off"> '
        '<span id="count" role="status"></span></p>'
        '<div class="scroll" tabindex="0" role="region" aria-label="Leaderboard"><table>'
        f"<thead><tr>{''.join(heads)}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def _quality_first(rows: list[Row]) -> list[tables.Column]:
    """The columns of the leaderboard, quality before cost: a phone shows only the first ones."""
    first = ("rank", "model", "preset", "dataset", *leaderboard.METRICS)
    return sorted(tables.columns(rows), key=lambda column: column.key not in first)


def _named(row: Row, before: str = "", after: str = "") -> str:
    """Model, preset and what the row is, each in its own dress."""
    parts = [f"{before}{_breakable(row['model'])}{after}"]
    if row["preset"]:
        parts.append(f'<span class="preset">{escape(row["preset"])}</span>')
    if row.baseline:
        parts.append('<span class="tag">baseline</span>')
    if row.detail:
        parts.append(f'<span class="detail">{escape(row.detail)}</span>')
    return " ".join(parts)


def _breakable(name: str) -> str:
    return escape(name).replace("_", "_<wbr>")


def _interval_mark(row: Row, rows: list[Row]) -> str:
    """A dot with its interval, on the scale of the models of the same dataset."""
    if row.ranked_by not in row.quality:
        return ""
    peers = [r for r in rows if r.table == row.table and r.rank is not None]
    peers = [r.quality[r.ranked_by] for r in peers if not r.baseline] or [
        r.quality[r.ranked_by] for r in peers
    ]
    ends = [_ends(interval) for interval in peers]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    least = min(interval.mean for interval in peers)
    log = 0 < 5 * least < high
    low = max(low, least / 2) if log else low

    def place(value: float) -> float:
        if high <= low:
            return 32.0
        value = min(max(value, low), high)
        part = math.log(value / low) / math.log(high / low) if log else (value - low) / (high - low)
        return 4 + 56 * part

    start, stop = (place(end) for end in _ends(row.quality[row.ranked_by]))
    middle = place(row.quality[row.ranked_by].mean)
    return (
        '<svg class="mark" viewBox="0 0 64 14" width="64" height="14" aria-hidden="true">'
        '<path class="rail" d="M4 7H60"/>'
        f'<path class="bar" d="M{start:.1f} 7H{stop:.1f}"/>'
        f'<circle cx="{middle:.1f}" cy="7" r="3.6"/></svg>'
    )


def _ends(interval: Any) -> tuple[float, float]:
    half = leaderboard.half_width(interval) or 0.0
    return interval.mean - half, interval.mean + half


def _failed(rows: list[Row]) -> str:
    found = [
        f"<li><strong>{escape(name)}</strong> <span>seeds {escape(seeds)}</span>"
        f"<code>{escape(error)}</code></li>"
        for name, seeds, error in tables.failures(rows)
    ]
    return f'<ul class="failed">{"".join(found)}</ul>' if found else ""


def _card(number: int, row: Row, columns: list[tables.Column], strip: bytes | None) -> str:
    columns = [c for c in columns if c.key not in ("rank", "model", "preset", "seeds")]
    numbers = [(" ".join(c.title.split()), c.text(row)) for c in columns if c.text(row) != "-"]
    rank = f'<span class="rank">{row.rank}</span>' if row.rank is not None else ""
    config = [
        (name, report_text.value_text(value)) for name, value in (row["config"] or {}).items()
    ]
    settings = report_text.facts_of(row.records, report_text.FACTS["Settings"])
    paper = row["paper"] or ""
    if paper.startswith(("https://", "http://")):
        paper = f'<p><a href="{escape(paper)}" rel="noreferrer">Paper</a></p>'
    else:
        paper = f"<p>{escape(paper)}</p>" if paper else ""
    picture = ""
    if strip:
        alt = escape(f"Originals above reconstructions of {row.name}")
        picture = f'<img class="strip" alt="{alt}" {_size(strip)} src="{_data_uri(strip)}">'
    folds = {
        "Configuration": _list(config),
        f"Seeds ({len(row.records)})": _seeds(row),
        "Settings": _list(settings),
        "Environment": _list(report_text.facts_of(row.records, report_text.FACTS["Environment"])),
    }
    folded = "".join(
        f"<details><summary>{escape(name)}</summary>{body}</details>"
        for name, body in folds.items()
        if body
    )
    return (
        f'<article class="card" id="row-{number}" data-name="{escape(row.name)}">'
        f"<h3>{rank}{_named(row)}</h3>{picture}{_curves(row)}{_list(numbers)}{paper}{folded}"
        "</article>"
    )


def _list(facts: list[tuple[str, str]]) -> str:
    items = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in facts)
    return f"<dl>{items}</dl>" if items else ""


def _seeds(row: Row) -> str:
    quality = (f"test_{metric}" for metric in leaderboard.METRICS)
    fields = [
        field
        for field in ("seed", *quality, "train_seconds", "case_id")
        if any(record[field] is not None for record in row.records)
    ]
    heads = "".join(f'<th scope="col">{field}</th>' for field in fields)
    lines = "".join(
        "<tr>"
        + "".join(f"<td>{escape(report_text.value_text(r[field]))}</td>" for field in fields)
        + "</tr>"
        for r in row.records
    )
    return f'<div class="scroll"><table><tr>{heads}</tr>{lines}</table></div>'


def _curves(row: Row) -> str:
    """The loss curves of a row as a small drawing: training and validation, one line per seed."""
    from bench.plots import curve

    lines = {
        name: [values for record in row.records if len(values := curve(record, name)) > 1]
        for name in ("loss", "val_loss")
    }
    known = [v for group in lines.values() for values in group for v in values if v == v]
    if not known:
        return ""
    low, high = min(known), max(known)
    log = low > 0 and high / low > 20
    scale = math.log if log else float
    longest = max(len(values) for group in lines.values() for values in group)
    span = (scale(high) - scale(low)) or 1.0
    paths = []
    for name, group in lines.items():
        for values in group:
            points = [
                f"{320 * k / (longest - 1):.1f},{4 + 72 * (1 - (scale(v) - scale(low)) / span):.1f}"
                for k, v in enumerate(values)
                if v == v
            ]
            paths.append(f'<polyline class="{name}" points="{" ".join(points)}"/>')
    label = escape(f"Loss of {row.name} over {longest} epochs, from {high:.3g} to {low:.3g}")
    return (
        f'<figure class="curves"><svg viewBox="-4 0 328 80" role="img" aria-label="{label}">'
        f"{''.join(paths)}</svg><figcaption><b class=loss>training</b> and "
        f"<b class=val_loss>validation</b> loss over {longest} epochs, {high:.3g} to {low:.3g}"
        f"{', log scale' if log else ''}</figcaption></figure>"
    )


def _text(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")
