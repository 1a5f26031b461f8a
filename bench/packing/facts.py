"""What is said of packed weights: data, licence, budget, metrics and limits, from the records."""

from typing import Any

from bench.errors import BenchError
from bench.packing.choosing import Choice
from bench.records.schema import Record
from bench.stats import intervals

# What people may do with a model that was trained on these data; also of `<name>_small`.
_MIT = "MIT, © 2017 Zalando SE (Fashion-MNIST), as are these weights"
LICENCES = {
    "fashion_mnist": _MIT,
    "fashion_mnist_small": _MIT,
    "digits": "CC BY 4.0, E. Alpaydin and C. Kaynak (UCI, optical recognition of digits)",
}
METRICS = ("mse", "ssim", "psnr", "accuracy")  # the first is shown in lists
_FLOORS = ("mean_image", "pca", "identity")


def of(choice: Choice, licence: str | None = None) -> dict[str, Any]:
    """Returns the facts of `zoo.registry.pretrained.Weights`, plain data.

    Args:
        licence: Of the data; None: that of `LICENCES`.

    Raises:
        BenchError: if the licence of the data is not known, or nothing was measured.
    """
    record = choice.record
    licence = licence or LICENCES.get(record.data.name or "")
    if licence is None:
        raise BenchError(
            f"the licence of {record.data.name} is not known. Give it: --licence TEXT."
        )
    return {
        "model": record.model.name,
        "preset": record.model.preset,
        "arguments": record.model.arguments or {},
        "num_parameters": record.model.params_total,
        "latent_size": record.model.latent_size,
        "data": _data(record),
        "licence": licence,
        "training": _training(choice),
        "metrics": metrics(choice),
        "floors": _floors(choice),
        "limits": _limits(choice),
    }


def metrics(choice: Choice) -> dict[str, dict[str, Any]]:
    """Returns the test metrics of the chosen training and, where there are several, over seeds."""
    quality = choice.record.quality
    found: dict[str, dict[str, Any]] = {}
    for name in METRICS:
        if name not in quality.metrics:
            continue
        value = quality.metrics[name]
        found[name] = {"value": value}
        bounds = (quality.intervals or {}).get(name)
        if name == "accuracy":
            bounds = share_interval(value, choice.record.data.num_test)
        if bounds is not None:
            found[name] |= {"low": bounds[0], "high": bounds[1]}
        over_seeds = choice.row.quality.get(name)
        if over_seeds is not None and over_seeds.low is not None:
            found[name] |= {
                "mean": over_seeds.mean,
                "mean_low": over_seeds.low,
                "mean_high": over_seeds.high,
                "num_seeds": over_seeds.num,
            }
    if not found:
        raise BenchError(
            f"{choice.name}: none of {', '.join(METRICS)} was measured. Weights of masks or of "
            "anomalies are not packed."
        )
    return found


def share_interval(share: float, num: int) -> tuple[float, float] | None:
    """Returns the Student-t interval over images of a share of them; None for fewer than two."""
    num_right = round(share * num)
    bounds = intervals.mean_interval([1.0] * num_right + [0.0] * (num - num_right))
    return None if bounds.low is None else (bounds.low, bounds.high)


def _data(record: Record) -> dict[str, Any]:
    data, config = record.data, record.config
    loading = {name: value for name, value in config.loading.items() if value is not None}
    return {
        "name": data.name,
        "argument": config.dataset,
        "loading": {name: value for name, value in loading.items() if value is not False},
        "checksum": data.checksum,
        "task": data.task,
        "image_shape": data.image_shape,
        "num_train": data.num_train,
        "num_validation": data.num_validation,
        "num_test": data.num_test,
    }


def _training(choice: Choice) -> dict[str, Any]:
    record = choice.record
    config, training = record.config, record.training
    num = len(choice.row.seeds)
    several = f"seed {record.seed} of {num}, by the least" if num > 1 else "the only seed,"
    epoch = f", at epoch {training.best_epoch}" if training.best_epoch else ""
    return {
        "job_id": record.job_id,
        "time_utc": record.time_utc,
        "epochs": config.epochs,
        "num_epochs": len(training.curve("val_loss")),
        "best_epoch": training.best_epoch,
        "patience": config.patience,
        "batch_size": config.batch_size,
        "optimizer": record.training.optimizer,
        "learning_rate": config.learning_rate,
        "decay": config.decay,
        "precision": config.precision,
        "num_labels": config.num_labels,
        "seed": record.seed,
        "val_loss": training.val_loss,
        "chosen": f"{several} validation loss, {training.val_loss:.5g}{epoch}",
        "keras_version": record.machine.keras_version,
    }


def _floors(choice: Choice) -> dict[str, float]:
    """Returns the test MSE of what needs no network, on the same data: PCA of the same size."""
    record, found = choice.record, {}
    for other in choice.others:
        is_floor = other.kind == "baseline" and other.model.name in _FLOORS and other.is_ok
        if not is_floor or other.data.checksum != record.data.checksum:
            continue
        size = other.model.latent_size
        if "mse" in other.quality.metrics and size in (None, record.model.latent_size):
            title = other.model.name if size is None else f"{other.model.name}-{size}"
            found[title] = other.quality.metrics["mse"]
    return found


def _limits(choice: Choice) -> list[str]:
    record = choice.record
    shape = " x ".join(map(str, record.data.image_shape or ()))
    said = [
        f"knows images of {shape} like those of {record.data.name}; others are resized, and "
        "rebuilt as if they were such images, or badly",
        "trained on images of one source, without changes such as shifts or turns",
    ]
    if len(choice.row.seeds) == 1:
        said.append("one training: how much another seed differs is not known")
    if record.config.num_labels:
        said.append(f"its classes were learnt from {record.config.num_labels:,} labels")
    if record.config.noise:
        said.append(f"repairs noise of {record.config.noise}, and was tried on no other")
    if choice.row.below_budget:
        said.append(f"trained for {choice.row.below_budget} that its defaults ask for")
    return said
