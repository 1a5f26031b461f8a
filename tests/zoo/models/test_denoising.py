"""Corruption: its statistics, when it is drawn anew, and when there is none."""

import math

import keras
import numpy as np
import pytest

import zoo
from zoo.layers import corruptions, noise

SHAPE = (8, 8, 1)
CLEAN = np.random.default_rng(1).uniform(size=(24, *SHAPE)).astype("float32")


def make(image_shape=SHAPE, **arguments):
    keras.utils.set_random_seed(3)
    # The first fit would move the output bias, also at learning rate 0.
    model = zoo.create("denoising", image_shape, preset="tiny", start_at_mean=False, **arguments)
    for weight in model.trainable_weights:  # outputs that depend visibly on the inputs
        weight.assign(3 * weight)
    # At learning rate 0 the losses of the epochs differ by the corruption alone.
    model.compile(keras.optimizers.SGD(0.0), jit_compile=False)
    return model


def corrupted(name, x, level, seed=0):
    return np.asarray(corruptions.corrupt(keras.ops.convert_to_tensor(x), name, level, seed))


def test_gaussian_has_its_mean_and_standard_deviation():
    noisy = corrupted("gaussian", np.full((10, 100, 100, 1), 0.5, "float32"), 0.1)
    assert noisy.mean() == pytest.approx(0.5, abs=4 * 0.1 / math.sqrt(1e5))
    assert noisy.std() == pytest.approx(0.1, rel=0.01)


def test_gaussian_is_clipped_to_the_pixel_range():
    black = corrupted("gaussian", np.zeros((10, 100, 100, 1), "float32"), 0.2)
    assert black.min() == 0
    assert np.mean(black == 0) == pytest.approx(0.5, abs=0.01)
    assert black.mean() == pytest.approx(0.2 / math.sqrt(2 * math.pi), rel=0.02)  # E max(0, noise)
    white = corrupted("gaussian", np.ones((10, 100, 100, 1), "float32"), 0.2)
    assert white.max() == 1


def test_masking_hits_its_share_and_leaves_the_rest():
    x = np.full((10, 100, 100, 1), 0.7, "float32")
    noisy = corrupted("masking", x, 0.3)
    assert set(np.unique(noisy)) == {np.float32(0), np.float32(0.7)}
    assert np.mean(noisy == 0) == pytest.approx(0.3, abs=4 * math.sqrt(0.21 / 1e5))


def test_salt_and_pepper_hits_its_share_half_and_half():
    x = np.full((10, 100, 100, 1), 0.7, "float32")
    noisy = corrupted("salt_and_pepper", x, 0.3)
    assert set(np.unique(noisy)) == {np.float32(0), np.float32(0.7), np.float32(1)}
    tolerance = 4 * math.sqrt(0.15 * 0.85 / 1e5)
    assert np.mean(noisy == 0) == pytest.approx(0.15, abs=tolerance)
    assert np.mean(noisy == 1) == pytest.approx(0.15, abs=tolerance)


@pytest.mark.parametrize("name", ["masking", "salt_and_pepper"])
def test_a_pixel_is_hit_in_all_its_channels(name):
    noisy = corrupted(name, np.full((4, 50, 50, 3), 0.7, "float32"), 0.3)
    np.testing.assert_array_equal(noisy[..., 0], noisy[..., 1])
    np.testing.assert_array_equal(noisy[..., 0], noisy[..., 2])


@pytest.mark.parametrize("name", ["masking", "salt_and_pepper"])
def test_features_of_a_flat_vector_are_hit_one_by_one(name):
    noisy = corrupted(name, np.full((20, 1000), 0.7, "float32"), 0.3)
    shares = np.mean(noisy != np.float32(0.7), axis=1)
    np.testing.assert_allclose(shares, 0.3, atol=4 * math.sqrt(0.21 / 1000))


