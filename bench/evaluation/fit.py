"""The training of a job: `fit` on the same budget for each model, and what watches it."""

import dataclasses
import math
import tempfile
import time
from pathlib import Path
from typing import Any

import keras

import zoo
from bench.data import cropped, tasks
from bench.evaluation import diagnostics, quality, snapshots
from bench.evaluation.build import build_compiled
from bench.evaluation.quality_curve import QualityCurve
from bench.introspection import summary
from bench.profiling import memory
from bench.records.config import AUTO, COSINE
from bench.runs.job import Job
from zoo import checks
from zoo.data import augmentation
from zoo.inputs.augmented_batches import AugmentedBatches
from zoo.tiles.crop_batches import CroppedBatches
from zoo.training.model import ZooModel


class DivergenceError(FloatingPointError):
    """The loss became NaN or infinite.

    Attributes:
        fields: What was found until then, for the record.
    """

    fields: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Trained:
    """A model that a job has trained.

    Attributes:
        model: The model.
        fields: What the training adds to the record.
        recorder: Holds the frames of the animation; None where none was asked for.
    """

    model: keras.Model
    fields: dict[str, Any]
    recorder: snapshots.FrameRecorder | None

    def pictures(self, job: Job, dataset, output: Path) -> dict[str, str]:
        """Writes the files of the pictures of this training, and returns their names."""
        if self.recorder is None:
            return {}
        return snapshots.write(job, self.model, dataset, self.recorder, output)


class _Reporter(keras.callbacks.Callback):
    """Sends the progress of each epoch and notes when the first step was done.

    Among the callbacks it stands after the diagnosis, which has to see an epoch at which this one
    stops the training, and before the one that records frames.
    """

    looks_at_batches = False  # the end of the first call is all that it wants

    def __init__(self, connection):
        super().__init__()
        self.connection = connection
        self.first_step_seconds = None
        self.started = None

    def on_epoch_begin(self, epoch, logs=None):
        if self.started is None:
            self.started = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        if self.first_step_seconds is None:
            self.first_step_seconds = time.perf_counter() - self.started

    def on_epoch_end(self, epoch, logs=None):
        self.connection.send(("epoch", epoch + 1, {k: float(v) for k, v in logs.items()}))
        if not math.isfinite(logs["loss"]):
            raise DivergenceError(f"the loss became {logs['loss']} in epoch {epoch + 1}")


class _OntoThemselves(AugmentedBatches):
    """Batches of changed images that are their own targets."""

    def batch(self, images, targets, labels) -> tuple:
        return images, images


def train(job: Job, dataset, connection, shown=None, model: keras.Model | None = None) -> Trained:
    """Builds the model of a job and trains it.

    The first seed of a model also keeps what the animation of its training needs.

    Args:
        model: One that is made and compiled already; None: the zoo's of that name.
        shown: What stands for data that are trained on crops, where arrays of one size are
            needed: in validation, diagnosis and pictures. None: the data themselves.

    Raises:
        DivergenceError: if the loss becomes NaN or infinite.
    """
    config, build_seconds = job.config, None
    shown = dataset if shown is None else shown
    precision = {}
    if model is None:
        connection.send(("stage", "building"))
        keras.utils.set_random_seed(job.seed)
        started = time.perf_counter()
        task = zoo.get(job.model).model_class.task
        model = _build(job, dataset, task)
        build_seconds = time.perf_counter() - started
        if config.precision == AUTO:
            connection.send(("stage", "choosing a precision"))
            pairs = tasks.pairs(task, shown.train, config.num_labels, job.seed)
            precision = _choose_precision(model, pairs, config.batch_size)
            keras.utils.set_random_seed(job.seed)
            model = _build(job, dataset, task, precision["used_precision"])
    is_of_zoo = isinstance(model, ZooModel)
    task = model.task if is_of_zoo else tasks.own_task(dataset)

    connection.send(("stage", "training"))
    check = None
    if "train_step" not in own_steps(model):  # else it has no loss that Keras knows
        check = diagnostics.callback(
            task,
            shown,
            batch_size=config.batch_size,
            num_labels=config.num_labels,
            seed=job.seed,
        )
    per_epoch = _images_per_epoch(job, dataset)
    quality_curve = QualityCurve(
        task, shown, config.evaluate_every, config.batch_size, images_per_epoch=per_epoch
    )
    recorder = snapshots.frame_recorder(task, shown) if job.seed == 0 else None
    stopping = early_stopping(config.patience)
    reporter = _Reporter(connection)
    in_batches = config.augment is not None or config.crop is not None
    validation = tasks.pairs(task, shown.validation) if is_validated(model) else None
    callbacks = [stopping, check, reporter, quality_curve, recorder]  # those see its weights
    started = time.perf_counter()
    try:
        with memory.PeakMemory() as peak:
            history = model.fit(
                *_training_data(job, dataset, task),
                epochs=config.epochs,
                validation_data=validation,
                validation_batch_size=max(config.batch_size, quality.TEST_BATCH_SIZE),
                callbacks=[each for each in callbacks if each is not None],
                verbose=0,
                **({} if in_batches else {"batch_size": config.batch_size}),
            )
    except DivergenceError as error:
        error.fields = {"diagnostics": check and diagnostics.from_check(check)}
        raise
    train_seconds = time.perf_counter() - started
    watching_seconds = quality_curve.paused_seconds
    watching_seconds += sum(each.seconds for each in (check, recorder) if each is not None)
    curves = {name: [float(f"{v:.6g}") for v in values] for name, values in history.history.items()}
    num_epochs = len(curves["loss"])
    best = num_epochs if stopping is None else stopping.best_epoch + 1
    fields = {
        "samples_seen": num_epochs * per_epoch,
        "num_updates": num_epochs * _updates_per_epoch(job, dataset),
        "best_epoch": None if stopping is None else best,
        **precision,
        "jit_compile": bool(getattr(model, "fitted_by_xla", model.jit_compile)),
        "steps_per_execution": model.steps_per_execution,
        "build_seconds": build_seconds,
        "first_step_seconds": reporter.first_step_seconds,
        "train_seconds": train_seconds - watching_seconds,
        "peak_memory_mib": peak.mib,
        "peak_rss_mib": peak.rss_mib,
        "memory_method": peak.method,
        "train_loss": curves["loss"][best - 1],
        "val_loss": curves["val_loss"][best - 1] if "val_loss" in curves else None,
        "history": curves,
        "diagnostics": check and diagnostics.from_check(check),
        "structure": summary.layer_rows(model, dataset.image_shape),
        "loss_terms": summary.loss_terms(model) if is_of_zoo else None,
        "optimizer_settings": summary.optimizer_settings(model),
        **quality_curve.record(),
    }
    return Trained(model, fields, recorder)


