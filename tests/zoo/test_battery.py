"""One battery for every registered model: a new model is covered without a change here."""

import doctest
import inspect
import json
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo

SHAPE = (8, 8, 1)
MODELS = zoo.names()

# Batch statistics differ between one batch and its halves: parity tests switch them off.
WITHOUT_BATCH_STATISTICS = {"upae": {"normalization": None}}
# Noise or a statistic of the batch enters the loss: replicas and half batches draw others.
NOT_SPLITTABLE = {"denoising", "contractive", "vae", "beta_vae"}
# An off-default value for every constructor argument.
OFF_DEFAULT = {
    "image_shape": (16, 16, 2),
    "latent_dim": 5,
    "widths": (4, 6),
    "hidden_units": (7, 9),
    "mirror_hidden": False,
    "kernel_size": (5, 3),
    "activation": "tanh",
    "latent_activation": "tanh",
    "normalization": "layer",
    "down": "maxpool",
    "up": "upsample",
    "convs_per_stage": 2,
    "output_activation": "linear",
    "reconstruction": "mean_huber",
    "seed": 3,
    "corruption": "masking",
    "level": 0.4,
    "penalty": "top_k",
    "sparsity_weight": 0.5,
    "target_rate": 0.2,
    "num_active": 2,
    "contraction_weight": 0.3,
    "method": "exact",
    "num_probes": 3,
    "likelihood": "laplace",
    "scale": 0.7,
    "learn_scale": True,
    "kl": "monte_carlo",
    "beta": 2.5,
    "capacity": 3.0,
    "log_variance_bounds": (-3.0, 2.0),
}


def make(name, optimizer=None, *, image_shape=SHAPE, **arguments):
    model = zoo.create(name, image_shape, preset="tiny", **arguments)
    model.compile(optimizer or keras.optimizers.Adam(3e-3))
    return model


def weights_of(model):
    return [weight.numpy() for weight in model.trainable_weights]


@pytest.fixture(scope="module")
def trained(digits):
    """Each model after a short training, with its history and its losses before and after."""
    found = {}
    for name in MODELS:
        keras.utils.set_random_seed(2)
        model = make(name)
        before = model.evaluate(digits[:250], batch_size=100, verbose=0, return_dict=True)
        history = model.fit(
            digits[:1000],
            batch_size=64,
            epochs=4,
            verbose=0,
            validation_data=(digits[1000:1250],),
            validation_batch_size=100,
        ).history
        found[name] = model, history, before
    return found


@pytest.fixture(scope="module")
def strategy():
    one_device = tf.distribute.ReductionToOneDevice()
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=one_device)


@pytest.mark.parametrize("name", MODELS)
class TestTraining:
    def test_loss_falls(self, trained, digits, name):
        model, _, before = trained[name]
        after = model.evaluate(digits[:250], batch_size=100, verbose=0, return_dict=True)
        assert after["loss"] < before["loss"]

    def test_weighted_terms_add_up_to_the_loss(self, trained, digits, name):
        """1,000 is not a multiple of 64: the short last batch counts by its size."""
        model, history, _ = trained[name]
        weights = {key: float(value) for key, value in model.term_weights.items()}
        for prefix in ("", "val_"):
            total = sum(np.array(history[prefix + key]) * w for key, w in weights.items())
            np.testing.assert_allclose(total, history[prefix + "loss"], rtol=2e-5, atol=1e-5)

    def test_evaluate_equals_validation_loss(self, trained, digits, name):
        model, history, _ = trained[name]
        found = model.evaluate(digits[1000:1250], batch_size=100, verbose=0, return_dict=True)
        for key, value in found.items():
            assert value == pytest.approx(history[f"val_{key}"][-1], rel=1e-6)

    def test_epoch_log_is_the_mean_over_the_data(self, digits, name):
        """Also on a short last batch, and not the last batch alone: a frozen model tells."""
        model = make(name, keras.optimizers.SGD(0.0))
        part = digits[:90]
        whole = model.evaluate(part, batch_size=90, verbose=0, return_dict=True)
        if name in NOT_SPLITTABLE or model.term_weights.keys() - {"reconstruction"}:
            pytest.skip("noise or batch statistics differ between batch sizes")
        pieces = model.evaluate(part, batch_size=40, verbose=0, return_dict=True)
        assert pieces["loss"] == pytest.approx(whole["loss"], rel=1e-5)

    def test_every_weight_gets_a_gradient(self, digits, name):
        model = make(name, keras.optimizers.SGD(1.0), normalization=None)
        before = weights_of(model)
        model.fit(digits[:256], batch_size=256, epochs=1, verbose=0)
        for weight, old in zip(model.trainable_weights, before, strict=True):
            assert np.isfinite(weight.numpy()).all()
            assert np.any(weight.numpy() != old), weight.path

    def test_same_seed_same_numbers(self, digits, name):
        def history(seed):
            keras.utils.set_random_seed(seed)
            model = make(name)
            model.compile("adam", run_eagerly=True)
            return model.fit(digits[:96], batch_size=32, epochs=2, verbose=0).history["loss"]

        first = history(7)
        assert first == pytest.approx(history(7), rel=1e-6)
        assert first != pytest.approx(history(8), rel=1e-6)


