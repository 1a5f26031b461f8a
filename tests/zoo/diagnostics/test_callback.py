"""HealthCheck: broken trainings are named, good ones are not, and nothing is changed."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from kinds import every_model

import zoo
from zoo.diagnostics.callback import HealthCheck
from zoo.diagnostics.probe import Prober

layers = keras.layers


def train(model, x, y=None, optimizer=None, loss=None, *, validation=None, check=None, **fit):
    """Compiles and trains a model with a `HealthCheck`, which is returned."""
    arguments = {} if loss is None else {"loss": loss}
    model.compile(optimizer or keras.optimizers.Adam(3e-3), **arguments)
    check = check or HealthCheck(x, y, verbose=0)
    fit = {"epochs": 3, "batch_size": 64, "verbose": 0, **fit}
    model.fit(x, y, validation_data=validation, callbacks=[check], **fit)
    return check


def dense(*hidden, output="sigmoid", **settings):
    """Returns a plain Keras autoencoder of dense layers for digits."""
    inner = [layers.Dense(units, name=f"dense{i}", **settings) for i, units in enumerate(hidden)]
    pixels = layers.Dense(64, activation=output, name="pixels")
    last = layers.Reshape((8, 8, 1))
    return keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), *inner, pixels, last])


def found(check, code):
    """Returns the only finding of a code."""
    (finding,) = [finding for finding in check.findings if finding.code == code]
    return finding


class TestBroken:
    """Each training is broken on purpose, and named by its code."""

    def test_linear_output_with_cross_entropy(self, digits):
        model = dense(16, output="linear", activation="relu")
        x = digits[:256]
        check = train(model, x, x, loss="binary_crossentropy")
        finding = found(check, "outputs_outside_range")
        rows = np.unique(np.linspace(0, 255, 64).round().astype(int))
        prediction = model.predict(x[rows], verbose=0)
        share = np.mean((prediction < 0) | (prediction > 1))
        assert finding.number == pytest.approx(share, abs=1e-3)
        assert 0 < share < 1
        assert (finding.severity, finding.layer) == ("error", "pixels")
        assert str(finding) == (
            "the output layer 'pixels' is linear but the loss is binary cross-entropy: "
            f"{100 * share:.0f} % of predictions lie outside [0, 1]; use a sigmoid or MSE"
        )

    def test_logits_with_their_own_cross_entropy_are_right(self, digits):
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        x = digits[:256]
        check = train(dense(16, output="linear"), x, x, loss=loss)
        assert "outputs_outside_range" not in {finding.code for finding in check.findings}

    def test_all_black_images(self):
        black = np.zeros((128, 8, 8, 1), "float32")
        model = zoo.create("autoencoder", (8, 8, 1), widths=(), hidden_units=(32,))
        check = train(model, black, optimizer=keras.optimizers.Adam(1.0), epochs=8)
        assert check.findings[0].code == "constant_target"
        assert found(check, "constant_target").number == 0
        assert found(check, "constant_target").severity == "error"
        assert found(check, "outputs_saturated").number == 1

    def test_zero_learning_rate(self, digits):
        model = zoo.create("autoencoder", (8, 8, 1), preset="tiny")
        check = train(model, digits[:128], optimizer=keras.optimizers.Adam(0.0))
        for code in ("weights_unchanged", "loss_flat", "predictions_unchanged"):
            assert found(check, code).severity == "error"
        assert "learning rate is 0" in str(found(check, "weights_unchanged"))
        assert set(check.layer_changes.values()) == {0.0}

    def test_exploding_rate(self, digits):
        x = digits[:256]
        optimizer = keras.optimizers.SGD(1e4)
        check = train(dense(16, output="linear"), x, x, optimizer, loss="mse", epochs=8)
        (finding,) = check.findings
        assert finding.code == "loss_not_finite"
        assert "it is 1e+04" in finding.remedy
        losses = check.recording.history["loss"]
        assert np.isfinite(losses[: finding.number - 1]).all()
        assert not np.isfinite(losses[finding.number - 1])

    def test_large_rate(self, digits):
        x = digits[:256]
        optimizer = keras.optimizers.Adam(10.0)
        check = train(dense(16, output="linear"), x, x, optimizer, loss="mse", epochs=2)
        before, after = check.recording.losses()
        assert found(check, "loss_exploded").number == after > 10 * before

    def test_frozen_layer(self, digits):
        model = zoo.create("autoencoder", (8, 8, 1), preset="tiny")
        model.encoder.get_layer("conv1").trainable = False
        check = train(model, digits[:128])
        assert found(check, "layer_frozen").layer == "encoder/conv1"
        changes = check.layer_changes
        assert changes.pop("encoder/conv1") == 0
        assert min(changes.values()) > 0

    def test_layer_that_the_loss_does_not_see(self, digits):
        inputs = keras.Input((8, 8, 1))
        x = layers.Dense(64, activation="sigmoid", name="pixels")(layers.Flatten()(inputs))
        idle = layers.Dense(3, name="idle")(x)
        outputs = layers.Lambda(lambda pair: pair[0])([layers.Reshape((8, 8, 1))(x), idle])
        data = digits[:128]
        model = keras.Model(inputs, outputs)
        check = train(model, data, data, loss="mse")
        assert found(check, "layer_unchanged").layer == "idle"
        assert found(check, "vanishing_gradients").layer == "idle"

    def test_posterior_collapse(self, digits):
        model = zoo.create("vae", (8, 8, 1), widths=(), hidden_units=(64,), latent_dim=4, beta=50)
        check = train(model, digits[:512], epochs=12)
        finding = found(check, "posterior_collapse")
        assert finding.severity in ("error", "warning")
        mean, log_var = (
            np.asarray(part) for part in model.encode_distribution(tf.constant(digits))
        )
        kl = 0.5 * (np.exp(log_var) + mean**2 - 1 - log_var).mean(axis=0)
        assert (kl < 0.01).mean() == finding.number == 1

    def test_tiny_dataset(self, digits):
        model = zoo.create("autoencoder", (8, 8, 1), widths=(), hidden_units=(128,))
        optimizer = keras.optimizers.Adam(0.01)
        check = train(model, digits[:8], None, optimizer, validation=digits[500:600], epochs=50)
        assert found(check, "overfitting").severity == "warning"

    def test_vanishing_gradients(self, digits):
        x = digits[:256]
        check = train(dense(*[16] * 14, activation="sigmoid"), x, x, loss="mse")
        finding = found(check, "vanishing_gradients")
        assert finding.layer == "dense0"
        assert finding.number < 1e-5

    def test_dead_units(self, digits):
        x = digits[:128]
        bias = keras.initializers.Constant(-30.0)
        model = dense(16, 8, activation="relu")
        model.get_layer("dense1").bias.assign(bias((8,)))
        check = train(model, x, x, loss="mse")
        finding = found(check, "dead_units")
        assert (finding.layer, finding.number, finding.severity) == ("dense1", 1.0, "error")

    def test_saturated_outputs(self, digits):
        x = digits[:256]
        model = dense(16)
        model.get_layer("pixels").kernel.assign(100 * model.get_layer("pixels").kernel)
        check = train(model, x, x, keras.optimizers.Adam(1e-4), loss="mse")
        assert found(check, "outputs_saturated").number > 0.1

    def test_rate_that_is_far_too_small(self, digits):
        x = digits[:256]
        check = train(dense(16), x, x, keras.optimizers.SGD(1e-3), loss="mse")
        assert found(check, "weights_barely_changed").number < 1e-3


class TestHealthy:
    """Good trainings raise nothing but notes, and more is said of them."""

    @pytest.mark.parametrize(
        ("name", "epochs"),
        [
            *(("autoencoder", 8), ("vae", 14), ("unet", 4)),
            pytest.param("upae", 6, marks=pytest.mark.slow),
            pytest.param("conditional_vae", 16, marks=pytest.mark.slow),
        ],
    )
    def test_nothing_is_raised(self, kit, name, epochs):
        model = kit.make(name, widths=(8, 16))
        x, *y = kit.data(name, 0, 1400)
        validation = kit.data(name, 1400, 1797)
        check = HealthCheck(x, *y, verbose=0)
        model.fit(
            x,
            *y,
            epochs=epochs,
            batch_size=32,
            validation_data=validation,
            callbacks=[check],
            verbose=0,
        )
        assert [str(finding) for finding in check.findings if finding.severity != "note"] == []
        assert {"plateau", "still_improving"} & {finding.code for finding in check.findings}
        assert min(check.layer_changes.values()) > 0.01


@pytest.mark.parametrize("name", every_model())
class TestEveryModel:
    def test_is_measured_without_a_trace(self, kit, name):
        model = kit.make(name)
        model.run_eagerly = True
        x, *y = kit.data(name, 0, 40)
        before = [np.array(variable) for variable in model.variables]
        tensors = [keras.tree.map_structure(tf.constant, part) for part in (x, *y)]
        prober = Prober(model, tensors[0], tensors[1] if y else None)
        first, second = prober.probe(0), prober.probe(0)
        for variable, value in zip(model.variables, before, strict=True):
            np.testing.assert_array_equal(np.asarray(variable), value, err_msg=variable.path)
        assert first.loss() == second.loss()
        loss = model.evaluate(x, *y, batch_size=40, verbose=0, return_dict=True)["loss"]
        assert first.loss() == pytest.approx(loss, rel=1e-5)
        assert set(first.layer_changes.values()) == {0.0}
        own = {id(weight) for weight in model.trainable_weights}
        has_gradient = {
            path for path, weights in prober.weights.items() if any(id(w) in own for w in weights)
        }
        assert set(first.relative_gradients) <= has_gradient
        assert np.isfinite(list(first.relative_gradients.values())).all()
        assert prober.target is None or prober.target.shape == first.prediction.shape


class TestChangesNothing:
    @pytest.mark.parametrize(
        "name",
        [
            *("autoencoder", "vq_vae", "conditional_vae"),
            *(pytest.param(name, marks=pytest.mark.slow) for name in ("vae", "upae")),
        ],
    )
    def test_same_numbers_with_and_without(self, kit, name):
        def history(callbacks):
            keras.utils.set_random_seed(5)
            model = kit.make(name)
            x, *y = kit.data(name, 0, 96)
            fit = {"batch_size": 32, "epochs": 2, "verbose": 0, "validation_data": (x, *y)}
            return model.fit(x, *y, callbacks=callbacks, **fit).history, model

        x, *y = kit.data(name, 0, 96)
        expected, model = history([])
        received, watched = history([HealthCheck(x, *y, verbose=0)])
        assert received == expected
        for first, second in zip(model.variables, watched.variables, strict=True):
            np.testing.assert_array_equal(np.asarray(first), np.asarray(second))

    def test_seeds_of_a_layer_that_always_draws(self, digits):
        class Noise(layers.Layer):
            def __init__(self):
                super().__init__()
                self.seeds = keras.random.SeedGenerator(3)

            def call(self, x):
                return x + keras.random.normal(keras.ops.shape(x), stddev=0.3, seed=self.seeds)

        def losses(callbacks):
            keras.utils.set_random_seed(5)
            model = keras.Sequential([keras.Input((8, 8, 1)), Noise(), layers.Dense(1)])
            model.compile("sgd", "mse", run_eagerly=True)
            x = digits[:96]
            return model.fit(x, x, epochs=3, callbacks=callbacks, verbose=0).history["loss"]

        assert losses([HealthCheck(digits[:96], digits[:96], verbose=0)]) == losses([])


class TestSurvives:
    @pytest.mark.parametrize("jit_compile", [False, pytest.param(True, marks=pytest.mark.slow)])
    def test_jit_steps_per_execution_and_early_stopping(self, kit, jit_compile):
        model = zoo.create("autoencoder", (8, 8, 1), widths=(), hidden_units=(16,))
        model.compile(keras.optimizers.Adam(3e-3), jit_compile=jit_compile, steps_per_execution=3)
        x = kit.images[:256]
        check = HealthCheck(x, verbose=0)
        stop = keras.callbacks.EarlyStopping(
            "loss", min_delta=10.0, patience=1, restore_best_weights=True
        )
        model.fit(x, batch_size=32, epochs=9, callbacks=[stop, check], verbose=0)
        assert len(check.recording.history["loss"]) == 2
        expected = model.evaluate(check._x, batch_size=64, verbose=0)
        expected = expected[0] if isinstance(expected, list) else expected
        assert check.recording.trained.loss() == pytest.approx(expected, rel=1e-5)

    @pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
    def test_mixed_precision(self, kit, precision):
        def check(dtype):
            keras.utils.set_random_seed(4)
            model = kit.make("autoencoder", dtype=dtype)
            model.run_eagerly = True
            found = HealthCheck(kit.images[:64], verbose=0)
            model.fit(kit.images[:64], batch_size=32, epochs=1, callbacks=[found], verbose=0)
            return found.recording.untrained

        half, full = check(precision), check("float32")
        assert half.loss() == pytest.approx(full.loss(), rel=0.02)
        for layer, gradient in full.relative_gradients.items():  # bfloat16 sums lose some
            assert gradient / 3 < half.relative_gradients[layer] < 3 * gradient, layer

    def test_reloaded_model(self, kit, tmp_path):
        model = zoo.create("autoencoder", (8, 8, 1), widths=(), hidden_units=(16,))
        first = train(model, kit.images[:128])
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        loaded.run_eagerly = True
        second = HealthCheck(kit.images[:128], verbose=0)
        loaded.fit(kit.images[:128], epochs=1, callbacks=[second], verbose=0)
        before, after = second.recording.untrained.loss(), first.recording.trained.loss()
        assert before == pytest.approx(after, rel=1e-5)
        assert set(second.layer_changes) == set(first.layer_changes)

    def test_two_replicas(self, kit):
        devices = [device.name for device in tf.config.list_logical_devices("CPU")]
        strategy = tf.distribute.MirroredStrategy(devices)
        with strategy.scope():
            model = zoo.create("autoencoder", (8, 8, 1), widths=(), hidden_units=(16,))
            model.compile(keras.optimizers.SGD(0.5))
        check = HealthCheck(kit.images[:64], verbose=0)
        model.fit(kit.images[:64], batch_size=64, epochs=1, callbacks=[check], verbose=0)
        assert min(check.layer_changes.values()) > 0
        assert min(check.recording.untrained.relative_gradients.values()) > 0

    def test_classifier(self, kit):
        """Targets are not shaped as predictions: what compares them is left out."""
        model = keras.Sequential([layers.Flatten(), layers.Dense(10, activation="softmax")])
        x, y = kit.images[:256], kit.labels[:256]
        check = train(model, x, y, loss="sparse_categorical_crossentropy")
        assert check.recording.target is None
        assert [f.code for f in check.findings if f.severity != "note"] == []

    def test_findings_remain_when_fit_is_stopped_by_an_error(self, digits):
        class Stop(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                raise FloatingPointError

        x = digits[:64]
        model = dense(16, output="linear")
        model.compile(keras.optimizers.SGD(1e8), "mse", run_eagerly=True)
        check = HealthCheck(x, x, verbose=0)
        with pytest.raises(FloatingPointError):
            model.fit(x, x, epochs=2, callbacks=[check, Stop()], batch_size=8, verbose=0)
        assert check.findings[0].code == "loss_not_finite"


class TestUse:
    def test_summary_is_printed_unless_silent(self, digits, capsys):
        for verbose in (1, 0):
            model = zoo.create("autoencoder", (8, 8, 1), widths=(), hidden_units=(8,))
            train(model, digits[:64], check=HealthCheck(digits[:64], verbose=verbose), epochs=1)
            text = capsys.readouterr().out
            assert bool(text) == bool(verbose)
            assert ("no_validation" in text) == bool(verbose)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"x": np.zeros((0, 8))}, "same number of rows"),
            ({"x": np.zeros((4, 8)), "y": np.zeros(3)}, "same number of rows"),
            ({"x": None}, "same number of rows"),
            ({"x": np.zeros((4, 8)), "num_images": 0}, "num_images"),
            ({"x": np.zeros((4, 8)), "verbose": 5}, "verbose"),
        ],
    )
    def test_wrong_arguments(self, arguments, message):
        with pytest.raises(ValueError, match=f"HealthCheck: .*{message}"):
            HealthCheck(**arguments)

    def test_data_set_is_refused_with_the_fix(self, digits):
        source = tf.data.Dataset.from_tensor_slices(digits).batch(8)
        with pytest.raises(ValueError, match=r"next\(iter\(dataset\)\)"):
            HealthCheck(source)

    def test_takes_few_rows(self, digits):
        check = HealthCheck(digits[:5], verbose=0)
        np.testing.assert_array_equal(check._x, digits[:5])