def early_stopping(patience: int | None) -> keras.callbacks.EarlyStopping | None:
    """Returns the callback that ends a training and puts the best epoch's weights back.

    The best is that of the least validation loss. None for trainings of a fixed length.
    """
    if patience is None:
        return None
    return keras.callbacks.EarlyStopping(
        monitor="val_loss", mode="min", patience=patience, restore_best_weights=True
    )


def own_steps(model: keras.Model) -> set[str]:
    """Returns which of the steps of Keras a model outside of the zoo overrides."""
    if isinstance(model, ZooModel):
        return set()
    names = ("train_step", "test_step")
    return {name for name in names if getattr(type(model), name) is not getattr(keras.Model, name)}


def is_validated(model: keras.Model) -> bool:
    """Tells whether Keras can compute a validation loss of the model."""
    steps = own_steps(model)
    return "train_step" not in steps or "test_step" in steps


def optimizer(job: Job, dataset) -> keras.optimizers.Optimizer:
    """Returns the optimizer of a job: Adam, at a fixed learning rate or at one that falls.

    With `decay` of `"cosine"`, update `t` of `T`, counted from 0, has the rate

        r_t = r (1 + cos(pi t / T)) / 2

    `T` is the number of updates in all epochs; a training that is stopped early does not reach 0.
    From Loshchilov & Hutter, "SGDR", 2017, equation 5, for one period.
    """
    config = job.config
    rate = config.learning_rate
    if config.decay == COSINE:
        num_updates = config.epochs * _updates_per_epoch(job, dataset)
        rate = keras.optimizers.schedules.CosineDecay(rate, num_updates)
    return keras.optimizers.Adam(rate)


def _images_per_epoch(job: Job, dataset) -> int:
    return dataset.num_train * (job.config.crops_per_image or 1)


def _updates_per_epoch(job: Job, dataset) -> int:
    return math.ceil(_images_per_epoch(job, dataset) / job.config.batch_size)


def _build(job: Job, dataset, task: str, precision: str | None = None) -> keras.Model:
    config = job.config
    precision = precision or ("float32" if config.precision == AUTO else config.precision)
    return build_compiled(
        job.model,
        dataset.image_shape,
        optimizer(job, dataset),
        preset=job.preset,
        arguments=tasks.arguments(task, dataset) | dict(job.arguments),
        seed=job.seed,
        precision=precision,
        jit_compile=config.jit_compile,
        steps_per_execution=config.steps_per_execution,
    )


def refused_arguments(job: Job, dataset) -> str | None:
    """Builds the model of a job, and returns why its arguments are refused; None: they are not.

    A model that cannot be built without them either, as for images whose size does not fit, is
    left to its job.
    """
    task = zoo.get(job.model).model_class.task
    try:
        _build(job, dataset, task)
    except Exception as error:
        try:
            _build(dataclasses.replace(job, arguments=()), dataset, task)
        except Exception:
            return None
        return checks.one_line(error, 300, with_kind=not isinstance(error, TypeError | ValueError))
    return None


def _choose_precision(model, pairs: tuple, batch_size: int) -> dict[str, str]:
    """Returns the precision that `zoo.autotune` keeps for a model, and why.

    It is measured afresh for each job, and nothing is taken from files of earlier ones.
    """
    batch_size = min(batch_size, len(keras.tree.flatten(pairs)[0]))
    precisions = ("float32", "mixed_bfloat16")
    with tempfile.TemporaryDirectory(prefix="bench-autotune-") as folder:
        tuned = zoo.autotune(
            model, *pairs, batch_size=batch_size, precisions=precisions, folder=folder
        )
    return {"used_precision": tuned.chosen.precision, "precision_reason": tuned.of_precisions}


def _training_data(job: Job, dataset, task: str) -> tuple:
    """Returns the arguments of `fit`: arrays, or batches that are cut or augmented afresh."""
    config = job.config
    changes = None if config.augment is None else augmentation.parse(config.augment)
    if config.crop is not None:
        batches = CroppedBatches(
            cropped.random_crops(dataset, dataset.train, config.foreground_crops),
            per_image=config.crops_per_image,
            batch_size=config.batch_size,
            augmentation=changes,
            seed=job.seed,
        )
        return (batches,)
    pairs = tasks.pairs(task, dataset.train, config.num_labels, job.seed)
    if changes is None:
        return pairs
    if job.source is not None and len(pairs) > 1 and pairs[1] is pairs[0]:
        pairs, kind = pairs[:1], _OntoThemselves
    else:
        kind = AugmentedBatches
    return (
        kind(
            *pairs,
            augmentation=changes,
            batch_size=config.batch_size,
            seed=job.seed,
        ),
    )
