"""Batches from folders and from arrays in files: the plain loader's values, in little memory."""

import os
import threading
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import zoo
from zoo.data import augmentation, images, mask_files
from zoo.data import cache as pixel_cache
from zoo.data.reader import Reader
from zoo.inputs import pipeline
from zoo.training import device_data

SHAPE = (16, 16, 3)


def photograph(seed, height=20, width=30):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), "uint8")


@pytest.fixture
def folder(tmp_path):
    """7 images of several formats, sizes, modes and sub-folders."""
    place = tmp_path / "photos"
    (place / "b").mkdir(parents=True)
    Image.fromarray(photograph(0)).save(place / "0.png")
    Image.fromarray(photograph(1, 40, 25)).save(place / "1.jpg", quality=90)
    Image.fromarray(photograph(2)[..., 0]).save(place / "2.png")
    turned = Image.Exif()
    turned[0x0112] = 6  # a camera held upright
    Image.fromarray(photograph(3, 33, 17)).save(place / "3.jpg", exif=turned)
    Image.fromarray(photograph(4)).quantize(16).save(place / "b" / "4.gif")
    Image.fromarray(photograph(5)).save(place / "b" / "5.bmp")
    Image.fromarray(np.dstack([photograph(6), photograph(7)[..., :1]])).save(place / "6.png")
    return place


@pytest.fixture
def cells(tmp_path):
    """5 images with masks of 0 and 255, of one size each but not all of one."""
    for row in range(5):
        image = photograph(row, 20 + row, 30)
        for name, values in (("images", image), ("masks", (image[..., 0] > 99) * np.uint8(255))):
            (tmp_path / name).mkdir(exist_ok=True)
            Image.fromarray(values).save(tmp_path / name / f"{row}.png")
    return tmp_path


def plain(folder, shape=SHAPE):
    """Returns what the loader of the command line makes of a folder."""
    color = {1: "grey", 3: "rgb"}[shape[-1]]
    return Reader(shape[:2], color).all(images.find(folder))[1]


def all_of(dataset):
    """Returns the parts of an epoch, each as one array."""
    found = [batch if isinstance(batch, tuple) else (batch,) for batch in dataset]
    return [np.concatenate(part) for part in zip(*found, strict=True)]


# --- values ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [SHAPE, (12, 20, 1)])
@pytest.mark.parametrize("cache", [None, "memory", "pixels.npy"])
def test_the_values_are_those_of_the_plain_loader_to_the_bit(folder, tmp_path, cache, shape):
    cache = tmp_path / cache if cache == "pixels.npy" else cache
    for _ in range(2):  # the second time from the file that is there
        batches = zoo.batches(folder, shape, batch_size=3, cache=cache, shuffle=False)
        (found,) = all_of(batches)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, plain(folder, shape))


@pytest.mark.parametrize("cache", [None, "memory"])
def test_16_bits_keep_their_precision(tmp_path, cache):
    values = np.random.default_rng(0).integers(0, 65_536, (2, 8, 8), dtype="uint16")
    for row, image in enumerate(values):
        Image.fromarray(image).save(tmp_path / f"{row}.png")
    (found,) = all_of(zoo.batches(tmp_path, (8, 8, 1), cache=cache, shuffle=False))
    np.testing.assert_array_equal(found[..., 0], values.astype("float32") / np.float32(65_535))


