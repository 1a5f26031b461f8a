"""`predict` on arrays: many batches per call, and what Keras returns."""

import keras
import numpy as np
import pytest
import tensorflow as tf

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


def test_any_numbers_of_rows_are_traced_once(digits, many):
    model, traced = make("autoencoder"), []
    step = model.predict_step
    model.predict_step = lambda data: traced.append(data[0].shape) or step(data)
    for num_rows in (70, 64, 3, 1):  # with and without a rest
        model.predict(digits[:num_rows], batch_size=16, verbose=0)
    assert [tuple(shape) for shape in traced] == [(None, 8, 8, 1)]


def test_progress_is_shown(digits, autoencoder, many, capsys):
    autoencoder.predict(digits[:70], batch_size=16)
    assert "5/5" in capsys.readouterr().out
    autoencoder.predict(digits[:70], batch_size=16, verbose=0)
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "preset", "side", "bytes_of_layer", "macs"),
    [
        ("autoencoder", "tf_tutorial_dense", 28, 4 * 784, 100_352),
        ("vae", "keras_io", 28, 4 * 28 * 28 * 32, 6_660_928),
        ("upae", "upae_paper", 64, 4 * 32 * 32 * 16, 15_532_032),
    ],
)
def test_small_batches_are_put_together(name, preset, side, bytes_of_layer, macs):
    """As many as 16 MiB of images, 64 MiB of a layer and 4e9 multiply-adds are, or nearly."""
    model = zoo.create(name, (side, side, 1), preset=preset)
    images = np.zeros((2, side, side, 1), "float32")
    most = min(2**24 / (4 * side * side), 2**26 / bytes_of_layer, 4e9 / macs)
    for batch_size in (8, 32):
        num_rows = predict.rows_per_call(model, images, batch_size, {})
        assert num_rows % batch_size == 0
        assert 0.8 * min(most, device_data.MOST_STEPS * batch_size) - batch_size <= num_rows <= most


@pytest.mark.parametrize("batch_size", [64, 10_000])
def test_large_batches_stay_as_they_are(batch_size):
    model, images = zoo.create("unet", (64, 64, 1)), np.zeros((2, 64, 64, 1), "float32")
    assert predict.rows_per_call(model, images, batch_size, {}) == batch_size


class OfTheBatch(type(make("autoencoder"))):
    """Takes the mean over a batch off, as none of the zoo's does."""

    def predict_step(self, data):
        x = super().predict_step(data)
        return x - keras.ops.mean(x, axis=0, keepdims=True)


def test_batches_stay_as_they_are_where_a_row_may_depend_on_the_others(digits, many):
    model = OfTheBatch((8, 8, 1), widths=(), hidden_units=(8,), latent_dim=3)
    found = model.predict(digits[:70], batch_size=16, verbose=0)
    np.testing.assert_allclose(found, _ordinary(model, digits[:70], 16), rtol=1e-5, atol=1e-6)
    assert np.abs(found[:16].mean(axis=0)).max() < 1e-6


class OfOtherRows(type(make("autoencoder"))):
    """Gives for a batch what `of_batch` makes of its predictions."""

    def predict_step(self, data):
        return self.of_batch(super().predict_step(data))


