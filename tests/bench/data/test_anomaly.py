"""One class against the rest, and real images with defects."""

import numpy as np
import pytest

from bench.data import anomaly, catalog, tasks, time_series
from bench.data.dataset import Dataset, Split
from bench.errors import BenchError
from zoo.anomalies import defects


@pytest.fixture(scope="module")
def all_digits():
    return catalog.load("digits")


class TestOneClass:
    @pytest.mark.parametrize("label", [0, 8])
    def test_normals_alone_train_and_all_are_tested(self, all_digits, label):
        found = anomaly.one_class(all_digits, label)
        assert found.task == "anomaly"
        assert (found.name, found.normal_class_name) == ("digits", str(label))
        for part in ("train", "validation"):
            source = getattr(all_digits, part)
            np.testing.assert_array_equal(
                getattr(found, part).images, source.images[source.labels == label]
            )
            assert not getattr(found, part).labels.any()
            assert getattr(found, part).targets is None
        np.testing.assert_array_equal(found.test.images, all_digits.test.images)
        np.testing.assert_array_equal(found.test.labels, all_digits.test.labels != label)
        np.testing.assert_array_equal(found.test.groups, all_digits.test.labels)
        assert found.group_names == all_digits.class_names

    def test_a_name_is_its_label(self, all_digits):
        by_name, by_label = (anomaly.one_class(all_digits, key) for key in ("3", 3))
        assert by_name.checksum == by_label.checksum

    def test_what_a_record_says(self, all_digits):
        found = anomaly.one_class(all_digits, 8)
        assert anomaly.describe(found) == {"normal_class_name": "8", "num_classes": 10}

    @pytest.mark.parametrize("normal_class", [10, -1, "three", 1.0, True, None])
    def test_unknown_class(self, all_digits, normal_class):
        with pytest.raises(BenchError, match="a label from 0 to 9 or one of 0, 1, 2"):
            anomaly.one_class(all_digits, normal_class)

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
            anomaly.one_class(Dataset("toy", "reconstruction", *parts), 0)


@pytest.fixture(
    scope="module",
    params=["defects_digits", "defects_faces", "defects_garments", "defects_textures"],
)
def damaged(request):
    return catalog.load(request.param)


class TestDefects:
    def test_normals_alone_train(self, damaged):
        assert damaged.task == "anomaly"
        for part in (damaged.train, damaged.validation):
            assert not part.labels.any()
            assert part.targets is None

    def test_half_of_the_test_images_are_damaged_where_the_mask_says(self, damaged):
        test = damaged.test
        assert abs(test.labels.mean() - 0.5) <= 1 / len(test)
        has_mask = test.targets.any(axis=(1, 2, 3))
        np.testing.assert_array_equal(has_mask, test.labels == 1)
        assert test.targets.shape == (*test.images.shape[:-1], 1)

    def test_the_classes_are_damaged_alike(self):
        """Else the class would give the defect away."""
        for source, name in (("lfw_subset", "defects_faces"), ("digits", "defects_digits")):
            classes = catalog.load(source).test.labels
            is_damaged = catalog.load(name).test.labels == 1
            counts = [np.bincount(classes[rows]) for rows in (is_damaged, ~is_damaged)]
            assert np.abs(counts[0] - counts[1]).max() <= 2

    def test_each_kind_is_there(self, damaged):
        kinds = [damaged.group_names[group] for group in damaged.test.groups]
        assert set(kinds) == {"intact", *defects.KINDS}
        np.testing.assert_array_equal(np.array(kinds) != "intact", damaged.test.labels == 1)

    def test_no_test_image_is_there_twice(self, damaged):
        """A damaged image beside its own intact one would tell where the defect is."""
        flat = damaged.test.images.reshape(len(damaged.test), -1)
        intact, broken = flat[damaged.test.labels == 0], flat[damaged.test.labels == 1]
        untouched = (damaged.test.targets[damaged.test.labels == 1] == 0).reshape(len(broken), -1)
        for row, kept in zip(broken, untouched, strict=True):
            if kept.mean() > 0.5 and row[kept].std() > 0.05:
                assert not (intact[:, kept] == row[kept]).all(axis=1).any()

    def test_the_same_every_time(self, damaged):
        assert catalog.load(damaged.name).checksum == damaged.checksum

    def test_textures_do_not_meet_across_splits(self):
        """Each split cuts from columns of its own: no window of one lies in another."""
        found = catalog.load("defects_textures", limit=100)
        assert found.image_shape == (32, 32, 1)
        train = found.train.images.reshape(len(found.train), -1)
        intact = found.test.images[found.test.labels == 0].reshape(-1, train.shape[1])
        assert not any((train == row).all(axis=1).any() for row in intact)

    def test_no_record_field_of_classes(self, damaged):
        assert anomaly.describe(damaged) == {}

    def test_noise_would_be_an_anomaly_itself(self):
        with pytest.raises(BenchError, match="--noise is not for data of anomalies"):
            catalog.load("defects_digits", noise="gaussian:0.1")

    def test_listed_as_anomalies(self):
        tasks_of = {found["name"]: found["task"] for found in catalog.describe()}
        assert {name for name, task in tasks_of.items() if task == "anomaly"} == {
            "defects_digits",
            "defects_faces",
            "defects_fashion_mnist",
            "defects_garments",
            "defects_textures",
            "mvtec_ad",
            "visa",
        }


