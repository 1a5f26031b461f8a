"""Runs one job in a process of its own and gives its record.

The process is forked from a server that has imported everything, so that a job starts at once
and still shares no state with the others.
"""

import contextlib
import logging
import os
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import zoo
from bench.data import anomaly, cache, cropped, folds
from bench.evaluation import (
    anomaly_scores,
    closed_forms,
    fit,
    neighbours,
    own_detectors,
    own_models,
    own_source,
    own_trial,
    quality,
    whole_images,
)
from bench.metrics import feature_classifier, generative, representation, trivial_masks
from bench.profiling import macs as mac_counter
from bench.profiling import memory, roofline, surroundings, throughput
from bench.records import schema, sections
from bench.runs.job import Job
from zoo import checks
from zoo.persistence.saving import save
from zoo.training.model import ZooModel


def run(job: Job, output: Path, run_id: str, connection) -> None:
    """Runs a job and sends messages: `("stage", text)`, `("epoch", n, logs)`, `("record", Record)`.

    A failure is a record too, with the error's last line.
    """
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # warns of each new shape of a batch
    if job.source is not None:
        _print_to_standard_error()
    fields = job.first_fields(run_id)
    try:
        baseline_mib = memory.resident_mib()
        fields |= surroundings.describe()
        connection.send(("stage", "loading"))
        dataset = load(job, output)
        fields |= describe(dataset)
        measure = run_model if job.kind == "model" else run_baseline
        measure = measure if job.source is None else run_own
        fields |= measure(job, dataset, output, connection)
        if fields.get("peak_rss_mib") is not None:
            fields["peak_rss_mib"] -= baseline_mib
        fields["status"] = "ok"
    except BrokenPipeError:  # the parent is gone, and with it who would keep a record
        return
    except Exception as error:  # a failed job is a row, whatever went wrong
        fields |= getattr(error, "fields", {})
        fields["error"] = checks.one_line(error)
        with contextlib.suppress(BrokenPipeError):
            connection.send(("trace", traceback.format_exc()))
    with contextlib.suppress(BrokenPipeError):
        connection.send(("record", schema.from_fields(fields, type(job.config))))
    connection.close()


def load(job: Job, output: Path):
    """Takes the data of a job as the run keeps them, or loads them: those that it began with."""
    config = job.config
    store = cache.DatasetCache(output)
    dataset = store.get_or_load(job.dataset_checksum, config.dataset, **config.loading)
    if dataset.checksum != job.dataset_checksum:
        raise ValueError(f"the data of {config.dataset!r} changed while the run was going on")
    if config.normal_class is not None:
        dataset = anomaly.one_class(
            dataset,
            config.normal_class,
            contamination=config.contamination,
            num_normals=config.num_normals,
            seed=job.seed,
        )
    if config.fold is not None:
        dataset = folds.of_fold(dataset, config.fold)
    return dataset


def describe(dataset) -> dict[str, Any]:
    fields = {
        "dataset": dataset.name,
        "task": dataset.task,
        "image_shape": list(dataset.image_shape),
        "num_train": dataset.num_train,
        "num_validation": dataset.num_validation,
        "num_test": dataset.num_test,
    }
    if dataset.description is not None:
        fields |= sections.read_fields(dataset.description.to_json())
    return fields | (anomaly.describe(dataset) if dataset.task == "anomaly" else {})


def run_baseline(job: Job, dataset, output: Path, connection) -> dict[str, Any]:
    """Fits a closed-form baseline on the training split and measures it."""
    connection.send(("stage", "fitting"))
    if job.model in trivial_masks.BASELINES:
        baseline = trivial_masks.BASELINES[job.model]()
        about = (dataset.train.targets, dataset.num_mask_classes, dataset.ignore_label)
        if dataset.crop is None:
            baseline.fit(quality.as_masks(*about))
        else:
            baseline.mask = baseline.choose(whole_images.class_shares(*about))
        fields = quality.compute_segmentation(
            job,
            dataset,
            lambda split: (
                baseline.predict(len(split))
                if dataset.crop is None
                else whole_images.constant(baseline.mask, split)
            ),
            output,
        )
    elif job.model in neighbours.NAMES:
        baseline = neighbours.create(job.model)
        baseline.fit(dataset.train.images)
        connection.send(("stage", "testing"))
        fields = quality.compute_anomaly(job, dataset, baseline, output)
    else:
        baseline = closed_forms.create(job.model, job.latent_size)
        baseline.fit(dataset.train.images, dataset.train.targets)
        connection.send(("stage", "testing"))
        if dataset.task == "anomaly":
            scorer = anomaly_scores.BaselineScorer(baseline, dataset.train.images)
            fields = quality.compute_anomaly(job, dataset, scorer, output)
        else:
            fields = quality.compute_reconstruction(
                job, dataset, lambda split: baseline.reconstruct(split.images), output
            )
    return {
        **fields,
        "params_total": baseline.num_parameters,
        "forward_macs": baseline.forward_macs,
    }


