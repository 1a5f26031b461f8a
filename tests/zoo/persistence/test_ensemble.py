"""An ensemble: total variance, scores, and what a folder keeps."""

import numpy as np
import pytest

import zoo


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((40, 8, 8, 1), dtype="float32")


@pytest.fixture(scope="module")
def ensemble(images):
    made = zoo.Ensemble.create("upae", (8, 8, 1), num_members=3, preset="tiny")
    made.compile("adam")
    histories = made.fit(images, epochs=1, verbose=0)
    assert len({history.history["loss"][0] for history in histories}) == 3  # seeds of their own
    return made


def test_total_variance_and_score(ensemble, images):
    x = images[:4]
    mus = np.array([member.reconstruct(x) for member in ensemble.members], "float64")
    sigmas = np.array([member.predict_uncertainty(x) for member in ensemble.members], "float64")
    variance = (sigmas**2 + mus**2).mean(axis=0) - mus.mean(axis=0) ** 2
    np.testing.assert_allclose(ensemble.predict_uncertainty(x), np.sqrt(variance), rtol=1e-4)
    s = np.log(4 * variance)
    expected = (np.exp(-s) * (2 * x - 2 * mus.mean(axis=0)) ** 2 + s)[..., 0]
    np.testing.assert_allclose(ensemble.score_map(x), expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(ensemble.anomaly_score(x), expected.mean(axis=(1, 2)), rtol=1e-3)


def test_others_have_the_mean_of_their_scores_and_disagreement(images):
    made = zoo.Ensemble.create("autoencoder", (8, 8, 1), num_members=2, preset="tiny")
    one, two = made.members
    mean = (one.anomaly_score(images) + two.anomaly_score(images)) / 2
    np.testing.assert_allclose(made.anomaly_score(images), mean, rtol=1e-5)
    half = np.abs(one.reconstruct(images) - two.reconstruct(images)) / 2
    np.testing.assert_allclose(made.predict_uncertainty(images), half, atol=1e-6)


def test_a_folder_keeps_members_and_threshold(ensemble, images, tmp_path):
    ensemble.set_threshold(ensemble.anomaly_score(images), false_alarm_rate=0.1)
    ensemble.save(tmp_path / "ensemble")
    loaded = zoo.Ensemble.load(tmp_path / "ensemble")
    np.testing.assert_allclose(
        loaded.anomaly_score(images), ensemble.anomaly_score(images), rtol=1e-4
    )
    assert loaded.card == ensemble.card
    assert 1 / 41 <= loaded.p_values(images).min() <= 2 / 41 + 1e-9
    with pytest.raises(FileNotFoundError, match=r"must hold ensemble\.json"):
        zoo.Ensemble.load(tmp_path)


def test_members_are_of_one_kind():
    one = zoo.create("upae", (8, 8, 1), preset="tiny")
    with pytest.raises(ValueError, match="at least 2 models"):
        zoo.Ensemble([one])
    with pytest.raises(ValueError, match="2 of 2 kinds"):
        zoo.Ensemble([one, zoo.create("vae", (8, 8, 1), preset="tiny")])
