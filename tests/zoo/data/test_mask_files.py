"""Masks: one rule for all readers; what could be read in two ways is refused with its remedy."""

import unicodedata

import numpy as np
import pytest
from PIL import Image

from zoo.data import images, mask_files, mask_numbers
from zoo.data.images import UnreadableImageError

BLOB = np.add.outer(np.arange(8), np.arange(6)) > 5


def save(path, values, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = values if isinstance(values, Image.Image) else Image.fromarray(values)
    image.save(path, **options)
    return path


def judged(folder, *masks, suffix=".png", num_classes=None, foreground=None, **options):
    """Writes masks, reads and judges them: the class numbers of all."""
    files = [save(folder / f"{row}{suffix}", mask, **options) for row, mask in enumerate(masks)]
    found = [mask_numbers.read(file, foreground=foreground) for file in files]
    rule = mask_files.judge(folder, [seen for _, seen in found], num_classes)
    return np.stack([rule.apply(numbers) for numbers, _ in found])


def palette(indices, *colors):
    image = Image.fromarray(indices.astype("uint8"))
    image.putpalette([value for color in colors for value in color])
    return image


# --- taken ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mask",
    [
        BLOB,
        BLOB.astype("uint8"),
        BLOB.astype("uint8") * 255,
        (BLOB * 65_535).astype("uint16"),
        np.repeat(BLOB[..., None] * np.uint8(255), 3, axis=-1),
        np.dstack([BLOB * np.uint8(255), np.full(BLOB.shape, 255, "uint8")]),  # opaque alpha
        palette(~BLOB, (255, 255, 255), (0, 0, 0)),
        palette(BLOB, (0, 0, 0), (200, 0, 0)),
    ],
    ids=["bits", "0-1", "0-255", "16 bits", "rgb", "alpha", "white first", "colour"],
)
def test_foreground_is_found_in_every_form(tmp_path, mask):
    np.testing.assert_array_equal(judged(tmp_path, mask)[0], BLOB)


def test_floats_that_are_whole_numbers_are_class_numbers(tmp_path):
    np.testing.assert_array_equal(judged(tmp_path, BLOB.astype("float32"), suffix=".tif")[0], BLOB)


def test_an_image_without_an_object_is_a_mask_too(tmp_path):
    found = judged(tmp_path, BLOB * np.uint8(255), np.zeros(BLOB.shape, "uint8"))
    assert found.sum(axis=(1, 2)).tolist() == [BLOB.sum(), 0]


def test_classes_may_be_missing_where_their_number_is_given(tmp_path):
    mask = (BLOB * 3).astype("uint8")
    assert judged(tmp_path, mask, num_classes=5).max() == 3
    with pytest.raises(ValueError, match=r"Received: 0, 3; .*0\.png holds 3.*--foreground nonzero"):
        judged(tmp_path, mask)


def test_a_rotated_mask_stands_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    file = save(tmp_path / "x.png", BLOB.astype("uint8"), exif=exif)
    np.testing.assert_array_equal(images.read_mask(file), np.rot90(BLOB, -1))


# --- refused --------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [2, 128, 254])
def test_a_foreground_of_another_value_is_taken_when_told(tmp_path, value):
    mask = (BLOB * value).astype("uint8")
    with pytest.raises(ValueError, match=rf"If {value} is the foreground, give --foreground"):
        judged(tmp_path, mask)
    np.testing.assert_array_equal(judged(tmp_path, mask, foreground="nonzero")[0], BLOB)


def test_void_pixels_are_named_as_such(tmp_path):
    void = BLOB.astype("uint8")
    void[0] = 255
    with pytest.raises(ValueError, match=r"no class \(void\), give --ignore-label 255") as caught:
        judged(tmp_path, void)
    assert "JPEG" not in str(caught.value)


def test_two_ways_of_writing_name_two_files(tmp_path):
    with pytest.raises(ValueError, match=r"1\.png holds 0 and 255, .*0\.png 0 and 1: write all"):
        judged(tmp_path, BLOB.astype("uint8"), BLOB * np.uint8(255))


@pytest.mark.parametrize(("suffix", "options"), [(".jpg", {}), (".webp", {"quality": 80})])
def test_lossy_files_of_class_numbers_are_refused(tmp_path, suffix, options):
    with pytest.raises(ValueError, match="JPEG changes values: save masks as PNG"):
        judged(tmp_path, (BLOB * 3).astype("uint8"), suffix=suffix, **options)


def test_lossless_webp_and_thresholded_jpeg_are_taken(tmp_path):
    found = judged(tmp_path / "a", BLOB.astype("uint8"), suffix=".webp", lossless=True)
    np.testing.assert_array_equal(found[0], BLOB)
    big = np.kron(BLOB, np.ones((16, 16), bool))
    noisy = judged(
        tmp_path / "b", big * np.uint8(255), suffix=".jpg", foreground="above:127", quality=60
    )
    assert (noisy[0] != big).mean() < 0.01


