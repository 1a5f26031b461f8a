"""Metrics against closed forms, scikit-image and scikit-learn."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from skimage.metrics import structural_similarity
from sklearn.metrics import log_loss

from bench.metrics import reconstruction
from zoo import losses


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def test_constant_error_has_closed_forms():
    target = np.full((3, 8, 8, 1), 0.5)
    prediction = target + np.array([0.1, 0.01, 0.0]).reshape(3, 1, 1, 1)
    np.testing.assert_allclose(reconstruction.mse(target, prediction), [1e-2, 1e-4, 0], atol=1e-12)
    np.testing.assert_allclose(reconstruction.mae(target, prediction), [0.1, 0.01, 0], atol=1e-12)
    np.testing.assert_allclose(reconstruction.psnr(target, prediction), [20, 40, 100])
    np.testing.assert_allclose(
        reconstruction.psnr(255 * target, 255 * prediction, max_value=255)[0], 20
    )


def test_psnr_ceiling_keeps_means_finite():
    target = np.zeros((2, 4, 4, 1))
    prediction = target + np.array([0.01, 0.0]).reshape(2, 1, 1, 1)
    np.testing.assert_allclose(reconstruction.psnr(target, prediction, ceiling=30), [30, 30])
    np.testing.assert_allclose(reconstruction.psnr(target, prediction, ceiling=60), [40, 60])


def test_bytes_do_not_wrap_around_and_sums_are_float64():
    black, white = np.zeros((1, 3, 3, 1), "uint8"), np.full((1, 3, 3, 1), 255, "uint8")
    assert reconstruction.mse(black, white) == 255.0**2
    assert reconstruction.mae(black, white) == 255.0
    halves = np.zeros((1, 4, 4, 1), "float16")
    for metric in (reconstruction.mse, reconstruction.mae, reconstruction.psnr, reconstruction.bce):
        assert metric(halves, halves).dtype == "float64"


def test_bce_clips_what_is_certain_and_wrong():
    target, prediction = np.zeros((1, 4)), np.ones((1, 4))
    assert reconstruction.bce(target, prediction)[0] == pytest.approx(-np.log(1e-7))
    assert reconstruction.bce(target, prediction, epsilon=1e-3)[0] == pytest.approx(-np.log(1e-3))


def test_bce_is_scikit_learns(generator):
    target = generator.integers(0, 2, (4, 5, 5, 1))
    prediction = generator.uniform(0.01, 0.99, (4, 5, 5, 1))
    expected = [
        log_loss(t.ravel(), p.ravel(), labels=[0, 1])
        for t, p in zip(target, prediction, strict=True)
    ]
    np.testing.assert_allclose(reconstruction.bce(target, prediction), expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (11, 40, 1), (64, 64, 1)])
def test_ssim_is_scikit_images(generator, shape):
    target = generator.random((4, *shape))
    prediction = np.clip(target + 0.3 * generator.standard_normal(target.shape), 0, 1)
    expected = [
        structural_similarity(
            t,
            p,
            data_range=1.0,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for t, p in zip(target, prediction, strict=True)
    ]
    np.testing.assert_allclose(reconstruction.ssim(target, prediction), expected, atol=1e-8)


@pytest.mark.parametrize("shape", [(8, 8, 1), (7, 10, 3)])
def test_ssim_of_small_images_has_a_uniform_window(generator, shape):
    target, prediction = generator.random((2, 3, *shape))
    expected = [
        structural_similarity(
            t, p, data_range=1.0, channel_axis=-1, win_size=7, use_sample_covariance=False
        )
        for t, p in zip(target, prediction, strict=True)
    ]
    np.testing.assert_allclose(reconstruction.ssim(target, prediction), expected, atol=1e-8)


def test_ssim_of_equal_images_is_one(generator):
    images = generator.random((2, 28, 28, 1))
    np.testing.assert_allclose(reconstruction.ssim(images, images), 1.0)


@pytest.mark.parametrize("size", [8, 28])
def test_ssim_of_flat_images_is_the_luminance_term(size):
    dark, light = np.full((1, size, size, 1), 0.25), np.full((1, size, size, 1), 0.75)
    expected = (2 * 0.25 * 0.75 + 1e-4) / (0.25**2 + 0.75**2 + 1e-4)
    assert reconstruction.ssim(dark, light)[0] == pytest.approx(expected)


@pytest.mark.parametrize("shape", [(140, 1), (64,), (6, 20, 1)])
def test_ssim_is_undefined_for_series_vectors_and_tiny_images(generator, shape):
    images = generator.random((2, *shape))
    assert reconstruction.ssim(images, images) is None
    assert reconstruction.reconstruction_summary(images, images)["ssim"] is None


@pytest.mark.parametrize(
    ("shape", "num_scales"), [((28, 28, 1), 2), ((48, 64, 3), 3), ((176, 192, 1), 5)]
)
def test_ms_ssim_is_tensorflows(generator, shape, num_scales):
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333][:num_scales])
    target = generator.random((2, *shape))
    prediction = np.clip(target + 0.2 * generator.standard_normal(target.shape), 0, 1)
    expected = tf.image.ssim_multiscale(
        target.astype("float32"), prediction.astype("float32"), 1.0, weights / weights.sum()
    )
    np.testing.assert_allclose(reconstruction.ms_ssim(target, prediction), expected, atol=1e-4)


def test_ms_ssim_is_one_less_the_loss(generator):
    target = generator.random((3, 45, 51, 2)).astype("float32")
    prediction = np.clip(target + 0.3 * generator.random(target.shape), 0, 1).astype("float32")
    expected = 1 - np.asarray(losses.ms_ssim(target, prediction))
    np.testing.assert_allclose(reconstruction.ms_ssim(target, prediction), expected, atol=1e-4)


def test_ms_ssim_has_closed_forms(generator):
    images = generator.random((2, 28, 28, 1))
    np.testing.assert_allclose(reconstruction.ms_ssim(images, images), 1.0)
    np.testing.assert_allclose(reconstruction.ms_ssim(images, 1 - images), 0.0)
    dark, light = np.full((1, 28, 28, 1), 0.25), np.full((1, 28, 28, 1), 0.75)
    luminance = (2 * 0.25 * 0.75 + 1e-4) / (0.25**2 + 0.75**2 + 1e-4)
    expected = luminance ** (0.2856 / (0.0448 + 0.2856))  # at the coarser of two scales
    assert reconstruction.ms_ssim(dark, light)[0] == pytest.approx(expected)
    assert reconstruction.ms_ssim(255 * dark, 255 * light, 255)[0] == pytest.approx(expected)


@pytest.mark.parametrize("shape", [(140, 1), (64,), (21, 40, 1)])
def test_ms_ssim_needs_two_scales(generator, shape):
    images = generator.random((2, *shape))
    assert reconstruction.ms_ssim(images, images) is None
    found = reconstruction.reconstruction_summary(images, images)
    assert found["ms_ssim"] is None
    assert "ms_ssim" not in found["intervals"]


def test_intervals_are_those_of_a_t_test(generator):
    target, prediction = generator.random((2, 40, 8, 8, 1))
    found = reconstruction.reconstruction_summary(target, prediction)
    for name in ("mse", "mae", "psnr", "ssim", "bce"):
        values = getattr(reconstruction, name)(target, prediction)
        expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
        np.testing.assert_allclose(found["intervals"][name], expected)
        assert found["intervals"][name][0] < found[name] < found["intervals"][name][1]


def test_one_image_has_no_interval(generator):
    images = generator.random((1, 8, 8, 1))
    assert reconstruction.reconstruction_summary(images, images)["intervals"] == {}


def test_cross_entropy_of_the_summary(generator):
    target, prediction = generator.uniform(0.1, 0.9, (2, 5, 8, 8, 1))
    found = reconstruction.reconstruction_summary(target, prediction)["bce"]
    entropy = -target * np.log(prediction) - (1 - target) * np.log(1 - prediction)
    assert found == pytest.approx(entropy.mean())
    assert reconstruction.reconstruction_summary(255 * target, prediction)["bce"] is None


def test_each_image_has_equal_weight(generator):
    """Also beyond a chunk, with a last one that is short."""
    target, prediction = generator.random((2, 1_003, 8, 8, 1))
    found = reconstruction.reconstruction_summary(target, prediction)
    errors = [np.mean((t - p) ** 2) for t, p in zip(target, prediction, strict=True)]
    assert found["mse"] == pytest.approx(np.mean(errors))
    assert found["psnr"] == pytest.approx(np.mean(-10 * np.log10(errors)))
    assert len(reconstruction.ssim(target, prediction)) == 1_003


def test_what_does_not_fit_is_refused(generator):
    images = generator.random((2, 8, 8, 1))
    with pytest.raises(ValueError, match="must have the same shape"):
        reconstruction.mse(images, images[:1])
    with pytest.raises(ValueError, match="prediction must be finite"):
        reconstruction.psnr(images, images * np.nan)
    with pytest.raises(ValueError, match="target must be finite"):
        reconstruction.reconstruction_summary(images * np.inf, images)
    for metric in (reconstruction.psnr, reconstruction.ssim, reconstruction.ms_ssim):
        with pytest.raises(ValueError, match="max_value must be a finite number > 0"):
            metric(images, images, max_value=0)
    with pytest.raises(ValueError, match=r"epsilon must be in \(0, 0.5\)"):
        reconstruction.bce(images, images, epsilon=0)


@pytest.mark.parametrize("shape", [(0, 8, 8, 1), (2, 8, 8, 0)])
def test_no_images_or_no_pixels_are_refused(shape):
    with pytest.raises(ValueError, match="not empty"):
        reconstruction.reconstruction_summary(np.zeros(shape), np.zeros(shape))
