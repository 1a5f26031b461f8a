"""Baselines by distance, against the distances worked out one by one."""

import types

import numpy as np
import pytest

from bench.data import anomaly as anomaly_data
from bench.data import catalog
from bench.errors import BenchError
from bench.evaluation import job_runner, neighbours
from bench.metrics import anomaly
from bench.records.config import RunConfig
from bench.runs import job


def test_score_is_the_mean_of_the_five_smallest_distances(digits):
    baseline = neighbours.create("nearest_neighbours")
    baseline.fit(digits[:60])
    every = np.linalg.norm((digits[60:70, None] - digits[None, :60]).reshape(10, 60, 64), axis=-1)
    expected = np.sort(every, axis=1)[:, :5].mean(axis=1)
    np.testing.assert_allclose(baseline.own(digits[60:70]), expected, rtol=1e-4)
    nearest = np.argsort(every, axis=1)[:, :5]
    mean = digits[:60][nearest].mean(axis=1)
    np.testing.assert_allclose(baseline.reconstruct(digits[60:70]), mean, atol=1e-6)
    squared = ((digits[60:70] - mean) ** 2)[..., 0]
    np.testing.assert_allclose(baseline.score_map(digits[60:70]), squared, atol=1e-6)


def test_statistics_are_four_numbers_by_their_spread():
    images = np.random.default_rng(0).random((30, 6, 5, 1))
    numbers = np.array(
        [
            (
                x.mean(),
                np.abs(np.diff(x, axis=0)).mean(),
                np.abs(np.diff(x, axis=1)).mean(),
                x.std(),
            )
            for x in images
        ]
    )
    np.testing.assert_allclose(neighbours.statistics(images), numbers)
    baseline = neighbours.create("image_statistics")
    baseline.fit(images[:3])  # fewer than five: all of them are neighbours
    scaled = numbers / numbers[:3].std(axis=0)
    expected = np.linalg.norm(scaled[3:, None] - scaled[None, :3], axis=-1).mean(axis=1)
    np.testing.assert_allclose(baseline.own(images[3:]), expected, rtol=1e-3)


@pytest.mark.parametrize("name", neighbours.NAMES)
def test_shapes_and_what_a_baseline_does_not_give(digits, name):
    baseline = neighbours.create(name)
    baseline.fit(digits[:50])
    assert baseline.own(digits[50:53]).shape == (3,)
    maps = baseline.score_map(digits[50:53])
    has_places = name in ("nearest_neighbours", "nearest_neighbours_hog")
    assert maps.shape == (3, 8, 8) if has_places else maps is None
    assert (baseline.reconstruct(digits[50:53]) is None) == (name != "nearest_neighbours")


def test_series_and_vectors_have_neighbours_too(digits):
    for shape in ((64, 1), (64,)):
        rows = digits[:60].reshape(60, *shape)
        baseline = neighbours.create("nearest_neighbours")
        baseline.fit(rows[:50])
        assert baseline.score_map(rows[50:]).shape == (10, 64)


def test_a_map_shows_the_cell_that_differs():
    images = np.zeros((20, 28, 28, 1), "float32") + np.linspace(0, 1, 28)[:, None]
    strange = images[:1].copy()
    strange[0, 4:12, 16:24] = np.linspace(0, 1, 8)[:, None]
    baseline = neighbours.create("nearest_neighbours_hog")
    baseline.fit(images)
    found = baseline.score_map(strange)[0]
    assert found[5:11, 17:23].mean() > 5 * found.mean()


def test_textures_and_digits_are_told_apart(digits):
    """What the baselines are for: a digit by its pixels, a texture by statistics."""
    found = anomaly_data.one_class(catalog.load("digits"), 0)
    for name in ("nearest_neighbours", "nearest_neighbours_hog"):
        baseline = neighbours.create(name)
        baseline.fit(found.train.images)
        assert anomaly.auroc(found.test.labels, baseline.own(found.test.images)) > 0.98


def test_unknown_names():
    with pytest.raises(BenchError, match="unknown baseline 'neighbours'"):
        neighbours.create("neighbours")


def test_names_of_the_jobs_are_names_of_the_baselines():
    assert job.NEIGHBOURS == neighbours.NAMES
    config = RunConfig("digits", normal_class=3)
    of_images = [c.model for c in job.baseline_jobs([config], "ab", [], "anomaly", (8, 8, 1))]
    of_series = [c.model for c in job.baseline_jobs([config], "ab", [], "anomaly", (64, 1))]
    assert of_images[:3] == of_series[:3] == ["mean_image", "pca", "pca_normalised"]
    assert tuple(of_images[3:]) == neighbours.NAMES
    assert of_series[3:] == ["nearest_neighbours"]


@pytest.mark.parametrize("name", neighbours.NAMES)
def test_a_job_from_end_to_end(tmp_path, name):
    """Defects, with masks: what has no map has no pixel metrics, and no picture of one."""
    dataset = catalog.load("defects_digits", limit=200)
    config = RunConfig("defects_digits", limit=200)
    sent = []
    connection = types.SimpleNamespace(send=sent.append, close=lambda: None)
    case = job.Job(config, dataset.checksum, "baseline", name, None, 0)
    job_runner.run(case, tmp_path, "run", connection)
    _, record = sent[-1]
    assert (record["status"], record["error"]) == ("ok", None)
    assert record["score_name"] == "neighbour_distance"
    has_places = name in ("nearest_neighbours", "nearest_neighbours_hog")
    assert ("pixel_auroc" in record.quality.metrics) == has_places
    assert ("mse" in record.quality.metrics) == (name == "nearest_neighbours")