@pytest.mark.parametrize("name", MODELS)
class TestCalls:
    def test_outputs_are_named_and_shaped(self, trained, digits, name):
        model, _, _ = trained[name]
        outputs = model.forward(tf.constant(digits[:5]))
        assert tuple(outputs["prediction"].shape) == (5, *SHAPE)
        first, second = (model(digits[:5]).numpy() for _ in range(2))
        np.testing.assert_array_equal(first, second)
        np.testing.assert_allclose(model.predict(digits[:5], verbose=0), first, atol=1e-5)

    def test_arrays_longer_than_a_batch_equal_tensors(self, trained, digits, name):
        model, _, _ = trained[name]
        images = digits[:300]
        whole = model.reconstruct(tf.constant(images)).numpy()
        np.testing.assert_allclose(model.reconstruct(images, batch_size=128), whole, atol=1e-5)
        codes = model.encode(images)
        assert len(codes) == 300
        np.testing.assert_allclose(
            model.decode(codes), model.decode(tf.constant(codes)).numpy(), atol=1e-5
        )

    def test_scores_have_one_value_per_image_and_per_pixel(self, trained, digits, name):
        model, _, _ = trained[name]
        score, score_map = model.anomaly_score(digits[:300]), model.score_map(digits[:300])
        assert score.shape == (300,)
        assert score_map.shape == (300, 8, 8)
        np.testing.assert_allclose(score, score_map.mean(axis=(1, 2)), rtol=1e-4)

    def test_interpolation_ends_at_the_reconstructions(self, trained, digits, name):
        model, _, _ = trained[name]
        steps = model.interpolate(digits[0], digits[1], num_steps=5)
        assert steps.shape == (5, *SHAPE)
        ends = model.reconstruct(digits[:2])
        np.testing.assert_allclose(steps[[0, -1]], ends, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
class TestConfig:
    def off_default(self, name):
        model_class = zoo.get(name).model_class
        arguments = {key: OFF_DEFAULT[key] for key in model_class.argument_names()}
        if name == "sparse":
            arguments["latent_activation"] = "linear"
        return arguments

    def test_round_trip_with_every_argument_off_its_default(self, name):
        arguments = self.off_default(name)
        model_class = zoo.get(name).model_class
        defaults = {}
        for base in model_class.__mro__:
            if issubclass(base, zoo.ZooModel) and "__init__" in vars(base):
                for key, parameter in inspect.signature(base.__init__).parameters.items():
                    defaults.setdefault(key, parameter.default)
        for key, value in arguments.items():
            assert value != defaults[key], f"{key} is at its default"
        model = model_class(**arguments, name="other")
        config = json.loads(json.dumps(model.get_config()))
        again = model_class.from_config(config)
        assert again.get_config() == model.get_config()
        for key, value in arguments.items():
            assert getattr(again, key) == value
        shapes = [weight.shape for weight in model.weights]
        assert [weight.shape for weight in again.weights] == shapes

    def test_unknown_argument_is_refused(self, name):
        with pytest.raises(TypeError, match=r"unknown argument 'latent_dims'.*'latent_dim'"):
            zoo.create(name, SHAPE, latent_dims=3)


def test_reload_in_a_fresh_process(trained, digits, tmp_path):
    """Outputs, optimizer and noise come back: training goes on as if it had not stopped."""
    images = digits[:192]
    np.save(tmp_path / "images.npy", images)
    expected = {}
    for name in MODELS:
        model, _, _ = trained[name]
        model.save(tmp_path / f"{name}.keras")
        before = model.predict(images, verbose=0)
        kept = [variable.numpy() for variable in (*model.variables, *model.optimizer.variables)]
        model.fit(images, batch_size=64, epochs=1, shuffle=False, verbose=0)
        expected[name] = before, model.predict(images, verbose=0)
        variables = (*model.variables, *model.optimizer.variables)
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(value)  # other tests use the model as it was
    script = f"""
        import keras, numpy as np, zoo
        images = np.load(r"{tmp_path / "images.npy"}")
        found = {{}}
        for name in {MODELS}:
            model = keras.saving.load_model(rf"{tmp_path}/{{name}}.keras")
            found[f"{{name}}_before"] = model.predict(images, verbose=0)
            model.fit(images, batch_size=64, epochs=1, shuffle=False, verbose=0)
            found[f"{{name}}_after"] = model.predict(images, verbose=0)
        np.savez(r"{tmp_path / "found.npz"}", **found)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, timeout=300)
    found = np.load(tmp_path / "found.npz")
    for name, (before, after) in expected.items():
        np.testing.assert_allclose(found[f"{name}_before"], before, atol=1e-6, err_msg=name)
        np.testing.assert_allclose(found[f"{name}_after"], after, atol=2e-4, err_msg=name)
        assert np.abs(after - before).max() > 1e-3, name


@pytest.mark.parametrize("name", MODELS)
class TestTrainStepContract:
    """What works on a stock Keras model works here."""

    def test_sgd_update_is_the_same_in_float32_and_mixed_precision(self, digits, name):
        """Without the optimizer's loss scaling it would be 64 times too small."""
        arguments = {"seed": 5, "normalization": None}
        full = make(name, keras.optimizers.SGD(0.5), **arguments)
        # The default start of 2^15 overflows on losses that sum over pixels, and skips a step.
        scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.5), initial_scale=64)
        mixed = make(name, scaled, dtype="mixed_float16", **arguments)
        mixed.set_weights(full.get_weights())
        start = weights_of(full)
        for model in (full, mixed):
            model.fit(digits[:64], batch_size=64, epochs=1, shuffle=False, verbose=0)
        updates = [
            np.concatenate([(w - s).ravel() for w, s in zip(weights_of(m), start, strict=True)])
            for m in (full, mixed)
        ]
        size = np.linalg.norm(updates[0])
        assert size > 0
        assert np.linalg.norm(updates[1] - updates[0]) < 0.03 * size

    @pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
    def test_outputs_are_float32_under_mixed_precision(self, digits, name, policy):
        model = make(name, dtype=policy)
        outputs = model.forward(tf.constant(digits[:4]))
        assert outputs["prediction"].dtype == tf.float32
        terms = model.loss_terms(tf.constant(digits[:4]), tf.constant(digits[:4]), outputs)
        for term in terms.values():
            assert term.dtype == tf.float32
            assert np.isfinite(term.numpy()).all()
        assert str(model.encoder.layers[1].compute_dtype) == policy.removeprefix("mixed_")

    def test_two_replicas_train_as_one_device(self, strategy, digits, name):
        images = digits[:64]
        arguments = {"seed": 5} | WITHOUT_BATCH_STATISTICS.get(name, {})
        one = make(name, keras.optimizers.SGD(0.5), **arguments)
        with strategy.scope():
            two = make(name, keras.optimizers.SGD(0.5), **arguments)
        two.set_weights(one.get_weights())
        losses = [
            model.fit(images, batch_size=32, epochs=1, shuffle=False, verbose=0).history["loss"]
            for model in (one, two)
        ]
        assert np.isfinite(losses).all()
        if name in NOT_SPLITTABLE:
            np.testing.assert_allclose(losses[0], losses[1], rtol=0.2)
            return
        for first, second in zip(weights_of(one), weights_of(two), strict=True):
            np.testing.assert_allclose(first, second, atol=2e-5)

    def test_sample_weights(self, digits, name):
        """Rows of weight 0 do not count: half the rows away halves a loss without noise."""
        model = make(name, keras.optimizers.SGD(0.0), seed=5)
        images = digits[:40]
        weights = np.zeros(40, "float32")
        options = {"batch_size": 40, "verbose": 0, "return_dict": True}
        nothing = model.evaluate(images, sample_weight=weights, **options)
        assert nothing["loss"] == pytest.approx(0.0, abs=1e-6)
        whole = model.evaluate(images, **options)["loss"]
        doubled = model.evaluate(images, sample_weight=weights + 2, **options)["loss"]
        assert doubled == pytest.approx(2 * whole, rel=1e-5)
        weights[:10] = 1
        first = model.evaluate(images, sample_weight=weights, **options)["loss"]
        second = model.evaluate(images, sample_weight=1 - weights, **options)["loss"]
        assert first + second == pytest.approx(whole, rel=1e-5)
        logs = model.fit(images, sample_weight=weights, batch_size=40, verbose=0).history
        assert np.isfinite(logs["loss"]).all()

    def test_sample_weight_of_wrong_rank_is_refused(self, digits, name):
        model = make(name)
        with pytest.raises(ValueError, match=r"sample_weight must have shape \(batch,\)"):
            model.evaluate(digits[:8], sample_weight=np.ones((8, 8)), verbose=0)

    def test_gradient_accumulation_is_a_larger_batch(self, digits, name):
        arguments = {"seed": 5} | WITHOUT_BATCH_STATISTICS.get(name, {})
        images = digits[:64]
        large = make(name, keras.optimizers.SGD(0.5), **arguments)
        small = make(name, keras.optimizers.SGD(0.5, gradient_accumulation_steps=2), **arguments)
        small.set_weights(large.get_weights())
        start = weights_of(large)
        large.fit(images, batch_size=64, shuffle=False, verbose=0)
        small.fit(images, batch_size=32, shuffle=False, verbose=0)
        if name in NOT_SPLITTABLE:
            assert any((w != s).any() for w, s in zip(weights_of(small), start, strict=True))
            return
        for first, second in zip(weights_of(large), weights_of(small), strict=True):
            np.testing.assert_allclose(first, second, atol=2e-5)

    def test_clipping_bounds_the_update(self, digits, name):
        model = make(name, keras.optimizers.SGD(1.0, global_clipnorm=1e-3))
        before = weights_of(model)
        model.fit(digits[:32], batch_size=32, verbose=0)
        moved = [(w - s).ravel() for w, s in zip(weights_of(model), before, strict=True)]
        assert 0 < np.linalg.norm(np.concatenate(moved)) <= 1.01e-3

    def test_ema_is_written_at_the_end_of_fit(self, digits, name):
        """Two steps, to w1 and on to w2, with momentum m leave m w1 + (1 - m) w2."""
        arguments = {"seed": 5}
        plain = make(name, keras.optimizers.SGD(0.5), **arguments)
        average = make(
            name, keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.75), **arguments
        )
        average.set_weights(plain.get_weights())
        steps = []
        for _ in range(2):
            plain.fit(digits[:32], batch_size=32, shuffle=False, verbose=0)
            steps.append(weights_of(plain))
        average.fit(digits[:32], batch_size=32, shuffle=False, verbose=0, epochs=2)
        for found, old, new in zip(weights_of(average), *steps, strict=True):
            np.testing.assert_allclose(found, 0.75 * old + 0.25 * new, atol=1e-5)

    def test_steps_per_execution_changes_nothing(self, digits, name):
        losses = []
        for steps in (1, 3):
            keras.utils.set_random_seed(4)
            model = make(name, seed=5)
            model.compile("adam", steps_per_execution=steps)
            fitted = model.fit(digits[:128], batch_size=32, epochs=2, verbose=0, shuffle=False)
            losses.append(fitted.history["loss"])
        np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)

    def test_compiles_with_xla(self, digits, name):
        model = make(name, seed=5)
        model.compile("adam", jit_compile=True)
        history = model.fit(digits[:64], batch_size=32, epochs=1, verbose=0).history
        assert np.isfinite(history["loss"]).all()

    def test_any_source_of_data(self, digits, name):
        images = digits[:64]
        model = make(name, keras.optimizers.SGD(0.0), seed=5)
        model.compile(keras.optimizers.SGD(0.0), run_eagerly=True, metrics=["mae"])
        stream = tf.data.Dataset.from_tensor_slices(images).batch(32)

        class Batches(keras.utils.PyDataset):
            def __len__(self):
                return 2

            def __getitem__(self, index):
                return (images[32 * index : 32 * index + 32],)

        expected = model.evaluate(images, batch_size=32, verbose=0, return_dict=True)
        for source in (stream, Batches()):
            found = model.evaluate(source, verbose=0, return_dict=True)
            assert found == pytest.approx(expected, rel=1e-5)
        history = model.fit(stream, verbose=0, shuffle=False).history
        assert set(history) == set(expected)
        split = model.fit(images, validation_split=0.25, batch_size=48, verbose=0).history
        assert np.isfinite(split["val_loss"]).all()

    def test_compiled_metric_compares_prediction_and_target(self, digits, name):
        model = make(name)
        model.compile("adam", metrics=["mae"])
        found = model.evaluate(digits[:50], batch_size=50, verbose=0, return_dict=True)["mae"]
        inputs = model.corrupt(tf.constant(digits[:50]), training=False)
        expected = np.abs(model.forward(inputs)["prediction"].numpy() - digits[:50]).mean()
        assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", MODELS)
