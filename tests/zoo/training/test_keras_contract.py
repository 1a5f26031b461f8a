"""What the zoo relies on beyond what Keras documents, and what happens where Keras changes it."""

import functools
import inspect
import sys
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo.training import device_data, keras_contract

SMALL = {"widths": (), "hidden_units": (6,), "latent_dim": 3}


@pytest.fixture(autouse=True)
def asked_anew():
    keras_contract.fit_calls_our_function.cache_clear()
    yield
    keras_contract.fit_calls_our_function.cache_clear()


def model_of(optimizer="sgd", name="autoencoder", **arguments):
    keras.utils.set_random_seed(3)
    model = zoo.create(
        name, (8, 8, 1), **({"widths": (), "hidden_units": (6,), "latent_dim": 3} | arguments)
    )
    model.compile(optimizer)
    return model


def trained(images, resident=None):
    model = model_of()
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        for _ in range(2):
            history = model.fit(images, batch_size=16, epochs=2, verbose=0, resident=resident)
    told = [str(w.message) for w in found if "works otherwise" in str(w.message)]
    return history.history, model.get_weights(), told


@pytest.fixture(scope="module")
def ordinary(digits):
    return trained(digits[:72], resident=False)


# --- another `fit` ----------------------------------------------------------------------------

KERAS_FIT = keras.Model.fit


def fit_makes_its_own_function(model, *args, **kwargs):
    """Keras does not ask the model for its function."""
    model.make_train_function = lambda force=False: keras.Model.make_train_function(model, force)
    model.train_function = None
    return KERAS_FIT(model, *args, **kwargs)


def fit_gives_batches(model, *args, **kwargs):
    """The function gets a batch, as with the other backends of Keras."""
    function = model.train_function
    model.train_function = lambda iterator: function(next(iterator))
    return KERAS_FIT(model, *args, **kwargs)


def fit_reads_ahead(model, *args, **kwargs):
    """Keras reads a batch before it calls the function."""
    function = model.train_function
    model.train_function = lambda iterator: (next(iterator, None), function(iterator))[1]
    return KERAS_FIT(model, *args, **kwargs)


def fit_counts_batches_after_make(model, *args, **kwargs):
    """Keras looks at `steps_per_execution` when the function is made, not before."""
    model.steps_per_execution = 1
    return KERAS_FIT(model, *args, **kwargs)


def fit_needs_a_loss(model, *args, **kwargs):
    raise RuntimeError("a model must have a loss")


@pytest.mark.parametrize(
    ("fit", "reason", "resident"),
    [
        (fit_makes_its_own_function, "it raised", None),
        (fit_gives_batches, "with EagerTensor, not with an iterator", None),
        (fit_reads_ahead, "it reads the iterator", None),
        (fit_counts_batches_after_make, "it calls train_function 6 times, not 4", None),
        (fit_needs_a_loss, "it raised RuntimeError: a model must have a loss", True),
    ],
)
def test_another_keras_costs_speed_and_one_warning(
    fit, reason, resident, digits, ordinary, monkeypatch
):
    """Such a Keras trains its own models well, and shows its way on the trial model."""

    @functools.wraps(KERAS_FIT)
    def fit_of_another_keras(model, *args, **kwargs):
        return (fit if model.name == "fit_witness" else KERAS_FIT)(model, *args, **kwargs)

    monkeypatch.setattr(keras.Model, "fit", fit_of_another_keras)
    monkeypatch.setattr(
        device_data.ResidentTraining, "__init__", lambda *_: pytest.fail("it was used")
    )
    history, weights, told = trained(digits[:72], resident)
    assert len(told) == 1
    assert reason in told[0]
    assert f"Keras {keras.__version__}" in told[0]
    assert history == ordinary[0]
    for value, expected in zip(weights, ordinary[1], strict=True):
        np.testing.assert_array_equal(value, expected)


def test_this_keras_is_as_expected_and_nothing_is_said(digits, ordinary, monkeypatch):
    calls, call = [], device_data.ResidentTraining.__call__
    monkeypatch.setattr(
        device_data.ResidentTraining,
        "__call__",
        lambda self, iterator: calls.append(1) or call(self, iterator),
    )
    history, weights, told = trained(digits[:72])
    assert not told
    assert calls
    np.testing.assert_allclose(history["loss"], ordinary[0]["loss"], rtol=1e-5)
    for value, expected in zip(weights, ordinary[1], strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-5)


