"""The report of a run: Markdown, CSV, pictures and one page of HTML, from the records alone.

Nothing is measured here. The page holds its pictures, style and script, so that it can be mailed
and read anywhere, without a network.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.leaderboard import rows as leaderboard_rows
from bench.leaderboard.pareto import COSTS
from bench.leaderboard.rows import Row
from bench.records import reading
from bench.records import store as record_store
from bench.records.schema import Record
from bench.report import (
    anomaly_tables,
    card_pictures,
    markdown,
    masks,
    page,
    tables,
    trade_off,
    uncertainty,
    words,
)
from bench.report import text as report_text
from bench.report.card_pictures import Figure
from bench.report.html import Section
from bench.report.plots import (
    anomaly,
    label_swap,
    latents,
    pareto,
    robustness,
    style,
    training,
)
from bench.report.plots import uncertainty as plots_of_uncertainty

PAGE = "report.html"

# The costs whose charts are files too, by the names of `report_text.PICTURES`.
_TRADE_OFFS = {
    "quality_against_parameters": next(c for c in COSTS if c.field == "params_total"),
    "quality_against_speed": next(c for c in COSTS if c.field == "infer_images_per_second"),
}


def write(
    output_folder: str | Path,
    *,
    codes: str = "pca",
    perplexity: float = 30.0,
    sections: Sequence[Section] = (),
    warn: reading.Warn | None = None,
) -> list[Path]:
    """Writes the report of a run into its folder.

    Files are replaced as a whole, so that a report is never half-written.

    Args:
        output_folder: The `--output` of a run, with `records.jsonl`.
        codes: How the codes of images are put on a plane, `"pca"` or `"t_sne"`.
        perplexity: Of t-SNE; see `plots.latents.codes`.
        sections: What a study adds to the page.
        warn: Is told of what had to be left out, which the page says too; None: nobody is.

    Returns:
        The files written: `report.html`, `report.md`, `leaderboard.csv`, `records.csv` and the
        pictures under `plots/` for which the records and their files hold something to draw.

    Raises:
        BenchError: if there is no readable record, or the folder cannot be written.
    """
    output = Path(output_folder)
    records, warnings = reading.read(output / record_store.FILE_NAME, warn)
    remedy = "A report stands beside its records: copy the folder to where it can be written."
    record_store.check_writable(output / "plots", remedy)
    kept = record_store.latest(records)
    rows = leaderboard_rows.rows(kept)
    plane = {"method": codes, "perplexity": perplexity}
    for text in _without_samples(output, kept):
        warnings.append(text)
        if warn is not None:
            warn(f"{output}: {text}")
    pictures, strips = _pictures(output, kept, rows, plane)
    gifs, in_cards = _of_cards(output, rows, plane)
    texts = {
        PAGE: page.page(
            *(output, kept, rows, warnings, pictures, strips, in_cards, sections),
            masks=_masks(output, rows),
        ),
        "report.md": _markdown(output, kept, rows, warnings, list(pictures), list(gifs)),
        "leaderboard.csv": tables.to_csv(rows),
        "records.csv": _records_csv(records),
    }
    contents = {name: text.encode() for name, text in texts.items()}
    contents |= {f"plots/{name}.png": light for name, (light, _) in pictures.items()}
    contents |= {f"plots/{name}.gif": gif for name, gif in gifs.items()}
    for name, content in contents.items():
        record_store.write_whole(output / name, content)
    return [output / name for name in contents]


def write_page(output: Path, progress: str) -> None:
    """Writes the page alone, without what takes long to draw, of a run that still goes on.

    Args:
        output: The folder of the run.
        progress: How far it is, for the top of the page.

    Raises:
        BenchError: if there is no readable record.
    """
    records, warnings = reading.read(output / record_store.FILE_NAME, warn=None)
    kept = record_store.latest(records)
    rows = leaderboard_rows.rows(kept)
    text = page.page(output, kept, rows, warnings, progress=progress)
    record_store.write_whole(output / PAGE, text.encode())


def _pictures(
    output: Path,
    records: list[Record],
    rows: list[Row],
    plane: dict[str, Any],
) -> tuple[dict[str, tuple[bytes, bytes]], dict[int, bytes]]:
    """Draws the pictures of the whole run, light and dark, and the strip of each row."""
    draw: dict[str, Callable[[io.BytesIO, str], bool]] = {
        "reconstructions": lambda f, theme: style.reconstruction_strip(output, records, f, theme),
        **{
            name: lambda f, t, cost=cost: pareto.png(trade_off.charts(rows, cost), f, t)
            for name, cost in _TRADE_OFFS.items()
        },
        "wrong_labels": lambda f, t: label_swap.redrawn_images(output, records, f, t),
        "anomaly_scores": lambda f, t: anomaly.score_histograms(output, records, f, t),
        "anomaly_curves": lambda f, t: anomaly.curves(output, records, f, t),
        "uncertainty": lambda f, t: plots_of_uncertainty.curves(rows, f, t),
        "anomaly_robustness": lambda f, t: robustness.curves(rows, f, t),
        "codes": lambda f, theme: latents.codes(output, records, f, theme, **plane),
        "loss_curves": lambda f, theme: training.loss_curves(records, f, theme),
    }
    pictures = {}
    for name in report_text.PICTURES:
        light, dark = io.BytesIO(), io.BytesIO()
        themes = ((light, "light"), (dark, "dark"))
        if name in page.DRAWN_HERE:
            themes = themes[:1]  # for Markdown alone
        if all(draw[name](file, theme) for file, theme in themes):
            pictures[name] = (light.getvalue(), dark.getvalue())
    strips = {}
    for number, row in enumerate(rows):
        strip = io.BytesIO()
        if style.reconstruction_strip(output, list(row.records), strip, labels=False):
            strips[number] = strip.getvalue()
    return pictures, strips


def _without_samples(output: Path, records: list[Record]) -> list[str]:
    """Returns one warning on the samples that records name and that cannot be used."""
    lost = [
        record.artifacts.samples
        for record in records
        if record.artifacts.samples and style.load_samples(output, record) is None
    ]
    if not lost:
        return []
    more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
    return [f"samples {lost[0]}{more} are missing or damaged; left out."]


def _of_cards(
    output: Path, rows: list[Row], plane: dict[str, Any]
) -> tuple[dict[str, bytes], dict[int, dict[str, list[Figure]]]]:
    """Returns the animations by name, and the sections of each row's card that are pictures."""
    gifs: dict[str, bytes] = {}
    sections = {}
    with_swaps = sum(any(record.artifacts.swaps for record in row.records) for row in rows) > 1
    for number, row in enumerate(rows):
        if row.failed:
            continue
        drawn = (training.learning_gif(output, record) for record in row.records)
        gif = next((each for each in drawn if each is not None), None)
        if gif is not None:
            words = re.findall(r"[a-z0-9]+", row.name.lower())
            name = "_".join(["learning", *words])
            gifs[name if name not in gifs else f"{name}_{number}"] = gif
        sections[number] = card_pictures.from_row(output, row, gif, with_swaps, plane)
    return gifs, sections


