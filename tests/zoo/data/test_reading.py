"""The one reader: layouts, `.npz` files, and what is said of them."""

import contextlib

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.data import images, layouts, npz, reading

GREY = np.arange(48, dtype="uint8").reshape(6, 8) * 5


def save(path, values=GREY, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values)).save(path, **options)
    return path


def fill(folder, *places, num=3):
    for place in places:
        for row in range(num):
            save(folder / place / f"{row}.png")
    return folder


def said(found, word):
    return [line for line in found.said if word in line]


# --- layouts --------------------------------------------------------------------------------


def test_splits_with_classes_keep_their_parts_apart(tmp_path):
    fill(tmp_path, "train/cat", "train/dog", "Test/cat", "Test/dog", "val/dog")
    found = reading.read(tmp_path)
    assert found.class_names == ("cat", "dog")
    assert {name: part.labels.tolist() for name, part in found.parts.items()} == {
        "train": [0, 0, 0, 1, 1, 1],
        "test": [0, 0, 0, 1, 1, 1],
        "validation": [1, 1, 1],
    }
    part = reading.read(tmp_path, only=("train", "validation"))
    assert set(part.parts) == {"train", "validation"}
    assert said(part, "left out") == [f"left out: {tmp_path / 'Test'}: 6 images, of the test split"]


@pytest.mark.parametrize(
    ("layout", "places", "kind", "splits", "class_names"),
    [
        ("flat", ("train/a", "test/b"), "flat", {"train": 6}, ()),
        ("classes", ("train", "test"), "classes", {"train": 6}, ("test", "train")),
        ("splits", ("train", "test", "extra"), "flat", {"train": 3, "test": 3}, ()),
        ("splits", ("train/a", "other/a"), "classes", {"train": 3}, ("a",)),
        (
            *("splits", ("train/good", "test/good", "test/bad"), "classes"),
            *({"train": 3, "test": 6}, ("bad", "good")),
        ),
        ("inspection", ("train/ok", "test/x"), "inspection", {"train": 3, "test": 3}, ("ok", "x")),
        ("classes", ("images", "masks"), "classes", {"train": 6}, ("images", "masks")),
    ],
)
def test_a_layout_that_is_named_is_taken(tmp_path, layout, places, kind, splits, class_names):
    found = reading.read(fill(tmp_path, *places), reading.Options(layout=layout))
    assert (found.kind, found.class_names) == (kind, class_names)
    assert {name: len(part) for name, part in found.parts.items()} == splits
    num = 3 * len(places) - sum(splits.values())
    assert len(said(found, f"{num} images outside of")) == (1 if num else 0)


@pytest.mark.parametrize(
    ("layout", "places", "message"),
    [
        ("classes", ("",), "--layout classes needs a sub-folder for each class"),
        ("splits", ("a", "b"), "must have a folder train/ with images beside the others"),
        ("inspection", ("train/a", "test/b"), "--layout inspection needs train/ with good"),
        ("pairs", ("train/a", "test/b"), "--layout pairs needs images/ and masks/"),
        ("pear", ("a",), "must be one of 'flat'"),
    ],
)
def test_a_layout_that_is_not_there_is_refused(tmp_path, layout, places, message):
    with pytest.raises(ValueError, match=message):
        reading.read(fill(tmp_path, *places), reading.Options(layout=layout))


def test_a_class_called_train_is_a_class(tmp_path):
    assert reading.read(fill(tmp_path, "bus", "car", "train")).class_names == (
        "bus",
        "car",
        "train",
    )


@pytest.mark.parametrize(
    ("places", "message"),
    [
        (("train", "test", "extra"), "test, train beside extra.*--layout splits"),
        (("test/a", "val/a"), "train/ with images beside test, val.*--layout classes"),
        (
            ("train/good", "train/crack", "test/crack", "ground_truth/crack"),
            r"train: of an inspection, must hold normals alone.* crack too\. Move",
        ),
        (("train", "val", "valid"), "one folder for each split. Received: val and valid"),
        (("train/images", "train/masks", "test"), r"test: must hold images/ and masks/"),
    ],
)
def test_what_could_mean_two_things_is_refused(tmp_path, places, message):
    with pytest.raises(ValueError, match=message):
        reading.read(fill(tmp_path, *places))


