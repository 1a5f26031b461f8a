"""Masks: the official layout of the Oxford-IIIT Pets, and a folder of images and masks."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from bench.data import catalog, download, segmentation
from bench.errors import BenchError

# 12 x 20 pixels: 100 of pet, 100 of background, 40 of border.
TRIMAP = np.repeat(np.repeat(np.array([[1, 1, 3, 2, 2]], "uint8"), 12, axis=0), 4, axis=1)
TRIMAP[:1, 8:12] = 1
TRIMAP[11:, 8:12] = 2

GREY = np.indices((8, 6))[0].astype("uint8")


@pytest.fixture
def generator():
    return np.random.default_rng(0)


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """A machine without any data set: only `tmp_path / "data"` is searched."""
    monkeypatch.setattr(download, "roots", lambda: [tmp_path / "data"])
    return tmp_path / "data"


def save(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(array, Image.Image):
        array = Image.fromarray(array.astype("uint8") if array.dtype.kind == "i" else array)
    array.save(path, **options)


def write_pets(folder, num=(40, 20), trimap=TRIMAP):
    """Writes two breeds; each photograph is as grey as its number, from 0."""
    for list_name, first, count in (("trainval", 0, num[0]), ("test", 100, num[1])):
        lines = []
        for index in range(first, first + count):
            breed = ("Abyssinian", "german_shorthaired")[index % 2]
            name = f"{breed}_{index}"
            lines.append(f"{name} {(1, 12)[index % 2]} {1 + index % 2} 1")
            photograph = np.full((*trimap.shape, 3), index, "uint8")
            save(folder / f"images/{name}.jpg", photograph, quality=95)
            save(folder / f"annotations/trimaps/{name}.png", trimap)
        (folder / f"annotations/{list_name}.txt").write_text("\n".join(lines) + "\n")
    return folder


def write_folder(folder, num=20, *, masks=None, suffix=".png", size=(8, 6)):
    generator = np.random.default_rng(0)
    for index in range(num):
        save(folder / f"images/{index:02}.png", generator.integers(0, 256, size, "uint8"))
        mask = np.zeros(size, "uint8") if masks is None else masks(index)
        if masks is None:
            mask[: 1 + index % 4] = 1
        save(folder / f"masks/{index:02}{suffix}", mask)
    return folder


def numbers(split):
    return set(np.rint(split.images[:, 0, 0, 0] * 255).astype(int).tolist())


# --- Oxford-IIIT Pets -----------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["oxford_pets", "oxford-iiit-pet", "."])
def test_official_split_and_sizes(alone, folder):
    write_pets(alone / folder)
    found = catalog.load("oxford_pets")
    assert found.task == "segmentation"
    assert found.image_shape == (128, 128, 3)
    assert (found.num_train, found.num_validation, found.num_test) == (36, 4, 20)
    assert numbers(found.test) == set(range(100, 120))
    assert numbers(found.train) | numbers(found.validation) == set(range(40))
    assert np.bincount(found.validation.labels).tolist() == [2, *[0] * 10, 2]
    assert found.class_names[0] == "Abyssinian"
    assert found.class_names[11] == "german shorthaired"
    assert (found.num_classes, found.num_mask_classes) == (12, 2)
    assert found.mask_names == ("background", "pet")
    assert found.train.targets.shape == (36, 128, 128, 1)
    assert found.train.targets.dtype == np.uint8


def test_foreground_is_pet_and_border(alone):
    """140 of the 240 pixels; pet and background together, a known mistake, would be 200."""
    write_pets(alone / "oxford_pets")
    masks = catalog.load("oxford_pets", resize=TRIMAP.shape).train.targets
    assert (masks.sum(axis=(1, 2, 3)) == 140).all()
    np.testing.assert_array_equal(masks[0, ..., 0] == 1, (TRIMAP == 1) | (TRIMAP == 3))
    assert segmentation.binary_mask(np.array([1, 2, 3])).tolist() == [1, 0, 1]


def test_three_classes_are_the_trimap_less_one(alone):
    write_pets(alone / "oxford_pets")
    found = catalog.load("oxford_pets_3", resize=TRIMAP.shape)
    np.testing.assert_array_equal(found.test.targets[0, ..., 0] + 1, TRIMAP)
    assert np.bincount(found.test.targets[0].ravel()).tolist() == [100, 100, 40]
    assert found.mask_names == ("pet", "background", "border")


def test_masks_are_resized_by_nearest_and_images_by_averaging(alone):
    write_pets(alone / "oxford_pets")
    stripes = np.repeat(np.array([[0, 255]], "uint8"), 10, axis=0).repeat(3, axis=0)
    stripes = np.tile(stripes, (1, 20))[:30, :40]
    checks = (1 + np.indices((30, 40)).sum(axis=0) % 3).astype("uint8")
    save(alone / "oxford_pets/images/Abyssinian_100.jpg", stripes, quality=100)
    save(alone / "oxford_pets/annotations/trimaps/Abyssinian_100.png", checks)
    found = catalog.load("oxford_pets_3", resize=(10, 10)).test
    np.testing.assert_allclose(found.images[0, 2:-2, 2:-2], 0.5, atol=0.03)
    expected = Image.fromarray(checks).resize((10, 10), Image.Resampling.NEAREST)
    np.testing.assert_array_equal(found.targets[0, ..., 0] + 1, np.asarray(expected))


def test_photographs_that_are_not_rgb_are_converted(alone):
    folder = write_pets(alone / "oxford_pets")
    grey = np.full(TRIMAP.shape, 200, "uint8")
    save(folder / "images/Abyssinian_100.jpg", grey)
    save(folder / "images/Abyssinian_102.jpg", Image.fromarray(grey).convert("CMYK"))
    with (folder / "images/Abyssinian_104.jpg").open("wb") as file:  # as some of the official are
        Image.fromarray(grey).convert("P").save(file, format="GIF")
    images = catalog.load("oxford_pets").test.images
    for row in (0, 2, 4):
        np.testing.assert_allclose(images[row], 200 / 255, atol=0.02)


def test_the_seed_draws_the_validation_split_only(alone):
    write_pets(alone / "oxford_pets")
    first, again, second = (catalog.load("oxford_pets", seed=seed) for seed in (0, 0, 1))
    assert first.checksum == again.checksum != second.checksum
    assert numbers(first.validation) != numbers(second.validation)
    np.testing.assert_array_equal(first.test.images, second.test.images)


@pytest.mark.parametrize(("value", "received"), [(0, "0, 1"), (4, "1, 2, 3, 4"), (255, "255")])
def test_other_values_in_a_trimap_are_refused_by_name(alone, value, received):
    folder = write_pets(alone / "oxford_pets")
    wrong = TRIMAP.copy()
    wrong[0, 0] = value
    save(folder / "annotations/trimaps/Abyssinian_6.png", wrong)
    with pytest.raises(BenchError, match=rf"Abyssinian_6\.png: a trimap holds 1 .*{received}"):
        catalog.load("oxford_pets")


def test_missing_and_unfit_files_are_named(alone):
    folder = write_pets(alone / "oxford_pets")
    save(folder / "annotations/trimaps/Abyssinian_6.png", TRIMAP[:, :5])
    with pytest.raises(
        BenchError,
        match=r"Abyssinian_6\.png: must be .*12x5, the image .* is 12x20",
    ):
        catalog.load("oxford_pets")
    (folder / "annotations/trimaps/Abyssinian_6.png").unlink()
    with pytest.raises(BenchError, match=r"Abyssinian_6\.png: cannot be read"):
        catalog.load("oxford_pets")
    (folder / "images/Abyssinian_6.jpg").write_bytes(b"no picture")
    with pytest.raises(BenchError, match=r"Abyssinian_6\.jpg: cannot be read as an image"):
        catalog.load("oxford_pets")


@pytest.mark.parametrize("line", ["Abyssinian_6", "Abyssinian_6 x 1 1", "Abyssinian_6 0 1 1"])
def test_a_wrong_list_is_named_with_its_line(alone, line):
    folder = write_pets(alone / "oxford_pets")
    (folder / "annotations/test.txt").write_text(f"# a comment\n\n{line}\n")
    with pytest.raises(BenchError, match=r"test\.txt, line 3: must be a name and the number"):
        catalog.load("oxford_pets")


def test_offline_says_which_file_goes_where(alone, monkeypatch):
    import keras

    def no_network(*arguments, **options):
        raise OSError("no network")

    monkeypatch.setattr(keras.utils, "get_file", no_network)
    with pytest.raises(BenchError, match=r"images\.tar\.gz and annotations\.tar\.gz") as caught:
        catalog.load("oxford_pets")
    assert "ZOO_DATA_DIR" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_download_is_verified_and_found(alone, monkeypatch):
    """Keras unpacks `name.tar.gz` into `name_extracted`; the archive holds the folder `name`."""
    import keras

    calls = []

    def get_file(name, origin, **options):
        calls.append((name, origin, options))
        write_pets(alone / "whole", num=(12, 4))
        stem = name.partition(".")[0]
        target = alone / "oxford_pets" / f"{stem}_extracted"
        target.mkdir(parents=True)
        (alone / "whole" / stem).rename(target / stem)

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    assert catalog.load("oxford_pets").num_test == 4
    assert [name for name, *_ in calls] == ["images.tar.gz", "annotations.tar.gz"]
    for name, origin, options in calls:
        assert origin == f"https://www.robots.ox.ac.uk/~vgg/data/pets/data/{name}"
        assert len(options["file_hash"]) == 32
    catalog.load("oxford_pets")
    assert len(calls) == 2


# --- a folder of images and masks -----------------------------------------------------------


@pytest.mark.parametrize("high", [1, 255])
def test_binary_masks(tmp_path, high):
    write_folder(tmp_path, masks=lambda index: high * (np.indices((8, 6))[0] <= index % 4))
    found = catalog.load(tmp_path)
    assert found.task == "segmentation"
    assert (found.num_train, found.num_validation, found.num_test) == (16, 2, 2)
    assert found.train.images.shape == found.train.targets.shape == (16, 8, 6, 1)
    assert found.mask_names == ("background", "foreground")
    shares = np.concatenate([p.targets for p in (found.train, found.validation, found.test)])
    assert sorted(shares.mean(axis=(1, 2, 3))) == sorted(5 * [1 / 8, 2 / 8, 3 / 8, 4 / 8])


def test_image_and_mask_stay_together(tmp_path):
    """Each mask tells, by its number of ones, the grey of its image."""
    for index in range(30):
        save(tmp_path / f"images/{index}.png", np.full((8, 8), 2 * index, "uint8"))
        mask = np.arange(64).reshape(8, 8) < 2 * index
        save(tmp_path / f"masks/{index}.png", mask)
    found = catalog.load(tmp_path, limit=10, seed=3)
    assert found.num_train == 10
    for part in (found.train, found.validation, found.test):
        greys = np.rint(part.images[:, 0, 0, 0] * 255)
        np.testing.assert_array_equal(part.targets.sum(axis=(1, 2, 3)), greys)


def test_class_ids(tmp_path):
    write_folder(tmp_path, masks=lambda index: np.indices((8, 6))[0] % 4)
    found = catalog.load(tmp_path)
    assert found.num_mask_classes == 4
    assert found.mask_names == ("background", "class 1", "class 2", "class 3")
    np.testing.assert_array_equal(found.test.targets[0, :, 0, 0], [0, 1, 2, 3, 0, 1, 2, 3])


def test_palette_indices_are_classes(tmp_path):
    def coloured(index):
        mask = Image.fromarray(GREY % 3)
        mask.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
        return mask

    write_folder(tmp_path, masks=coloured)
    found = catalog.load(tmp_path)
    assert found.num_mask_classes == 3
    np.testing.assert_array_equal(found.test.targets[0, :3, 0, 0], [0, 1, 2])


def test_a_palette_of_white_and_black_is_read_by_its_greys(tmp_path):
    def inverted(index):
        mask = Image.fromarray(np.where(GREY < 2, 0, 1).astype("uint8"))
        mask.putpalette([255, 255, 255, 0, 0, 0])
        return mask

    write_folder(tmp_path, masks=inverted)
    found = catalog.load(tmp_path)
    np.testing.assert_array_equal(found.test.targets[0, :4, 0, 0], [1, 1, 0, 0])


def test_grey_gif_and_one_bit_masks(tmp_path):
    write_folder(tmp_path / "gif", suffix=".gif", masks=lambda i: np.indices((8, 6))[0] // 3)
    assert catalog.load(tmp_path / "gif").num_mask_classes == 3
    write_folder(tmp_path / "bit", masks=lambda index: np.indices((8, 6))[0] < 2)
    assert catalog.load(tmp_path / "bit").test.targets.sum() == 2 * 12


def test_resize_takes_both(tmp_path):
    write_folder(tmp_path, size=(8, 6), masks=lambda index: 255 * (np.indices((8, 6))[0] < 4))
    save(tmp_path / "images/00.png", np.zeros((30, 20), "uint8"))
    save(tmp_path / "masks/00.png", np.repeat([0, 255], [10, 20])[:, None].repeat(20, 1))
    with pytest.raises(BenchError, match=r"must have one size.*--resize"):
        catalog.load(tmp_path)
    found = catalog.load(tmp_path, resize=(12, 10))
    assert found.image_shape == (12, 10, 1)
    parts = (found.train, found.validation, found.test)
    assert sorted({int(m.sum()) for part in parts for m in part.targets}) == [60, 80]


def test_split_folders(tmp_path):
    for name, num in (("train", 20), ("val", 4), ("test", 5)):
        write_folder(tmp_path / name, num)
    found = catalog.load(tmp_path)
    assert (found.num_train, found.num_validation, found.num_test) == (20, 4, 5)
    assert found.task == "segmentation"


def test_one_colour_image_makes_all_colour(tmp_path, generator):
    write_folder(tmp_path)
    save(tmp_path / "images/03.png", generator.integers(0, 256, (8, 6, 3), "uint8"))
    found = catalog.load(tmp_path)
    assert found.image_shape == (8, 6, 3)
    assert found.train.targets.shape[1:] == (8, 6, 1)


def test_nothing_on_disk_changes(tmp_path):
    write_folder(tmp_path)

    def state():
        return {
            (file.relative_to(tmp_path), hashlib.sha256(file.read_bytes()).hexdigest())
            for file in tmp_path.rglob("*")
            if file.is_file()
        }

    before = state()
    catalog.load(tmp_path, resize=(4, 4))
    assert state() == before


def remove(name):
    return lambda folder: (folder / name).unlink()


def write(name, array):
    return lambda folder: save(folder / name, array)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (remove("masks/07.png"), r"images/07\.png: has no mask\. It must be .*masks/07\.png"),
        (remove("images/07.png"), r"masks/07\.png: has no image of this name in .*images"),
        (
            write("masks/07.png", GREY[:4]),
            r"masks/07\.png: must be .*4x6, the image .*07\.png is 8x6",
        ),
        (write("images/07.bmp", GREY), r"07\.bmp and 07\.png have one name"),
        (write("masks/07.png", GREY * 50), r"without gaps.*07\.png holds 250"),
        (
            write("masks/07.png", GREY // 7 * 255),
            r"07\.png holds 0 and 255, .* 0 and 1: write all alike",
        ),
        (write("masks/07.png", np.stack([GREY, GREY, GREY * 2], -1)), r"07\.png: .*not colours"),
        (
            lambda folder: (
                remove("masks/07.png")(folder),
                write("masks/07.tif", GREY / np.float32(8))(folder),
            ),
            r"07\.tif: .*class numbers, but holds fractions from 0 to 0\.875",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_mend(tmp_path, damage, message):
    write_folder(tmp_path)
    damage(tmp_path)
    with pytest.raises(BenchError, match=message) as caught:
        catalog.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_jpeg_masks_are_refused(tmp_path, generator):
    write_folder(
        tmp_path,
        size=(40, 40),
        suffix=".jpg",
        masks=lambda index: 255 * (generator.random((40, 40)) < 0.5),
    )
    with pytest.raises(BenchError, match="JPEG changes values: save masks as PNG"):
        catalog.load(tmp_path)


@pytest.mark.parametrize("value", [0, 1, 255])
def test_masks_of_one_value_are_refused(tmp_path, value):
    write_folder(tmp_path, masks=lambda index: np.full((8, 6), value, "uint8"))
    with pytest.raises(BenchError, match=rf"all masks hold the value {value} alone"):
        catalog.load(tmp_path)


def test_empty_folder_of_masks(tmp_path):
    write_folder(tmp_path)
    for file in (tmp_path / "masks").iterdir():
        file.unlink()
    with pytest.raises(BenchError, match=r"masks: holds no images"):
        catalog.load(tmp_path)


def test_noise_leaves_the_masks(tmp_path):
    write_folder(tmp_path)
    clean, noisy = catalog.load(tmp_path), catalog.load(tmp_path, noise="gaussian:0.2")
    assert noisy.task == "segmentation"
    np.testing.assert_array_equal(noisy.train.targets, clean.train.targets)
    assert np.abs(noisy.train.images - clean.train.images).mean() > 0.05


def test_checksum_covers_masks_and_groups(tmp_path):
    import dataclasses

    write_folder(tmp_path)
    found = catalog.load(tmp_path)
    changed = found.train.targets.copy()
    changed[0, 0, 0, 0] ^= 1
    groups = np.zeros(found.num_train, "int64")
    variants = [
        dataclasses.replace(found, train=dataclasses.replace(found.train, **fields))
        for fields in ({}, {"targets": changed}, {"groups": groups}, {"groups": groups + 1})
    ]
    assert len({variant.checksum for variant in variants}) == 4
    assert variants[0].checksum == found.checksum