@pytest.mark.parametrize("name", noise.KINDS)
def test_formulas_give_numpy_what_they_give_keras(name):
    kind, generator = noise.KINDS[name], np.random.default_rng(0)
    shape = kind.draw_shape(CLEAN.shape)
    draw = generator.normal(size=shape) if kind.is_normal else generator.random(shape)
    draw = draw.astype("float32")
    expected = {
        "gaussian": np.minimum(np.maximum(CLEAN + 0.3 * draw, 0), 1),
        "masking": CLEAN * (draw >= 0.3),
        "salt_and_pepper": np.select([draw < 0.15, draw < 0.3], [1, 0], CLEAN),
    }[name]
    for operations in (np, keras.ops):
        found = np.asarray(kind.formula(operations, CLEAN, draw, 0.3))
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("name", noise.KINDS)
def test_level_zero_changes_nothing(name):
    np.testing.assert_array_equal(corrupted(name, CLEAN, 0.0), CLEAN)


def test_masking_at_level_one_leaves_nothing():
    assert not corrupted("masking", CLEAN, 1.0).any()


@pytest.mark.parametrize("name", noise.KINDS)
def test_drawn_anew_in_training_and_the_same_at_evaluation(name):
    model = make(corruption=name, level=0.3)
    first, second = (np.asarray(model.corrupt(CLEAN, training=True)) for _ in range(2))
    assert np.mean(first != second) > 0.1
    first, second = (np.asarray(model.corrupt(CLEAN, training=False)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert np.mean(first != CLEAN) > 0.1


def test_fit_draws_anew_at_each_step_and_evaluate_does_not():
    model = make(level=0.4)
    history = model.fit(CLEAN, epochs=3, validation_data=CLEAN, verbose=0).history
    assert len(set(history["loss"])) == 3
    assert len(set(history["val_loss"])) == 1
    expected = np.mean((model.predict(model.corrupt(CLEAN, False), verbose=0) - CLEAN) ** 2)
    logs = model.evaluate(CLEAN, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)
    assert history["val_loss"][0] == pytest.approx(expected, rel=1e-5)


def test_pairs_are_not_corrupted_again():
    model = make(corruption="masking", level=1.0)
    noisy = np.clip(CLEAN + 0.1, 0, 1)
    expected = np.mean((model.predict(noisy, verbose=0) - CLEAN) ** 2)
    history = model.fit(noisy, CLEAN, epochs=2, validation_data=(noisy, CLEAN), verbose=0).history
    assert history["loss"] == pytest.approx([expected, expected], rel=1e-5)
    assert history["val_loss"] == pytest.approx([expected, expected], rel=1e-5)
    corrupting = model.fit(CLEAN, epochs=1, verbose=0).history["loss"][0]
    assert corrupting != pytest.approx(expected, rel=1e-2)  # without a target it does corrupt


def test_the_target_stays_clean():
    model = make(corruption="masking", level=1.0)
    black = model.predict(np.zeros_like(CLEAN), verbose=0)
    loss = model.fit(CLEAN, epochs=1, verbose=0).history["loss"][0]
    assert loss == pytest.approx(np.mean((black - CLEAN) ** 2), rel=1e-5)


def test_call_never_corrupts():
    model = make(corruption="masking", level=1.0)
    expected = np.asarray(model.decoder(model.encoder(CLEAN)))
    expected = 1 / (1 + np.exp(-expected))
    assert np.ptp(expected, axis=0).max() > 0  # a corrupted batch would give equal rows
    for output in (model(CLEAN), model(CLEAN, training=True), model.predict(CLEAN, verbose=0)):
        np.testing.assert_allclose(output, expected, atol=1e-5)
    np.testing.assert_allclose(model.reconstruct(CLEAN), expected, atol=1e-5)


def test_the_seed_decides_the_corruption():
    first, second, other = (make(seed=seed).corrupt(CLEAN, True) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert np.abs(np.asarray(first) - np.asarray(other)).max() > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"corruption": "gausian"},
            r"DenoisingAutoencoder: corruption must be one of 'gaussian', 'masking', "
            r"'salt_and_pepper', 'rotate90', .*Received: corruption='gausian'\. "
            r"Did you mean 'gaussian'\?",
        ),
        ({"level": 1.5}, r"level must be a number in \[0, 1\]\. Received: level=1\.5"),
        ({"level": -0.1}, r"level must be a number in \[0, 1\]"),
        ({"level": "high"}, r"level must be a number in \[0, 1\]"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)
