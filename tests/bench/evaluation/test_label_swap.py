"""The label swap, against models whose answers are known."""

import keras
import numpy as np
import pytest

from bench.data import catalog
from bench.evaluation import label_swap as label_swapping
from bench.metrics import feature_classifier
from bench.records import schema
from bench.report.plots import label_swap


@pytest.fixture(scope="module")
def digits_data():
    return catalog.load("digits")


@pytest.fixture(scope="module")
def classifier(digits_data, tmp_path_factory):
    return feature_classifier.load_or_train(digits_data, tmp_path_factory.mktemp("classifiers"))


class Template:
    """Draws the mean image of the label it is told, or the image itself."""

    def __init__(self, data, obeys):
        train = data.train
        self.means = np.stack([train.images[train.labels == k].mean(axis=0) for k in range(10)])
        self.obeys = obeys

    def swap_label(self, x, label, encode_with="right"):
        return self.means[label] if self.obeys else x["image"]

    def reconstruct(self, x):
        return self.swap_label(x, x["label"])

    def sample(self, num, label, seed):
        return self.means[label]


def test_wrong_labels_are_wrong_and_all_occur():
    right = np.repeat(np.arange(5), 200)
    given = label_swapping.other_labels(right, 5)
    assert (given != right).all()
    for label in range(5):
        counts = np.bincount(given[right == label], minlength=5)
        assert counts[label] == 0
        assert (counts[np.arange(5) != label] > 25).all()


def test_the_classifier_reads_real_images(classifier, digits_data):
    assert classifier.accuracy > 0.93
    test = digits_data.test
    assert np.mean(classifier.read(test.images) == test.labels) == classifier.accuracy
    assert classifier.features(test.images[:7]).shape == (7, 128)


def test_the_classifier_is_kept(classifier, digits_data, tmp_path):
    keras.utils.set_random_seed(99)  # what ran before in the process does not matter
    again = feature_classifier.load_or_train(digits_data, tmp_path)
    kept = feature_classifier.load_or_train(digits_data, tmp_path)
    assert kept.checksum == again.checksum == classifier.checksum
    assert len(list(tmp_path.iterdir())) == 1


def test_a_model_that_obeys_flips_and_one_that_copies_does_not(classifier, digits_data):
    obeys = label_swapping.measure(Template(digits_data, True), digits_data, classifier)
    assert obeys["test_flip_rate"] > 0.9
    assert obeys["test_label_consistency"] > 0.9
    assert obeys["test_sample_consistency"] > 0.9
    copies = label_swapping.measure(Template(digits_data, False), digits_data, classifier)
    assert copies["test_flip_rate"] < 0.05
    assert copies["test_mse_wrong_label"] == 0
    assert copies["classifier_accuracy"] == classifier.accuracy
    assert copies["classifier_checksum"] == classifier.checksum


def test_the_picture(classifier, digits_data, tmp_path):
    arrays = label_swapping.shown(Template(digits_data, True), digits_data, classifier)
    assert len(arrays["inputs"]) == 25
    (tmp_path / "swaps").mkdir()
    np.savez(tmp_path / "swaps" / "a.npz", **arrays)
    target = tmp_path / "picture.png"
    record = schema.from_fields({"swaps_file": "swaps/a.npz"})
    assert label_swap.redrawn_images(tmp_path, [record], target)
    assert target.read_bytes().startswith(b"\x89PNG")
    for other in ({}, {"swaps_file": "swaps/none.npz"}, {"swaps_file": "../a.npz"}):
        record = schema.from_fields(other)
        assert not label_swap.redrawn_images(tmp_path, [record], tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()
