"""What each kind of model is fed with and measured by."""

import dataclasses

import numpy as np
import pytest

from bench.data import tasks
from bench.data.dataset import Dataset, Split
from bench.errors import BenchError
from zoo.training.model import TASKS


def dataset(task="reconstruction", num_classes=3, **fields):
    images = np.random.default_rng(0).random((12, 8, 8, 1), dtype="float32")
    labels = None if num_classes == 0 else np.arange(12) % num_classes
    split = Split(images, labels, **fields)
    return Dataset("made", task, split, split, split)


class TestMisfit:
    def test_every_task_of_the_zoo_is_known(self):
        for task in TASKS:
            tasks.incompatibility(task, dataset())
            assert tasks.pairs(task, dataset(targets=np.zeros((12, 8, 8, 1))).train)

    def test_what_each_task_needs(self):
        labelled, plain, two = dataset(), dataset(num_classes=0), dataset(num_classes=2)
        assert tasks.incompatibility("reconstruction", plain) is None
        assert tasks.incompatibility("conditional", labelled) is None
        assert "class labels" in tasks.incompatibility("conditional", plain)
        assert "class labels" in tasks.incompatibility("semi_supervised", plain)
        assert tasks.incompatibility("debiasing", two) is None
        assert "two classes" in tasks.incompatibility("debiasing", labelled)
        assert "masks" in tasks.incompatibility("segmentation", labelled)

    def test_masks_are_for_segmentation_alone(self):
        masks = dataset("segmentation", targets=np.zeros((12, 8, 8, 1), "uint8"))
        assert tasks.incompatibility("segmentation", masks) is None
        assert "masks" in tasks.incompatibility("reconstruction", masks)

    def test_anomalies_are_for_models_without_labels(self):
        strange = dataset("anomaly", num_classes=2)
        for found in (strange, dataset(num_classes=2)):
            fits = {task: tasks.incompatibility(task, found, is_one_class=True) for task in TASKS}
            assert fits.pop("reconstruction") is fits.pop("features") is None
            assert all("anomalies are found here without" in reason for reason in fits.values())
        assert tasks.incompatibility("conditional", strange) is not None


class TestNormalClasses:
    def test_labels_and_names(self):
        data = dataset()
        named = dataclasses.replace(data, class_names=("cat", "dog", "owl"))
        assert tasks.normal_classes(data, None) == [None]
        assert tasks.normal_classes(data, ("all",)) == [0, 1, 2]
        assert tasks.normal_classes(named, ("owl", "0", "2")) == [2, 0]

    def test_unknown_and_missing_classes(self):
        with pytest.raises(BenchError, match=r"has no class '3'\. Its classes: 0, 1, 2"):
            tasks.normal_classes(dataset(), ("3",))
        with pytest.raises(BenchError, match="at least two classes"):
            tasks.normal_classes(dataset(num_classes=0), ("all",))

    @pytest.mark.parametrize("task", ["denoising", "segmentation", "anomaly"])
    def test_other_tasks_are_refused(self, task):
        with pytest.raises(BenchError, match=f"whose task is {task}"):
            tasks.normal_classes(dataset(task), ("all",))


class TestLabels:
    def test_each_class_keeps_the_same_number(self):
        labels = np.repeat([0, 1, 2], [500, 50, 30])
        kept = tasks.keep_labels(labels, 30)
        assert np.bincount(kept[kept >= 0]).tolist() == [10, 10, 10]
        np.testing.assert_array_equal(kept[kept >= 0], labels[kept >= 0])

    def test_a_number_that_does_not_divide(self):
        kept = tasks.keep_labels(np.arange(300) % 3, 10)
        assert sorted(np.bincount(kept[kept >= 0])) == [3, 3, 4]

    def test_all_labels_are_kept_without_a_number(self):
        labels = np.arange(9) % 3
        for num in (None, 9, 50):
            np.testing.assert_array_equal(tasks.keep_labels(labels, num), labels)

    def test_the_choice_is_the_same_for_every_model(self):
        labels = np.arange(300) % 3
        np.testing.assert_array_equal(*(tasks.keep_labels(labels, 6) for _ in range(2)))


class TestClassification:
    class Model:
        def __init__(self, answer):
            self.answer = answer

        def classify(self, images):
            return self.answer

    def test_accuracy_and_recall_by_group(self):
        """12 rows, two classes; 2 of the 3 rows of the rare group are wrong."""
        groups = np.repeat([0, 1, 2], [6, 3, 3])
        labels = (groups > 0).astype(int)
        probability = np.where(labels == 1, 0.9, 0.1)
        probability[-2:] = 0.2
        split = Split(np.zeros((12, 8, 8, 1), "float32"), labels, groups=groups)
        found = tasks.classification(self.Model(probability), split)
        assert found["test_accuracy"] == pytest.approx(10 / 12)
        assert found["test_recall_per_group"] == pytest.approx([1, 1, 1 / 3])
        assert found["test_recall_lowest"] == pytest.approx(1 / 3)
        assert found["test_recall_spread"] == pytest.approx(np.std([1, 1, 1 / 3]))

    def test_likeliest_of_several_classes(self):
        split = Split(np.zeros((3, 8, 8, 1), "float32"), np.array([0, 1, 2]))
        answer = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.1, 0.2, 0.7]])
        assert tasks.classification(self.Model(answer), split) == {
            "test_accuracy": pytest.approx(2 / 3)
        }


class TestOverlay:
    def test_only_the_foreground_is_tinted(self):
        images = np.full((1, 4, 4, 1), 0.5, "float32")
        mask = np.zeros((1, 4, 4, 1), "uint8")
        mask[0, 1, 2] = 1
        found = tasks.overlay(images, tasks.foreground(mask))
        assert found.shape == (1, 4, 4, 3)
        tinted = np.abs(found - 0.5).max(axis=-1) > 1e-6
        np.testing.assert_array_equal(tinted[0], mask[0, ..., 0] == 1)
        assert found.min() >= 0
        assert found.max() <= 1

    def test_colour_stays_where_nothing_is_found(self):
        images = np.random.default_rng(1).random((2, 4, 4, 3), dtype="float32")
        found = tasks.overlay(images, np.zeros((2, 4, 4)))
        np.testing.assert_allclose(found, images)
