"""One battery for every registered model: what works on a stock Keras model works here."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo

# Noise or a statistic of the batch enters the loss: replicas and half batches draw others.
NOT_SPLITTABLE = {
    name
    for name in zoo.names()
    if "vae" in name or "adversarial" in name or "mmd" in name or "iwae" in name
    if name != "vq_vae"
} | {"denoising", "contractive", "semi_supervised_m2", "unet_denoiser", "masked_autoencoder"}


@pytest.fixture(scope="session")
def strategy():
    one_device = tf.distribute.ReductionToOneDevice()
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=one_device)


@pytest.mark.parametrize("name", zoo.names())
class TestTrainStepContract:
    def test_sgd_update_is_the_same_in_float32_and_mixed_precision(
        self, plain, kit, weights_of, name
    ):
        """Without the optimizer's loss scaling it would be 64 times too small."""
        full = plain(name, normalization=None)
        # The default start of 2^15 overflows on losses that sum over pixels, and skips a step.
        scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.5), initial_scale=64)
        mixed = kit.make(name, scaled, dtype="mixed_float16", seed=5, normalization=None)
        mixed.set_weights(full.get_weights())
        start = weights_of(full)
        for model in (full, mixed):
            data = kit.data(name, 0, 64)
            model.fit(*data, batch_size=64, epochs=1, shuffle=False, verbose=0)
        updates = [
            np.concatenate([(w - s).ravel() for w, s in zip(weights_of(m), start, strict=True)])
            for m in (full, mixed)
        ]
        size = np.linalg.norm(updates[0])
        assert size > 0
        assert np.linalg.norm(updates[1] - updates[0]) < 0.03 * size

    @pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
    def test_outputs_are_float32_under_mixed_precision(self, kit, name, policy):
        model = kit.make(name, dtype=policy)
        x, *y = (keras.tree.map_structure(tf.constant, part) for part in kit.data(name, 0, 4))
        outputs = model.forward(x)
        assert outputs["prediction"].dtype == tf.float32
        target = model.target_of(x, y[0] if y else None)
        for term in model.loss_terms(x, target, outputs).values():
            assert term.dtype == tf.float32
            assert np.isfinite(term.numpy()).all()
        kernels = [
            layer.compute_dtype
            for layer in model._flatten_layers(include_self=False, recursive=True)
            if isinstance(layer, (keras.layers.Dense, keras.layers.Conv2D))
        ]
        assert policy.removeprefix("mixed_") in kernels

    def test_two_replicas_train_as_one_device(self, strategy, plain, kit, weights_of, name):
        arguments = kit.without_batch_statistics.get(name, {})
        one = plain(name, **arguments)
        with strategy.scope():
            two = kit.make(name, keras.optimizers.SGD(0.5), seed=5, **arguments)
        two.set_weights(one.get_weights())
        data = kit.data(name, 0, 128)
        losses = [
            model.fit(*data, batch_size=64, epochs=1, shuffle=False, verbose=0).history["loss"]
            for model in (one, two)
        ]
        assert np.isfinite(losses).all()
        if name in NOT_SPLITTABLE:
            np.testing.assert_allclose(losses[0], losses[1], rtol=0.2)
            return
        for first, second in zip(weights_of(one), weights_of(two), strict=True):
            np.testing.assert_allclose(first, second, atol=2e-5)

    def test_sample_weights(self, plain, kit, name):
        """Rows of weight 0 do not count: half the rows away halves a loss without noise."""
        model = plain(name, 0.0)
        data = kit.data(name, 0, 40)
        weights = np.zeros(40, "float32")
        options = {"batch_size": 40, "verbose": 0, "return_dict": True}
        nothing = model.evaluate(*data, sample_weight=weights, **options)
        assert nothing["loss"] == pytest.approx(0.0, abs=1e-6)
        whole = model.evaluate(*data, **options)["loss"]
        doubled = model.evaluate(*data, sample_weight=weights + 2, **options)["loss"]
        assert doubled == pytest.approx(2 * whole, rel=1e-5)
        weights[:10] = 1
        first = model.evaluate(*data, sample_weight=weights, **options)["loss"]
        second = model.evaluate(*data, sample_weight=1 - weights, **options)["loss"]
        assert first + second == pytest.approx(whole, rel=1e-5)
        logs = model.fit(*data, sample_weight=weights, batch_size=40, verbose=0).history
        assert np.isfinite(logs["loss"]).all()
        with pytest.raises(ValueError, match=r"sample_weight must have shape \(batch,\)"):
            model.evaluate(*data, sample_weight=np.ones((40, 8)), verbose=0)

    def test_gradient_accumulation_is_a_larger_batch(self, plain, kit, weights_of, name):
        arguments = kit.without_batch_statistics.get(name, {})
        data = kit.data(name, 0, 64)
        large = plain(name, **arguments)
        accumulating = keras.optimizers.SGD(0.5, gradient_accumulation_steps=2)
        small = kit.make(name, accumulating, seed=5, **arguments)
        small.set_weights(large.get_weights())
        start = weights_of(large)
        large.fit(*data, batch_size=64, shuffle=False, verbose=0)
        small.fit(*data, batch_size=32, shuffle=False, verbose=0)
        if name in NOT_SPLITTABLE:
            assert any((w != s).any() for w, s in zip(weights_of(small), start, strict=True))
            return
        for first, second in zip(weights_of(large), weights_of(small), strict=True):
            np.testing.assert_allclose(first, second, atol=2e-5)

    def test_clipping_bounds_the_update(self, kit, name):
        model = kit.make(name, keras.optimizers.SGD(1.0, global_clipnorm=1e-3))
        before = [weight.numpy() for weight in model.trainable_weights]
        model.fit(*kit.data(name, 0, 32), batch_size=32, verbose=0, shuffle=False)
        after = [weight.numpy() for weight in model.trainable_weights]
        moved = [(w - s).ravel() for w, s in zip(after, before, strict=True)]
        assert 0 < np.linalg.norm(np.concatenate(moved)) <= 1.01e-3

    def test_ema_is_written_at_the_end_of_fit(self, plain, kit, name):
        """Two steps, to w1 and on to w2, with momentum m leave m w1 + (1 - m) w2."""
        without = plain(name)
        with_ema = keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.75)
        average = kit.make(name, with_ema, seed=5)
        average.set_weights(without.get_weights())
        data = kit.data(name, 0, 64)
        steps = []
        for _ in range(2):
            without.fit(*data, batch_size=64, shuffle=False, verbose=0)
            steps.append([weight.numpy() for weight in without.trainable_weights])
        average.fit(*data, batch_size=64, shuffle=False, verbose=0, epochs=2)
        for weight, old, new in zip(average.trainable_weights, *steps, strict=True):
            # Keras averages before it applies a constraint, such as rows of norm 1.
            atol = 2e-4 if weight.constraint is not None else 1e-5
            np.testing.assert_allclose(weight.numpy(), 0.75 * old + 0.25 * new, atol=atol)

    def test_steps_per_execution_and_xla(self, losses_of_seed_7, kit, name):
        losses = [losses_of_seed_7(name)]
        for settings in ({"steps_per_execution": 3}, {"jit_compile": True}):
            losses.append(kit.losses(name, 7, **settings))
        np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
        noisy = name in NOT_SPLITTABLE  # XLA draws other noise
        np.testing.assert_allclose(losses[0], losses[2], rtol=0.2 if noisy else 1e-2)

    def test_any_source_of_data(self, plain, kit, name):
        data = kit.data(name, 0, 64)
        model = plain(name, 0.0, metrics=["mae"])
        elements = data if len(data) > 1 else data[0]
        stream = tf.data.Dataset.from_tensor_slices(elements).batch(32)

        class Batches(keras.utils.PyDataset):
            def __len__(self):
                return 2

            def __getitem__(self, index):
                rows = slice(32 * index, 32 * index + 32)
                return keras.tree.map_structure(lambda part: part[rows], data)

        expected = model.evaluate(*data, batch_size=32, verbose=0, return_dict=True)
        for source in (stream, Batches()):
            found = model.evaluate(source, verbose=0, return_dict=True)
            assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)  # MMD is a small difference
        history = model.fit(stream, verbose=0, shuffle=False).history
        assert set(history) == set(expected)
        split = model.fit(*data, validation_split=0.25, batch_size=48, verbose=0).history
        assert np.isfinite(split["val_loss"]).all()

    def test_compiled_metric_compares_prediction_and_target(self, plain, kit, name):
        model = plain(name, 0.0, metrics=["mae"])
        data = kit.data(name, 0, 50)
        found = model.evaluate(*data, batch_size=50, verbose=0, return_dict=True)["mae"]
        x, *y = (keras.tree.map_structure(tf.constant, part) for part in data)
        inputs = model.corrupt(x, training=False)
        target = model.image_of(x) if not y or kit.task(name) != "segmentation" else y[0]
        prediction = model.forward(inputs)["prediction"].numpy()
        expected = np.abs(prediction - tf.cast(target, "float32").numpy()).mean()
        assert found == pytest.approx(expected, rel=1e-5)
