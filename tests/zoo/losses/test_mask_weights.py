"""Weights of pixels and classes in every mask loss: what counts, how much, and what does not."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics

from zoo import losses

RANDOM = np.random.default_rng(1)
NUM_PIXELS = 30
LABELS = RANDOM.integers(0, 3, (2, NUM_PIXELS))
KINDS = {
    "binary": (
        (LABELS == 1).astype("float32")[..., None],
        RANDOM.normal(size=(2, NUM_PIXELS, 1)).astype("float32"),
    ),
    "classes": (
        np.eye(3, dtype="float32")[LABELS],
        RANDOM.normal(size=(2, NUM_PIXELS, 3)).astype("float32"),
    ),
}
OVERLAP = ("dice", "jaccard", "tversky", "focal_tversky", "lovasz")
BY_PIXEL = ("crossentropy", "focal")
kinds = pytest.mark.parametrize("kind", KINDS)
every_loss = pytest.mark.parametrize("name", (*OVERLAP, *BY_PIXEL))


def one(name, row, kind, rows=slice(None), **settings):
    """Returns the loss of some pixels of one image."""
    target, logits = (values[row : row + 1, rows] for values in KINDS[kind])
    return float(losses.mask_loss(name)(target, logits, **settings)[0])


@every_loss
@kinds
def test_a_pixel_of_weight_zero_is_not_there(name, kind):
    kept = np.flatnonzero(RANDOM.random(NUM_PIXELS) < 0.6)
    weights = np.zeros((1, NUM_PIXELS, 1), "float32")
    weights[0, kept] = 1
    for row in range(2):
        assert one(name, row, kind, weights=weights) == pytest.approx(
            one(name, row, kind, kept), abs=1e-5
        )


@pytest.mark.parametrize("name", (*OVERLAP, *BY_PIXEL, "boundary", "batch_dice", "batch_lovasz"))
@kinds
def test_a_pixel_of_weight_zero_has_no_gradient_whatever_it_holds(name, kind):
    target, logits = (values.copy() for values in KINDS[kind])
    weights = np.ones((2, NUM_PIXELS, 1), "float32")
    weights[:, ::3] = 0
    loss, found = losses.mask_loss(name), []
    for junk in (0.0, 80.0, np.nan):
        logits[:, ::3] = junk
        given = tf.constant(logits)
        with tf.GradientTape() as tape:
            tape.watch(given)
            value = loss(target, given, weights)
        gradient = tape.gradient(value, given).numpy()
        assert (gradient[:, ::3] == 0).all() and np.isfinite(gradient).all()
        assert np.abs(gradient).max() > 0
        found.append(value.numpy())
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@every_loss
@kinds
def test_a_weight_of_two_is_the_pixel_twice(name, kind):
    """Means divide by the number of pixels all the same: they are twice as large for 2s alone."""
    weights = np.where(np.arange(NUM_PIXELS) % 4 == 0, 2.0, 1.0).astype("float32")
    rows = np.repeat(np.arange(NUM_PIXELS), weights.astype(int))
    expected = one(name, 0, kind, rows)
    if name in BY_PIXEL:
        expected *= len(rows) / NUM_PIXELS
    assert one(name, 0, kind, weights=weights[None, :, None]) == pytest.approx(expected, abs=1e-5)


@every_loss
@kinds
def test_nothing_that_counts_costs_nothing(name, kind):
    assert one(name, 0, kind, weights=np.zeros((1, NUM_PIXELS, 1))) == pytest.approx(0, abs=1e-5)


def test_class_weights_of_a_crossentropy_are_those_of_scikit_learn():
    _, logits = KINDS["classes"]
    probability = np.exp(logits[0]) / np.exp(logits[0]).sum(-1, keepdims=True)
    class_weights = (0.5, 3.0, 1.5)
    of_pixels = np.array(class_weights)[LABELS[0]]
    expected = metrics.log_loss(LABELS[0], probability, sample_weight=of_pixels, labels=[0, 1, 2])
    expected *= of_pixels.mean()  # scikit-learn divides by the weights, not by their number
    found = one("crossentropy", 0, "classes", class_weights=class_weights)
    assert found == pytest.approx(expected, rel=1e-5)
    weights = of_pixels[None, :, None].astype("float32")
    assert found == pytest.approx(one("crossentropy", 0, "classes", weights=weights), rel=1e-5)


@pytest.mark.parametrize("name", (*OVERLAP, *BY_PIXEL))
def test_class_weights_of_one_channel_weigh_pixels_by_their_class(name):
    weights = np.where(LABELS[:1] == 1, 4.0, 0.5)[..., None].astype("float32")
    expected = one(name, 0, "binary", weights=weights)
    assert one(name, 0, "binary", class_weights=(0.5, 4.0)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", OVERLAP)
def test_class_weights_weigh_the_mean_over_overlaps(name):
    """One class of weight 1 among zeros is that class alone; others lie between."""
    alone = [
        one(name, 0, "classes", class_weights=np.eye(3, dtype="float32")[number])
        for number in range(3)
    ]
    mean = one(name, 0, "classes")
    assert mean == pytest.approx(np.mean(alone), abs=1e-5)
    weighed = one(name, 0, "classes", class_weights=(1.0, 2.0, 5.0))
    assert weighed == pytest.approx(np.dot(alone, (1, 2, 5)) / 8, abs=1e-5)


def test_class_weights_fit_the_classes():
    with pytest.raises(ValueError, match="class_weights must hold 3 numbers"):
        one("dice", 0, "classes", class_weights=(1.0, 2.0))
    with pytest.raises(ValueError, match="class_weights must hold 2 numbers"):
        one("dice", 0, "binary", class_weights=(1.0,))


def test_balanced_weights_make_each_class_weigh_the_same():
    counts = (900, 90, 0, 10)
    weights = losses.balanced_weights(counts)
    products = [weight * count for weight, count in zip(weights, counts, strict=True)]
    assert products == pytest.approx([1000 / 3, 1000 / 3, 0, 1000 / 3])
    assert np.dot(weights, counts) / 1000 == pytest.approx(1)
    assert weights[2] == 1


def test_weights_are_no_options_of_a_text():
    with pytest.raises(ValueError, match="options of dice must be known"):
        losses.mask_loss("dice(weights=2)")
