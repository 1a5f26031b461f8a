"""U-Nets with a classifier of Keras as their encoder: its weights, its pixels, its file."""

import importlib
import warnings

import keras
import numpy as np
import pytest

import zoo
from zoo.networks import encoders

SHAPE = (32, 32, 1)
WIDTHS = (2, 2, 4, 4, 4)
X = np.random.default_rng(0).random((2, *SHAPE), "float32")


@pytest.fixture(scope="module")
def backbone():
    keras.utils.set_random_seed(0)
    return encoders.backbone("UNet", "mobilenet_v2", SHAPE[:2])


@pytest.fixture(scope="module")
def weights(backbone, tmp_path_factory):
    """A file as those that Keras gives away: the classifier without its top."""
    path = tmp_path_factory.mktemp("weights") / "mobilenet_v2.weights.h5"
    backbone.save_weights(path)
    return path


def unet(**arguments):
    return zoo.create("unet", SHAPE, encoder="mobilenet_v2", widths=WIDTHS, **arguments)


@pytest.mark.parametrize(
    ("encoder", "module"),
    [
        ("mobilenet_v2", "mobilenet_v2"),
        ("resnet50", "resnet"),
        ("densenet121", "densenet"),
        ("efficientnet_v2_b0", "efficientnet_v2"),
    ],
)
def test_pixels_are_prepared_as_keras_prepares_them(encoder, module):
    pixels = np.random.default_rng(0).integers(0, 256, (1, 3, 4, 3)).astype("float32")
    expected = importlib.import_module(f"keras.applications.{module}").preprocess_input(
        pixels.copy()
    )
    prepared = encoders.Prepared(encoders.ENCODERS[encoder][1])(pixels / 255)
    np.testing.assert_allclose(prepared, expected, atol=1e-3)
    grey = encoders.Prepared("tf")(pixels[..., :1] / 255)
    assert grey.shape == (1, 3, 4, 3)


def test_the_encoder_is_keras_s_with_its_weights(backbone, weights):
    model = unet(encoder_weights=weights)
    encoder = model.network.get_layer(encoders.LAYER)
    assert encoder.count_params() == backbone.count_params() == 2_257_984
    rgb = 2 * np.repeat(X, 3, axis=-1) - 1
    np.testing.assert_allclose(
        encoder.predict(rgb, verbose=0)[-1], backbone.predict(rgb, verbose=0), atol=1e-5
    )
    sizes = [output.shape[1] for output in encoder.outputs]
    assert sizes == [16, 8, 4, 2, 1]
    assert model.predict(X, verbose=0).shape == (2, 32, 32, 1)


def test_a_frozen_encoder_stays_until_it_is_released_and_is_saved_whole(weights, tmp_path):
    model = unet(encoder_weights=weights, freeze=True)
    y = (X > 0.5).astype("uint8")
    encoder = model.network.get_layer(encoders.LAYER)
    before = [weight.numpy() for weight in encoder.weights]

    def train():
        model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
        model.train_on_batch(X, y)
        return [np.array_equal(old, new) for old, new in zip(before, encoder.weights, strict=True)]

    assert all(train())
    model.freeze = False
    assert not all(train())
    model.save(tmp_path / "m.keras")
    weights.rename(weights.with_suffix(".gone"))
    try:
        again = zoo.load(tmp_path / "m.keras")
    finally:
        weights.with_suffix(".gone").rename(weights)
    assert not again.freeze
    np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), atol=1e-5)


def test_without_a_network_one_error_says_where_to_put_the_file(monkeypatch, tmp_path):
    def unreachable(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr(keras.applications, "MobileNetV2", unreachable)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    text = r"no route to host.*Put the file of mobilenet_v2"
    with pytest.raises(ValueError, match=text) as error:
        zoo.create("unet", SHAPE, encoder="mobilenet_v2", encoder_weights="imagenet")
    assert str(tmp_path / "models") in str(error.value) and "\n" not in str(error.value)


def test_the_file_is_named_where_keras_names_it(monkeypatch, tmp_path):
    address = "https://storage.example/mobilenet_v2_no_top.h5"

    def unreachable(*args, **kwargs):
        warnings.warn("`input_shape` is non-square", UserWarning, stacklevel=2)
        raise Exception(f"URL fetch failure on {address}: None -- [Errno -2] unknown\nhost.")

    monkeypatch.setattr(keras.applications, "MobileNetV2", unreachable)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with (
        warnings.catch_warnings(record=True) as said,
        pytest.raises(ValueError, match="failure on its address: None") as error,
    ):
        zoo.create("unet", SHAPE, encoder="mobilenet_v2", encoder_weights="imagenet")
    assert said == []
    text = str(error.value)
    assert f"Put {address} into {tmp_path / 'models'}, or" in text and "\n" not in text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"encoder": "vgg"}, "encoder must be one of"),
        ({"encoder": "resnet50", "widths": (4, 8)}, "widths must be 5 with an encoder"),
        ({"encoder": "resnet50", "image_shape": (48, 48, 3)}, "divisible by 32"),
        ({"encoder": "resnet50", "image_shape": (32, 32, 2)}, "1 or 3"),
        ({"freeze": True}, "freeze needs an encoder"),
        ({"encoder_weights": "imagenet"}, "encoder_weights needs an encoder"),
        ({"encoder": "mobilenet_v2", "encoder_weights": "no.h5"}, "a file that exists"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, text):
    with pytest.raises(ValueError, match=text):
        zoo.create("unet", **{"image_shape": (32, 32, 3), **arguments})


def test_other_u_nets_have_none():
    with pytest.raises(TypeError, match="encoder is of unet alone"):
        zoo.create("attention_unet", SHAPE, encoder="resnet50")


@pytest.mark.parametrize(
    ("encoder", "num_parameters", "channels"),
    [
        ("efficientnet_v2_b0", 5_919_312, (16, 32, 192, 672, 1280)),
        ("resnet50", 23_587_712, (64, 256, 512, 1024, 2048)),
        ("densenet121", 7_037_504, (64, 128, 256, 512, 1024)),
    ],
)
def test_skips_are_found_by_stride(encoder, num_parameters, channels):
    """Structure alone: nothing is computed. The numbers of parameters are those of Keras."""
    whole = encoders.backbone("UNet", encoder, (64, 96))
    assert whole.count_params() == num_parameters
    found = encoders.skips(whole)
    assert [found[s].shape[1:3] for s in encoders.STRIDES] == [
        (64 // s, 96 // s) for s in encoders.STRIDES
    ]
    assert tuple(found[s].shape[-1] for s in encoders.STRIDES) == channels
