"""What a report says in any of its formats: titles, settings, how it was measured, the command."""

import json
from collections.abc import Iterable
from typing import Any

from bench.leaderboard.rows import Row
from bench.records import environment
from bench.records.config import RunConfig
from bench.records.rerun import command as command
from bench.records.schema import Record

PICTURES = {
    "quality_against_parameters": (
        "Quality against size",
        "Along the blue line no smaller model is better. Bars: 95 % interval. Orange: baselines.",
    ),
    "quality_against_speed": (
        "Quality against speed",
        "Along the blue line no faster model is better. Bars: 95 % interval. Orange: baselines.",
    ),
    "reconstructions": (
        "Reconstructions",
        "The first test images, and what each model makes of them, best first; below these the "
        "floors, closed forms without training.",
    ),
    "wrong_labels": (
        "Label swap",
        "25 test images, and what a conditional model makes of them when it is told another class. "
        "Orange: a classifier that has never seen a generated image does not read that class.",
    ),
    "anomaly_scores": (
        "Anomaly scores",
        "How the scores of normal test images and of anomalies spread. The line is the threshold "
        "from held-out normals.",
    ),
    "anomaly_curves": (
        "Finding anomalies",
        "What each threshold finds: the rate of anomalies against that of false alarms, and "
        "precision against recall.",
    ),
    "uncertainty": (
        "Predicted uncertainty",
        "Left: the error of the pixels that are left when those of the largest predicted deviation "
        "(blue), or of the largest error (orange), are left out first; the closer, the better the "
        "order. Right: above the dotted line more pixels lie below a quantile than predicted.",
    ),
    "anomaly_robustness": (
        "Fewer normals, or anomalies among them",
        "AUROC against what was trained on. Bars: 95 % interval over seeds, which draw the images, "
        "too. Orange, dashed: baselines.",
    ),
    "codes": (
        "Codes",
        "Codes of test images on their two main axes, one point per image.",
    ),
    "loss_curves": (
        "Learning",
        "Loss by epoch. Thin lines are seeds, thick ones their mean. The losses of two models "
        "are often two quantities: compare their shapes, not their heights.",
    ),
}

# Record fields, by what they tell of.
DATA = (
    *("dataset", "task", "noise", "image_shape", "num_train", "num_validation", "num_test"),
    "dataset_checksum",
)
TRAINING = (
    *("optimizer", "learning_rate", "decay", "epochs", "patience", "best_epoch", "batch_size"),
    *("num_updates", "samples_seen"),
    *("augment", "crop", "crops_per_image", "foreground_crops"),
    *(
        "num_labels",
        "precision",
        "used_precision",
        "precision_reason",
        "jit_compile",
        "steps_per_execution",
        "params_trainable",
    ),
    *("train_loss", "val_loss", "build_seconds", "first_step_seconds", "train_seconds"),
)
SPEED = (
    *("fit_images_per_epoch", "fit_num_epochs", "train_images_per_second"),
    *("train_call_ms", "train_call_ms_iqr", "train_call_ms_p90", "train_call_ms_p95"),
    *("train_num_samples", "train_first_call_seconds", "infer_batch_size", "infer_call_ms"),
    *("infer_call_ms_iqr", "infer_call_ms_p90", "infer_call_ms_p95", "infer_num_samples"),
    *("infer_first_call_seconds", "latency_ms", "latency_ms_p90", "latency_ms_p95"),
    *("arithmetic_intensity", "machine_gflops", "train_mfu", "infer_mfu", "mfu_unknown_reason"),
    *("peak_memory_mib", "peak_rss_mib"),
)
# Heading to the record fields below it.
FACTS = {
    "Settings": (
        *(*DATA, "seed", "epochs", "batch_size", "optimizer", "learning_rate"),
        *("precision", "jit_compile", "steps_per_execution", "infer_batch_size"),
    ),
    "Environment": environment.FIELDS,
}

_MOST_TITLES = 3  # tables that a title names

METHOD = (
    "Every job ran in a process of its own. The test images were used once, after training.",
    "Quality is computed on each test image and averaged with equal weight: MSE and MAE on values "
    "in [0, 1], PSNR in dB for a peak of 1, SSIM where the data are images; IoU of masks by image "
    "(1 where mask and prediction are both empty), and of all pixels of the test set together.",
    "Speeds are medians after warming up; training speed is that of whole epochs of fit after the "
    "first, without validation, that of a training step beside it that of the update alone; "
    "inference speed that of one forward pass at the stated batch size, and latency is one image. "
    "They are measured with the first seed only, unless --timing-rounds asked for more.",
    "Memory is the peak of training above what was in use before it: on a GPU what TensorFlow "
    "allocated there, else the resident memory of the process.",
    "MACs are multiply-adds of one forward pass of one image.",
)

AGAIN = (
    "With another output folder, else the finished jobs are kept. The checksum tells whether the "
    "data are the same."
)


def title_of(rows: list[Row]) -> str:
    names = list(dict.fromkeys(row.table for row in rows))
    more = [f"{len(names) - _MOST_TITLES} more tables"] if len(names) > _MOST_TITLES else []
    return f"Leaderboard: {'; '.join([*names[:_MOST_TITLES], *more])}"


def summary(records: list[Record], rows: list[Row]) -> str:
    models = len({row.name for row in rows if not row.baseline})
    failed = sum(not record.is_ok for record in records)
    days = sorted({(record.time_utc or "")[:10] for record in records} - {""})
    parts = [_plural(models, "model"), _plural(len(records), "run"), f"{failed} failed"]
    when = f" Measured {' to '.join(dict.fromkeys((days[0], days[-1])))}." if days else ""
    return f"{', '.join(parts)}.{when}"


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def facts_of(records: Iterable[dict[str, Any]], fields: Iterable[str]) -> list[tuple[str, str]]:
    """Each field with the values that occur, fields unknown to all records left out."""
    facts = []
    for field in fields:
        values = [record[field] for record in records if record[field] is not None]
        if values:
            texts = dict.fromkeys(value_text(value) for value in values)
            shown = ", ".join(list(texts)[:8]) + (", …" if len(texts) > 8 else "")
            facts.append((field, shown))
    return facts


def value_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    return value if isinstance(value, str) else json.dumps(value)


def epochs(config: RunConfig) -> str:
    """Returns how many epochs a training has, and what ends it before."""
    if config.patience is None:
        return f"{config.epochs} epoch{'s' * (config.epochs != 1)}"
    return (
        f"at most {config.epochs} epochs, ended after {config.patience} without a better "
        "validation loss"
    )
