"""The report of a run: Markdown, CSV, pictures and one page of HTML, from the records alone.

Nothing is measured here. The page holds its pictures, style and script, so that it can be mailed
and read anywhere, without a network.
"""

import base64
import csv
import io
import json
import math
import shlex
import struct
from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path
from typing import Any

from bench import leaderboard
from bench import records as record_file
from bench.errors import BenchError
from bench.leaderboard import Row

_PICTURES = {
    "quality_against_parameters": (
        "Quality against size",
        "Along the blue line no smaller model is better. Bars: 95 % interval over "
        "seeds. Orange: baselines.",
    ),
    "quality_against_speed": (
        "Quality against speed",
        "Along the blue line no faster model is better. Bars: 95 % interval over "
        "seeds. Orange: baselines.",
    ),
    "reconstructions": (
        "Reconstructions",
        "The first test images, and what each model makes of them, best first.",
    ),
    "loss_curves": (
        "Learning",
        "Loss by epoch. Thin lines are seeds, thick ones their mean. The losses of two models "
        "are often two quantities: compare their shapes, not their heights.",
    ),
}
_SETTINGS = (
    *("dataset", "task", "noise", "image_shape", "num_train", "num_validation", "num_test"),
    *("dataset_checksum", "seed", "epochs", "batch_size", "optimizer", "learning_rate"),
    *("precision", "jit_compile", "steps_per_execution", "infer_batch_size"),
)
_ENVIRONMENT = record_file.ENVIRONMENT_FIELDS
_METHOD = (
    "Every case ran in a process of its own. The test images were used once, after training.",
    "Quality is computed on each test image and averaged with equal weight: MSE and MAE on values "
    "in [0, 1], PSNR in dB for a peak of 1, SSIM where the data are images.",
    "Speeds are medians after warming up; training speed is that of whole training steps, "
    "inference speed that of one forward pass at the stated batch size, and latency is one image.",
    "Memory is the peak of training above what was in use before it: on a GPU what TensorFlow "
    "allocated there, else the resident memory of the process.",
    "MACs are multiply-adds of one forward pass of one image.",
)
_AGAIN = (
    "With another output folder, else the finished cases are kept. If the data were cut down or "
    "resized, do so again; the checksum tells whether they are the same."
)


def write(output_folder: str | Path) -> list[Path]:
    """Writes the report of a run into its folder.

    Files are replaced as a whole, so that a report is never half-written.

    Args:
        output_folder: The `--output` of a run, with `records.jsonl`.

    Returns:
        The files written: `report.html`, `report.md`, `leaderboard.csv`, `records.csv` and the
        pictures under `plots/` for which the records hold something to draw.

    Raises:
        BenchError: if there is no readable record, or the folder cannot be written.
    """
    from bench import plots

    output = Path(output_folder)
    records, warnings = record_file.read(output / record_file.FILE_NAME)
    if not records:
        raise BenchError(
            f"no readable record in {output / record_file.FILE_NAME}. "
            f"Make some: python -m bench run --output {output}"
        )
    record_file.check_writable(output / "plots")
    kept = record_file.latest(records)
    rows = leaderboard.rows(kept)
    for record in kept:
        if record["samples_file"] and plots.load_samples(output, record) is None:
            warnings.append(f"samples {record['samples_file']} are missing or damaged; left out.")
    draw: dict[str, Callable[[io.BytesIO, str], bool]] = {
        "reconstructions": lambda f, theme: plots.reconstruction_strip(output, kept, f, theme),
        "quality_against_parameters": lambda f, t: plots.quality_against_parameters(rows, f, t),
        "quality_against_speed": lambda f, theme: plots.quality_against_speed(rows, f, theme),
        "loss_curves": lambda f, theme: plots.loss_curves(kept, f, theme),
    }
    pictures = {}
    for name in _PICTURES:
        light, dark = io.BytesIO(), io.BytesIO()
        if draw[name](light, "light") and draw[name](dark, "dark"):
            pictures[name] = (light.getvalue(), dark.getvalue())
    strips = {}
    for number, row in enumerate(rows):
        strip = io.BytesIO()
        if plots.reconstruction_strip(output, list(row.records), strip, labels=False):
            strips[number] = strip.getvalue()
    texts = {
        "report.html": _page(output, kept, rows, warnings, pictures, strips),
        "report.md": _markdown(output, kept, rows, warnings, list(pictures)),
        "leaderboard.csv": leaderboard.to_csv(rows),
        "records.csv": _records_csv(records),
    }
    contents = {name: text.encode() for name, text in texts.items()}
    contents |= {f"plots/{name}.png": light for name, (light, _) in pictures.items()}
    for name, content in contents.items():
        record_file.write_whole(output / name, content)
    return [output / name for name in contents]


