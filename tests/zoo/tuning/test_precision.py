"""A model changes its precision in place, and a lower one has to be as good."""

import keras
import numpy as np
import pytest

import zoo
from zoo.tuning import precision

HALF = "mixed_bfloat16"


def compiled(name="autoencoder", preset="tiny", shape=(16, 16, 1), dtype="float32"):
    model = zoo.create(name, shape, preset=preset, seed=0, dtype=dtype)
    model.compile(keras.optimizers.Adam(1e-3))
    return model


@pytest.mark.parametrize("name", ["autoencoder", "vae", "unet", "upae", "vq_vae"])
def test_it_computes_as_a_model_that_was_made_so(name):
    images = np.random.default_rng(0).random((8, 16, 16, 1), "float32")
    model, made = compiled(name), compiled(name, dtype=HALF)
    made.set_weights(model.get_weights())
    in_float32 = model.predict(images, verbose=0)  # traced before
    precision.adopt(model, HALF)
    found, expected = (each.predict(images, verbose=0) for each in (model, made))
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    assert not np.array_equal(found, in_float32)
    assert model.get_config()["dtype"] == made.get_config()["dtype"]
    policies = [[v.dtype for v in each.variables] for each in (model, made)]
    assert policies[0] == policies[1]
    precision.adopt(model, "float32")
    np.testing.assert_array_equal(model.predict(images, verbose=0), in_float32)


def test_training_goes_on_in_it():
    images = np.random.default_rng(0).random((32, 16, 16, 1), "float32")
    losses = []
    for dtype in ("float32", HALF):
        keras.utils.set_random_seed(0)
        model = compiled(dtype="float32")
        model.fit(images, batch_size=16, verbose=0)
        precision.adopt(model, dtype)
        losses.append(model.fit(images, batch_size=16, epochs=2, verbose=0).history["loss"])
    assert losses[0] != losses[1]
    np.testing.assert_allclose(*losses, rtol=0.02)


def test_float16_needs_another_optimizer():
    with pytest.raises(ValueError, match="Create the model with dtype='mixed_float16'"):
        precision.adopt(compiled(), "mixed_float16")


@pytest.mark.parametrize(
    ("loss", "reference", "passes"),
    [
        (1.0, 1.0, True),
        (1.0009, 1.0, True),
        (1.0011, 1.0, False),
        (0.5, 1.0, True),
        (-99.95, -100.0, True),
        (-99.8, -100.0, False),
        (float("nan"), 1.0, False),
    ],
)
def test_a_thousandth_may_be_lost(loss, reference, passes):
    assert precision.Gate(loss, reference, 300).is_passed is passes


def test_both_train_from_the_same_start_on_the_same_batches():
    images = np.random.default_rng(0).random((60, 16, 16, 1), "float32")
    model = compiled("vae")
    before = model.get_weights()
    same = precision.gate(model, images, 16, "float32", num_updates=20)
    assert same.loss == same.reference
    half = precision.gate(model, images, 16, HALF, num_updates=20)
    assert half.reference == same.reference
    assert half.loss != same.loss
    assert half.loss == pytest.approx(same.loss, rel=0.05)
    for weight, kept in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, kept)
    start = model.evaluate(images[-12:], verbose=0, return_dict=True)["loss"]
    assert same.loss < start  # they did train
