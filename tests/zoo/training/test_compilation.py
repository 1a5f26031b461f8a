"""By default XLA compiles long trainings of dense networks on CPUs, and nothing else."""

import keras
import numpy as np
import pytest

import zoo
from zoo.training import compilation

IMAGES = np.random.default_rng(0).random((64, 6, 6, 1), "float32")


def compiled(name="autoencoder", metrics=None, dtype="float32", **arguments):
    dense = {"widths": (), "hidden_units": (12,), "latent_dim": 4}
    keras.utils.set_random_seed(0)
    model = zoo.create(name, (6, 6, 1), seed=0, dtype=dtype, **(dense | arguments))
    model.compile(keras.optimizers.Adam(1e-2), metrics=metrics)
    return model


@pytest.fixture
def always(monkeypatch):
    """Compilation costs nothing: what may be compiled is."""
    monkeypatch.setattr(compilation, "_COMPILE_SECONDS_OF_LAYER", 0.0)


def test_it_has_to_pay_within_two_epochs():
    model = compiled()
    assert not compilation.pays(model, 32, 100)
    assert compilation.pays(model, 32, 100_000)
    model.fit(IMAGES, epochs=1000, batch_size=32, verbose=0, callbacks=[Stop(1)])
    assert model.fitted_by_xla is False  # 2 updates in an epoch


def test_short_trainings_pay_together(monkeypatch):
    """XLA begins with the `fit` in which it would have paid, had it begun with the first."""
    monkeypatch.setattr(compilation, "_SAVED_SECONDS_OF_ROW", 0.0)
    monkeypatch.setattr(compilation, "_SAVED_SECONDS_OF_WEIGHT", 0.0)
    model = compiled()
    num_weights = sum(weight.size for weight in model.get_weights())
    seconds = 4 * compilation._COMPILE_SECONDS_OF_LAYER  # four dense layers
    monkeypatch.setattr(compilation, "_SAVED_SECONDS_OF_WEIGHT", seconds / 11.5 / num_weights)
    chosen = []
    for _ in range(3):  # 4 updates in an epoch: 8, 8 + 8, ...
        model.fit(IMAGES, epochs=2, batch_size=16, verbose=0)
        chosen.append(model.fitted_by_xla)
    assert chosen == [False, True, True]
    model.compile(keras.optimizers.Adam(1e-2))
    model.fit(IMAGES, epochs=1, batch_size=16, verbose=0)
    assert model.fitted_by_xla is False


def test_large_products_gain_nothing():
    wide = compiled(hidden_units=(2048,))
    assert compilation.pays(wide, 32, 100_000)
    assert not compilation.pays(wide, 256 + 1, 100_000)
    wider = compiled(hidden_units=(2048, 2048))
    assert not compilation.pays(wider, 128, 100_000)


@pytest.mark.parametrize(
    "other",
    [
        {"widths": (4,), "hidden_units": ()},  # a convolution
        {"name": "denoising"},  # chance
        {"name": "vae", "widths": (), "hidden_units": (4,)},
        {"name": "sparse"},  # a class that does not say so
        {"dtype": "mixed_bfloat16"},
        {"metrics": ["mae"]},  # what XLA makes of a metric is not known
        {"normalization": "batch"},
    ],
)
def test_other_models_are_never_compiled(other, always):
    model = compiled(**other)
    assert not compilation.is_dense(model)
    assert not compilation.pays(model, 32, 10**6)


def test_activations_of_the_user_are_not_compiled(always):
    model = compiled()
    layer = next(part for part in model.encoder.layers if isinstance(part, keras.layers.Dense))
    layer.activation = lambda x: x
    assert not compilation.is_dense(model)


class Stop(keras.callbacks.Callback):
    looks_at_batches = False

    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch + 1 == self.epochs


class Watching(keras.callbacks.Callback):
    """Looks at each batch."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def on_train_batch_end(self, batch, logs=None):
        self.batches.append(batch)


def test_weights_and_history_are_those_of_the_ordinary_way(always):
    """With a batch that is left over, validation and weights of samples."""
    histories, weights = [], []
    for jit_compile in ("auto", False):
        model = compiled()
        model.compile(keras.optimizers.Adam(1e-2), jit_compile=jit_compile)
        history = model.fit(
            IMAGES[:50],
            sample_weight=np.linspace(0, 1, 50, dtype="float32"),
            validation_data=(IMAGES[50:],),
            batch_size=16,
            epochs=3,
            verbose=0,
        )
        assert model.fitted_by_xla is (jit_compile == "auto")
        assert model.jit_compile is False
        histories.append(history.history)
        weights.append(model.get_weights())
    assert list(histories[0]) == list(histories[1])
    for name, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][name], rtol=1e-4)
    for ours, theirs in zip(*weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)


def test_who_looks_at_batches_sees_each(always):
    model, watching = compiled(), Watching()
    model.fit(IMAGES, batch_size=16, epochs=2, verbose=0, callbacks=[watching])
    assert watching.batches == [0, 1, 2, 3] * 2
    assert model.fitted_by_xla is False


def test_what_the_user_says_holds(always, tmp_path):
    model = compiled()
    model.save(tmp_path / "auto.keras")
    assert zoo.load(tmp_path / "auto.keras").is_jit_auto
    model.jit_compile = False  # as `autotune` sets it
    model.fit(IMAGES, batch_size=16, verbose=0)
    assert model.fitted_by_xla is False
    model.save(tmp_path / "off.keras")
    assert not zoo.load(tmp_path / "off.keras").is_jit_auto


def test_updates_per_call_are_as_compiled(always):
    model = compiled()
    model.compile("adam", steps_per_execution=2)
    watching = Watching()
    model.fit(IMAGES, batch_size=16, verbose=0, callbacks=[watching])
    assert watching.batches == [1, 3]
    assert model.fitted_by_xla is True
