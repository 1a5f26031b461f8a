"""What is kept of a training, and the pictures that are drawn from it."""

import io
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from kinds import every_model
from PIL import Image
from sklearn.datasets import load_digits

import zoo
from bench.data.dataset import Dataset, Split
from bench.errors import BenchError
from bench.evaluation import snapshots
from bench.introspection import activations, summary
from bench.records import schema
from bench.report.plots import image_grid, style, training
from zoo import inspection

FIELDS = ("frames_file", "layers_file", "latent_file")


@pytest.fixture(scope="module")
def dataset():
    found = load_digits()
    images = (found.images[..., None] / 16).astype("float32")
    split = [Split(images[k : k + 80], found.target[k : k + 80]) for k in (0, 80, 160)]
    return Dataset("digits", "reconstruction", *split, class_names=tuple("0123456789"))


def make(name, dataset, epochs=0, **arguments):
    model = zoo.create(name, image_shape=dataset.image_shape, preset="tiny", seed=0, **arguments)
    model.compile(keras.optimizers.Adam(1e-2), run_eagerly=True)
    recorder = snapshots.frame_recorder(model.task, dataset)
    if epochs:
        keras.utils.set_random_seed(0)
        model.fit(
            dataset.train.images, epochs=epochs, batch_size=40, verbose=0, callbacks=[recorder]
        )
    return model, recorder


@pytest.fixture(scope="module")
def run(dataset, tmp_path_factory):
    """A folder with the files of a VAE, its model, and a record that names the files."""
    folder = tmp_path_factory.mktemp("run")
    model, recorder = make("vae", dataset, epochs=4)
    case = SimpleNamespace(id="case")
    record = snapshots.write(case, model, dataset, recorder, folder)
    shape = {"image_shape": list(dataset.image_shape)}
    return folder, model, recorder, schema.from_fields(record | shape)


# --- what is kept ---------------------------------------------------------------------------


@pytest.mark.parametrize("num_epochs", [1, 2, 29, 30, 31, 200, 1000])
def test_frames_are_few_and_evenly_chosen(num_epochs):
    chosen = sorted(snapshots.chosen_epochs(num_epochs))
    assert chosen[0] == 0
    assert chosen[-1] == num_epochs
    assert len(chosen) == min(num_epochs + 1, 30)
    steps = np.diff(chosen)
    assert steps.max() - steps.min() <= 1


def test_a_frame_is_what_the_model_predicted_then(run, dataset):
    folder, model, recorder, record = run
    assert recorder.epochs == [0, 1, 2, 3, 4]
    now = model.predict(dataset.test.images[:6], verbose=0)
    np.testing.assert_allclose(recorder.frames[-1], now, atol=1e-5)
    assert np.abs(recorder.frames[0] - now).mean() > 0.02  # the first one is near the mean image
    kept = style.load_arrays(folder, record["frames_file"], ("frames", "targets", "epochs"))
    np.testing.assert_allclose(kept["frames"][-1] / 255, np.clip(now, 0, 1), atol=1 / 255)
    np.testing.assert_allclose(kept["targets"] / 255, dataset.test.images[:6], atol=1 / 255)
    assert recorder.seconds > 0


def test_keeping_frames_changes_no_training(dataset):
    losses = []
    for callbacks in ([], [snapshots.frame_recorder("reconstruction", dataset)]):
        keras.utils.set_random_seed(3)
        model = zoo.create("vae", image_shape=(8, 8, 1), preset="tiny", seed=3)
        model.compile(keras.optimizers.SGD(1e-3), run_eagerly=True)
        history = model.fit(
            dataset.train.images, epochs=2, batch_size=40, verbose=0, callbacks=callbacks
        )
        losses.append(history.history["loss"])
    assert losses[0] == losses[1]


def test_a_training_that_stops_early_still_ends_with_its_last_frame(dataset):
    model, _ = make("autoencoder", dataset)
    recorder = snapshots.FrameRecorder(dataset.test.images[:2], max_frames=3)
    stop = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: setattr(model, "stop_training", epoch == 2)
    )
    model.fit(dataset.train.images, epochs=10, verbose=0, callbacks=[recorder, stop])
    assert recorder.epochs == [0, 3]
    np.testing.assert_allclose(
        recorder.frames[-1], model.predict(dataset.test.images[:2], verbose=0), atol=1e-5
    )
    with pytest.raises(BenchError, match="max_frames must be at least 2"):
        snapshots.FrameRecorder(dataset.test.images, max_frames=1)


