"""The repairing U-Net: what it predicts, when it corrupts, and that it repairs."""

import keras
import numpy as np
import pytest

import zoo

SHAPE = (8, 8, 1)
CLEAN = np.random.default_rng(1).uniform(size=(24, *SHAPE)).astype("float32")


def make(**arguments):
    model = zoo.create("unet_denoiser", SHAPE, preset="tiny", **{"seed": 1, **arguments})
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    return model


def silence(model):
    head = model.network.get_layer("logits")
    head.set_weights([0 * value for value in head.get_weights()])


def test_a_network_that_sees_no_noise_returns_the_image():
    model = make()
    silence(model)
    np.testing.assert_array_equal(model.reconstruct(CLEAN), CLEAN)
    assert not model.score_map(CLEAN).any()


def test_starts_as_the_identity_and_learns_from_there():
    """The first loss is that of doing nothing, and the second step reaches every layer."""
    model = make(level=0.4)
    np.testing.assert_array_equal(model.reconstruct(CLEAN), CLEAN)
    noisy = model.corrupt(CLEAN, training=False)
    before = [weight.numpy() for weight in model.trainable_weights]
    model.optimizer.learning_rate = 0.01
    first = model.fit(noisy, CLEAN, epochs=2, batch_size=24, verbose=0).history["loss"][0]
    assert first == pytest.approx(np.mean((noisy - CLEAN) ** 2), rel=1e-5)
    for weight, old in zip(model.trainable_weights, before, strict=True):
        assert (weight.numpy() != old).any(), weight.path


def test_the_other_u_nets_do_not_start_at_zero():
    assert np.ptp(make(residual=False).reconstruct(CLEAN)) > 0.01


def test_without_residual_the_network_gives_the_image_itself():
    model = make(residual=False)
    silence(model)
    np.testing.assert_array_equal(model.reconstruct(CLEAN), np.full_like(CLEAN, 0.5))


def test_the_noise_is_subtracted():
    model = make()
    head = model.network.get_layer("logits")
    head.set_weights([0 * head.kernel.numpy(), np.array([0.25], "float32")])
    np.testing.assert_allclose(model.reconstruct(CLEAN), CLEAN - 0.25, atol=1e-6)
    np.testing.assert_allclose(model.score_map(CLEAN), np.full((24, 8, 8), 0.0625), atol=1e-6)


def test_corrupts_anew_in_training_and_the_same_at_evaluation():
    model = make(level=0.4)
    history = model.fit(CLEAN, epochs=3, validation_data=CLEAN, verbose=0).history
    assert len(set(history["loss"])) == 3
    assert len(set(history["val_loss"])) == 1
    repaired = model.predict(model.corrupt(CLEAN, training=False), verbose=0)
    expected = np.mean((repaired - CLEAN) ** 2)
    assert history["val_loss"][0] == pytest.approx(expected, rel=1e-5)


def test_pairs_are_used_as_they_are():
    model = make(corruption="masking", level=1.0)
    noisy = np.clip(CLEAN + 0.1, 0, 1)
    expected = np.mean((model.predict(noisy, verbose=0) - CLEAN) ** 2)
    history = model.fit(noisy, CLEAN, epochs=2, verbose=0).history
    assert history["loss"] == pytest.approx([expected, expected], rel=1e-5)


def test_cross_entropy_reads_logits():
    model = make(residual=False, reconstruction="binary_crossentropy", level=0.0)
    p = model(CLEAN).numpy().astype("float64")
    expected = -np.mean(CLEAN * np.log(p) + (1 - CLEAN) * np.log(1 - p))
    found = model.evaluate(CLEAN, verbose=0, return_dict=True)["reconstruction"]
    assert found == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ValueError, match="residual must be False with binary_crossentropy"):
        make(reconstruction="binary_crossentropy")


def test_scores_are_means_of_the_change():
    model = make()
    change = np.square(CLEAN - model.reconstruct(CLEAN)).mean(axis=-1)
    np.testing.assert_allclose(model.score_map(CLEAN), change, atol=1e-6)
    np.testing.assert_allclose(model.anomaly_score(CLEAN), change.mean(axis=(1, 2)), rtol=1e-5)


def test_repairs_noisy_digits(digits):
    """Doing nothing has an error; the trained model has far less."""
    model = zoo.create("unet_denoiser", SHAPE, preset="tiny", level=0.3, seed=1)
    model.compile(keras.optimizers.Adam(0.005))
    model.fit(digits[:1000], batch_size=50, epochs=10, verbose=0)
    clean = digits[1000:1300]
    noisy = np.asarray(model.corrupt(clean, training=False))
    nothing = np.mean((noisy - clean) ** 2)
    assert np.mean((model.reconstruct(noisy) - clean) ** 2) < 0.6 * nothing


def test_arguments_out_of_range():
    with pytest.raises(ValueError, match="level must be a number"):
        make(level=1.5)
    with pytest.raises(ValueError, match="corruption must be one of"):
        make(corruption="blurred")
    with pytest.raises(TypeError, match="unknown argument 'latent_dim'"):
        make(latent_dim=3)
    assert not hasattr(zoo.get("unet_denoiser").model_class, "encode")
