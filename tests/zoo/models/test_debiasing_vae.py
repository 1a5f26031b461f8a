"""The VAE of the debiasing model acts on the positive class only."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo.inputs import samplers


def make(**arguments):
    model = zoo.create("debiasing_vae", (8, 8, 1), preset="tiny", seed=3, **arguments)
    model.compile(keras.optimizers.SGD(0.1))
    return model


def gradients(model, x, y, terms):
    """Gradients of the sum of some loss terms with respect to all weights."""
    x, y = tf.constant(x), tf.constant(y)
    with tf.GradientTape() as tape:
        outputs = model.forward(x)
        found = model.loss_terms(x, model.target_of(x, y), outputs)
        total = sum(tf.reduce_sum(found[name]) for name in terms)
    weights = model.trainable_weights
    return [
        tf.zeros_like(weight) if gradient is None else gradient
        for weight, gradient in zip(weights, tape.gradient(total, weights), strict=True)
    ]


def test_negative_rows_give_exactly_zero_vae_gradient(digits):
    model = make()
    for gradient in gradients(model, digits[:16], np.zeros(16, int), ("reconstruction", "kl")):
        np.testing.assert_array_equal(gradient, np.zeros(gradient.shape))


def test_in_a_mixed_batch_the_vae_sees_the_positive_rows_alone(digits):
    """A mask of shape (batch, 1) times a loss of (batch,) would mix the rows."""
    model = make()
    label = np.arange(16) % 3 == 0
    x, y = tf.constant(digits[:16]), tf.constant(label.astype(int))
    outputs = model.forward(x)
    terms = model.loss_terms(x, model.target_of(x, y), outputs)
    logits = outputs["logits"].numpy().reshape(16, -1)
    image = digits[:16].reshape(16, -1)
    nll = (np.logaddexp(0, logits) - image * logits).sum(axis=1)
    mean, log_var = outputs["z_mean"].numpy(), outputs["z_log_var"].numpy()
    kl = 0.5 * (np.exp(log_var) + mean**2 - 1 - log_var).sum(axis=1)
    np.testing.assert_allclose(terms["reconstruction"], label * nll, rtol=1e-4)
    np.testing.assert_allclose(terms["kl"], label * kl, rtol=1e-4, atol=1e-6)
    probability = model.classify(digits[:16])
    expected = -np.where(label, np.log(probability), np.log1p(-probability))
    np.testing.assert_allclose(terms["classification"], expected, rtol=1e-4)


def test_all_rows_teach_the_classifier(digits):
    model = make()
    for label in (0, 1):
        found = gradients(model, digits[:8], np.full(8, label), ("classification",))
        assert any(np.abs(gradient).max() > 0 for gradient in found)


@pytest.mark.parametrize("combine", ["max", "product"])
def test_draws_follow_the_codes(digits, combine):
    """An image whose code lies alone is drawn most; the histogram is that of the model's codes."""
    model = make(combine=combine, num_bins=5, smoothing=0.01)
    images = np.concatenate([digits[:60] * 0.1, np.ones((1, 8, 8, 1), "float32")])
    found = model.sampling_probabilities(images)
    settings = {"combine": combine, "num_bins": 5, "smoothing": 0.01}
    np.testing.assert_allclose(
        found, samplers.resampling_probabilities(model.encode(images), **settings), rtol=1e-6
    )
    assert found.argmax() == 60


def test_fit_resamples_arrays_unless_told_otherwise(digits):
    label = np.arange(40) % 2
    source = make().resampled(digits[:40], label, 10, seed=0)
    assert np.sum(source[0][1]) == 5
    assert make(resample=False).resampled(digits[:40], label, 10, seed=0) is None


def test_course_preset_weighs_as_the_course_does():
    """L1 mean + 5e-4 KL, up to a constant, is what the preset's Laplace likelihood gives."""
    model = zoo.create("debiasing_vae", preset="mit_course")
    pixels = np.prod(model.image_shape)
    rng = np.random.default_rng(0)
    target, first, second = rng.random((3, 2, *model.image_shape), dtype="float32")
    nll = [model.negative_log_likelihood(target, image).numpy() for image in (first, second)]
    mean_error = [
        np.abs(target - np.maximum(image, 0)).mean((1, 2, 3)) for image in (first, second)
    ]
    weights = {name: float(value) for name, value in model.term_weights.items()}
    assert weights["kl"] == pytest.approx(5e-4)
    np.testing.assert_allclose(
        weights["reconstruction"] * (nll[0] - nll[1]), mean_error[0] - mean_error[1], rtol=2e-2
    )
    assert pixels == 64 * 64 * 3


def test_bad_arguments_and_labels(digits):
    with pytest.raises(TypeError, match="num_classes is fixed"):
        make(num_classes=3)
    with pytest.raises(ValueError, match="combine must be one of 'max', 'product'"):
        make(combine="sum")
    with pytest.raises(ValueError, match=r"y must lie in \[0, 1\]. Received: 2"):
        make().fit(digits[:4], np.array([0, 1, 2, 0]))
    with pytest.raises(ValueError, match="y must be given"):
        make().fit(digits[:4])


def test_a_batch_of_one_is_refused_in_the_name_of_the_model(digits):
    model, labels = make(), np.arange(8) % 2
    with pytest.raises(ValueError, match=r"^DebiasingVAE: batch_size must be an int >= 2"):
        model.fit(digits[:8], labels, batch_size=1, verbose=0)