def run_own(job: Job, dataset, output: Path, connection) -> dict[str, Any]:
    """Makes a model or a detector of your own and measures it as ours are."""
    connection.send(("stage", "building"))
    made = own_source.make(job, dataset)
    if isinstance(made, own_detectors.Detector):
        return own_detectors.measure(job, made, dataset, output, connection)
    if isinstance(made, ZooModel):
        fields = run_model(job, dataset, output, connection, made)
        fields["model_config"] |= dict(job.arguments)
        return fields | (own_models.trained_settings(made) if job.is_trained else {})
    return own_models.measure(job, made, dataset, output, connection)


def check_own(job: Job, output: Path, connection) -> None:
    """Tries a model of your own on a few images, before the jobs, and sends what came of it.

    `("ok", origin)`, with `"function"`, `"file"` or `"detector"`, or `("failed", text)`.
    """
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    _print_to_standard_error()
    try:
        connection.send(("ok", own_trial.origin(job, load(job, output))))
    except own_source.OwnModelError as error:
        connection.send(("failed", str(error)))
    except Exception as error:
        connection.send(("failed", f"{job.source.name}: {checks.one_line(error)}"))
    connection.close()


def check_arguments(jobs: Sequence[Job], output: Path, connection) -> None:
    """Builds the models of jobs on the same data; see `bench.execution.argument_rows`."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    dataset = load(jobs[0], output)
    for job in jobs:
        connection.send(("next", ""))
        problem = fit.refused_arguments(job, dataset)
        if problem is not None:
            connection.send(("refused", problem))
            break
    else:
        connection.send(("done", ""))
    connection.close()


def _print_to_standard_error() -> None:
    """Sends what a module of yours prints to where messages go: the result may be JSON."""
    os.dup2(2, 1)


def run_model(job: Job, dataset, output: Path, connection, model=None) -> dict[str, Any]:
    """Trains a model, measures its quality on the test split, then its cost.

    Args:
        model: Of the zoo, made already; one that is measured as it is, is not trained.
    """
    shown = dataset if dataset.crop is None else cropped.drawn_once(dataset)
    if job.is_trained:
        trained = fit.train(job, dataset, connection, shown, model)
    else:
        trained = fit.Trained(model, {"num_updates": 0, "samples_seen": 0}, None)
    model = trained.model
    connection.send(("stage", "testing"))
    fields = trained.fields | quality.compute(job, model, dataset, output)
    if job.keeps_model and job.is_trained:  # before its speed is measured, which trains it further
        fields["model_file"] = str(Path("models") / f"{job.id}.keras")
        save(model, output / fields["model_file"])
    fields |= measure_more(job, model, dataset, output)
    macs = mac_counter.count_macs(model)
    fields |= {
        "model_config": plain_config(model),
        "latent_size": int(np.prod(model.code_shape)) if hasattr(model, "code_shape") else None,
        "paper": None if job.source is not None else zoo.get(job.model).paper,
        "params_total": num_values(model.weights),
        "params_trainable": num_values(model.trainable_weights),
        **roofline.cost_fields(model, macs),
    }
    if job.timing:
        connection.send(("stage", "timing"))
        settings = throughput.Settings(
            folder=output, batch_sizes=job.sweep_batch_sizes, with_training=job.is_trained
        )
        fields |= throughput.measure_model(
            *(model, model.task, shown, job.config, settings),
            macs=macs,
            compiled_by_xla=trained.fields.get("jit_compile"),
        )
    connection.send(("stage", "drawing"))
    return fields | trained.pictures(job, shown, output)


def measure_more(job: Job, model, dataset, output: Path) -> dict[str, Any]:
    """Measures what `--measure` asks for, where it means something for these data."""
    metrics: dict[str, Any] = {}
    if dataset.task in ("segmentation", "anomaly"):
        return metrics
    if "generative" in job.config.measures:
        needs_classifier = generative.needs_classifier(model, dataset)
        classifier = (
            feature_classifier.load_or_train(dataset, output / "classifiers")
            if needs_classifier
            else None
        )
        metrics |= generative.summary(model, dataset, classifier, job.seed)
    if "representation" in job.config.measures:
        metrics |= representation.summary(model, dataset, job.seed)
    return metrics


def plain_config(model) -> dict[str, Any]:
    """Returns the constructor's arguments, less what is not the model's own."""
    config = model.get_config()
    return {key: config[key] for key in model.argument_names() if key != "image_shape"}


def num_values(weights) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)
