"""Data sets with a hidden rare group: what is rare where, and that the groups are real."""

import gzip

import numpy as np
import pytest

from bench.data import biased, catalog, download, standard

SANDAL, SNEAKER, BOOT = (standard.GARMENTS.index(n) for n in ("Sandal", "Sneaker", "Ankle boot"))


def idx(array):
    sizes = np.array(array.shape, ">u4").tobytes()
    return gzip.compress(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes())


@pytest.fixture
def garments(monkeypatch, tmp_path):
    """Official files whose every image is as grey as its class: 20 times its number."""
    for prefix, num in (("train", 4_000), ("t10k", 600)):
        labels = (np.arange(num) % 10).astype("uint8")
        images = np.broadcast_to(20 * labels[:, None, None], (num, 28, 28)).copy()
        images[:, 0, 0] = np.arange(num) % 251
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            file = tmp_path / f"fashion_mnist/{prefix}-{kind}-ubyte.gz"
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(idx(array))
    monkeypatch.setattr(download, "roots", lambda: [tmp_path])


def kinds(split):
    return np.rint(split.images[:, 5, 5, 0] * 255 / 20).astype(int)


def test_footwear_groups_are_the_garments(garments):
    found = catalog.load("biased_footwear")
    for part in (found.train, found.validation, found.test):
        assert part.groups.dtype == part.labels.dtype == np.int64
        expected = np.array([SANDAL, SNEAKER, BOOT])[part.groups]
        np.testing.assert_array_equal(kinds(part), expected)
        np.testing.assert_array_equal(part.labels, part.groups > 0)
    assert found.num_classes == 2


def test_boots_are_a_twentieth_of_the_positives_and_a_half_in_test(garments):
    found = catalog.load("biased_footwear")
    # 3,600 images are for training, 360 of each class: 360 sneakers, 19 boots, 360 sandals.
    assert np.bincount(found.train.groups).tolist() == [360, 360, 19]
    assert abs(biased.RARE_SHARE - 19 / 379) < 0.001
    assert np.bincount(found.validation.groups).tolist() == [40, 40, 2]
    assert np.bincount(found.test.groups).tolist() == [60, 60, 60]


def test_footwear_choice_depends_on_the_seed_only(garments):
    first, again, other = (catalog.load("biased_footwear", seed=seed) for seed in (0, 0, 1))
    assert first.checksum == again.checksum != other.checksum


def test_limit_keeps_the_shares_of_the_groups(garments):
    train = catalog.load("biased_footwear", limit=200).train
    shares = np.bincount(train.groups) / len(train)
    np.testing.assert_allclose(shares, np.array([360, 360, 19]) / 739, atol=0.01)


def test_noise_keeps_the_groups():
    clean, noisy = (catalog.load("biased_faces", noise=noise) for noise in (None, "masking:0.3"))
    np.testing.assert_array_equal(noisy.train.groups, clean.train.groups)
    np.testing.assert_array_equal(noisy.train.target, clean.train.images)


def test_patches_are_those_of_scikit_image():
    from skimage import data

    found = catalog.load("lfw_subset")
    assert found.image_shape == (24, 24, 1)
    assert (found.num_train, found.num_validation, found.num_test) == (140, 20, 40)
    parts = (found.train, found.validation, found.test)
    labels = np.concatenate([part.labels for part in parts])
    images = np.concatenate([part.images for part in parts])[..., 0]
    assert np.bincount(labels).tolist() == [100, 100]
    assert found.class_names[1] == "face"
    patches = data.lfw_subset().astype("float32")[:, :24, :24]
    faces = {image.tobytes() for image in patches[:100]}
    assert {image.tobytes() for image in images[labels == 1]} == faces
    assert [np.bincount(part.labels).tolist() for part in parts] == [[70, 70], [10, 10], [20, 20]]


def test_the_rare_faces_are_the_darkest_fifth():
    found = catalog.load("biased_faces")
    parts = (found.train, found.validation, found.test)
    images = np.concatenate([part.images for part in parts])
    groups = np.concatenate([part.groups for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    brightness = images.mean(axis=(1, 2, 3))
    assert np.bincount(groups).tolist() == [100, 80, 20]
    assert brightness[groups == biased.RARE].max() < brightness[groups == biased.COMMON].min()
    np.testing.assert_array_equal(labels, groups > 0)
    assert len({image.tobytes() for image in images}) == 200  # no patch in two splits


def test_dark_faces_are_rare_in_train_and_balanced_in_test():
    found = catalog.load("biased_faces")
    assert np.bincount(found.train.groups).tolist() == [76, 57, 5]
    assert np.bincount(found.validation.groups).tolist() == [10, 9, 1]
    assert np.bincount(found.test.groups).tolist() == [14, 14, 14]
    assert catalog.load("biased_faces").checksum == found.checksum
    assert catalog.load("biased_faces", seed=1).checksum != found.checksum


def test_other_data_sets_have_no_groups():
    assert catalog.load("digits").train.groups is None


@pytest.mark.skipif(download.find("fashion_mnist") is None, reason="Fashion-MNIST is not here")
def test_a_plain_classifier_is_worse_on_the_rare_group():
    """The bias that a debiasing model is there to mend: without it, the data would be useless."""
    from sklearn.linear_model import LogisticRegression

    found = catalog.load("biased_footwear")

    def pixels(split, step=1):
        return split.images[::step, ::2, ::2].reshape(-1, 14 * 14)

    model = LogisticRegression(tol=0.1)
    model.fit(pixels(found.train, 4), found.train.labels[::4])
    is_found = model.predict(pixels(found.test)) == 1
    groups = found.test.groups
    recall = [is_found[groups == group].mean() for group in (biased.COMMON, biased.RARE)]
    assert recall[0] > recall[1] + 0.03
    assert np.bincount(groups).tolist() == [1_000, 1_000, 1_000]
