"""Anomaly metrics against brute force, scikit-learn and curves worked out by hand."""

import numpy as np
import pytest
from sklearn import metrics

from bench.errors import BenchError
from bench.metrics import anomaly

RANDOM = np.random.default_rng(0)
LABELS = (RANDOM.uniform(size=300) < 0.2).astype("int64")
# Few distinct values: many ties, within a class and across.
TIED = np.round(RANDOM.normal(size=300) + LABELS, 1)
SMOOTH = RANDOM.normal(size=300) + LABELS


def pairwise_auroc(labels, scores):
    normal, strange = scores[labels == 0], scores[labels == 1]
    wins = (strange[:, None] > normal).mean() + 0.5 * (strange[:, None] == normal).mean()
    return float(wins)


class TestRanking:
    @pytest.mark.parametrize("scores", [TIED, SMOOTH, -TIED, np.zeros(300), LABELS * 1.0])
    def test_auroc_counts_pairs(self, scores):
        found = anomaly.auroc(LABELS, scores)
        assert found == pytest.approx(pairwise_auroc(LABELS, scores), abs=1e-12)
        assert found == pytest.approx(metrics.roc_auc_score(LABELS, scores), abs=1e-12)

    def test_by_hand(self):
        # Pairs (anomaly, normal): 3 > 1, 3 > 2, 2 > 1 and 2 = 2.
        assert anomaly.auroc([0, 1, 0, 1], [1, 3, 2, 2]) == 3.5 / 4
        assert anomaly.auroc([0, 0, 1], [2, 3, 1]) == 0.0  # never clipped at 0.5

    @pytest.mark.parametrize("scores", [TIED, SMOOTH, -TIED, np.zeros(300), LABELS * 1.0])
    def test_precision_and_recall_are_those_of_scikit_learn(self, scores):
        expected = metrics.average_precision_score(LABELS, scores)
        assert anomaly.average_precision(LABELS, scores) == pytest.approx(expected, abs=1e-12)
        by_threshold = [metrics.f1_score(LABELS, scores >= each) for each in np.unique(scores)]
        assert anomaly.summary(LABELS, scores)["test_f1_max"] == pytest.approx(
            max(by_threshold), abs=1e-12
        )

    def test_average_precision_is_a_step_sum(self):
        found = anomaly.average_precision([1, 0, 1], [3, 2, 1])
        assert found == pytest.approx(1 / 2 * 1 + 1 / 2 * 2 / 3)

    def test_f1_of_no_information_is_the_floor(self):
        share = LABELS.mean()
        floor = 2 * share / (1 + share)
        for scores in (np.zeros(300), -LABELS):
            found = anomaly.summary(LABELS, scores)
            assert found["test_f1_floor"] == pytest.approx(floor)
            assert found["test_f1_max"] == pytest.approx(floor)

    @pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "bool"])
    def test_dtypes(self, dtype):
        scores = (TIED * 10).astype(dtype)
        expected = pairwise_auroc(LABELS, scores.astype("float64"))
        assert anomaly.auroc(LABELS == 1, scores) == pytest.approx(expected)

    def test_curve_ends_with_all(self):
        counts = anomaly.curve(LABELS, TIED)
        np.testing.assert_array_equal(counts.thresholds, np.unique(TIED)[::-1])
        assert (counts.true_positives[-1], counts.false_positives[-1]) == (
            LABELS.sum(),
            (1 - LABELS).sum(),
        )