@pytest.mark.parametrize(
    ("places", "seems"),
    [
        (("images", "labels"), "labels/ beside images/"),
        (("Images", "Masks"), "Masks/ beside Images/"),
        (("train", "train_masks"), "train_masks/ beside train/"),
        (("imgs", "overlay"), "overlay/ beside imgs/"),
        (("train/image", "train/gt", "test/image", "test/gt"), "gt/ beside image/"),
    ],
)
def test_masks_that_are_called_otherwise_are_no_class(tmp_path, places, seems):
    fill(tmp_path, *places)
    with pytest.raises(ValueError, match=f"Received: {seems}, with files of the same names"):
        reading.read(tmp_path)
    layout = "splits" if "/" in places[0] else "classes"
    if layout == "classes":
        found = reading.read(tmp_path, reading.Options(layout=layout))
        assert found.class_names == tuple(sorted(places))


@pytest.mark.parametrize("suffix", ["_mask", "_gt", "_segmentation"])
def test_masks_beside_their_images_are_no_images(tmp_path, suffix):
    save(tmp_path / f"b/0{suffix}.png")
    fill(tmp_path, "a", "b")
    message = f"b/0{suffix} beside b/0, which seem to be masks"
    with pytest.raises(ValueError, match=message):
        reading.read(tmp_path)
    with pytest.raises(ValueError, match=f"{message}.*move the masks away"):
        layouts.check_no_masks(tmp_path, images.find(tmp_path))
    assert len(reading.read(tmp_path, reading.Options(layout="flat")).parts["train"]) == 7


def test_folders_of_other_files_are_classes_whatever_they_are_called(tmp_path):
    for place, first in (("with_mask", 0), ("without_mask", 10)):
        for row in range(first, first + 3):
            save(tmp_path / place / f"{row}.png")
    assert reading.read(tmp_path).class_names == ("with_mask", "without_mask")


def test_a_class_without_images_is_said(tmp_path):
    fill(tmp_path / "a", "cat", "dog")
    (tmp_path / "a/fox").mkdir()
    (tmp_path / "a/.git").mkdir()
    assert said(reading.read(tmp_path / "a"), "left out") == [
        f"left out: {tmp_path / 'a/fox'}: no images in it"
    ]
    fill(tmp_path / "b", "train/cat", "train/dog", "test/cat", "test/fox")
    found = reading.read(tmp_path / "b")
    assert said(found, "fox") == [
        "classes: cat 6, dog 3, fox 3",
        "note: nothing of class fox to train on",
    ]


def test_an_image_in_two_splits_is_said(tmp_path):
    generator = np.random.default_rng(0)
    rows = generator.integers(0, 256, (5, 6, 8), dtype="uint8")
    for place, row in (("train", 0), ("train", 1), ("test", 1), ("test", 2), ("val", 3)):
        save(tmp_path / f"{place}/{row}.png", rows[row])
    notes = said(reading.read(tmp_path), "note")
    assert notes == ["note: 1 of 2 test images are in the train split too"]
    np.savez(tmp_path / "x.npz", x_train=rows[:3], x_val=rows[2:4], x_test=rows[4:])
    notes = said(reading.read(tmp_path / "x.npz"), "note")
    assert notes == ["note: 1 of 2 validation images are in the train split too"]


@pytest.mark.parametrize("form", ["{split}/{what}", "{what}/{split}"])
def test_pairs_have_splits_outside_or_inside(tmp_path, form):
    for split, num in (("train", 3), ("test", 2)):
        fill(tmp_path, form.format(split=split, what="images"), num=num)
        for row in range(num):
            mask = tmp_path / form.format(split=split, what="masks") / f"{row}.png"
            save(mask, (100 + row < GREY) * np.uint8(255))
    found = reading.read(tmp_path)
    assert found.kind == "pairs"
    assert found.num_mask_classes == 2
    for name, num in (("train", 3), ("test", 2)):
        expected = [(100 + row < GREY) for row in range(num)]
        np.testing.assert_array_equal(found.parts[name].masks, expected)


