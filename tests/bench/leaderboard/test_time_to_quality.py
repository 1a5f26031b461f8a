"""Looks at the validation split on a schedule, and the time to a target."""

import dataclasses
import math

import keras
import numpy as np
import pytest

import zoo
from bench.data import tasks
from bench.data.dataset import Dataset, Split
from bench.evaluation import quality_curve
from bench.evaluation.quality_curve import QualityCurve
from bench.execution import session
from bench.leaderboard import rows as leaderboard_rows
from bench.leaderboard import time_to_quality
from bench.records import schema, store
from bench.records.sections import Training
from bench.report import markdown

BATCH_SIZE = 8


def dataset_of(images, num_train=40, targets=None, labels=None, task="reconstruction"):
    def part(*rows):
        rows = slice(*rows)
        return Split(
            images[rows],
            None if labels is None else labels[rows],
            None if targets is None else targets[rows],
        )

    parts = part(num_train), part(num_train, num_train + 30), part(num_train + 30, num_train + 40)
    masks = ("nothing", "ink") if task == "segmentation" else ()
    return Dataset("digits", task, *parts, mask_names=masks)


def train(name, dataset, every, epochs=2, batch_size=BATCH_SIZE, steps=1, **arguments):
    keras.utils.set_random_seed(3)
    task = zoo.get(name).model_class.task
    arguments |= tasks.arguments(task, dataset)
    model = zoo.create(name, dataset.image_shape, preset="tiny", seed=3, **arguments)
    model.compile(keras.optimizers.Adam(3e-3), steps_per_execution=steps)
    looks = QualityCurve(task, dataset, every, batch_size)
    history = model.fit(
        *tasks.pairs(task, dataset.train),
        batch_size=batch_size,
        epochs=epochs,
        validation_data=tasks.pairs(task, dataset.validation),
        callbacks=[looks],
        verbose=0,
    )
    return model, looks, history.history


