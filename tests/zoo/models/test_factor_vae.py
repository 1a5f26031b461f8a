"""The total correlation is that of known Gaussians, and the two players keep to themselves."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo.models.factor_vae import permuted
from zoo.training.adversarial import two_class_loss

SHAPE = (8, 8, 1)


def make(optimizer=None, **arguments):
    arguments = {"preset": "tiny", "seed": 5, "discriminator_units": (16, 16)} | arguments
    model = zoo.create("factor_vae", SHAPE, **arguments)
    model.compile(optimizer or keras.optimizers.SGD(0.1))
    return model


def values_of(weights):
    return [weight.numpy() for weight in weights]


def differ(weights, before):
    return [bool((w.numpy() != b).any()) for w, b in zip(weights, before, strict=True)]


def test_permutation_keeps_the_values_of_each_unit_and_breaks_their_bond():
    generator = np.random.default_rng(0)
    shared = generator.normal(size=(2000, 1))
    codes = np.concatenate([shared, shared, -shared, generator.normal(size=(2000, 1))], axis=1)
    found = permuted(tf.constant(codes, tf.float32), keys_of(codes.shape)).numpy()
    np.testing.assert_array_equal(np.sort(found, axis=0), np.sort(codes.astype("float32"), axis=0))
    assert np.abs(np.corrcoef(codes.T) - np.eye(4)).max() > 0.99
    assert np.abs(np.corrcoef(found.T) - np.eye(4)).max() < 0.1  # 0.022 is one standard error


def keys_of(shape):
    return tf.random.stateless_uniform(shape, (3, 0))


def test_rows_of_weight_0_give_no_code_to_those_that_count():
    codes = np.arange(60, dtype="float32").reshape(20, 3)
    weights = np.ones(20, "float32")
    weights[[0, 3, 4, 11, 19]] = 0
    found = permuted(tf.constant(codes), keys_of(codes.shape), tf.constant(weights)).numpy()
    for counts in (weights > 0, weights == 0):
        kept = np.sort(found[counts], axis=0), np.sort(codes[counts], axis=0)
        np.testing.assert_array_equal(*kept)
    rows = [set(row // 3) for row in found.astype(int)[weights > 0]]
    assert max(map(len, rows)) == 3  # units of one row come from several
    ones = permuted(tf.constant(codes), keys_of(codes.shape), tf.ones(20)).numpy()
    np.testing.assert_array_equal(ones, permuted(tf.constant(codes), keys_of(codes.shape)))


def test_permutation_does_not_follow_the_noise_of_the_code():
    """The numbers of evaluation are fixed too: by those of the code, ranks would line up."""
    model = make()
    x = np.random.default_rng(0).random((2000, *SHAPE), dtype="float32")
    outputs = model.forward(x)
    noise = (outputs["z"] - outputs["z_mean"]) * tf.exp(-0.5 * outputs["z_log_var"])
    found = permuted(noise, outputs["order"]).numpy()
    assert np.abs(np.corrcoef(found.T) - np.eye(model.latent_dim)).max() < 0.1


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_total_correlation_of_gaussians(correlation):
    """Two Gaussian units with correlation r have -0.5 log(1 - r^2) nats: 0.51 for 0.8."""
    model = make(keras.optimizers.Adam(5e-3), latent_dim=2, discriminator_units=(32, 32))
    generator = np.random.default_rng(0)
    noise = generator.normal(size=(60, 1024, 2)).astype("float32")
    pairs = noise.copy()
    pairs[..., 1] = correlation * noise[..., 0] + np.sqrt(1 - correlation**2) * noise[..., 1]
    step = tf.function(model.train_discriminator)
    for _ in range(5):
        for z in tf.constant(pairs):
            step(z, permuted(z, keras.random.uniform(z.shape, seed=model.seed_generator)))
    estimate = np.mean([model.logit(tf.constant(z)).numpy().mean() for z in pairs])
    assert estimate == pytest.approx(-0.5 * np.log(1 - correlation**2), abs=0.08)


def test_discriminator_loss_is_the_crossentropy_of_two_classes():
    first, second = np.array([0.3, -2.0, 40.0]), np.array([1.0, -3.0, -40.0])
    sigmoid = 1 / (1 + np.exp(-np.concatenate([first, -second])))
    expected = -0.5 * np.log(sigmoid).reshape(2, 3).sum(axis=0)
    np.testing.assert_allclose(two_class_loss(first, second), expected, rtol=1e-5, atol=1e-7)
    assert float(two_class_loss(0.0, 0.0)) == pytest.approx(np.log(2))


def test_each_player_moves_its_own_weights_only(digits):
    """A learning rate of 0 holds one player: the other's step does not touch it."""
    for main_rate, rival_rate in ((0.0, 0.1), (0.1, 1e-12)):
        rates = keras.optimizers.SGD(main_rate), rival_rate
        model = make(rates[0], discriminator_learning_rate=rates[1], start_at_mean=False)
        main, rival = model.trainable_weights, model.discriminator.trainable_weights
        assert {w.path for w in main}.isdisjoint(w.path for w in rival)
        assert len(main) + len(rival) + 1 == len(model.weights)  # kl_scale is nobody's
        before = values_of(main), values_of(rival)
        model.fit(digits[:64], batch_size=64, verbose=0)
        assert all(differ(main, before[0])) == (main_rate > 0)
        assert any(differ(main, before[0])) == (main_rate > 0)
        assert all(differ(rival, before[1])) == (rival_rate > 1e-3)


