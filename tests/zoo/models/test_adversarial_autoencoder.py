"""The discriminator finds the known odds, and codes come to follow the prior."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo

SHAPE = (8, 8, 1)
SMALL = {"widths": (), "hidden_units": (32,), "latent_dim": 8}


def make(optimizer=None, **arguments):
    arguments = SMALL | {"seed": 5, "discriminator_units": (32, 32)} | arguments
    model = zoo.create("adversarial_autoencoder", SHAPE, **arguments)
    model.compile(optimizer or keras.optimizers.SGD(0.1))
    return model


def test_discriminator_learns_the_log_odds_of_two_gaussians():
    """Prior N(0, 1) against codes N(1, 1): log p - log q = 0.5 - z."""
    model = make(keras.optimizers.Adam(5e-3), latent_dim=1)
    step = tf.function(model.train_discriminator)
    codes = 1 + np.random.default_rng(0).normal(size=(60, 1024, 1)).astype("float32")
    for _ in range(5):
        for batch in tf.constant(codes):
            step(model.draw_prior(1024, model.seed_generator), batch)
    z = np.linspace(-1, 2, 7, dtype="float32")
    np.testing.assert_allclose(model.logit(tf.constant(z[:, None])), 0.5 - z, atol=0.25)


@pytest.mark.parametrize(("prior", "deviation"), [("normal", 1.0), ("uniform", 1 / np.sqrt(3))])
def test_prior_has_its_moments(prior, deviation):
    model = make(prior=prior)
    codes = model.draw_prior(5000, 1).numpy()
    assert codes.shape == (5000, model.latent_dim)
    np.testing.assert_allclose(codes.mean(axis=0), 0, atol=5 * deviation / np.sqrt(5000))
    np.testing.assert_allclose(codes.std(axis=0), deviation, rtol=0.05)
    if prior == "uniform":
        assert -1 <= codes.min() < -0.99
        assert 0.99 < codes.max() <= 1


def test_codes_come_to_follow_the_prior(digits):
    """Without the second player the same training leaves them elsewhere."""

    def distance(weight):
        keras.utils.set_random_seed(1)
        settings = {"latent_dim": 2, "adversarial_weight": weight, "start_at_mean": False}
        settings |= {"widths": (8, 16), "hidden_units": ()}
        model = make(keras.optimizers.Adam(3e-3), **settings)
        model.fit(digits[:512], batch_size=64, epochs=15, verbose=0)
        codes = model.encode(digits[:512])
        return np.abs(np.log(codes.std(axis=0))).max() + np.abs(codes.mean(axis=0)).max()

    assert distance(0.01) < 0.6 * distance(0.0)


def test_weight_zero_is_the_autoencoder(digits):
    mine = make(adversarial_weight=0.0)
    plain = zoo.create("autoencoder", SHAPE, seed=5, **SMALL)
    plain.compile(keras.optimizers.SGD(0.1))
    for weight, other in zip(mine.trainable_weights, plain.trainable_weights, strict=True):
        weight.assign(other)
    for model in (mine, plain):
        model.fit(digits[:64], batch_size=32, shuffle=False, verbose=0)
    for weight, other in zip(mine.trainable_weights, plain.trainable_weights, strict=True):
        np.testing.assert_allclose(weight, other, atol=1e-6)


def test_terms_by_numpy(digits):
    model = make(adversarial_weight=0.5)
    found = model.evaluate(digits[:50], batch_size=50, verbose=0, return_dict=True)
    logit = model.logit(model.encode(tf.constant(digits[:50]))).numpy()
    adversarial = np.log1p(np.exp(-logit)).mean()  # -log D
    error = np.square(model.reconstruct(digits[:50]) - digits[:50]).mean()
    assert found["adversarial"] == pytest.approx(adversarial, rel=1e-4)
    assert found["reconstruction"] == pytest.approx(error, rel=1e-4)
    assert found["loss"] == pytest.approx(error + 0.5 * adversarial, rel=1e-4)
    prior = model.forward(tf.constant(digits[:50]))["prior"]
    rival = 0.5 * np.log1p(np.exp(-model.logit(prior).numpy())) + 0.5 * np.log1p(np.exp(logit))
    assert found["discriminator"] == pytest.approx(rival.mean(), rel=1e-4)


def test_each_player_moves_its_own_weights_only(digits):
    for main_rate, rival_rate in ((0.0, 0.1), (0.1, 1e-12)):
        rates = keras.optimizers.SGD(main_rate), rival_rate
        model = make(rates[0], discriminator_learning_rate=rates[1], start_at_mean=False)
        main, rival = model.trainable_weights, model.discriminator.trainable_weights
        before = [[w.numpy() for w in weights] for weights in (main, rival)]
        model.fit(digits[:64], batch_size=64, verbose=0)
        moved = [
            [bool((w.numpy() != b).any()) for w, b in zip(weights, old, strict=True)]
            for weights, old in zip((main, rival), before, strict=True)
        ]
        assert any(moved[0]) == (main_rate > 0)
        assert all(moved[1]) == (rival_rate > 1e-3)


def test_discriminator_and_encoder_pull_in_opposite_directions(digits):
    """A step of the encoder alone lowers its own term and raises the discriminator's."""
    model = make(
        keras.optimizers.SGD(0.5), adversarial_weight=1.0, discriminator_learning_rate=1e-12
    )
    logs = [model.evaluate(digits[:100], batch_size=100, verbose=0, return_dict=True)]
    model.fit(digits[:100], batch_size=100, epochs=3, verbose=0)
    logs.append(model.evaluate(digits[:100], batch_size=100, verbose=0, return_dict=True))
    assert logs[1]["adversarial"] < logs[0]["adversarial"]
    assert logs[1]["discriminator"] > logs[0]["discriminator"]


def test_samples_are_decoded_draws_and_repeat_with_a_seed():
    model = make(prior="uniform")
    images = model.sample(4, seed=2)
    assert images.shape == (4, *SHAPE)
    np.testing.assert_array_equal(images, model.sample(4, seed=2))
    np.testing.assert_allclose(images, model.decode(model.draw_prior(4, 2).numpy()))
    assert (model.sample(4) != model.sample(4)).any()


def test_arguments_are_checked():
    def create(**arguments):
        zoo.create("adversarial_autoencoder", SHAPE, **arguments)

    with pytest.raises(ValueError, match=r"prior must be one of 'normal', 'uniform'.*'normal'"):
        create(prior="norml")
    with pytest.raises(ValueError, match=r"adversarial_weight must be a number in \[0, inf\]"):
        create(adversarial_weight=-0.1)
    with pytest.raises(ValueError, match="latent_dim must be an int >= 1"):
        create(latent_dim=None)
