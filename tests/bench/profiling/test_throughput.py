"""The timing fields of a record: what they hold, and what measuring leaves alone."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from bench.data.dataset import Split
from bench.profiling import macs as mac_counter
from bench.profiling import peak_rate, roofline, throughput, timing
from bench.records import schema, store
from bench.runs.job import RunConfig


@pytest.fixture(autouse=True, scope="module")
def short():
    """Few samples, and a rate that is known."""
    real = timing.measure

    def quick(step, **settings):
        few = {"min_seconds": 0.0, "warmup_limit_seconds": 0.2}
        few["min_samples"] = min(30, settings.get("min_samples", 30))
        return real(step, **settings | few)

    rate = peak_rate.Rate(50.0, "float32", 256, False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timing, "measure", quick)
        patch.setattr(peak_rate, "matmul_rate", lambda dtype, folder=None: rate)
        yield


@pytest.fixture(scope="module")
def dataset():
    images = np.random.default_rng(0).random((260, 8, 8, 1), "float32")
    labels = np.arange(260) % 10

    def split(rows):
        return Split(images[rows], labels=labels[rows])

    return types.SimpleNamespace(train=split(slice(0, 200)), test=split(slice(200, 260)))


def measured(dataset, name="autoencoder", settings=None, config=None, **compiled):
    task = zoo.get(name).model_class.task
    given = {"num_classes": 10} if task == "conditional" else {}
    model = zoo.create(name, (8, 8, 1), preset="tiny", **given)
    model.compile(keras.optimizers.Adam(0.01), **compiled)
    before = [variable.numpy() for variable in model.variables]
    found = throughput.measure_model(
        model, task, dataset, config or RunConfig("digits", batch_size=32), settings
    )
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    return model, found


@pytest.fixture(scope="module")
def of_autoencoder(dataset):
    """A model and its fields, with a sweep."""
    settings = throughput.Settings(infer_batch_size=16, batch_sizes=(8, 1, 8), sweep_training=True)
    return measured(dataset, settings=settings)


def test_the_fields_of_a_record(of_autoencoder):
    model, found = of_autoencoder
    assert set(found) <= set(schema.NAMES)
    for name, images in (("train", 32), ("infer", 16)):
        seconds = found[f"{name}_call_ms"] / 1e3
        assert found[f"{name}_images_per_second"] == pytest.approx(images / seconds)
        assert found[f"{name}_call_ms_low"] <= found[f"{name}_call_ms"]
        assert found[f"{name}_num_samples"] == 30
        assert found[f"{name}_call_ms_p90"] >= found[f"{name}_call_ms"]
        assert found[f"{name}_call_ms_p95"] is None  # 30 samples bound no more
        assert found[f"{name}_first_call_seconds"] > seconds
    assert found["latency_ms_low"] <= found["latency_ms"] <= found["latency_ms_high"]
    assert found["infer_batch_size"] == 16
    assert found["fit_images_per_epoch"] == 200  # all of them, the last batch is not full
    assert found["fit_num_epochs"] >= 6
    low, high = found["fit_images_per_second_low"], found["fit_images_per_second_high"]
    assert 0 < low <= found["fit_images_per_second"] <= high
    macs = mac_counter.count_macs(model)
    assert found["train_mfu"] == pytest.approx(
        3 * 2 * macs.total * found["train_images_per_second"] / 50e9
    )
    assert found["infer_mfu"] == roofline.inference_share(
        macs, found["infer_images_per_second"], 50.0
    )
    assert found["machine_gflops"] == 50.0
    assert found["mfu_unknown_reason"] is None


def test_records_keep_every_field(of_autoencoder, tmp_path):
    _, found = of_autoencoder
    case = {"job_id": "a", "status": "ok", "kind": "model", "model": "autoencoder"}
    store.append(tmp_path / "records.jsonl", schema.from_fields(case | found))
    (kept,), warnings = store.read(tmp_path)
    assert warnings == []
    assert {name: kept[name] for name in found} == found


def test_a_sweep_has_a_line_for_each_size(of_autoencoder):
    _, found = of_autoencoder
    for name in ("infer_sweep", "train_sweep"):
        assert [line["batch_size"] for line in found[name]] == [1, 8]
        for line in found[name]:
            assert 0 < line["low"] <= line["images_per_second"] <= line["high"]
            assert isinstance(line["stable"], bool)
            assert line["error"] is None


def test_a_size_that_fails_does_not_end_the_sweep():
    def measure(batch_size):
        if batch_size == 4:
            raise tf.errors.ResourceExhaustedError(None, None, "out of\nmemory")
        return timing.measure(lambda: None, images_per_call=batch_size, wait=lambda _: None)

    found = throughput.sweep(measure, (2, 4))
    assert found[0]["error"] is None
    assert found[1] == {
        "batch_size": 4,
        **dict.fromkeys(("images_per_second", "low", "high", "stable")),
        "error": "ResourceExhaustedError: out of memory",
    }


@pytest.mark.parametrize(
    ("name", "compiled", "augment"),
    [
        ("conditional_vae", {}, None),  # dicts of images and labels
        ("autoencoder", {"steps_per_execution": 2}, "flip"),
    ],
)
def test_other_inputs_and_settings(dataset, name, compiled, augment):
    config = RunConfig("digits", batch_size=32, augment=augment)
    _, found = measured(dataset, name, config=config, **compiled)
    assert found["fit_images_per_epoch"] == 200
    assert found["fit_images_per_second"] > 0


def test_few_images_and_uncounted_layers(dataset, monkeypatch):
    count = mac_counter.MacCount(10, 0, 0, 0, {}, ("Odd:a",))
    monkeypatch.setattr(mac_counter, "count_macs", lambda model: count)
    _, found = measured(dataset, config=RunConfig("digits", batch_size=256))
    assert found["fit_images_per_epoch"] == 200
    assert found["train_mfu"] is None
    assert found["infer_mfu"] is None
    assert found["mfu_unknown_reason"] == "uncounted layers: Odd:a"
    assert "infer_sweep" not in found  # not asked for
