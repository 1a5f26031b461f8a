"""Settings of a record that tell rows of the leaderboard apart: all but the seed and the class."""

from typing import Any

from bench.records import options
from bench.records.config import AUTO
from bench.records.schema import Record

# Known of a job only after it ran a while: one whose process was ended lacks them.
TOLD_BY_THE_JOB = ("latent_size", "task", "jit_compile", "device", "cpu_model")


def run_settings(record: Record) -> dict[str, Any]:
    """Returns in what the records of a row do not differ, beside the arguments of the model."""
    apart = [
        option.name for option in options.declared_by(record.config) if option.tells_rows_apart
    ]
    return {
        "kind": record.kind,
        "model": record.model.name,
        "preset": record.model.preset,
        "source_sha256": record.model.source_sha256,
        "latent_size": record.model.latent_size,
        "task": record.data.task,
        "dataset": record.data.name,
        "dataset_checksum": record.data.checksum,
        **{name: getattr(record.config, name) for name in apart},
        **({"num_folds": record.config.num_folds} if record.config.fold else {}),
        "optimizer": record.training.optimizer,
        "jit_compile": record.training.jit_compile,
        **({"used_precision": used_precision(record)} if _is_chosen(record) else {}),
        "device": record.machine.device,
        "cpu_model": record.machine.cpu_model,
    }


def used_precision(record: Record) -> str | None:
    """Returns the precision that a model was trained in: the one asked for, or the one chosen."""
    return record.training.precision if _is_chosen(record) else record.config.precision


def _is_chosen(record: Record) -> bool:
    return record.config.precision == AUTO and record.is_ok


def model_settings(record: Record) -> dict[str, Any]:
    """Returns the arguments of the model's constructor, but for the seed.

    Of a model that failed before it was there they are those that were asked for.
    """
    known = record.model.config or record.model.arguments or {}
    return {key: value for key, value in known.items() if key != "seed"}
