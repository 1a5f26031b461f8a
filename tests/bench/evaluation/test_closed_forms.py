"""Closed-form baselines against the closed forms."""

import numpy as np
import pytest
import threadpoolctl

from bench.data import catalog, download
from bench.data.anomaly import one_class
from bench.errors import BenchError
from bench.evaluation import closed_forms
from bench.metrics import anomaly
from zoo.anomalies import defects


@pytest.fixture
def images(digits):
    return digits[:600]


def test_pca_error_is_the_discarded_variance(images):
    rows = images.reshape(600, 64).astype("float64")
    eigenvalues = np.sort(np.linalg.eigvalsh(np.cov(rows.T, bias=True)))[::-1]
    for latent_size in (1, 8, 16):
        pca = closed_forms.create("pca", latent_size)
        pca.fit(images)
        error = np.mean((pca.reconstruct(images) - images) ** 2)
        assert error == pytest.approx(eigenvalues[latent_size:].sum() / 64, rel=1e-4)
        assert pca.num_parameters == 64 * latent_size + 64
        assert pca.forward_macs == 2 * 64 * latent_size


def test_pca_with_all_components_is_exact_and_caps_the_code(images):
    pca = closed_forms.create("pca", 1_000)
    pca.fit(images)
    np.testing.assert_allclose(pca.reconstruct(images), images, atol=1e-5)
    assert pca.latent_size == 1_000
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
    for latent_size in (None, 0, 2.5, True, "8"):
        with pytest.raises(BenchError, match="latent_size must be an int >= 1"):
            closed_forms.create("pca", latent_size)
    with pytest.raises(BenchError, match="training images must be at least 2"):
        closed_forms.create("pca", 3).fit(images[:1])


def score_maps(train, test, num_components, normalised=False):
    baseline = closed_forms.create("pca_normalised" if normalised else "pca", num_components)
    baseline.fit(train)
    return baseline.score_map(test)


class TestScoreMaps:
    def test_residual_of_a_line(self):
        """Normals vary along the first axis alone; a step of 3 along the second costs 9."""
        train = np.zeros((20, 4))
        train[:, 0] = np.linspace(-1, 1, 20)
        test = np.array([[5.0, 0, 0, 0], [0, 3.0, 0, 0], [7.0, 0, -2.0, 0]])
        maps = score_maps(train, test, 1)
        expected = [[0, 0, 0, 0], [0, 9, 0, 0], [0, 0, 4, 0]]
        np.testing.assert_allclose(maps, expected, atol=1e-9)

    def test_normalised_by_the_residual_of_training(self):
        generator = np.random.default_rng(2)
        train = generator.normal(size=(3_000, 3)) * [10, 1, 0]
        test = np.array([[0.0, 2.0, 0.0], [0.0, 0.0, 2.0]])
        plain = score_maps(train, test, 1).mean(axis=1)
        assert plain[0] == pytest.approx(plain[1], rel=0.02)
        by_pixel = score_maps(train, test, 1, normalised=True)
        assert by_pixel[0, 1] == pytest.approx(4 / (1 + 1e-3), rel=0.1)
        assert by_pixel[1, 2] == pytest.approx(4 / 1e-3, rel=1e-3)

    def test_maps_have_the_shape_of_the_model_s(self, digits):
        maps = score_maps(digits[:200], digits[200:210], 4)
        assert maps.shape == (10, 8, 8)
        series = digits[:20].reshape(20, 64, 1)
        assert score_maps(series[:10], series[10:], 1).shape == (10, 64)

    def test_finds_other_digits(self):
        found = one_class(catalog.load("digits"), 0)
        scores = score_maps(found.train.images, found.test.images, 8).mean(axis=(1, 2))
        assert anomaly.auroc(found.test.labels, scores) > 0.98

    @pytest.mark.skipif(download.find("fashion_mnist") is None, reason="no Fashion-MNIST here")
    def test_garments(self):
        """All 6,000 images of a class, the full test set: closed form, so no seed moves it."""
        dataset = catalog.load("fashion_mnist")
        for label, expected in ((0, 0.8965), (1, 0.9853)):
            found = one_class(dataset, label)
            normals = np.concatenate([found.train.images, found.validation.images])
            assert len(normals) == 6_000
            # Threads would wait for each other on a machine that is busy.
            with threadpoolctl.threadpool_limits(1):
                maps = score_maps(normals, found.test.images, 32)
            scores = maps.mean(axis=(1, 2))
            assert anomaly.auroc(found.test.labels, scores) == pytest.approx(expected, abs=0.002)

    def test_finds_defects(self, digits):
        """The whole chain on real images: defects, score maps, pixel metrics above chance."""
        normals, test = digits[:1500], digits[1500:]
        damaged, masks, _ = defects.defective(test, 0)
        maps = score_maps(normals, damaged, 24)
        found = anomaly.pixel_summary(masks, maps)
        assert found["test_pixel_auroc"] > 0.7
        assert found["test_aupro"] > 0.3  # chance: 0.15
        assert found["test_best_dice"] > found["test_dice_floor"] + 0.1
