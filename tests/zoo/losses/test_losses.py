"""Each loss against numpy and scipy, or against the integral it stands for."""

import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, special, stats

from zoo import losses

SHAPE = (4, 3, 2, 1)
AXES = (1, 2, 3)
RANDOM = np.random.default_rng(0)
TARGET = RANDOM.uniform(size=SHAPE).astype("float32")
OUTPUT = RANDOM.normal(size=SHAPE).astype("float32")
LOG_VARIANCE = RANDOM.normal(size=SHAPE).astype("float32")

# Name: (loss of a target and an output, the same in float64 by numpy or scipy).
PAIRED = {
    "mean_squared_error": (
        losses.mean_squared_error,
        lambda t, o: np.mean((t - o) ** 2, AXES),
    ),
    "mean_absolute_error": (
        losses.mean_absolute_error,
        lambda t, o: np.mean(np.abs(t - o), AXES),
    ),
    "mean_huber": (
        losses.mean_huber,
        lambda t, o: np.mean(special.huber(0.1, t - o), AXES),
    ),
    "binary_crossentropy": (
        losses.binary_crossentropy,
        lambda t, o: np.mean(-t * np.log(_sigmoid(o)) - (1 - t) * np.log(_sigmoid(-o)), AXES),
    ),
    "bernoulli_nll": (
        losses.bernoulli_nll,
        lambda t, o: np.sum(-t * np.log(_sigmoid(o)) - (1 - t) * np.log(_sigmoid(-o)), AXES),
    ),
    "gaussian_nll": (
        lambda t, o: losses.gaussian_nll(t, o, math.log(0.3)),
        lambda t, o: -np.sum(stats.norm.logpdf(t, o, 0.3), AXES),
    ),
    "laplace_nll": (
        lambda t, o: losses.laplace_nll(t, o, math.log(0.3)),
        lambda t, o: -np.sum(stats.laplace.logpdf(t, o, 0.3), AXES),
    ),
    "log_normal": (
        lambda t, o: losses.log_normal(t, o, 0.7),
        lambda t, o: np.sum(stats.norm.logpdf(t, o, np.exp(0.35)), AXES),
    ),
    "kl_standard_normal": (
        losses.kl_standard_normal,
        lambda m, v: 0.5 * np.sum(np.exp(v) + m**2 - 1 - v, AXES),
    ),
    "heteroscedastic_squared_error": (
        lambda t, o: losses.heteroscedastic_squared_error(t, o, 0.7),
        lambda t, o: np.mean((t - o) ** 2 / np.exp(0.7) + 0.7, AXES),
    ),
}
paired = pytest.mark.parametrize("name", PAIRED)


def _sigmoid(logits):
    return 1 / (1 + np.exp(-logits))


def value_and_gradient(function, target, output):
    output = tf.convert_to_tensor(output)
    with tf.GradientTape() as tape:
        tape.watch(output)
        value = function(tf.convert_to_tensor(target), output)
    return value, tape.gradient(value, output)


@paired
def test_value(name):
    loss, reference = PAIRED[name]
    value = loss(TARGET, OUTPUT)
    expected = reference(TARGET.astype("float64"), OUTPUT.astype("float64"))
    assert value.shape == (4,)
    np.testing.assert_allclose(value, expected, rtol=2e-5)


@paired
def test_float16_inputs_are_computed_in_float32(name):
    loss, reference = PAIRED[name]
    target, output = TARGET.astype("float16"), OUTPUT.astype("float16")
    value, gradient = value_and_gradient(loss, target, output)
    assert value.dtype == tf.float32
    assert np.isfinite(gradient).all()
    expected = reference(target.astype("float64"), output.astype("float64"))
    np.testing.assert_allclose(value, expected, rtol=2e-5)  # float16 itself is good to 1e-3


@paired
def test_any_rank_gives_one_value_per_sample(name):
    loss, _ = PAIRED[name]
    flat = loss(TARGET.reshape(4, 6), OUTPUT.reshape(4, 6))
    series = loss(TARGET.reshape(4, 3, 2), OUTPUT.reshape(4, 3, 2))
    np.testing.assert_allclose(flat, loss(TARGET, OUTPUT), rtol=1e-6)
    np.testing.assert_allclose(series, flat, rtol=1e-6)


def test_a_sum_beyond_the_range_of_float16_is_finite():
    target = np.ones((1, 100_000), "float16")
    value, gradient = value_and_gradient(losses.gaussian_nll, target, 2 * target)
    np.testing.assert_allclose(value, 100_000 * (0.5 + 0.5 * math.log(2 * math.pi)), rtol=1e-4)
    np.testing.assert_allclose(gradient, 1.0)


@pytest.mark.parametrize("loss", [losses.bernoulli_nll, losses.binary_crossentropy])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_extreme_logits(loss, dtype):
    logits = np.array([[6e4], [6e4], [-6e4], [-6e4], [0.0]], dtype)
    target = np.array([[1.0], [0.0], [1.0], [0.0], [0.5]], dtype)
    value, gradient = value_and_gradient(loss, target, logits)
    limits = [0.0, float(logits[0, 0]), float(logits[0, 0]), 0.0, math.log(2)]
    np.testing.assert_allclose(value, limits, rtol=1e-6)
    np.testing.assert_allclose(gradient[:, 0], [0.0, 1.0, -1.0, 0.0, 0.0], atol=1e-6)


def test_bernoulli_of_binary_pixels_is_a_density():
    binary = (TARGET > 0.5).astype("float64")
    expected = -stats.bernoulli.logpmf(binary, _sigmoid(OUTPUT.astype("float64"))).sum(AXES)
    np.testing.assert_allclose(losses.bernoulli_nll(binary, OUTPUT), expected, rtol=1e-5)


