"""InfoVAE: the members of its family that have other names, and a prior of its own noise."""

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

import zoo

DIGITS = (load_digits().images[:512, ..., None] / 16).astype("float32")
SHAPE = (8, 8, 1)
TINY = {"widths": (4, 8), "latent_dim": 4, "seed": 3}


def make(name="info_vae", **arguments):
    keras.utils.set_random_seed(7)
    model = zoo.create(name, SHAPE, **(TINY | arguments))
    model.compile("sgd", jit_compile=False)
    return model


def logs_of(model, images=DIGITS[:64]):
    return model.evaluate(images, batch_size=64, verbose=0, return_dict=True)


@pytest.mark.parametrize("kl", ["analytic", "monte_carlo"])
@pytest.mark.parametrize(
    ("beta", "alpha", "lambda_scale"), [(1.0, 0.0, 1.0), (4.0, -3.0, 4.0), (0.3, 0.7, 0.3)]
)
def test_without_mmd_it_is_the_beta_vae(beta, alpha, lambda_scale, kl):
    """Zhao et al.: alpha + lambda = 1 and beta = 1 - alpha; alpha = 0 is the VAE."""
    expected = logs_of(make("beta_vae", beta=beta, kl=kl))
    found = logs_of(make(alpha=alpha, lambda_scale=lambda_scale, kl=kl))
    for key in ("loss", "reconstruction", "kl"):
        assert found[key] == pytest.approx(expected[key], rel=1e-5, abs=1e-6)


def test_alpha_one_has_no_kl():
    logs = logs_of(make(alpha=1.0, lambda_scale=50.0))
    assert logs["loss"] == pytest.approx(logs["reconstruction"] + 50 * logs["mmd"], rel=1e-5)
    assert logs["kl"] > 0


def test_weights_of_the_terms():
    model = make(alpha=0.4, lambda_scale=20.0)
    model.kl_scale.assign(0.5)
    logs = logs_of(model)
    expected = logs["reconstruction"] + 0.5 * (0.6 * logs["kl"] + 19.4 * logs["mmd"])
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_noise_of_prior_and_code_are_independent(training):
    """With one noise for both, an encoder that ignores its input would have codes = prior."""
    model = make()
    outputs = model.forward(DIGITS, training=training)
    z_mean, z_log_var, z, prior = (
        np.asarray(outputs[key]) for key in ("z_mean", "z_log_var", "z", "prior_z")
    )
    noise = (z - z_mean) / np.exp(z_log_var / 2)
    correlation = np.mean(noise * prior, axis=0)
    assert np.abs(correlation).max() < 4 / np.sqrt(len(DIGITS))
    np.testing.assert_allclose(prior.mean(axis=0), 0, atol=4 / np.sqrt(len(DIGITS)))
    np.testing.assert_allclose(prior.std(axis=0), 1, atol=4 / np.sqrt(2 * len(DIGITS)))


def test_prior_is_drawn_anew_in_training_and_is_fixed_at_evaluation():
    model = make()
    for training in (True, False):
        first, second = (model.forward(DIGITS[:8], training)["prior_z"] for _ in range(2))
        assert (np.abs(first - second).max() > 0.1) == training


@pytest.mark.parametrize("kernel", ["gaussian", "inverse_multiquadratic"])
def test_mmd_is_that_of_the_codes_and_the_prior(kernel):
    model = make(kernel=kernel, kernel_scales=(0.5, 2.0))
    outputs = model.forward(DIGITS[:9])
    z, prior = (np.asarray(outputs[key], "float64") for key in ("z", "prior_z"))

    def values(a, b):
        distances = ((a[:, None] - b) ** 2).sum(axis=-1)
        widths = (2 * 4 * 0.5, 2 * 4 * 2.0)
        if kernel == "gaussian":
            return sum(np.exp(-distances / width) for width in widths)
        return sum(width / (width + distances) for width in widths)

    different = ~np.eye(9, dtype=bool)
    expected = values(z, z)[different].mean() + values(prior, prior)[different].mean()
    expected -= 2 * values(z, prior).mean()
    found = model.loss_terms(DIGITS[:9], DIGITS[:9], outputs)["mmd"]
    np.testing.assert_allclose(found, np.full(9, expected), rtol=1e-3, atol=1e-5)


def test_bounds_are_those_of_the_vae():
    model, vae = make(), make("vae")
    for method in ("elbo", "log_likelihood"):
        found, expected = (getattr(m, method)(DIGITS[:5], num_samples=4) for m in (model, vae))
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(model.sample(3, seed=1), vae.sample(3, seed=1), atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": 1.5}, r"InfoVAE: alpha must be a number in \[-inf, 1\]"),
        ({"lambda_scale": -1.0}, r"InfoVAE: lambda_scale must be a number in \[0, inf\]"),
        (
            {"alpha": -2.0, "lambda_scale": 1.0},
            r"alpha \+ lambda_scale must be >= 1.*Use lambda_scale >= 3\.",
        ),
        ({"kernel": "gausian"}, r"InfoVAE: kernel must be one of .*Did you mean 'gaussian'\?"),
        ({"kernel_scales": ()}, r"InfoVAE: kernel_scales must be a tuple of floats > 0, not empty"),
        ({"kernel_scales": 1.0}, r"InfoVAE: kernel_scales must be a tuple"),
        ({"kernel_scales": (1.0, 0.0)}, r"InfoVAE: kernel_scales must be a number in \[1e-06, inf"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)


def test_beta_is_refused():
    with pytest.raises(TypeError, match=r"InfoVAE: beta is not an argument.*alpha=1 - beta"):
        make(beta=2.0)
