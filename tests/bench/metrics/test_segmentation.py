"""Mask metrics against scikit-learn and masks worked out by hand."""

import numpy as np
import pytest
from sklearn import metrics

from bench.errors import BenchError
from bench.metrics import segmentation, trivial_masks

RANDOM = np.random.default_rng(0)
TARGET = (RANDOM.uniform(size=(6, 9, 7, 1)) < 0.4).astype("uint8")
FOUND = (RANDOM.uniform(size=TARGET.shape) < 0.5).astype("uint8")
LABELS = RANDOM.integers(0, 3, (6, 9, 7))
FOUND_LABELS = RANDOM.integers(0, 3, (6, 9, 7))


def disc(row, column, radius, side=32):
    y, x = np.mgrid[:side, :side]
    inside = (y - row) ** 2 + (x - column) ** 2 <= radius**2
    return inside[None, ..., None].astype("uint8")


class TestOverlap:
    def test_counts_are_those_of_scikit_learn(self):
        counts = segmentation.confusion(TARGET, FOUND)
        for index in range(6):
            table = metrics.confusion_matrix(TARGET[index].ravel(), FOUND[index].ravel())
            found = [getattr(counts, name)[index, 0] for name in counts._fields]
            assert found == [table[1, 1], table[0, 1], table[1, 0], table[0, 0]]

    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [(segmentation.dice, metrics.f1_score), (segmentation.iou, metrics.jaccard_score)],
    )
    def test_scores_are_those_of_scikit_learn(self, ours, theirs):
        by_image = np.mean([theirs(t.ravel(), f.ravel()) for t, f in zip(TARGET, FOUND)])  # noqa: B905
        np.testing.assert_allclose(ours(TARGET, FOUND), [by_image])
        by_dataset = theirs(TARGET.ravel(), FOUND.ravel())
        np.testing.assert_allclose(ours(TARGET, FOUND, reduction="dataset"), [by_dataset])
        one_hot = [segmentation.one_hot(labels, 3) for labels in (LABELS, FOUND_LABELS)]
        per_class = theirs(LABELS.ravel(), FOUND_LABELS.ravel(), average=None)
        np.testing.assert_allclose(ours(*one_hot, reduction="dataset"), per_class)

    def test_images_and_data_set_weigh_small_objects_differently(self):
        target = np.zeros((2, 10, 10, 1), "uint8")
        target[0, :, :5] = 1  # 50 pixels, all found
        target[1, 0, 0] = 1  # 1 pixel, missed
        found = target.copy()
        found[1] = 0
        assert segmentation.iou(target, found)[0] == pytest.approx(0.5)
        assert segmentation.iou(target, found, "dataset")[0] == pytest.approx(50 / 51)
        assert segmentation.dice(target, found, "dataset")[0] == pytest.approx(100 / 101)

    def test_dice_follows_from_iou_for_the_data_set(self):
        iou = segmentation.iou(TARGET, FOUND, "dataset")
        np.testing.assert_allclose(segmentation.dice(TARGET, FOUND, "dataset"), 2 * iou / (1 + iou))

    @pytest.mark.parametrize("score", [segmentation.dice, segmentation.iou])
    @pytest.mark.parametrize("reduction", segmentation.REDUCTIONS)
    def test_empty_masks(self, score, reduction):
        empty = np.zeros((3, 4, 4, 1), "uint8")
        assert score(empty, empty, reduction)[0] == 1.0
        assert score(empty, 1 - empty, reduction)[0] == 0.0
        assert score(1 - empty, empty, reduction)[0] == 0.0

    def test_one_empty_image_of_two_counts_one(self):
        target = np.zeros((2, 4, 4, 1), "uint8")
        target[1, :2] = 1
        found = target.copy()
        found[1, 1] = 0  # half of it
        assert segmentation.iou(target, found)[0] == pytest.approx((1 + 0.5) / 2)
        assert segmentation.iou(target, found, "dataset")[0] == pytest.approx(0.5)

    def test_unknown_reduction(self):
        with pytest.raises(BenchError, match="reduction must be one of 'image', 'dataset'"):
            segmentation.dice(TARGET, FOUND, "batch")