def test_huber_is_quadratic_within_delta_and_linear_beyond():
    value = losses.mean_huber(np.zeros((3, 1)), np.array([[0.5], [2.0], [-3.0]]), delta=2.0)
    np.testing.assert_allclose(value, [0.125, 2.0, 4.0], rtol=1e-6)


@pytest.mark.parametrize(
    ("loss", "density"),
    [(losses.gaussian_nll, stats.norm), (losses.laplace_nll, stats.laplace)],
)
def test_scale_may_differ_between_pixels(loss, density):
    scale = np.exp(LOG_VARIANCE.astype("float64"))
    expected = -density.logpdf(TARGET, OUTPUT, scale).sum(AXES)
    np.testing.assert_allclose(loss(TARGET, OUTPUT, LOG_VARIANCE), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("loss", "density"),
    [(losses.gaussian_nll, stats.norm), (losses.laplace_nll, stats.laplace)],
)
def test_default_scale_is_one(loss, density):
    expected = -density.logpdf(TARGET, OUTPUT).sum(AXES)
    np.testing.assert_allclose(loss(TARGET, OUTPUT), expected, rtol=1e-5)


def test_log_normal_takes_a_variance():
    expected = stats.norm.logpdf(TARGET, OUTPUT, np.exp(0.5 * LOG_VARIANCE)).sum(AXES)
    np.testing.assert_allclose(losses.log_normal(TARGET, OUTPUT, LOG_VARIANCE), expected, rtol=1e-5)


def test_log_standard_normal():
    np.testing.assert_allclose(
        losses.log_standard_normal(OUTPUT), stats.norm.logpdf(OUTPUT).sum(AXES), rtol=1e-5
    )


@pytest.mark.parametrize(("mean", "log_var"), [(0.0, 0.0), (1.5, -2.0), (-0.3, 1.0)])
def test_kl_standard_normal_is_the_integral(mean, log_var):
    scale = math.exp(0.5 * log_var)

    def integrand(z):
        log_q = stats.norm.logpdf(z, mean, scale)
        return math.exp(log_q) * (log_q - stats.norm.logpdf(z))

    expected, _ = integrate.quad(integrand, mean - 12 * scale, mean + 12 * scale)
    value = losses.kl_standard_normal(np.array([[mean]]), np.array([[log_var]]))
    np.testing.assert_allclose(value, [expected], rtol=1e-5, atol=1e-6)


def test_kl_standard_normal_keeps_its_digits_near_the_prior():
    log_var = np.array([[1e-3]], "float32")
    expected = 0.5 * (math.expm1(1e-3) - 1e-3)  # 2.5e-7: lost when exp and 1 are subtracted
    np.testing.assert_allclose(losses.kl_standard_normal(0 * log_var, log_var), expected, rtol=1e-3)


def test_kl_bernoulli_value():
    target_rate, rate = 0.05, np.array([0.02, 0.2, 0.9])
    expected = special.rel_entr(target_rate, rate) + special.rel_entr(1 - target_rate, 1 - rate)
    np.testing.assert_allclose(losses.kl_bernoulli(target_rate, rate), expected, rtol=1e-5)


def test_kl_bernoulli_of_equal_rates_is_zero():
    rates = np.array([0.0, 1e-3, 0.05, 0.5, 0.999, 1.0], "float32")
    np.testing.assert_allclose(losses.kl_bernoulli(rates, rates), 0.0, atol=2e-6)


@pytest.mark.parametrize("compiled", [False, True])
def test_kl_bernoulli_at_the_ends_is_finite(compiled):
    function = tf.function(losses.kl_bernoulli) if compiled else losses.kl_bernoulli
    targets = np.repeat(np.array([0.0, 0.5, 1.0], "float32"), 2)
    rates = np.tile(np.array([0.0, 1.0], "float32"), 3)
    value, gradient = value_and_gradient(function, targets, rates)
    penalty = -math.log(1e-6)  # of a rate held `epsilon` away from the end
    half = 0.5 * penalty - math.log(2)
    np.testing.assert_allclose(value, [0, penalty, half, half, penalty, 0], rtol=2e-3, atol=2e-6)
    assert np.isfinite(gradient).all()


def test_heteroscedastic_is_twice_the_gaussian_without_its_constant():
    nll = -stats.norm.logpdf(TARGET, OUTPUT, np.exp(0.5 * LOG_VARIANCE))
    expected = np.mean(2 * nll - math.log(2 * math.pi), AXES)
    value = losses.heteroscedastic_squared_error(TARGET, OUTPUT, LOG_VARIANCE)
    np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-5)


def test_heteroscedastic_is_least_where_the_variance_is_the_squared_error():
    error = 0.2
    log_variance = np.linspace(-8, 2, 201)[:, None]
    value = losses.heteroscedastic_squared_error(
        np.full_like(log_variance, error), np.zeros_like(log_variance), log_variance
    )
    best = log_variance[int(np.argmin(value)), 0]
    assert best == pytest.approx(math.log(error**2), abs=0.05)


def test_reductions():
    values = np.arange(12, dtype="float32").reshape(2, 3, 2)
    np.testing.assert_allclose(losses.sum_over_event(values), [15.0, 51.0])
    np.testing.assert_allclose(losses.mean_over_event(values), [2.5, 8.5])
    half = np.ones((1, 70_000), "float16")  # more than float16 can count
    np.testing.assert_allclose(losses.sum_over_event(half), [70_000.0])
    np.testing.assert_allclose(losses.mean_over_event(half), [1.0])
