"""The leaderboard as a table: its columns, its notes, and all of it as CSV."""

import csv
import dataclasses
import io
import json
import math
import statistics
from collections.abc import Callable
from typing import Any

from bench.leaderboard import quality_gate, time_to_quality
from bench.leaderboard import rows as leaderboard_rows
from bench.leaderboard.rows import METRICS, TIMINGS, Row, half_width
from bench.stats import intervals

LIKELIHOODS = ("elbo", "nll")  # whose means also have an error of the codes that are drawn
UNKNOWN = "-"
_HUGE = 1e6  # from here on numbers are written with an exponent


@dataclasses.dataclass(frozen=True)
class Column:
    """One column: its cell as text for people and as a value for sorting and CSV."""

    key: str
    title: str  # broken into lines, for narrow tables
    text: Callable[[Row], str]
    value: Callable[[Row], Any]
    numeric: bool = True


def columns(rows: list[Row]) -> list[Column]:
    """Returns the columns of the table that suit the rows.

    A dataset column appears for several datasets, an MAE column when it decides the rank.
    """
    all_columns = [
        Column("rank", "#", lambda row: _text(row.rank), lambda row: row.rank),
        Column("model", "model", _model_text, lambda row: row.record.model.name, numeric=False),
        Column(
            "preset", "preset", lambda row: _text(row.record.model.preset), _field("preset"), False
        ),
    ]
    if len({row.table for row in rows}) > 1:
        all_columns.append(
            Column("dataset", "dataset", lambda r: r.table, lambda r: r.table, False)
        )
    all_columns += [
        Column("params_total", "parameters", _counted("params_total"), _field("params_total")),
        Column("forward_macs", "forward\nMACs", _macs_text, _field("forward_macs")),
        _training_speed(rows),
        *_end_to_end(rows),
        _timing(rows, "infer_images_per_second", "inference\nimages/s", "/s"),
        _timing(rows, "latency_ms", "latency\nms at\nbatch 1"),
        Column("peak_memory_mib", "peak\nmemory\nMiB", _counted("peak_memory_mib"), _peak_memory),
    ]
    shown = {name for row in rows for name in row.quality}
    if any(row.record.data.task != "segmentation" for row in rows):
        shown |= {"mse", "psnr", "ssim"}
    if all(row.record.data.task == "anomaly" for row in rows):
        shown -= {"psnr", "ssim"}
    shown -= set(leaderboard_rows.DETAILS) - {row.ranked_by for row in rows}
    all_columns += [_quality(metric, rows) for metric in METRICS if metric in shown]
    all_columns += _time_to_target(rows)
    seeds = Column(
        "seeds",
        over(rows).replace(" ", "\n"),
        lambda row: str(row.num_seeds),
        lambda r: r.num_seeds,
    )
    return [*all_columns, seeds]


def footnotes(rows: list[Row]) -> list[str]:
    """Returns the sentences that the marks and numbers of these rows need."""
    ok = [row for row in rows if not row.failed]
    if not ok:
        return []
    ranked_by = ", ".join(dict.fromkeys(METRICS[row.ranked_by] for row in ok))
    notes = [
        f"{_quality_note(ok)} Ranked by {ranked_by}; rows whose 95 % interval "
        "overlaps that of the first of them share a rank.",
        f"± is half the 95 % confidence interval of the mean over {over(ok)}.",
        "Speeds and latency are medians; MACs are multiply-adds of one forward pass of one image.",
        *_speed_notes(ok),
    ]
    if any(row.middle("end_to_end_images_per_second") is not None for row in ok):
        notes.append("Training with data reads, shuffles and batches the images by tf.data.")
    if any(row.num_folds for row in ok):
        notes.append(
            "Each image is tested in one fold; a fold's value is the mean over its seeds. Folds "
            "share images that they train on, so the interval is somewhat narrow."
        )
    notes += own_notes(ok)
    if any(row.num_seeds == 1 and not (row.baseline or row.is_as_it_is) for row in ok):
        notes.append("† One seed only: no interval, so a small difference may be chance.")
    if any(row.unsteady for row in ok):
        notes.append("~ The machine was busy or the timing did not settle: take it as rough.")
    unranked = list(dict.fromkeys(row.name for row in ok if row.ranked_by not in row.quality))
    if unranked:
        notes.append(f"- No number came out for {', '.join(unranked)}: no rank.")
    for index, reason in quality_gate.withheld(rows).items():
        notes.append(f"‡ Speed of {rows[index].name} {reason}.")
    if sentence := time_to_quality.note([record for row in ok for record in row.records]):
        notes.append(sentence)
    if any(row.record.model.uncounted_layers for row in ok):
        notes.append("≥ Some layers could not be counted, so there are more MACs than this.")
    if any(row.baseline for row in ok):
        notes.append("* Baseline: a closed form, without seeds, that a model has to beat.")
    return notes