@pytest.mark.parametrize("name", ["unet", "unet_denoiser", "masked_autoencoder", "vq_vae"])
def test_what_a_model_does_not_have_is_left_out(name, dataset, tmp_path):
    if name == "unet":
        masks = (dataset.train.images > 0.5).astype("uint8")
        part = Split(dataset.train.images, None, masks)
        dataset = Dataset("m", "segmentation", part, part, part, mask_names=("no", "yes"))
    model, recorder = make(name, dataset)
    recorder.set_model(model)
    recorder.set_params({"epochs": 1})
    recorder.on_train_begin()
    recorder.on_epoch_end(0)
    case = SimpleNamespace(id="case")
    record = snapshots.write(case, model, dataset, recorder, tmp_path)
    assert ("latent_file" in record) == (name == "vq_vae")
    for field in record.values():
        assert (tmp_path / field).stat().st_size > 0
    assert training.learning_gif(tmp_path, schema.from_fields(record))


# --- inside a model -------------------------------------------------------------------------


@pytest.mark.parametrize("name", every_model())
def test_the_structure_has_every_weight_once(name):
    task = zoo.get(name).model_class.task
    classes = {"num_classes": 3} if task in ("conditional", "semi_supervised") else {}
    model = zoo.create(name, image_shape=(8, 8, 1), preset="tiny", **classes)
    rows = summary.layer_rows(model)
    total = sum(int(np.prod(weight.shape)) for weight in model.weights)
    assert sum(row["parameters"] for row in rows) == total
    paths = [row["layer"] for row in rows]
    assert len(set(paths)) == len(paths)
    for path in paths:
        if path != "(own weights)":
            assert summary.find_layer(model, path)[0] == path


def test_shapes_and_settings_are_those_of_the_model():
    model = zoo.create("beta_vae", image_shape=(8, 8, 1), widths=(4,), latent_dim=3, beta=2.5)
    model.compile(keras.optimizers.AdamW(3e-3, weight_decay=0.01, clipnorm=1.0))
    rows = {row["layer"]: row for row in summary.layer_rows(model)}
    first = rows["encoder/conv1"]
    assert first["output_shape"] == [4, 4, 4]
    assert first["parameters"] == 3 * 3 * 1 * 4 + 4
    assert rows["encoder/z_mean"]["output_shape"] == [3]
    assert summary.loss_terms(model) == {"reconstruction": 1.0, "kl": 2.5}
    settings = summary.optimizer_settings(model)
    assert settings["learning_rate"] == 0.003
    assert settings["weight_decay"] == 0.01
    assert settings["clipnorm"] == 1.0
    assert "use_ema" not in settings


def test_activation_maps_are_what_the_layer_computes(dataset):
    model = zoo.create("autoencoder", image_shape=(8, 8, 1), widths=(4,), latent_dim=3)
    layers = inspection.named_layers(model)
    image = dataset.test.images[:1]
    names = ("encoder/conv1", "encoder/conv1_act", "encoder/code")
    before, after, code = activations.activations(model, image, [layers[name] for name in names])
    kernel = np.asarray(layers["encoder/conv1"].kernel)  # stride 2, "same": one pixel behind
    padded = np.pad(image[0, ..., 0], (0, 1))
    patch = padded[2:5, 4:7]
    np.testing.assert_allclose(
        before[1, 2], np.einsum("ij,ijk->k", patch, kernel[:, :, 0]), atol=1e-5
    )
    np.testing.assert_allclose(after, np.maximum(before, 0))
    np.testing.assert_allclose(code, model.encode(image)[0], atol=1e-5)
    assert "call" not in vars(layers["encoder/conv1"])  # the model is left as it was


def test_a_layer_of_training_alone_is_one_clear_error(dataset):
    model = zoo.create("vae", image_shape=(8, 8, 1), preset="tiny")
    _, sampler = summary.find_layer(model, "sampler")
    with pytest.raises(BenchError, match="sampler is not called"):
        activations.activations(model, dataset.test.images[:1], [sampler])
    with pytest.raises(BenchError, match="no filters"):
        activations.filters(sampler, model.image_shape)


