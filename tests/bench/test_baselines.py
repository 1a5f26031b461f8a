"""Closed-form baselines against the closed forms."""

import numpy as np
import pytest

from bench import baselines
from bench.errors import BenchError


@pytest.fixture
def images(digits):
    return digits[:600]


def test_pca_error_is_the_discarded_variance(images):
    rows = images.reshape(600, 64).astype("float64")
    eigenvalues = np.sort(np.linalg.eigvalsh(np.cov(rows.T, bias=True)))[::-1]
    for code_size in (1, 8, 16):
        pca = baselines.create("pca", code_size)
        pca.fit(images)
        error = np.mean((pca.reconstruct(images) - images) ** 2)
        assert error == pytest.approx(eigenvalues[code_size:].sum() / 64, rel=1e-4)
        assert pca.num_parameters == 64 * code_size + 64
        assert pca.forward_macs == 2 * 64 * code_size


def test_pca_with_all_components_is_exact_and_caps_the_code(images):
    pca = baselines.create("pca", 1_000)
    pca.fit(images)
    np.testing.assert_allclose(pca.reconstruct(images), images, atol=1e-5)
    assert pca.code_size == 1_000
    assert pca.num_parameters == 64 * 65


def test_mean_image_error_is_the_pixel_variance(images):
    mean = baselines.create("mean_image")
    mean.fit(images)
    error = np.mean((mean.reconstruct(images) - images) ** 2)
    assert error == pytest.approx(images.astype("float64").var(axis=0).mean(), rel=1e-5)
    assert (mean.num_parameters, mean.forward_macs) == (64, 0)


def test_identity_gives_the_input_back(images):
    identity = baselines.create("identity")
    identity.fit(images)
    np.testing.assert_array_equal(identity.reconstruct(images), images)


def test_noisy_inputs_meet_the_clean_components(images):
    noise = np.random.default_rng(0).normal(0, 0.3, images.shape)
    noisy = np.clip(images + noise, 0, 1).astype("float32")
    clean_fit, noisy_fit = baselines.create("pca", 8), baselines.create("pca", 8)
    clean_fit.fit(images)
    noisy_fit.fit(noisy, images)
    np.testing.assert_allclose(
        noisy_fit.reconstruct(noisy), clean_fit.reconstruct(noisy), atol=1e-6
    )
    mean = baselines.create("mean_image")
    mean.fit(noisy, images)
    np.testing.assert_allclose(mean.mean, images.mean(axis=0), atol=1e-6)


def test_wrong_names_and_sizes():
    with pytest.raises(BenchError, match="unknown baseline 'median'"):
        baselines.create("median")
    with pytest.raises(BenchError, match="code_size must be an int >= 1"):
        baselines.create("pca")
