"""`evaluate` on arrays: many batches per call, and what Keras returns."""

import functools

import keras
import numpy as np
import pytest

import zoo
from zoo.training import device_data

MODELS = {
    "autoencoder": {},
    "vae": {},
    "denoising": {},
    "conditional_vae": {"num_classes": 10},
    "semi_supervised_vae": {"num_classes": 10},
    "debiasing_vae": {},
}


@pytest.fixture(autouse=True)
def many(monkeypatch):
    """Has calls of up to 4 batches."""
    monkeypatch.setattr(device_data, "MOST_STEPS", 4)


@pytest.fixture
def never_by_keras(monkeypatch):
    """Has Keras's own way fail, so that no test asks it about itself by mistake."""

    @functools.wraps(keras.Model.evaluate)
    def fail(*args, **kwargs):
        pytest.fail("Keras was called")

    monkeypatch.setattr(keras.Model, "evaluate", fail)


def make(name="autoencoder", **settings):
    arguments = {"widths": (), "hidden_units": (8,), "latent_dim": 3}
    model = zoo.create(name, (8, 8, 1), seed=0, **arguments, **MODELS[name])
    model.compile("adam", **settings)
    return model


def data_of(name, images):
    labels = np.arange(len(images)) % 10
    return {
        "conditional_vae": ({"image": images, "label": labels},),
        "semi_supervised_vae": (images, labels - 1),
        "debiasing_vae": (images, labels % 2),
    }.get(name, (images,))


@pytest.mark.parametrize("batch_size", [16, 33, 100, 256])
@pytest.mark.parametrize("name", MODELS)
def test_losses_are_those_of_keras(name, batch_size, digits):
    model, data = make(name), data_of(name, digits[:100])
    how = {"batch_size": batch_size, "verbose": 0, "return_dict": True}
    found, expected = model.evaluate(*data, **how), keras.Model.evaluate(model, *data, **how)
    assert list(found) == list(expected)
    for key, value in expected.items():
        assert isinstance(found[key], float)
        assert found[key] == pytest.approx(value, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("settings", [{}, {"metrics": ["mae"]}, {"weighted_metrics": ["mse"]}])
def test_values_have_the_order_of_keras(settings, digits):
    model, weights = make("vae", **settings), np.linspace(0.5, 1.5, 100).astype("float32")
    for more in ({}, {"sample_weight": weights}):
        found = model.evaluate(digits[:100], verbose=0, **more)
        target = digits[:100] if more else None
        expected = keras.Model.evaluate(model, digits[:100], target, verbose=0, **more)
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    model = make()
    model.compile("adam")
    assert np.shape(model.evaluate(digits[:100], verbose=0)) == (2,)  # loss and its only term


def test_masks():
    rng = np.random.default_rng(0)
    images = rng.random((20, 16, 16, 1), "float32")
    masks = rng.integers(0, 3, (20, 16, 16))
    model = zoo.create("unet", (16, 16, 1), preset="tiny", num_classes=3, seed=0)
    model.compile("adam", metrics=[keras.metrics.MeanIoU(3)])
    weights = rng.random(20, "float32")
    for more in ({}, {"sample_weight": weights}):
        found = model.evaluate(images, masks, batch_size=6, verbose=0, return_dict=True, **more)
        expected = keras.Model.evaluate(
            model, images, masks, batch_size=6, verbose=0, return_dict=True, **more
        )
        assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.usefixtures("never_by_keras")
def test_validation_of_fit_and_arrays_of_any_kind_come_here(digits, tmp_path):
    model = make()
    history = model.fit(digits[:64], validation_data=digits[64:164], verbose=0).history
    after = model.evaluate(digits[64:164], verbose=0, return_dict=True)
    assert history["val_loss"] == [pytest.approx(after["loss"], rel=1e-5)]
    np.save(tmp_path / "a.npy", digits[64:164])
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    for given in (keras.ops.convert_to_tensor(digits[64:164]), digits[64:164].tolist(), mapped):
        found = model.evaluate(given, verbose=0, return_dict=True)
        assert found == pytest.approx(after, rel=1e-5)
    split = model.fit(digits[:100], validation_split=0.5, verbose=0).history
    assert split["val_loss"] == [pytest.approx(model.evaluate(digits[50:100], verbose=0)[0])]


@pytest.mark.usefixtures("never_by_keras")
def test_weights_and_metrics_may_change_between_calls(digits):
    model = make()
    before = model.evaluate(digits[:100], verbose=0)
    model.fit(digits[:100], epochs=2, verbose=0)
    after = model.evaluate(digits[:100], verbose=0)
    assert before[0] != after[0]
    model.compile("adam", metrics=["mae"])
    assert model.evaluate(digits[:100], verbose=0, return_dict=True)["mae"] == pytest.approx(
        np.abs(model.predict(digits[:100], verbose=0) - digits[:100]).mean(), rel=1e-4
    )


class OwnStep(type(make())):
    """Returns something else than its metrics."""

    def test_step(self, data):
        x = data[0] if isinstance(data, tuple) else data
        return {"brightest": keras.ops.max(x)}


def test_a_step_of_ones_own_is_called(digits):
    model = OwnStep((8, 8, 1), widths=(), hidden_units=(8,), latent_dim=3)
    model.compile("adam")
    how = {"batch_size": 16, "verbose": 0}
    found = model.evaluate(digits[:70], **how), model.evaluate(digits[:70], return_dict=True, **how)
    expected = keras.Model.evaluate(model, digits[:70], **how)
    assert found == (pytest.approx(expected), {"brightest": pytest.approx(digits[64:70].max())})


class Notes(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen = []

    def on_test_begin(self, logs=None):
        self.seen.append("begin")

    def on_test_end(self, logs=None):
        self.seen.append(logs["loss"])


class NotesOfBatches(Notes):
    def on_test_batch_end(self, batch, logs=None):
        self.seen.append(batch)


def test_callbacks_see_what_they_look_at(digits):
    model = make()
    notes, of_batches = Notes(), NotesOfBatches()
    loss = model.evaluate(digits[:100], batch_size=16, verbose=0, callbacks=[notes])[0]
    assert notes.seen == ["begin", pytest.approx(loss)]
    model.evaluate(digits[:100], batch_size=16, verbose=0, callbacks=[of_batches])
    assert of_batches.seen == ["begin", *range(7), pytest.approx(loss)]
    model.fit(digits[:32], validation_data=digits[:100], batch_size=16, verbose=0, callbacks=notes)
    assert len(notes.seen) == 4


def test_progress_is_shown(digits, capsys):
    model = make()
    model.evaluate(digits[:100], batch_size=16)
    assert "7/7" in capsys.readouterr().out
    model.evaluate(digits[:100], batch_size=16, verbose=0)
    assert not capsys.readouterr().out


def test_what_must_be_left_to_keras_is(digits):
    model = make()
    expected = model.evaluate(digits[:64], batch_size=16, verbose=0)
    assert model.evaluate(digits[:100], batch_size=16, steps=4, verbose=0) == pytest.approx(
        expected
    )
    model.compile("adam", run_eagerly=True)
    assert model.evaluate(digits[:64], batch_size=16, verbose=0) == pytest.approx(expected)
