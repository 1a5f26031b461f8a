"""A model of your own tried on a few images, so that what is wrong is told before the work."""

import dataclasses

import numpy as np

from bench.data import tasks
from bench.evaluation import fit, own_models, own_source
from bench.evaluation.own_detectors import Detector
from bench.evaluation.own_source import OwnModelError
from bench.runs.job import Job
from zoo import checks
from zoo.training.model import ZooModel

_NUM_FITTED = {"detector": 256, "model": 4}  # images


def origin(job: Job, dataset) -> str:
    """Makes the model of a job, takes one step with it, and returns its origin.

    Returns:
        `"function"`, `"file"` or `"detector"`.

    Raises:
        OwnModelError: for what would end in an error later.
    """
    made = own_source.make(job, dataset)
    if isinstance(made, Detector):
        _fit_detector(made, dataset)
        return "detector"
    if job.source.is_trained:
        _take_a_step(job, made, dataset)
    return job.source.origin


def _fit_detector(detector: Detector, dataset) -> None:
    images = dataset.train.images[: _NUM_FITTED["detector"]]
    try:
        detector.fit(images)
    except Exception as error:
        raise OwnModelError(
            f"{detector.name}: fit failed on {len(images)} images as rows of "
            f"{detector.rows(images)[0].size} numbers ({checks.one_line(error, 300)}). Where it "
            "wants images, set takes_images = True."
        ) from error
    try:
        detector.scores_of(dataset.test.images[: _NUM_FITTED["detector"]])
    except ValueError as error:
        raise OwnModelError(str(error)) from error


def _take_a_step(job: Job, model, dataset) -> None:
    rows = np.arange(min(_NUM_FITTED["model"], dataset.num_train))
    few = dataclasses.replace(
        dataset,
        train=dataset.train.take(rows),
        validation=dataset.validation.take(np.arange(min(2, dataset.num_validation))),
    )
    task = tasks.own_task(dataset)
    if isinstance(model, ZooModel):
        task = model.task
    else:
        few = own_models.fitted_data(model, few)
        if job.config.patience is not None and not fit.is_validated(model):
            raise OwnModelError(
                f"{job.source.name}: --patience needs a validation loss, and a train_step of its "
                "own without a test_step gives none. Add one, or leave --patience out."
            )
    try:
        loss = model.fit(*tasks.pairs(task, few.train), batch_size=len(rows), verbose=0)
    except Exception as error:
        raise OwnModelError(
            f"{job.source.name}: one step of training failed ({checks.one_line(error, 300)})."
        ) from error
    if "loss" not in loss.history:
        raise OwnModelError(
            f"{job.source.name}: its train_step must return a dict with 'loss'. "
            f"Received: {', '.join(loss.history) or 'nothing'}."
        )
    if not np.isfinite(loss.history["loss"]).all():
        raise OwnModelError(
            f"{job.source.name}: its loss is {loss.history['loss'][0]} after one step of training. "
            "Look at its loss and at --learning-rate."
        )
