"""A model of the zoo as a layer of another, and by the ways that Keras has to write it."""

import copy
import pathlib
import pickle
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo

SHAPE = (4, 4, 1)
IMAGES = np.random.default_rng(0).random((3, *SHAPE), "float32")


def small(**arguments):
    return zoo.create("vae", SHAPE, widths=(), hidden_units=(), latent_dim=2, **arguments)


def inside(model) -> keras.Model:
    inputs = keras.Input(SHAPE)
    return keras.Model(inputs, keras.layers.Flatten()(model(inputs)))


@keras.saving.register_keras_serializable("test")
class Subclassed(keras.Model):
    def __init__(self, inner=None, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner or small()

    def call(self, x):
        return 2 * self.inner(x)


@pytest.mark.parametrize("outer", [inside, Subclassed], ids=["functional", "subclassed"])
def test_a_model_that_has_it_as_a_layer_is_loaded(outer, tmp_path):
    model = outer(small())
    expected = model.predict(IMAGES, verbose=0)
    model.save(tmp_path / "outer.keras")
    again = keras.saving.load_model(tmp_path / "outer.keras")
    np.testing.assert_array_equal(again.predict(IMAGES, verbose=0), expected)


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model)), keras.models.clone_model],
    ids=["copy", "pickle", "clone"],
)
def test_copies_have_equal_outputs(copied):
    model = small()
    model.compile("sgd")
    again = copied(model)
    again.set_weights(model.get_weights())  # a clone has new ones
    np.testing.assert_array_equal(
        again.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0)
    )


def test_its_encoder_is_a_layer_of_another_model(tmp_path):
    """As in transfer learning: trained on, saved and loaded; the zoo model has the weights too."""
    model = zoo.create("autoencoder", SHAPE, widths=(), hidden_units=(), latent_dim=2)
    inputs = keras.Input(SHAPE)
    head = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(model.encoder(inputs))))
    head.compile("sgd", "mse")
    before = [weight.numpy() for weight in model.encoder.trainable_weights]
    head.fit(IMAGES, np.ones((3, 1)), verbose=0)
    after = model.encoder.trainable_weights
    assert any((old != new.numpy()).any() for old, new in zip(before, after, strict=True))
    head.save(tmp_path / "head.keras")
    again = keras.saving.load_model(tmp_path / "head.keras")
    np.testing.assert_array_equal(again.predict(IMAGES, verbose=0), head.predict(IMAGES, verbose=0))


def test_weights_go_from_file_to_another_model_of_its_kind(tmp_path):
    model, other = small(), small(seed=1)
    model.save_weights(tmp_path / "m.weights.h5")
    other.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(
        other.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0)
    )


def run_lite(content: bytes) -> np.ndarray:
    """Returns what a TFLite model gives, image by image."""
    interpreter = tf.lite.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    (source,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    rows = []
    for image in IMAGES:
        interpreter.set_tensor(source["index"], image[None])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(result["index"])[0])
    return np.stack(rows)


def run_onnx(path) -> np.ndarray:
    session = pytest.importorskip("onnxruntime").InferenceSession(path)
    return session.run(None, {session.get_inputs()[0].name: IMAGES})[0]


def run_saved(path) -> np.ndarray:
    saved = tf.saved_model.load(path)
    return saved.serve(IMAGES).numpy()


def run_openvino(path) -> np.ndarray:
    openvino = pytest.importorskip("openvino")
    exact = {"INFERENCE_PRECISION_HINT": "f32"}  # bfloat16 where the processor has it
    return openvino.compile_model(path, "CPU", exact)(IMAGES)[0]


WAYS = {
    "tf_saved_model": run_saved,
    "openvino": run_openvino,
    "onnx": run_onnx,
    "litert": lambda path: run_lite(pathlib.Path(path).read_bytes()),
}
NEEDED = {"onnx": "tf2onnx", "openvino": "openvino"}


def test_no_format_of_keras_is_forgotten(tmp_path):
    """Keras names its formats when it refuses one; that of PyTorch needs its backend."""
    with pytest.raises(ValueError, match="Supported formats") as refused:
        small().export(str(tmp_path / "m"), format="nope")
    named = set(re.findall(r"'(\w+)'", str(refused.value)))
    assert named <= {*WAYS, "torch"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("way", WAYS)
def test_keras_exports_in_its_formats(way, tmp_path):
    model = small()
    expected = model.predict(IMAGES, verbose=0)
    names = {"onnx": "m.onnx", "litert": "m.tflite", "openvino": "m.xml"}
    path = str(tmp_path / names.get(way, "saved"))
    settings = {} if way == "tf_saved_model" else {"format": way}
    if way in NEEDED:
        pytest.importorskip(NEEDED[way])
    try:
        model.export(path, verbose=False, **settings)
    except ValueError as error:  # an older Keras
        pytest.skip(str(error).splitlines()[0])
    np.testing.assert_allclose(WAYS[way](path), expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["vq_vae", "semi_supervised_m2"])
def test_keras_exports_models_that_choose_the_largest_as_onnx(name, tmp_path):
    """`keras.ops.argmax` takes an operation that ONNX lacks; a lost size moves the image."""
    pytest.importorskip("tf2onnx")
    model = zoo.create(name, SHAPE, preset="tiny")
    images = np.random.default_rng(1).random((3, *SHAPE), "float32")
    model.set_weights(
        [w + 0.05 * np.sin(np.arange(w.size).reshape(w.shape)) for w in model.get_weights()]
    )
    model.export(str(tmp_path / "m.onnx"), format="onnx", verbose=False)
    session = pytest.importorskip("onnxruntime").InferenceSession(tmp_path / "m.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: images})
    np.testing.assert_allclose(found, model.predict(images, verbose=0), atol=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_tflite_converts_a_model():
    model = small()
    expected = model.predict(IMAGES, verbose=0)
    content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    np.testing.assert_allclose(run_lite(content), expected, atol=1e-5)


def test_keras_exports_a_model_that_was_only_trained(tmp_path):
    model = small()
    model.compile("sgd")
    model.fit(IMAGES, verbose=0)
    model.export(tmp_path / "saved", verbose=False)
    saved = tf.saved_model.load(tmp_path / "saved")
    np.testing.assert_allclose(saved.serve(IMAGES), model.predict(IMAGES, verbose=0), atol=1e-6)