class TestBoundary:
    def test_equal_masks(self):
        assert segmentation.boundary_f1(TARGET, TARGET, 0)[0] == 1.0

    def test_a_shifted_square(self):
        target = np.zeros((1, 20, 20, 1), "uint8")
        target[0, 5:15, 5:15] = 1  # outline of 36 pixels
        shifted = np.roll(target, 1, axis=2)
        # Without tolerance: the upper and the lower side share 9 pixels each.
        assert segmentation.boundary_f1(target, shifted, 0)[0] == pytest.approx(18 / 36)
        assert segmentation.boundary_f1(target, shifted, 1)[0] == 1.0
        far = np.roll(target, 3, axis=2)
        assert 0 < segmentation.boundary_f1(target, far, 2)[0] < 1

    def test_discs_of_two_radii(self):
        small, large = disc(16, 16, 6), disc(16, 16, 10)
        assert segmentation.boundary_f1(small, large, 2)[0] == 0.0
        assert segmentation.boundary_f1(small, large, 5)[0] == 1.0
        assert segmentation.boundary_f1(small, disc(16, 16, 7), 2)[0] == 1.0

    def test_precision_and_recall_of_an_extra_object(self):
        """One of two discs of one outline each is invented: precision 1/2, recall 1."""
        one = disc(8, 8, 4)
        both = one | disc(24, 24, 4)
        expected = 2 * 0.5 * 1 / 1.5
        assert segmentation.boundary_f1(one, both, 1)[0] == pytest.approx(expected)
        assert segmentation.boundary_f1(both, one, 1)[0] == pytest.approx(expected)

    def test_empty_and_full_masks(self):
        empty = np.zeros((1, 9, 9, 1), "uint8")
        assert segmentation.boundary_f1(empty, empty)[0] == 1.0
        assert segmentation.boundary_f1(empty, 1 - empty)[0] == 0.0
        assert segmentation.boundary_f1(1 - empty, empty)[0] == 0.0
        assert segmentation.boundary_f1(1 - empty, 1 - empty)[0] == 1.0

    def test_series_and_classes(self):
        labels = np.array([[0, 0, 0, 1, 1, 1, 2, 2, 2, 2]])
        moved = np.array([[0, 0, 0, 0, 1, 1, 2, 2, 2, 2]])
        target, found = (segmentation.one_hot(values, 3) for values in (labels, moved))
        scores = segmentation.boundary_f1(target, found, 0)
        # Outlines {0, 2} and {0, 3}; {3, 5} and {4, 5}; {6, 9} twice.
        np.testing.assert_allclose(scores, [0.5, 0.5, 1.0])

    @pytest.mark.parametrize("tolerance_pixels", [-1, np.nan, np.inf])
    def test_tolerance(self, tolerance_pixels):
        with pytest.raises(BenchError, match="tolerance_pixels must be a number >= 0"):
            segmentation.boundary_f1(TARGET, FOUND, tolerance_pixels)


class TestSummary:
    def test_binary(self):
        probabilities = np.where(FOUND == 1, 0.7, 0.2)
        scores = segmentation.summary(TARGET, probabilities)
        truth, found = TARGET.ravel(), FOUND.ravel()
        iou = metrics.jaccard_score(truth, found)
        assert scores["test_iou_dataset"] == pytest.approx(iou)
        assert scores["test_iou_per_class"] == pytest.approx([iou])
        assert scores["test_dice_dataset"] == pytest.approx(metrics.f1_score(truth, found))
        assert scores["test_pixel_accuracy"] == pytest.approx((truth == found).mean())
        assert scores["test_dice_image"] == pytest.approx(segmentation.dice(TARGET, FOUND)[0])
        assert scores["test_iou_image"] == pytest.approx(segmentation.iou(TARGET, FOUND)[0])
        boundary = segmentation.boundary_f1(TARGET, FOUND)[0]
        assert scores["test_boundary_f1"] == pytest.approx(boundary)
        assert segmentation.summary(TARGET[..., 0], probabilities) == scores

    def test_threshold(self):
        probabilities = np.where(TARGET == 1, 0.4, 0.3)
        assert segmentation.summary(TARGET, probabilities, 0.35)["test_dice_image"] == 1.0
        assert segmentation.summary(TARGET, probabilities)["test_dice_dataset"] == 0.0

    @pytest.mark.parametrize("form", ["one_hot", "labels", "labels_with_channel"])
    def test_classes(self, form):
        probabilities = 0.6 * segmentation.one_hot(FOUND_LABELS, 3) + 0.4 / 3
        targets = {
            "one_hot": np.eye(3)[LABELS],
            "labels": LABELS,
            "labels_with_channel": LABELS[..., None].astype("float32"),
        }[form]
        scores = segmentation.summary(targets, probabilities)
        truth, found = LABELS.ravel(), FOUND_LABELS.ravel()
        per_class = metrics.jaccard_score(truth, found, average=None)
        assert scores["test_iou_per_class"] == pytest.approx(per_class)
        assert scores["test_iou_dataset"] == pytest.approx(per_class.mean())
        assert scores["test_pixel_accuracy"] == pytest.approx(metrics.accuracy_score(truth, found))

    def test_perfect_prediction(self):
        scores = segmentation.summary(TARGET, TARGET.astype("float32"))
        wrong = ("test_hausdorff_95", "test_objects_missed", "test_objects_invented")
        assert [scores.pop(name) for name in wrong] == [0, 0, 0]
        assert scores.pop("test_objects_found") > 0
        assert all(value in (1.0, [1.0]) for value in scores.values())

    @pytest.mark.parametrize("num_classes", [1, 3])
    def test_void_counts_nowhere(self, num_classes):
        """Scores do not change with what is predicted on void; others are of what is left."""
        generator = np.random.default_rng(0)
        labels = generator.integers(0, max(2, num_classes), (3, 20, 24))
        is_void = np.zeros(labels.shape, bool)
        is_void[:, :, :8] = True
        given = np.where(is_void, 255, labels).astype("uint8")[..., None]
        found = []
        for _ in range(2):
            probabilities = generator.dirichlet(np.ones(num_classes + 1), labels.shape)
            probabilities = probabilities[..., :num_classes].astype("float32")
            probabilities[:, :, 8:] = np.cos(np.arange(16 * num_classes)).reshape(16, -1) ** 2
            found.append(segmentation.summary(given, probabilities, ignore_label=255))
        assert found[0] == found[1]
        rest = segmentation.summary(labels[:, :, 8:], probabilities[:, :, 8:])
        for name in ("test_iou_image", "test_dice_dataset", "test_pixel_accuracy"):
            assert found[0][name] == pytest.approx(rest[name])