def test_discriminator_step_has_no_part_in_the_encoder(digits):
    model = make()
    before = values_of(model.trainable_weights)
    outputs = model.forward(tf.constant(digits[:64]), training=True)
    model.train_discriminator(*model.discriminator_inputs(outputs))
    assert not any(differ(model.trainable_weights, before))


def test_discriminator_update_by_hand(digits):
    """SGD of two_class_loss alone, on the codes that the step saw: no scaling, no other term."""
    model = make(keras.optimizers.SGD(0.0), discriminator_learning_rate=0.5)
    again = make(keras.optimizers.SGD(0.0))
    again.set_weights(model.get_weights())
    model.fit(digits[:64], batch_size=64, shuffle=False, verbose=0)
    x = tf.constant(digits[:64])
    first, second = again.discriminator_inputs(again.forward(x, training=True))
    weights = again.discriminator.trainable_weights
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(two_class_loss(again.logit(first), again.logit(second)))
    gradients = tape.gradient(loss, weights)
    for found, start, gradient in zip(
        model.discriminator.trainable_weights, weights, gradients, strict=True
    ):
        np.testing.assert_allclose(found, start - 0.5 * gradient, atol=1e-5)


def test_terms_add_up_and_evaluate_is_the_validation_loss(digits):
    model = make(keras.optimizers.Adam(1e-3), gamma=3.0, beta=2.0)
    history = model.fit(
        digits[:200], batch_size=64, verbose=0, validation_data=(digits[200:300],)
    ).history
    found = model.evaluate(digits[200:300], batch_size=64, verbose=0, return_dict=True)
    for prefix in ("", "val_"):
        row = {key: history[prefix + key][0] for key in found}
        total = row["reconstruction"] + 2.0 * row["kl"] + 3.0 * row["total_correlation"]
        assert row["loss"] == pytest.approx(total, rel=1e-5)
    assert found == {key: pytest.approx(history[f"val_{key}"][0], rel=1e-6) for key in found}


