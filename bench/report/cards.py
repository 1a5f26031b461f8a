"""The cards of a page: all that is known of a row, as the template `card.html.j2` wants it."""

import dataclasses
import json
from typing import Any

from markupsafe import Markup

from bench.leaderboard import rows as leaderboard_rows
from bench.leaderboard.findings import merged_findings, seeds_of
from bench.leaderboard.rows import Row
from bench.records.schema import Record
from bench.report import drawings, html, tables
from bench.report import text as report_text
from bench.report.card_pictures import LEARNING, Figure
from bench.report.masks import Shown

_SERIOUS = ("error", "serious", "high", "critical", "warning")
Pairs = list[tuple[str, str]]


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that the diagnosis found, in words."""

    severity: str
    serious: bool
    layer: str
    text: str
    remedy: str


def card(
    number: int,
    row: Row,
    columns: list[tables.Column],
    strip: bytes | None,
    pictures: dict[str, list[Figure]],
    masks: Shown | None = None,
) -> Markup:
    """Returns the card of a row; what is not known of it is left out.

    Args:
        number: Of the row; the page links to `#row-<number>`.
        columns: The columns of the leaderboard, whose numbers the card repeats.
        strip: A PNG of reconstructions, or None.
        pictures: Sections that are pictures, by heading.
        masks: What is shown of its masks, or None.
    """
    columns = [c for c in columns if c.key not in ("rank", "model", "preset", "seeds")]
    findings = _findings(row)
    shown = {
        "link": f"row-{number}",
        "strip": strip
        and html.Image(strip, f"Originals above reconstructions of {row.name}", "strip"),
        "loss": drawings.curves(row),
        "numbers": [(" ".join(c.title.split()), c.text(row)) for c in columns if c.text(row) != "-"]
        + [
            (f"{metric.upper()}, Monte-Carlo error", f"{error:.3f} nats")
            for metric in tables.LIKELIHOODS
            if (error := row.monte_carlo_error(metric)) is not None
        ],
        "paper": row.record.model.paper or "",
        "findings": findings,
        "serious": sum(finding.serious for finding in findings or ()),
        "learning_heading": LEARNING,
        "learning": pictures.get(LEARNING, []),
        "structure": _structure(row),
        "training": _training(row),
        "speed": report_text.facts_of(_timed(row), report_text.SPEED),
        "sweeps": _sweeps(row),
        "terms": _terms(row),
        "masks": masks,
        "pictures": {
            heading: figures for heading, figures in pictures.items() if heading != LEARNING
        },
        "config": [
            (name, report_text.value_text(v)) for name, v in (row.record.model.config or {}).items()
        ],
        "runs": _runs(row),
        "data": report_text.facts_of(row.records, report_text.DATA),
        "environment": report_text.facts_of(row.records, report_text.FACTS["Environment"]),
    }
    return html.render("card.html.j2", row=row, card=shown)


def _findings(row: Row) -> list[Finding] | None:
    merged = merged_findings(row)
    if merged is None:
        return None
    findings = []
    for finding in merged:
        severity = str(finding.get("severity") or "note").lower()
        text = str(finding.get("text") or finding.get("code") or "") + seeds_of(finding)
        layer, remedy = (str(finding.get(name) or "") for name in ("layer", "remedy"))
        findings.append(Finding(severity, severity in _SERIOUS, layer, text, remedy))
    return findings


def _structure(row: Row) -> html.Table | None:
    layers = next((r.model.structure for r in row.records if r.model.structure), None)
    lines = []
    for layer in layers or ():
        if not isinstance(layer, dict):
            continue
        shape, count = layer.get("output_shape"), layer.get("parameters")
        lines.append(
            (
                str(layer.get("layer")),
                str(layer.get("kind")),
                " x ".join(map(str, shape)) if isinstance(shape, list) else "-",
                f"{count:,}" if isinstance(count, int) else "-",
            )
        )
    heads = ("layer", "kind", "output", "parameters")
    return html.Table(heads, lines, (False, False, False, True)) if lines else None


def _training(row: Row) -> Pairs:
    """Optimizer and its settings, the loss, and how long it was trained."""
    settings = next(
        (r.training.optimizer_settings for r in row.records if r.training.optimizer_settings), None
    )
    pairs = report_text.facts_of(row.records, report_text.TRAINING)
    if settings:
        pairs = [pair for pair in pairs if pair[0] != "learning_rate"]
        after = 1 if pairs and pairs[0][0] == "optimizer" else 0
        pairs[after:after] = [(k, report_text.value_text(v)) for k, v in settings.items()]
    terms = next((r.model.loss_terms for r in row.records if r.model.loss_terms), None)
    if terms:
        weights = (f"{report_text.value_text(weight)} * {name}" for name, weight in terms.items())
        pairs.append(("loss", " + ".join(weights).replace("+ -", "- ")))
    return pairs


def _timed(row: Row) -> list[Record]:
    return [record for record in row.records if record.speed.train_images_per_second is not None]


def _sweeps(row: Row) -> list[html.Table]:
    """Images per second by batch size, of inference and of training."""
    sweeps = []
    for field, what in (("infer_sweep", "inference"), ("train_sweep", "training")):
        sizes = next((record[field] for record in _timed(row) if record[field]), [])
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
            sweeps.append(html.Table(head, lines, (True, True, True)))
    return sweeps


def _terms(row: Row) -> list[drawings.Curves]:
    """The curves of the loss terms, where there are several."""
    names = dict.fromkeys(
        name.removeprefix("val_")
        for record in row.records
        for name in (record.training.history or {})
        if name.removeprefix("val_") != "loss"
    )
    drawn = [drawings.curves(row, name) for name in names] if len(names) > 1 else []
    return [each for each in drawn if each is not None]


def _runs(row: Row) -> html.Table:
    quality = (f"test_{metric}" for metric in leaderboard_rows.METRICS)
    fields = [
        field
        for field in ("fold", "seed", "normal_class", *quality, "train_seconds", "job_id")
        if any(record.get(field) is not None for record in row.records)
    ]
    lines = [[_cell(record.get(field)) for field in fields] for record in row.records]
    return html.Table(fields, lines, [field != "job_id" for field in fields])


def _cell(value: Any) -> str:
    if isinstance(value, dict | list):
        return json.dumps(value)
    return "-" if value is None else report_text.value_text(value)
