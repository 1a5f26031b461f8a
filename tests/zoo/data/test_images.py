"""Image files: values worked out by hand, every format, and damaged files named."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from zoo.data import images, memory
from zoo.data.reader import Reader


@pytest.fixture
def pixels():
    return np.random.default_rng(3).integers(0, 256, (6, 4, 3), dtype="uint8")


def written(path, values, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values)).save(path, **options)
    return path


# --- finding --------------------------------------------------------------------------------


def test_files_come_sorted_by_path_whatever_the_order_of_writing(tmp_path):
    names = ["b.png", "a/z.png", "a/b.JPG", "c.tiff", "a10.png", "a2.png"]
    for name in names:
        written(tmp_path / name, np.zeros((2, 2), "uint8"), format="PNG")
    (tmp_path / "notes.txt").write_text("no image")
    written(tmp_path / ".hidden/x.png", np.zeros((2, 2), "uint8"))
    written(tmp_path / ".x.png", np.zeros((2, 2), "uint8"))
    found = [file.relative_to(tmp_path).as_posix() for file in images.find(tmp_path)]
    assert found == ["a/b.JPG", "a/z.png", "a10.png", "a2.png", "b.png", "c.tiff"]


def test_a_hidden_folder_on_the_way_hides_nothing(tmp_path):
    file = written(tmp_path / ".cache/photos/x.png", np.zeros((2, 2), "uint8"))
    assert images.find(tmp_path / ".cache/photos") == [file]


def test_folders_without_images_are_named(tmp_path):
    with pytest.raises(ValueError, match="nowhere: must be a folder of images, but it does not"):
        images.find(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(ValueError, match=r"holds no images.*\.png"):
        images.find(tmp_path)
    with pytest.raises(ValueError, match="but it is a file"):
        images.find(tmp_path / "notes.txt")


def test_pillow_reads_every_suffix_that_is_looked_for():
    assert {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".webp"} <= images.suffixes()
    assert not {".h5", ".eps", ".mpg", ".pdf", ".txt"} & images.suffixes()


# --- reading --------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "ppm", "tga"])
def test_lossless_formats_give_the_bytes(tmp_path, pixels, suffix):
    found = images.read(written(tmp_path / f"x.{suffix}", pixels))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, pixels.astype("float32") / np.float32(255))


@pytest.mark.parametrize("suffix", ["jpg", "webp", "gif"])
def test_lossy_formats_give_about_the_colour(tmp_path, suffix):
    flat = np.full((16, 16, 3), (200, 100, 50), "uint8")
    found = images.read(written(tmp_path / f"x.{suffix}", flat))
    np.testing.assert_allclose(found.mean(axis=(0, 1)), np.array([200, 100, 50]) / 255, atol=0.02)


def test_grey_and_rgb(tmp_path, pixels):
    """Grey is the luma of ITU-R 601: 0.299 R + 0.587 G + 0.114 B."""
    colour = written(tmp_path / "colour.png", pixels)
    grey = written(tmp_path / "grey.png", pixels[..., 0])
    assert images.read(colour).shape == (6, 4, 3)
    assert images.read(grey).shape == (6, 4, 1)
    luma = pixels @ np.array([0.299, 0.587, 0.114]) / 255
    np.testing.assert_allclose(images.read(colour, color="grey")[..., 0], luma, atol=1 / 255)
    three = images.read(grey, color="rgb")
    for channel in range(3):
        np.testing.assert_array_equal(three[..., channel], images.read(grey)[..., 0])


def test_sixteen_bits_are_scaled_by_their_own_range(tmp_path):
    values = np.array([[0, 65_535], [257, 32_768]], "uint16")
    file = written(tmp_path / "x.png", values)
    np.testing.assert_allclose(images.read(file)[..., 0], values / 65_535, atol=1e-7)
    assert images.read(file, color="rgb").shape == (2, 2, 3)


def write_16_bits(path, values):
    """Writes colours, or greys with alpha, of 16 bits: PNG by hand, or PPM."""
    height, width, channels = values.shape
    big_endian = values.astype(">u2")
    if path.suffix == ".ppm":
        path.write_bytes(b"P6 %d %d 65535\n" % (width, height) + big_endian.tobytes())
        return
    kind = {2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in big_endian)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("suffix", "channels"), [("png", 2), ("png", 3), ("png", 4), ("ppm", 3)])
def test_colours_of_sixteen_bits_are_in_their_range_and_said_to_be_cut(tmp_path, suffix, channels):
    values = np.random.default_rng(0).integers(0, 65_536, (6, 5, channels))
    file = tmp_path / f"a.{suffix}"
    write_16_bits(file, values)
    color = values[..., :1] if channels == 2 else values[..., :3]
    reader = Reader()
    (_, (found,)) = reader.all([file])
    np.testing.assert_allclose(found - color / 65_535, 0, atol=1 / 255)
    assert reader.depths() == "16 bits"
    assert [line for line in reader.said() if "lower 8 of 16 bits a colour, of 1 file" in line]


def test_a_range_is_of_the_sixteen_bits_that_a_colour_has(tmp_path):
    values = np.random.default_rng(0).integers(0, 3840, (6, 5, 3))  # 12 bits in 16
    write_16_bits(tmp_path / "a.png", values)
    found = images.read(tmp_path / "a.png", value_range=(0, 4095))
    np.testing.assert_allclose(found, values / 4095, atol=257 / 4095)
    reader = Reader()
    reader.all([tmp_path / "a.png"])
    assert "of 65535: images are dark" in reader.notes()[0]
    with pytest.raises(ValueError, match=r"a\.png: pixels must lie in the range 0\.\.255"):
        images.read(tmp_path / "a.png", value_range=(0, 255))


def test_alpha_palettes_and_bits(tmp_path, pixels):
    with_alpha = np.concatenate([pixels, np.full((6, 4, 1), 7, "uint8")], axis=-1)
    found = images.read(written(tmp_path / "alpha.png", with_alpha))
    np.testing.assert_array_equal(found, images.read(written(tmp_path / "plain.png", pixels)))
    ramp = np.arange(24, dtype="uint8").reshape(6, 4) * 10
    Image.fromarray(ramp).save(tmp_path / "grey.gif")
    assert images.read(tmp_path / "grey.gif").shape == (6, 4, 1)
    Image.fromarray(ramp > 100).save(tmp_path / "bits.png")
    np.testing.assert_array_equal(images.read(tmp_path / "bits.png")[..., 0], ramp > 100)


def test_a_resize_by_half_averages_blocks(tmp_path, pixels):
    file = written(tmp_path / "x.png", pixels)
    blocks = pixels.reshape(3, 2, 2, 2, 3).mean(axis=(1, 3)) / 255
    np.testing.assert_allclose(images.read(file, resize=(3, 2)), blocks, atol=1.01 / 255)


def test_the_camera_s_rotation_is_applied(tmp_path):
    """Mark 6: the top row of what is shown is the left column of what is stored."""
    stored = np.zeros((2, 4), "uint8")
    stored[:, 0] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    shown = images.read(written(tmp_path / "x.png", stored, exif=exif))
    assert shown.shape == (4, 2, 1)
    np.testing.assert_array_equal(shown[0], 1)
    np.testing.assert_array_equal(shown[1:], 0)
    assert images.size_of(tmp_path / "x.png") == (4, 2)


def png_of_a_wrong_checksum(file):
    content = bytearray(file.read_bytes())
    content[content.index(b"IDAT") + 6] ^= 0xFF
    file.write_bytes(content)


def test_damaged_files_are_named(tmp_path, pixels):
    broken = {
        "empty.png": b"",
        "text.jpg": b"hello, this is no picture",
        "huge.png": b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", *(60_000,) * 2, 8, 0, 0, 0, 0)),
    }
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content)
    cut = written(tmp_path / "cut.png", pixels)
    cut.write_bytes(cut.read_bytes()[:60])
    png_of_a_wrong_checksum(written(tmp_path / "flipped.png", pixels))
    Image.fromarray(np.full((2, 2), 7.5, "float32")).save(tmp_path / "floats.tiff")
    Image.fromarray(np.full((2, 2), 1_000_000, "int32")).save(tmp_path / "wide.tiff")
    unknown_range = "black and white must be known"
    texts = {"floats.tiff": unknown_range, "wide.tiff": unknown_range}
    files = images.find(tmp_path)
    assert len(files) == 7
    for file in files:
        text = f"{file.name}: {texts.get(file.name, 'cannot be read')}"
        with pytest.raises(images.UnreadableImageError, match=text) as e:
            images.read(file)
        assert "\n" not in str(e.value)


def chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


# --- the reader -----------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, pixels):
    for number in range(5):
        written(tmp_path / f"{number}.png", np.full((6, 4), 10 * number, "uint8"))
    (tmp_path / "2.png").write_bytes(b"damaged")
    return tmp_path


def test_unreadable_files_stop_or_are_skipped_and_named(folder):
    files = images.find(folder)
    with pytest.raises(images.UnreadableImageError, match=r"2.png.*--skip-unreadable"):
        Reader().all(files)
    reader = Reader(skip_unreadable=True)
    kept, values = reader.all(files)
    assert [file.name for file in kept] == ["0.png", "1.png", "3.png", "4.png"]
    np.testing.assert_allclose(values[:, 0, 0, 0] * 255, [0, 10, 30, 40], atol=1e-5)
    assert len(reader.skipped) == 1
    assert "2.png" in reader.skipped[0]


def test_batches_are_all_files_in_order(folder):
    reader = Reader(resize=(3, 2), color="rgb", skip_unreadable=True)
    batches = list(reader.batches(images.find(folder), batch_size=2))
    assert [len(files) for files, _ in batches] == [2, 1, 1]
    assert all(values.shape[1:] == (3, 2, 3) for _, values in batches)
    values = np.concatenate([values for _, values in batches])
    np.testing.assert_allclose(values[:, 0, 0, 0] * 255, [0, 10, 30, 40], atol=1e-5)


@pytest.mark.parametrize("resize", [None, (16, 16)])
def test_images_that_do_not_fit_into_memory_are_refused_before_they_are_read(
    tmp_path, monkeypatch, resize
):
    for number in range(3):
        written(tmp_path / f"{number}.png", np.zeros((16, 16, 3), "uint8"))
    (tmp_path / "2.png").write_bytes(b"not read")
    need = 2 * 4 * 3 * 16 * 16 * 3
    monkeypatch.setattr(memory, "most_bytes", lambda: need - 1)
    with pytest.raises(ValueError, match=r"must fit into memory\. Received: 3 of 16x16x3, which"):
        Reader(resize=resize).all(images.find(tmp_path))
    monkeypatch.setattr(memory, "most_bytes", lambda: need)
    with pytest.raises(ValueError, match=r"2\.png: cannot be read"):
        Reader(resize=resize).all(images.find(tmp_path))
    assert len(Reader(resize=resize, skip_unreadable=True).all(images.find(tmp_path))[0]) == 2


def test_the_memory_of_this_machine_is_known():
    assert memory.most_bytes() is None or memory.most_bytes() > 2**28


def test_no_readable_file_is_an_error(tmp_path):
    (tmp_path / "x.png").write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"none of 1 files can be read.*x\.png"):
        Reader(skip_unreadable=True).all(images.find(tmp_path))


def test_mixed_sizes_name_two_files(folder):
    written(folder / "2.png", np.zeros((5, 5), "uint8"))
    with pytest.raises(ValueError, match=r"0.png is 6x4 but .*2.png is 5x5.*--resize 6x4"):
        Reader().all(images.find(folder))


def test_one_colour_image_makes_all_rgb(folder, pixels):
    written(folder / "2.png", pixels)
    _, values = Reader().all(images.find(folder))
    assert values.shape == (5, 6, 4, 3)
    np.testing.assert_allclose(values[3] * 255, 30, atol=1e-5)
    _, values = Reader(color="grey").all(images.find(folder))
    assert values.shape == (5, 6, 4, 1)


# --- masks ----------------------------------------------------------------------------------


def test_masks_keep_their_numbers(tmp_path):
    numbers = np.array([[0, 1, 2], [3, 0, 255]], "uint8")
    np.testing.assert_array_equal(images.read_mask(written(tmp_path / "m.png", numbers)), numbers)
    palette = Image.fromarray(numbers % 4, mode=None).convert("P")
    palette.putpalette([200, 0, 0, 0, 200, 0, 0, 0, 200, 9, 9, 9])
    palette.save(tmp_path / "p.png")
    np.testing.assert_array_equal(images.read_mask(tmp_path / "p.png"), numbers % 4)
    three = np.repeat(numbers[..., None], 3, axis=-1)
    np.testing.assert_array_equal(images.read_mask(written(tmp_path / "3.png", three)), numbers)
    np.testing.assert_array_equal(
        images.read_mask(written(tmp_path / "b.png", numbers > 0)), numbers > 0
    )


def test_a_resized_mask_makes_no_new_numbers(tmp_path):
    mask = np.random.default_rng(0).choice([0, 3, 7], (16, 16)).astype("uint8")
    found = images.read_mask(written(tmp_path / "m.png", mask), resize=(5, 9))
    assert found.shape == (5, 9)
    assert set(np.unique(found)) <= {0, 3, 7}


def test_a_colour_mask_is_refused(tmp_path, pixels):
    with pytest.raises(images.UnreadableImageError, match="mask of class numbers, but is a colour"):
        images.read_mask(written(tmp_path / "m.png", pixels))


# --- writing --------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_written_is_read_again(tmp_path, channels):
    values = np.random.default_rng(1).integers(0, 256, (5, 7, channels)) / 255
    images.write_png(tmp_path / "new/folder/x.png", values)
    np.testing.assert_allclose(images.read(tmp_path / "new/folder/x.png"), values, atol=1e-6)


def test_bytes_are_rounded_and_clipped():
    np.testing.assert_array_equal(
        images.to_bytes([-0.5, 0.0, 0.499 / 255, 0.501 / 255, 1.0, 7.0]), [0, 0, 0, 1, 255, 255]
    )


def test_grid_places_each_image():
    values = np.arange(5, dtype="float32")[:, None, None, None] / 10 * np.ones((5, 2, 3, 1))
    found = images.grid(values, gap=1)
    assert found.shape == (2 * 3 - 1, 3 * 4 - 1, 1)  # 2 rows of 3, a pixel between them
    assert found[0, 0, 0] == 0.0
    assert found[0, 4, 0] == pytest.approx(0.1)
    assert found[3, 4, 0] == pytest.approx(0.4)
    assert found[2, 0, 0] == 1.0
    assert found[3, 8, 0] == 1.0


def test_overlay_leaves_the_background():
    image = np.full((2, 2, 1), 0.5, "float32")
    mask = np.array([[0, 1], [2, 0]])
    found = images.overlay(image, mask, opacity=0.25)
    np.testing.assert_array_equal(found[mask == 0], 0.5)
    for number, colour in enumerate(images.MASK_COLORS[:2], start=1):
        expected = 0.75 * 0.5 + 0.25 * np.array(colour) / 255
        np.testing.assert_allclose(found[mask == number][0], expected, atol=1e-6)
