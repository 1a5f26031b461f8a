"""The importance-weighted bound against a linear Gaussian model, whose density is known."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats
from sklearn.datasets import load_digits

import zoo

DIGITS = (load_digits().images[:96, ..., None] / 16).astype("float32")
SHAPE = (8, 8, 1)
FEATURES, LATENT, SCALE = 4, 2, 0.4
TINY = {"widths": (4, 8), "latent_dim": 4}


def make(name="iwae", image_shape=SHAPE, **arguments):
    keras.utils.set_random_seed(7)
    return zoo.create(name, image_shape, **(TINY | arguments))


def linear_gaussian(num_importance_samples, *, exact=False, **arguments):
    """An IWAE that holds `x = W z + 0.5 + SCALE noise`, and `log p(x)` of images, in numpy.

    The columns of `W` are orthogonal, so that the exact posterior is diagonal. Unless `exact`, the
    encoder's variance is `e` times too large.
    """
    random = np.random.default_rng(2)
    weight = np.linalg.qr(random.normal(size=(FEATURES, LATENT)))[0] * np.array([0.9, 0.5])
    precision = np.diag(weight.T @ weight / SCALE**2 + np.eye(LATENT))
    gain = (weight / SCALE**2 / precision).astype("float32")  # (features, latent)
    log_var = -np.log(precision) + (0.0 if exact else 1.0)
    x = random.uniform(size=(16, FEATURES)).astype("float32")
    model = make(
        image_shape=FEATURES,
        widths=(),
        hidden_units=(),
        latent_dim=LATENT,
        likelihood="gaussian",
        scale=SCALE,
        output_activation="linear",
        num_importance_samples=num_importance_samples,
        **arguments,
    )
    model.encoder.get_layer("z_mean").set_weights([gain, -0.5 * gain.sum(axis=0)])
    model.encoder.get_layer("z_log_var").set_weights([np.zeros((FEATURES, LATENT)), log_var])
    model.decoder.get_layer("pixels").set_weights([weight.T, np.full(FEATURES, 0.5)])
    covariance = weight @ weight.T + SCALE**2 * np.eye(FEATURES)
    return model, x, stats.multivariate_normal(np.full(FEATURES, 0.5), covariance).logpdf(x)


def terms_of(model, x, training=False):
    terms = model.loss_terms(x, x, model.forward(x, training=training))
    return {key: np.asarray(value) for key, value in terms.items()}


def gradients(model, x):
    """Gradient of the loss by each trainable weight."""
    with tf.GradientTape() as tape:
        outputs = model.forward(tf.constant(x))
        loss = -tf.reduce_mean(model.loss_terms(x, x, outputs)["importance_weighted_bound"])
    return [np.asarray(g) for g in tape.gradient(loss, model.trainable_weights)]


# --- the bound ------------------------------------------------------------------------------------


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("training", [False, True])
def test_one_sample_is_the_vae_with_a_monte_carlo_kl(likelihood, training):
    vae = make("vae", kl="monte_carlo", likelihood=likelihood, seed=3)
    iwae = make(num_importance_samples=1, likelihood=likelihood, seed=3)
    expected, found = (terms_of(model, DIGITS, training) for model in (vae, iwae))
    for key in ("reconstruction", "kl"):
        np.testing.assert_allclose(found[key], expected[key], rtol=1e-4, atol=1e-4)
    elbo = -(expected["reconstruction"] + expected["kl"])
    np.testing.assert_allclose(found["importance_weighted_bound"], elbo, rtol=1e-5)
    iwae.compile("sgd", jit_compile=False)
    logs = iwae.evaluate(DIGITS[:20], verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(logs["reconstruction"] + logs["kl"], rel=1e-5)
    assert logs["loss"] == pytest.approx(-logs["importance_weighted_bound"], rel=1e-6)


def test_bound_is_log_mean_exp_of_the_weights():
    model = make(num_importance_samples=3, likelihood="laplace", scale=0.2)
    outputs = {key: np.asarray(value) for key, value in model.forward(DIGITS[:5]).items()}
    assert outputs["z"].shape == (3 * 5, 4)
    z, logits = outputs["z"].reshape(3, 5, 4), outputs["logits"].reshape(3, 5, *SHAPE)
    z_mean, z_log_var = (np.asarray(v) for v in model.encode_distribution(DIGITS[:5]))
    log_weights = (
        stats.laplace.logpdf(DIGITS[:5], 1 / (1 + np.exp(-logits)), 0.2).sum(axis=(2, 3, 4))
        + stats.norm.logpdf(z).sum(axis=-1)
        - stats.norm.logpdf(z, z_mean, np.exp(z_log_var / 2)).sum(axis=-1)
    )
    expected = special.logsumexp(log_weights, axis=0) - np.log(3)
    terms = terms_of(model, DIGITS[:5])
    np.testing.assert_allclose(terms["importance_weighted_bound"], expected, rtol=1e-4, atol=1e-3)
    assert np.ptp(z, axis=0).min() > 1e-4  # three different samples of each image


def test_bound_is_at_least_the_elbo_of_the_same_samples():
    model, x, _ = linear_gaussian(5)
    terms = terms_of(model, x)
    gap = terms["importance_weighted_bound"] + terms["reconstruction"] + terms["kl"]
    assert gap.min() >= -1e-5
    assert gap.mean() > 0.1


def test_bound_rises_with_the_samples_to_the_density():
    means = []
    for num_importance_samples in (1, 5, 50):
        model, x, log_density = linear_gaussian(num_importance_samples)
        apart = 1e-6 * np.repeat(np.arange(1000), len(x))[:, None]  # else one image has one noise
        many = (np.tile(x, (1000, 1)) + apart).astype("float32")
        bounds = terms_of(model, many)["importance_weighted_bound"]
        means.append(bounds.mean() - log_density.mean())
    assert means[0] + 0.05 < means[1] < means[2] - 0.02
    assert -0.05 < means[2] < 0.01
    # One sample: the ELBO. Its gap is the KL of each unit's variance, e times too large.
    assert means[0] == pytest.approx(-LATENT * 0.5 * (np.e - 2), abs=0.06)


def test_bound_is_tight_when_the_posterior_is_exact():
    for num_importance_samples in (1, 4):
        model, x, log_density = linear_gaussian(num_importance_samples, exact=True)
        bound = terms_of(model, x)["importance_weighted_bound"]
        np.testing.assert_allclose(bound, log_density, rtol=1e-4, atol=1e-4)


def test_log_likelihood_and_elbo_are_those_of_the_vae():
    model, x, log_density = linear_gaussian(5)
    np.testing.assert_allclose(model.log_likelihood(x, num_samples=3000), log_density, atol=0.1)
    gap = model.elbo(x, num_samples=3000) - log_density
    assert gap.mean() == pytest.approx(-LATENT * 0.5 * (np.e - 2), abs=0.05)


def test_warm_up_weighs_the_kl_inside_the_bound():
    model = make(num_importance_samples=4)
    model.kl_scale.assign(0.0)
    nll = np.asarray(model.log_weights(DIGITS[:5], model.forward(DIGITS[:5]))[1])
    expected = special.logsumexp(-nll, axis=0) - np.log(4)
    np.testing.assert_allclose(
        terms_of(model, DIGITS[:5])["importance_weighted_bound"], expected, rtol=1e-5
    )


def test_prediction_is_the_image_of_the_first_sample():
    model = make(num_importance_samples=3)
    outputs = model.forward(DIGITS[:5])
    first = model.decode(np.asarray(outputs["z"])[:5])
    np.testing.assert_allclose(outputs["prediction"], first, atol=1e-6)


# --- gradients ------------------------------------------------------------------------------------


def test_gradient_is_that_of_the_weights_in_their_proportion():
    """Burda et al., Eq. 14: sum of normalised weights times the gradients of their logarithms."""
    model = make(num_importance_samples=3, likelihood="gaussian", scale=0.3)
    x = tf.constant(DIGITS[:1])
    with tf.GradientTape(persistent=True) as tape:
        log_weights = model.log_weights(x, model.forward(x))[0][:, 0]
        parts = tf.unstack(log_weights)
    share = special.softmax(log_weights.numpy())
    assert share.max() < 0.999
    each = [tape.gradient(part, model.trainable_weights) for part in parts]
    for index, found in enumerate(gradients(model, DIGITS[:1])):
        expected = -sum(s * g[index].numpy() for s, g in zip(share, each, strict=True))
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_doubly_reparameterized_loss_and_decoder_gradient_are_the_standard_ones():
    models = [make(num_importance_samples=3, estimator=name) for name in zoo.models.iwae.ESTIMATORS]
    terms = [terms_of(model, DIGITS[:8]) for model in models]
    for key, value in terms[0].items():
        np.testing.assert_allclose(terms[1][key], value, rtol=1e-5)
    num_encoder = len(models[0].encoder.trainable_weights)
    found = [gradients(model, DIGITS[:8]) for model in models]
    for index, (one, two) in enumerate(zip(*found, strict=True)):
        size = np.abs(one).max()
        if index >= num_encoder:
            np.testing.assert_allclose(two, one, rtol=1e-3, atol=1e-4 * size)
        else:
            assert np.abs(one - two).max() > 1e-3 * size


def test_doubly_reparameterized_encoder_gradient_has_the_same_mean_and_less_noise():
    means, spreads, count = [], [], 16 * 500
    for estimator in zoo.models.iwae.ESTIMATORS:
        model, x, _ = linear_gaussian(3, estimator=estimator)
        x = tf.constant(np.tile(x, (count // 16, 1)))
        with tf.GradientTape() as tape:
            outputs = model.forward(x, training=True)
            loss = -tf.reduce_sum(model.loss_terms(x, x, outputs)["importance_weighted_bound"])
        by_sample = tape.gradient(loss, outputs["z_log_var"]).numpy().reshape(3, count, LATENT)
        by_image = by_sample.sum(axis=0)
        means.append(by_image.mean(axis=0))
        spreads.append(by_image.std(axis=0))
    error = np.hypot(*spreads) / np.sqrt(count)
    assert (np.abs(means[0] - means[1]) < 4 * error).all()
    assert (means[0] > 5 * error).all()  # the variance is too large, and is told to shrink
    assert (spreads[1] < 0.8 * spreads[0]).all()


def test_doubly_reparameterized_encoder_gradient_vanishes_at_the_exact_posterior():
    """All weights are then equal whatever the sample: nothing is left to learn, or to be noise."""
    found = {}
    for estimator in zoo.models.iwae.ESTIMATORS:
        model, x, _ = linear_gaussian(4, exact=True, estimator=estimator)
        found[estimator] = np.concatenate([g.ravel() for g in gradients(model, x)[:4]])
    assert np.abs(found["doubly_reparameterized"]).max() < 1e-4
    assert np.abs(found["standard"]).max() > 1e-2


# --- arguments ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_importance_samples": 0}, r"IWAE: num_importance_samples must be an int >= 1"),
        ({"estimator": "dreg"}, r"IWAE: estimator must be one of 'standard'"),
        (
            {"estimator": "doubly_reparameterized", "normalization": "batch"},
            r"IWAE: normalization must not be 'batch'.*Use 'layer' or 'group'",
        ),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)


@pytest.mark.parametrize("argument", [{"kl": "analytic"}, {"beta": 4.0}])
def test_fixed_arguments_are_refused(argument):
    with pytest.raises(TypeError, match=r"IWAE: (kl|beta) is fixed"):
        make(**argument)


def test_the_network_of_the_paper():
    model = zoo.create("iwae", preset="iwae_network")
    encoder = sum(a * b + b for a, b in ((784, 200), (200, 200), (200, 50), (200, 50)))
    decoder = sum(a * b + b for a, b in ((50, 200), (200, 200), (200, 784)))
    assert encoder + decoder == 425_284
    assert sum(w.numpy().size for w in model.trainable_weights) == encoder + decoder
    assert model.num_importance_samples == 5