class TestEqualErrorRate:
    def test_between_two_points_by_hand(self):
        """ROC (0, 0), (0, 1/2), (1/3, 1/2), (2/3, 1), (1, 1): it meets 1 - x at x = 0.4."""
        labels = np.array([1, 0, 1, 0, 0])
        scores = np.array([5.0, 4.0, 3.0, 3.0, 1.0])
        found = anomaly.equal_error_rate(labels, scores)
        assert found.rate == pytest.approx(0.4)
        # |FPR - FNR| is 1/6 at score 4, and less than at 5 (1/2) and 3 (2/3).
        assert found.threshold == 4.0
        assert found.f1 == pytest.approx(metrics.f1_score(labels, scores >= 4))

    def test_on_a_point(self):
        found = anomaly.equal_error_rate([1, 1, 0, 1, 1, 0, 0, 0], [8, 7, 6, 5, 4, 3, 2, 1])
        assert found == (0.25, 5.0, 0.75)

    @pytest.mark.parametrize(
        ("scores", "rate"), [([0, 1, 2, 3], 0.0), ([3, 2, 1, 0], 1.0), ([1, 1, 1, 1], 0.5)]
    )
    def test_extremes(self, scores, rate):
        found = anomaly.equal_error_rate([0, 0, 1, 1], scores)
        assert found.rate == rate
        assert np.isfinite(found.threshold)

    @pytest.mark.parametrize("scores", [TIED, SMOOTH, -SMOOTH])
    def test_is_the_root_of_the_interpolated_curve(self, scores):
        from scipy import interpolate, optimize

        x, y, _ = metrics.roc_curve(LABELS, scores, drop_intermediate=False)
        # A tiny tilt makes x rise strictly, so that the curve is a function of x.
        line = interpolate.interp1d(x + 1e-9 * np.arange(len(x)), y)
        root = optimize.brentq(lambda rate: 1 - line(rate) - rate, 0, 1)
        assert anomaly.equal_error_rate(LABELS, scores).rate == pytest.approx(root, abs=1e-6)

    def test_balanced_f1_is_one_less_the_rate(self):
        labels = np.repeat([0, 1], 2_000)
        scores = np.random.default_rng(1).normal(size=4_000) + 1.5 * labels
        found = anomaly.equal_error_rate(labels, scores)
        assert found.f1 == pytest.approx(1 - found.rate, abs=2e-3)

    def test_official_rule_takes_the_first_near_corner(self):
        """ROC corners (.100, .896) and (.102, .902): the rates differ by .004 at both."""
        counts = {3.0: (896, 100), 2.0: (6, 2), 1.0: (98, 898)}
        labels = np.concatenate([np.repeat([1, 0], each) for each in counts.values()])
        scores = np.repeat(list(counts), [sum(each) for each in counts.values()])
        official = anomaly.equal_error_rate(labels, scores, mode="upae")
        assert official.rate == pytest.approx(0.100)
        assert official.threshold == 3.0
        assert official.f1 == pytest.approx(2 * 896 / (1_000 + 996))
        assert anomaly.equal_error_rate(labels, scores).rate == pytest.approx(0.101)

    def test_official_rule_may_find_nothing(self):
        with pytest.raises(BenchError, match=r"mode must be 'interpolated' here.*nearest: 0\.167"):
            anomaly.equal_error_rate([1, 0, 1, 0, 0], [5, 4, 3, 3, 1], mode="upae")

    def test_official_rule_sees_corners_alone(self):
        """A straight stretch of the ROC curve from (0, .8) to (.2, 1), with points all along."""
        labels = np.concatenate([np.ones(800), np.tile([0, 1], 200), np.zeros(800)])
        scores = np.concatenate(
            [np.full(800, 999), np.repeat(np.arange(200, 0, -1), 2), -np.ones(800)]
        )
        assert anomaly.equal_error_rate(labels, scores).rate == pytest.approx(0.1)
        with pytest.raises(BenchError, match="no corner of the ROC curve"):
            anomaly.equal_error_rate(labels, scores, mode="upae")

    def test_modes(self):
        with pytest.raises(BenchError, match="'interpolated', 'upae'"):
            anomaly.equal_error_rate(LABELS, SMOOTH, mode="eer")


def test_summary():
    found = anomaly.summary(LABELS, SMOOTH)
    crossing = anomaly.equal_error_rate(LABELS, SMOOTH)
    assert found == pytest.approx(
        {
            "test_auroc": anomaly.auroc(LABELS, SMOOTH),
            "test_average_precision": anomaly.average_precision(LABELS, SMOOTH),
            "test_f1_max": max(metrics.f1_score(LABELS, each <= SMOOTH) for each in SMOOTH),
            "test_f1_floor": 2 * LABELS.mean() / (1 + LABELS.mean()),
            "test_eer": crossing.rate,
            "test_f1_at_eer": crossing.f1,
        }
    )
    assert all(type(value) is float for value in found.values())


