"""Semi-supervised models: only labelled rows teach the classes, all rows teach the images."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import logsumexp
from sklearn.datasets import load_digits

import zoo

NAMES = ("semi_supervised_vae", "semi_supervised_m2")


def make(name, **arguments):
    model = zoo.create(name, (8, 8, 1), preset="tiny", **arguments)
    model.compile(keras.optimizers.SGD(0.0))
    return model


@pytest.mark.parametrize("name", NAMES)
class TestBoth:
    def test_unlabelled_rows_give_no_classification_loss(self, digits, name):
        model = make(name)
        found = model.evaluate(digits[:8], np.full(8, -1), verbose=0, return_dict=True)
        assert found["classification"] == 0.0
        assert found["loss"] > 0

    def test_classification_is_the_cross_entropy_of_classify(self, digits, name):
        model = make(name)
        label = np.arange(8)
        found = model.evaluate(digits[:8], label, verbose=0, return_dict=True)
        probability = model.classify(digits[:8])
        np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-5)
        expected = -np.log(probability[np.arange(8), label]).mean()
        assert found["classification"] == pytest.approx(expected, rel=1e-4)

    def test_accuracy_counts_labelled_rows_alone(self, digits, name):
        model = make(name)
        predicted = model.classify(digits[:8]).argmax(axis=1)
        label = np.where(np.arange(8) < 4, predicted, -1)
        label[0] = (predicted[0] + 1) % 10
        found = model.evaluate(digits[:8], label, verbose=0, return_dict=True)
        assert found["accuracy"] == pytest.approx(3 / 4)

    def test_without_the_vae_unlabelled_rows_teach_nothing(self, digits, name):
        """`vae_weight=0` is a plain classifier: the measure of what the images add."""
        model = make(name, vae_weight=0.0)
        model.compile(keras.optimizers.SGD(1.0))
        before = model.get_weights()
        model.train_on_batch(digits[:8], np.full(8, -1))
        for old, new in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)

    def test_arrays_with_few_labels_are_drawn_with_the_share(self, digits, name):
        model = make(name, labelled_share=0.5)
        label = np.full(100, -1)
        label[:5] = np.arange(5)
        source = model.resampled(digits[:100], label, 20, seed=0)
        assert np.sum(source[0][1] >= 0) == 10
        assert make(name, labelled_share=None).resampled(digits[:100], label, 20, 0) is None
        assert model.resampled(digits[:100], np.arange(100) % 10, 20, 0) is None

    def test_few_labels_and_many_images_teach_the_classes(self, digits, name):
        keras.utils.set_random_seed(4)
        model = zoo.create(name, (8, 8, 1), preset="tiny")
        model.compile(keras.optimizers.Adam(5e-3))
        target = load_digits().target
        label = np.where(np.arange(600) < 60, target[:600], -1)
        model.fit(digits[:600], label, batch_size=50, epochs=8, verbose=0)
        predicted = model.classify(digits[1200:]).argmax(axis=1)
        assert np.mean(predicted == target[1200:]) > 0.6

    def test_labels_are_needed(self, digits, name):
        with pytest.raises(ValueError, match="y must hold labels for some rows"):
            make(name).fit(digits[:8], np.full(8, -1))


class TestM2:
    def test_terms_by_the_formula(self, digits):
        """One row labelled, one not, against sums over classes written out in numpy."""
        model = make("semi_supervised_m2", num_classes=3)
        x, y = tf.constant(digits[:2]), tf.constant([1, -1])
        outputs = model.forward(x)
        terms = model.loss_terms(x, model.target_of(x, y), outputs)
        logits = outputs["logits"].numpy().reshape(2, 3, -1)
        mean = outputs["z_mean"].numpy().reshape(2, 3, -1)
        log_var = outputs["z_log_var"].numpy().reshape(2, 3, -1)
        image = digits[:2].reshape(2, 1, -1)
        nll = (np.logaddexp(0, logits) - image * logits).sum(axis=-1)
        kl = 0.5 * (np.exp(log_var) + mean**2 - 1 - log_var).sum(axis=-1)
        q = model.classify(digits[:2])
        weight = np.stack([[0, 1, 0], q[1]])
        np.testing.assert_allclose(terms["reconstruction"], (weight * nll).sum(1), rtol=1e-4)
        np.testing.assert_allclose(terms["kl"], (weight * kl).sum(1), rtol=1e-4)
        entropy = -(q[1] * np.log(q[1])).sum()
        expected = [math.log(3), math.log(3) - entropy]
        np.testing.assert_allclose(terms["label_kl"], expected, rtol=1e-4)
        np.testing.assert_allclose(terms["classification"], [-np.log(q[0, 1]), 0], rtol=1e-4)

    def test_bounds_are_in_order(self, digits):
        model = make("semi_supervised_m2", num_classes=3)
        elbo = model.elbo(digits[:20], num_samples=200)
        log_likelihood = model.log_likelihood(digits[:20], num_samples=200)
        assert (log_likelihood >= elbo - 1e-3).all()
        more = model.log_likelihood(digits[:20], num_samples=1000)
        assert more.mean() >= log_likelihood.mean() - 0.05

    def test_likelihood_sums_over_classes(self, digits):
        """A decoder that ignores code and class gives log p(x) in closed form."""
        model = make("semi_supervised_m2", num_classes=4)
        for weight in model.decoder.weights:
            weight.assign(np.zeros(weight.shape))
        expected = -64 * math.log(2)  # each pixel is 0 or 1 with probability a half
        per_class = np.full(4, expected - math.log(4))
        assert logsumexp(per_class) == pytest.approx(expected)
        found = model.log_likelihood(digits[:3], num_samples=3000)
        np.testing.assert_allclose(found, expected, atol=0.3)

    def test_prediction_is_the_image_of_the_likeliest_class(self, digits):
        model = make("semi_supervised_m2")
        label = model.classify(digits[:6]).argmax(axis=1)
        np.testing.assert_array_equal(model.labels_of(digits[:6]), label)
        expected = model.decode({"code": model.encode(digits[:6]), "label": label})
        np.testing.assert_allclose(model.reconstruct(digits[:6]), expected, atol=1e-6)
