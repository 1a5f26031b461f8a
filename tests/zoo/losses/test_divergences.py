"""Divergences of batches against loops in numpy, closed forms and complete enumeration."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from zoo import losses

RANDOM = np.random.default_rng(0)
FIRST = RANDOM.normal(size=(6, 3)).astype("float32")
SECOND = (RANDOM.normal(size=(5, 3)) + 0.5).astype("float32")
SCALES = (0.5, 2.0)
# A batch of Gaussian posteriors and one sample of each.
MEAN = RANDOM.normal(size=(7, 3)).astype("float32")
LOG_VAR = (RANDOM.normal(size=(7, 3)) - 1).astype("float32")
CODES = (MEAN + np.exp(LOG_VAR / 2) * RANDOM.normal(size=(7, 3))).astype("float32")
WEIGHTINGS = [(None, "stratified"), (1000, "stratified"), (1000, "weighted"), (7, "stratified")]


def kernel_loop(name, a, b):
    """One pair of rows, in float64."""
    distance = float(np.sum((a.astype("float64") - b) ** 2))
    widths = [2 * len(a) * scale for scale in SCALES]
    if name == "gaussian":
        return sum(math.exp(-distance / width) for width in widths)
    return sum(width / (width + distance) for width in widths)


# --- kernels and MMD ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", losses.KERNELS)
def test_kernels_are_their_formulas(name):
    expected = [[kernel_loop(name, a, b) for b in SECOND] for a in FIRST]
    np.testing.assert_allclose(losses.KERNELS[name](FIRST, SECOND, SCALES), expected, rtol=1e-5)


@pytest.mark.parametrize("name", losses.KERNELS)
def test_mmd_is_the_u_statistic(name):
    def mean_of_pairs(x):
        pairs = itertools.permutations(range(len(x)), 2)
        return np.mean([kernel_loop(name, x[i], x[j]) for i, j in pairs])

    between = np.mean([kernel_loop(name, a, b) for a in FIRST for b in SECOND])
    expected = mean_of_pairs(FIRST) + mean_of_pairs(SECOND) - 2 * between
    value = losses.maximum_mean_discrepancy(FIRST, SECOND, name, SCALES)
    assert value.shape == (len(FIRST),)
    np.testing.assert_allclose(value, expected, rtol=1e-4)


@pytest.mark.parametrize("name", losses.KERNELS)
def test_mmd_of_a_sample_with_itself(name):
    """`2 (m - K) / n`: the diagonal counts between the samples, but not within one."""
    pairs = itertools.permutations(range(len(FIRST)), 2)
    mean = np.mean([kernel_loop(name, FIRST[i], FIRST[j]) for i, j in pairs])
    value = losses.maximum_mean_discrepancy(FIRST, FIRST, name, SCALES)
    np.testing.assert_allclose(value, 2 * (mean - len(SCALES)) / len(FIRST), rtol=1e-4)


@pytest.mark.parametrize("name", losses.KERNELS)
def test_mmd_of_one_distribution_is_zero_in_the_mean(name):
    compiled = tf.function(lambda a, b: losses.maximum_mean_discrepancy(a, b, name, (1.0,))[0])
    draws = tf.constant(RANDOM.normal(size=(400, 2, 12, 2)), "float32")
    values = np.array([compiled(*pair).numpy() for pair in draws])
    standard_error = values.std(ddof=1) / math.sqrt(len(values))
    assert abs(values.mean()) < 4 * standard_error
    # With the diagonals it would be off by 2 / 12 of 1 - E k, and k is below 0.6 in the mean.
    assert standard_error < 0.4 * 2 / 12 / 8


def test_mmd_of_two_gaussians_has_a_closed_form():
    shift, count, units, scale = np.array([0.8, -0.5]), 1500, 2, 1.5
    first = RANDOM.normal(size=(count, units))
    second = RANDOM.normal(size=(count, units)) + shift
    width = 2 * units * scale  # differences within a sample and between them have variance 2
    expected = 2 * (1 + 4 / width) ** (-units / 2) * (1 - math.exp(-shift @ shift / (width + 4)))
    value = losses.maximum_mean_discrepancy(
        first.astype("float32"), second.astype("float32"), "gaussian", (scale,)
    )
    assert float(value[0]) == pytest.approx(expected, rel=0.15)
    assert expected > 0.05


def test_mmd_of_far_samples_reaches_its_bound():
    value = losses.maximum_mean_discrepancy(
        np.zeros((3, 2), "float32"), np.full((3, 2), 1e4, "float32"), "gaussian", SCALES
    )
    np.testing.assert_allclose(value, 2 * len(SCALES), rtol=1e-6)


@pytest.mark.parametrize(("num_first", "num_second"), [(1, 1), (1, 5), (6, 1)])
def test_mmd_of_one_row_is_zero_and_so_is_its_gradient(num_first, num_second):
    first = tf.constant(FIRST[:num_first])
    with tf.GradientTape() as tape:
        tape.watch(first)
        value = losses.maximum_mean_discrepancy(first, SECOND[:num_second])
    np.testing.assert_array_equal(value, np.zeros(num_first))
    np.testing.assert_array_equal(tape.gradient(value, first), np.zeros_like(first))


def test_mmd_pulls_far_codes_to_the_prior():
    """Far out the Gaussian kernel is flat; the inverse multiquadratic one still pulls."""
    far = tf.constant(FIRST + 30)
    pulls = {}
    for name in losses.KERNELS:
        with tf.GradientTape() as tape:
            tape.watch(far)
            value = losses.maximum_mean_discrepancy(far, SECOND, name, (1.0,))[0]
        pulls[name] = tape.gradient(value, far).numpy().mean()
    assert pulls["inverse_multiquadratic"] > 1e-5
    assert abs(pulls["gaussian"]) < 1e-7


def test_mmd_of_float16_codes_is_float32():
    first, second = FIRST.astype("float16"), SECOND.astype("float16")
    value = losses.maximum_mean_discrepancy(first, second)
    assert value.dtype == tf.float32
    expected = losses.maximum_mean_discrepancy(first.astype("float32"), second.astype("float32"))
    np.testing.assert_allclose(value, expected, rtol=1e-5)


# --- the parts of a KL ----------------------------------------------------------------------------


def test_stratified_weights_are_unbiased():
    """The mean over every batch that holds image 0 is the mean over all images: enumerated."""
    density = RANDOM.uniform(size=6)  # q(z_0 | x_n) of six images
    weights = np.exp(losses.minibatch_log_weights(4, 6, "stratified"))
    batches = [(0, *others) for others in itertools.permutations(range(1, 6), 3)]
    estimates = [weights[0] @ density[list(batch)] for batch in batches]
    assert np.mean(estimates) == pytest.approx(density.mean(), rel=1e-5)
    assert np.std(estimates) > 0.01
    for row in range(1, 4):  # each row is the first, turned
        np.testing.assert_allclose(np.roll(weights[row], -row), weights[0], rtol=1e-5)


@pytest.mark.parametrize("num_train", [4, 60, 60_000])
def test_stratified_weights_count_the_own_image_once(num_train):
    weights = np.exp(losses.minibatch_log_weights(4, num_train, "stratified"))
    np.testing.assert_allclose(np.diag(weights), 1 / num_train, rtol=1e-4)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)


def test_without_the_number_of_images_all_rows_weigh_the_same():
    np.testing.assert_allclose(np.exp(losses.minibatch_log_weights(5)), 0.2, rtol=1e-6)


def test_weighted_weights():
    weights = np.exp(losses.minibatch_log_weights(4, 50, "weighted"))
    np.testing.assert_allclose(weights, 1 / (50 * 4), rtol=1e-5)


@pytest.mark.parametrize("sampling", losses.MINIBATCH_SAMPLINGS)
@pytest.mark.parametrize(("batch_size", "num_train"), [(1, None), (1, 500), (2, 500), (7, 3)])
def test_small_batches_and_few_images_give_numbers(batch_size, num_train, sampling):
    parts = losses.kl_parts(
        CODES[:batch_size], MEAN[:batch_size], LOG_VAR[:batch_size], num_train, sampling
    )
    for part in parts.values():
        assert part.shape == (batch_size,)
        assert np.isfinite(part).all()


@pytest.mark.parametrize("num_train", [None, 500])
def test_a_batch_of_one_has_no_information_and_no_correlation(num_train):
    parts = losses.kl_parts(CODES[:1], MEAN[:1], LOG_VAR[:1], num_train)
    np.testing.assert_allclose(parts["mutual_information"], 0, atol=1e-5)
    np.testing.assert_allclose(parts["total_correlation"], 0, atol=1e-5)


@pytest.mark.parametrize(("num_train", "sampling"), WEIGHTINGS)
def test_densities_of_the_aggregate_are_loops(num_train, sampling):
    log_weights = losses.minibatch_log_weights(7, num_train, sampling)
    weights = np.exp(np.asarray(log_weights, "float64"))
    pairs = stats.norm.pdf(CODES[:, None], MEAN, np.exp(LOG_VAR / 2))  # (i, j, unit)
    joint = [np.log(sum(weights[i, j] * pairs[i, j].prod() for j in range(7))) for i in range(7)]
    product = [
        sum(np.log(sum(weights[i, j] * pairs[i, j, unit] for j in range(7))) for unit in range(3))
        for i in range(7)
    ]
    found = losses.aggregate_log_densities(CODES, MEAN, LOG_VAR, log_weights)
    np.testing.assert_allclose(found[0], joint, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[1], product, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("num_train", "sampling"), WEIGHTINGS)
def test_parts_add_up_to_the_monte_carlo_kl(num_train, sampling):
    parts = losses.kl_parts(CODES, MEAN, LOG_VAR, num_train, sampling)
    log_q = stats.norm.logpdf(CODES, MEAN, np.exp(LOG_VAR / 2)).sum(axis=1)
    expected = log_q - stats.norm.logpdf(CODES).sum(axis=1)
    np.testing.assert_allclose(sum(map(np.asarray, parts.values())), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("correlation", [0.0, 0.6, -0.9])
@pytest.mark.parametrize("num_train", [None, 1_000_000])
def test_parts_of_a_gaussian_aggregate_are_closed_forms(correlation, num_train):
    """Means of covariance `S - v I` and posteriors of variance `v` make q(z) = N(0, S)."""
    count, variance, spread = 1200, 0.05, 0.7
    covariance = spread * np.array([[1, correlation], [correlation, 1]])
    random = np.random.default_rng(5)
    mean = random.multivariate_normal(np.zeros(2), covariance - variance * np.eye(2), count)
    z = mean + math.sqrt(variance) * random.normal(size=mean.shape)
    log_var = np.full_like(mean, math.log(variance))
    parts = losses.kl_parts(z, mean, log_var, num_train)
    found = {key: float(np.mean(value)) for key, value in parts.items()}
    total_correlation = -0.5 * math.log(1 - correlation**2)
    entropy_gap = 0.5 * math.log(np.linalg.det(covariance)) - math.log(variance)
    assert found["total_correlation"] == pytest.approx(total_correlation, abs=0.06)
    assert found["mutual_information"] == pytest.approx(entropy_gap, abs=0.1)
    unit_kl = 0.5 * (spread - 1 - math.log(spread))
    assert found["dimension_wise_kl"] == pytest.approx(2 * unit_kl, abs=0.06)


def test_without_the_number_of_images_the_information_is_at_most_that_of_the_batch():
    mean = 100 * np.arange(8, dtype="float32")[:, None]  # far apart: each image has its own code
    parts = losses.kl_parts(mean, mean, np.zeros_like(mean))
    np.testing.assert_allclose(parts["mutual_information"], math.log(8), rtol=1e-5)
    parts = losses.kl_parts(mean, mean, np.zeros_like(mean), 60_000)
    np.testing.assert_allclose(parts["mutual_information"], math.log(60_000), rtol=1e-5)


def test_float16_codes_give_float32_parts():
    half = [values.astype("float16") for values in (CODES, MEAN, LOG_VAR)]
    full = [values.astype("float32") for values in half]
    for found, expected in zip(
        losses.kl_parts(*half).values(), losses.kl_parts(*full).values(), strict=True
    ):
        assert found.dtype == tf.float32
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


# --- importance weights ---------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0.0, -5e4, 3e4])
def test_log_mean_exp(offset):
    values = (RANDOM.normal(size=(5, 4)) * 20).round(1) + offset
    expected = special.logsumexp(values, axis=0) - math.log(5)
    np.testing.assert_allclose(losses.log_mean_exp(values.astype("float32")), expected, rtol=1e-5)


def test_log_mean_exp_of_equal_values_is_the_value():
    np.testing.assert_allclose(losses.log_mean_exp(np.full((3, 2), -700.0)), -700.0, rtol=1e-6)
