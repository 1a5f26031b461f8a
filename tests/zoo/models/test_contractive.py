"""The three ways to the Jacobian's norm agree, and the penalty lowers it."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

import zoo

SHAPE = (8, 8, 1)
DIGITS = (load_digits().images[:256, ..., None] / 16).astype("float32")
X = DIGITS[:6]
DERIVATIVES = {  # by numpy, of the activation a of the code
    "sigmoid": lambda a: np.exp(-a) / (1 + np.exp(-a)) ** 2,
    "tanh": lambda a: 1 / np.cosh(a) ** 2,
    "relu": lambda a: (a > 0).astype(float),
    "linear": np.ones_like,
    "softplus": lambda a: 1 / (1 + np.exp(-a)),
}
# The encoders that are deep: one convolutional, one dense.
DEEP = {
    "conv": {"widths": (4, 6), "hidden_units": (10,), "latent_dim": 5, "activation": "tanh"},
    "dense": {"widths": (), "hidden_units": (12,), "latent_dim": 5, "activation": "relu"},
}


def make(weights=None, **arguments):
    keras.utils.set_random_seed(11)
    shallow = {"widths": (), "hidden_units": (), "latent_dim": 7}
    model = zoo.create("contractive", SHAPE, **(shallow | arguments))
    if weights is not None:
        model.set_weights(weights)
    return model


def batch_jacobian(model, x):
    """d code / d pixels of each image, `(batch, latent_dim, 64)`."""
    x = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        code = model.encode(x)
    jacobian = tape.batch_jacobian(code, x)
    return np.reshape(jacobian, (*code.shape, -1))


def batch_jacobian_norm(model, x):
    return np.square(batch_jacobian(model, x)).sum(axis=(1, 2))


@pytest.mark.parametrize("activation", DERIVATIVES)
def test_closed_form_and_exact_equal_the_formula(activation):
    closed = make(latent_activation=activation, method="closed_form")
    kernel, bias = (weight.astype("float64") for weight in closed.encoder.get_weights())
    derivative = DERIVATIVES[activation](X.reshape(6, 64) @ kernel + bias)
    expected = np.sum(derivative**2 * np.sum(kernel**2, axis=0), axis=1)
    np.testing.assert_allclose(closed.contraction(X), expected, rtol=1e-4)
    exact = make(closed.get_weights(), latent_activation=activation, method="exact")
    np.testing.assert_allclose(exact.contraction(X), expected, rtol=1e-4)


def test_sigmoid_formula_of_the_paper():
    model = make(method="closed_form")
    kernel, _ = model.encoder.get_weights()
    code = model.encode(X)
    expected = np.sum((code * (1 - code)) ** 2 * np.sum(kernel**2, axis=0), axis=1)  # Eq. 7
    np.testing.assert_allclose(model.contraction(X), expected, rtol=1e-4)


@pytest.mark.parametrize("network", DEEP)
def test_exact_equals_the_batch_jacobian(network):
    model = make(method="exact", **DEEP[network])
    expected = batch_jacobian_norm(model, X)
    np.testing.assert_allclose(model.contraction(X), expected, rtol=1e-4)
    assert np.ptp(expected) > 0  # one value per image


@pytest.mark.parametrize("network", DEEP)
def test_hutchinson_is_exact_in_the_mean(network):
    num_probes = 4000
    model = make(method="hutchinson", num_probes=1, **DEEP[network])
    repeated = tf.convert_to_tensor(np.repeat(X[:1], num_probes, axis=0))
    probes = model.forward(repeated, training=True)["probes"]
    assert probes.shape == (1, num_probes, 5)
    assert set(np.unique(probes)) == {-1.0, 1.0}
    values = np.asarray(model.contraction(repeated, probes))
    standard_error = values.std(ddof=1) / np.sqrt(num_probes)
    assert standard_error > 0
    expected = batch_jacobian_norm(model, X[:1])[0]
    assert abs(values.mean() - expected) < 4 * standard_error


def test_more_probes_are_averaged():
    model = make(method="hutchinson", num_probes=3, **DEEP["dense"])
    x = tf.convert_to_tensor(X)
    probes = model.forward(x, training=True)["probes"]
    products = np.einsum("buf,pbu->pbf", batch_jacobian(model, X), probes)  # J^T v
    expected = np.square(products).sum(axis=-1).mean(axis=0)
    np.testing.assert_allclose(model.contraction(x, probes), expected, rtol=1e-4)


def test_probes_are_fresh_in_training_and_the_same_at_evaluation():
    model = make(method="hutchinson", **DEEP["dense"])
    fresh = [np.asarray(model.forward(X, training=True)["probes"]) for _ in range(2)]
    fixed = [np.asarray(model.forward(X, training=False)["probes"]) for _ in range(2)]
    assert (fresh[0] != fresh[1]).any()
    np.testing.assert_array_equal(fixed[0], fixed[1])


@pytest.mark.parametrize(
    ("method", "network"), [("closed_form", {}), ("exact", {}), ("hutchinson", DEEP["conv"])]
)
def test_the_penalty_lowers_the_jacobian(method, network):
    norms = {}
    for weight in (0.0, 1.0):
        model = make(contraction_weight=weight, method=method, **network)
        model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
        history = model.fit(DIGITS, epochs=5, batch_size=64, verbose=0).history
        norms[weight] = batch_jacobian_norm(model, DIGITS[:64]).mean()
        expected = history["reconstruction"][-1] + weight * history["contraction"][-1]
        assert history["loss"][-1] == pytest.approx(expected, rel=1e-4)
    assert norms[1.0] < 0.5 * norms[0.0]


def test_auto_takes_the_closed_form_where_there_is_one():
    assert make().resolved_method == "closed_form"
    assert make(hidden_units=(8,)).resolved_method == "hutchinson"
    assert make(widths=(4,)).resolved_method == "hutchinson"
    assert make(latent_activation="gelu").resolved_method == "hutchinson"
    assert make(method="exact").resolved_method == "exact"


@pytest.mark.parametrize(
    "arguments", [{"hidden_units": (8,)}, {"widths": (4,)}, {"latent_activation": "gelu"}]
)
def test_closed_form_is_refused_where_there_is_none(arguments):
    with pytest.raises(ValueError, match=r"method='closed_form' needs widths=\(\), hidden_units"):
        make(method="closed_form", **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"normalization": "batch", "hidden_units": (8,)},
            r"ContractiveAutoencoder: normalization must not be 'batch'.*Use 'layer' or 'group'",
        ),
        ({"widths": (4,), "latent_dim": None}, r"latent_dim must be an int.*latent_dim=None"),
        ({"method": "hutchison"}, r"method must be one of .*Did you mean 'hutchinson'\?"),
        ({"num_probes": 0}, r"num_probes must be an int >= 1"),
        ({"contraction_weight": -1.0}, r"contraction_weight must be a number in \[0, inf\]"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)