def test_instances_are_refused_with_the_remedy(tmp_path):
    """16-bit ids with gaps; and ids from 1 on, of which each image has its own number."""
    cells = np.zeros((8, 6), "uint16")
    cells[0], cells[3], cells[6] = 7, 900, 31_000
    with pytest.raises(ValueError, match=r"numbers of instances.*--foreground nonzero"):
        judged(tmp_path / "a", cells)
    counted = [np.minimum(np.arange(48), last).reshape(8, 6).astype("uint8") for last in (9, 5, 12)]
    with pytest.raises(ValueError, match="numbers of instances"):
        judged(tmp_path / "b", *counted)
    np.testing.assert_array_equal(judged(tmp_path / "a", cells, foreground="nonzero")[0], cells > 0)


def test_a_number_has_one_colour_in_all_palettes(tmp_path):
    masks = [palette(BLOB, (0, 0, 0), color) for color in ((200, 0, 0), (0, 0, 200))]
    with pytest.raises(ValueError, match=r"1 is \(200, 0, 0\) in .*0\.png but .* in .*1\.png"):
        judged(tmp_path, *masks)


@pytest.mark.parametrize(
    ("mask", "suffix", "message"),
    [
        (palette(~BLOB, (200, 0, 0), (0, 0, 0)), ".png", "black is number 1"),
        (palette(BLOB, (200, 200, 200), (90, 90, 90)), ".png", "greys rise"),
        (np.random.default_rng(0).integers(0, 255, (8, 6, 3), "uint8"), ".png", "colour image"),
        (BLOB * np.float32(0.7), ".tif", r"fractions from 0 to 0\.7"),
        (np.dstack([np.zeros((8, 6, 3), "uint8"), BLOB * np.uint8(255)]), ".png", "alpha channel"),
    ],
    ids=["black is 1", "falling greys", "colours", "fractions", "in the alpha"],
)
def test_what_holds_no_class_numbers_is_refused(tmp_path, mask, suffix, message):
    with pytest.raises(UnreadableImageError, match=message):
        judged(tmp_path, mask, suffix=suffix)


def test_a_mask_of_several_pages_is_refused(tmp_path):
    pages = [Image.fromarray(BLOB * np.uint8(value)) for value in (1, 255)]
    pages[0].save(tmp_path / "x.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(UnreadableImageError, match=r"one page\. Received: 2 pages"):
        images.read_mask(tmp_path / "x.tif")


def test_arrays_follow_the_same_rule():
    masks = np.stack([BLOB, BLOB])
    for values in (masks, masks * np.uint8(255), (masks * 65_535).astype("uint16")):
        np.testing.assert_array_equal(mask_files.class_numbers("m", values), masks)
    with pytest.raises(ValueError, match="If 128 is the foreground"):
        mask_files.class_numbers("m", masks * np.uint8(128))
    with pytest.raises(ValueError, match="fractions"):
        mask_files.class_numbers("m", masks * 0.5)


# --- found beside their images --------------------------------------------------------------


def names_of(folder, image_names, mask_names):
    for place, names in (("images", image_names), ("masks", mask_names)):
        for name in names:
            save(folder / place / name, BLOB)
    files = images.find(folder / "images")
    found = mask_files.match(files, folder / "images", folder / "masks")
    return [mask.relative_to(folder / "masks").as_posix() for mask in found]


@pytest.mark.parametrize("suffix", ["", "_mask", "_gt"])
def test_masks_are_found_by_their_names(tmp_path, suffix):
    found = names_of(tmp_path, ["a/x.bmp", "b/x.bmp"], [f"b/x{suffix}.png", f"a/x{suffix}.png"])
    assert found == [f"a/x{suffix}.png", f"b/x{suffix}.png"]


def test_an_image_may_be_called_mask(tmp_path):
    assert names_of(tmp_path, ["x_mask.bmp"], ["x_mask.png"]) == ["x_mask.png"]


def test_names_of_a_mac_are_found(tmp_path):
    decomposed, composed = (unicodedata.normalize(form, "é.png") for form in ("NFD", "NFC"))
    assert names_of(tmp_path, [decomposed], [composed]) == [composed]


@pytest.mark.parametrize(
    ("image_names", "mask_names", "message"),
    [
        (["a.png", "a.bmp"], ["a.png"], "have one name"),
        (["a.png"], ["a.png", "a_mask.png"], "are masks of one image"),
        (["a.png"], ["a.png", "a.tif"], "are masks of one image"),
        (["a.png", "b.png"], ["a.png"], r"b\.png: has no mask"),
        (["a.png"], ["a.png", "b.png"], r"b\.png: has no image of this name"),
    ],
)
def test_pairs_that_are_not_clear_are_named(tmp_path, image_names, mask_names, message):
    with pytest.raises(ValueError, match=message):
        names_of(tmp_path, image_names, mask_names)
