"""WAE-MMD: a plain autoencoder but for a penalty that makes its codes follow the prior."""

import math

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

import zoo

DIGITS = (load_digits().images[..., None] / 16).astype("float32")
SHAPE = (8, 8, 1)


def make(**arguments):
    keras.utils.set_random_seed(7)
    arguments = {"widths": (), "hidden_units": (32,), "latent_dim": 3, "seed": 3} | arguments
    model = zoo.create("wae_mmd", SHAPE, **arguments)
    model.compile(keras.optimizers.Adam(3e-3), jit_compile=False)
    return model


@pytest.fixture(scope="module")
def trained():
    """Two models, without and with the penalty, after the same training."""
    models = {}
    for weight in (0.0, 100.0):
        models[weight] = make(mmd_weight=weight)
        models[weight].fit(DIGITS[:1500], batch_size=125, epochs=20, verbose=0)
    return models


def test_penalty_makes_the_codes_follow_the_prior(trained):
    """Mean 0 and covariance I, on images not trained on: what the sum of kernels measures."""
    distance = {}
    for weight, model in trained.items():
        codes = model.encode(DIGITS[1500:])
        moments = np.concatenate([codes.mean(axis=0)[None], np.cov(codes.T) - np.eye(3)])
        distance[weight] = np.abs(moments).max()
    assert distance[100.0] < 0.5
    assert distance[0.0] > 2 * distance[100.0]


def test_penalty_is_small_where_the_codes_follow_the_prior(trained):
    logs = {
        weight: model.evaluate(DIGITS[1500:], batch_size=297, verbose=0, return_dict=True)
        for weight, model in trained.items()
    }
    assert abs(logs[100.0]["mmd"]) < 0.1
    assert logs[0.0]["mmd"] > 3 * abs(logs[100.0]["mmd"])


def test_samples_of_the_prior_look_like_images(trained):
    """The nearest real digit to a sample is nearer than for codes that nothing tied to a prior."""

    def distance(model):
        images = model.sample(100, seed=1).reshape(100, -1)
        real = DIGITS.reshape(len(DIGITS), -1)
        return np.linalg.norm(images[:, None] - real[None], axis=-1).min(axis=1).mean()

    assert distance(trained[100.0]) < distance(trained[0.0])


def test_reconstruction_is_the_squared_error_and_a_constant():
    model = make()
    terms = model.loss_terms(DIGITS[:6], DIGITS[:6], model.forward(DIGITS[:6]))
    error = ((DIGITS[:6] - model.reconstruct(DIGITS[:6])) ** 2).sum(axis=(1, 2, 3))
    constant = 64 / 2 * math.log(math.pi)
    np.testing.assert_allclose(terms["reconstruction"], error + constant, rtol=1e-5)


def test_weights_of_the_terms():
    model = make(mmd_weight=30.0)
    model.kl_scale.assign(0.5)
    logs = model.evaluate(DIGITS[:64], batch_size=64, verbose=0, return_dict=True)
    assert set(model.term_weights) == {"reconstruction", "mmd"}
    assert logs["loss"] == pytest.approx(logs["reconstruction"] + 15 * logs["mmd"], rel=1e-5)


def test_mmd_belongs_to_the_batch():
    model = make()
    terms = model.loss_terms(DIGITS[:6], DIGITS[:6], model.forward(DIGITS[:6]))
    assert np.ptp(terms["mmd"]) == 0
    assert terms["mmd"].shape == (6,)


def test_deterministic_encoder_has_one_head_and_no_noise():
    model = make()
    assert model.encoder.output_shape == (None, 3)
    first, second = (np.asarray(model.forward(DIGITS[:6], training=True)["z"]) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(model.encode(DIGITS[:6]), first, atol=1e-6)
    np.testing.assert_allclose(
        model.reconstruct(DIGITS[:6]), model.forward(DIGITS[:6])["prediction"], atol=1e-6
    )


@pytest.mark.parametrize("method", ["elbo", "log_likelihood", "encode_distribution"])
def test_deterministic_encoder_has_no_likelihood(method):
    with pytest.raises(ValueError, match=r"WAEMMD: stochastic_encoder must be True.*is a point"):
        getattr(make(), method)(DIGITS[:3])


def test_stochastic_encoder_has_all_of_a_vae():
    model = make(stochastic_encoder=True)
    bounds = model.elbo(DIGITS[:5], num_samples=200), model.log_likelihood(DIGITS[:5])
    assert np.isfinite(bounds).all()
    assert np.mean(bounds[1] - bounds[0]) > -0.5
    outputs = model.forward(DIGITS[:5], training=True)
    assert np.abs(outputs["z"] - outputs["z_mean"]).max() > 0.1
    np.testing.assert_allclose(model.encode(DIGITS[:5]), outputs["z_mean"], atol=1e-6)


@pytest.mark.parametrize("argument", ["alpha", "lambda_scale", "kl", "beta"])
def test_arguments_of_a_kl_are_refused(argument):
    with pytest.raises(TypeError, match=rf"WAEMMD: {argument} is not an argument.*mmd_weight"):
        make(**{argument: 1.0})


def test_arguments_out_of_range():
    with pytest.raises(ValueError, match=r"WAEMMD: mmd_weight must be a number in \[0, inf\]"):
        make(mmd_weight=-1.0)
    with pytest.raises(ValueError, match=r"WAEMMD: latent_dim must be an int >= 1"):
        make(widths=(4, 8), hidden_units=(), latent_dim=None)