def own_notes(rows: list[Row]) -> list[str]:
    """Returns what has to be known of models of your own: what their numbers are of."""
    ok = [row for row in rows if not row.failed]
    saved = list(dict.fromkeys(row.name for row in ok if row.is_as_it_is))
    found = list(dict.fromkeys(r.name for r in ok if r.record.model.origin == "detector"))
    notes = []
    if saved:
        notes.append(f"Measured as saved, without any update: {', '.join(saved)}.")
    if found:
        notes.append(f"A detector's training is one fit to all images: {', '.join(found)}.")
    return notes


def over(rows: list[Row]) -> str:
    """Returns what the intervals of rows are over: `seeds`, `folds`, or both."""
    return " or ".join(dict.fromkeys(row.varies_over for row in rows if not row.failed)) or "seeds"


def _speed_notes(ok: list[Row]) -> list[str]:
    """Returns what the training speed is of, where there is one."""
    field, _ = leaderboard_rows.training_speed(ok)
    if all(row.middle(field) is None for row in ok):
        return []
    if field == leaderboard_rows.FIT_SPEED:
        return ["Training speed is that of whole epochs of fit after the first."]
    return ["Training speed is that of the bare step; measure that of fit again with --fresh."]


def _quality_note(ok: list[Row]) -> str:
    if any("auroc" in row.quality for row in ok):
        return (
            "AUROC, of the model's own score, is the chance that an anomaly scores above a normal "
            "image; below 0.5, anomalies look more normal. Flagged is what scores above the 0.95 "
            "quantile of held-out normals. A floor is what flagging everything gets. MSE is that "
            "of normal images."
        )
    if any("iou_image" in row.quality for row in ok):
        return (
            "IoU by image is computed on each test image and averaged, and is 1 where mask and "
            "prediction are both empty; that of all pixels counts the test set as one image."
        )
    return (
        "Quality is computed on each test image and then averaged, each image with equal weight "
        "(PSNR in dB for a peak of 1)."
    )


def failures(rows: list[Row]) -> list[tuple[str, str, str]]:
    """Returns (model, seeds, error) of every failed row."""
    return [
        (row.name, ", ".join(map(str, row.seeds)) or UNKNOWN, row.record.error or "no error given")
        for row in rows
        if row.failed
    ]


def plain_lines(rows: list[Row]) -> list[dict[str, Any]]:
    """Returns every row, failures too, with plain numbers and the ends of intervals, by name."""
    lines = []
    withheld = quality_gate.withheld(rows)
    for index, row in enumerate(rows):
        line = {"rank": row.rank, "ranked_by": row.ranked_by, "detail": row.detail}
        line |= {
            field: row[field]
            for field in ("kind", "model", "preset", *leaderboard_rows.TABLE_FIELDS)
        }
        line |= {field: row[field] for field in ("epochs", "batch_size", "precision")}
        line |= {field: row[field] for field in ("params_total", "forward_macs", "latent_size")}
        is_shown = index not in withheld
        line |= {field: row.middle(field) if is_shown else None for field in TIMINGS}
        line["speed_withheld"] = withheld.get(index)
        line["peak_memory_mib"] = _peak_memory(row)
        for field in time_to_quality.FIELDS:
            reached = time_to_quality.summary(row.records, field)
            line[field] = None if reached is None else reached.median
        for metric in METRICS:
            interval = row.quality.get(metric)
            line[f"test_{metric}"] = interval.mean if interval else None
            known = interval is not None and half_width(interval) is not None
            line[f"test_{metric}_low"] = interval.low if known else None
            line[f"test_{metric}_high"] = interval.high if known else None
        for metric in LIKELIHOODS:
            line[f"test_{metric}_monte_carlo_error"] = row.monte_carlo_error(metric)
        line |= {"num_seeds": row.num_seeds, "seeds": " ".join(map(str, row.seeds))}
        line |= {
            "unsteady_timing": row.unsteady,
            "status": row.record.status,
            "error": row.record.error,
        }
        lines.append(line | {"config": json.dumps(row.record.model.config)})
    return lines


