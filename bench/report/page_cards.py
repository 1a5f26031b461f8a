"""The cards of a page: all that is known of a model, folded away until it is asked for."""

import json
from html import escape
from typing import Any

from bench.leaderboard import rows
from bench.leaderboard.findings import merged_findings, seeds_of
from bench.leaderboard.rows import Row
from bench.report import page_drawings, tables
from bench.report import text as report_text
from bench.report.page_parts import facts, image, named, table
from bench.report.page_pictures import LEARNING

_SERIOUS = ("error", "serious", "high", "critical", "warning")


def card(
    number: int,
    row: Row,
    columns: list[tables.Column],
    strip: bytes | None,
    pictures: dict[str, str],
) -> str:
    """Returns the card of a row as HTML; what is not known of it is left out.

    Args:
        number: Of the row; the page links to `#row-<number>`.
        columns: The columns of the leaderboard, whose numbers the card repeats.
        strip: A PNG of reconstructions, or None.
        pictures: Sections that are pictures, heading to HTML.
    """
    columns = [c for c in columns if c.key not in ("rank", "model", "preset", "seeds")]
    numbers = [(" ".join(c.title.split()), c.text(row)) for c in columns if c.text(row) != "-"]
    rank = f'<span class="rank">{row.rank}</span>' if row.rank is not None else ""
    picture = ""
    if strip:
        picture = image(strip, f"Originals above reconstructions of {row.name}", "strip")
    findings = merged_findings(row)
    count = sum(str(finding.get("severity")).lower() in _SERIOUS for finding in findings or ())
    badge = f' <span class="tag">{count} to look at</span>' if count else ""
    config = [(name, report_text.value_text(v)) for name, v in (row["config"] or {}).items()]
    environment = report_text.facts_of(row.records, report_text.FACTS["Environment"])
    folds = {
        "Diagnosis": _diagnosis(findings),
        LEARNING: pictures.get(LEARNING, ""),
        "Structure": _structure(row),
        "Training": _training(row),
        "Speed": _speed(row),
        "Curves of each loss term": _terms(row),
        **{heading: body for heading, body in pictures.items() if heading != LEARNING},
        "Configuration": facts(config),
        f"Runs ({len(row.records)})": _runs(row),
        "Data": facts(report_text.facts_of(row.records, report_text.DATA)),
        "Environment": facts(environment),
    }
    folded = "".join(
        f"<details{' open' if heading == 'Diagnosis' and count else ''}>"
        f"<summary>{escape(heading)}{badge if heading == 'Diagnosis' else ''}</summary>"
        f"{body}</details>"
        for heading, body in folds.items()
        if body
    )
    return (
        f'<article class="card" id="row-{number}" data-name="{escape(row.name)}" '
        f"{filter_data(row)}><h3>{rank}{named(row)}</h3>{picture}{page_drawings.curves(row)}"
        f"{facts(numbers)}{_paper(row)}{folded}</article>"
    )


def filter_data(row: Row) -> str:
    """Attributes by which the page's filters find a row."""
    return f'data-task="{escape(str(row["task"] or ""))}" data-table="{escape(row.table)}"'


def _paper(row: Row) -> str:
    paper = row["paper"] or ""
    if paper.startswith(("https://", "http://")):
        return f'<p><a href="{escape(paper)}" rel="noreferrer">Paper</a></p>'
    return f"<p>{escape(paper)}</p>" if paper else ""


def _diagnosis(findings: list[dict[str, Any]] | None) -> str:
    if findings is None:
        return ""
    if not findings:
        return '<p class="good">Nothing was found to be wrong with this training.</p>'
    lines = []
    for finding in findings:
        severity = str(finding.get("severity") or "note").lower()
        kind = "serious" if severity in _SERIOUS else "mild"
        layer = f"<code>{escape(str(finding['layer']))}</code> " if finding.get("layer") else ""
        text = escape(str(finding.get("text") or finding.get("code") or "") + seeds_of(finding))
        remedy = finding.get("remedy")
        remedy = f"<span>{escape(str(remedy))}</span>" if remedy else ""
        lines.append(
            f'<li class="{kind}"><strong>{escape(severity)}</strong> {layer}{text}{remedy}</li>'
        )
    return f'<ul class="findings">{"".join(lines)}</ul>'


def _structure(row: Row) -> str:
    layers = next((r["structure"] for r in row.records if r["structure"]), None)
    if not layers:
        return ""
    lines = []
    for layer in layers:
        if not isinstance(layer, dict):
            continue
        shape = layer.get("output_shape")
        shown = " x ".join(map(str, shape)) if isinstance(shape, list) else "-"
        count = layer.get("parameters")
        lines.append(
            (
                str(layer.get("layer")),
                str(layer.get("kind")),
                shown,
                f"{count:,}" if isinstance(count, int) else "-",
            )
        )
    heads = ("layer", "kind", "output", "parameters")
    return table(heads, lines, (False, False, False, True))


def _training(row: Row) -> str:
    """Optimizer and its settings, the loss, and how long it was trained."""
    settings = next((r["optimizer_settings"] for r in row.records if r["optimizer_settings"]), None)
    pairs = report_text.facts_of(row.records, report_text.TRAINING)
    if settings:
        pairs = [pair for pair in pairs if pair[0] != "learning_rate"]
        after = 1 if pairs and pairs[0][0] == "optimizer" else 0
        pairs[after:after] = [(k, report_text.value_text(v)) for k, v in settings.items()]
    terms = next((r["loss_terms"] for r in row.records if r["loss_terms"]), None)
    if terms:
        weights = (f"{report_text.value_text(weight)} * {name}" for name, weight in terms.items())
        pairs.append(("loss", " + ".join(weights).replace("+ -", "- ")))
    return facts(pairs)


def _speed(row: Row) -> str:
    """Times with their percentiles, the share of the machine's rate, and the batch sweep."""
    timed = [record for record in row.records if record["train_images_per_second"] is not None]
    if not timed:
        return ""
    parts = [facts(report_text.facts_of(timed, report_text.SPEED))]
    for field, what in (("infer_sweep", "inference"), ("train_sweep", "training")):
        sizes = next((record[field] for record in timed if record[field]), [])
        lines = [
            (
                str(size["batch_size"]),
                size.get("error") or f"{size['images_per_second']:,.0f}",
                "" if size.get("error") else f"{size['low']:,.0f} to {size['high']:,.0f}",
            )
            for size in sizes
        ]
        if lines:
            head = ("batch size", f"{what} images/s", "95 % interval")
            parts.append(table(head, lines, (True, True, True)))
    return "".join(parts)


def _terms(row: Row) -> str:
    names = dict.fromkeys(
        name.removeprefix("val_")
        for record in row.records
        for name in (record["history"] or {})
        if name.removeprefix("val_") != "loss"
    )
    if len(names) < 2:
        return ""
    return "".join(page_drawings.curves(row, name) for name in names)


def _runs(row: Row) -> str:
    quality = (f"test_{metric}" for metric in rows.METRICS)
    fields = [
        field
        for field in ("seed", "normal_class", *quality, "train_seconds", "case_id")
        if any(record.get(field) is not None for record in row.records)
    ]
    lines = [[_cell(record.get(field)) for field in fields] for record in row.records]
    return table(fields, lines, (field != "case_id" for field in fields))


def _cell(value: Any) -> str:
    if isinstance(value, dict | list):
        return json.dumps(value)
    return "-" if value is None else report_text.value_text(value)