@pytest.mark.parametrize(
    "of_batch",
    [
        lambda x: keras.ops.mean(x, axis=0, keepdims=True),  # one row a batch
        lambda x: keras.ops.repeat(x, 2, axis=0),
        lambda x: {"all": x, "first": x[:1]},
        lambda x: keras.ops.zeros((16, 3)),  # as many as a full batch has
    ],
)
def test_outputs_of_another_number_of_rows_are_those_of_keras(of_batch, digits, many):
    model = OfOtherRows((8, 8, 1), widths=(), hidden_units=(8,), latent_dim=3)
    model.of_batch = of_batch
    expected = _ordinary(model, digits[:70], 16)
    found = model.predict(digits[:70], batch_size=16, verbose=0)
    for ours, theirs in zip(*map(keras.tree.flatten, (found, expected)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_what_changed_in_a_layer_holds_after_compile(digits, many):
    """As with Keras, whose optimizer may stay the same; in each method that keeps a graph."""
    model, optimizer, images = make("autoencoder"), keras.optimizers.SGD(0.0), digits[:64]
    ways = {
        "predict": lambda: model.predict(images, batch_size=16, verbose=0),
        "predict_on_batch": lambda: model.predict_on_batch(images),
        "reconstruct": lambda: model.reconstruct(images),
    }
    model.compile(optimizer)
    before = {name: way() for name, way in ways.items()}
    loss = model.fit(images, verbose=0).history["loss"][-1]
    hidden = [layer for layer in model.encoder.layers if hasattr(layer, "activation")]
    hidden[0].activation = keras.activations.softplus
    model.compile(optimizer)
    expected = np.asarray(model(images, training=False))
    for name, way in ways.items():
        assert np.abs(before[name] - expected).max() > 1e-3
        np.testing.assert_allclose(way(), expected, rtol=1e-5, atol=1e-6, err_msg=name)
    later = model.fit(images, verbose=0).history["loss"][-1]
    assert later == pytest.approx(model.evaluate(images, verbose=0)[0], rel=1e-5)
    assert abs(later - loss) > 1e-5


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_xla_compiles_them_on_a_gpu_alone(device, digits, many, monkeypatch):
    """It does so here as there, for a model that believes to be on one."""
    is_gpu, asked, function = device == "gpu", [], tf.function
    monkeypatch.setattr(
        keras.distribution, "list_devices", lambda kind=None: ["gpu:0"] if is_gpu else []
    )
    monkeypatch.setattr(
        tf, "function", lambda *given, **how: asked.append(how) or function(*given, **how)
    )
    model = make("vae")
    expected = _ordinary(model, digits[:70], 16)
    model.compile("adam", jit_compile=True)
    asked.clear()
    found = model.predict(digits[:70], batch_size=16, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    found = model.predict_on_batch(digits[:70])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    ours = [how["jit_compile"] for how in asked if how.get("autograph") is False]
    assert ours == [is_gpu, is_gpu]


def test_keras_does_what_asks_for_batches(digits, autoencoder):
    seen = []
    callback = keras.callbacks.LambdaCallback(
        on_predict_batch_end=lambda batch, logs: seen.append(batch)
    )
    autoencoder.predict(digits[:64], batch_size=16, callbacks=[callback], verbose=0)
    assert seen == [0, 1, 2, 3]
    assert autoencoder.predict(digits[:64], batch_size=16, steps=2, verbose=0).shape[0] == 32


class TestOneBatch:
    """`predict_on_batch`, whose graph is kept as long as Keras's own."""

    @pytest.fixture(autouse=True)
    def never_by_keras(self, monkeypatch):
        """Has Keras's own way fail, so that no test asks it about itself by mistake."""
        self.by_keras = keras.Model.predict_on_batch
        monkeypatch.setattr(keras.Model, "predict_on_batch", None)

    @pytest.mark.parametrize("num_rows", [1, 2, 33])
    def test_they_are_those_of_keras(self, num_rows, digits, vae):
        found = vae.predict_on_batch(digits[:num_rows])
        assert isinstance(found, np.ndarray)
        assert found.flags.writeable
        expected = self.by_keras(vae, digits[:num_rows])
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)

    def test_inputs_with_labels(self, digits):
        model = make("conditional_vae", num_classes=10)
        x = {"image": digits[:3], "label": np.arange(3)}
        expected = self.by_keras(model, x)
        np.testing.assert_allclose(model.predict_on_batch(x), expected, rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize("kind", ["float64", "float16", "list", "tensor"])
    def test_other_forms(self, kind, digits, autoencoder):
        rows = digits[:2]
        forms = {"list": rows.tolist, "tensor": lambda: keras.ops.convert_to_tensor(rows)}
        given = forms[kind]() if kind in forms else rows.astype(kind)
        found = autoencoder.predict_on_batch(given)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, autoencoder.predict_on_batch(rows), atol=1e-3)

    def test_outputs_of_several_arrays(self, digits):
        class Both(type(make("autoencoder"))):
            def predict_step(self, data):
                x = data[0]
                return {"image": x, "twice": 2 * self(x, training=False)}

        model = Both((8, 8, 1), widths=(), hidden_units=(8,), latent_dim=3)
        found, of_many = model.predict_on_batch(digits[:2]), model.predict(digits[:70], verbose=0)
        np.testing.assert_array_equal(found["image"], digits[:2])
        np.testing.assert_array_equal(of_many["image"], digits[:70])
        np.testing.assert_allclose(found["twice"], 2 * model(digits[:2]), rtol=1e-5)
        np.testing.assert_allclose(of_many["twice"], 2 * model(digits[:70]), rtol=1e-5, atol=1e-6)

    def test_what_is_changed_is_seen(self, digits):
        """New weights, another policy of compilation, quantised layers."""
        model, x = make("autoencoder"), digits[:2]
        before = model.predict_on_batch(x)
        model.set_weights([weight / 2 for weight in model.get_weights()])
        after = model.predict_on_batch(x)
        assert np.abs(before - after).max() > 1e-3
        model.compile("adam", jit_compile=True)
        np.testing.assert_allclose(model.predict_on_batch(x), after, rtol=1e-4, atol=1e-5)
        model.compile("adam", run_eagerly=True)
        with pytest.raises(TypeError):  # Keras does it, layer by layer
            model.predict_on_batch(x)
        model.compile("adam")
        model.quantize("int8")
        found = model.predict_on_batch(x)
        np.testing.assert_allclose(found, self.by_keras(model, x), rtol=1e-4, atol=1e-5)
        assert np.abs(found - after).max() > 0

    def test_a_batch_that_does_not_fit_is_refused(self, digits, autoencoder):
        for wrong in (digits[:2] * 16, digits[:2, :7], digits[:0]):
            with pytest.raises(ValueError, match="Autoencoder: x must"):
                autoencoder.predict_on_batch(wrong)
