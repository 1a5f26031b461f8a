"""Quality of codes: against scikit-learn used by hand, and codes whose answers are known."""

import types

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from bench.data import catalog
from bench.data.dataset import Dataset, Split
from bench.metrics import representation
from bench.records import schema


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def digits_data():
    return catalog.load("digits")


def pixels(split):
    return split.images.reshape(len(split), -1)


def model_of(encode, task="reconstruction"):
    return types.SimpleNamespace(encode=encode, task=task)


def dataset_of(images, labels):
    split = Split(images.astype("float32"), labels)
    return Dataset("made", "reconstruction", split, split, split)


def test_pixels_of_digits_are_read_as_by_hand(digits_data):
    found = representation.from_codes(digits_data, pixels, seed=3)
    train, test = pixels(digits_data.train), pixels(digits_data.test)
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    deviation[deviation == 0] = 1
    labels, expected = digits_data.train.labels, digits_data.test.labels
    probe = LogisticRegression(max_iter=1_000).fit((train - mean) / deviation, labels)
    accuracy = probe.score((test - mean) / deviation, expected)
    assert found["test_linear_probe_accuracy"] == pytest.approx(accuracy, abs=0.007)
    nearest = KNeighborsClassifier(5).fit(train, labels).score(test, expected)
    assert found["test_knn_accuracy"] == nearest > 0.95
    clusters = KMeans(10, n_init=5, random_state=3).fit(train).predict(test)
    assert found["test_cluster_nmi"] == normalized_mutual_info_score(expected, clusters)
    assert found["test_cluster_ari"] == adjusted_rand_score(expected, clusters)
    assert 0.05 < found["test_majority_accuracy"] < 0.15
    assert found["num_probe_train_images"] == len(train)
    assert found["num_probe_test_images"] == len(test)
    assert set(found) <= set(schema.NAMES)


def test_intervals_are_wilsons(digits_data):
    found = representation.from_codes(digits_data, pixels)
    share, num, z = found["test_knn_accuracy"], 300, 1.959964
    middle = (share + z**2 / (2 * num)) / (1 + z**2 / num)
    half = z / (1 + z**2 / num) * np.sqrt(share * (1 - share) / num + z**2 / (4 * num**2))
    low, high = found["test_representation_intervals"]["knn_accuracy"]
    assert (low, high) == pytest.approx((middle - half, middle + half), abs=1e-6)


def test_codes_that_are_the_class_are_read_perfectly(digits_data):
    found = representation.from_codes(digits_data, lambda split: np.eye(10)[split.labels])
    for name in ("linear_probe_accuracy", "knn_accuracy", "cluster_nmi", "cluster_ari"):
        assert found[f"test_{name}"] == pytest.approx(1.0)
    assert found["test_representation_intervals"]["knn_accuracy"][0] < 1


def test_codes_of_noise_are_read_at_chance(digits_data):
    generator = np.random.default_rng(0)
    found = representation.from_codes(digits_data, lambda s: generator.standard_normal((len(s), 5)))
    assert found["test_linear_probe_accuracy"] < 0.2
    assert found["test_knn_accuracy"] < 0.2
    assert abs(found["test_cluster_ari"]) < 0.03


def test_constant_codes_are_no_error(digits_data):
    found = representation.from_codes(digits_data, lambda split: np.zeros((len(split), 3)))
    assert found["test_linear_probe_accuracy"] == pytest.approx(
        found["test_majority_accuracy"], abs=0.05
    )
    assert found["test_cluster_ari"] == 0


def test_the_scale_of_a_unit_matters_to_neighbours_and_not_to_the_probe(digits_data):
    """A unit that a VAE does not use has next to no variance, and stays next to nothing."""
    generator = np.random.default_rng(0)

    def with_faint_noise(split):
        noise = generator.standard_normal((len(split), 200))
        return np.concatenate([pixels(split), 1e-3 * noise], axis=1)

    plain = representation.from_codes(digits_data, pixels)
    found = representation.from_codes(digits_data, with_faint_noise)
    assert found["test_knn_accuracy"] == pytest.approx(plain["test_knn_accuracy"], abs=0.01)
    scaled = representation.from_codes(digits_data, lambda split: 100 * pixels(split))
    assert scaled["test_linear_probe_accuracy"] == pytest.approx(
        plain["test_linear_probe_accuracy"], abs=0.004
    )


def test_at_most_so_many_images_and_the_same_for_each_model(digits_data, monkeypatch):
    monkeypatch.setattr(representation, "NUM_TRAIN_IMAGES", 100)
    monkeypatch.setattr(representation, "NUM_TEST_IMAGES", 50)
    seen = []

    def encode(split):
        seen.append(split)
        return pixels(split)

    for seed in (0, 1):
        found = representation.from_codes(digits_data, encode, seed)
    assert (found["num_probe_train_images"], found["num_probe_test_images"]) == (100, 50)
    np.testing.assert_array_equal(seen[0].images, seen[2].images)
    assert set(np.bincount(seen[0].labels)) <= {9, 10, 11}


def test_a_models_codes_are_flattened(digits_data):
    model = model_of(lambda x: x)  # (images, 8, 8, 1)
    assert representation.summary(model, digits_data) == representation.from_codes(
        digits_data, pixels
    )


def test_what_has_no_codes_or_labels_is_left_out(digits_data):
    without = dataset_of(np.zeros((12, 4)), None)
    assert representation.summary(model_of(lambda x: x), without) == {}
    assert representation.from_codes(without, pixels) == {}
    assert representation.summary(types.SimpleNamespace(task="reconstruction"), digits_data) == {}
    assert representation.shown(types.SimpleNamespace(task="reconstruction"), digits_data) is None


def test_an_encoder_that_is_told_the_class_is_not_judged(digits_data):
    model = model_of(lambda x: x["image"], "conditional")
    found = representation.summary(model, digits_data)
    assert list(found) == ["representation_reason"]
    assert len(representation.shown(model, digits_data)["codes"]) == 300


def test_diverged_codes_are_named(digits_data):
    with pytest.raises(FloatingPointError, match="codes hold NaN"):
        representation.summary(model_of(lambda x: x * np.nan), digits_data)


def test_arrays_of_the_picture(digits_data):
    found = representation.shown(model_of(lambda x: x[:, :4, :4]), digits_data)
    assert found["codes"].shape == (300, 16)
    assert found["codes"].dtype == "float32"
    np.testing.assert_array_equal(found["labels"], digits_data.test.labels)
    assert list(found["class_names"]) == [str(k) for k in range(10)]
    unlabelled = representation.shown(model_of(lambda x: x), dataset_of(np.eye(12), None))
    assert unlabelled["labels"].shape == (0,)


def test_large_codes_are_kept_by_their_components(digits_data):
    """Which lose little, and nothing of the first two."""
    codes = representation.shown(model_of(lambda x: x), digits_data)["codes"]
    assert codes.shape == (300, 50)
    whole = PCA(2).fit(pixels(digits_data.test))
    np.testing.assert_allclose(codes[:, :2].var(axis=0, ddof=1), whole.explained_variance_, 1e-3)
