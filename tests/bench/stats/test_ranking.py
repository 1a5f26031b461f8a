"""Ranks and tests against the worked example of Demsar, 2006, and against counting by hand."""

import itertools

import numpy as np
import pytest

from bench.stats import ranking

# Table 6 there: AUC of four settings of C4.5 on 14 data sets. Its two 0.975 of the data set
# "voting" are ranked 2 and 3, so that they differ in digits that are not printed.
DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ]
)


def test_mean_ranks_are_those_of_the_published_example():
    means = ranking.mean_ranks(-DEMSAR)
    np.testing.assert_allclose([m.mean for m in means], [3.143, 2.000, 2.893, 1.964], atol=5e-4)
    own = ranking.ranks(-DEMSAR)[:, 0]
    half = 2.1604 * own.std(ddof=1) / 14**0.5  # t of 13 degrees of freedom at 0.975
    np.testing.assert_allclose(means[0].low, own.mean() - half, rtol=1e-4)
    np.testing.assert_allclose(means[0].high, own.mean() + half, rtol=1e-4)


def test_friedman_is_that_of_the_published_example():
    found = ranking.friedman(-DEMSAR)
    # The paper's 9.28 has no correction for ties: 1 - sum(t^3 - t) / (N k (k^2 - 1)); three pairs
    # and one four of a kind are tied.
    np.testing.assert_allclose(
        found.statistic * (1 - (3 * 6 + 60) / (14 * 4 * 15)), 9.28, atol=5e-3
    )
    assert 0.005 < found.p < 0.025  # the paper: above the critical value of 0.05
    assert not found.is_exact


def test_friedman_of_few_data_sets_is_counted():
    agreed = np.tile([1.0, 2.0, 3.0], (3, 1))
    found = ranking.friedman(agreed)
    assert found.is_exact
    # Six orders for each data set: 6 of the 6^3 agree in all three.
    np.testing.assert_allclose([found.statistic, found.p, found.least_p], [6, 1 / 36, 1 / 36])
    assert ranking.friedman(np.ones((3, 4))).p == 1.0
    assert ranking.friedman(np.ones((3, 2))) is None


def test_the_mean_rank_of_sets_that_agree_has_no_interval():
    means = ranking.mean_ranks(np.tile([1.0, 2.0, 3.0], (3, 1)))
    assert [(m.mean, m.low) for m in means] == [(1, None), (2, None), (3, None)]


def test_a_pair_is_tested_by_all_signs():
    # The paper's Wilcoxon example: T = 12 for the first two, of which one rank is split in half.
    (pair,) = ranking.pairs(DEMSAR[:, :2])
    differences = np.round(DEMSAR[:, 0] - DEMSAR[:, 1], 3)
    from scipy.stats import rankdata

    sizes = rankdata(np.abs(differences))
    larger = sizes[differences > 0].sum() + sizes[differences == 0].sum() / 2
    assert larger == 12
    assert pair.p < 0.05  # 12 is below the critical value of 14 data sets, 21
    few = np.array([[0.0, 3.0], [0.0, 1.0], [0.0, -2.0], [0.0, 4.0]])
    (pair,) = ranking.pairs(few)
    sums = [
        sum(s * r for s, r in zip(signs, (3, 1, 2, 4), strict=True))
        for signs in itertools.product((-1, 1), repeat=4)
    ]
    by_hand = np.mean([abs(each) >= abs(3 + 1 - 2 + 4) for each in sums])
    np.testing.assert_allclose(pair.p, by_hand)
    assert ranking.pairs(np.ones((4, 2)))[0].p == 1.0


def test_the_smallest_p_is_that_of_data_sets_that_agree():
    for num in (3, 6):
        values = np.stack([np.zeros(num), np.arange(1, num + 1)], axis=1)
        (pair,) = ranking.pairs(values)
        np.testing.assert_allclose(pair.p, ranking.least_wilcoxon(num))
    assert ranking.sets_needed(2) == 6  # 2 / 2^6 = 0.031
    assert ranking.sets_needed(4) == 8  # 6 pairs: 6 * 2 / 2^8 = 0.047


def test_holm():
    np.testing.assert_allclose(ranking.holm([0.04, 0.01, 0.03, 0.9]), [0.09, 0.04, 0.09, 0.9])


def test_bars_join_neighbours_of_which_no_two_differ():
    different = {frozenset(pair) for pair in ((0, 2), (0, 3), (1, 3))}
    assert ranking.cliques([0, 1, 2, 3], different) == [(0, 1), (1, 2), (2, 3)]
    assert ranking.cliques([0, 1, 2, 3], set()) == [(0, 3)]
    assert ranking.cliques([0, 1], {frozenset((0, 1))}) == []


@pytest.mark.parametrize("best", [0.5, 0.0])
def test_a_profile_counts_data_sets(best):
    found = ranking.ratios(np.array([[best, 1.0], [2.0, 1.0], [1.0, 1.0]]))
    first = 2.0 if best else np.inf
    np.testing.assert_array_equal(found, [[1, first], [2, 1], [1, 1]])
    np.testing.assert_allclose(ranking.profile(found[:, 0], (1, 1.5, 2)), [2 / 3, 2 / 3, 1])
