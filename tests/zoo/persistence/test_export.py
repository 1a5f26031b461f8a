"""What is exported gives the model's outputs in a process that knows no zoo."""

import importlib.util
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo.layers.largest import place_of_largest
from zoo.persistence.export import export

SHAPE = (8, 8, 1)
IMAGES = np.random.default_rng(0).random((5, *SHAPE), dtype="float32")
LABELS = np.array([3, 0, 1, 2, 3], "int32")
LABELLED = {"image": IMAGES, "label": LABELS}


def make(name, **arguments):
    """Returns a model whose weights are all away from their starting values."""
    model = zoo.create(name, SHAPE, preset="tiny", **arguments)
    generator = np.random.default_rng(1)
    weights = (weight for weight in model.get_weights())
    model.set_weights([w + 0.05 * generator.normal(size=np.shape(w)) for w in weights])
    return model


def run_fresh(script, folder):
    script = textwrap.dedent(script)
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr[-2000:]


@pytest.fixture(scope="module")
def cases():
    """Name to (model, method, inputs, example)."""
    plain, labelled = make("autoencoder"), make("conditional_vae", num_classes=4)
    codes = {"code": labelled.encode(LABELLED), "label": LABELS}
    return {
        "call": (plain, "call", IMAGES, None),
        "decode": (plain, "decode", plain.encode(IMAGES), None),
        "labelled": (labelled, "call", LABELLED, None),
        "labelled_decode": (labelled, "decode", codes, codes),
    }


def expected(model, method, inputs):
    if method == "call":
        return model.predict(inputs, verbose=0)
    return getattr(model, method)(inputs)


def save_inputs(folder, name, inputs):
    inputs = inputs if isinstance(inputs, dict) else {"": inputs}
    np.savez(folder / f"{name}.npz", **inputs)


def test_saved_models_run_without_the_zoo(cases, tmp_path):
    for name, (model, method, inputs, example) in cases.items():
        assert export(model, tmp_path / name, method=method, example=example) == tmp_path / name
        save_inputs(tmp_path, name, inputs)
    run_fresh(
        f"""
        import sys
        import numpy as np, tensorflow as tf
        found = {{}}
        for name in {list(cases)}:
            inputs = dict(np.load(f"{{name}}.npz"))
            model = tf.saved_model.load(name)
            whole = model.serve(inputs.get("", inputs)).numpy()
            one = model.serve(tf.nest.map_structure(lambda x: x[:1], inputs.get("", inputs)))
            np.testing.assert_allclose(one, whole[:1], atol=1e-5)  # any number of rows
            found[name] = whole
        np.savez("found.npz", **found)
        assert "zoo" not in sys.modules
        """,
        tmp_path,
    )
    found = np.load(tmp_path / "found.npz")
    for name, (model, method, inputs, _) in cases.items():
        np.testing.assert_allclose(found[name], expected(model, method, inputs), atol=1e-5)


def test_onnx_files_run_without_tensorflow(cases, tmp_path):
    for module in ("onnxruntime", "tf2onnx"):
        pytest.importorskip(module)
    # GELU is an operation that ONNX does not have.
    transformer = make("masked_autoencoder", num_blocks=1)
    cases = {
        **cases,
        "score": (make("top_k_sparse"), "anomaly_score", IMAGES, None),
        # They take the largest of several; `keras.ops.argmax` does it by an operation ONNX lacks.
        "codebook": (make("vq_vae"), "call", IMAGES, None),
        "classes": (make("semi_supervised_m2"), "call", IMAGES, None),
        "transformer": (transformer, "encode", IMAGES, None),
    }
    for name, (model, method, inputs, example) in cases.items():
        export(model, tmp_path / f"{name}.onnx", method=method, example=example)
        save_inputs(tmp_path, name, inputs)
    run_fresh(
        f"""
        import sys
        import numpy as np, onnxruntime
        found = {{}}
        for name in {list(cases)}:
            inputs = dict(np.load(f"{{name}}.npz"))
            session = onnxruntime.InferenceSession(f"{{name}}.onnx")
            names = [part.name for part in session.get_inputs()]
            feed = {{part: inputs.get(part, inputs.get("")) for part in names}}
            (found[name],) = session.run(None, feed)
            (one,) = session.run(None, {{key: value[:1] for key, value in feed.items()}})
            np.testing.assert_allclose(one, found[name][:1], atol=1e-5)
            found[f"{{name}}_names"] = [*names, session.get_outputs()[0].name]
        np.savez("found.npz", **found)
        assert "tensorflow" not in sys.modules and "zoo" not in sys.modules
        """,
        tmp_path,
    )
    found = np.load(tmp_path / "found.npz")
    for name, (model, method, inputs, _) in cases.items():
        np.testing.assert_allclose(found[name], expected(model, method, inputs), atol=1e-5)
    assert list(found["call_names"]) == ["image", "prediction"]
    assert list(found["decode_names"]) == ["code", "decode"]
    assert list(found["score_names"]) == ["image", "anomaly_score"]
    assert list(found["labelled_names"]) == ["image", "label", "prediction"]