@pytest.mark.parametrize("cache", [None, "memory", "pixels.npy"])
def test_masks_come_with_their_images(cells, cache):
    cache = cells / cache if cache == "pixels.npy" else cache
    for _ in range(2):
        found, masks = all_of(
            zoo.batches(
                cells / "images", SHAPE, masks=cells / "masks", cache=cache, batch_size=2, seed=3
            )
        )
        expected = plain(cells / "images")
        raw = np.stack(
            [images.read_mask(cells / "masks" / f"{row}.png", resize=(16, 16)) for row in range(5)]
        )
        assert masks.dtype == np.int32 and set(np.unique(masks)) == {0, 1}
        order = [int(np.flatnonzero((expected == each).all((1, 2, 3)))[0]) for each in found]
        assert sorted(order) == list(range(5))
        np.testing.assert_array_equal(found, expected[order])
        np.testing.assert_array_equal(masks, raw[order] // 255)


def test_a_list_of_files_keeps_its_order(folder):
    files = images.find(folder)[::-1]
    (found,) = all_of(zoo.batches(files, SHAPE, shuffle=False))
    np.testing.assert_array_equal(found, plain(folder)[::-1])


def test_arrays_of_bytes_and_of_floats(tmp_path, digits):
    as_bytes = images.to_bytes(digits[:50])
    for values, name in ((as_bytes, "bytes.npy"), (digits[:50], "floats.npy")):
        np.save(tmp_path / name, values)
        expected = values / np.float32(255) if values.dtype == np.uint8 else values
        for source in (values, tmp_path / name, np.load(tmp_path / name, mmap_mode="r")):
            (found,) = all_of(zoo.batches(source, batch_size=16, shuffle=False))
            np.testing.assert_array_equal(found, expected)


# --- orders ---------------------------------------------------------------------------------


def orders_of(dataset, num_epochs=3):
    return [np.concatenate([np.rint(b[:, 0] * 255) for b in dataset]) for _ in range(num_epochs)]


def test_each_epoch_has_an_order_of_its_own_by_the_seed_alone():
    rows = np.arange(100, dtype="uint8")[:, None]
    runs = []
    for seed in (0, 0, 1):
        tf.random.set_seed(len(runs))
        runs.append(orders_of(zoo.batches(rows, batch_size=7, seed=seed)))
    for order in [*runs[0], *runs[2]]:
        assert sorted(order) == list(range(100))
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])
    assert not np.array_equal(runs[0][0], runs[0][1])


def test_without_a_seed_that_of_keras_decides():
    rows = np.arange(100, dtype="uint8")[:, None]
    found = []
    for seed in (5, 5, 6):
        keras.utils.set_random_seed(seed)
        found.append(orders_of(zoo.batches(rows)))
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_keras_knows_how_many_batches_there_are(folder):
    assert int(zoo.batches(folder, SHAPE, batch_size=3).cardinality()) == 3
    assert int(zoo.batches(folder, SHAPE, batch_size=3, cache=None).cardinality()) == 3


# --- augmentation ---------------------------------------------------------------------------


def test_augmented_batches_are_those_of_augment_by_epoch_and_place():
    pixels = np.random.default_rng(0).random((7, 8, 6, 1)).astype("float32")
    masks = (pixels[..., 0] > 0.5).astype("int32")
    settings = {"batch_size": 3, "seed": 5, "shuffle": False}
    found = zoo.batches(pixels, masks=masks, augment="flip:both,shift:0.2", **settings)
    assert int(found.cardinality()) == 3
    plan = {"flips": "both", "max_shift": 0.2}
    for epoch in range(2):
        for place, (x, y) in enumerate(found):
            rows = slice(3 * place, 3 * place + 3)
            expected = augmentation.augment(
                pixels[rows], masks[rows, ..., None], seed=(5, epoch, place), **plan
            )
            np.testing.assert_array_equal(x, expected[0])
            np.testing.assert_array_equal(y, expected[1][..., 0])
    plain = zoo.batches(pixels, masks=masks, **settings)
    for one, other in zip(pipeline.in_order(found), plain, strict=True):
        np.testing.assert_array_equal(one[0], other[0])  # what is looked at is not changed


def test_fit_takes_augmented_files_and_not_their_kept_pixels(folder):
    model = zoo.create("autoencoder", SHAPE, preset="dense", hidden_units=(4,), latent_dim=2)
    model.compile("adam")
    found = zoo.batches(folder, SHAPE, batch_size=4, augment="flip,rotation:15", seed=1)
    assert pipeline.cached_source(found) is None
    assert len(model.fit(found, epochs=2, verbose=0).history["loss"]) == 2


