"""What the harness records of a training's diagnosis."""

import json

import keras
import numpy as np
import pytest

import zoo
from bench.data import tasks
from bench.data.dataset import Dataset, Split
from bench.evaluation import diagnostics

LABELS = np.arange(40) % 10


def dataset(digits, targets=None, task="reconstruction"):
    parts = [
        Split(digits[rows], LABELS, None if targets is None else targets[rows])
        for rows in (slice(0, 40), slice(40, 80), slice(80, 120))
    ]
    return Dataset("some", task, *parts)


def train(name, data, learning_rate=3e-3, batch_size=20):
    task = zoo.get(name).model_class.task
    model = zoo.create(name, (8, 8, 1), preset="tiny", **tasks.arguments(task, data))
    model.compile(keras.optimizers.Adam(learning_rate), run_eagerly=True)
    check = diagnostics.callback(task, data, batch_size=batch_size)
    fit = {"batch_size": batch_size, "epochs": 1, "verbose": 0}
    model.fit(*tasks.pairs(task, data.train), callbacks=[check], **fit)
    return model, check


@pytest.mark.parametrize("name", ["autoencoder", "conditional_vae", "semi_supervised_vae"])
def test_watches_models_of_every_kind_of_data(digits, name):
    _, check = train(name, dataset(digits))
    found = diagnostics.from_check(check)
    assert set(found) == {"findings", "layer_changes"}
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert "encoder/conv1" in found["layer_changes"]
    assert min(found["layer_changes"].values()) > 0
    assert {f["code"] for f in found["findings"]} >= {"no_validation"}


def test_watches_models_of_masks(digits):
    masks = (digits > 0.5).astype("uint8")
    data = dataset(digits, masks, task="segmentation")
    _, check = train("unet", data)
    np.testing.assert_array_equal(check.recording.target[..., 0], masks[_rows(20)][..., 0])


def test_findings_are_flat(digits):
    _, check = train("autoencoder", dataset(digits), learning_rate=0.0)
    finding = next(f for f in diagnostics.from_check(check)["findings"] if f["code"] == "loss_flat")
    assert set(finding) == {"code", "severity", "layer", "number", "text", "remedy"}
    assert (finding["severity"], finding["layer"], finding["number"]) == ("error", None, 0.0)


def test_takes_no_more_images_than_a_batch(digits):
    data = dataset(digits)
    assert len(diagnostics.callback("reconstruction", data, batch_size=8)._x) == 8
    assert len(diagnostics.callback("reconstruction", data, batch_size=512)._x) == 40


def test_numbers_that_are_not_finite_are_unknown(digits):
    _, check = train("top_k_sparse", dataset(digits), learning_rate=1e30)
    found = diagnostics.from_check(check)
    assert found["findings"][0]["code"] == "loss_not_finite"
    assert None in found["layer_changes"].values()
    json.dumps(found, allow_nan=False)


def _rows(number):
    return np.linspace(0, 39, number).round().astype(int)