def command(output: Path, records: list[dict[str, Any]]) -> str:
    """Returns the command lines that make these records again, one for each dataset and budget."""
    fields = ("dataset", "noise", "epochs", "batch_size", "learning_rate", "precision")
    models = [record for record in records if record["kind"] == "model"]
    runs: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for record in [r for r in models if r["status"] == "ok"] or models:
        runs.setdefault(tuple(record[field] for field in fields), []).append(record)
    lines = []
    for budget, members in runs.items():
        names = sorted({":".join(filter(None, (r["model"], r["preset"]))) for r in members})
        settings = {name: [value] for name, value in zip(fields, budget, strict=True)}
        options: dict[str, list[Any]] = {"models": names, **settings}
        options["seeds"] = [1 + max((record["seed"] or 0) for record in members)]
        options["output"] = [output]
        parts = ["python -m bench run"]
        for name, values in options.items():
            if values[0] is not None:
                shown = " ".join(shlex.quote(str(value)) for value in values)
                parts.append(f"--{name.replace('_', '-')} {shown}")
        if all(record["infer_images_per_second"] is None for record in members):
            parts.append("--no-timing")
        lines.append(" ".join(parts))
    return "\n".join(lines)


def _records_csv(records: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    names = list(dict.fromkeys(name for record in records for name in record))
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow(
            {
                name: json.dumps(value) if isinstance(value, dict | list) else value
                for name, value in record.items()
            }
        )
    return text.getvalue()


def _markdown(
    output: Path,
    records: list[dict[str, Any]],
    rows: list[Row],
    warnings: list[str],
    pictures: list[str],
) -> str:
    plain = leaderboard.plain_markdown
    parts = [f"# {plain(_title(rows))}", _summary(records, rows)]
    parts += [f"> **Warning:** {plain(warning)}" for warning in warnings]
    parts.append(leaderboard.to_markdown(rows).rstrip())
    for name in pictures:
        title, caption = _PICTURES[name]
        parts.append(f"## {title}\n\n![{title}](plots/{name}.png)\n\n{caption}")
    parts.append("## How it was measured\n\n" + "\n".join(f"- {line}" for line in _METHOD))
    for title, fields in (("Settings", _SETTINGS), ("Environment", _ENVIRONMENT)):
        facts = [f"| {name} | {plain(value)} |" for name, value in _facts(records, fields)]
        parts.append(f"### {title}\n\n| | |\n| --- | --- |\n" + "\n".join(facts))
    parts.append(f"## Run it again\n\n{_AGAIN}\n\n```\n{command(output, records)}\n```")
    return "\n\n".join(parts) + "\n"


def _title(rows: list[Row]) -> str:
    return f"Leaderboard: {'; '.join(dict.fromkeys(row.table for row in rows))}"


def _summary(records: list[dict[str, Any]], rows: list[Row]) -> str:
    models = len({row["model"] for row in rows if not row.baseline})
    failed = sum(record["status"] != "ok" for record in records)
    days = sorted({(record["time_utc"] or "")[:10] for record in records} - {""})
    parts = [_plural(models, "model"), _plural(len(records), "run"), f"{failed} failed"]
    when = f" Measured {' to '.join(dict.fromkeys((days[0], days[-1])))}." if days else ""
    return f"{', '.join(parts)}.{when}"


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _facts(records: Iterable[dict[str, Any]], fields: Iterable[str]) -> list[tuple[str, str]]:
    """Each field with the values that occur, fields unknown to all records left out."""
    found = []
    for field in fields:
        values = [record[field] for record in records if record[field] is not None]
        if values:
            texts = dict.fromkeys(_value(value) for value in values)
            shown = ", ".join(list(texts)[:8]) + (", …" if len(texts) > 8 else "")
            found.append((field, shown))
    return found


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    return value if isinstance(value, str) else json.dumps(value)


def _page(
    output: Path,
    records: list[dict[str, Any]],
    rows: list[Row],
    warnings: list[str],
    pictures: dict[str, tuple[bytes, bytes]],
    strips: dict[int, bytes],
) -> str:
    title = escape(_title(rows))
    figures = "".join(_figure(name, *pictures[name]) for name in pictures)
    columns = _quality_first(rows)
    cards = "".join(
        _card(number, row, columns, strips.get(number))
        for number, row in enumerate(rows)
        if not row.failed
    )
    notes = [note for note in leaderboard.footnotes(rows) if not note.startswith("*")]
    notes = "".join(f"<li>{escape(note)}</li>" for note in notes)
    method = "".join(f"<li>{escape(line)}</li>" for line in _METHOD)
    facts = "".join(
        f'<article class="card"><h3>{heading}</h3>{_list(_facts(records, fields))}</article>'
        for heading, fields in (("Settings", _SETTINGS), ("Environment", _ENVIRONMENT))
    )
    facts = f'<div class="cards">{facts}</div>'
    again = (
        f'<p>{_AGAIN}</p><div class="again"><button type="button" id="copy" hidden>Copy</button>'
        f"<pre><code>{escape(command(output, records))}</code></pre></div>"
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
        f"<title>{title}</title><style>{_STYLE}</style></head><body>"
        f"<header><h1>{title}</h1><p>{escape(_summary(records, rows))}</p>{_tiles(rows)}"
        f"<nav>{links}</nav></header><main>{alerts}{bodies}</main>"
        f"<script>{_SCRIPT}</script></body></html>\n"
    )


def _tiles(rows: list[Row]) -> str:
    """The answers that most readers come for: the best, the smallest and the fastest model."""
    models = [row for row in rows if row.rank is not None and not row.baseline]
    if not models:
        return ""
    text = {column.key: column.text for column in leaderboard.columns(rows)}
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
    title, caption = (escape(text) for text in _PICTURES[name])
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


def _quality_first(rows: list[Row]) -> list[leaderboard.Column]:
    """The columns of the leaderboard, quality before cost: a phone shows only the first ones."""
    first = ("rank", "model", "preset", "dataset", *leaderboard.METRICS)
    return sorted(leaderboard.columns(rows), key=lambda column: column.key not in first)


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
        for name, seeds, error in leaderboard.failures(rows)
    ]
    return f'<ul class="failed">{"".join(found)}</ul>' if found else ""


