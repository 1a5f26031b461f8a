"""Mistakes of docs/findings.md that no other test rules out."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from bench.metrics import reconstruction
from zoo import losses


def make(name, optimizer="sgd", **arguments):
    model = zoo.create(name, (8, 8, 1), preset="tiny", seed=1, **arguments)
    model.compile(optimizer, metrics=[keras.metrics.MeanAbsoluteError(name="mae")])
    return model


def test_absolute_error_is_of_the_difference():
    bright, dark = np.full((2, 8, 8, 1), 0.75), np.full((2, 8, 8, 1), 0.5)
    overwritten = dark.copy()
    np.testing.assert_array_equal(np.abs(bright, overwritten), bright)  # the mistake
    np.testing.assert_array_equal(overwritten, bright)
    for function in (reconstruction.mae, losses.mean_absolute_error):
        np.testing.assert_allclose(function(bright, dark), 0.25)
        np.testing.assert_allclose(function(dark, bright), 0.25)
        np.testing.assert_allclose(function(bright, bright), 0.0)
    assert (dark == 0.5).all()


def test_a_column_times_a_row_is_a_table(digits):
    """With the mistake, rows of the other class would count as much as those of the own."""
    indicator = np.array([[1.0], [0.0], [0.0], [0.0]])
    of_each = np.array([1.0, 10.0, 20.0, 9.0])
    assert np.mean(indicator * of_each) == indicator.mean() * of_each.mean() == 2.5
    assert np.mean(indicator[:, 0] * of_each) == 0.25
    model = make("debiasing_vae")
    x, label = tf.constant(digits[:4]), tf.constant([1, 0, 0, 0])
    found = model.loss_terms(x, model.target_of(x, label), model.forward(x))
    others = tf.concat([x[:1], 1 - x[1:]], axis=0)
    changed = model.loss_terms(others, model.target_of(others, label), model.forward(others))
    for name in ("reconstruction", "kl"):
        assert found[name].shape == (4,)
        assert found[name][0] > 0
        np.testing.assert_array_equal(found[name][1:], 0)
        np.testing.assert_allclose(found[name], changed[name], rtol=1e-4, atol=1e-6)


def test_kl_estimates_are_not_clamped():
    """`log q - log p = 0.1 z - 0.005` for a mean of 0.1: about half of the values are below 0."""
    model = make("vae", kl="monte_carlo", latent_dim=1)
    mean = np.full((20_000, 1), 0.1, "float32")
    z = mean + np.random.default_rng(0).normal(size=mean.shape).astype("float32")
    outputs = {"z_mean": mean, "z_log_var": 0 * mean, "z": z}
    values = np.asarray(model.kl_divergence(outputs))
    np.testing.assert_allclose(values, 0.1 * z[:, 0] - 0.005, atol=1e-5)
    assert 0.4 < (values < 0).mean() < 0.6
    standard_error = 0.1 / np.sqrt(len(z))
    assert values.mean() == pytest.approx(0.5 * 0.1**2, abs=4 * standard_error)
    assert np.maximum(values, 0).mean() > 0.5 * 0.1**2 + 20 * standard_error  # the mistake


@pytest.mark.parametrize("name", ["autoencoder", "unet_denoiser"])
def test_evaluate_is_of_all_batches(digits, name):
    model = make(name, **({"level": 0.0} if name == "unet_denoiser" else {}))
    for variable in model.trainable_variables:  # a new denoiser gives its input back
        variable.assign(variable + 0.01)
    images = np.concatenate([np.zeros((32, 8, 8, 1), "float32"), digits[:50]])
    found = model.evaluate(images, batch_size=32, verbose=0, return_dict=True)
    copies = model.reconstruct(images)
    assert found["loss"] == pytest.approx(np.mean((images - copies) ** 2), rel=1e-5)
    assert found["mae"] == pytest.approx(np.mean(np.abs(images - copies)), rel=1e-5)
    first = np.mean((images[:32] - copies[:32]) ** 2)
    assert found["loss"] != pytest.approx(first, rel=0.05)


# What else than gradients could change a model: batch statistics, a codebook, counters.
STATEFUL = {
    "autoencoder": {"normalization": "batch"},
    "vq_vae": {},
    "top_k_sparse": {},
    "vae": {},
}


@pytest.mark.parametrize("name", STATEFUL)
def test_validation_leaves_no_trace(digits, name):
    def variables(model):
        return [np.array(variable) for variable in model.variables]

    other = 1 - digits[500:600]
    trained = []
    for validation in (None, (other,)):
        keras.utils.set_random_seed(3)
        model = make(name, keras.optimizers.SGD(0.01), **STATEFUL[name])
        start = variables(model)
        model.fit(digits[:64], batch_size=32, epochs=2, validation_data=validation, verbose=0)
        trained.append(variables(model))
    assert any((a != b).any() for a, b in zip(start, trained[0], strict=True))
    for without, beside in zip(*trained, strict=True):
        np.testing.assert_array_equal(without, beside)
    model.evaluate(other, verbose=0)
    model.predict(other, verbose=0)
    for before, after in zip(trained[1], variables(model), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize(
    "loss", [losses.dice, losses.jaccard, losses.tversky, losses.focal_tversky]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_overlap_losses_of_any_logits_lie_between_0_and_1(loss, channels):
    generator = np.random.default_rng(0)
    labels = generator.integers(0, max(channels, 2), (4, 8, 8))
    target = np.eye(3, dtype="float32")[labels] if channels == 3 else labels[..., None]
    logits = generator.normal(scale=1e4, size=(4, 8, 8, channels)).astype("float32")
    found = np.asarray(loss(target.astype("float32"), logits))
    assert found.min() >= -1e-6
    assert found.max() <= 1 + 1e-6
    assert np.ptp(found) > 0  # it is no constant


def test_log_likelihood_of_binary_images_is_negative(digits):
    model = make("vae")
    binary = (digits[:20] > 0.5).astype("float32")
    elbo = model.elbo(binary, num_samples=5)
    log_likelihood = model.log_likelihood(binary, num_samples=20)
    assert (elbo < 0).all()
    assert (log_likelihood < 0).all()
    logs = model.evaluate(binary, batch_size=20, verbose=0, return_dict=True)
    assert logs["loss"] > 0