class TestBadScores:
    FUNCTIONS = (
        anomaly.auroc,
        anomaly.average_precision,
        anomaly.equal_error_rate,
        anomaly.summary,
    )

    @pytest.mark.parametrize("function", FUNCTIONS)
    @pytest.mark.parametrize(
        ("labels", "scores", "message"),
        [
            ([0, 0, 0], [1, 2, 3], "labels must hold both .* Received: 0 alone"),
            ([1, 1, 1], [1, 2, 3], "labels must hold both .* Received: 1 alone"),
            ([0, 1, 7], [1, 2, 3], r"0 \(normal\) and 1 .* Received: 0, 1, 7. Give labels != "),
            ([0, 1, np.nan], [1, 2, 3], "labels must hold 0 .* nan"),
            (["no", "yes", "no"], [1, 2, 3], "labels must hold 0 .* no, yes"),
            ([0, 1, 0], [1, np.nan, 3], "scores must be finite. Received: .* in 1 of 3"),
            ([0, 1, 0], [1, np.inf, 3], "scores must be finite"),
            ([0, 1, 0], ["a", "b", "c"], "scores must be numbers"),
            ([0, 1, 0], [1, 2], r"same shape, \(n,\). Received: \(3,\) and \(2,\)"),
            ([[0], [1]], [[1], [2]], "same shape"),
            ([], [], "labels must hold 0 .* Received: nothing"),
        ],
    )
    def test_is_refused(self, function, labels, scores, message):
        with pytest.raises(BenchError, match=message) as caught:
            function(np.array(labels), np.array(scores))
        assert "\n" not in str(caught.value)


# --- pixels -------------------------------------------------------------------------------------


def flood(mask, connectivity):
    """Returns the regions of one mask, each a set of pixels."""
    near = [(0, 1), (1, 0), (0, -1), (-1, 0)]
    if connectivity == 8:
        near += [(1, 1), (1, -1), (-1, 1), (-1, -1)]
    left, regions = {tuple(pixel) for pixel in np.argwhere(mask)}, []
    while left:
        region, border = set(), [left.pop()]
        while border:
            row, column = border.pop()
            region.add((row, column))
            touched = {(row + down, column + right) for down, right in near} & left
            left -= touched
            border += touched
        regions.append(region)
    return regions


def brute_force_aupro(masks, maps, limit, connectivity):
    regions = [
        (index, region) for index, mask in enumerate(masks) for region in flood(mask, connectivity)
    ]
    x, y = [0.0], [0.0]
    for threshold in sorted(set(maps.ravel()), reverse=True):
        found = maps >= threshold
        shares = [np.mean([found[index][pixel] for pixel in region]) for index, region in regions]
        x.append(float(found[masks == 0].mean()))
        y.append(float(np.mean(shares)))
    area = 0.0
    for left, right, low, high in zip(x[:-1], x[1:], y[:-1], y[1:], strict=True):
        if left < limit and right > left:
            end = min(right, limit)
            at_end = low + (high - low) * (end - left) / (right - left)
            area += (end - left) * (low + at_end) / 2
    return area / limit


MASKS = (RANDOM.uniform(size=(3, 6, 5)) < 0.3).astype("uint8")
MASKS[1] = 0  # a normal image
MAPS = np.round(RANDOM.uniform(size=MASKS.shape) + 0.4 * MASKS, 1)