def _card(number: int, row: Row, columns: list[leaderboard.Column], strip: bytes | None) -> str:
    columns = [c for c in columns if c.key not in ("rank", "model", "preset", "seeds")]
    numbers = [(" ".join(c.title.split()), c.text(row)) for c in columns if c.text(row) != "-"]
    rank = f'<span class="rank">{row.rank}</span>' if row.rank is not None else ""
    config = [(name, _value(value)) for name, value in (row["config"] or {}).items()]
    settings = _facts(row.records, _SETTINGS)
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
        "Environment": _list(_facts(row.records, _ENVIRONMENT)),
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
        "<tr>" + "".join(f"<td>{escape(_value(r[field]))}</td>" for field in fields) + "</tr>"
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


_STYLE = """
:root{--ground:#f5f7fa;--card:#fff;--ink:#1b2330;--soft:#566072;--line:#dfe4eb;--first:#0072b2;
--second:#c25400;--muted:#8b95a5;--wash:#eaf3fa;--warn:#fff3e6;--good:#00704f}
@media(prefers-color-scheme:dark){:root{--ground:#0f131a;--card:#171c26;--ink:#e8ecf3;
--soft:#a3adbd;--line:#2b3341;--first:#56b4e9;--second:#f0a830;--muted:#77839a;--wash:#1b2a3a;
--warn:#2e2416;--good:#2ec49b}}
*{box-sizing:border-box}html{scroll-behavior:smooth;scroll-padding-top:1rem}
@media(prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;background:var(--ground);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
header,main{max-width:1320px;margin:auto;padding:0 clamp(.8rem,3vw,2rem)}
header{padding-top:clamp(1.2rem,4vw,2.6rem)}
h1{font-size:clamp(1.5rem,4.5vw,2.3rem);line-height:1.15;margin:0;letter-spacing:-.02em}
h2{font-size:1.35rem;margin:2.4rem 0 .8rem;letter-spacing:-.01em}
h3{margin:0 0 .7rem;font-size:1.05rem}
header p{color:var(--soft);margin:.4rem 0 1.2rem}a{color:var(--first)}
nav{display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;margin-top:1.1rem}nav a{text-decoration:none}
a:hover{text-decoration:underline}:focus-visible{outline:2px solid var(--first);outline-offset:2px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(46%,15rem),1fr));gap:.8rem}
.tile,.card,figure,.scroll,.again{background:var(--card);border:1px solid var(--line);
border-radius:12px}
.tile{padding:.8rem 1rem;color:inherit;text-decoration:none;display:grid;gap:.1rem;
align-content:start;
border-top:3px solid var(--first)}.tile strong{font-size:1.08rem;overflow-wrap:break-word}
.tile span{color:var(--soft);font-size:.9rem}
.tile:hover{text-decoration:none;background:var(--wash)}
.scroll{overflow-x:auto;background:
linear-gradient(to right,var(--card) 40%,transparent) left/2rem 100% no-repeat local,
linear-gradient(to left,var(--card) 40%,transparent) right/2rem 100% no-repeat local,
linear-gradient(to left,#0003,transparent) right/.8rem 100% no-repeat scroll,var(--card)}
table{border-collapse:separate;border-spacing:0;width:100%;font-size:.875rem;
font-variant-numeric:tabular-nums}
th,td{padding:.5rem .5rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}
tbody tr:last-child>*{border-bottom:0}.text,th[data-kind=text]{text-align:left}
thead th{vertical-align:bottom;padding:.25rem .2rem;border-bottom:2px solid var(--line)}
th button{all:unset;cursor:pointer;padding:.35rem .3rem;border-radius:6px;font-weight:600;
font-size:.82rem;line-height:1.25;color:var(--soft);white-space:pre;text-align:inherit}
th button:hover{background:var(--wash);color:var(--ink)}
th button:focus-visible{outline:2px solid var(--first)}th[aria-sort] button{color:var(--first)}
th[aria-sort] button::after{content:"\\00a0\\25B2";font-size:.7em}
th[aria-sort=descending] button::after{content:"\\00a0\\25BC"}
tbody tr:hover>*{background:var(--wash)}tbody th{font-weight:600}
#board tbody th,#board thead th:nth-child(2){position:sticky;left:0;background:var(--card)}
#board tbody tr:hover th{background:var(--wash)}
#board tbody th a{color:inherit;text-decoration:none}
#board tbody th a:hover{text-decoration:underline}
#board .best td:first-child{color:var(--good);font-weight:700}
.baseline>*{color:var(--soft)}.baseline th{font-style:italic}
.preset,.tag,.rank{font-size:.78rem;font-weight:500;font-style:normal;padding:.05rem .45rem;
border-radius:99px;background:var(--wash);color:var(--first);white-space:nowrap}
.tag{background:var(--warn);color:var(--second)}
.detail{display:block;font-size:.78rem;font-weight:400;color:var(--soft)}
.rank{background:var(--first);color:var(--card);font-weight:700;margin-right:.5rem}
.with-mark{display:flex;align-items:center;justify-content:flex-end;gap:.7rem}
.mark{flex:none;margin-right:auto}.mark .rail{stroke:var(--line)}
.mark .bar{stroke:var(--first);stroke-width:3;stroke-linecap:round;opacity:.55}
.mark circle{fill:var(--first)}.baseline .mark circle{fill:var(--second)}
.baseline .mark .bar{stroke:var(--second)}
.filter{display:flex;flex-wrap:wrap;gap:.6rem;align-items:center;color:var(--soft);margin:0 0 .8rem}
.filter[hidden]{display:none}
input{font:inherit;color:inherit;background:var(--card);border:1px solid var(--line);
border-radius:8px;padding:.4rem .7rem;width:min(20rem,100%)}
.notes{color:var(--soft);font-size:.86rem;padding-left:1.1rem}.notes li{margin:.15rem 0}
figure{margin:0 0 1rem;padding:clamp(.8rem,2vw,1.3rem)}img{max-width:100%;height:auto;display:block}
figure img{width:100%;max-width:1000px;margin:auto}figcaption{color:var(--soft);font-size:.88rem;
margin-top:.6rem}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,22rem),1fr));gap:1rem;
align-items:start}.card{padding:1.1rem;min-width:0}.card[hidden]{display:none}
.card:target{border-color:var(--first);box-shadow:0 0 0 2px var(--first)}
.strip{width:100%;margin-bottom:.8rem}
.curves{border:0;padding:0;background:none}.curves svg{width:100%;height:auto;display:block}
polyline{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
polyline.loss{stroke:var(--first)}polyline.val_loss{stroke:var(--second);stroke-dasharray:5 3}
b.loss{color:var(--first)}b.val_loss{color:var(--second)}.curves figcaption{margin-top:.3rem}
dl{margin:0 0 .6rem;font-size:.9rem}dl div{display:flex;justify-content:space-between;gap:1rem;
padding:.18rem 0;border-bottom:1px solid var(--line)}dt{color:var(--soft)}
dd{margin:0;text-align:right;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
summary{cursor:pointer;padding:.3rem 0;font-weight:600;font-size:.92rem}
details .scroll{margin:.3rem 0 .6rem}details th{font-size:.8rem;color:var(--soft)}
.alerts,.failed{list-style:none;padding:0;margin:1.4rem 0 0}
.alerts li,.failed li{background:var(--warn);border:1px solid var(--line);border-radius:10px;
border-left:4px solid var(--second);padding:.6rem .9rem;margin-bottom:.5rem}
.failed span{color:var(--soft)}.failed code{display:block;overflow-wrap:anywhere;margin-top:.2rem}
.again{position:relative;padding:.4rem 1rem}pre{overflow-x:auto;margin:.6rem 0}
code{font:.86rem/1.6 ui-monospace,"DejaVu Sans Mono",monospace}
#copy{position:absolute;right:.6rem;top:.6rem;font:inherit;font-size:.85rem;padding:.2rem .8rem;
color:var(--first);background:var(--wash);border:1px solid var(--line);border-radius:8px;
cursor:pointer}
main{padding-bottom:4rem}
@media(max-width:640px){th,td{padding:.45rem .5rem}.tile{padding:.6rem .7rem}
.tile strong{font-size:.95rem}#board tbody th{white-space:normal}
#board .mark{display:none}picture{display:block;overflow-x:auto}
picture img{width:43rem;max-width:none}}
@media print{.filter,nav,#copy{display:none}.card,figure{break-inside:avoid}}
"""