def to_csv(rows: list[Row]) -> str:
    """Returns `plain_lines` as CSV."""
    lines = plain_lines(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(lines[0]) if lines else ["rank"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def short_number(value: float | None) -> str:
    """Writes a number with three digits and a letter for thousands: `12.3 k`, `4.56 M`."""
    if value is None:
        return UNKNOWN
    for factor, letter in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k"), (1, "")):
        if abs(value) >= factor * 0.9995 or factor == 1:
            scaled = value / factor
            whole = len(str(int(abs(scaled) + 0.0005)))
            decimals = max(0, 3 - whole) if letter or scaled != int(scaled) else 0
            return f"{scaled:.{decimals}f}{letter}"
    return UNKNOWN


def _text(value: Any) -> str:
    return UNKNOWN if value is None else str(value)


def _field(field: str) -> Callable[[Row], Any]:
    return lambda row: row[field]


def _counted(field: str) -> Callable[[Row], str]:
    def text(row: Row) -> str:
        value = _peak_memory(row) if field == "peak_memory_mib" else row[field]
        return UNKNOWN if value is None else f"{value:,.0f}"

    return text


def _peak_memory(row: Row) -> float | None:
    values = [r.memory.peak_mib for r in row.records if r.memory.peak_mib is not None]
    return max(values, default=None)


def _model_text(row: Row) -> str:
    model = row.record.model.name
    name = f"{model} ({row.detail})" if row.detail else model
    return f"{name} *" if row.baseline else name


def _macs_text(row: Row) -> str:
    model = row.record.model
    text = short_number(model.forward_macs)
    return f"≥ {text}" if model.uncounted_layers and model.forward_macs is not None else text


def _timing(rows: list[Row], field: str, title: str, unit: str = "") -> Column:
    withheld = {id(rows[index]) for index in quality_gate.withheld(rows)}

    def value(row: Row) -> float | None:
        return None if id(row) in withheld else row.middle(field)

    def text(row: Row) -> str:
        if id(row) in withheld:
            return "‡"
        if value(row) is None:
            return UNKNOWN
        return f"{'~' if row.unsteady else ''}{short_number(value(row))}{unit}"

    return Column(field, title, text, value)


def _training_speed(rows: list[Row]) -> Column:
    field, name = leaderboard_rows.training_speed(rows)
    return _timing(rows, field, f"{name}\nimages/s".replace(" ", "\n"), "/s")


def _end_to_end(rows: list[Row]) -> list[Column]:
    """Returns the column of training from a data pipeline, where it was measured."""
    field = "end_to_end_images_per_second"
    if all(row.middle(field) is None for row in rows):
        return []
    return [_timing(rows, field, "training\nwith data\nimages/s", "/s")]


def _time_to_target(rows: list[Row]) -> list[Column]:
    """Returns the columns of images and seconds until a target, where there was one."""
    summaries = {
        field: {id(row): time_to_quality.summary(row.records, field) for row in rows}
        for field in time_to_quality.FIELDS
    }
    if not any(summaries["images_to_target"].values()):
        return []

    def column(field: str) -> Column:
        def value(row: Row) -> float | None:
            reached = summaries[field][id(row)]
            is_known = reached is not None and math.isfinite(reached.median)
            return reached.median if is_known else None

        def text(row: Row) -> str:
            return time_to_quality.text(summaries[field][id(row)], short_number)

        return Column(field, field.replace("_", "\n"), text, value)

    return [column(field) for field in time_to_quality.FIELDS]


def _quality(metric: str, rows: list[Row]) -> Column:
    """A column of means, all with the decimals that its intervals call for."""
    decimals = _decimals([row for row in rows if metric in row.quality], metric)
    least = 10**-decimals

    def text(row: Row) -> str:
        interval = row.quality.get(metric)
        if interval is None:
            return UNKNOWN
        half = half_width(interval)
        is_tiny, is_huge = 0 < interval.mean < 0.5 * least, abs(interval.mean) >= _HUGE
        mean = f"{interval.mean:.{decimals}f}"
        if is_tiny:
            mean = f"<{least:.{decimals}f}"
        elif is_huge:
            mean = f"{interval.mean:.2e}"
        if half is None:
            return mean if row.baseline or row.is_as_it_is else f"{mean} †"
        if is_tiny and half < 0.5 * least:
            return mean
        if 0 < half < 0.5 * least:
            return f"{mean} ± <{least:.{decimals}f}"
        return f"{mean} ± {half:.1e}" if is_huge else f"{mean} ± {half:.{decimals}f}"

    def value(row: Row) -> float | None:
        return row.quality[metric].mean if metric in row.quality else None

    return Column(metric, METRICS[metric].replace(" ", "\n"), text, value)


def _decimals(rows: list[Row], metric: str) -> int:
    """Two digits of the middle interval of the models; without intervals three of their middle."""
    known = [row.quality[metric] for row in rows if not row.baseline]
    known = known or [row.quality[metric] for row in rows]
    halves = [half for half in map(half_width, known) if half]
    sizes = [abs(interval.mean) for interval in known if interval.mean]
    if halves:
        return intervals.decimals(statistics.median(halves))
    return intervals.decimals(statistics.median(sizes) / 10) if sizes else 3