# --- the cache file -------------------------------------------------------------------------


@pytest.fixture
def counted(monkeypatch):
    """Counts how often a file is decoded."""
    number, lock, read = [0], threading.Lock(), images.read

    def counting(*arguments, **settings):
        with lock:
            number[0] += 1
        return read(*arguments, **settings)

    monkeypatch.setattr(images, "read", counting)
    return number


def test_a_cache_decodes_once(folder, tmp_path, counted):
    path = tmp_path / "new" / "pixels.npy"
    for _ in range(2):
        batches = zoo.batches(folder, SHAPE, cache=path)
        for _ in range(3):
            all_of(batches)
    assert counted[0] == 7
    kept = np.load(path)  # a plain .npy, of bytes
    assert (kept.shape, kept.dtype) == ((7, *SHAPE), np.uint8)
    assert [file.name for file in path.parent.iterdir()] == ["pixels.npy"]


def touch(folder):
    state = os.stat(folder / "0.png")
    os.utime(folder / "0.png", ns=(state.st_atime_ns, state.st_mtime_ns + 1_000_000))


def repaint(folder):
    Image.fromarray(photograph(99)).save(folder / "0.png")


@pytest.mark.parametrize(
    "change",
    [
        repaint,
        touch,
        lambda folder: (folder / "1.jpg").unlink(),
        lambda folder: (folder / "1.jpg").rename(folder / "9.jpg"),
        lambda folder: Image.fromarray(photograph(8)).save(folder / "8.png"),
    ],
    ids=["repaint", "touch", "remove", "rename", "add"],
)
def test_the_cache_is_never_stale(folder, tmp_path, counted, change):
    path = tmp_path / "pixels.npy"
    zoo.batches(folder, SHAPE, cache=path)
    before = counted[0]
    change(folder)
    (found,) = all_of(zoo.batches(folder, SHAPE, cache=path, shuffle=False))
    assert counted[0] > before
    np.testing.assert_array_equal(found, plain(folder))


def test_another_size_is_another_cache(folder, tmp_path):
    for shape in (SHAPE, (8, 8, 1), SHAPE):
        (found,) = all_of(zoo.batches(folder, shape, cache=tmp_path / "p.npy", shuffle=False))
        np.testing.assert_array_equal(found, plain(folder, shape))


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: b"", lambda data: data[:9]]
)
def test_a_damaged_cache_is_made_again(folder, tmp_path, damage):
    path = tmp_path / "pixels.npy"
    zoo.batches(folder, SHAPE, cache=path)
    path.write_bytes(damage(path.read_bytes()))
    (found,) = all_of(zoo.batches(folder, SHAPE, cache=path, shuffle=False))
    np.testing.assert_array_equal(found, plain(folder))


@pytest.mark.parametrize("dtype", ["float32", "uint8", object])
@pytest.mark.parametrize("name", ["pixels.npy", "pixels.masks.npy"])
def test_an_array_of_the_users_is_no_cache_and_stays(cells, tmp_path, dtype, name):
    np.save(tmp_path / name, np.ones((3, 2), dtype))
    before = (tmp_path / name).read_bytes()
    with pytest.raises(ValueError, match=rf"{name}: cache must be a new .*\(3, 2\), which would"):
        zoo.batches(cells / "images", SHAPE, masks=cells / "masks", cache=tmp_path / "pixels.npy")
    assert (tmp_path / name).read_bytes() == before