class TestTrivialMasks:
    def test_a_model_must_beat_all_foreground(self):
        """A foreground share of s gives a Dice of 2 s / (1 + s) for nothing."""
        share = TARGET.mean()
        baseline = trivial_masks.BASELINES["all_foreground"]().fit(TARGET)
        scores = segmentation.summary(TARGET, baseline.predict(len(TARGET)))
        assert scores["test_dice_dataset"] == pytest.approx(2 * share / (1 + share))
        assert scores["test_iou_dataset"] == pytest.approx(share)

    def test_all_background_scores_by_pixels_alone(self):
        baseline = trivial_masks.BASELINES["all_background"]().fit(TARGET)
        scores = segmentation.summary(TARGET, baseline.predict(TARGET))
        assert scores["test_dice_image"] == 0.0
        assert scores["test_pixel_accuracy"] == pytest.approx(1 - TARGET.mean())

    def test_mean_mask(self):
        baseline = trivial_masks.MeanMask().fit(TARGET)
        np.testing.assert_allclose(baseline.probability_map, TARGET.mean(axis=0))
        predicted = baseline.predict(4)
        assert predicted.shape == (4, 9, 7, 1)
        np.testing.assert_array_equal(predicted[2], TARGET.mean(axis=0) > 0.5)
        seldom = trivial_masks.MeanMask(threshold=0.9).fit(TARGET).predict(1)
        assert seldom.sum() < predicted[0].sum()

    def test_classes(self):
        labels = np.where(LABELS == 1, 2, LABELS)  # class 1 is gone
        masks = segmentation.one_hot(labels, 3)
        found = {
            name: baseline().fit(masks).predict(2).argmax(-1)
            for name, baseline in trivial_masks.BASELINES.items()
        }
        assert (found["all_background"] == 0).all()
        assert (found["all_foreground"] == 2).all()
        most = np.apply_along_axis(lambda column: np.bincount(column).argmax(), 0, labels)
        np.testing.assert_array_equal(found["mean_mask"], [most, most])

    def test_fit_comes_first(self):
        with pytest.raises(BenchError, match="MeanMask: fit must be called before predict"):
            trivial_masks.MeanMask().predict(3)


class TestBadMasks:
    @pytest.mark.parametrize(
        ("target", "message"),
        [
            (TARGET * 255, r"target must hold 0 and 1. Received: values 0, 255. Divide by 255"),
            (TARGET + 1, r"target must hold 0 and 1. Received: values 1, 2. Give one_hot"),
            (TARGET * 0.5, r"target must hold 0 and 1. Received: values 0, 0.5. Give hard_masks"),
            (np.where(TARGET, np.nan, 0.0), "target must hold 0 and 1. Received: values 0, nan"),
            (TARGET[:, :5], r"must have the same shape.*\(6, 5, 7, 1\) and \(6, 9, 7, 1\)"),
            (TARGET[:3], "must have the same shape"),
        ],
    )
    def test_targets(self, target, message):
        for function in (segmentation.confusion, segmentation.boundary_f1, segmentation.summary):
            with pytest.raises(BenchError, match=message) as caught:
                function(target, FOUND)
            assert "\n" not in str(caught.value)

    def test_labels_beyond_the_classes(self):
        probabilities = segmentation.one_hot(FOUND_LABELS, 3).astype("float32")
        with pytest.raises(BenchError, match=r"classes 0 to 2\. Received: values 1, 2, 3\."):
            segmentation.summary(LABELS + 1, probabilities)

    @pytest.mark.parametrize(
        ("probabilities", "message"),
        [
            (FOUND * 4.0 - 2, r"in \[0, 1\]. Received: minimum -2, maximum 2. Give the model's"),
            (np.where(FOUND, np.nan, 0.0), "must be finite"),
            (FOUND[0, 0], r"must have shape .* Received: shape \(7, 1\)"),
            (FOUND[:0], "must have shape"),
        ],
    )
    def test_probabilities(self, probabilities, message):
        with pytest.raises(BenchError, match=message):
            segmentation.summary(TARGET, probabilities)

    def test_training_masks(self):
        with pytest.raises(BenchError, match="train_masks must hold 0 and 1"):
            trivial_masks.MeanMask().fit(TARGET * 3)
        with pytest.raises(BenchError, match="train_masks must have shape"):
            trivial_masks.MeanMask().fit(TARGET[0, ..., 0])