def test_onnx_of_a_mixed_precision_model_is_float32(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    model = make("autoencoder", dtype="mixed_bfloat16")
    path = export(model, tmp_path / "model.onnx")
    session = runtime.InferenceSession(path)
    assert {part.type for part in (*session.get_inputs(), *session.get_outputs())} == {
        "tensor(float)"
    }
    (found,) = session.run(None, {"image": IMAGES})
    full = make("autoencoder")
    full.set_weights(model.get_weights())
    np.testing.assert_allclose(found, full.predict(IMAGES, verbose=0), atol=1e-5)
    assert model.compute_dtype == "bfloat16"  # the model itself stays as it is


def test_an_operation_that_onnx_lacks_leaves_no_broken_file(tmp_path):
    pytest.importorskip("tf2onnx")

    class Digamma(zoo.ZooModel):
        def build_networks(self):
            self.scale = self.add_weight(name="scale", shape=())

        def forward(self, x, training=False):
            return {"prediction": keras.ops.fft2((x, x))[0] * self.scale}

    with pytest.raises(ValueError, match=r"operations that ONNX has.*Use format='saved_model'"):
        export(Digamma(SHAPE), tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


class Own(zoo.ZooModel):
    """A model whose methods are no batch of operations, or give several arrays."""

    def build_networks(self):
        self.scale = self.add_weight(name="scale", shape=())

    def forward(self, x, training=False):
        return {"prediction": keras.ops.fft2((x, x))[0] * self.scale}

    def looks_at_values(self, x):
        return x if float(x[0, 0, 0, 0]) > 0 else x + 1

    def both(self, x):
        return {"half": x / 2, "mean": keras.ops.mean(x, axis=(1, 2, 3))}


class LooksUp(zoo.ZooModel):
    """Rows of a table, then a transposed convolution: the converter loses the size between."""

    def build_networks(self):
        self.table = self.add_weight(name="table", shape=(4, 3), initializer="random_normal")
        self.up = keras.layers.Conv2DTranspose(1, 3, strides=2, padding="same")
        self.up.build((None, 4, 4, 3))

    def forward(self, x, training=False):
        distance = keras.ops.matmul(x[:, ::2, ::2], keras.ops.ones((1, 3)))
        distance = keras.ops.matmul(distance, keras.ops.transpose(self.table))
        rows = keras.ops.take(self.table, place_of_largest(distance), axis=0)
        return {"prediction": self.up(rows)}


def test_onnx_crops_a_transposed_convolution_where_tensorflow_does(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    model = LooksUp(SHAPE)
    path = export(model, tmp_path / "m.onnx")
    (found,) = runtime.InferenceSession(path).run(None, {"image": IMAGES})
    np.testing.assert_allclose(found, model.predict(IMAGES, verbose=0), atol=1e-5)


def test_what_cannot_be_converted_is_told_in_a_line(tmp_path):
    for path, method, message in (
        ("m.tflite", "call", r"operations that TFLite has\. Received: tf\.\w+.*saved_model'"),
        ("m", "looks_at_values", r"method must be made of keras\.ops.*'looks_at_values'"),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            export(Own(SHAPE), tmp_path / path, method=method)
        assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_dict_has_its_names_in_tflite(tmp_path):
    path = export(Own(SHAPE), tmp_path / "m.tflite", method="both")
    run = tf.lite.Interpreter(str(path)).get_signature_runner("serve")
    found = run(image=IMAGES)
    assert found.keys() == {"half", "mean"}
    np.testing.assert_allclose(found["half"], IMAGES / 2)


def test_a_calibration_is_taken_in_any_kind_of_numbers(cases, tmp_path):
    """Labels of NumPy are int64, and a list holds none of it."""
    model = cases["labelled"][0]
    labelled = {"image": IMAGES.astype("float64"), "label": LABELS.astype("int64")}
    assert export(model, tmp_path / "labelled.tflite", calibration=labelled).is_file()
    export(cases["call"][0], tmp_path / "list.tflite", calibration=IMAGES.tolist())
    export(cases["call"][0], tmp_path / "array.tflite", calibration=IMAGES)
    lists, arrays = ((tmp_path / f"{name}.tflite").read_bytes() for name in ("list", "array"))
    assert len(lists) == len(arrays)
    with pytest.raises(TypeError, match=r"calibration must be an array of numbers.*<U5"):
        export(model, tmp_path / "m.tflite", calibration=np.array(["a.png"]))


@pytest.mark.parametrize("suffix", [".onnx", ".tflite", ".xml"])
def test_a_folder_in_the_place_of_a_file_is_named(suffix, tmp_path):
    (tmp_path / f"m{suffix}").mkdir()
    with pytest.raises(ValueError, match=r"which is a folder\. Choose another name"):
        export(zoo.create("autoencoder", SHAPE, preset="tiny"), tmp_path / f"m{suffix}")


def test_missing_converter_is_named_with_its_command(monkeypatch, tmp_path):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "tf2onnx" else find_spec(name)
    )
    model = zoo.create("autoencoder", SHAPE, preset="tiny")
    with pytest.raises(ImportError) as caught:
        export(model, tmp_path / "model.onnx")
    assert "needs tf2onnx. Run: pip install" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "arguments", "message"),
    [
        ("model.keras", {}, r"no suffix, or \.onnx.*Use model\.save for \.keras files"),
        ("model.pb", {}, r"no suffix, or \.onnx.*Received: path='.*model\.pb'\. Use a folder"),
        ("model", {"format": "onnx"}, r"file name ending in \.onnx.*For example 'model\.onnx'"),
        ("model.onnx", {"format": "saved_model"}, r"must be a folder.*For example 'model'"),
        (
            "model",
            {"format": "tflite"},
            r"file name ending in \.tflite.*For example 'model\.tflite'",
        ),
        ("model", {"format": "torch"}, r"format must be one of 'saved_model', 'onnx', 'tflite'"),
        ("model", {"method": "encod"}, r"method must be a method of Autoencoder.*mean 'encode'\?"),
        ("model", {"method": "fit"}, r"method must be a method of Autoencoder, such as call"),
        ("model", {"method": "summary"}, r"method must be a method of Autoencoder, such as call"),
        (
            "model",
            {"example": np.zeros((1, 4, 4, 1))},
            r"take one batch.*method='call', which fails with: Input 0[^\n]*Give a batch",
        ),
        ("model", {"method": "_plain"}, r"method must be a method of Autoencoder, such as call"),
    ],
)
def test_what_cannot_be_exported(tmp_path, path, arguments, message):
    model = zoo.create("autoencoder", SHAPE, preset="tiny")
    with pytest.raises(ValueError, match=message):
        export(model, tmp_path / path, **arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", ["folder", "model.onnx"])
def test_what_is_there_is_kept_unless_overwrite_is_given(tmp_path, path):
    model, path = zoo.create("autoencoder", SHAPE, preset="tiny"), tmp_path / path
    other = path / "notes.txt" if path.suffix == "" else path
    other.parent.mkdir(exist_ok=True)
    other.write_text("mine")
    with pytest.raises(FileExistsError, match=r"path must be new.*overwrite=True"):
        export(model, path)
    assert other.read_text() == "mine"
    if path.suffix == "":
        assert export(model, path, overwrite=True) == path
        assert (path / "saved_model.pb").exists()
        assert other.read_text() == "mine"


def test_kinds_that_cannot_be_exported(tmp_path):
    with pytest.raises(TypeError, match=r"model must be a model of the zoo.*Received: Sequential"):
        export(keras.Sequential(), tmp_path / "model")
    model = zoo.create("autoencoder", SHAPE, preset="tiny")
    with pytest.raises(TypeError, match=r"method must take one batch.*'interpolate'.*example="):
        export(model, tmp_path / "model", method="interpolate")
