"""Measures without labelled anomalies, after a training and in the middle of one."""

import keras
import numpy as np
import pytest

import zoo
from zoo.anomalies import ranking, selection


class ByBrightness:
    """Finds bright images strange."""

    def anomaly_score(self, images):
        return np.asarray(images).mean(axis=(1, 2, 3))


@pytest.fixture
def images():
    return np.random.default_rng(0).random((12, 8, 8, 1), dtype="float32")


def test_aucp_takes_all_unlabelled_images_for_anomalies(images):
    scores = images.mean(axis=(1, 2, 3))
    expected = ranking.chance(scores[:5], scores[5:])
    assert selection.aucp(ByBrightness(), images[:5], images[5:]) == expected


def test_synthetic_defects_are_the_same_each_time(images):
    first, second = (selection.auroc_synthetic(ByBrightness(), images) for _ in range(2))
    assert first == second
    assert 0 <= first <= 1


def test_scores_that_are_no_numbers_are_refused(images):
    class Broken:
        def anomaly_score(self, images):
            return np.full(len(images), np.nan)

    with pytest.raises(FloatingPointError, match="NaN or infinity"):
        selection.scores(Broken(), images)


@pytest.mark.parametrize("monitor", ["auroc_synthetic", "aucp"])
def test_the_best_epoch_by_a_measure_comes_back(images, monitor):
    """What the callbacks say they kept is what the model scores afterwards."""
    keras.utils.set_random_seed(0)
    model = zoo.create("autoencoder", (8, 8, 1), preset="dense", latent_dim=2)
    model.compile(keras.optimizers.SGD(0.5), run_eagerly=True)
    callbacks = selection.callbacks(monitor, 5, images[:6], images[6:])
    history = model.fit(images, epochs=4, batch_size=12, callbacks=callbacks, verbose=0).history
    measured = history[f"val_{monitor}"]
    again = {
        "auroc_synthetic": lambda: selection.auroc_synthetic(model, images[:6]),
        "aucp": lambda: selection.aucp(model, images[:6], images[6:]),
    }[monitor]()
    assert len(measured) == 4
    assert again == pytest.approx(max(measured), abs=1e-6)


def test_a_model_of_features_is_measured_while_it_trains(images):
    """Its scores need codes and errors of the training images, as they are at that epoch."""
    model = zoo.create("feature_autoencoder", (8, 8, 1), latent_dim=2, num_neighbours=0)
    model.compile("adam", run_eagerly=True)
    seen = []

    class Precision(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(model.code_precision.numpy())

    measured = selection.callbacks("auroc_synthetic", 5, images[:6])
    model.fit(images, epochs=2, verbose=0, callbacks=[*measured, Precision()])
    assert not any(np.array_equal(each, np.eye(2)) for each in seen)
    assert not np.array_equal(*seen)
