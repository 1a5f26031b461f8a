"""The page of a report: what the templates say of records, put together as their context."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from markupsafe import Markup

from bench.leaderboard import grouping, pareto
from bench.leaderboard import rows as leaderboard_rows
from bench.leaderboard.rows import Row
from bench.records.schema import Record
from bench.report import anomaly_tables, board, html, tables, trade_off, uncertainty, words
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
    columns = board.quality_first(rows)
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


def _board(rows: list[Row], columns: list[tables.Column]) -> Markup:
    """Returns the leaderboard, each row a link to its card."""
    remarks = [note for note in tables.footnotes(rows) if not note.startswith("*")]
    part = board.Part(rows, columns)
    return board.board([part], lambda number, row: f"#row-{number}", remarks)


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
