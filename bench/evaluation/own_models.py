"""Keras models of your own as rows: trained on the same budget, measured as ours are.

Nothing is read of the model but what every `keras.Model` has: a method of yours that happens to
have a name of ours, such as `encode` or `score_map`, is not called.
"""

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np

from bench.data import tasks
from bench.data.dataset import PARTS, Dataset
from bench.evaluation import anomaly_scores, closed_forms, fit, quality, snapshots
from bench.profiling import macs as mac_counter
from bench.profiling import roofline, throughput
from bench.runs.job import Job
from zoo.persistence.saving import save


class _Reconstructing(closed_forms.Scoring):
    """A model as what rebuilds images, whose pixels are scored by their squared error."""

    def __init__(self, model: keras.Model):
        self.model = model

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        return _predict(self.model, images)


def with_targets(dataset: Dataset) -> Dataset:
    """Returns the data with the images as their own targets, where they have no others."""
    parts = {}
    for name in PARTS:
        split = getattr(dataset, name)
        if split.targets is None or dataset.task == "anomaly":  # there they are masks of defects
            parts[name] = dataclasses.replace(split, targets=split.images)
    return dataclasses.replace(dataset, **parts)


def fitted_data(model: keras.Model, dataset: Dataset) -> Dataset:
    """Returns the data as `fit` of this model takes them.

    A model of Keras's own step needs targets; one with a step of its own gets images alone where
    the data have no targets.
    """
    if "train_step" in fit.own_steps(model) and dataset.task in ("reconstruction", "anomaly"):
        return dataset
    return with_targets(dataset)


def measure(
    job: Job, model: keras.Model, dataset: Dataset, output: Path, connection
) -> dict[str, Any]:
    """Trains a model where it is to be, measures its quality on the test split, then its cost."""
    task, data = tasks.own_task(dataset), fitted_data(model, dataset)
    fields: dict[str, Any] = {"num_updates": 0, "samples_seen": 0}
    trained = None
    if job.source.is_trained:
        trained = fit.train(job, data, connection, model=model)
        fields = trained.fields | trained_settings(model)
    connection.send(("stage", "testing"))
    fields |= _quality(job, model, dataset, output)
    if job.keeps_model and trained is not None:
        fields["model_file"] = str(Path("models") / f"{job.id}.keras")
        save(model, output / fields["model_file"])
    macs = mac_counter.count_macs(model, dataset.image_shape)
    fields |= {
        "model_config": dict(job.arguments),
        "params_total": _num_values(model.weights),
        "params_trainable": _num_values(model.trainable_weights),
        **roofline.cost_fields(model, macs),
    }
    if job.timing:
        connection.send(("stage", "timing"))
        settings = throughput.Settings(
            folder=output, batch_sizes=job.sweep_batch_sizes, with_training=trained is not None
        )
        fields |= throughput.measure_model(
            *(model, task, data, job.config, settings),
            macs=macs,
            compiled_by_xla=fields.get("jit_compile"),
        )
    if trained is not None and trained.recorder is not None:
        connection.send(("stage", "drawing"))
        frames = snapshots.frames_of(task, dataset, trained.recorder)
        fields["frames_file"] = quality.save_arrays(job, output, "frames", frames)
    return fields


def trained_settings(model: keras.Model) -> dict[str, Any]:
    """Returns the settings that a model was trained with, where it has its own."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    rate = optimizer.get_config().get("learning_rate")
    return {
        "optimizer": type(optimizer).__name__.lower(),
        "learning_rate": float(f"{rate:.6g}") if isinstance(rate, int | float) else None,
        "precision": model.dtype_policy.name,
    }


def _quality(job: Job, model: keras.Model, dataset: Dataset, output: Path) -> dict[str, Any]:
    def predict(split) -> np.ndarray:
        return _predict(model, split.images)

    if dataset.task == "anomaly":
        scorer = anomaly_scores.BaselineScorer(_Reconstructing(model), dataset.train.images)
        return quality.compute_anomaly(job, dataset, scorer, output)
    if dataset.task == "segmentation":
        return quality.compute_segmentation(job, dataset, predict, output)
    return quality.compute_reconstruction(job, dataset, predict, output)


def _predict(model: keras.Model, images: np.ndarray) -> np.ndarray:
    return np.asarray(model.predict(images, batch_size=quality.TEST_BATCH_SIZE, verbose=0))


def _num_values(weights) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)
