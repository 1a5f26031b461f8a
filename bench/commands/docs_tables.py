"""The table of the models and those of an experiment, in Markdown, from records."""

import re
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.leaderboard import grouping
from bench.leaderboard import rows as leaderboard_rows
from bench.records import config as run_config
from bench.records import rerun
from bench.records.options import FLAG, GROUPS, NEVER
from bench.records.schema import Record
from bench.report import anomaly_tables, diagnosis
from bench.report import markdown as markdown_tables
from bench.report import text as report_text
from zoo.registry import pretrained

# Metric, how it is called, its decimals: the first that a model's records have is its result.
RESULTS = (
    ("recall_lowest", "lowest group recall", 3),
    ("iou_image", "IoU by image", 3),
    ("auroc", "AUROC", 3),
    ("mse", "MSE", 4),
)
FURTHER = (("accuracy", "accuracy", 3), ("flip_rate", "flip rate", 3))
# Columns of a results table that are no quality: record field, heading.
SIZES = {
    "parameters": ("params_total", "parameters"),
    "train_speed": ("fit_images_per_second", "training images/s"),
    "step_speed": ("train_images_per_second", "training step images/s"),
    "infer_speed": ("infer_images_per_second", "inference images/s"),
}
# Columns of the table of models, and those of them that hold numbers.
COLUMNS = (
    *("model", "what it does", "paper", "preset", "parameters"),
    *("measured on the test images", "{training} images/s", "data"),
)
NUMBERS = ("parameters", "{training} images/s")


def markdown(records: list[Record], entries: list[Any]) -> str:
    """Returns a table with a row per registered model, the baselines, and the commands.

    Args:
        records: Records; a model may have them on several data sets.
        entries: `zoo.registry.entries.Entry` of each model.

    A model without a finished record is listed as not measured yet.
    """
    rows = [row for row in leaderboard_rows.rows(records) if not row.failed]
    field, training = leaderboard_rows.training_speed(rows)
    tables = {group[0].table_key(): group for group in grouping.by_shown_table(rows)}
    marks = {key: chr(ord("a") + number) for number, key in enumerate(tables)}
    lines = []
    for entry in entries:
        own = [row for row in rows if not row.baseline and row.record.model.name == entry.name]
        about = [f"`{entry.name}`", entry.summary.rstrip("."), f"[paper]({entry.paper})"]
        if not own:
            lines.append([*about, "", "", "not measured yet", "", ""])
        for row in own:
            given = (row.record.model.arguments or {}).items()
            preset = " ".join(
                [f"`{row.record.model.preset}`", *(f"{name}={value}" for name, value in given)]
            )
            lines.append([*about, preset, *_numbers(row, field), marks[row.table_key()]])
    for row in rows:
        if row.baseline:
            model = row.record.model
            name = f"{model.name}-{model.latent_size}" if model.latent_size else model.name
            about = [name, "Baseline in closed form", "", ""]
            lines.append([*about, *_numbers(row, field), marks[row.table_key()]])
    titles = [title.format(training=training) for title in COLUMNS]
    shown = markdown_tables.table(titles, lines, [title in NUMBERS for title in COLUMNS])
    return "\n".join([shown, "", *_commands(tables, marks)])


def results(records: list[Record], metrics: list[str], output: Path) -> str:
    """Returns a table of all rows of a record file, and the command that made the records.

    Args:
        records: Records.
        metrics: Keys of `leaderboard.METRICS` and of `SIZES`, a column each; `["by_class"]`: the
            tables of anomalies by normal class and by score; `["diagnosis"]`: what was found
            wrong with each training.
        output: Folder that the command names.

    Raises:
        BenchError: for an unknown metric.
    """
    if metrics == ["by_class"]:
        shown = [*anomaly_tables.per_class(records), *anomaly_tables.by_score(records)]
        parts = map(markdown_tables.titled, shown)
        command = rerun.command(output, records)
        return "\n\n".join([*parts, f"```bash\n{command}\n```\n"])
    rows = [row for row in leaderboard_rows.rows(records) if not row.failed]
    if metrics == ["diagnosis"]:
        command = rerun.command(output, records)
        return f"{diagnosis.markdown(rows)}\n\n```bash\n{command}\n```\n"
    known = (*leaderboard_rows.METRICS, *SIZES)
    unknown = [metric for metric in metrics if metric not in known]
    if unknown:
        raise BenchError(f"unknown metric {unknown[0]!r}. Metrics: {', '.join(known)}.")
    titles = [
        SIZES[metric][1] if metric in SIZES else leaderboard_rows.METRICS[metric]
        for metric in metrics
    ]
    lines = [
        [row.name, str(row.num_seeds), *(_cell(row, metric) for metric in metrics)] for row in rows
    ]
    is_number = [False, True, *[True] * len(metrics)]
    shown = markdown_tables.table(["model", "seeds", *titles], lines, is_number)
    return f"{shown}\n\n```bash\n{rerun.command(output, records)}\n```\n"


