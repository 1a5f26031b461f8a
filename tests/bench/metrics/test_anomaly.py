"""Anomaly metrics against brute force, scikit-learn and curves worked out by hand."""

import numpy as np
import pytest
import threadpoolctl
from sklearn import metrics

import zoo
from bench.data import catalog, defects, download
from bench.data.dataset import Dataset, Split
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
        precision, recall, _ = metrics.precision_recall_curve(LABELS, scores)
        area = metrics.auc(recall, precision)
        assert anomaly.trapezoid_precision_recall(LABELS, scores) == pytest.approx(area, abs=1e-12)
        by_threshold = [metrics.f1_score(LABELS, scores >= each) for each in np.unique(scores)]
        assert anomaly.f1_max(LABELS, scores) == pytest.approx(max(by_threshold), abs=1e-12)

    def test_step_sum_and_trapezoid_differ(self):
        labels, scores = [1, 0, 1], [3, 2, 1]
        assert anomaly.average_precision(labels, scores) == pytest.approx(1 / 2 + 1 / 2 * 2 / 3)
        # From (recall 1/2, precision 1) down to (1/2, 1/2), then up to (1, 2/3).
        expected = 1 / 2 + 1 / 2 * (1 / 2 + 2 / 3) / 2
        assert anomaly.trapezoid_precision_recall(labels, scores) == pytest.approx(expected)

    def test_f1_of_no_information_is_the_floor(self):
        share = LABELS.mean()
        floor = 2 * share / (1 + share)
        assert anomaly.f1_floor(LABELS) == pytest.approx(floor)
        assert anomaly.f1_max(LABELS, np.zeros(300)) == pytest.approx(floor)
        assert anomaly.f1_max(LABELS, -LABELS) == pytest.approx(floor)

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
    assert found == {
        "test_auroc": anomaly.auroc(LABELS, SMOOTH),
        "test_average_precision": anomaly.average_precision(LABELS, SMOOTH),
        "test_f1_max": anomaly.f1_max(LABELS, SMOOTH),
        "test_f1_floor": anomaly.f1_floor(LABELS),
        "test_eer": crossing.rate,
        "test_f1_at_eer": crossing.f1,
    }
    assert all(type(value) is float for value in found.values())


