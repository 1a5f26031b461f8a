"""Closed-form baselines against the closed forms."""

import numpy as np
import pytest

from bench.errors import BenchError
from bench.evaluation import closed_forms


@pytest.fixture
def images(digits):
    return digits[:600]


def test_pca_error_is_the_discarded_variance(images):
    rows = images.reshape(600, 64).astype("float64")
    eigenvalues = np.sort(np.linalg.eigvalsh(np.cov(rows.T, bias=True)))[::-1]
    for code_size in (1, 8, 16):
        pca = closed_forms.create("pca", code_size)
        pca.fit(images)
        error = np.mean((pca.reconstruct(images) - images) ** 2)
        assert error == pytest.approx(eigenvalues[code_size:].sum() / 64, rel=1e-4)
        assert pca.num_parameters == 64 * code_size + 64
        assert pca.forward_macs == 2 * 64 * code_size


def test_pca_with_all_components_is_exact_and_caps_the_code(images):
    pca = closed_forms.create("pca", 1_000)
    pca.fit(images)
    np.testing.assert_allclose(pca.reconstruct(images), images, atol=1e-5)
    assert pca.code_size == 1_000
    assert pca.num_parameters == 64 * 65


def test_pca_is_not_clipped(images):
    """Clipped, its error would no longer be the optimum of the linear autoencoders."""
    pca = closed_forms.create("pca", 4)
    pca.fit(images)
    assert pca.reconstruct(images).min() < -0.01


@pytest.mark.parametrize("shape", [(6, 70, 64, 1), (6, 140, 1)])
def test_few_images_of_many_pixels_are_exact(shape):
    """Six images span five directions; 4,480 pixels take the other solver."""
    images = np.random.default_rng(0).random(shape, dtype="float32")
    pca = closed_forms.create("pca", 1_000)
    pca.fit(images)
    np.testing.assert_allclose(pca.reconstruct(images), images, atol=1e-5)
    assert pca.num_parameters == images[0].size * (6 + 1)


def test_mean_image_error_is_the_pixel_variance(images):
    mean = closed_forms.create("mean_image")
    mean.fit(images)
    error = np.mean((mean.reconstruct(images) - images) ** 2)
    assert error == pytest.approx(images.astype("float64").var(axis=0).mean(), rel=1e-5)
    assert (mean.num_parameters, mean.forward_macs) == (64, 0)


def test_identity_gives_the_input_back(images):
    identity = closed_forms.create("identity")
    identity.fit(images)
    np.testing.assert_array_equal(identity.reconstruct(images), images)


def test_noisy_inputs_meet_the_clean_components(images):
    noise = np.random.default_rng(0).normal(0, 0.3, images.shape)
    noisy = np.clip(images + noise, 0, 1).astype("float32")
    clean_fit, noisy_fit = closed_forms.create("pca", 8), closed_forms.create("pca", 8)
    clean_fit.fit(images)
    noisy_fit.fit(noisy, images)
    np.testing.assert_allclose(
        noisy_fit.reconstruct(noisy), clean_fit.reconstruct(noisy), atol=1e-6
    )
    mean = closed_forms.create("mean_image")
    mean.fit(noisy, images)
    np.testing.assert_allclose(mean.mean, images.mean(axis=0), atol=1e-6)


def test_each_name_has_the_common_interface(images):
    assert closed_forms.names() == ["mean_image", "pca", "pca_normalised", "identity"]
    for name in closed_forms.names():
        baseline = closed_forms.create(name, np.int64(3))
        baseline.fit(images)
        assert baseline.reconstruct(images[:5]).shape == (5, 8, 8, 1)
        assert type(baseline.num_parameters) is type(baseline.forward_macs) is int


@pytest.mark.parametrize("name", ["mean_image", "pca"])
def test_images_must_be_those_that_were_fitted(images, name):
    baseline = closed_forms.create(name, 3)
    with pytest.raises(ValueError, match="fit must be called before"):
        baseline.reconstruct(images)
    baseline.fit(images)
    with pytest.raises(ValueError, match=r"shape that was fitted, \(8, 8, 1\)"):
        baseline.reconstruct(np.repeat(images[:2], 3, axis=-1))


def test_wrong_names_and_sizes(images):
    with pytest.raises(BenchError, match="unknown baseline 'median'"):
        closed_forms.create("median")
    for code_size in (None, 0, 2.5, True, "8"):
        with pytest.raises(BenchError, match="code_size must be an int >= 1"):
            closed_forms.create("pca", code_size)
    with pytest.raises(BenchError, match="training images must be at least 2"):
        closed_forms.create("pca", 3).fit(images[:1])