def test_gamma_zero_is_the_vae(digits):
    factor, vae = make(gamma=0.0), zoo.create("vae", SHAPE, preset="tiny", seed=5)
    vae.compile(keras.optimizers.SGD(0.1))
    for mine, theirs in zip(factor.trainable_weights, vae.trainable_weights, strict=True):
        mine.assign(theirs)
    losses = [
        model.fit(digits[:64], batch_size=64, verbose=0).history["loss"] for model in (factor, vae)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    for mine, theirs in zip(factor.trainable_weights, vae.trainable_weights, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)


def test_both_optimizers_come_back_from_a_file(digits, tmp_path):
    model = make(keras.optimizers.Adam(1e-2, use_ema=True, ema_momentum=0.9))
    model.fit(digits[:64], batch_size=32, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    for name in ("optimizer", "discriminator_optimizer"):
        state, found = getattr(model, name).variables, getattr(again, name).variables
        num_trained = len(
            model.trainable_weights
            if name == "optimizer"
            else model.discriminator.trainable_weights
        )
        assert len(state) == len(found) == 2 + 3 * num_trained  # two moments and the average
        for mine, theirs in zip(state, found, strict=True):
            np.testing.assert_array_equal(mine, theirs)
        assert np.abs(state[-1].numpy()).max() > 0
    for one in (model, again):
        one.fit(digits[:64], batch_size=32, shuffle=False, verbose=0)
    for mine, theirs in zip(model.weights, again.weights, strict=True):
        np.testing.assert_allclose(theirs, mine, atol=1e-4)


def test_weights_files_do_not_depend_on_compile(digits, tmp_path):
    trained, compiled = make(), make()
    bare = zoo.create("factor_vae", SHAPE, preset="tiny", discriminator_units=(16, 16))
    trained.fit(digits[:64], verbose=0)
    trained.save_weights(tmp_path / "trained.weights.h5")
    bare.load_weights(tmp_path / "trained.weights.h5")
    bare.save_weights(tmp_path / "bare.weights.h5")
    compiled.load_weights(tmp_path / "bare.weights.h5")
    for mine, theirs in zip(compiled.weights, trained.weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_averages_of_both_players_are_written_at_the_end_of_fit(digits):
    """Steps to w1 and w2 with momentum m leave m w1 + (1 - m) w2 in every trained weight."""
    plain = make(keras.optimizers.SGD(0.5))
    average = make(keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.75))
    average.set_weights(plain.get_weights())
    steps = []
    for _ in range(2):
        plain.fit(digits[:32], batch_size=32, shuffle=False, verbose=0)
        steps.append(values_of(plain.discriminator.weights))
    average.fit(digits[:32], batch_size=32, shuffle=False, verbose=0, epochs=2)
    for found, old, new in zip(average.discriminator.weights, *steps, strict=True):
        np.testing.assert_allclose(found, 0.75 * old + 0.25 * new, atol=1e-5)


def test_discriminator_update_is_the_same_in_mixed_precision(digits):
    """Without its own loss scaling it would be 64 times too small."""
    arguments = {"discriminator_learning_rate": 0.5}
    full = make(keras.optimizers.SGD(0.0), **arguments)
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.0), initial_scale=64)
    mixed = make(scaled, dtype="mixed_float16", **arguments)
    mixed.set_weights(full.get_weights())
    start = values_of(full.discriminator.weights)
    updates = []
    for model in (full, mixed):
        model.fit(digits[:64], batch_size=64, shuffle=False, verbose=0)
        moved = zip(model.discriminator.weights, start, strict=True)
        updates.append(np.concatenate([(w.numpy() - s).ravel() for w, s in moved]))
    size = np.linalg.norm(updates[0])
    assert size > 1e-3
    assert np.linalg.norm(updates[1] - updates[0]) < 0.05 * size


def test_discriminator_accumulates_gradients_and_counts_replicas_once(digits):
    """Two half batches, on one device or two, move it about as far as one batch."""
    arguments = {"discriminator_learning_rate": 0.5}
    one = make(keras.optimizers.SGD(0.0), **arguments)
    halves = make(keras.optimizers.SGD(0.0, gradient_accumulation_steps=2), **arguments)
    one_device = tf.distribute.ReductionToOneDevice()
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=one_device)
    with strategy.scope():
        two = make(keras.optimizers.SGD(0.0), **arguments)
    start = one.get_weights()
    moved = []
    for model, batch_size in ((one, 256), (halves, 128), (two, 256)):
        model.set_weights(start)
        before = values_of(model.discriminator.weights)
        model.fit(digits[:256], batch_size=batch_size, shuffle=False, verbose=0)
        pairs = zip(model.discriminator.weights, before, strict=True)
        moved.append(np.concatenate([(w.numpy() - b).ravel() for w, b in pairs]))
    size = np.linalg.norm(moved[0])
    for other in moved[1:]:
        assert np.linalg.norm(other) == pytest.approx(size, rel=0.4)


def test_rows_of_weight_zero_do_not_teach_the_discriminator(digits):
    model = make()
    before = values_of(model.discriminator.weights)
    model.fit(digits[:32], sample_weight=np.zeros(32), batch_size=32, verbose=0)
    assert not any(differ(model.discriminator.weights, before))


def test_optimizers_are_two(digits):
    schedule = keras.optimizers.schedules.ExponentialDecay(1e-3, 10, 0.9)
    model = make(keras.optimizers.Adam(schedule, beta_1=0.5))
    copy = model.discriminator_optimizer
    assert copy is not model.optimizer
    assert copy.get_config()["learning_rate"]["config"]["decay_steps"] == 10
    assert copy.get_config()["beta_1"] == 0.5
    model = make("adam", discriminator_learning_rate=3e-4)
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-3)
    assert float(model.discriminator_optimizer.learning_rate) == pytest.approx(3e-4)


def test_arguments_are_checked():
    with pytest.raises(ValueError, match=r"gamma must be a number in \[0, inf\]"):
        zoo.create("factor_vae", SHAPE, gamma=-1)
    with pytest.raises(TypeError, match="discriminator_units must be a tuple of ints"):
        zoo.create("factor_vae", SHAPE, discriminator_units=5)
    with pytest.raises(ValueError, match="discriminator_learning_rate must be a number"):
        zoo.create("factor_vae", SHAPE, discriminator_learning_rate=0.0)
    with pytest.raises(TypeError, match="Use likelihood"):
        zoo.create("factor_vae", SHAPE, reconstruction="mean_huber")