def test_masks_are_no_images_to_train_on(tmp_path):
    fill(tmp_path, "images", "masks")
    found = reading.read(tmp_path, needed="images")
    assert len(found.parts["train"]) == 3
    assert found.parts["train"].masks is None
    assert said(found, "the masks")
    for folder in (tmp_path, fill(tmp_path / "s", "train", "test")):
        with pytest.raises(ValueError, match="must be one folder of images"):
            layouts.one_folder(folder)
    with pytest.raises(ValueError, match=r"masks/ holds masks\. Name .*images"):
        layouts.check_no_masks(tmp_path, images.find(tmp_path))


def test_an_inspection_has_normals_to_train_on_and_defects_with_masks(tmp_path):
    fill(tmp_path, "train/good", "test/good", "test/crack")
    for row in range(3):
        save(tmp_path / f"ground_truth/crack/{row}_mask.png", (GREY > 200) * np.uint8(255))
    found = reading.read(tmp_path)
    assert found.kind == "inspection"
    assert found.class_names == ("crack", "good")
    assert found.parts["test"].labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert found.parts["test"].masks[:3].mean() == pytest.approx((GREY > 200).mean())
    assert not found.parts["test"].masks[3:].any()
    assert len(reading.read(tmp_path, only=("train",), needed="images").parts["train"]) == 3
    (tmp_path / "ground_truth/crack/1_mask.png").unlink()
    with pytest.raises(ValueError, match=r"crack/1\.png: has no mask"):
        reading.read(tmp_path)


def test_masks_of_an_inspection_agree_with_its_folders(tmp_path):
    """A defect that is marked nowhere is said, and so is an empty folder; a marked normal is not
    read."""
    fill(tmp_path, "train/good", "test/good", "test/crack")
    (tmp_path / "test/dent").mkdir()
    marked, nothing = (GREY > 200) * np.uint8(255), GREY * 0
    for row, mask in enumerate((marked, nothing, marked)):
        save(tmp_path / f"ground_truth/crack/{row}_mask.png", mask)
    save(tmp_path / "ground_truth/good/1_mask.png", nothing)
    found = reading.read(tmp_path)
    (line,) = said(found, "without a pixel")
    assert line.startswith("note: 1 of 3 defects have masks") and line.endswith("crack/1_mask.png")
    assert said(found, "test/dent: no images in it")
    save(tmp_path / "ground_truth/good/1_mask.png", marked)
    with pytest.raises(ValueError, match=r"good/1_mask\.png: must mark nothing, as its image lies"):
        reading.read(tmp_path)


# --- what is left out -----------------------------------------------------------------------