@pytest.mark.parametrize(
    ("every", "calls_end_at", "expected"),
    [
        (1, (8, 16, 24, 32, 40), [40, 80, 120]),
        (2, (8, 16, 24, 32, 40), [80]),
        (0.5, (8, 16, 24, 32, 40), [24, 40, 64, 80, 104, 120]),  # 20 is within the third batch
        (0.05, (8, 16, 24, 32, 40), [*range(8, 121, 8)]),  # 2 images: every batch is due
        (0.4, (16, 32, 40), [16, 32, 56, 72, 80, 96, 112]),  # two batches per call
        (None, (8, 16, 24, 32, 40), []),
    ],
)
def test_looks_come_on_the_schedule(every, calls_end_at, expected, digits, monkeypatch):
    """Due at each multiple of `every` x 40 images, at the first end of a call from there on."""
    monkeypatch.setattr(quality_curve, "measure", lambda *_: 0.5)
    looks = QualityCurve("reconstruction", dataset_of(digits), every, BATCH_SIZE)
    for epoch in range(3):
        looks.on_epoch_begin(epoch)
        for images in calls_end_at:
            looks.on_train_batch_end(images // BATCH_SIZE - 1)
    assert [point["images"] for point in looks.points] == expected
    assert set(looks.record()) == ({"quality_metric", "quality_curve"} if every else set())


def test_the_last_value_is_the_error_of_the_trained_model(digits):
    """With two batches of 8 per call: an epoch of 40 images ends in the middle of the third."""
    noisy = np.clip(digits + 0.2, 0, 1)
    dataset = dataset_of(noisy, targets=digits)
    model, looks, _ = train("autoencoder", dataset, 0.4, steps=2)
    assert [point["images"] for point in looks.points] == [16, 32, 56, 72, 80]
    seconds = [point["seconds"] for point in looks.points]
    assert seconds == sorted(seconds)
    assert looks.paused_seconds > 0
    prediction = model.predict(dataset.validation.images, verbose=0)
    expected = np.mean((prediction - dataset.validation.targets) ** 2)
    assert looks.points[-1]["value"] == pytest.approx(expected, rel=1e-5)


def test_masks_are_measured_by_the_iou_of_each_image(digits):
    dataset = dataset_of(digits, targets=(digits > 0.5).astype("float32"), task="segmentation")
    model, looks, _ = train("unet", dataset, 1, epochs=1, widths=(4, 8))
    assert looks.metric == "iou_image"
    predicted = model.predict(dataset.validation.images, verbose=0) > 0.5
    target = dataset.validation.targets > 0.5
    axes = (1, 2, 3)
    both, either = (predicted & target).sum(axes), (predicted | target).sum(axes)
    expected = np.mean(np.where(either == 0, 1.0, both / np.maximum(either, 1)))
    assert looks.points[0]["value"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", ["denoising", "vq_vae", "conditional_vae"])
def test_the_training_does_not_notice(name, digits):
    """Losses are the same to the last bit, also of models that draw noise while they train."""
    labels = np.arange(len(digits)) % 10
    dataset = dataset_of(digits, labels=labels)
    plain = train(name, dataset, None)[2]
    watched = train(name, dataset, 0.25)[2]
    assert watched == plain


def test_the_clock_stands_still_while_it_looks(digits, monkeypatch):
    """Time is counted by hand: a look takes 100 s, all else none but for the steps."""
    now = [0.0]
    monkeypatch.setattr(quality_curve.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(quality_curve.timing, "synchronize", lambda _: None)

    def measure(*_):
        now[0] += 100
        return 0.5

    monkeypatch.setattr(quality_curve, "measure", measure)
    looks = QualityCurve("reconstruction", dataset_of(digits), 0.5, 20)
    for epoch in range(2):
        looks.on_epoch_begin(epoch)
        for batch in range(2):
            now[0] += 1  # a step
            looks.on_train_batch_end(batch)
        now[0] += 10  # validation
    assert looks.points == [
        {"images": images, "seconds": seconds, "value": 0.5}
        for images, seconds in ((20, 1), (40, 2), (60, 3), (80, 4))
    ]
    assert looks.paused_seconds == 400


def curve(*values, metric="mse"):
    points = [
        {"images": 10 * i, "seconds": float(i), "value": value}
        for i, value in enumerate(values, start=1)
    ]
    return Training(quality_metric=metric, quality_curve=points)


@pytest.mark.parametrize(
    ("record", "target", "images"),
    [
        (curve(0.5, 0.2, 0.1), 0.2, 20),
        (curve(0.5, 0.2, 0.3), 0.25, 20),  # the first time counts
        (curve(0.5, 0.2), 0.1, None),
        (curve(None, 0.2), 0.3, 20),  # a look at a model that gave NaN
        (curve(0.5, 0.6, metric="iou_image"), 0.6, 20),
        (curve(0.5, 0.6, metric="iou_image"), 0.7, None),
    ],
)
def test_the_first_look_at_the_target_counts(record, target, images):
    found = time_to_quality.reached(record, target)
    assert found["target"] == target
    assert found["images_to_target"] == images
    assert found["seconds_to_target"] == (None if images is None else images / 10)


def test_without_target_or_curve_there_is_nothing():
    assert time_to_quality.reached(curve(0.1), None) == {}
    assert time_to_quality.reached(Training(), 0.1) == {}


@pytest.mark.parametrize(
    ("reached", "median", "text"),
    [
        ([100, 300, 200], 200, "200"),
        ([100, None, 200], 200, "200 (2 of 3)"),
        ([None, None, 200], math.inf, "never (1 of 3)"),
        ([None, None], math.inf, "never"),
    ],
)
def test_a_seed_that_never_gets_there_counts_as_infinite(reached, median, text):
    found = time_to_quality.summary(
        [schema.from_fields({"target": 0.1, "images_to_target": images}) for images in reached],
        "images_to_target",
    )
    assert found.median == median
    assert time_to_quality.text(found, lambda number: f"{number:.0f}") == text
    assert time_to_quality.text(None, str) == "-"


def test_run_records_the_curve_and_another_target_needs_no_training(tmp_path, tiny_request, quiet):
    request = tiny_request(tmp_path, epochs=3, seeds=1, evaluate_every=1, target=1.0)
    outcome = session.run(request, quiet)
    model = outcome.records[0]
    assert [point["images"] for point in model["quality_curve"]] == [60, 120, 180]
    assert (model["quality_metric"], model["target"]) == ("mse", 1.0)
    assert model["images_to_target"] == 60  # no error is above 1
    assert 0 < model["seconds_to_target"] == model["quality_curve"][0]["seconds"]
    assert model["seconds_to_target"] < model["train_seconds"]
    baselines = outcome.records[1:]
    assert baselines
    assert all(record["quality_curve"] is None for record in baselines)

    harder = session.run(dataclasses.replace(request, target=1e-9), quiet)
    assert harder.num_run == 0
    assert harder.records[0]["images_to_target"] is None
    assert harder.records[0]["target"] == 1e-9
    found, _ = store.read(tmp_path)
    rows = leaderboard_rows.rows(found)
    assert all(len(row.records) == 1 for row in rows)  # nothing is counted twice
    text = markdown.leaderboard(rows)
    assert "never" in text
    assert "validation MSE of at most 1e-09, evaluated every 1 epochs" in text


def test_tables_without_a_target_have_no_such_column(tmp_path, tiny_request, quiet):
    record = {"status": "ok", "job_id": "a", "seed": 0}
    record |= {"kind": "model", "model": "vae", "test_mse": 0.1, "dataset": "digits"}
    assert "target" not in markdown.leaderboard(leaderboard_rows.rows([schema.from_fields(record)]))