def test_the_trial_leaves_no_trace():
    """Neither random numbers nor names of later layers and optimizers depend on it."""
    found = []
    for first in (lambda: None, keras_contract.fit_calls_our_function):
        keras.backend.clear_session()
        keras.utils.set_random_seed(0)
        first()
        names = keras.optimizers.SGD().name, keras.layers.Dense(2).name, keras.Model().name
        found.append((names, tf.random.uniform(()).numpy(), float(keras.random.uniform(()))))
    assert found[0] == found[1]


# --- the loss ---------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [{"loss": "mse"}, {"loss_weights": [1.0]}])
def test_compile_refuses_a_loss_in_one_line(given):
    model = zoo.create("autoencoder", (8, 8, 1), preset="tiny")
    (name,) = given
    with pytest.raises(ValueError, match=f"Autoencoder.compile: {name} must be left out") as error:
        model.compile("adam", **given)
    assert "\n" not in str(error.value)
    assert "reconstruction" in str(error.value)


def test_the_tracker_of_the_loss_is_the_models_own(digits):
    """It comes first, once, and before `compile` too; no tracker of Keras is read."""
    model = zoo.create("vae", (8, 8, 1), preset="tiny")
    assert [metric.name for metric in model.metrics] == ["loss", "reconstruction", "kl"]
    model.compile("sgd", metrics=["mae"])
    assert model.metrics[0] is model.loss_tracker
    assert [metric.name for metric in model.metrics].count("loss") == 1
    history = model.fit(digits[:40], batch_size=16, verbose=0).history
    np.testing.assert_allclose(history["loss"], float(model.loss_tracker.result()), rtol=1e-6)
    total = sum(float(model.term_trackers[name].result()) for name in ("reconstruction", "kl"))
    np.testing.assert_allclose(history["loss"], total, rtol=1e-5)
    logs = model.evaluate(digits[:40], verbose=0)
    assert logs[0] == pytest.approx(float(model.loss_tracker.result()))


def test_a_saved_model_is_compiled_without_a_warning(digits, tmp_path):
    model = model_of("adam")
    model.fit(digits[:32], batch_size=16, verbose=0)
    model.save(tmp_path / "model.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert int(loaded.optimizer.iterations) == 2
    for found in (model, loaded):
        found.fit(digits[:32], batch_size=16, shuffle=False, verbose=0)
    for value, expected in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-6)


# --- optimizers, callbacks, tensors, devices --------------------------------------------------


@pytest.mark.parametrize("name", ["_trainable_variables", "_momentums", "_velocities"])
def test_an_adam_that_keeps_its_moments_otherwise_updates_itself(name, digits, monkeypatch):
    """Without the private name there is no fused update, and the weights are the same."""
    found = []
    for is_there in (True, False):
        calls, kernel = [], tf.raw_ops.ResourceApplyAdam
        model = model_of(keras.optimizers.Adam(1e-2))
        model.build_optimizers()
        with monkeypatch.context() as patch:
            patch.setattr(
                tf.raw_ops,
                "ResourceApplyAdam",
                lambda calls=calls, kernel=kernel, **given: calls.append(1) or kernel(**given),
            )
            if not is_there:
                read = getattr

                def without(optimizer, key, *default, read=read):
                    return default[0] if key == name else read(optimizer, key, *default)

                patch.setattr(keras_contract, "getattr", without, raising=False)
            model.fit(digits[:48], batch_size=16, shuffle=False, verbose=0)
        assert bool(calls) == is_there
        found.append(model.get_weights())
    for value, expected in zip(*found, strict=True):
        np.testing.assert_allclose(value, expected, atol=2e-4)


def test_moments_are_those_of_each_weight():
    first, second = keras.Variable(np.zeros((2, 3))), keras.Variable(np.zeros(4))
    adam = keras.optimizers.Adam()
    adam.build([first, second])
    (m, v), (other_m, _) = keras_contract.moments_of_adam(adam, [second, first])
    adam.apply([np.zeros((2, 3), "float32"), np.full(4, 2.0, "float32")])
    np.testing.assert_allclose(m, 0.1 * 2.0, rtol=1e-5)
    np.testing.assert_allclose(v, 0.001 * 4.0, rtol=1e-4)
    np.testing.assert_array_equal(other_m, np.zeros((2, 3)))
    assert keras_contract.moments_of_adam(adam, [keras.Variable(np.zeros(4))]) is None
    assert keras_contract.moments_of_adam(keras.optimizers.SGD(), [first]) is None


