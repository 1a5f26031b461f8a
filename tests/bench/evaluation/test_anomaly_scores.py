"""Scores against their definitions, computed from what the model gives."""

import numpy as np
import pytest
from sklearn import covariance

import zoo
from bench.evaluation import anomaly_scores, closed_forms

MODELS = [n for n in zoo.names() if zoo.get(n).model_class.task == "reconstruction"]


@pytest.fixture(scope="module")
def images():
    from sklearn.datasets import load_digits

    return (load_digits().images[..., None] / 16).astype("float32")


def scorer_of(name, images, **arguments):
    model = zoo.create(name, image_shape=(8, 8, 1), preset="tiny", seed=0, **arguments)
    return model, anomaly_scores.ModelScorer(model, images[:100])


@pytest.mark.parametrize("name", ["autoencoder", "upae", "vae"])
def test_default_is_the_model_s_own_score(images, name):
    model, scorer = scorer_of(name, images)
    found = scorer.scores(images[100:130])
    assert next(iter(found)) == scorer.default
    own = np.asarray(model.anomaly_score(images[100:130]))
    np.testing.assert_allclose(found[scorer.default], own, rtol=1e-4)
    assert all(values.shape == (30,) for values in found.values())


@pytest.mark.parametrize("name", MODELS)
def test_every_model_that_needs_no_labels_scores(name):
    model_class = zoo.get(name).model_class
    assert hasattr(model_class, "anomaly_score")
    assert hasattr(model_class, "score_map")


def test_squared_error_and_its_normalisation(images):
    model, scorer = scorer_of("autoencoder", images)
    train, test = images[:100], images[100:130]
    squared = (test - model.predict(test, verbose=0)) ** 2
    variance = ((train - model.predict(train, verbose=0)) ** 2).mean(axis=0) + 1e-3
    found = scorer.scores(test)
    np.testing.assert_allclose(found["squared_error"], squared.mean(axis=(1, 2, 3)), rtol=1e-4)
    expected = (squared / variance).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(found["pixel_normalised"], expected, rtol=1e-4)


def test_predicted_variance_with_and_without_the_log(images):
    model, scorer = scorer_of("upae", images)
    test = images[100:130]
    outputs = {key: np.asarray(value) for key, value in model.forward(test).items()}
    log_variance = outputs["log_variance"]
    normalised = np.exp(-log_variance) * (2 * test - 1 - outputs["mean"]) ** 2
    found = scorer.scores(test)
    assert scorer.default == "variance_normalised_log"
    np.testing.assert_allclose(
        found["variance_normalised"], normalised.mean(axis=(1, 2, 3)), rtol=1e-4
    )
    loss = (normalised + log_variance).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(found["variance_normalised_log"], loss, rtol=1e-4, atol=1e-5)


def test_negative_elbo(images):
    model, scorer = scorer_of("vae", images)
    found = scorer.scores(images[100:130])
    np.testing.assert_allclose(found["negative_elbo"], -model.elbo(images[100:130]), rtol=1e-5)


def test_latent_distance_is_that_of_mahalanobis(images):
    model, scorer = scorer_of("autoencoder", images)
    train, test = (np.asarray(model.encode(x), "float64") for x in (images[:100], images[100:130]))
    shrunk, _ = covariance.ledoit_wolf(train)
    offset = test - train.mean(axis=0)
    expected = np.einsum("ni,ij,nj->n", offset, np.linalg.inv(shrunk), offset)
    found = scorer.scores(images[100:130])["latent_distance"]
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_large_codes_have_no_distance(images, monkeypatch):
    monkeypatch.setattr(anomaly_scores, "MAX_CODE_SIZE", 7)
    _, scorer = scorer_of("autoencoder", images)
    assert "latent_distance" not in scorer.scores(images[:5])


@pytest.mark.parametrize("normalised", [False, True])
def test_pca_is_the_published_floor(images, normalised):
    name = "pca_normalised" if normalised else "pca"
    baseline = closed_forms.create(name, 8)
    baseline.fit(images[:200])
    scorer = anomaly_scores.BaselineScorer(baseline, images[:200])
    train, test = (
        part.reshape(-1, 64).astype("float64") for part in (images[:200], images[200:260])
    )
    mean = train.mean(axis=0)
    components = np.linalg.svd(train - mean, full_matrices=False)[2][:8]
    of_train, of_test = (
        ((part - mean) @ (np.eye(64) - components.T @ components)) ** 2 for part in (train, test)
    )
    if normalised:
        of_test /= of_train.mean(axis=0) + 1e-3
    expected = of_test.mean(axis=1)
    np.testing.assert_allclose(scorer.own(images[200:260]), expected, rtol=1e-4)
    assert set(scorer.scores(images[200:260])) == {
        "squared_error",
        "pixel_normalised",
        "latent_distance",
    }


def test_normalised_pca_by_hand(images):
    train, test = images[:200].astype("float64"), images[200:210].astype("float64")
    pca, normalised = closed_forms.create("pca", 8), closed_forms.create("pca_normalised", 8)
    pca.fit(images[:200])
    normalised.fit(images[:200])
    variance = ((train - pca.reconstruct(images[:200])) ** 2).mean(axis=0) + 1e-3
    expected = (test - pca.reconstruct(images[200:210])) ** 2 / variance
    np.testing.assert_allclose(normalised.score_map(images[200:210]), expected[..., 0], rtol=1e-6)
    assert normalised.num_parameters == pca.num_parameters + 64