def options(group: str) -> str:
    """Returns a table of the options of `bench run` that belong to a group.

    Raises:
        BenchError: if there is no such group.
    """
    if group not in GROUPS:
        raise BenchError(f"unknown group of options {group!r}. Groups: {', '.join(GROUPS)}.")
    lines = []
    for option in run_config.all_options():
        if option.group == group:
            value = ", ".join(f"`{choice}`" for choice in option.choices) or option.expected
            if option.kind is FLAG:
                value = "no value" + ("" if option.list_in_file == NEVER else "; in a file `true`")
            several = ", or several" if option.several else ""
            default = option.default_text or "none"
            cells = [f"`{option.flag}`", option.help, f"{value}{several}", default]
            lines.append([re.sub(r"([|*])", r"\\\1", cell) for cell in cells])
    head = ("option", "what it is", "value", "default")
    return markdown_tables.table(head, lines, [False] * len(head))


def _cell(row: leaderboard_rows.Row, metric: str) -> str:
    if metric in SIZES:
        value = row.middle(SIZES[metric][0])
        unsteady = row.unsteady and metric != "parameters"
        return "" if value is None else f"{'~' * unsteady}{value:,.0f}"
    if metric not in row.quality:
        return ""
    return with_half_width(row.quality[metric], ".4f" if metric == "mse" else ".3f")


def _numbers(row: leaderboard_rows.Row, speed_field: str) -> list[str]:
    speeds = (record[speed_field] for record in row.records)
    speed = next(filter(None, speeds), None)
    shown = [result for result in RESULTS if result[0] in row.quality][:1]
    shown += [result for result in FURTHER if result[0] in row.quality]
    measured = [
        f"{name} {with_half_width(row.quality[metric], f'.{decimals}f')}"
        for metric, name, decimals in shown
    ]
    measured += filter(None, [row.below_budget])
    return [
        f"{row.record.model.params_total:,}",
        ", ".join(measured),
        "" if speed is None else f"{'~' * row.unsteady}{speed:,.0f}",
    ]


def with_half_width(interval, form: str) -> str:
    """Writes a mean with half its interval, as in `0.012 ± 0.003`."""
    half = leaderboard_rows.half_width(interval)
    return format(interval.mean, form) + ("" if half is None else f" ± {half:{form}}")


def _commands(tables: dict[Any, list[leaderboard_rows.Row]], marks: dict[Any, str]) -> list[str]:
    """Returns a paragraph per table: what its data are, and the command that made its records."""
    lines = []
    for key, rows in tables.items():
        own = [record for row in rows for record in row.records]
        first = next((record for record in own if record.kind == "model"), own[0])
        data, config = first.data, first.config
        shape = " x ".join(map(str, data.image_shape))
        epochs = report_text.epochs(config)
        numbers = sorted({record.data.num_train for record in own if record.kind == first.kind})
        between = " to ".join(f"{number:,}" for number in dict.fromkeys((numbers[0], numbers[-1])))
        folder = f"runs/{data.name}{'_one_class' if rows[0].normal_classes else ''}"
        lines += [
            f"Data {marks[key]}: {_named(rows[0])}, {data.num_test:,} test images of {shape}; "
            f"{epochs}{',' if ',' in epochs else ''} of batch {config.batch_size} on "
            f"{between} training images for each model.",
            "",
            "```bash",
            rerun.command(Path(folder), own),
            "```",
            "",
        ]
    return lines[:-1]


def _named(row: leaderboard_rows.Row) -> str:
    """Returns the name of the data as code, and what else a table says of them."""
    name, _, more = row.table.partition(", ")
    return f"`{name}`" + (f", {more}" if more else "")


def weights(shelf: pretrained.Shelf) -> str:
    """Returns the table of the weights that come with the package, from their index."""
    if not shelf:
        return pretrained.EMPTY
    lines = [
        "| name | parameters | MB | test MSE, interval over images | over seeds | epochs |",
        "| --- | --: | --: | --- | --- | --: |",
    ]
    for each in shelf.values():
        found, training = each.metrics.get("mse", {}), each.facts["training"]
        own = f"{found['value']:.5f}" if found else ""
        own += f" ({found['low']:.5f} to {found['high']:.5f})" if "low" in found else ""
        half = (found["mean_high"] - found["mean"]) if "mean" in found else None
        mean = "" if half is None else f"{found['mean']:.5f} ± {half:.5f} of {found['num_seeds']}"
        epochs = training["best_epoch"] or training["num_epochs"]
        lines.append(
            f"| `{each.name}` | {each.facts['num_parameters']:,} | {each.num_bytes / 1e6:.2f} | "
            f"{own} | {mean} | {epochs} |"
        )
    total = sum(each.num_bytes for each in shelf.values()) / 1e6
    return "\n".join([*lines, "", f"{len(shelf)} files, {total:.1f} MB."])
