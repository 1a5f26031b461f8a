"""The VAE against exact answers: a linear Gaussian one has a density in closed form."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from sklearn.datasets import load_digits

import zoo

DIGITS = (load_digits().images[:512, ..., None] / 16).astype("float32")
SHAPE = (8, 8, 1)
FEATURES, LATENT, SCALE = 4, 2, 0.4
TINY = {"widths": (4, 8), "hidden_units": (), "latent_dim": 4}


def make(name="vae", image_shape=SHAPE, **arguments):
    keras.utils.set_random_seed(7)
    return zoo.create(name, image_shape, **(TINY | arguments))


class LinearGaussian:
    """x = W z + b + SCALE * noise in numpy, and a VAE that holds just that.

    Args:
        orthogonal: Whether the columns of `W` are orthogonal: the posterior is then diagonal, and
            the VAE's encoder is made to be exactly it. Otherwise it is made to be off.
    """

    def __init__(self, orthogonal: bool):
        random = np.random.default_rng(2)
        self.weight = random.normal(size=(FEATURES, LATENT)) * 0.5
        if orthogonal:
            self.weight = np.linalg.qr(self.weight)[0] * np.array([0.9, 0.5])
        self.bias = np.full(FEATURES, 0.5)
        self.x = random.uniform(size=(64, FEATURES)).astype("float32")
        precision = self.weight.T @ self.weight / SCALE**2 + np.eye(LATENT)
        gain = np.linalg.solve(precision, self.weight.T) / SCALE**2  # (latent, features)
        self.log_var = -np.log(np.diag(precision)) + (0.0 if orthogonal else 1.0)
        self.mean_kernel, self.mean_bias = gain.T, -gain @ self.bias
        self.model = zoo.create(
            "vae",
            FEATURES,
            widths=(),
            hidden_units=(),
            latent_dim=LATENT,
            likelihood="gaussian",
            scale=SCALE,
            output_activation="linear",
        )
        zeros = np.zeros((FEATURES, LATENT))
        self.model.encoder.get_layer("z_mean").set_weights([self.mean_kernel, self.mean_bias])
        self.model.encoder.get_layer("z_log_var").set_weights([zeros, self.log_var])
        self.model.decoder.get_layer("pixels").set_weights([self.weight.T, self.bias])

    def log_density(self):
        covariance = self.weight @ self.weight.T + SCALE**2 * np.eye(FEATURES)
        return stats.multivariate_normal(self.bias, covariance).logpdf(self.x)

    def elbo(self):
        """E_q[log p(x | z)] - KL(q || p), both in closed form."""
        mean, variance = self.x @ self.mean_kernel + self.mean_bias, np.exp(self.log_var)
        fit = stats.norm.logpdf(self.x, mean @ self.weight.T + self.bias, SCALE).sum(axis=1)
        spread = np.sum(self.weight**2 @ variance) / (2 * SCALE**2)
        kl = 0.5 * np.sum(variance + mean**2 - 1 - self.log_var, axis=1)
        return fit - spread - kl


@pytest.fixture(scope="module")
def inexact():
    return LinearGaussian(orthogonal=False)


@pytest.fixture(scope="module")
def exact():
    return LinearGaussian(orthogonal=True)


# --- bounds and likelihoods ---------------------------------------------------------------------


def test_log_likelihood_is_the_density_of_a_linear_gaussian(inexact):
    estimate = inexact.model.log_likelihood(inexact.x, num_samples=5000)
    np.testing.assert_allclose(estimate, inexact.log_density(), atol=0.1)
    assert np.mean(estimate - inexact.log_density()) == pytest.approx(0, abs=0.02)


def test_log_likelihood_needs_one_sample_when_the_posterior_is_exact(exact):
    for num_samples in (1, 7):
        estimate = exact.model.log_likelihood(exact.x, num_samples=num_samples)
        np.testing.assert_allclose(estimate, exact.log_density(), rtol=1e-4, atol=1e-4)


def test_elbo_is_its_closed_form(inexact):
    estimate = inexact.model.elbo(inexact.x, num_samples=4000)
    np.testing.assert_allclose(estimate, inexact.elbo(), atol=0.15)
    assert np.mean(estimate - inexact.elbo()) == pytest.approx(0, abs=0.05)


def test_elbo_is_tight_when_the_posterior_is_exact(exact):
    np.testing.assert_allclose(exact.elbo(), exact.log_density(), rtol=1e-6)
    estimate = exact.model.elbo(exact.x, num_samples=4000)
    assert np.mean(estimate - exact.log_density()) == pytest.approx(0, abs=0.05)


def test_log_likelihood_lies_above_the_elbo_and_rises_with_the_samples(inexact):
    repeats = 100
    apart = 1e-6 * np.arange(repeats, dtype="float32")  # else one image has one noise
    x = np.tile(inexact.x, (repeats, 1)) + np.repeat(apart, len(inexact.x))[:, None]
    one, few, many = (
        inexact.model.log_likelihood(x, num_samples=count, batch_size=len(x))
        for count in (1, 5, 200)
    )
    difference = one - np.tile(inexact.elbo(), repeats)  # one sample: the ELBO, in the mean
    assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(len(x))
    assert one.mean() + 0.1 < few.mean() < many.mean() - 0.02
    assert many.mean() < inexact.log_density().mean() + 0.01


def test_the_loss_is_the_negative_elbo():
    model = make()
    model.compile("sgd", jit_compile=False)
    logs = model.evaluate(DIGITS, batch_size=256, return_dict=True, verbose=0)
    expected = -model.elbo(DIGITS, batch_size=256).mean()
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)
    assert logs["loss"] == pytest.approx(logs["reconstruction"] + logs["kl"], rel=1e-5)


@pytest.mark.parametrize("method", ["elbo", "log_likelihood"])
def test_bounds_are_the_same_at_each_call(inexact, method):
    first, second = (getattr(inexact.model, method)(inexact.x, num_samples=3) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    of_numpy = getattr(inexact.model, method)(inexact.x, num_samples=np.int64(3))
    np.testing.assert_array_equal(of_numpy, first)
    with pytest.raises(ValueError, match=r"VAE: num_samples must be an int >= 1"):
        getattr(inexact.model, method)(inexact.x, num_samples=0)


def test_analytic_kl_is_the_mean_of_its_monte_carlo_estimate():
    count = 20_000
    model = make(image_shape=FEATURES, widths=(), kl="monte_carlo")
    x = tf.convert_to_tensor(np.tile(np.linspace(0, 1, FEATURES, dtype="float32"), (count, 1)))
    values = np.asarray(model.kl_divergence(model.forward(x, training=True)))
    mean, log_var = (np.asarray(part, "float64") for part in model.encode_distribution(x[:1]))
    expected = 0.5 * np.sum(np.exp(log_var) + mean**2 - 1 - log_var)
    standard_error = values.std(ddof=1) / np.sqrt(count)
    assert abs(values.mean() - expected) < 4 * standard_error
    analytic = make(image_shape=FEATURES, widths=())
    analytic.set_weights(model.get_weights())
    np.testing.assert_allclose(
        analytic.kl_divergence(analytic.forward(x[:5])), np.full(5, expected), rtol=1e-4
    )


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits))


@pytest.mark.parametrize(
    ("arguments", "log_density"),
    [
        ({}, lambda t, a: stats.bernoulli.logpmf(t, sigmoid(a))),
        (
            {"likelihood": "gaussian", "scale": 0.2},
            lambda t, a: stats.norm.logpdf(t, sigmoid(a), 0.2),
        ),
        (
            {"likelihood": "gaussian", "scale": 2.0, "output_activation": "linear"},
            lambda t, a: stats.norm.logpdf(t, a, 2.0),
        ),
        (
            {"likelihood": "laplace", "scale": 0.2},
            lambda t, a: stats.laplace.logpdf(t, sigmoid(a), 0.2),
        ),
        (
            {"likelihood": "laplace", "scale": 0.3, "learn_scale": True},
            lambda t, a: stats.laplace.logpdf(t, sigmoid(a), 0.3),
        ),
    ],
)
def test_likelihoods_are_densities(arguments, log_density):
    model = make(**arguments)
    target = (DIGITS[:5] > 0.5).astype("float32")
    logits = np.random.default_rng(4).normal(size=target.shape).astype("float32")
    expected = -log_density(target, logits.astype("float64")).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(model.negative_log_likelihood(target, logits), expected, rtol=1e-4)


def test_learned_scale_moves_to_the_error():
    model = make(likelihood="gaussian", learn_scale=True, scale=1.0)
    assert np.exp(model.log_scale.numpy()) == pytest.approx(1.0)
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    model.fit(DIGITS, epochs=30, batch_size=64, verbose=0)
    reconstruction = model(DIGITS, training=True)  # with sampling, as the loss sees it
    error = np.sqrt(np.mean((DIGITS - reconstruction) ** 2))
    assert error < 0.35
    assert np.exp(model.log_scale.numpy()) == pytest.approx(error, rel=0.15)


@pytest.mark.parametrize("likelihood", ["gaussian", "laplace"])
def test_the_default_scale_pays_for_a_code(likelihood):
    """What the first components save in nats, at most, must exceed their price in nats.

    A Gaussian unit of variance v, seen with noise of variance s^2, is worth coding if v > s^2.
    """
    scale = make(likelihood=likelihood, latent_dim=16).scale
    variances = np.linalg.eigvalsh(np.cov(DIGITS.reshape(len(DIGITS), -1).T))
    noise = scale**2 * (1 if likelihood == "gaussian" else 2)
    assert np.sum(variances > noise) >= 16  # the default code has as many units
    assert np.sum(variances > 1.0) == 0  # with a scale of 1 none is


def test_a_configuration_of_before_keeps_its_scale():
    model = make(likelihood="gaussian")
    again = type(model).from_config({**model.get_config(), "scale": 1.0})
    assert (again.get_config()["scale"], again.log_scale) == (1.0, 0.0)


def test_a_fixed_scale_stays():
    model = make(likelihood="gaussian", scale=0.5)
    assert len(model.trainable_weights) == len(model.encoder.trainable_weights) + len(
        model.decoder.trainable_weights
    )
    assert model.log_scale == pytest.approx(np.log(0.5))


# --- beta ---------------------------------------------------------------------------------------


def test_beta_one_is_the_vae():
    histories = []
    for name, arguments in (("vae", {}), ("beta_vae", {"beta": 1.0})):
        model = make(name, **arguments)
        model.compile("adam", jit_compile=False)
        histories.append(model.fit(DIGITS[:128], epochs=2, verbose=0).history)
    assert histories[0] == histories[1]


def test_the_weights_of_the_loss():
    model = make("beta_vae", beta=3.0)
    model.kl_scale.assign(0.5)
    model.compile("sgd", jit_compile=False)
    logs = model.evaluate(DIGITS, return_dict=True, verbose=0)
    assert logs["loss"] == pytest.approx(logs["reconstruction"] + 1.5 * logs["kl"], rel=1e-5)


def test_capacity_takes_the_distance_to_a_kl():
    model = make("beta_vae", beta=100.0, capacity=25.0)
    terms = model.loss_terms(DIGITS, DIGITS, model.forward(DIGITS))
    np.testing.assert_allclose(
        terms["capacity_gap"], np.abs(np.asarray(terms["kl"]) - 25.0), rtol=1e-5
    )
    model.compile("sgd", jit_compile=False)
    logs = model.evaluate(DIGITS, return_dict=True, verbose=0)
    expected = logs["reconstruction"] + 100.0 * logs["capacity_gap"]
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)


# --- codes and images ---------------------------------------------------------------------------


def test_call_decodes_the_mean_code():
    model = make()
    mean, log_var = model.encode_distribution(DIGITS[:6])
    expected = np.asarray(model.to_pixels(model.decoder(mean)))
    np.testing.assert_allclose(model(DIGITS[:6]), expected, atol=1e-6)
    np.testing.assert_allclose(model.predict(DIGITS[:6], verbose=0), expected, atol=1e-6)
    np.testing.assert_allclose(model.encode(DIGITS[:6]), mean, atol=1e-6)
    assert log_var.shape == mean.shape == (6, 4)


def test_samples_of_the_code_have_its_mean_and_variance():
    model = make()
    outputs = model.forward(np.repeat(DIGITS[:1], 5000, axis=0), training=True)
    mean, log_var, z = (np.asarray(outputs[key]) for key in ("z_mean", "z_log_var", "z"))
    standardized = (z - mean) / np.exp(0.5 * log_var)
    np.testing.assert_allclose(standardized.mean(axis=0), 0, atol=4 / np.sqrt(5000))
    np.testing.assert_allclose(standardized.std(axis=0), 1, atol=4 / np.sqrt(2 * 5000))


def test_sample():
    model = make()
    images = model.sample(5, seed=1)
    assert images.shape == (5, *SHAPE)
    assert images.min() >= 0
    assert images.max() <= 1
    np.testing.assert_array_equal(images, model.sample(5, seed=1))
    assert np.abs(images - model.sample(5, seed=2)).max() > 0
    assert np.abs(model.sample(5) - model.sample(5)).max() > 0


@pytest.mark.parametrize("name", ["vae", "autoencoder", "adversarial_autoencoder"])
def test_seeds_and_codes_are_checked_at_the_door(name):
    with pytest.raises(ValueError, match="seed must be an int from 0 to"):
        zoo.create(name, (8, 8, 1), preset="tiny", seed=-1)
    model = zoo.create(name, (8, 8, 1), preset="tiny", latent_dim=4)
    with pytest.raises(ValueError, match="codes must hold at least one code"):
        model.decode(np.zeros((0, 4), "float32"))
    with pytest.raises(ValueError, match=r"codes must have shape.*Give codes as encode"):
        model.decode(np.zeros((2, 3), "float32"))
    if hasattr(model, "sample"):
        with pytest.raises(ValueError, match="seed must be an int from 0 to"):
            model.sample(2, seed=1.5)


def test_temperature_zero_is_the_image_of_the_origin():
    model = make()
    origin = model.decode(np.zeros((1, 4), "float32"))
    images = model.sample(3, temperature=0.0)
    np.testing.assert_allclose(images, np.repeat(origin, 3, axis=0), atol=1e-6)
    with pytest.raises(ValueError, match=r"VAE: temperature must be a number in \[0, inf\]"):
        model.sample(3, temperature=-1.0)


def test_interpolation_runs_from_one_reconstruction_to_the_other():
    model = make()
    images = model.interpolate(DIGITS[0], DIGITS[1], num_steps=5)
    assert images.shape == (5, *SHAPE)
    ends = model.reconstruct(DIGITS[:2])
    np.testing.assert_allclose(images[[0, -1]], ends, atol=1e-5)
    middle = model.decode(model.encode(DIGITS[:2]).mean(axis=0, keepdims=True))
    np.testing.assert_allclose(images[2:3], middle, atol=1e-5)
    lists = model.interpolate(DIGITS[0].tolist(), DIGITS[1].tolist(), num_steps=5)
    np.testing.assert_array_equal(lists, images)


# --- arguments ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"likelihood": "gausian"}, r"VAE: likelihood must be one of .*Did you mean 'gaussian'\?"),
        ({"kl": "exact"}, r"VAE: kl must be one of 'analytic', 'monte_carlo'"),
        ({"scale": 0.0}, r"VAE: scale must be a number in \[1e-06, inf\]"),
        ({"beta": -1.0}, r"VAE: beta must be a number in \[0, inf\]"),
        ({"latent_dim": None}, r"VAE: latent_dim must be an int >= 1"),
        (
            {"output_activation": "linear"},
            r"VAE: output_activation must be 'sigmoid' for the Bernoulli likelihood",
        ),
        ({"learn_scale": True}, r"VAE: learn_scale needs a likelihood with a scale"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)


@pytest.mark.parametrize("argument", ["latent_activation", "reconstruction"])
@pytest.mark.parametrize("name", ["VAE", "BetaVAE"])
def test_fixed_arguments_are_refused(name, argument):
    with pytest.raises(TypeError, match=rf"{name}: {argument} is fixed in a VAE"):
        make({"VAE": "vae", "BetaVAE": "beta_vae"}[name], **{argument: "relu"})


def test_negative_capacity_is_refused():
    with pytest.raises(ValueError, match=r"BetaVAE: capacity must be a number in \[0, inf\]"):
        make("beta_vae", capacity=-1.0)
