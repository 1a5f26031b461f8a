"""The process against scikit-learn's with the same settings, and what it learns."""

import numpy as np
import pytest
from scipy.optimize import check_grad
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern, WhiteKernel

from tuner.algorithms import gaussian_process
from tuner.algorithms.gaussian_process import GaussianProcess


@pytest.fixture
def points():
    return np.random.default_rng(0).random((25, 3))


def wave(points):
    return 5 + 3 * np.sin(6 * points[:, 0])


def test_means_and_deviations_are_those_of_scikit_learn(points):
    found = GaussianProcess(points, wave(points))
    kernel = Matern(found.lengths, nu=2.5) + WhiteKernel(found.noise)
    reference = GaussianProcessRegressor(kernel, optimizer=None, normalize_y=True)
    reference.fit(points, wave(points))
    others = np.random.default_rng(1).random((40, 3))
    mean, deviation = reference.predict(others, return_std=True)
    noise = found.noise * wave(points).var()  # that of scikit-learn is with noise
    np.testing.assert_allclose(found.predict(others)[0], mean, rtol=1e-6)
    np.testing.assert_allclose(found.predict(others)[1] ** 2 + noise, deviation**2, rtol=1e-6)


def test_the_likelihood_is_that_of_scikit_learn_and_its_gradient_fits(points):
    values = wave(points) - wave(points).mean()
    squares = (points[:, None] - points[None]) ** 2
    logs = np.log([0.5, 1.0, 2.0, 0.1])

    noises = np.linspace(0.5, 3.0, len(values))

    def loss(logs):
        return gaussian_process._minus_log_likelihood(logs, squares, values, noises)

    kernel = Matern(np.exp(logs[:3]), nu=2.5)
    reference = GaussianProcessRegressor(kernel, alpha=np.exp(logs[3]) * noises, optimizer=None)
    reference = reference.fit(points, values)
    constant = len(values) / 2 * np.log(2 * np.pi)
    expected = -reference.log_marginal_likelihood_value_
    assert loss(logs)[0] + constant == pytest.approx(expected, rel=1e-6)
    assert check_grad(lambda x: loss(x)[0], lambda x: loss(x)[1], logs) < 1e-4


def test_what_matters_has_the_shortest_length(points):
    lengths = GaussianProcess(points, wave(points)).lengths
    assert lengths[0] < 0.5 * min(lengths[1:])


def test_what_is_believed_keeps_the_mean_and_narrows_the_deviation(points):
    found = GaussianProcess(points, wave(points))
    others = np.random.default_rng(1).random((40, 3))
    before, place = found.predict(others), others[:2]
    found.fantasise(place)
    after = found.predict(others)
    np.testing.assert_allclose(after[0], before[0], rtol=1e-6)
    assert (after[1] <= before[1] + 1e-9).all()
    assert (after[1][:2] < 0.8 * before[1][:2]).all()
    np.testing.assert_allclose(found.observed[:25], wave(points))
    np.testing.assert_allclose(found.observed[25:], before[0][:2])


def test_equal_values_and_equal_points_are_no_trouble(points):
    assert np.isfinite(GaussianProcess(points, np.ones(25)).predict(points)).all()
    same = np.repeat(points[:1], 25, axis=0)
    assert np.isfinite(GaussianProcess(same, wave(points)).predict(points)).all()


def test_what_is_far_worse_than_the_middle_counts_as_somewhat_worse():
    values = np.array([3.0, 1.0, 2.0, 900.0, 2.5, -1.0, 9.5])
    # The median is 2.5, the least -1: 2.5 + 2 * 3.5.
    found = gaussian_process.without_cliffs(values)
    np.testing.assert_allclose(found, [3.0, 1.0, 2.0, 9.5, 2.5, -1.0, 9.5])
    np.testing.assert_allclose(gaussian_process.without_cliffs(np.ones(3)), 1.0)