class TestShapesAndErrors:
    @pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (64, 64, 1), (140, 1), (784,)])
    def test_any_shape_that_fits(self, name, shape):
        model = make(name, image_shape=shape)
        images = np.random.default_rng(0).random((3, *shape), dtype="float32")
        assert model.reconstruct(images).shape == images.shape
        assert len(model.anomaly_score(images)) == 3
        assert np.isfinite(model.test_on_batch(images, return_dict=True)["loss"])

    def test_shape_that_does_not_divide_says_how_to_pad(self, name):
        with pytest.raises(
            ValueError, match=r"divisible by 4.*\(30, 30, 1\).*Pad to \(32, 32, 1\)"
        ):
            zoo.create(name, (30, 30, 1), preset="tiny")
        with pytest.raises(ValueError, match=r"length must be divisible by 4.*Pad to \(144, 1\)"):
            zoo.create(name, (141, 1), preset="tiny")

    @pytest.mark.parametrize("shape", [(28, 28, 1, 1), (), (28, 0, 1), "28x28", None, (2.5, 4)])
    def test_what_is_not_a_shape_is_refused(self, name, shape):
        with pytest.raises(ValueError, match="image_shape must be"):
            zoo.get(name).model_class(shape)

    def test_wrong_data_are_refused_at_the_door(self, trained, digits, name):
        model, _, _ = trained[name]
        holed = digits[:20].copy()
        holed[3, 2, 2] = np.nan
        endless = digits[:20].copy()
        endless[5] = np.inf
        for method in (model.fit, model.evaluate, model.predict, model.reconstruct):
            with pytest.raises(ValueError, match=r"must have shape \(batch, 8, 8, 1\)"):
                method(np.zeros((4, 10, 8, 1), "float32"))
            with pytest.raises(ValueError, match=r"Add the channel axis: x\[..., None\]"):
                method(digits[:4, ..., 0])
            with pytest.raises(ValueError, match=r"NaN or infinity in 1 of 20.*at index 3"):
                method(holed)
            with pytest.raises(ValueError, match=r"NaN or infinity in 1 of 20.*at index 5"):
                method(endless)
            with pytest.raises(ValueError, match=r"\[0, 1\].*maximum 255.*Divide by 255"):
                method(digits[:20] * 255)
            with pytest.raises(ValueError, match=r"\[0, 1\].*minimum -1"):
                method(digits[:20] * 2 - 1)
        with pytest.raises(ValueError, match=r"\[0, 1\].*maximum 9"):
            model.fit(tf.constant(digits[:4] * 9))
        with pytest.raises(ValueError, match="y must lie in"):
            model.fit(digits[:4], digits[:4] * 9)
        with pytest.raises(ValueError, match="same length"):
            model.fit(digits[:4], digits[:5])
        with pytest.raises(ValueError, match="must have shape"):
            model.fit(digits[:4], validation_data=(digits[:4, :4],))
        stream = tf.data.Dataset.from_tensor_slices(digits[:4, :4]).batch(2)
        with pytest.raises(ValueError, match="must have shape"):
            model.fit(stream)

    def test_fit_needs_compile_without_a_loss(self, digits, name):
        model = zoo.create(name, SHAPE, preset="tiny")
        with pytest.raises(ValueError, match=r"must be compiled first.*model.compile"):
            model.fit(digits[:4])
        model.compile("adam", loss="mse")
        with pytest.raises(ValueError, match="compile must be called without a loss"):
            model.fit(digits[:4])


@pytest.mark.parametrize("name", MODELS)
class TestDocumentation:
    def test_sections_and_arguments(self, name):
        model_class = zoo.get(name).model_class
        text = inspect.getdoc(model_class)
        for section in ("Args:", "Returns:", "Loss terms:", "Raises:", "Example:", "Reference:"):
            assert section in text, section
        arguments = text.split("Args:")[1].split("Call arguments:")[0]
        for key in list(inspect.signature(model_class.__init__).parameters)[1:]:
            name_in_doc = f"**{key}:" if key == "kwargs" else f"{key}:"
            assert name_in_doc in arguments, key

    def test_example_runs(self, name):
        model_class = zoo.get(name).model_class
        parser, runner = doctest.DocTestParser(), doctest.DocTestRunner()
        case = parser.get_doctest(model_class.__doc__, {"zoo": zoo}, name, None, 0)
        assert case.examples
        assert runner.run(case).failed == 0

    def test_registry_entry(self, name):
        entry = zoo.get(name)
        assert entry.paper.startswith("https://")
        assert entry.summary.endswith(".")
        assert {"tiny", "small", "base"} <= set(entry.presets)