def test_the_weights_of_a_wrapped_optimizer_are_told():
    weight = keras.Variable(np.zeros(3))
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD())
    assert keras_contract.weights_of_optimizer(scaled) is None  # not built
    scaled.build([weight])
    assert [id(w) for w in keras_contract.weights_of_optimizer(scaled)] == [id(weight)]


@pytest.mark.parametrize(("frequency", "is_by_epoch"), [("epoch", True), (3, False)])
def test_callbacks_that_save(frequency, is_by_epoch, tmp_path):
    for callback in (
        keras.callbacks.ModelCheckpoint(tmp_path / "model.keras", save_freq=frequency),
        keras.callbacks.BackupAndRestore(tmp_path, save_freq=frequency),
    ):
        assert keras_contract.saves_by_epoch(callback) == is_by_epoch
    assert not keras_contract.saves_by_epoch(object())


def test_validation_of_fit_is_checked_once(digits, monkeypatch):
    checked = []
    model = model_of()
    monkeypatch.setattr(model, "check_inputs", lambda x, name="x": checked.append(len(x)))
    model.fit(digits[:32], validation_data=(digits[:20],), epochs=3, verbose=0)
    assert checked.count(20) == 1
    model.evaluate(digits[:20], verbose=0)
    assert checked.count(20) == 2


def test_the_layer_of_a_tensor():
    inputs = keras.Input((3,))
    dense = keras.layers.Dense(2)
    assert keras_contract.layer_of(dense(inputs)) is dense
    assert keras_contract.layer_of(np.zeros(3)) is None


def test_the_memory_of_a_gpu_is_unknown_without_tensorflows_private_module(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow.python.client", None)
    assert keras_contract.gpu_memory_limit() is None


# --- layers that are not built ----------------------------------------------------------------


@pytest.mark.parametrize("name", ["autoencoder", "vae", "vq_vae", "conditional_vae", "unet"])
def test_a_model_whose_layers_are_built_is_not_traced(name, monkeypatch):
    """The symbolic pass of `forward` is half of the time of a construction."""
    passes = []
    monkeypatch.setattr(zoo.ZooModel, "compute_output_spec", lambda *args, **_: passes.append(args))
    assert all(layer.built for layer in zoo.create(name, (8, 8, 1), preset="tiny").layers)
    assert not passes
    monkeypatch.setattr(keras_contract, "may_have_unbuilt_layers", lambda model: True)
    zoo.create(name, (8, 8, 1), preset="tiny")
    assert len(passes) == 1


class Deepened(zoo.models.Autoencoder):
    """A user's class with layers that only a call builds, one of them inside of another."""

    def build_networks(self):
        super().build_networks()
        self.outer = keras.layers.TimeDistributed(keras.layers.Dense(1, name="inner"))

    def forward(self, x, training=False):
        outputs = super().forward(x, training)
        return outputs | {"prediction": self.outer(outputs["prediction"])}


def test_layers_that_a_class_leaves_unbuilt_are_built_and_saved(digits, tmp_path):
    model = Deepened((8, 8, 1), **SMALL)
    assert [weight.shape for weight in model.outer.weights] == [(1, 1), (1,)]
    model.save(tmp_path / "deepened.keras")
    again = keras.saving.load_model(
        tmp_path / "deepened.keras", custom_objects={"Deepened": Deepened}
    )
    np.testing.assert_array_equal(again.outer.get_weights()[0], model.outer.get_weights()[0])
    assert not keras_contract.may_have_unbuilt_layers(model)


def test_where_keras_does_not_tell_its_layers_a_model_is_traced():
    assert keras_contract.may_have_unbuilt_layers(object())


# --- classes of users -------------------------------------------------------------------------


class Sparser(zoo.models.Autoencoder):
    """A user's class without a constructor."""


class Scaled(Sparser):
    """A user's class with one."""

    def __init__(self, image_shape, *, factor: float = 2.0, **kwargs):
        super().__init__(image_shape, **kwargs)
        self.factor = factor

    def build_networks(self):
        super().build_networks()
        self.factor_when_built = self.factor


def test_a_users_constructor_is_run_to_its_end_and_keeps_its_signature():
    parameters = inspect.signature(Scaled.__init__).parameters
    assert list(parameters) == ["self", "image_shape", "factor", "kwargs"]
    model = Scaled((8, 8, 1), widths=(4,), latent_dim=3, factor=3.0)
    assert model.factor_when_built == 3.0
    assert model.get_config()["factor"] == 3.0
    assert Sparser((8, 8, 1), widths=(4,), latent_dim=3).count_params() == model.count_params()