def test_pages_transparency_and_other_files_are_counted(tmp_path):
    pages = [Image.fromarray(GREY + np.uint8(page)) for page in range(4)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    alpha = np.dstack([GREY, GREY, GREY, np.where(GREY > 9, 255, 0).astype("uint8")])
    save(tmp_path / "a.png", alpha)
    (tmp_path / "scan.dcm").write_bytes(b"x")
    found = reading.read(tmp_path)
    assert found.said[0].startswith("read: 2 images of 6x8, rgb, 8 bits (train 2)")
    assert said(found, "pages") == [
        "left out: 3 pages or frames after the first, of 1 file (stack.tif has 4)"
    ]
    assert said(found, "transparency of 1 file, such as a.png")
    assert said(found, "1 .dcm")


def test_a_range_of_values_is_said_and_taken(tmp_path):
    for row in range(2):
        save(tmp_path / f"{row}.png", GREY.astype("uint16") * 16)
    found = reading.read(tmp_path)
    assert said(found, "values reach 3760 of 65535")
    given = reading.read(tmp_path, reading.Options(value_range=(0, 4095)))
    np.testing.assert_allclose(
        given.parts["train"].images[0, ..., 0], GREY * 16.0 / 4095, rtol=1e-5
    )
    assert not said(given, "values reach")
    for skips in (False, True):  # the range is wrong, and no file is
        options = reading.Options(value_range=(50, 100), skip_unreadable=skips)
        with pytest.raises(ValueError, match=r"in the range 50\.\.100.*such as --range") as caught:
            reading.read(tmp_path, options)
        assert "Remove" not in str(caught.value)


def test_a_file_of_another_kind_can_be_left_out(tmp_path):
    save(fill(tmp_path, "") / "depth.tif", GREY.astype("float32"))
    with pytest.raises(ValueError, match=r"depth\.tif: black and white must be known.*--range"):
        reading.read(tmp_path)
    found = reading.read(tmp_path, reading.Options(skip_unreadable=True))
    assert len(found.parts["train"]) == 3
    assert said(found, "skipped: ")[0].startswith(f"skipped: {tmp_path / 'depth.tif'}")


def test_classes_of_masks_may_be_missing_where_their_number_is_said(tmp_path):
    void_pairs(tmp_path, [0, 4], 0)
    with pytest.raises(ValueError, match="--foreground nonzero"):
        reading.read(tmp_path)
    found = reading.read(tmp_path, reading.Options(mask_classes=6))
    assert found.num_mask_classes == 6


def test_labels_of_an_npz_are_said(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.zeros((4, 6, 8)), y=[2, 0, 2, -1])
    found = reading.read(tmp_path / "x.npz").said
    assert "classes: 0 1, 1 0, 2 2, unlabelled 1" in found
    assert "note: nothing of class 1 to train on" in found
    np.savez(tmp_path / "x.npz", x=np.zeros((4, 6, 8)), y=[90, 0, 90, 0])
    assert "classes: 0 2, 90 2" in reading.read(tmp_path / "x.npz").said


def test_files_of_zeros_and_ones_are_not_black(tmp_path):
    for row in range(2):
        save(tmp_path / f"{row}.png", (GREY > 100).astype("uint8"))
    with pytest.raises(ValueError, match=r"0 and 1 alone.*--range 0\.\.1"):
        reading.read(tmp_path)
    found = reading.read(tmp_path, reading.Options(value_range=(0, 1)))
    np.testing.assert_array_equal(found.parts["train"].images[0, ..., 0], GREY > 100)


# --- npz ------------------------------------------------------------------------------------


def test_only_what_is_needed_of_an_npz_is_read(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, images=np.ones((4, 6, 8)), metadata=np.array({"a": 1}, dtype=object))
    found = reading.read(path)
    assert found.parts["train"].images.shape == (4, 6, 8, 1)
    assert found.said[-1] == "left out: arrays of the file: metadata"
    np.savez(path, images=np.ones((4, 6, 8)), labels=np.array(["a", None], dtype=object))
    assert reading.read(path, needed="images").parts["train"].labels is None
    with pytest.raises(ValueError, match="labels must be a plain array"):
        reading.read(path)


@pytest.mark.parametrize(
    ("arrays", "data", "shape"),
    [
        ({"x": np.ones((4, 28, 28))}, None, (28, 28, 1)),
        ({"x": np.ones((4, 140, 3))}, "series", (140, 3)),
        ({"x": np.ones((4, 140, 12))}, "series", (140, 12)),
        ({"x": np.ones((4, 140, 3))}, "images", (140, 3, 1)),
        ({"series": np.ones((4, 140))}, None, (140, 1)),
        ({"x": np.ones((4, 140))}, None, (140,)),
    ],
)
def test_series_of_an_npz(tmp_path, arrays, data, shape):
    np.savez(tmp_path / "x.npz", **arrays)
    found = reading.read(tmp_path / "x.npz", reading.Options(data_kind=data))
    assert found.parts["train"].images.shape[1:] == shape


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": np.ones((4, 6, 8)), "y": np.eye(4)}, "From one-hot vectors"),
        ({"images": np.ones((4, 6, 8)), "y": np.array(list("abcd"))}, "labels of <U1.*return_inv"),
        ({"images": np.ones((4, 6, 8)), "y": [0, 10**9, 1, 2]}, "return_inverse=True"),
        ({"images": np.ones((4, 6, 8)), "masks": np.ones((4, 6, 7))}, "class number per pixel"),
        ({"images": np.ones((4, 6, 8)), "masks": np.ones((4, 6, 8), "S1")}, "class number per"),
        ({"images": np.ones((4, 140, 3))}, "called series or images.*--data series"),
        ({"series": np.ones((4, 6, 8, 1))}, r"series must have shape \(n, length, channels\)"),
        ({"images": np.ones((4, 6, 8), complex)}, "must be numbers"),
        ({"images": np.ones((4, 3, 8, 8))}, r"channels last.*transpose\(0, 2, 3, 1\)"),
        ({"images": np.ones((4, 1, 8, 6))}, "channels last.*--data images"),
        ({"images": np.ones((2, 6, 8)), "y": np.array([0, np.inf])}, "without NaN and infinity"),
    ],
)
def test_wrong_arrays_are_named(tmp_path, arrays, message):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        npz.class_numbers("x", npz.read(tmp_path / "x.npz"))


