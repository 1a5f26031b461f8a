"""The first output bias: where it is set, from what, and where it is left alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo.registry import presets

SHAPE = (8, 8, 2)
SMALL = {"widths": (4,), "latent_dim": 3}


@pytest.fixture(scope="module")
def images():
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (96, *SHAPE))
    return (np.array([0.1, 0.6]) + noise).astype("float32")


def started(name, data, y=None, *, shape=SHAPE, fit=None, **arguments):
    """Returns a model after a `fit` that moves no weight."""
    model = zoo.create(name, shape, seed=0, **arguments)
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    model.fit(data, y, **({"verbose": 0} | (fit or {})))
    return model


def bias(model) -> np.ndarray:
    return model.output_bias.numpy()


def logit(p):
    return np.log(p / (1 - p))


def of_channels(images) -> np.ndarray:
    return images.mean(axis=(0, 1, 2))


def test_bias_of_a_convolution_is_the_logit_of_each_channels_mean(images):
    found = bias(started("autoencoder", images, **SMALL))
    np.testing.assert_allclose(found, logit(of_channels(images)), rtol=1e-5)


def test_bias_of_a_dense_layer_is_that_of_each_pixel(images):
    dark = images.copy()
    dark[:, 0] = 0.0  # pixels that are never on: their logit is finite
    found = bias(started("autoencoder", dark, widths=(), latent_dim=3)).reshape(SHAPE)
    np.testing.assert_allclose(found[1:], logit(dark.mean(axis=0))[1:], rtol=1e-4)
    np.testing.assert_allclose(found[0], logit(0.02), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "last_layer", "arguments"),
    [
        ("autoencoder", "decoder.pixels", {"output_activation": "linear", **SMALL}),
        ("upae", "decoder.up1", {"normalization": None, "hidden_units": (), **SMALL}),
        ("masked_autoencoder", "pixels", {"embedding_dim": 8, "num_heads": 2, "num_blocks": 1}),
        ("unet_denoiser", "network.logits", {"residual": False, "widths": (4, 8)}),
        ("top_k_sparse", "decoder.dictionary", {"latent_dim": 16, "num_active": 4}),
    ],
)
def test_without_what_the_last_layer_adds_the_prediction_is_the_mean(
    name, last_layer, arguments, images
):
    model = started(name, images, **arguments)
    network, _, layer = last_layer.partition(".")
    layer = getattr(model, network).get_layer(layer) if layer else getattr(model, network)
    layer.kernel.assign(keras.ops.zeros_like(layer.kernel))
    found = model.predict(images[:1], verbose=0)[0].mean(axis=(0, 1))
    np.testing.assert_allclose(found, of_channels(images), atol=1e-5)


def test_vectors_of_a_model_with_two_outputs_start_at_the_mean_of_each_feature(images):
    rows = images.reshape(96, -1)[:, :16]
    found = bias(started("upae", rows, shape=(16,), hidden_units=()))
    np.testing.assert_allclose(found[:16], 2 * rows.mean(axis=0) - 1, rtol=1e-5)
    np.testing.assert_array_equal(found[16:], 0.0)


class Batches(keras.utils.PyDataset):
    def __init__(self, images):
        super().__init__()
        self.images = images

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return self.images[32 * index : 32 * (index + 1)]


class Iterable:
    def __init__(self, images):
        self.images = images

    def __iter__(self):
        return iter((self.images[:48], self.images[48:]))


def _mapped(images, folder):
    np.save(folder / "images.npy", images)
    return np.load(folder / "images.npy", mmap_mode="r")


SOURCES = {
    "data set": lambda images, _: tf.data.Dataset.from_tensor_slices(images).batch(32),
    "py data set": lambda images, _: Batches(images),
    "zoo.batches": lambda images, _: zoo.batches(images, seed=0),
    "augmented": lambda images, _: zoo.batches(images, seed=0, augment="flip"),
    "mapped file": _mapped,
    "other iterable": lambda images, _: Iterable(images),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_every_door_gives_the_same_bias(kind, images, tmp_path):
    source = SOURCES[kind](images, tmp_path)
    found = bias(started("autoencoder", source, **SMALL))
    np.testing.assert_allclose(found, logit(of_channels(images)), rtol=1e-5)


def test_generator_is_trained_on_from_its_first_batch(images):
    taken = []

    def batches():
        for start in range(0, 96, 8):
            taken.append(start)
            yield images[start : start + 8]

    model = zoo.create("autoencoder", SHAPE, **SMALL)
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    model.fit(batches(), steps_per_epoch=12, verbose=0)
    assert taken == list(range(0, 96, 8))
    np.testing.assert_allclose(bias(model), logit(of_channels(images[:64])), rtol=1e-5)


def test_data_on_the_device_and_the_ordinary_way_train_alike(images):
    losses = []
    for resident in (True, False):
        keras.utils.set_random_seed(0)
        model = zoo.create("vae", SHAPE, seed=0, **SMALL)
        model.compile(keras.optimizers.SGD(1e-3))
        fit = model.fit(images, epochs=2, batch_size=32, verbose=0, resident=resident)
        losses.append(fit.history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-5)


def test_what_is_no_longer_at_zero_is_left_alone(images, tmp_path):
    model = started("autoencoder", images, **SMALL)
    first = bias(model)
    model.fit(1 - images, verbose=0)
    np.testing.assert_array_equal(bias(model), first)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    loaded.fit(1 - images, verbose=0)
    np.testing.assert_array_equal(bias(loaded), first)


def test_argument_switches_it_off_and_frozen_networks_keep_theirs(images):
    off = started("autoencoder", images, start_at_mean=False, **SMALL)
    np.testing.assert_array_equal(bias(off), 0.0)
    model = zoo.create("autoencoder", SHAPE, **SMALL)
    model.decoder.trainable = False
    model.compile("sgd", run_eagerly=True)
    model.fit(images, verbose=0)
    np.testing.assert_array_equal(bias(model), 0.0)


def test_mean_is_of_what_is_trained_on(images):
    weight = np.repeat([1.0, 0.0], 48)
    light = np.concatenate([images[:48], 1 - images[48:]])
    expected = logit(of_channels(images[:48]))
    weighed = started("autoencoder", light, fit={"sample_weight": weight}, **SMALL)
    np.testing.assert_allclose(bias(weighed), expected, rtol=1e-5)
    held_out = started("autoencoder", light, fit={"validation_split": 0.5}, **SMALL)
    np.testing.assert_allclose(bias(held_out), expected, rtol=1e-5)
    clean = started("denoising", 1 - images[:48], images[:48], **SMALL)
    np.testing.assert_allclose(bias(clean), expected, rtol=1e-5)
    positives = started("debiasing_vae", light, weight.astype("int32"), **SMALL)
    np.testing.assert_allclose(bias(positives), expected, rtol=1e-5)


def test_presets_of_a_source_keep_its_start():
    for model, named in presets.NAMED.items():
        for name, preset in named.items():
            kept = presets.config(model, name).get("start_at_mean", True) is False
            known = "start_at_mean" in zoo.get(model).argument_names
            own = preset.source.startswith(("this project", "Burda et al."))
            assert kept == (known and not own), f"{model}:{name}"
