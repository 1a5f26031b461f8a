"""First weights by PCA, beside scikit-learn's PCA."""

import keras
import numpy as np
import pytest
from sklearn.decomposition import PCA

import zoo

SHAPE = (8, 8, 1)


def dense(name="autoencoder", **arguments):
    arguments = {"hidden_units": (), "latent_dim": 12} | arguments
    return zoo.create(name, SHAPE, widths=(), **arguments)


def by_pca(images, num_components):
    rows = images.reshape(len(images), -1)
    found = PCA(num_components, svd_solver="full").fit(rows)
    return found.inverse_transform(found.transform(rows)).reshape(images.shape)


@pytest.mark.parametrize(
    ("arguments", "num_components"),
    [
        ({}, 12),
        ({"latent_activation": "relu"}, 6),
        ({"hidden_units": (40, 30)}, 12),
        ({"hidden_units": (40, 20), "latent_activation": "relu"}, 6),
        ({"hidden_units": (16,)}, 8),
        ({"hidden_units": (16,), "activation": "linear"}, 12),
        ({"hidden_units": (40,), "mirror_hidden": False}, 12),
        ({"latent_dim": 100}, 64),
    ],
)
def test_a_linear_output_is_that_of_pca(digits, arguments, num_components):
    model = dense(output_activation="linear", **arguments)
    assert zoo.start_from_pca(model, digits) == num_components
    found = np.asarray(model.decode(model.encode(digits)))
    np.testing.assert_allclose(found, by_pca(digits, num_components), atol=2e-5)


def test_few_images_of_many_pixels(digits):
    """Fewer images than pixels: their own components, all of them."""
    model = dense(output_activation="linear", latent_dim=64)
    assert zoo.start_from_pca(model, digits[:20]) == 19
    found = np.asarray(model.decode(model.encode(digits[:20])))
    np.testing.assert_allclose(found, digits[:20], atol=2e-5)


def test_a_sigmoid_output_has_the_slope_of_pca_at_the_mean(digits):
    model = dense()
    zoo.start_from_pca(model, digits)
    mean = digits.mean(axis=0, keepdims=True)
    images = mean + 1e-3 * (digits[:50] - mean)
    expected = PCA(12, svd_solver="full").fit(digits.reshape(len(digits), -1))
    expected = expected.inverse_transform(expected.transform(images.reshape(50, -1)))
    found = np.asarray(model.predict(images, verbose=0)).reshape(50, -1)
    inside = (mean.ravel() > 0.02) & (mean.ravel() < 0.98)
    np.testing.assert_allclose(found[:, inside], expected[:, inside], atol=1e-5)


@pytest.mark.parametrize("name", ["autoencoder", "denoising", "sparse", "wae_mmd"])
def test_it_is_ahead_of_random_weights_after_as_many_epochs(digits, name):
    errors = []
    for is_pca in (True, False):
        keras.utils.set_random_seed(0)
        model = dense(name, hidden_units=(48,), seed=0)
        if is_pca:
            zoo.start_from_pca(model, digits[:1500])
        model.compile(keras.optimizers.Adam(1e-3))
        model.fit(digits[:1500], epochs=3, batch_size=64, verbose=0)
        errors.append(np.mean((model.predict(digits[1500:], verbose=0) - digits[1500:]) ** 2))
    assert errors[0] < 0.8 * errors[1]


def test_units_beyond_the_components_learn(digits):
    model = dense(hidden_units=(40,), latent_dim=4)
    zoo.start_from_pca(model, digits)
    first = model.decoder.get_layer("hidden1")
    last = model.decoder.get_layer("pixels")
    np.testing.assert_array_equal(last.kernel[8:], 0.0)
    assert np.abs(first.kernel[:, 8:]).min() > 0
    model.compile("adam")
    model.fit(digits, epochs=1, verbose=0)
    assert (np.abs(last.kernel[8:]).max(axis=1) > 0).mean() > 0.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: zoo.create("vae", SHAPE, preset="tiny"), "Received: "),
        (lambda: zoo.create("unet", SHAPE, preset="tiny"), "Received: "),
        (lambda: zoo.create("autoencoder", SHAPE, preset="tiny"), "widths="),
        (lambda: dense(latent_activation="tanh"), "latent_activation='tanh'"),
        (lambda: dense(normalization="batch"), "normalization='batch'"),
        (lambda: dense(latent_activation="relu", latent_dim=1), r"layers of \[1, 64\] units"),
    ],
)
def test_other_models_are_refused(digits, make, message):
    with pytest.raises(ValueError, match=f"start_from_pca: .*{message}"):
        zoo.start_from_pca(make(), digits)


def test_wrong_images_are_refused(digits):
    with pytest.raises(ValueError, match="minimum 0, maximum 16"):
        zoo.start_from_pca(dense(), digits * 16)