def test_a_cache_that_failed_is_not_there_and_the_earlier_one_stays(folder, tmp_path):
    path = tmp_path / "pixels.npy"
    zoo.batches(folder, SHAPE, cache=path)
    before = path.read_bytes()
    (folder / "0.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"0\.png: cannot be read as an image"):
        zoo.batches(folder, SHAPE, cache=path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["pixels.npy"]


def test_what_changes_while_the_cache_is_made_is_noticed(folder, tmp_path):
    path = tmp_path / "pixels.npy"
    files = images.find(folder)
    mark = pixel_cache.fingerprint(files)

    def fill(new):
        new((1,), "uint8")[:] = 7
        repaint(folder)

    assert pixel_cache.write(path, mark, fill)[0] == 7
    assert pixel_cache.opened(path, mark) is not None
    assert pixel_cache.opened(path, pixel_cache.fingerprint(files)) is None


# --- errors at the door ---------------------------------------------------------------------


@pytest.mark.parametrize("cache", [None, "memory", "auto"])
def test_a_damaged_file_is_named_before_training(folder, cache):
    whole = (folder / "1.jpg").read_bytes()
    (folder / "1.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(images.UnreadableImageError, match=r"1\.jpg: cannot be read as an image"):
        zoo.batches(folder, SHAPE, cache=cache)


def test_unchecked_it_is_named_by_the_epoch(folder):
    (folder / "1.jpg").write_bytes(b"")
    batches = zoo.batches(folder, SHAPE, cache=None, check=False)
    with pytest.raises(tf.errors.OpError, match=r"1\.jpg: cannot be read as an image"):
        all_of(batches)


def test_wrong_folders(tmp_path, cells):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no images"):
        zoo.batches(tmp_path / "empty", SHAPE)
    with pytest.raises(ValueError, match="does not exist"):
        zoo.batches(tmp_path / "nowhere", SHAPE)
    (cells / "masks" / "2.png").unlink()
    with pytest.raises(ValueError, match=r"images/2\.png: has no mask"):
        zoo.batches(cells / "images", SHAPE, masks=cells / "masks")


@pytest.mark.parametrize("cache", [None, "memory"])
def test_wrong_masks(cells, cache):
    settings = {"masks": cells / "masks", "cache": cache}
    Image.fromarray(np.zeros((5, 5), "uint8")).save(cells / "masks" / "1.png")
    with pytest.raises(ValueError, match=r"1\.png: must be as large as its image. Received: 5x5"):
        zoo.batches(cells / "images", SHAPE, **settings)
    Image.fromarray(np.full((21, 30), 7, "uint8")).save(cells / "masks" / "1.png")
    with pytest.raises(ValueError, match=r"without gaps\. Received: 0, 7, 255"):
        zoo.batches(cells / "images", SHAPE, **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "batch_size must be an int >= 1"),
        ({"image_shape": None}, "image_shape must be given"),
        ({"image_shape": (16, 16, 2)}, "image_shape must be (height, width, 1 or 3)"),
        ({"cache": "pixels"}, "cache must be None, 'auto', 'memory' or the name of an .npy file"),
        ({"source": np.zeros((3, 4), "int32")}, "source must hold 8 or 16 bits, or floats"),
        ({"source": np.full((3, 4), 2.0)}, "source must lie in [0, 1]"),
        ({"source": np.zeros((0, 4), "uint8")}, "at least one image"),
        ({"source": np.zeros((3, 4), "uint8"), "cache": "memory"}, "cache must be left out"),
        ({"source": np.zeros((3, 4)), "masks": np.zeros((2, 4))}, "one row per image"),
        ({"source": "nothing.npy"}, "source must be an .npy file of numbers"),
        ({"source": []}, "at least one file"),
        ({"augment": "turn:3"}, "augment must name flip, shift:SHARE"),
        ({"source": np.zeros((3, 4)), "augment": "flip"}, "augment must be left out"),
        ({"augment": 3}, "augment must be a text"),
        ({"cache": 3}, "cache must be None, 'auto', 'memory' or the name of an .npy file"),
        ({"seed": -1}, "seed must be an int from 0 to"),
        ({"seed": "x"}, "seed must be an int from 0 to"),
        ({"num_classes": 3}, "num_classes is for masks, and none are given"),
        ({"ignore_label": 3}, "ignore_label is for masks, and none are given"),
        *(
            ({"value_range": value}, "value_range must be (low, high), two numbers")
            for value in ((255, 0), (5, 5), (0, 1, 2), (0, np.nan), "0..255", 255)
        ),
        *(
            ({"source": np.zeros((3, 4, 4, 1)), "masks": np.full((3, 4, 4), value)}, message)
            for value, message in ((0.5, "fractions or NaN"), (np.nan, "fractions or NaN"))
        ),
        ({"source": np.zeros((3, 4, 4, 1)), "masks": np.zeros((3, 2, 4), "u1")}, "(n, 4, 4)"),
        ({"source": np.zeros((3, 4, 4, 1)), "masks": np.full((3, 4, 4), "a")}, "whole numbers"),
    ],
)
def test_wrong_arguments(folder, settings, message):
    if not isinstance(settings.get("source", ""), str) and not isinstance(settings["source"], list):
        settings = {"image_shape": None} | settings
    with pytest.raises((ValueError, TypeError)) as caught:
        zoo.batches(**{"source": folder, "image_shape": SHAPE} | settings)
    assert message in str(caught.value)


@pytest.mark.parametrize("source", [None, 5, b"photos", [np.zeros((4, 4, 1))], {"a": 1}])
def test_what_is_no_source_is_told_so(source):
    with pytest.raises(TypeError, match="source must be a folder, a list of image files, or an"):
        zoo.batches(source, SHAPE)


def test_an_npz_is_told_to_name_its_array(tmp_path):
    np.savez(tmp_path / "several.npz", images=np.zeros((3, 4, 4, 1)))
    with pytest.raises(ValueError, match=r"several\.npz, which holds several\. Name one: numpy"):
        zoo.batches(tmp_path / "several.npz", SHAPE)


def test_tensors_and_whole_floats_are_taken():
    pixels = np.random.default_rng(0).random((5, 4, 4, 1), "float32")
    numbers = np.arange(80).reshape(5, 4, 4) % 3
    batches = zoo.batches(
        keras.ops.convert_to_tensor(pixels), masks=numbers.astype("float64"), shuffle=False
    )
    ((images_found, masks_found),) = batches
    np.testing.assert_array_equal(images_found, pixels)
    np.testing.assert_array_equal(masks_found, numbers)


def test_class_numbers():
    np.testing.assert_array_equal(mask_files.class_numbers("m", np.array([0, 255])), [0, 1])
    with pytest.raises(ValueError, match=r"m: masks must hold 0 and 1, 0 and 255.*0, 1, 255"):
        mask_files.class_numbers("m", np.array([0, 1, 255]))


# --- training -------------------------------------------------------------------------------


def dense(shape, seed=1):
    keras.utils.set_random_seed(seed)
    model = zoo.create("autoencoder", shape, preset="dense", hidden_units=(16,), latent_dim=4)
    model.compile(keras.optimizers.Adam(3e-3))
    return model


def weights_of(model):
    return np.concatenate([np.ravel(weight) for weight in model.get_weights()])


def test_a_folder_trains_as_its_arrays_do(folder):
    of_arrays, of_folder = dense(SHAPE), dense(SHAPE)
    of_arrays.fit(plain(folder), shuffle=False, batch_size=3, epochs=3, verbose=0)
    found = of_folder.fit(
        zoo.batches(folder, SHAPE, batch_size=3, shuffle=False), epochs=3, verbose=0
    )
    np.testing.assert_allclose(weights_of(of_folder), weights_of(of_arrays), rtol=1e-5, atol=1e-6)
    assert len(found.history["loss"]) == 3


@pytest.mark.parametrize("cache", ["memory", "file"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_a_kept_folder_trains_on_the_device_as_batch_by_batch(folder, tmp_path, cache, shuffle):
    """The same bits: pixels, orders, updates and history, over two calls of fit."""
    cache = "memory" if cache == "memory" else tmp_path / "pixels.npy"
    found = []
    for resident in (True, False):
        model = dense(SHAPE)
        batches = zoo.batches(folder, SHAPE, batch_size=3, cache=cache, shuffle=shuffle, seed=5)
        losses = [
            model.fit(batches, epochs=2, verbose=0, resident=resident).history["loss"]
            for _ in range(2)
        ]
        found.append((weights_of(model), losses))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-6)


def test_masks_of_a_kept_folder_train_on_the_device(cells):
    found = []
    for resident in (True, False):
        keras.utils.set_random_seed(0)
        model = zoo.create("unet", SHAPE, preset="tiny", seed=0)
        model.compile("adam")
        batches = zoo.batches(cells / "images", SHAPE, masks=cells / "masks", batch_size=2, seed=1)
        found.append(model.fit(batches, epochs=2, verbose=0, resident=resident).history["loss"])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4)


def test_pixels_are_the_same_bits_on_the_device(tmp_path):
    """Each byte divided by 255 as numpy does; the reciprocal would differ in the last bit."""
    levels = np.arange(256, dtype="uint8").reshape(1, 16, 16, 1)
    source = pipeline.cached_source(zoo.batches(levels, batch_size=1))

    graphs = device_data._Graphs(lambda data: {"pixels": data}, 1, False, False, source.forms)
    logs = graphs.batch(tf.constant(source.data), tf.constant([0], tf.int64))
    np.testing.assert_array_equal(logs["pixels"], levels / np.float32(255))


def test_what_is_made_of_batches_is_what_is_trained_on(folder):
    """A `map` of the user is no longer the folder: it must not be passed over."""
    batches = zoo.batches(folder, SHAPE, batch_size=3)
    assert pipeline.cached_source(batches) is not None
    assert pipeline.cached_source(batches.map(lambda x: x)) is None
    assert pipeline.cached_source(zoo.batches(folder, SHAPE, cache=None)) is None
    with pytest.raises(ValueError, match="resident must be None or False"):
        dense(SHAPE).fit(zoo.batches(folder, SHAPE, cache=None), resident=True)


def test_large_files_are_not_read_into_memory(tmp_path):
    np.lib.format.open_memmap(tmp_path / "x.npy", "w+", "uint8", (1025, 1024, 1024, 1))
    assert pipeline.cached_source(zoo.batches(tmp_path / "x.npy", check=False)) is None


def test_looking_at_the_first_batch_leaves_the_orders(mapped):
    batches = zoo.batches(mapped, batch_size=200, seed=3)
    looked = next(iter(pipeline.in_order(batches)))
    np.testing.assert_array_equal(looked, mapped)
    (first,) = batches
    order = np.random.default_rng([3, 0]).permutation(200)
    np.testing.assert_array_equal(first, mapped[order])


def test_a_unet_trains_on_a_folder_with_masks(cells):
    model = zoo.create("unet", SHAPE, preset="tiny")
    model.compile("adam")
    batches = zoo.batches(cells / "images", SHAPE, masks=cells / "masks", batch_size=2)
    history = model.fit(batches, epochs=2, validation_data=batches, verbose=0).history
    assert np.isfinite(history["val_loss"]).all()
    assert model.predict(batches, verbose=0).shape == (5, 16, 16, 1)


@pytest.fixture
def mapped(tmp_path, digits):
    np.save(tmp_path / "digits.npy", digits[:200])
    return np.load(tmp_path / "digits.npy", mmap_mode="r")


@pytest.mark.parametrize("share", [None, 0.25])
def test_a_mapped_array_trains_as_one_in_memory(mapped, digits, share):
    """The same orders, updates and history, with shuffling and weights of samples."""
    weights = np.linspace(0.5, 1.5, 200).astype("float32")
    found = []
    for data in (mapped, digits[:200]):
        model = dense((8, 8, 1))
        keras.utils.set_random_seed(7)
        held_out = {"validation_split": share} if share else {"validation_data": data[:50]}
        history = model.fit(
            data, epochs=3, batch_size=32, sample_weight=weights, verbose=0, **held_out
        ).history
        found.append((weights_of(model), history))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-5, atol=1e-6)
    for name, values in found[1][1].items():
        np.testing.assert_allclose(found[0][1][name], values, rtol=1e-5)


