"""Each penalty does to the code what it is for."""

import keras
import numpy as np
import pytest
from scipy import special
from sklearn.datasets import load_digits

import zoo
from zoo.models import sparse

DIGITS = (load_digits().images[:256] / 16).astype("float32").reshape(-1, 64)


def make(**arguments):
    keras.utils.set_random_seed(5)
    arguments = {"hidden_units": (), "latent_dim": 32} | arguments
    return zoo.create("sparse", (64,), **arguments)


def trained(epochs=20, **arguments):
    model = make(**arguments)
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    model.fit(DIGITS, epochs=epochs, batch_size=64, verbose=0)
    return model


def terms_of(model, x=DIGITS):
    return {
        name: np.asarray(value) for name, value in model.loss_terms(x, x, model.forward(x)).items()
    }


def test_l1_term_is_the_sum_of_magnitudes():
    model = make(penalty="l1", latent_activation="linear")
    code = model.encode(DIGITS)
    np.testing.assert_allclose(terms_of(model)["sparsity"], np.abs(code).sum(axis=1), rtol=1e-5)


def test_l1_lowers_the_code():
    free, penalised = (
        np.abs(trained(penalty="l1", sparsity_weight=weight).encode(DIGITS))
        for weight in (0.0, 1e-3)
    )
    assert 0 < penalised.mean() < 0.5 * free.mean()
    assert np.mean(penalised == 0) > np.mean(free == 0)


def test_kl_term_is_the_divergence_of_the_batch_mean():
    model = make(penalty="kl", target_rate=0.1)
    rates = model.encode(DIGITS).mean(axis=0).astype("float64")
    expected = special.rel_entr(0.1, rates) + special.rel_entr(0.9, 1 - rates)
    sparsity = terms_of(model)["sparsity"]
    assert sparsity.shape == (len(DIGITS),)
    np.testing.assert_allclose(sparsity, expected.sum(), rtol=1e-4)


def test_kl_moves_the_mean_activation_to_the_target_rate():
    before = make(penalty="kl").encode(DIGITS).mean()
    free = trained(penalty="kl", sparsity_weight=0.0).encode(DIGITS).mean()
    penalised = trained(penalty="kl", sparsity_weight=1.0, target_rate=0.05).encode(DIGITS).mean()
    assert before > 0.3  # sigmoid of about 0
    assert abs(penalised - 0.05) < 0.05 < abs(free - 0.05)


@pytest.mark.parametrize("num_active", [1, 5, 32])
def test_top_k_keeps_exactly_k_units(num_active):
    model = make(penalty="top_k", num_active=num_active)
    code = model.encode(DIGITS)
    np.testing.assert_array_equal(np.count_nonzero(code, axis=1), num_active)
    dense = np.asarray(model.encoder(DIGITS))
    expected = np.zeros_like(dense)
    largest = np.argsort(dense, axis=1)[:, -num_active:]
    np.put_along_axis(expected, largest, np.take_along_axis(dense, largest, axis=1), axis=1)
    np.testing.assert_allclose(code, expected, atol=1e-6)


def test_top_k_holds_after_training_and_has_no_penalty():
    model = trained(epochs=2, penalty="top_k", num_active=4)
    np.testing.assert_array_equal(np.count_nonzero(model.encode(DIGITS), axis=1), 4)
    assert set(terms_of(model)) == {"reconstruction"}


def test_top_k_of_negative_values_keeps_the_largest():
    code = np.array([[-3.0, -1.0, -2.0]], "float32")
    np.testing.assert_array_equal(sparse.keep_largest(code, 2), [[0.0, -1.0, -2.0]])


def test_top_k_of_equal_values_still_keeps_k():
    kept = np.asarray(sparse.keep_largest(np.ones((2, 6), "float32"), 2))
    np.testing.assert_array_equal(np.count_nonzero(kept, axis=1), 2)


def test_the_weights_add_up():
    model = make(penalty="l1", sparsity_weight=0.01)
    model.compile("sgd", jit_compile=False)
    logs = model.evaluate(DIGITS, return_dict=True, verbose=0)
    expected = logs["reconstruction"] + 0.01 * logs["sparsity"]
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)


def test_each_penalty_has_a_default_weight_of_its_own():
    """A configuration that says `None` goes on saying so; one with a number keeps the number."""
    for penalty, expected in (("l1", 1e-5), ("kl", 1e-3)):
        model = make(penalty=penalty)
        again = type(model).from_config(model.get_config())
        assert again.sparsity_weight is None
        for each in (model, again):
            assert each.term_weights["sparsity"] == expected
        given = type(model).from_config({**model.get_config(), "sparsity_weight": 1e-5})
        assert given.term_weights["sparsity"] == given.get_config()["sparsity_weight"] == 1e-5
    assert "sparsity" not in make(penalty="top_k").term_weights


@pytest.mark.parametrize(
    ("penalty", "activation"), [("l1", "relu"), ("kl", "sigmoid"), ("top_k", "linear")]
)
def test_activation_follows_the_penalty(penalty, activation):
    model = make(penalty=penalty)
    assert model.latent_activation == activation


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"penalty": "l2"}, r"SparseAutoencoder: penalty must be one of 'l1', 'kl', 'top_k'"),
        ({"sparsity_weight": -1.0}, r"sparsity_weight must be a number in \[0, inf\]"),
        ({"target_rate": 0.0}, r"target_rate must be a number in"),
        ({"target_rate": 1.0}, r"target_rate must be a number in"),
        ({"num_active": 0}, r"num_active must be an int >= 1"),
        (
            {"penalty": "top_k", "num_active": 33},
            r"num_active must be <= latent_dim\. Received: num_active=33, latent_dim=32",
        ),
        (
            {"penalty": "kl", "latent_activation": "relu"},
            r"latent_activation must be 'sigmoid' for the 'kl' penalty.*latent_activation='relu'",
        ),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)


def test_a_feature_map_as_code_is_refused():
    with pytest.raises(ValueError, match=r"SparseAutoencoder: latent_dim must be an int"):
        zoo.create("sparse", (8, 8, 1), widths=(4,), hidden_units=(), latent_dim=None)