def _masks(output: Path, rows: list[Row]) -> dict[int, masks.Shown]:
    shown = {
        number: masks.of_row(output, row, in_card=True)
        for number, row in enumerate(rows)
        if not row.failed
    }
    return {number: each for number, each in shown.items() if each is not None}


def _records_csv(records: list[Record]) -> str:
    text = io.StringIO()
    lines = [record.fields() for record in records]
    names = list(dict.fromkeys(name for line in lines for name in line))
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    for line in lines:
        writer.writerow(
            {
                name: json.dumps(value) if isinstance(value, dict | list | tuple) else value
                for name, value in line.items()
            }
        )
    return text.getvalue()


def _markdown(
    output: Path,
    records: list[Record],
    rows: list[Row],
    warnings: list[str],
    pictures: list[str],
    gifs: list[str],
) -> str:
    plain = markdown.plain
    parts = [f"# {plain(report_text.title_of(rows))}", report_text.summary(records, rows)]
    parts += [f"> **Warning:** {plain(warning)}" for warning in warnings]
    for table, sentences in words.of_rows(rows):
        parts.append(f"**{plain(table)}:** {plain(' '.join(sentences))}")
    parts.append(markdown.leaderboard(rows).rstrip())
    anomalies = anomaly_tables.markdown(records)
    if anomalies:
        parts.append(f"## Anomalies\n\n{anomalies}")
    parts += [markdown.titled(table) for table in uncertainty.tables(rows)]
    for name in pictures:
        title, caption = report_text.PICTURES[name]
        parts.append(f"## {title}\n\n![{title}](plots/{name}.png)\n\n{caption}")
    if gifs:
        names = {name: name.removeprefix("learning_").replace("_", " ") for name in gifs}
        links = "\n".join(f"- [{shown}](plots/{name}.gif)" for name, shown in names.items())
        parts.append(f"## Reconstructions by epoch\n\n{links}")
    method = "\n".join(f"- {line}" for line in report_text.METHOD)
    parts.append(f"## How it was measured\n\n{method}")
    for title, fields in report_text.FACTS.items():
        values = report_text.facts_of(records, fields)
        facts = [(name, plain(value)) for name, value in values]
        parts.append(f"### {title}\n\n{markdown.table(('', ''), facts, (False, False))}")
    again = report_text.command(output, records)
    parts.append(f"## Run it again\n\n{report_text.AGAIN}\n\n```\n{again}\n```")
    return "\n\n".join(parts) + "\n"
