"""`predict` on arrays: many batches per call, and what Keras returns."""

import keras
import numpy as np
import pytest

import zoo
from zoo.training import device_data, predict


def make(name, **arguments):
    return zoo.create(name, (8, 8, 1), widths=(), hidden_units=(8,), latent_dim=3, **arguments)


@pytest.fixture(scope="module")
def vae():
    return make("vae")


@pytest.fixture(scope="module")
def autoencoder():
    return make("autoencoder")


@pytest.fixture
def many(monkeypatch):
    """Has calls of up to 4 batches."""
    monkeypatch.setattr(device_data, "MOST_STEPS", 4)
    return 4


def _ordinary(model, x, batch_size):
    """Returns what Keras does, batch by batch."""
    return keras.Model.predict(model, x, batch_size=batch_size, verbose=0)


@pytest.mark.parametrize("num_rows", [31, 32, 33, 64, 100, 128, 130])
def test_predictions_are_those_of_keras(num_rows, digits, vae, many):
    images = digits[:num_rows]
    found = vae.predict(images, batch_size=32, verbose=0)
    assert found.shape == images.shape
    np.testing.assert_allclose(found, _ordinary(vae, images, 32), rtol=1e-5, atol=1e-6)


def test_inputs_with_labels(digits, many):
    model = make("conditional_vae", num_classes=10)
    x = {"image": digits[:70], "label": np.arange(70) % 10}
    found = model.predict(x, batch_size=16, verbose=0)
    np.testing.assert_allclose(found, _ordinary(model, x, 16), rtol=1e-5, atol=1e-6)


def test_other_dtypes_are_taken_as_keras_takes_them(digits, autoencoder, many):
    as_they_are = autoencoder.predict(digits[:64], batch_size=16, verbose=0)
    doubles = autoencoder.predict(digits[:64].astype("float64"), batch_size=16, verbose=0)
    assert doubles.dtype == np.float32
    np.testing.assert_array_equal(doubles, as_they_are)


def test_weights_may_change_between_calls(digits, many):
    model = make("autoencoder")
    before = model.predict(digits[:64], batch_size=16, verbose=0)
    model.compile(keras.optimizers.Adam(1e-2))
    model.fit(digits[:256], epochs=2, verbose=0)
    after = model.predict(digits[:64], batch_size=16, verbose=0)
    assert np.abs(before - after).max() > 1e-3
    np.testing.assert_allclose(after, _ordinary(model, digits[:64], 16), rtol=1e-5, atol=1e-6)


def test_progress_is_shown(digits, autoencoder, many, capsys):
    autoencoder.predict(digits[:70], batch_size=16)
    assert "5/5" in capsys.readouterr().out
    autoencoder.predict(digits[:70], batch_size=16, verbose=0)
    assert not capsys.readouterr().out


def test_groups_cover_each_row_once():
    for num_rows in (1, 5, 16, 17, 100):
        groups = list(predict._groups(num_rows, 5, 3))
        rows = [row for start, count, size in groups for row in range(start, start + count * size)]
        assert rows == list(range(num_rows))
        assert all(count <= 3 and size <= 5 for _, count, size in groups)


def test_keras_does_what_asks_for_batches(digits, autoencoder):
    seen = []
    callback = keras.callbacks.LambdaCallback(
        on_predict_batch_end=lambda batch, logs: seen.append(batch)
    )
    autoencoder.predict(digits[:64], batch_size=16, callbacks=[callback], verbose=0)
    assert seen == [0, 1, 2, 3]
    assert autoencoder.predict(digits[:64], batch_size=16, steps=2, verbose=0).shape[0] == 32