def test_steps_of_a_mapped_array_are_those_of_one_in_memory(mapped, digits):
    found = []
    for data in (mapped, digits[:200]):
        model = dense((8, 8, 1))
        keras.utils.set_random_seed(7)
        history = model.fit(data, epochs=2, batch_size=32, steps_per_epoch=3, verbose=0).history
        found.append((weights_of(model), history["loss"]))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-5)


def test_a_mapped_array_is_evaluated_and_predicted_as_one_in_memory(mapped, digits):
    model = dense((8, 8, 1))
    np.testing.assert_allclose(
        model.predict(mapped, verbose=0), model.predict(digits[:200], verbose=0), rtol=1e-6
    )
    np.testing.assert_allclose(
        model.evaluate(mapped, batch_size=64, verbose=0),
        model.evaluate(digits[:200], batch_size=64, verbose=0),
        rtol=1e-6,
    )


def test_predictions_of_shuffled_batches_are_in_the_order_of_the_rows(digits):
    """And the orders of the epochs are those without it."""
    model = dense((8, 8, 1))
    settings = {"batch_size": 16, "seed": 3, "augment": "shift:0.3"}
    found, plain = (zoo.batches(digits[:40], **settings) for _ in range(2))
    for _ in range(2):
        np.testing.assert_allclose(
            model.predict(found, verbose=0), model.predict(digits[:40], verbose=0), rtol=1e-5
        )
    np.testing.assert_array_equal(all_of(found)[0], all_of(plain)[0])
    masked = zoo.batches(digits[:40], batch_size=16, masks=digits[:40, ..., 0] > 0.5)
    np.testing.assert_allclose(
        model.predict(masked, verbose=0), model.predict(digits[:40], verbose=0), rtol=1e-5
    )


