"""Composed segmentation: real objects on real textures, and masks that are true."""

import gzip

import numpy as np
import pytest

from bench.data import catalog, composed, download, standard
from bench.data.dataset import Split
from bench.errors import BenchError


def best_threshold_iou(split: Split, num_thresholds: int = 256) -> float:
    """Returns the IoU of the best global threshold on brightness, brighter or darker.

    The IoU is over all pixels of the split together. It is a lower bound that a model must beat.
    """
    values = (split.images * (num_thresholds - 1)).astype("int64").ravel()
    is_object = split.targets.ravel() == 1
    inside = np.bincount(values[is_object], minlength=num_thresholds)
    outside = np.bincount(values[~is_object], minlength=num_thresholds)
    best = 0.0
    for direction in (1, -1):
        hits = inside[::direction].cumsum()
        false_alarms = outside[::direction].cumsum()
        best = max(best, float((hits / (is_object.sum() + false_alarms)).max()))
    return best


@pytest.fixture(autouse=True)
def _few_images(monkeypatch):
    monkeypatch.setattr(composed, "NUM_IMAGES", {"train": 150, "validation": 30, "test": 60})


@pytest.fixture(scope="module")
def found():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(composed, "NUM_IMAGES", {"train": 150, "validation": 30, "test": 60})
        return catalog.load("composed_digits")


def test_shapes_and_names(found):
    assert found.task == "segmentation"
    assert found.image_shape == (64, 64, 1)
    assert (found.num_train, found.num_validation, found.num_test) == (150, 30, 60)
    assert found.train.images.dtype == np.float32
    assert found.train.targets.dtype == np.uint8
    assert found.train.targets.shape == found.train.images.shape
    assert set(np.unique(found.train.targets)) == {0, 1}
    assert found.mask_names == ("texture", "digit")
    assert (found.num_classes, found.num_mask_classes) == (10, 2)
    assert 0 <= found.train.images.min() < found.train.images.max() <= 1
    description = {row["name"]: row for row in catalog.describe()}["composed_digits"]
    assert description["description"].startswith("Digits on textures")
    assert description["is_local"]
    assert description["image_shape"] == found.image_shape


def test_every_picture_has_one_object_that_lies_inside_and_leaves_room(found):
    shares = found.train.targets.mean(axis=(1, 2, 3))
    assert 0.01 < shares.min() < shares.max() < 0.5
    assert shares.max() > 3 * shares.min()  # sizes differ
    centres = [np.argwhere(mask[..., 0]).mean(axis=0) for mask in found.train.targets]
    assert (np.std(centres, axis=0) > 5).all()  # places differ


def test_seed_decides_everything(found):
    again, other = catalog.load("composed_digits"), catalog.load("composed_digits", seed=1)
    assert again.checksum == found.checksum != other.checksum


def test_beside_the_object_the_texture_is_untouched(monkeypatch):
    """Composed on constants 0.25 and 0.75, all pixels far from the mask keep these values."""
    constants = [np.full((100, 100), value, "float32") for value in (0.25, 0.75)]
    monkeypatch.setattr(composed, "_textures", lambda columns: constants)
    part = catalog.load("composed_digits").test
    from scipy import ndimage

    for image, mask in zip(part.images[..., 0], part.targets[..., 0], strict=True):
        far = ~ndimage.binary_dilation(mask, iterations=8)
        assert far.any()
        assert set(np.unique(image[far])) <= {0.25, 0.75}
        assert np.unique(image[mask == 1]).size > 5


def test_mask_is_the_object(monkeypatch):
    """A white square in a black frame, 24 of 28 pixels, scaled to 42 of 49."""
    square = np.zeros((1, 28, 28), "float32")
    square[:, 2:26, 2:26] = np.linspace(0.5, 1, 24)
    alphas = composed._garment_alphas(square)
    cutouts = composed._Cutouts(square, alphas, np.zeros(1, "int64"))
    monkeypatch.setattr(composed, "OBJECT_SIZES", (49, 49))
    part = composed._compose(cutouts, [np.zeros((64, 64), "float32")], np.random.default_rng(0))
    rows, columns = np.nonzero(part.targets[0, ..., 0])
    assert np.ptp(rows) + 1 == pytest.approx(42, abs=1)
    assert np.ptp(columns) + 1 == pytest.approx(42, abs=1)
    area = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
    assert area - 12 <= len(rows) <= area  # corners are rounded off