def test_each_file_that_is_read_is_told(tmp_path):
    fill(tmp_path, "train", num=2)
    fill(tmp_path, "val", num=1)
    (tmp_path / "train" / "bad.png").write_bytes(b"no image")
    seen = []

    @contextlib.contextmanager
    def watch(total):
        seen.append(total)
        yield lambda: seen.append("one")

    read = reading.read(tmp_path, reading.Options(skip_unreadable=True), watch=watch)
    assert seen == [4, "one", "one", "one", "one"]
    assert sum(len(part.images) for part in read.parts.values()) == 3


def test_an_npz_in_capitals_is_one(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.zeros((3, 4, 4, 1)))
    (tmp_path / "a.npz").rename(tmp_path / "A.NPZ")
    assert reading.read(tmp_path / "A.NPZ").kind == "npz"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.npy", r"an \.npy file\. Put .*savez\('a\.npz', images=numpy\.load\('a\.npy'\)\)"),
        ("a.PNG", "one image file. Give the folder"),
        ("a.h5", r"a file ending in \.h5"),
        ("a", "a file without a suffix"),
        ("nothing/", "a path that does not exist"),
    ],
)
def test_a_path_of_another_kind_is_named(tmp_path, name, message):
    if not name.endswith("/"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ValueError, match=rf"must be a folder of images or .*Received: {message}"):
        reading.read(tmp_path / name)


def test_truncated_files_are_one_line_or_whole(tmp_path):
    """Cut anywhere, and with any byte changed: no other error than the reader's, and no silence."""
    generator = np.random.default_rng(0)
    np.savez_compressed(tmp_path / "x.npz", images=generator.random((3, 6, 8)))
    noise = generator.integers(0, 256, (6, 8, 3), "uint8")
    for suffix in ("png", "jpg", "bmp", "gif", "tif", "webp"):
        save(tmp_path / f"x.{suffix}", noise)
    for file in sorted(tmp_path.iterdir()):
        whole = file.read_bytes()
        for _ in range(30):
            damaged = bytearray(whole[: generator.integers(len(whole))])
            if len(damaged) and generator.random() < 0.5:
                damaged = bytearray(whole)
                damaged[generator.integers(len(whole))] ^= int(generator.integers(1, 256))
            file.write_bytes(damaged)
            read = reading.read if file.suffix == ".npz" else images.read
            try:
                read(file)
            except ValueError as error:
                assert str(error).startswith(str(file))
                assert "\n" not in str(error)


# --- void pixels ----------------------------------------------------------------------------


