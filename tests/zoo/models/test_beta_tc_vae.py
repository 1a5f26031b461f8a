"""The beta-TCVAE: its parts add up to the VAE's KL, and the total correlation is what it lowers."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from sklearn.datasets import load_digits

import zoo

DIGITS = (load_digits().images[:1000, ..., None] / 16).astype("float32")
SHAPE = (8, 8, 1)
PARTS = ("mutual_information", "total_correlation", "dimension_wise_kl")
WEIGHTINGS = [(None, "stratified"), (1000, "stratified"), (1000, "weighted")]


def make(name="beta_tc_vae", **arguments):
    keras.utils.set_random_seed(7)
    arguments = {"widths": (), "hidden_units": (32,), "latent_dim": 4, "seed": 3} | arguments
    model = zoo.create(name, SHAPE, **arguments)
    model.compile(keras.optimizers.Adam(3e-3), jit_compile=False)
    return model


@pytest.mark.parametrize(("num_train", "sampling"), WEIGHTINGS)
def test_parts_add_up_to_the_kl_of_the_same_samples(num_train, sampling):
    model = make(num_train=num_train, sampling=sampling)
    outputs = model.forward(DIGITS[:40], training=True)
    terms = model.loss_terms(DIGITS[:40], DIGITS[:40], outputs)
    mean, log_var, z = (np.asarray(outputs[key]) for key in ("z_mean", "z_log_var", "z"))
    log_q = stats.norm.logpdf(z, mean, np.exp(log_var / 2)).sum(axis=1)
    expected = log_q - stats.norm.logpdf(z).sum(axis=1)
    found = sum(np.asarray(terms[key]) for key in PARTS)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("num_train", "sampling"), WEIGHTINGS)
def test_weights_of_one_are_the_vae_with_a_monte_carlo_kl(num_train, sampling):
    x, gradients = tf.constant(DIGITS[:32]), []
    for model in (
        make("vae", kl="monte_carlo"),
        make(beta=1.0, num_train=num_train, sampling=sampling),
    ):
        with tf.GradientTape() as tape:
            terms = model.loss_terms(x, x, model.forward(x, training=True))
            loss = sum(model.term_weights[key] * terms[key] for key in terms)
        gradients.append([loss, *tape.gradient(loss, model.trainable_weights)])
    for found, expected in zip(*gradients, strict=True):
        size = np.abs(expected).max()
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * size)


def test_weights_of_the_terms():
    model = make(alpha=0.5, beta=4.0, gamma=2.0)
    model.kl_scale.assign(0.5)
    logs = model.evaluate(DIGITS[:64], batch_size=64, verbose=0, return_dict=True)
    information, correlation, unit_kl = (logs[key] for key in PARTS)
    expected = logs["reconstruction"] + 0.5 * (0.5 * information + 4 * correlation + 2 * unit_kl)
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)


def test_number_of_images_enters_the_estimate():
    logs = [
        make(num_train=count).evaluate(DIGITS[:64], batch_size=64, verbose=0, return_dict=True)
        for count in (64, 10_000)
    ]
    assert logs[1]["mutual_information"] != pytest.approx(logs[0]["mutual_information"], rel=1e-3)
    totals = [sum(log[key] for key in PARTS) for log in logs]
    assert totals[0] == pytest.approx(totals[1], rel=1e-3, abs=1e-4)


def test_beta_lowers_the_total_correlation_and_keeps_the_information():
    """A `beta_vae` of the same weight loses the information."""
    logs = {}
    for key, model in {
        "vae": make(beta=1.0, num_train=1000),
        "beta_tc_vae": make(beta=10.0, num_train=1000),
        "all parts": make(alpha=10.0, beta=10.0, gamma=10.0, num_train=1000),
    }.items():
        model.fit(DIGITS, batch_size=100, epochs=12, verbose=0)
        logs[key] = model.evaluate(DIGITS, batch_size=500, verbose=0, return_dict=True)
    correlation = {key: log["total_correlation"] for key, log in logs.items()}
    information = {key: log["mutual_information"] for key, log in logs.items()}
    assert correlation["beta_tc_vae"] < 0.7 * correlation["vae"]
    assert information["beta_tc_vae"] > 2 * information["all parts"]


def test_bounds_and_samples_are_those_of_the_vae():
    model, vae = make(), make("vae")
    for method in ("elbo", "log_likelihood"):
        found, expected = (getattr(m, method)(DIGITS[:5], num_samples=4) for m in (model, vae))
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(model.sample(3, seed=1), vae.sample(3, seed=1), atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": -1.0}, r"BetaTCVAE: alpha must be a number in \[0, inf\]"),
        ({"beta": -1.0}, r"BetaTCVAE: beta must be a number in \[0, inf\]"),
        ({"gamma": -1.0}, r"BetaTCVAE: gamma must be a number in \[0, inf\]"),
        ({"num_train": 0}, r"BetaTCVAE: num_train must be an int >= 1"),
        ({"sampling": "stratify"}, r"BetaTCVAE: sampling must be one of .*'stratified'\?"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)


def test_kl_is_refused():
    with pytest.raises(TypeError, match=r"BetaTCVAE: kl is fixed"):
        make(kl="analytic")