class TestPixels:
    @pytest.mark.parametrize("connectivity", [4, 8])
    @pytest.mark.parametrize("limit", [0.05, 0.3, 1.0])
    @pytest.mark.parametrize("maps", [MAPS, MAPS + RANDOM.uniform(0, 0.05, MAPS.shape), -MAPS])
    def test_aupro_is_that_of_all_thresholds(self, maps, limit, connectivity):
        expected = brute_force_aupro(MASKS, maps, limit, connectivity)
        found = anomaly.aupro(MASKS, maps, limit, connectivity)
        assert found == pytest.approx(expected, abs=1e-12)

    def test_aupro_at_the_limits(self):
        assert anomaly.aupro(MASKS, MASKS * 1.0) == pytest.approx(1.0)
        assert anomaly.aupro(MASKS, -1.0 * MASKS) == 0.0
        # All tied: the straight line from (0, 0) to (1, 1).
        assert anomaly.aupro(MASKS, np.zeros(MASKS.shape)) == pytest.approx(0.15)

    def test_small_regions_weigh_as_large_ones(self):
        masks = np.zeros((1, 8, 8), "uint8")
        masks[0, :4, :4] = 1
        masks[0, 7, 7] = 1
        large_alone = np.zeros(masks.shape)
        large_alone[0, :4, :4] = 1
        # 1/2 at FPR 0, then up to 1 at FPR 1: at 0.3 it is 0.65.
        assert anomaly.aupro(masks, large_alone) == pytest.approx((0.5 + 0.65) / 2)
        assert anomaly.pixel_auroc(masks, large_alone) == pytest.approx(16 / 17 + 1 / 17 / 2)

    def test_regions_end_with_their_image(self):
        """Two regions at one place of two images, of 1 and 3 pixels: the first alone is found."""
        masks = np.zeros((2, 3, 3), "uint8")
        masks[0, 0, 0] = 1
        masks[1, 0] = 1
        maps = np.zeros(masks.shape)
        maps[0, 0, 0] = 1
        assert anomaly.aupro(masks, maps, limit=1.0) == pytest.approx((0.5 + 1) / 2)

    def test_corners_join_with_eight_neighbours_alone(self):
        masks = np.zeros((1, 4, 4), "uint8")
        masks[0, 0, 0] = masks[0, 1, 1] = masks[0, 1, 2] = 1
        maps = np.zeros(masks.shape)
        maps[0, 0, 0] = 1
        assert anomaly.aupro(masks, maps, 1.0, connectivity=8) == pytest.approx((1 / 3 + 1) / 2)
        assert anomaly.aupro(masks, maps, 1.0, connectivity=4) == pytest.approx((1 / 2 + 1) / 2)

    def test_best_dice_is_that_of_all_thresholds(self):
        masks, maps = MASKS.ravel(), MAPS.ravel()
        dice = [metrics.f1_score(masks, maps >= each) for each in np.unique(maps)]
        assert anomaly.best_dice(MASKS, MAPS) == pytest.approx(max(dice))

    def test_pixel_auroc(self):
        expected = pairwise_auroc(MASKS.ravel(), MAPS.ravel())
        assert anomaly.pixel_auroc(MASKS, MAPS) == pytest.approx(expected)

    def test_summary(self):
        found = anomaly.pixel_summary(MASKS[..., None], MAPS, limit=0.2, connectivity=4)
        precision = metrics.average_precision_score(MASKS.ravel(), MAPS.ravel())
        assert found.pop("test_pixel_average_precision") == pytest.approx(precision)
        share = MASKS.mean()
        assert found.pop("test_dice_floor") == pytest.approx(2 * share / (1 + share))
        assert found == {
            "test_pixel_auroc": anomaly.pixel_auroc(MASKS, MAPS),
            "test_aupro": anomaly.aupro(MASKS, MAPS, 0.2, 4),
            "test_best_dice": anomaly.best_dice(MASKS, MAPS),
        }
        with_channel = anomaly.pixel_summary(MASKS[..., None], MAPS[..., None])
        assert with_channel == anomaly.pixel_summary(MASKS, MAPS)

    def test_series(self):
        masks, maps = MASKS.reshape(3, -1), MAPS.reshape(3, -1)
        expected = brute_force_aupro(masks[:, None], maps[:, None], 0.3, 4)
        for connectivity in (4, 8):
            assert anomaly.aupro(masks, maps, 0.3, connectivity) == pytest.approx(expected)
        assert anomaly.aupro(masks[..., None], maps) == pytest.approx(expected)

    @pytest.mark.parametrize(
        ("masks", "maps", "message"),
        [
            (MASKS[:2], MAPS, r"same shape.* Received: \(2, 6, 5\) and \(3, 6, 5\)"),
            (MASKS[..., 0, 0], MAPS[..., 0, 0], "same shape"),
            (np.stack([MASKS] * 2, -1), np.stack([MAPS] * 2, -1), "same shape"),
            (MASKS * 255, MAPS, "masks must hold 0 .* Received: 0, 255. Give masks > 0"),
            (MASKS * 0, MAPS, "masks must hold both .* Received: 0 alone"),
            (MASKS * 0 + 1, MAPS, "masks must hold both .* Received: 1 alone"),
            (MASKS, MAPS * np.nan, "score_maps must be finite"),
            (MASKS[:0], MAPS[:0], "masks must hold 0 .* Received: nothing"),
        ],
    )
    def test_bad_maps(self, masks, maps, message):
        functions = anomaly.pixel_auroc, anomaly.aupro, anomaly.best_dice, anomaly.pixel_summary
        for function in functions:
            with pytest.raises(BenchError, match=message):
                function(masks, maps)

    @pytest.mark.parametrize("limit", [0, 1.1, np.nan, True, "0.3"])
    def test_bad_limit(self, limit):
        with pytest.raises(BenchError, match=r"aupro: limit must be a number in \(0, 1\]"):
            anomaly.aupro(MASKS, MAPS, limit)

    def test_bad_connectivity(self):
        with pytest.raises(BenchError, match=r"connectivity must be 4 or 8\. Received: .*6"):
            anomaly.aupro(MASKS, MAPS, connectivity=6)
