"""What a search looks for: closed forms of the measures, and which models and data they fit."""

import numpy as np
import pytest
from scipy import stats
from tiny_search import request

import zoo
from bench.data import catalog
from bench.errors import BenchError
from tuner.search.resolve import prepare_space, resolve
from tuner.trials import objectives
from zoo.anomalies import defects


@pytest.fixture(scope="module")
def upae():
    model = zoo.create("upae", image_shape=(8, 8, 1), preset="tiny")
    model.compile("adam")
    model.fit(catalog.load("digits", limit=128).train.images, epochs=1, verbose=0)
    return model


def test_auroc_is_the_chance_that_an_anomaly_scores_higher(upae):
    resolved = resolve(request(None, "upae", settings={}, objective="auroc", normal_class=3))
    data, whole = resolved.schedule.data.load(), catalog.load("digits", limit=128)
    assert (whole.train.labels == 3).sum() == len(data.train)
    np.testing.assert_array_equal(data.validation.labels, whole.validation.labels != 3)
    np.testing.assert_array_equal(data.validation.images, whole.validation.images)
    scores = np.asarray(upae.anomaly_score(whole.validation.images))
    odd, normal = scores[whole.validation.labels != 3], scores[whole.validation.labels == 3]
    above = (odd[:, None] > normal) + 0.5 * (odd[:, None] == normal)
    measured = objectives.OBJECTIVES["auroc"].measure(upae, data.validation)
    assert measured == pytest.approx(above.mean())


def test_synthetic_auroc_needs_no_anomalies(upae):
    """Damaged copies of the validation images against the images."""
    split = catalog.load("digits", limit=128).validation
    damaged, _, _ = defects.defective(split.images, seed=0)
    odd, normal = (np.asarray(upae.anomaly_score(x)) for x in (damaged, split.images))
    measured = objectives.OBJECTIVES["auroc_synthetic"].measure(upae, split)
    assert measured == pytest.approx((odd[:, None] > normal).mean(), abs=1e-6)
    wanted = request(None, "feature_autoencoder", settings={}, normal_class=3)
    assert wanted.objective_name == "auroc_synthetic"
    with pytest.raises(BenchError, match=r"rebuilds features.* auroc, auroc_synthetic, aucp"):
        objectives.check("psnr", "feature_autoencoder")


def test_aucp_takes_all_but_known_normals_for_anomalies(upae):
    wanted = request(None, "upae", settings={}, objective="aucp", normal_class=3)
    split = resolve(wanted).schedule.data.load().validation
    scores = np.asarray(upae.anomaly_score(split.images), "float64")
    is_known = (split.labels == 0) & (np.cumsum(split.labels == 0) % 2 == 1)
    known, others = scores[is_known], scores[~is_known]
    above = (others[:, None] > known) + 0.5 * (others[:, None] == known)
    measured = objectives.OBJECTIVES["aucp"].measure(upae, split)
    assert measured == pytest.approx(above.mean())


def test_other_objectives_see_normal_images_alone():
    data = resolve(request(None, objective="mse", normal_class="3")).schedule.data.load()
    whole = catalog.load("digits", limit=128)
    assert len(data.validation) == (whole.validation.labels == 3).sum()
    assert not data.validation.labels.any()


def test_nll_is_that_of_the_predicted_gaussian(upae):
    split = catalog.load("digits", limit=64).validation
    mean = np.asarray(upae.predict(split.images, verbose=0), "float64")
    deviation = np.asarray(upae.predict_uncertainty(split.images), "float64")
    expected = [
        -stats.multivariate_normal(m.ravel(), np.diag(d.ravel() ** 2)).logpdf(x.ravel())
        for m, d, x in zip(mean, deviation, split.images.astype("float64"), strict=True)
    ]
    measured = objectives.OBJECTIVES["nll"].measure(upae, split)
    assert measured == pytest.approx(np.mean(expected), rel=1e-6)


def test_an_elbo_compares_one_likelihood_only():
    dataset = catalog.load("digits", limit=128)
    objective = objectives.get("elbo", "vae", dataset)
    space, notes = prepare_space("vae", objective, dataset, {})
    assert space.parameters["likelihood"].default == "bernoulli"
    assert "likelihood" not in space.free
    assert "likelihood stays bernoulli" in notes[0]
    with pytest.raises(BenchError, match="--set likelihood must be one value"):
        prepare_space("vae", objective, dataset, {"likelihood": ["bernoulli", "gaussian"]})


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        ("vae", {"objective": "psnrr"}, "Did you mean 'psnr'"),
        ("vae", {"objective": "iou"}, "is for masks"),
        ("unet", {"dataset": "composed_digits", "objective": "psnr"}, "Use one of dice, iou"),
        ("autoencoder", {"objective": "elbo"}, r"needs a model with elbo\(\)"),
        ("vae", {"objective": "accuracy"}, r"needs a model with classify\(\)"),
        ("autoencoder", {"objective": "auroc"}, r"needs a validation split with anomalies"),
        ("autoencoder", {"objective": "nll"}, r"needs a model with predict_uncertainty\(\)"),
        ("autoencoder", {"objective": "auroc", "normal_class": "ten"}, "no class 'ten'"),
        ("conditional_vae", {"normal_class": 1}, "does not fit these data"),
    ],
)
def test_objectives_that_do_not_fit(model, changes, message):
    with pytest.raises(BenchError, match=message):
        resolve(request(None, model, settings={}, **changes))