_SCRIPT = """
for (const table of document.querySelectorAll('#board table')) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells], rows = [...body.rows];
  for (const head of heads) head.querySelector('button').addEventListener('click', () => {
    const now = head.getAttribute('aria-sort'), first = head.dataset.first;
    const next = !now ? first : now === 'ascending' ? 'descending' : 'ascending';
    for (const other of heads) other.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', next);
    const at = heads.indexOf(head), sign = next === 'ascending' ? 1 : -1;
    const value = row => row.cells[at].dataset.value;
    const compare = head.dataset.kind === 'number' ? (a, b) => a - b : (a, b) => a.localeCompare(b);
    const known = rows.filter(row => value(row) !== '');
    known.sort((a, b) => sign * compare(value(a), value(b)));
    body.append(...known, ...rows.filter(row => value(row) === ''));
  });
  const filter = document.getElementById('filter'), count = document.getElementById('count');
  filter.parentElement.hidden = false;
  filter.addEventListener('input', () => {
    const words = filter.value.toLowerCase().split(/[\\s,]+/).filter(Boolean);
    const fits = text => words.every(word => text.toLowerCase().includes(word));
    for (const row of rows) row.hidden = !fits(row.cells[1].textContent);
    for (const card of document.querySelectorAll('.card[id]'))
      card.hidden = !fits(card.querySelector('h3').textContent);
    const seen = rows.filter(row => !row.hidden).length;
    count.textContent = words.length ? `${seen} of ${rows.length}` : '';
  });
}
const copy = document.getElementById('copy');
if (copy && navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener('click', async () => {
    await navigator.clipboard.writeText(copy.parentElement.querySelector('code').textContent);
    copy.textContent = 'Copied';
  });
}
"""
