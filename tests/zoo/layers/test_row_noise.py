"""Noise of evaluation: normal, independent, and the image's own wherever it comes."""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

import zoo
from zoo.layers import row_noise
from zoo.layers.row_noise import RowNoise

SHAPE = (8, 8, 1)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((400, *SHAPE), dtype="float32")


def test_numbers_are_uniform_and_normal_and_independent(images):
    noise = RowNoise(images, 1)
    share, normal = noise.uniform((400, 50)).numpy(), noise.sample(1).normal((400, 50)).numpy()
    assert share.min() > 0 and share.max() < 1
    assert scipy.stats.kstest(share.ravel(), "uniform").pvalue > 0.01
    assert scipy.stats.kstest(normal.ravel(), "norm").pvalue > 0.01
    for numbers in (share, normal):  # units of a row, rows of a unit, samples of a place
        for table in (numbers, numbers.T):
            correlation = np.corrcoef(table) - np.eye(len(table))
            assert np.abs(correlation).max() < 6 / np.sqrt(table.shape[1])
    assert abs(np.corrcoef(share.ravel(), normal.ravel())[0, 1]) < 0.03


def test_images_that_differ_in_one_grey_level_have_other_numbers():
    pair = np.full((2, *SHAPE), 0.5, "float32")
    pair[1, 3, 4] += 1 / 255
    moved = np.zeros((2, *SHAPE), "float32")
    moved[0, 0, 0] = moved[1, 0, 1] = 1.0  # the same values at other places
    for each in (pair, moved):
        first, second = RowNoise(each, 0).normal((2, 20)).numpy()
        assert abs(np.corrcoef(first, second)[0, 1]) < 0.8
        assert not np.any(first == second)


def test_samples_and_repeated_rows(images):
    noise = RowNoise(images[:3], 0)
    tiled = row_noise.normal((6, 4), row_noise.tiled(noise, 2)).numpy()
    np.testing.assert_array_equal(tiled[:3], noise.normal((3, 4)))
    np.testing.assert_array_equal(tiled[3:], noise.sample(1).normal((3, 4)))
    assert not np.any(tiled[:3] == tiled[3:])
    repeated = row_noise.normal((6, 4), row_noise.repeated(noise, 2)).numpy()
    np.testing.assert_array_equal(repeated, np.repeat(noise.normal((3, 4)), 2, axis=0))


MODELS = {
    "vae": {"elbo": {"num_samples": 3}, "log_likelihood": {"num_samples": 4}},
    "iwae": {"elbo": {}},
    "denoising": {},
    "masked_autoencoder": {},
    "contractive": {},
}


@pytest.mark.parametrize("name", MODELS)
def test_evaluation_depends_on_neither_batch_nor_place(name, images):
    keras.utils.set_random_seed(0)
    few = images[:48]
    model = zoo.create(name, SHAPE, preset="tiny", seed=0)
    model.compile(run_eagerly=True)
    turned = np.roll(few, 7, axis=0)
    settings = {"verbose": 0, "return_dict": True}
    whole = model.evaluate(few, batch_size=48, **settings)
    for other in (
        model.evaluate(few, batch_size=12, **settings),
        model.evaluate(turned, batch_size=16, **settings),
    ):
        for key, value in whole.items():
            assert other[key] == pytest.approx(value, rel=2e-5), key
    for method, arguments in MODELS[name].items():
        found = getattr(model, method)(few, batch_size=48, **arguments)
        again = getattr(model, method)(turned, batch_size=16, **arguments)
        np.testing.assert_allclose(np.roll(again, -7), found, rtol=2e-5)


def test_noise_differs_from_image_to_image_at_evaluation(images):
    model = zoo.create("vae", SHAPE, preset="tiny", seed=0)
    outputs = model.forward(tf.constant(images))
    noise = (outputs["z"] - outputs["z_mean"]) * tf.exp(-0.5 * outputs["z_log_var"])
    assert scipy.stats.kstest(noise.numpy().ravel(), "norm").pvalue > 0.01


def test_noise_of_training_is_fresh(images):
    model = zoo.create("vae", SHAPE, preset="tiny", seed=0)
    first, second = (model.forward(tf.constant(images[:4]), training=True)["z"] for _ in range(2))
    assert not np.any(first.numpy() == second.numpy())
