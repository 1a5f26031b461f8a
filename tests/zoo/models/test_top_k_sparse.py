"""The code is sparse, the dictionary has unit norm, and the dead come back."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

import zoo

DIGITS = (load_digits().images[:1024] / 16).astype("float32").reshape(-1, 64)


def make(image_shape=(64,), **arguments):
    return zoo.create(
        "top_k_sparse", image_shape, **({"latent_dim": 96, "num_active": 5} | arguments)
    )


def compiled(optimizer, **arguments):
    model = make(**arguments)
    model.compile(optimizer, jit_compile=False)
    return model


def kernels(model):
    """Encoder kernel `(pixels, latent_dim)` and stored decoder kernel `(latent_dim, pixels)`."""
    return model.encoder.layers[-1].kernel.numpy(), model.decoder.weights[0].numpy()


def set_inactive_steps(model, steps):
    model.last_activity.assign(np.asarray(steps) == 0)
    model.earlier_inactive_steps.assign(np.maximum(np.asarray(steps) - 1, 0))


def top(values, count):
    """Keeps the largest values of each row, in numpy."""
    kept = np.zeros_like(values)
    largest = np.argsort(values, axis=1)[:, -count:]
    np.put_along_axis(kept, largest, np.take_along_axis(values, largest, axis=1), axis=1)
    return kept


def test_code_and_reconstruction_are_those_of_the_formula():
    model = make()
    generator = np.random.default_rng(3)
    model.encoder.layers[-1].kernel.assign(generator.normal(size=(64, 96)))
    model.pre_bias.assign(generator.normal(size=64))
    unmix, mix = kernels(model)
    bias = model.pre_bias.numpy()
    code = top((DIGITS[:40] - bias) @ unmix, 5)
    np.testing.assert_allclose(model.encode(DIGITS[:40]), code, atol=1e-4)
    rows = mix / np.linalg.norm(mix, axis=1, keepdims=True)
    np.testing.assert_allclose(model.decode(code), code @ rows + bias, atol=1e-4)
    np.testing.assert_allclose(model.reconstruct(DIGITS[:40]), code @ rows + bias, atol=1e-4)


def test_exactly_k_units_are_on_also_where_they_tie():
    model = make()
    np.testing.assert_array_equal(np.count_nonzero(model.encode(DIGITS), axis=1), 5)
    model.encoder.layers[-1].kernel.assign(np.ones((64, 96)))
    code = model.encode(DIGITS[:50])
    np.testing.assert_array_equal(np.count_nonzero(code, axis=1), 5)
    np.testing.assert_allclose(code.sum(axis=1), 5 * DIGITS[:50].sum(axis=1), rtol=1e-5)


def test_encoder_starts_as_the_transpose_of_the_dictionary():
    model = make(image_shape=(8, 8, 1))
    unmix, mix = kernels(model)
    np.testing.assert_array_equal(unmix, mix.T)
    assert model.dictionary().shape == (96, 8, 8, 1)
    np.testing.assert_allclose(model.dictionary().reshape(96, 64), mix, atol=1e-6)


def test_directions_keep_norm_one_in_training():
    model = compiled(keras.optimizers.Adam(0.03))
    start = model.dictionary()
    model.fit(DIGITS[:256], epochs=2, batch_size=32, verbose=0)
    assert np.abs(model.dictionary() - start).max() > 0.05
    for rows in (model.dictionary(), kernels(model)[1]):
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    unmix, mix = kernels(model)
    assert np.abs(unmix - mix.T).max() > 0.05  # tied at the start only


def test_the_gradient_turns_directions_and_does_not_stretch_them():
    model = make()
    with tf.GradientTape() as tape:
        outputs = model.forward(DIGITS[:64])
        loss = tf.reduce_mean(model.loss_terms(DIGITS[:64], DIGITS[:64], outputs)["reconstruction"])
    gradient = tape.gradient(loss, model.decoder.weights[0].value).numpy()
    along = np.sum(gradient * kernels(model)[1], axis=1)
    assert np.linalg.norm(gradient) > 1e-3
    assert np.linalg.norm(along) < 1e-5 * np.linalg.norm(gradient)


def test_inactive_steps_count_training_steps_only():
    model = compiled(keras.optimizers.SGD(0.0), dead_after=3)
    expected = np.zeros(96)
    np.testing.assert_array_equal(model.inactive_steps(), expected)
    for start in range(0, 80, 16):
        batch = DIGITS[start : start + 16]
        active = np.count_nonzero(model.encode(batch), axis=0) > 0
        expected = np.where(active, 0, expected + 1)
        model.train_on_batch(batch)
        model.evaluate(DIGITS[:16], verbose=0)
        model.predict(DIGITS[:16], verbose=0)
        np.testing.assert_array_equal(model.inactive_steps(), expected)
    assert 0 < np.mean(expected >= 3) < 1
    assert model.dead_fraction() == pytest.approx(np.mean(expected >= 3))


def test_a_unit_that_is_active_on_any_replica_is_active():
    one_device = tf.distribute.ReductionToOneDevice()
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=one_device)
    one = compiled(keras.optimizers.SGD(0.1))
    with strategy.scope():
        two = compiled(keras.optimizers.SGD(0.1))
    two.set_weights(one.get_weights())
    for model in (one, two):
        model.fit(DIGITS[:96], batch_size=32, shuffle=False, verbose=0)
    np.testing.assert_array_equal(one.inactive_steps(), two.inactive_steps())
    assert 0 < np.mean(one.inactive_steps() > 0) < 1


def test_counters_are_saved(tmp_path):
    model = make()
    steps = np.arange(96)
    set_inactive_steps(model, steps)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.inactive_steps(), steps)


@pytest.mark.parametrize("num_dead", [0, 4, 40])
def test_auxiliary_term_is_what_dead_units_miss_of_the_residual(num_dead):
    """With fewer dead units than `num_auxiliary`, all of them; with none, 0."""
    model = make(dead_after=10, num_auxiliary=7)
    dead = np.zeros(96, bool)
    dead[np.random.default_rng(0).permutation(96)[:num_dead]] = True
    set_inactive_steps(model, np.where(dead, 10, 9))
    x = DIGITS[:30]
    terms = model.loss_terms(x, x, model.forward(x))
    unmix, mix = kernels(model)
    residual = x - model.reconstruct(x)
    features = x @ unmix
    code = np.zeros_like(features)
    if num_dead:
        code[:, dead] = top(features[:, dead], min(7, num_dead))
    expected = np.mean((residual - code @ mix) ** 2, axis=1) * (num_dead > 0)
    np.testing.assert_allclose(terms["auxiliary"], expected, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(terms["reconstruction"], np.mean(residual**2, axis=1), rtol=1e-3)


def test_a_unit_that_is_active_in_this_step_is_not_dead_in_it():
    model = make(dead_after=10)
    set_inactive_steps(model, np.full(96, 30))
    outputs = model.forward(DIGITS[:4], training=True)
    active = np.any(np.not_equal(outputs["code"], 0), axis=0)
    assert 0 < active.mean() < 1
    np.testing.assert_array_equal(outputs["dead"], ~active)
    set_inactive_steps(model, np.full(96, 9))  # the tenth step without activity is this one
    np.testing.assert_array_equal(model.forward(DIGITS[:4], training=True)["dead"], ~active)


def test_auxiliary_term_trains_dead_units_alone():
    model = make(dead_after=10, num_auxiliary=96)
    dead = np.arange(96) < 20
    set_inactive_steps(model, np.where(dead, 10, 0))
    with tf.GradientTape() as tape:
        outputs = model.forward(DIGITS[:64])
        loss = tf.reduce_mean(model.loss_terms(DIGITS[:64], DIGITS[:64], outputs)["auxiliary"])
    kernel = model.encoder.layers[-1].kernel.value
    size = np.linalg.norm(tape.gradient(loss, kernel), axis=0)
    assert (size[dead] > 0).all()
    assert (size[~dead] == 0).all()


def test_auxiliary_term_brings_dead_units_back():
    shares = {}
    for weight in (0.0, 1 / 32):
        keras.utils.set_random_seed(0)
        model = compiled(
            keras.optimizers.Adam(3e-2),
            latent_dim=256,
            num_active=4,
            dead_after=10,
            auxiliary_weight=weight,
        )
        model.fit(DIGITS, batch_size=64, epochs=8, verbose=0)
        shares[weight] = model.dead_fraction()
    assert shares[0.0] > 0.5
    assert shares[1 / 32] < 0.7 * shares[0.0]


def test_centring_sets_the_bias_to_the_median():
    model = make(image_shape=(8, 8, 1))
    images = DIGITS.reshape(-1, 8, 8, 1)
    model.center_on(images)
    np.testing.assert_allclose(model.pre_bias.numpy(), np.median(images, axis=0))
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        model.center_on(images * 9)


@pytest.mark.parametrize(
    ("image_shape", "latent_dim"), [((8, 8, 1), 512), ((10, 3), 240), ((28, 28, 1), 4096)]
)
def test_default_code_is_overcomplete_up_to_a_bound(image_shape, latent_dim):
    model = zoo.create("top_k_sparse", image_shape)
    assert model.latent_dim == latent_dim
    assert model.num_auxiliary == np.prod(image_shape) // 2
    assert model.count_params() == (2 * latent_dim + 1) * np.prod(image_shape) + 2 * latent_dim


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_active": 97}, r"num_active must be <= latent_dim\. Received: num_active=97, la"),
        ({"num_auxiliary": 97}, r"num_auxiliary must be <= latent_dim"),
        ({"num_active": 0}, r"num_active must be an int >= 1"),
        ({"dead_after": 0.5}, r"dead_after must be an int >= 1"),
        ({"auxiliary_weight": -1.0}, r"auxiliary_weight must be a number in \[0, inf\]"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)


@pytest.mark.parametrize("name", ["widths", "hidden_units", "reconstruction", "normalization"])
def test_arguments_of_deeper_networks_are_refused(name):
    with pytest.raises(TypeError, match=rf"{name} is fixed.*Use the model 'sparse'"):
        make(**{name: None})


def test_of_the_arguments_of_an_autoencoder_it_takes_four():
    taken = set(zoo.models.Autoencoder.argument_names()) & set(
        zoo.get("top_k_sparse").argument_names
    )
    assert taken == {"image_shape", "latent_dim", "seed", "start_at_mean"}