def write_beats(folder, num, generator):
    """Writes a file in the layout of UCR: a label from 1, then 140 values, in each row."""
    labels = np.arange(num) % 5 + 1
    time = np.linspace(0, 2 * np.pi, time_series.LENGTH)
    beats = np.sin(labels[:, None] * time) + 0.05 * generator.normal(size=(num, time_series.LENGTH))
    np.savetxt(folder, np.column_stack([labels, beats]))


def test_heartbeats_of_one_class(tmp_path, monkeypatch):
    """The official files: label 1 is the normal beat, `normal` to `--normal-classes`."""
    folder = tmp_path / "ecg5000"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for file in time_series.OFFICIAL_FILES:
        write_beats(folder / file, 100, generator)
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path))
    dataset = catalog.load("ecg5000")
    (label,) = tasks.normal_classes(dataset, ("normal",))
    found = anomaly.one_class(dataset, label)
    assert (found.image_shape, found.normal_class_name) == ((140, 1), "normal")
    assert found.num_train == 18
    assert found.test.labels.sum() == 80


class TestTrainingImages:
    """Anomalies among the images to train on, and fewer normals: drawn from the training split."""

    def test_anomalies_come_from_the_training_split_of_other_classes(self, all_digits):
        found = anomaly.one_class(all_digits, 8, contamination=0.1, seed=1)
        pairs = zip(all_digits.train.images, all_digits.train.labels, strict=True)
        train = {image.tobytes(): label for image, label in pairs}
        labels = np.array([train[image.tobytes()] for image in found.train.images])
        num_normals = (all_digits.train.labels == 8).sum()
        assert (labels == 8).sum() == num_normals
        assert np.mean(labels != 8) == pytest.approx(0.1, abs=1 / len(labels))
        assert not found.train.labels.any()
        clean = anomaly.one_class(all_digits, 8)
        for part in ("validation", "test"):
            np.testing.assert_array_equal(getattr(found, part).images, getattr(clean, part).images)

    def test_smaller_shares_and_numbers_are_part_of_larger_ones(self, all_digits):
        def images(**options):
            found = anomaly.one_class(all_digits, 8, **options)
            return {image.tobytes() for image in found.train.images}

        assert images(contamination=0.01) < images(contamination=0.05) < images(contamination=0.1)
        assert images(num_normals=20) < images(num_normals=60) < images()
        assert images(contamination=0.1) != images(contamination=0.1, seed=1)
        assert len(images(num_normals=20, contamination=0.5)) == 40

    @pytest.mark.parametrize(
        ("shares", "nums", "message"),
        [
            ([0.0], [10_000], "--num-normals must be at most"),
            ([0.0, 0.95], [None], "--contamination 0.95 needs"),
            ([0.0, 0.01], [60, 40], "--contamination 0.01 is less than one anomaly beside 40"),
            ([0.3], [1], "--contamination 0.3 is less than one anomaly beside 1 normal"),
        ],
    )
    def test_too_few_images(self, all_digits, shares, nums, message):
        with pytest.raises(BenchError, match=message):
            anomaly.check_training(all_digits, [8], shares, nums)