def test_filters_are_weights_in_the_order_of_pictures():
    conv, up = keras.layers.Conv2D(5, (3, 4)), keras.layers.Conv2DTranspose(6, 3)
    read, write = keras.layers.Dense(7), keras.layers.Dense(16)
    conv.build((None, 8, 8, 2)), up.build((None, 8, 8, 2))
    read.build((None, 16)), write.build((None, 7))
    assert np.array_equal(
        activations.filters(conv)[3, :, :, 1], np.asarray(conv.kernel)[:, :, 1, 3]
    )
    assert np.array_equal(activations.filters(up)[4, :, :, 1], np.asarray(up.kernel)[:, :, 4, 1])
    seen = activations.filters(read, (4, 4, 1))
    assert np.array_equal(seen[2].ravel(), np.asarray(read.kernel)[:, 2])
    drawn = activations.filters(write, (4, 4, 1))
    assert np.array_equal(drawn[2].ravel(), np.asarray(write.kernel)[2])


def test_a_traversal_changes_one_unit_and_the_most_telling_come_first(dataset):
    model = zoo.create("autoencoder", image_shape=(8, 8, 1), preset="tiny", latent_dim=5)
    images = dataset.test.images
    found = activations.traversal(model, images, num_units=3, num_steps=4)
    codes = np.asarray(model.encode(images))
    assert found["images"].shape == (3, 4, 8, 8, 1)
    assert list(found["changes"]) == sorted(found["changes"], reverse=True)
    for unit, values, row in zip(found["units"], found["values"], found["images"], strict=True):
        assert values[0] == pytest.approx(codes[:, unit].min())
        assert values[-1] == pytest.approx(codes[:, unit].max())
        changed = codes[:1].copy()
        changed[0, unit] = values[1]
        expected = np.clip(model.decode(changed)[0], 0, 1)
        np.testing.assert_allclose(row[1], expected, atol=1e-5)


def test_an_interpolation_ends_at_both_reconstructions(dataset):
    model = zoo.create("autoencoder", image_shape=(8, 8, 1), preset="tiny")
    images = dataset.test.images[:4]
    lines = activations.interpolation(model, images, num_steps=5)
    assert lines.shape == (2, 5, 8, 8, 1)
    ends = np.clip(model.reconstruct(images), 0, 1)
    np.testing.assert_allclose(lines[:, 0], ends[::2], atol=1e-5)
    np.testing.assert_allclose(lines[:, -1], ends[1::2], atol=1e-5)


# --- pictures -------------------------------------------------------------------------------


