"""Terms that are a statistic of the batch: rows of weight 0 are no part of them."""

import keras
import numpy as np
import pytest

import zoo
from zoo import losses

SHAPE = (8, 8, 1)
MODELS = {
    "wae_mmd": {},
    "info_vae": {},
    "beta_tc_vae": {"num_train": 500},
    "sparse": {"penalty": "kl"},
}


@pytest.mark.parametrize("name", MODELS)
def test_content_of_rows_of_weight_zero_does_not_matter(name):
    images = np.random.default_rng(0).random((24, *SHAPE), dtype="float32")
    model = zoo.create(name, SHAPE, preset="tiny", seed=0, **MODELS[name])
    model.compile(run_eagerly=True)
    weight = np.tile([1.0, 0.0], 12)
    other = np.where(weight[:, None, None, None] > 0, images, images**4)
    settings = {"sample_weight": weight, "batch_size": 12, "verbose": 0, "return_dict": True}
    first = model.evaluate(images, **settings)
    second = model.evaluate(other, **settings)
    for key, value in first.items():
        assert second[key] == pytest.approx(value, rel=1e-5, abs=1e-6), key


@pytest.fixture(scope="module")
def codes():
    return np.random.default_rng(1).normal(size=(2, 9, 3)).astype("float32")


WEIGHT = np.array([1, 0, 1, 1, 0, 1, 1, 0, 1], "float32")


def test_statistics_of_weighed_rows_are_those_of_the_rows_alone(codes):
    """Whatever stands in rows of weight 0, and also where the first or the last row is one."""
    first, second = codes
    for weight in (WEIGHT, 1 - WEIGHT):
        kept = weight > 0
        found = losses.maximum_mean_discrepancy(first, second, weights=weight)
        alone = losses.maximum_mean_discrepancy(first[kept], second[kept])
        np.testing.assert_allclose(found[0], alone[0], rtol=1e-4, atol=1e-6)
        for num_train, sampling in ((None, "stratified"), (50, "stratified"), (50, "weighted")):
            settings = num_train, sampling
            whole = losses.kl_parts(first, second, 0 * first, *settings, weights=weight)
            few = losses.kl_parts(first[kept], second[kept], 0 * first[kept], *settings)
            for name, values in few.items():
                np.testing.assert_allclose(whole[name][kept], values, rtol=1e-4, atol=1e-5)
            assert all(np.isfinite(values).all() for values in whole.values())


def test_mmd_of_weights_is_that_of_repeated_pairs(codes):
    """By its definition: the mean over ordered pairs of different rows, by both weights."""
    first, second = codes[:, :4, :]
    weight = np.array([1.0, 2.0, 0.5, 3.0], "float32")

    def kernel(a, b):
        return np.exp(-np.sum((a - b) ** 2) / (2 * 3))  # one scale: 2 units squared distance

    def mean_of_pairs(rows):
        pairs = [(i, j) for i in range(4) for j in range(4) if i != j]
        total = sum(weight[i] * weight[j] for i, j in pairs)
        return sum(weight[i] * weight[j] * kernel(rows[i], rows[j]) for i, j in pairs) / total

    between = (
        sum(weight[i] * weight[j] * kernel(first[i], second[j]) for i in range(4) for j in range(4))
        / np.sum(weight) ** 2
    )
    expected = mean_of_pairs(first) + mean_of_pairs(second) - 2 * between
    found = losses.maximum_mean_discrepancy(first, second, "gaussian", (1.0,), weights=weight)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_no_row_counts():
    zeros = keras.ops.zeros((3, 2))
    nothing = keras.ops.zeros((3,))
    assert losses.maximum_mean_discrepancy(zeros, zeros, weights=nothing)[0] == 0
    parts = losses.kl_parts(zeros, zeros, zeros, 10, weights=nothing)
    assert all(np.isfinite(values).all() for values in parts.values())
