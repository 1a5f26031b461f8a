"""What is measured and kept of anomalies, on scores that are made so that the answer is known."""

import types

import numpy as np
import pytest

from bench.data import anomaly as anomaly_data
from bench.data import catalog
from bench.data.dataset import Split
from bench.evaluation import anomaly_scores, closed_forms, job_runner, quality
from bench.metrics import anomaly
from bench.records import schema, store
from bench.records.config import RunConfig
from bench.report.plots import style
from bench.runs import job

CASE = types.SimpleNamespace(id="case")


class Scripted:
    """Scores an image by its brightness, and a pixel by its own."""

    default = "squared_error"

    def reconstruct(self, images):
        return np.zeros_like(images)

    def score_map(self, images):
        return images[..., 0].astype("float64")

    def uncertainty(self, images):
        return None

    def own(self, images):
        return self.score_map(images).mean(axis=(1, 2))

    def scores(self, images):
        return {"squared_error": self.own(images), "latent_distance": -self.own(images)}


def bright_defects(num=40):
    """Dark normals; anomalies have bright pixels, by which the mask is told."""
    generator = np.random.default_rng(0)
    images = 0.5 * generator.random((num, 8, 8, 1), dtype="float32")
    labels = np.arange(num) % 2
    masks = np.zeros((num, 8, 8, 1), "uint8")
    masks[labels == 1, 2:5, 2:5] = 1
    shown = np.where(masks == 1, 0.9, images).astype("float32")
    groups = np.where(labels == 1, 1 + np.arange(num) // 2 % 2, 0)
    normal = Split(images, np.zeros(num, "int64"))
    return anomaly_data.AnomalyDataset(
        *("made", "anomaly", normal, normal, Split(shown, labels, masks, groups)),
        mask_names=anomaly_data.NAMES,
        group_names=("intact", "one", "two"),
    )


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def measured(output):
    return quality.compute_anomaly(CASE, bright_defects(), Scripted(), output)


class TestFields:
    def test_perfect_pixels(self, measured):
        assert measured["test_pixel_auroc"] == 1.0
        assert measured["test_best_dice"] == 1.0
        assert measured["test_aupro"] == pytest.approx(1.0)
        share = 9 * 20 / (64 * 40)
        assert measured["test_dice_floor"] == pytest.approx(2 * share / (1 + share))

    def test_images_by_each_score(self, measured):
        dataset, scorer = bright_defects(), Scripted()
        own = scorer.own(dataset.test.images)
        expected = anomaly.summary(dataset.test.labels, own)
        assert {name: measured[name] for name in expected} == expected
        assert measured["score_name"] == "squared_error"
        first, turned = measured["scores"]["squared_error"], measured["scores"]["latent_distance"]
        assert first["auroc"] == measured["test_auroc"]
        # Turned round, the area is the rest: nothing is clipped at 0.5.
        assert turned["auroc"] == pytest.approx(1 - first["auroc"])
        assert turned["auroc"] < 0.5

    def test_threshold_from_held_out_normals_alone(self, measured):
        dataset, scorer = bright_defects(), Scripted()
        held_out = scorer.own(dataset.validation.images)
        own, labels = scorer.own(dataset.test.images), dataset.test.labels
        assert measured["threshold"] == pytest.approx(np.quantile(held_out, 0.95))
        assert measured["threshold_rule"] == "0.95 quantile of 40 held-out normal scores"
        is_found = own > measured["threshold"]
        assert measured["test_false_positive_rate"] == is_found[labels == 0].mean()
        assert measured["test_true_positive_rate"] == is_found[labels == 1].mean()
        one_sigma = measured["thresholds"]["mean + 1 sigma"]["threshold"]
        assert one_sigma == pytest.approx(held_out.mean() + held_out.std(ddof=1))

    def test_reconstruction_is_that_of_normals(self, measured):
        test = bright_defects().test
        normals = test.images[test.labels == 0]
        assert measured["test_mse"] == pytest.approx(float((normals**2).mean()), rel=1e-5)

    def test_each_kind_against_all_normals(self, measured):
        test = bright_defects().test
        own = Scripted().own(test.images)
        for name, group in (("one", 1), ("two", 2)):
            wins = own[test.groups == group][:, None] > own[test.labels == 0]
            assert measured["test_auroc_by_group"][name] == pytest.approx(wins.mean())


class TestFile:
    def test_normals_then_as_many_anomalies_of_all_kinds(self, measured, output):
        keys = ("inputs", "is_anomaly", "names", "masks", "score_maps", "scores", "labels")
        found = style.load_arrays(output, measured["anomaly_file"], keys)
        num = quality.NUM_SHOWN
        assert found["is_anomaly"].tolist() == [0] * num + [1] * num
        assert found["names"].tolist() == ["intact"] * num + ["one", "two"] * (num // 2)
        test = bright_defects().test
        np.testing.assert_array_equal(found["inputs"][:num], test.images[test.labels == 0][:num])
        np.testing.assert_array_equal(found["labels"], test.labels)
        np.testing.assert_allclose(found["scores"], Scripted().own(test.images), rtol=1e-6)
        assert found["masks"][num:].any(axis=(1, 2)).all()

    def test_samples_are_the_same_images(self, measured, output):
        samples = style.load_samples(output, schema.from_fields(measured))
        assert samples["inputs"].shape == (2 * quality.NUM_SHOWN, 8, 8, 1)
        np.testing.assert_array_equal(samples["inputs"], samples["targets"])


def test_without_masks_there_is_nothing_of_pixels(tmp_path):
    dataset = anomaly_data.one_class(catalog.load("digits", limit=500), 3)
    baseline = closed_forms.create("pca", 8)
    baseline.fit(dataset.train.images)
    scorer = anomaly_scores.BaselineScorer(baseline, dataset.train.images)
    found = quality.compute_anomaly(CASE, dataset, scorer, tmp_path)
    assert 0.8 < found["test_auroc"] <= 1
    assert "test_pixel_auroc" not in found
    assert set(found["test_auroc_by_group"]) == set("012456789")


def test_scores_that_are_no_numbers_are_an_error(tmp_path):
    class Broken(Scripted):
        def own(self, images):
            return np.full(len(images), np.nan)

    with pytest.raises(FloatingPointError, match="the training diverged"):
        quality.compute_anomaly(CASE, bright_defects(), Broken(), tmp_path)


@pytest.mark.parametrize("name", ["upae", "pca_normalised"])
def test_a_case_from_end_to_end(tmp_path, name):
    """Of the digits, 3 is normal: the record says what was found, of a model and of a baseline."""
    dataset = catalog.load("digits", limit=300)
    config = RunConfig("digits", limit=300, normal_class=3, epochs=1, batch_size=32)
    is_model = name == "upae"
    case = job.Job(
        *(config, dataset.checksum, "model" if is_model else "baseline", name),
        *("tiny" if is_model else None, 0),
        latent_size=None if is_model else 4,
    )
    sent = []
    connection = types.SimpleNamespace(send=sent.append, close=lambda: None)
    job_runner.run(case, tmp_path, "run", connection)
    kind, record = sent[-1]
    assert (kind, record["status"], record["error"]) == ("record", "ok", None)
    assert record["task"] == "anomaly"
    assert record["dataset_checksum"] == dataset.checksum
    assert [record[key] for key in ("normal_class", "normal_class_name", "num_classes")] == [
        3,
        "3",
        10,
    ]
    assert record["num_train"] == (dataset.train.labels == 3).sum()
    assert record["num_test"] == dataset.num_test
    assert 0 <= record["test_auroc"] <= 1
    assert record["scores"][record["score_name"]]["auroc"] == record["test_auroc"]
    assert (tmp_path / record["anomaly_file"]).exists()
    path = tmp_path / store.FILE_NAME
    store.append(path, record)
    assert store.read(path)[1] == []  # every field is of its kind
