"""The AUROC of two samples, and what AUCp says of it."""

import numpy as np
import pytest

from zoo.anomalies import ranking


@pytest.fixture
def samples():
    """Normal and anomalous scores with many ties."""
    generator = np.random.default_rng(0)
    return generator.integers(0, 9, 60), generator.integers(2, 12, 40)


def test_chance_counts_pairs_and_ties_by_half(samples):
    normal, anomalous = samples
    pairs = anomalous[:, None] - normal
    expected = (pairs > 0).mean() + (pairs == 0).mean() / 2
    assert ranking.chance(normal, anomalous) == pytest.approx(expected, abs=1e-12)
    assert ranking.chance(anomalous, normal) == pytest.approx(1 - expected, abs=1e-12)


def test_aucp_is_the_auroc_where_the_normals_are_the_same(samples):
    """A sample against itself gives one half, so that the relation is exact here."""
    normal, anomalous = samples
    unlabelled = np.concatenate([normal, anomalous])
    estimate = ranking.auroc_of_aucp(ranking.chance(normal, unlabelled), 40 / 100)
    assert estimate == pytest.approx(ranking.chance(normal, anomalous), abs=1e-12)


@pytest.mark.parametrize(("normal", "anomalous"), [([], [1.0]), ([1.0], []), ([1.0], [np.nan])])
def test_refusals(normal, anomalous):
    with pytest.raises(ValueError, match="scores must be finite, at least one of each kind"):
        ranking.chance(normal, anomalous)
    with pytest.raises(ValueError, match="share must be above 0"):
        ranking.auroc_of_aucp(0.5, 0)