def test_dark_prints_inside_a_garment_belong_to_it():
    ring = np.zeros((1, 28, 28), "float32")
    ring[:, 4:24, 4:24] = 1
    ring[:, 10:14, 10:14] = 0
    assert composed._garment_alphas(ring).sum() == 20 * 20


def test_splits_see_disjoint_textures_and_disjoint_objects():
    columns = [range(*bounds) for bounds in composed.COLUMNS.values()]
    together = [column for bounds in columns for column in bounds]
    assert len(together) == len(set(together))
    assert all(len(bounds) >= composed.SIZE for bounds in columns)
    assert max(together) < 512
    digits = standard.digits(0)
    pixels = {
        name: {i.tobytes() for i in getattr(digits, name).images} for name in ("train", "test")
    }
    assert not pixels["train"] & pixels["test"]


def test_textures_ship_with_the_package():
    """A texture that scikit-image would have to download must not be used."""
    import importlib.metadata

    files = {str(path) for path in importlib.metadata.files("scikit-image")}
    for texture in composed.TEXTURES:
        assert f"skimage/data/{texture}.png" in files
    assert all(t.shape == (512, 48) for t in composed._textures((100, 148)))


def test_brightness_alone_does_not_solve_it(found):
    """The best threshold is hardly better than to call every pixel object."""
    share = found.test.targets.mean()
    floor = best_threshold_iou(found.test)
    assert share <= floor < share + 0.05
    assert floor < 0.25
    inside = found.test.images[found.test.targets == 1].mean()
    outside = found.test.images[found.test.targets == 0].mean()
    assert inside == pytest.approx(outside, abs=0.03)


def test_best_threshold_iou_by_hand():
    images = np.array([0.1, 0.2, 0.6, 0.9], "float32").reshape(1, 2, 2, 1)

    def iou(*mask):
        masks = np.array(mask, "uint8").reshape(1, 2, 2, 1)
        return best_threshold_iou(Split(images, None, masks))

    assert iou(0, 0, 1, 1) == iou(1, 1, 0, 0) == 1
    assert iou(0, 1, 0, 0) == 0.5  # with 0.1 below the threshold too
    assert iou(1, 0, 0, 1) == 0.5  # one of them, or all


def idx(array):
    sizes = np.array(array.shape, ">u4").tobytes()
    return gzip.compress(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes())


def test_garments_in_the_official_files(monkeypatch, tmp_path):
    generator = np.random.default_rng(0)
    folder = tmp_path / "fashion_mnist"
    folder.mkdir()
    for prefix, num in (("train", 100), ("t10k", 40)):
        garments = np.zeros((num, 28, 28), "uint8")
        garments[:, 4:24, 8:20] = generator.integers(30, 256, (num, 20, 12))
        labels = (np.arange(num) % 10).astype("uint8")
        (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(idx(garments))
        (folder / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(idx(labels))
    monkeypatch.setattr(download, "roots", lambda: [tmp_path])
    found = catalog.load("composed_foreground")
    assert found.mask_names == ("texture", "garment")
    assert found.num_train == 150  # each garment in two pictures at most
    for mask in found.train.targets[..., 0]:
        height, width = (np.ptp(found) + 1 for found in np.nonzero(mask))
        assert height / width == pytest.approx(20 / 12, rel=0.25)
        assert height * width - 12 <= mask.sum() <= height * width


def test_without_all_garments_the_embedded_ones_are_named(monkeypatch, tmp_path):
    import keras

    def no_network():
        raise OSError("no network")

    monkeypatch.setattr(download, "roots", lambda: [tmp_path])
    monkeypatch.setattr(keras.datasets.fashion_mnist, "load_data", no_network)
    message = r"fashion_mnist is not on this machine.*composed_garments"
    with pytest.raises(BenchError, match=message):
        catalog.load("composed_foreground")


_is_here = download.find("fashion_mnist") is not None
_all_garments = pytest.param(
    "composed_foreground",
    marks=pytest.mark.skipif(not _is_here, reason="Fashion-MNIST is not here"),
)


@pytest.mark.parametrize("name", ["composed_garments", _all_garments])
def test_real_garments_are_not_found_by_brightness(name):
    found = catalog.load(name)
    share = found.test.targets.mean()
    assert 0.08 < share < 0.2
    assert share <= best_threshold_iou(found.test) < share + 0.05
