"""The memory: its addressing against NumPy, its sparsity, and what it cannot copy."""

import keras
import numpy as np
import pytest

import zoo


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return zoo.create("memory_autoencoder", (8, 8, 1), preset="tiny", num_items=20)


def test_addressing_by_hand(model):
    images = np.random.default_rng(0).random((5, 8, 8, 1), dtype="float32")
    outputs = {name: np.asarray(value) for name, value in model.forward(images).items()}
    asked, items = np.asarray(model.encoder(images), "float64"), model.memory.items.numpy()
    cosine = (asked @ items.T) / np.linalg.norm(asked, axis=1)[:, None]
    cosine /= np.linalg.norm(items, axis=1)
    weights = np.exp(cosine) / np.exp(cosine).sum(axis=1, keepdims=True)
    weights = np.where(weights > 1 / 20, weights, 0)
    weights /= weights.sum(axis=1, keepdims=True)
    assert (weights == 0).any()
    np.testing.assert_allclose(outputs["weights"], weights, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(outputs["code"], weights @ items, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(model.encode(images), outputs["code"], rtol=1e-5)
    entropy = [-np.sum(row[row > 0] * np.log(row[row > 0])) for row in weights]
    terms = model.loss_terms(images, images, model.forward(images))
    np.testing.assert_allclose(terms["entropy"], entropy, rtol=1e-3)


def test_equal_items_copy_nothing(kit):
    """All images become the same one: the limit of what a memory forbids."""
    one = zoo.create("memory_autoencoder", (8, 8, 1), preset="tiny", num_items=2, shrink=0.0)
    items = one.memory.items.numpy()
    one.memory.items.assign(np.broadcast_to(items[:1], items.shape))
    rebuilt = one.reconstruct(kit.images[:10])
    np.testing.assert_allclose(rebuilt, np.broadcast_to(rebuilt[:1], rebuilt.shape), atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"num_items": 0}, "num_items must be an int >= 1"),
        ({"shrink": -1.0}, "shrink must be a number"),
        ({"latent_dim": None, "widths": (4,)}, "latent_dim must be an int"),
    ],
)
def test_wrong_arguments(arguments, text):
    with pytest.raises(ValueError, match=text):
        zoo.create("memory_autoencoder", (8, 8, 1), **arguments)