class TestBadScores:
    FUNCTIONS = (
        anomaly.auroc,
        anomaly.average_precision,
        anomaly.trapezoid_precision_recall,
        anomaly.f1_max,
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


# --- thresholds and protocol --------------------------------------------------------------------


class TestThreshold:
    def test_by_hand(self):
        scores = np.arange(101.0)
        assert anomaly.threshold(scores) == pytest.approx(95)
        assert anomaly.threshold(scores, 0.5) == pytest.approx(50)
        assert anomaly.threshold([0.0, 2.0], num_sigmas=3) == pytest.approx(1 + 3 * np.sqrt(2))

    @pytest.mark.parametrize("rule", [{}, {"quantile": 0.8}, {"num_sigmas": 1.5}])
    def test_is_that_of_a_model_card(self, rule):
        scores = SMOOTH.astype("float32")
        model = zoo.create("autoencoder", image_shape=(8, 8, 1), preset="tiny")
        assert anomaly.threshold(scores, **rule) == model.set_threshold(scores, **rule)

    @pytest.mark.parametrize(
        ("scores", "rule", "message"),
        [
            (SMOOTH, {"quantile": 1.0}, "quantile must be above 0 and below 1"),
            (SMOOTH, {"quantile": "0.9"}, "quantile must be above 0 and below 1"),
            (SMOOTH, {"num_sigmas": np.inf}, "num_sigmas must be a finite number"),
            (SMOOTH, {"quantile": 0.9, "num_sigmas": 1}, "Choose one"),
            (SMOOTH[:1], {}, r"n >= 2. Received: shape \(1,\)"),
            (SMOOTH[None], {}, "shape"),
            (SMOOTH[:0], {}, "scores must be numbers, at least one"),
            (SMOOTH * np.nan, {}, "scores must be finite"),
        ],
    )
    def test_bad_rules(self, scores, rule, message):
        with pytest.raises(BenchError, match=message):
            anomaly.threshold(scores, **rule)


class TestOneClass:
    def test_normals_alone_train(self):
        dataset = catalog.load("digits")
        found = anomaly.one_class_splits(dataset, 3)
        assert len(found.train) == (dataset.train.labels == 3).sum()
        np.testing.assert_array_equal(
            found.validation, dataset.validation.images[dataset.validation.labels == 3]
        )
        np.testing.assert_array_equal(found.test, dataset.test.images)
        np.testing.assert_array_equal(found.test_labels, dataset.test.labels != 3)
        by_name = anomaly.one_class_splits(dataset, "3")
        np.testing.assert_array_equal(by_name.train, found.train)

    @pytest.mark.parametrize("normal_class", [10, -1, "three", 1.0, True, None])
    def test_unknown_class(self, normal_class):
        with pytest.raises(BenchError, match="a label from 0 to 9 or one of 0, 1, 2"):
            anomaly.one_class_splits(catalog.load("digits"), normal_class)

    @pytest.mark.parametrize(
        ("labels", "message"),
        [
            (([0, 1], [0, 1], None), "must have labels in all splits"),
            (([0, 1], [1, 1], [0, 1]), "the validation split of toy must hold images"),
            (([0, 1], [0, 1], [0, 0]), "the test split of toy must hold other classes"),
        ],
    )
    def test_missing_classes(self, labels, message):
        images = np.zeros((2, 8, 8, 1), "float32")
        parts = [Split(images, None if each is None else np.array(each)) for each in labels]
        with pytest.raises(BenchError, match=message):
            anomaly.one_class_splits(Dataset("toy", "reconstruction", *parts), 0)


class TestPCA:
    def test_residual_of_a_line(self):
        """Normals vary along the first axis alone; a step of 3 along the second costs 9."""
        train = np.zeros((20, 4))
        train[:, 0] = np.linspace(-1, 1, 20)
        test = np.array([[5.0, 0, 0, 0], [0, 3.0, 0, 0], [7.0, 0, -2.0, 0]])
        maps = anomaly.pca_score_maps(train, test, 1)
        expected = [[0, 0, 0, 0], [0, 9, 0, 0], [0, 0, 4, 0]]
        np.testing.assert_allclose(maps, expected, atol=1e-9)
        np.testing.assert_allclose(anomaly.pca_scores(train, test, 1), [0, 9 / 4, 1], atol=1e-9)

    def test_normalised_by_the_residual_of_training(self):
        generator = np.random.default_rng(2)
        train = generator.normal(size=(3_000, 3)) * [10, 1, 0]
        test = np.array([[0.0, 2.0, 0.0], [0.0, 0.0, 2.0]])
        plain = anomaly.pca_scores(train, test, 1)
        assert plain[0] == pytest.approx(plain[1], rel=0.02)
        by_pixel = anomaly.pca_score_maps(train, test, 1, normalised=True)
        assert by_pixel[0, 1] == pytest.approx(4 / (1 + 1e-3), rel=0.1)
        assert by_pixel[1, 2] == pytest.approx(4 / 1e-3, rel=1e-3)

    def test_maps_have_the_shape_of_the_model_s(self, digits):
        maps = anomaly.pca_score_maps(digits[:200], digits[200:210], 4)
        assert maps.shape == (10, 8, 8)
        scores = anomaly.pca_scores(digits[:200], digits[200:210], 4)
        np.testing.assert_allclose(scores, maps.mean(axis=(1, 2)))
        series = digits[:20].reshape(20, 64, 1)
        assert anomaly.pca_score_maps(series[:10], series[10:], 1).shape == (10, 64)

    def test_finds_other_digits(self):
        found = anomaly.one_class_splits(catalog.load("digits"), 0)
        scores = anomaly.pca_scores(found.train, found.test, 8)
        assert anomaly.auroc(found.test_labels, scores) > 0.98

    @pytest.mark.parametrize(
        ("train", "test", "num_components", "message"),
        [
            (np.ones((5, 4)), np.ones((5, 3)), 2, "images of one shape"),
            (np.ones(5), np.ones(5), 2, "images of one shape"),
            (np.ones((5, 4)), np.ones((5, 4)), 0, "num_components must be an int >= 1"),
            (np.ones((5, 4)), np.ones((5, 4)) * np.nan, 2, "test must be finite"),
            (np.ones((1, 4)), np.ones((5, 4)), 2, "at least 2"),
            (np.ones((0, 4)), np.ones((5, 4)), 2, "train must be numbers, at least one"),
        ],
    )
    def test_bad_images(self, train, test, num_components, message):
        with pytest.raises(BenchError, match=message):
            anomaly.pca_scores(train, test, num_components)

    @pytest.mark.skipif(download.find("fashion_mnist") is None, reason="no Fashion-MNIST here")
    def test_garments(self):
        """All 6,000 images of a class, the full test set: closed form, so no seed moves it."""
        dataset = catalog.load("fashion_mnist")
        for label, expected in ((0, 0.8965), (1, 0.9853)):
            found = anomaly.one_class_splits(dataset, label)
            normals = np.concatenate([found.train, found.validation])
            assert len(normals) == 6_000
            # Threads would wait for each other on a machine that is busy.
            with threadpoolctl.threadpool_limits(1):
                scores = anomaly.pca_scores(normals, found.test, 32)
            assert anomaly.auroc(found.test_labels, scores) == pytest.approx(expected, abs=0.002)


# --- defects ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def photographs():
    """Pieces of a real photograph, in colour, below its sky: float32 `(40, 32, 24, 3)`."""
    from sklearn.datasets import load_sample_image

    pixels = load_sample_image("china.jpg")[200 : 200 + 32 * 5, : 24 * 8].astype("float32") / 255
    return pixels.reshape(5, 32, 8, 24, 3).swapaxes(1, 2).reshape(40, 32, 24, 3)


@pytest.fixture(params=["digits", "photographs"])
def real_images(request):
    return request.getfixturevalue(request.param)[:40]


class TestDefects:
    DEFECTS = (defects.scratch, defects.cut_paste, defects.noise_patch, defects.missing_part)

    @pytest.mark.parametrize("defect", DEFECTS)
    def test_masks_are_exactly_the_changed_pixels(self, defect, real_images):
        before = real_images.copy()
        damaged, masks = defect(real_images, np.random.default_rng(0))
        np.testing.assert_array_equal(real_images, before)  # nothing in place
        assert damaged.dtype == np.float32 and masks.dtype == np.uint8
        assert masks.shape == (*real_images.shape[:-1], 1)
        assert 0 <= damaged.min() < damaged.max() <= 1
        change = np.abs(damaged - real_images).max(axis=-1)
        np.testing.assert_array_equal(masks[..., 0] == 1, change > 0)
        assert change[change > 0].min() >= defects.MIN_CHANGE  # none that cannot be seen
        sizes = masks.sum(axis=(1, 2, 3))
        assert sizes.min() >= defects.MIN_PIXELS
        assert sizes.max() < 0.5 * masks[0].size
        centres = [np.argwhere(mask[..., 0]).mean(axis=0) for mask in masks]
        assert (np.std(centres, axis=0) > 0.5).all()  # places differ

    @pytest.mark.parametrize("defect", DEFECTS)
    def test_generator_decides_everything(self, defect, digits):
        results = [defect(digits[:8], np.random.default_rng(seed))[0] for seed in (0, 0, 1)]
        np.testing.assert_array_equal(results[0], results[1])
        assert (results[0] != results[2]).any()

    def test_missing_part_has_the_colour_of_the_frame(self, digits):
        images = digits[:20] * 0.5 + 0.25
        images[:, [0, -1], :] = images[:, :, [0, -1]] = 0.75
        damaged, masks = defects.missing_part(images, np.random.default_rng(0))
        np.testing.assert_array_equal(damaged[masks == 1], np.float32(0.75))

    def test_scratch_is_thin_and_stands_out(self, photographs):
        damaged, masks = defects.scratch(photographs, np.random.default_rng(0))
        values = damaged[masks[..., 0] == 1]
        assert ((values >= 0.8) | (values <= 0.2)).all()
        assert masks.sum(axis=(1, 2, 3)).max() <= 3 * 24

    def test_every_four_images_have_every_kind(self, real_images):
        damaged, masks, kinds = defects.defective(real_images, seed=0)
        for block in kinds.reshape(-1, 4):
            assert sorted(block) == sorted(defects.KINDS)
        assert len({tuple(block) for block in kinds.reshape(-1, 4)}) > 1
        np.testing.assert_array_equal(masks[..., 0] == 1, (damaged != real_images).any(axis=-1))

    def test_an_image_s_defect_does_not_depend_on_those_after_it(self, digits):
        few, many = defects.defective(digits[:7], 3), defects.defective(digits[:30], 3)
        for short, long in zip(few, many, strict=True):
            np.testing.assert_array_equal(short, long[:7])
        assert (defects.defective(digits[:7], 4)[0] != few[0]).any()

    def test_empty_images_get_what_can_be_seen(self):
        empty = np.zeros((8, 16, 16, 1), "float32")
        _, masks, kinds = defects.defective(empty, 0)
        assert set(kinds) <= {"scratch", "noise_patch"}
        assert (masks.sum(axis=(1, 2, 3)) >= defects.MIN_PIXELS).all()
        for defect in (defects.cut_paste, defects.missing_part):
            with pytest.raises(BenchError, match="image 0 must have something to damage"):
                defect(empty, np.random.default_rng(0))

    def test_pca_finds_them(self, digits):
        """The whole chain on real images: defects, score maps, pixel metrics above chance."""
        normals, test = digits[:1500], digits[1500:]
        damaged, masks, _ = defects.defective(test, 0)
        maps = anomaly.pca_score_maps(normals, damaged, 24)
        found = anomaly.pixel_summary(masks, maps)
        assert found["test_pixel_auroc"] > 0.7
        assert found["test_aupro"] > 0.3  # chance: 0.15
        assert found["test_best_dice"] > found["test_dice_floor"] + 0.1

    @pytest.mark.parametrize(
        ("images", "message"),
        [
            (np.zeros((2, 64), "float32"), "images must be floats of shape"),
            (np.zeros((2, 7, 9, 1), "float32"), "at least 8 x 8 pixels"),
            (np.zeros((2, 8, 8, 1), "uint8"), "of uint8"),
            (np.full((2, 8, 8, 1), 2.0), r"pixels must lie in \[0, 1\]"),
            (np.full((2, 8, 8, 1), np.nan), "NaN or infinity in 2 images"),
            (np.zeros((0, 8, 8, 1)), "holds no images"),
        ],
    )
    def test_bad_images(self, images, message):
        with pytest.raises(BenchError, match=message):
            defects.scratch(images, np.random.default_rng(0))
        with pytest.raises(BenchError, match=message):
            defects.defective(images, 0)

    def test_bad_sources_of_chance(self, digits):
        with pytest.raises(BenchError, match=r"scratch: generator must be .* Give numpy"):
            defects.scratch(digits[:2], 0)
        for seed in (-1, 1.5, True, None):
            with pytest.raises(BenchError, match="defective: seed must be an int >= 0"):
                defects.defective(digits[:2], seed)
