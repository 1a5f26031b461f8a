"""SSIM losses against scikit-image and TensorFlow, and as a loss of the autoencoder."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from skimage.metrics import structural_similarity

import zoo
from zoo import losses

RANDOM = np.random.default_rng(0)


def smooth_images(*shape):
    """Noise with structure at every scale, in [0, 1]."""
    steps = RANDOM.normal(size=shape)
    walk = np.cumsum(np.cumsum(steps, axis=1), axis=2)
    low, high = (reduce(walk, axis=(1, 2), keepdims=True) for reduce in (np.min, np.max))
    return ((walk - low) / (high - low)).astype("float32")


def disturbed(images):
    noise = RANDOM.normal(scale=0.1, size=images.shape)
    return np.clip(0.8 * images + 0.1 + noise, 0, 1).astype("float32")


def value_and_gradient(function, target, prediction):
    prediction = tf.convert_to_tensor(prediction)
    with tf.GradientTape() as tape:
        tape.watch(prediction)
        value = function(tf.convert_to_tensor(target), prediction)
    return value.numpy(), tape.gradient(value, prediction).numpy()


@pytest.mark.parametrize("shape", [(24, 31, 1), (16, 12, 3), (11, 11, 1)])
def test_ssim_is_that_of_scikit_image(shape):
    target = smooth_images(3, *shape)
    prediction = disturbed(target)
    found = losses.ssim(target, prediction).numpy()
    for index in range(3):
        _, similarity = structural_similarity(
            target[index].astype("float64"),
            prediction[index].astype("float64"),
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=1,
            channel_axis=-1,
            full=True,
        )
        full_windows = similarity[5:-5, 5:-5]  # padded beyond
        assert found[index] == pytest.approx(1 - full_windows.mean(), abs=2e-5)


def direct_ssim(target, prediction, window):
    """SSIM of an image of one channel, window by window, as the paper writes it."""
    axis = np.arange(window) - window // 2
    weights = np.exp(-(axis[:, None] ** 2 + axis**2) / (2 * 1.5**2))
    weights /= weights.sum()
    similarities = []
    for row in range(target.shape[0] - window + 1):
        for column in range(target.shape[1] - window + 1):
            place = slice(row, row + window), slice(column, column + window)
            t, p = target[place].astype("float64"), prediction[place].astype("float64")
            mean_t, mean_p = np.sum(weights * t), np.sum(weights * p)
            var_t = np.sum(weights * (t - mean_t) ** 2)
            var_p = np.sum(weights * (p - mean_p) ** 2)
            covariance = np.sum(weights * (t - mean_t) * (p - mean_p))
            similarities.append(
                (2 * mean_t * mean_p + 1e-4)
                * (2 * covariance + 9e-4)
                / ((mean_t**2 + mean_p**2 + 1e-4) * (var_t + var_p + 9e-4))
            )
    return np.mean(similarities)


@pytest.mark.parametrize(
    ("height", "width", "window"), [(7, 7, 7), (8, 9, 7), (10, 20, 9), (13, 12, 11)]
)
def test_the_window_shrinks_to_the_largest_odd_size_that_fits(height, width, window):
    target = smooth_images(1, height, width, 1)
    prediction = disturbed(target)
    expected = 1 - direct_ssim(target[0, ..., 0], prediction[0, ..., 0], window)
    np.testing.assert_allclose(losses.ssim(target, prediction), [expected], atol=2e-5)


def test_ms_ssim_is_that_of_tensorflow():
    target = smooth_images(2, 192, 176, 2)
    prediction = disturbed(target)
    expected = 1 - tf.image.ssim_multiscale(target, prediction, 1.0)
    found = losses.ms_ssim(target, prediction)
    assert found.numpy().min() > 0.02
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(("side", "num_scales"), [(22, 2), (43, 2), (44, 3), (28, 2), (88, 4)])
def test_small_images_have_fewer_scales(side, num_scales):
    target = smooth_images(2, side, side + side % 2, 1)
    if side % 2:
        target = target[:, :side, :side]
    prediction = disturbed(target)
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])[:num_scales]
    even = 2 ** (num_scales - 1) * (side // 2 ** (num_scales - 1))
    if even == side:  # elsewhere TensorFlow pads what is left out here
        expected = 1 - tf.image.ssim_multiscale(
            target, prediction, 1.0, power_factors=tuple(weights / weights.sum())
        )
        np.testing.assert_allclose(losses.ms_ssim(target, prediction), expected, atol=2e-5)
    else:
        assert np.isfinite(losses.ms_ssim(target, prediction)).all()


@pytest.mark.parametrize("name", ["ssim", "ms_ssim"])
class TestBoth:
    def test_equal_images_have_no_loss_and_no_slope(self, name):
        images = smooth_images(2, 24, 24, 3)
        value, gradient = value_and_gradient(getattr(losses, name), images, images)
        np.testing.assert_allclose(value, 0.0, atol=1e-5)
        np.testing.assert_allclose(gradient, 0.0, atol=1e-3)

    def test_one_value_per_image_that_grows_with_the_noise(self, name):
        images = np.repeat(smooth_images(1, 24, 24, 1), 4, axis=0)
        noise = RANDOM.normal(size=images.shape[1:])
        noisy = images + np.array([0.0, 0.05, 0.2, 0.8]).reshape(4, 1, 1, 1) * noise
        value = getattr(losses, name)(images, noisy.astype("float32")).numpy()
        assert value.shape == (4,)
        assert (np.diff(value) > 0.01).all()
        alone = getattr(losses, name)(images[2:3], noisy[2:3].astype("float32"))
        np.testing.assert_allclose(alone, value[2:3], rtol=1e-4)

    @pytest.mark.parametrize("dtype", ["float16", "float32"])
    def test_values_and_gradients_are_finite(self, name, dtype):
        black, white = np.zeros((1, 24, 24, 1)), np.ones((1, 24, 24, 1))
        ramp = np.linspace(0, 1, 24).reshape(1, 24, 1, 1) * white
        for target in (black, white, ramp):
            for prediction in (black, white, ramp, 1 - ramp):
                value, gradient = value_and_gradient(
                    getattr(losses, name), target.astype(dtype), prediction.astype(dtype)
                )
                assert value.dtype == np.float32
                assert np.isfinite(value).all()
                assert np.isfinite(gradient).all()
                assert -1e-5 <= value.min() <= value.max() <= 2

    def test_compiled_value_and_gradient(self, name):
        target = smooth_images(2, 24, 26, 2)
        prediction = disturbed(target)

        @tf.function(jit_compile=True)
        def compiled(target, prediction):
            with tf.GradientTape() as tape:
                tape.watch(prediction)
                value = getattr(losses, name)(target, prediction)
            return value, tape.gradient(value, prediction)

        value, gradient = value_and_gradient(getattr(losses, name), target, prediction)
        found = compiled(tf.constant(target), tf.constant(prediction))
        np.testing.assert_allclose(found[0], value, rtol=1e-4)
        np.testing.assert_allclose(found[1], gradient, rtol=1e-2, atol=1e-5)

    def test_too_small(self, name):
        with pytest.raises(ValueError, match=rf"{name}: target shape must be .* for {name}\."):
            getattr(losses, name)(np.zeros((1, 6, 30, 1)), np.zeros((1, 6, 30, 1)))
        with pytest.raises(ValueError, match=rf"{name}: target shape must be"):
            getattr(losses, name)(np.zeros((1, 64, 1)), np.zeros((1, 64, 1)))


class TestAutoencoder:
    @pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
    def test_the_loss_is_one_minus_the_similarity(self, digits, dtype):
        model = zoo.create(
            "autoencoder", (8, 8, 1), preset="tiny", reconstruction="ssim", dtype=dtype
        )
        model.compile()
        found = model.evaluate(digits[:64], verbose=0, return_dict=True)
        prediction = model.predict(digits[:64], verbose=0)
        expected = 1 - np.mean(
            [direct_ssim(digits[i, ..., 0], prediction[i, ..., 0], 7) for i in range(64)]
        )
        assert found["loss"] == pytest.approx(expected, abs=2e-3)
        assert found["reconstruction"] == pytest.approx(found["loss"])

    @pytest.mark.parametrize("name", ["ssim", "ms_ssim"])
    def test_training_raises_the_similarity(self, digits, name):
        images = digits[:64].repeat(3, axis=1).repeat(3, axis=2)
        model = zoo.create("autoencoder", (24, 24, 1), preset="tiny", reconstruction=name)
        model.compile(keras.optimizers.Adam(3e-3))
        history = model.fit(images, batch_size=16, epochs=4, verbose=0).history["loss"]
        assert history[-1] < history[0]
        assert type(model).from_config(model.get_config()).reconstruction == name

    @pytest.mark.parametrize(
        ("reconstruction", "image_shape", "fix"),
        [
            ("ssim", (784,), "mean_squared_error"),
            ("ssim", (140, 1), "mean_squared_error"),
            ("ssim", (4, 28, 1), "mean_squared_error"),
            ("ms_ssim", (16, 28, 1), "Use 'ssim'"),
            ("ms_ssim", (784,), "mean_squared_error"),
        ],
    )
    def test_images_that_have_no_structure(self, reconstruction, image_shape, fix):
        with pytest.raises(ValueError, match=rf"Autoencoder: image_shape must be .*{fix}"):
            zoo.create("autoencoder", image_shape, preset="tiny", reconstruction=reconstruction)
