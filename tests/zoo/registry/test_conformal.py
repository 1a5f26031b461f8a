"""Thresholds by rank and p-values: against counts, simulations and published quantiles."""

import numpy as np
import pytest
from scipy import stats

from zoo.registry import conformal


def test_flagging_by_threshold_is_flagging_by_p_value():
    generator = np.random.default_rng(0)
    for num, rate in ((19, 0.05), (20, 0.1), (99, 0.01), (150, 0.07)):
        held_out, new = generator.normal(size=num), generator.normal(size=400) * 2
        new[:num] = held_out  # ties
        threshold, _ = conformal.threshold_by_rank(held_out, rate)
        counted = np.array([(1 + (held_out >= score).sum()) / (num + 1) for score in new])
        p_values = conformal.p_values(new, held_out)
        np.testing.assert_allclose(p_values, counted)
        np.testing.assert_array_equal(new > threshold, p_values <= rate + 1e-12)


def test_the_rate_holds_on_average_and_in_its_interval():
    """4,000 draws of 20 held-out scores, and 10 % asked for: Beta(2, 19) of the shares."""
    held_out = np.random.default_rng(1).random((4_000, 20))  # the share above t is 1 - t
    shares = 1 - np.array([conformal.threshold_by_rank(scores, 0.1)[0] for scores in held_out])
    assert shares.mean() == pytest.approx(2 / 21, abs=0.004)
    low, high = conformal.realised_rate(20, 0.1)
    assert np.mean((shares >= low) & (shares <= high)) == pytest.approx(0.9, abs=0.02)
    _, rule = conformal.threshold_by_rank(held_out[0], 0.1)
    assert rule == ("false alarms at most 10 % on average, and in nine of ten cases 1.8 to 22 %")


@pytest.mark.parametrize(("num", "rate"), [(20, 0.1), (19, 0.05), (1_000, 0.05), (6, 1 / 7)])
def test_interval_is_that_of_the_beta_distribution(num, rate):
    place = round((num + 1) * rate - 0.49999)
    expected = stats.beta.ppf([0.05, 0.95], place, num + 1 - place)
    np.testing.assert_allclose(conformal.realised_rate(num, rate), expected, atol=1e-7)


def test_how_many_scores_a_rate_needs():
    assert [conformal.fewest_scores(rate) for rate in (0.5, 0.1, 0.05, 0.01)] == [1, 9, 19, 99]
    for rate in (0.05, 0.03):
        fewest = conformal.fewest_scores(rate)
        assert conformal.rank(fewest, rate) == 1
        with pytest.raises(ValueError, match=f"scores must be at least {fewest} for a"):
            conformal.rank(fewest - 1, rate)


def test_benjamini_hochberg_by_hand():
    """Limits of 6 at 0.12: .02, .04, .06, .08, .1, .12; the third passes, and takes the second."""
    p_values = np.array([0.9, 0.045, 0.01, 0.058, 0.09, 0.5])
    found = conformal.benjamini_hochberg(p_values, 0.12)
    np.testing.assert_array_equal(found, [False, True, True, True, False, False])
    assert not conformal.benjamini_hochberg([0.2, 0.9], 0.1).any()
    assert conformal.benjamini_hochberg([], 0.1).shape == (0,)


def test_few_of_the_flagged_are_false_alarms():
    """200 batches of 90 normals and 10 anomalies far off; 10 % asked for."""
    generator = np.random.default_rng(2)
    shares = []
    for _ in range(200):
        scores = generator.normal(size=100)
        scores[:10] += 6
        p_values = conformal.p_values(scores, generator.normal(size=500))
        flagged = conformal.benjamini_hochberg(p_values, 0.1)
        shares.append(flagged[10:].sum() / max(1, flagged.sum()))
    assert 0.02 < np.mean(shares) < 0.11


@pytest.mark.parametrize(
    ("num_files", "num_scores", "rate"), [(20, 40, 0.1), (7, 9, 0.1), (3, 99, 0.5)]
)
def test_how_few_can_be_flagged(num_files, num_scores, rate):
    """The k lowest possible p-values among ones: the first k that are flagged."""
    flagged = [
        conformal.benjamini_hochberg([1 / (num_scores + 1)] * k + [1.0] * (num_files - k), rate)
        for k in range(num_files + 1)
    ]
    first = next(k for k, found in enumerate(flagged) if found.any())
    assert conformal.fewest_flagged(num_files, num_scores, rate) == first


@pytest.mark.parametrize("p_values", [[2, -1], [0.1, np.nan], [[0.1, 0.2]], 0.1, [[]]])
def test_what_are_no_p_values(p_values):
    with pytest.raises(ValueError, match=r"^benjamini_hochberg: p_values must be a vector of"):
        conformal.benjamini_hochberg(p_values, 0.1)


def test_nan_is_no_rare_score():
    with pytest.raises(ValueError, match="NaN in 1 of 2"):
        conformal.p_values([np.nan, 1.0], [1.0, 2.0])
    np.testing.assert_allclose(conformal.p_values([np.inf, -np.inf], [1.0, 2.0]), [1 / 3, 1])