def test_the_animation_has_a_frame_for_each_epoch_and_runs_for_ever(run):
    folder, _, recorder, record = run
    gif = Image.open(io.BytesIO(training.learning_gif(folder, record)))
    assert gif.n_frames == len(recorder.epochs) == 5
    assert gif.info["loop"] == 0
    times, pictures = [], []
    for number in range(gif.n_frames):
        gif.seek(number)
        times.append(gif.info["duration"])
        pictures.append(np.asarray(gif.convert("RGBA")).astype(float))
    assert times[-1] > 5 * times[0]
    height = pictures[0].shape[0]
    upper, lower = slice(0, (height - 30) // 2 - 3), slice((height - 30) // 2 + 3, height - 30)
    assert np.array_equal(pictures[0][upper], pictures[-1][upper])  # the originals stand still
    assert not np.array_equal(pictures[0][lower], pictures[-1][lower])
    assert (pictures[0][..., 3] == 0).any()  # the page shows through


@pytest.mark.parametrize(("num_colours", "tolerance"), [(64, 0), (255, 0), (4096, 24)])
def test_colours_survive_the_palette(num_colours, tolerance):
    values = np.random.default_rng(0).integers(0, 256, (num_colours, 3))
    row = values.reshape(1, 1, -1, 3) / 255
    picture = image_grid.grid([np.repeat(row, 4, axis=1)])
    gif = Image.open(io.BytesIO(image_grid.animated_gif([picture, picture[:, ::-1]], [100, 100])))
    for frame, expected in enumerate((picture, picture[:, ::-1])):
        gif.seek(frame)
        found = np.asarray(gif.convert("RGB")).astype(int)
        assert np.abs(found - expected[..., :3]).mean() <= tolerance


@pytest.mark.parametrize("damage", ["missing", "shape", "kind", "outside"])
def test_frames_that_cannot_be_used_give_no_animation(tmp_path, damage):
    frames = np.zeros((3, 2, 8, 8, 1), "uint8")
    arrays = {"frames": frames, "targets": frames[0], "epochs": np.arange(3)}
    record = schema.from_fields({"frames_file": "a.npz"})
    if damage == "shape":
        arrays["targets"] = frames[0, :1]
    elif damage == "kind":
        arrays["frames"] = frames.astype("float32")
    elif damage == "outside":
        record.artifacts.frames = "../a.npz"
    if damage != "missing":
        np.savez(tmp_path / "a.npz", **arrays)
    assert training.learning_gif(tmp_path, record) is None
    assert training.learning_gif(tmp_path, schema.from_fields({})) is None


def test_signed_colours_tell_the_sign_and_nothing_is_white():
    colours = image_grid.signed(np.array([-2.0, 0.0, 2.0]))
    assert np.array_equal(colours[1], [1, 1, 1])
    assert colours[0, 2] > colours[0, 0]  # blue
    assert colours[2, 0] > colours[2, 2]  # orange
    assert image_grid.shades(np.array([0.0, 1.0, 4.0])).ravel().tolist() == [0, 0.25, 1]
    assert np.array_equal(image_grid.signed(np.zeros(3)), np.ones((3, 3)))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((8, 6, 1), (8, 6, 1)), ((8, 6, 3), (8, 6, 3)), ((8, 6, 2), (8, 6, 1))],
)
def test_images_stay_and_other_channels_are_averaged(shape, expected):
    values = np.random.default_rng(0).random((4, *shape))
    found = image_grid.as_images(values, shape)
    assert found.shape == (4, *expected)
    np.testing.assert_allclose(found.mean(), values.mean())


@pytest.mark.parametrize("shape", [(20, 1), (20, 2), (20,)])
def test_series_and_vectors_become_lines(shape):
    low, high = np.zeros((1, *shape)), np.ones((1, *shape))
    bottom, top = (image_grid.as_images(values, shape)[0, ..., 0] for values in (low, high))
    assert bottom[-1].all()
    assert not bottom[:-1].any()
    assert top[0].all()
    assert not top[1:].any()


def test_a_mosaic_has_its_pictures_in_place_and_clear_gaps():
    pictures = np.linspace(0, 1, 6)[:, None, None, None] * np.ones((6, 4, 5, 1))
    found = image_grid.grid(image_grid.folded(pictures, 4), scale=3)
    gap = image_grid.gap(15)
    assert found.shape == (2 * 12 + gap, 4 * 15 + 3 * gap, 4)
    assert found[0, 15 + gap, :3].tolist() == [51] * 3  # the second of six, 0.2 * 255
    assert found[12 + gap, 0, :3].tolist() == [204] * 3  # the fifth, at the start of row two
    assert found[0, 15, 3] == 0
    assert found[-1, -1, 3] == 0


@pytest.mark.parametrize("channels", [1, 3, 20])
def test_filters_of_any_depth_are_rows_of_pictures(channels):
    kernel = np.random.default_rng(0).normal(size=(20, 3, 3, channels))
    rows = training.filter_rows(kernel, 18)
    if channels == 20:  # one row per filter, one column per channel
        assert len(rows) == training.MAX_SLICES
        assert {row.shape[0] for row in rows} == {training.MAX_SLICES}
    else:
        assert [len(row) for row in rows] == [8, 8, 2]
    assert min(row.min() for row in rows) >= 0
    assert max(row.max() for row in rows) <= 1


def test_a_grid_with_words_is_a_picture(tmp_path):
    rows = [("first", np.zeros((3, 4, 4, 1))), ("second", np.ones((2, 4, 4, 3)))]
    for theme in ("light", "dark"):
        training.grid(rows, tmp_path / f"{theme}.png", theme, "title", ["a", "b", "c"], "note")
    light, dark = (
        Image.open(tmp_path / f"{theme}.png").convert("L") for theme in ("light", "dark")
    )
    assert np.median(light) > 200 > 100 > np.median(dark)