def test_mapped_inputs_in_a_dict(mapped, digits):
    model = zoo.create("conditional_vae", (8, 8, 1), preset="tiny", num_classes=10)
    model.compile("adam")
    x = {"image": mapped, "label": np.arange(200) % 10}
    assert pipeline.is_mapped(x)
    history = model.fit(x, epochs=1, verbose=0, validation_data=(x,)).history
    assert np.isfinite(history["val_loss"]).all()


def test_wrong_values_in_a_file_are_refused_with_their_place(tmp_path):
    values = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", "float32", (3000, 64, 64, 1))
    values[2_500, 3, 4] = np.nan  # beyond the first block that is looked at
    with pytest.raises(ValueError, match=r"NaN or infinity in 1 of 3000 images, the first.* 2500"):
        dense((64, 64, 1)).fit(values)
    values[2_500] = 2.0
    with pytest.raises(ValueError, match=r"minimum 0, maximum 2"):
        zoo.batches(values)


def own_memory_mib():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs /proc")
def test_a_file_larger_than_what_training_takes(tmp_path):
    """A file of 512 MiB, all of it holes, is trained on in a fraction of that memory."""
    np.lib.format.open_memmap(tmp_path / "x.npy", "w+", "float32", (8_192, 128, 128, 1))
    data = np.load(tmp_path / "x.npy", mmap_mode="r")
    model = dense((128, 128, 1))
    model.fit(data[:256], batch_size=128, verbose=0)
    before, most = own_memory_mib(), []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            most.append(own_memory_mib())

    model.fit(data, batch_size=128, verbose=0, callbacks=[Watch()])
    assert len(most) == 64
    assert max(most) - before < 256


def test_two_replicas_train_as_one_device_on_batches(mapped):
    one_device = tf.distribute.ReductionToOneDevice()
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=one_device)
    found = []
    for scope in (strategy.scope(), tf.distribute.get_strategy().scope()):
        with scope:
            model = dense((8, 8, 1))
            model.compile(keras.optimizers.SGD(0.1))
        batches = zoo.batches(mapped, batch_size=40, seed=0)
        history = model.fit(batches, epochs=2, verbose=0).history
        found.append((weights_of(model), history["loss"]))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-4)
