"""TFLite and OpenVINO files give the model's outputs; of 8 bits it is told what they lose."""

import numpy as np
import pytest

import zoo
from zoo.persistence import running
from zoo.persistence.export import export

SHAPE = (16, 16, 1)
IMAGES = np.random.default_rng(0).random((24, *SHAPE), "float32")


@pytest.fixture(scope="module")
def model():
    made = zoo.create("autoencoder", SHAPE, preset="tiny", seed=0)
    made.compile("adam")
    made.fit(IMAGES, epochs=3, batch_size=8, verbose=0)
    return made


@pytest.fixture(scope="module")
def expected(model):
    return model.predict(IMAGES, verbose=0)


@pytest.mark.parametrize("suffix", [".tflite", ".xml", ".keras"])
def test_a_file_gives_the_outputs_of_the_model(model, expected, suffix, tmp_path):
    if suffix == ".xml":
        pytest.importorskip("openvino")
    path = tmp_path / f"model{suffix}"
    if suffix == ".keras":
        model.save(path)
    else:
        assert export(model, path) == path
        kept = {".tflite": {path.name}, ".xml": {"model.xml", "model.bin"}}[suffix]
        assert {file.name for file in tmp_path.iterdir()} == kept
        with pytest.raises(FileExistsError, match="overwrite=True"):
            export(model, path)
    run = running.load(path)
    for rows in (slice(0, 24), slice(3, 4)):  # of any size, one after the other
        np.testing.assert_allclose(run(IMAGES[rows]), expected[rows], atol=1e-4)


def test_8_bits_are_near_and_smaller(model, expected, tmp_path):
    export(model, tmp_path / "float.tflite")
    path = export(model, tmp_path / "whole.tflite", calibration=IMAGES[:16])
    found = running.load(path)(IMAGES)
    assert not np.array_equal(found, expected)
    np.testing.assert_allclose(found, expected, atol=0.05)
    assert path.stat().st_size < 0.7 * (tmp_path / "float.tflite").stat().st_size
    assert running.fidelity(IMAGES, found, expected).num_images == 24


def test_half_precision_is_exported_as_float32(tmp_path):
    half = zoo.create("autoencoder", SHAPE, preset="tiny", seed=0, dtype="mixed_bfloat16")
    found = running.load(export(half, tmp_path / "m.tflite"))(IMAGES)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, half.predict(IMAGES, verbose=0), atol=0.02)


def test_what_cannot_be_is_refused(model, tmp_path):
    with pytest.raises(ValueError, match="calibration must be None but for 'tflite'"):
        export(model, tmp_path / "m.onnx", calibration=IMAGES)
    with pytest.raises(ValueError, match="shape"):
        export(model, tmp_path / "m.tflite", calibration=IMAGES[:, :8])
    with pytest.raises(ValueError, match=r"ending in \.tflite for 'tflite'"):
        export(model, tmp_path / "m.xml", "tflite")
    with pytest.raises(ValueError, match=r"one of \.keras, \.onnx, \.tflite, \.xml"):
        running.load("m.pt")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("predicted", "is_good", "text"),
    [
        (0.5, True, "squared error 0.25, 0 % below that of the model: as good"),
        (0.4, True, "36 % below"),
        (0.6, False, "44 % above that of the model: NOT as good"),
        (0.5002, True, "0.08 % above"),
    ],
)
def test_reconstructions_answer_by_their_error(predicted, is_good, text):
    """Images of 0 and a model that says 0.5: its squared error is 0.25."""
    images = np.zeros((2, 4, 4, 1), "float32")
    found = running.fidelity(images, images + predicted, images + 0.5)
    assert found.is_as_good is is_good
    assert text in found.text


def test_masks_answer_by_their_pixels():
    images, model = np.zeros((1, 10, 100, 3)), np.full((1, 10, 100, 1), 0.4)
    file = model.copy()
    file[0, 0, 0] = 0.6
    found = running.fidelity(images, file, model)
    assert (found.value, found.is_as_good) == (0.001, True)
    file[0, 0, 1] = 0.6
    assert not running.fidelity(images, file, model).is_as_good
    classes = np.eye(3)[np.array([[[0, 1], [2, 2]]])]
    other = np.eye(3)[np.array([[[0, 1], [2, 1]]])]
    assert running.fidelity(np.zeros((1, 2, 2, 1)), other, classes).value == 0.25


def test_masks_in_the_shape_of_the_images_are_masks(tmp_path):
    """Grey images and one class: probabilities, which no squared error against images judges."""
    images = np.full((1, 10, 100, 1), 0.45)
    model, file = np.full((1, 10, 100, 1), 0.4), np.full((1, 10, 100, 1), 0.4)
    file[0, 0, :20] = 0.6
    found = running.fidelity(images, file, model, makes_masks=True)
    assert (found.measure, found.value, found.is_as_good) == ("changed pixels", 0.02, False)
    assert running.fidelity(images, file, model).measure == "squared error"
    with pytest.raises(ValueError, match=r"shape \(1, 10, 100, 1\).*Received: \(1, 10, 100, 3\)"):
        running.fidelity(images, np.zeros((1, 10, 100, 3)), model)


@pytest.mark.parametrize(("name", "is_mask"), [("unet", True), ("autoencoder", False)])
def test_a_saved_model_tells_whether_it_makes_masks(name, is_mask, tmp_path):
    zoo.create(name, SHAPE, preset="tiny").save(tmp_path / "m.keras")
    assert running.load(tmp_path / "m.keras").makes_masks is is_mask


@pytest.mark.parametrize("suffix", [".tflite", ".onnx"])
def test_images_of_another_shape_are_refused(suffix, tmp_path, capfd):
    """TFLite takes one channel for three, and gives numbers that mean nothing."""
    if suffix == ".onnx":
        pytest.importorskip("tf2onnx")
    made = zoo.create("unet", (16, 16, 3), preset="tiny")
    run = running.load(export(made, tmp_path / f"m{suffix}"))
    assert run(np.zeros((2, 16, 16, 3), "float32")).shape == (2, 16, 16, 1)
    for shape in ((2, 16, 16, 1), (2, 8, 8, 3), (16, 16, 3)):
        with pytest.raises(ValueError, match=r"images of shape \(16, 16, 3\)"):
            run(np.zeros(shape, "float32"))
    assert "XNNPACK" not in capfd.readouterr().err


@pytest.mark.parametrize("suffix", [".keras", ".tflite", ".onnx"])
def test_a_model_that_takes_more_than_images_is_refused(suffix, tmp_path):
    if suffix == ".onnx":
        pytest.importorskip("tf2onnx")
    made = zoo.create("conditional_vae", SHAPE, preset="tiny", num_classes=3)
    path = tmp_path / f"m{suffix}"
    made.save(path) if suffix == ".keras" else export(made, path)
    with pytest.raises(ValueError, match=r"must take images alone.*image.* and .*label"):
        running.load(path)