def void_pairs(folder, numbers, void, dtype="uint8", names="abc"):
    """Images and masks; the first row of each mask is void."""
    masks = {}
    for place, name in enumerate(names):
        mask = np.roll(np.resize(numbers, (6, 8)), place, axis=1).astype(dtype)
        mask[0] = void
        save(folder / "images" / f"{name}.png")
        save(folder / "masks" / f"{name}.png", mask)
        masks[name] = mask
    return masks


@pytest.mark.parametrize(
    ("numbers", "void", "dtype", "settings", "num_classes"),
    [
        ([0, 1, 2], 255, "uint8", {}, 3),
        ([0, 1], 255, "uint8", {}, 2),
        ([0, 255], 128, "uint8", {}, 2),
        ([0, 65_535], 255, "uint16", {}, 2),
        ([0, 1, 2], 65_535, "uint16", {}, 3),
        ([1, 2], 0, "uint8", {"mask_classes": 3}, 3),
        ([0, 7, 90], 255, "uint8", {"foreground": "nonzero"}, 2),
        ([0, 100, 200], 255, "uint8", {"foreground": "above:127"}, 2),
    ],
)
def test_void_pixels_stay_and_are_no_class(tmp_path, numbers, void, dtype, settings, num_classes):
    masks = void_pairs(tmp_path, numbers, void, dtype)
    options = reading.Options(ignore_label=void, **settings)
    found = reading.read(tmp_path, options)
    assert (found.ignore_label, found.num_mask_classes) == (void, num_classes)
    cut = 127 if settings.get("foreground") == "above:127" else 0
    for mask, read in zip(masks.values(), found.parts["train"].masks, strict=True):
        expected = (mask > cut) if num_classes == 2 else mask
        np.testing.assert_array_equal(read[1:], expected[1:])
        assert (read[0] == void).all()
    assert said(found, f"16.67% of the pixels are void ({void})")
    arrays = np.stack(list(masks.values()))
    np.savez(tmp_path / "x.npz", images=np.zeros((3, 6, 8, 1), "float32"), masks=arrays)
    same = reading.read(tmp_path / "x.npz", options)
    np.testing.assert_array_equal(same.parts["train"].masks, found.parts["train"].masks)
    assert (same.ignore_label, same.num_mask_classes) == (void, num_classes)


def test_a_resized_mask_has_no_new_numbers(tmp_path):
    void_pairs(tmp_path, [0, 1, 2], 255)
    found = reading.read(tmp_path, reading.Options(ignore_label=255, resize=(3, 4)))
    assert found.parts["train"].masks.shape == (3, 3, 4)
    assert set(np.unique(found.parts["train"].masks)) <= {0, 1, 2, 255}


@pytest.mark.parametrize(
    ("numbers", "void", "message"),
    [
        ([255], 255, "hold the void label 255 alone"),
        ([0, 255], 255, "hold the value 0 alone"),
        ([0, 200], 1, "--ignore-label must not be 1"),
        ([0, 1, 2, 255], 254, "give --ignore-label 255"),
    ],
)
def test_void_labels_that_cannot_be_meant_are_refused(tmp_path, numbers, void, message):
    void_pairs(tmp_path, numbers, void if 255 in numbers else 0)
    options = reading.Options(ignore_label=void, foreground="nonzero" if 200 in numbers else None)
    with pytest.raises(ValueError, match=message):
        reading.read(tmp_path, options)


def test_a_void_label_without_masks_is_refused(tmp_path):
    fill(tmp_path, "")
    with pytest.raises(ValueError, match="--ignore-label is for data with masks"):
        reading.read(tmp_path, reading.Options(ignore_label=255))


@pytest.mark.parametrize("cache", ["memory", None])
@pytest.mark.parametrize("void", [255, 65_535])
def test_batches_keep_void_pixels(tmp_path, cache, void):
    masks = void_pairs(tmp_path, [0, 1, 2], void, "uint16")
    given = zoo.batches(
        tmp_path / "images",
        (6, 8, 1),
        masks=tmp_path / "masks",
        ignore_label=void,
        cache=cache,
        shuffle=False,
    )
    ((_, read),) = list(given)
    np.testing.assert_array_equal(read, np.stack(list(masks.values())))
