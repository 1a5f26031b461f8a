"""Images of many sizes: read, kept, and cut; a run on them is measured in their own sizes."""

import dataclasses

import numpy as np
import pytest

from bench.data import cache, catalog, cropped
from bench.errors import BenchError
from bench.evaluation import job_runner
from bench.execution import session
from bench.runs import job
from zoo.data.images import write_png

SIZES = ((20, 24), (33, 17), (16, 40))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """24 images in three sizes, three tiles of each of eight scans; bright squares; a void edge."""
    folder, generator = tmp_path_factory.mktemp("pairs"), np.random.default_rng(0)
    for number in range(24):
        size = SIZES[number % 3]
        image, mask = 0.4 * generator.random((*size, 1)), np.zeros(size, "uint8")
        top, left = generator.integers(2, 8, 2)
        image[top : top + 6, left : left + 6] += 0.6
        mask[top : top + 6, left : left + 6] = 1
        mask[0] = 255
        name = f"scan{number // 3}_{number % 3}.png"
        write_png(folder / "images" / name, image)
        write_png(folder / "masks" / name, mask)
    return folder


@pytest.fixture(scope="module")
def dataset(folder):
    settings = {"crop": (16, 16), "ignore_label": 255, "group_pattern": r"scan\d"}
    return catalog.load(folder, **settings)


def test_images_keep_their_sizes_and_scans_their_tiles(dataset):
    assert dataset.image_shape == (16, 16, 1)
    shapes = {image.shape[:2] for image in dataset.train.images}
    assert shapes == set(SIZES)
    for image, mask in zip(dataset.train.images, dataset.train.targets, strict=True):
        assert mask.shape == image.shape and set(np.unique(mask)) == {0, 1, 255}
    scans = [{name[:5] for name in getattr(dataset, p).names} for p in ("train", "test")]
    assert not scans[0] & scans[1]


def test_the_checksum_sees_every_pixel_and_names_count_for_nothing(dataset):
    def with_train(**changes):
        return dataclasses.replace(dataset, train=dataclasses.replace(dataset.train, **changes))

    images = dataset.train.images.copy()
    images[3] = images[3].copy()
    images[3][5, 5] ^= 1
    assert with_train(images=images).checksum != dataset.checksum
    assert with_train(names=dataset.train.names[::-1]).checksum == dataset.checksum


def test_a_run_keeps_images_of_many_sizes(dataset, tmp_path):
    with cache.opened(tmp_path) as store:
        store.put(dataset)
        found = store.get(dataset.checksum)
    assert found.crop == (16, 16)
    for kept, first in zip(found.test.images, dataset.test.images, strict=True):
        np.testing.assert_array_equal(kept, first, strict=True)
    np.testing.assert_array_equal(found.test.names, dataset.test.names)


def test_crops_that_are_drawn_once_are_parts_of_their_images(dataset):
    once, again = (cropped.drawn_once(dataset) for _ in range(2))
    assert once.checksum == again.checksum
    assert once.image_shape == (16, 16, 1) and len(once.test) == cropped.MOST
    windows = [
        np.lib.stride_tricks.sliding_window_view(image[..., 0], (16, 16)).reshape(-1, 256)
        for image in dataset.test.images
    ]
    for place in (0, 1, 2, 100):
        crop = np.rint(255 * once.test.images[place]).astype("uint8").ravel()
        assert (windows[place % len(windows)] == crop).all(axis=1).any()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"noise": "gaussian:0.1"}, "--crop and --noise"),
        ({"dataset": "digits"}, "--crop is for images with masks"),
        ({"dataset": "digits", "crop": None, "group_pattern": "x"}, "your own folders"),
        ({"group_pattern": "slide"}, "does not hold"),
    ],
)
def test_what_does_not_fit_is_refused(folder, changes, said):
    given = {"dataset": folder, "crop": (16, 16), "ignore_label": 255} | changes
    if given["dataset"] == "digits":
        given["ignore_label"] = None
    with pytest.raises(BenchError, match=said):
        catalog.load(given.pop("dataset"), **given)


class Connection:
    """Keeps the messages of a job."""

    def __init__(self):
        self.messages = []

    def send(self, message):
        self.messages.append(message)

    def close(self):
        pass


@pytest.fixture(scope="module")
def work(folder):
    request = session.Request(
        dataset=str(folder),
        crop=(16, 16),
        ignore_label=255,
        folds=3,
        group_pattern=r"scan\d",
        updates=20,
        crops_per_image=4,
    )
    request.check()
    loaded = catalog.load(request.dataset, **request.loading)
    return loaded, request.make_configs(loaded)


def test_a_budget_of_updates_becomes_epochs(work):
    """Of 24 images a fold leaves 12 to train on, four scans: 48 crops, 3 updates of 16."""
    _, configs = work
    assert [config.fold for config in configs] == ["1/3", "2/3", "3/3"]
    assert {(config.epochs, config.batch_size) for config in configs} == {(7, 16)}


def test_a_fold_of_crops_is_measured_on_whole_images(work, tmp_path):
    loaded, configs = work
    models = [job.Job(configs[1], loaded.checksum, "model", "unet", "tiny", 1)]
    models[0] = dataclasses.replace(models[0], arguments=(("widths", (4, 8)),))
    baselines = job.baseline_jobs(configs[1:2], loaded.checksum, [], "segmentation")
    assert [each.model for each in baselines] == ["all_foreground", "all_background"]
    assert len({each.id for each in (*models, *baselines)}) == 3
    records = {}
    for each in (*models, *baselines):
        connection = Connection()
        job_runner.run(each, tmp_path, "run", connection)
        kind, record = connection.messages[-1]
        assert kind == "record" and record.is_ok, record.error
        records[each.model] = record
    unet, everywhere = records["unet"], records["all_foreground"]
    assert unet.config.fold == "2/3" and unet.training.num_updates == 21
    assert (unet.data.num_train, unet.data.num_validation, unet.data.num_test) == (12, 3, 9)
    # Squares of 36 pixels, of whole images without their first row.
    areas = [36 / ((height - 1) * width) for height, width in SIZES]
    assert everywhere.quality.metrics["iou_image"] == pytest.approx(np.mean(areas), rel=1e-6)
    assert everywhere.quality.per_class["foreground"]["objects"][1] == 9
    with np.load(tmp_path / unet.artifacts.masks) as file:
        sides = sorted(file[f"truth_{number}"].shape for number in range(8))
        assert set(sides) == set(SIZES) and file["rows"].shape == (8,)
        assert set(np.unique(file["truth_0"])) == {-1, 0, 1}
        worst = file["iou"].mean(axis=1)[file["rows"]]
        assert (np.diff(worst) >= 0).all()
        assert len(file["names"]) == 9
