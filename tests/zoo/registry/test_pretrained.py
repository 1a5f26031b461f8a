"""Weights that come with the package: their names, their files, and what is wrong with them."""

import hashlib
import json
import sys
import types
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

import zoo
from zoo.registry import pretrained, saved_file

FACTS = {"num_parameters": 1234, "metrics": {"mse": {"value": 0.0123, "low": 0.01, "high": 0.02}}}


@pytest.fixture(scope="module")
def model():
    made = zoo.create("vae", image_shape=(8, 8, 1), preset="tiny", seed=3)
    for weight in made.trainable_weights:
        weight.assign(np.random.default_rng(0).normal(size=weight.shape, scale=0.3))
    return made


@pytest.fixture
def shelf(model, tmp_path, monkeypatch):
    """A folder of weights in the place of the package's, with one file as `bench pack` writes."""
    header = json.dumps(keras.saving.serialize_keras_object(model)).encode()
    arrays = {f"{n:03d}": np.asarray(w, "float16") for n, w in enumerate(model.weights)}
    (tmp_path / "garments").mkdir()
    file = tmp_path / "garments/vae.npz"
    np.savez(file, header=np.frombuffer(header, "uint8"), **arrays)
    row = {
        "file": "garments/vae.npz",
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "num_bytes": file.stat().st_size,
        "dtype": "float16",
        "facts": FACTS,
    }
    index = {"version": 1, "weights": {"garments/vae": row}}
    (tmp_path / "index.json").write_text(json.dumps(index))
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    return tmp_path


def test_a_name_gives_the_model_with_its_weights(shelf, model):
    loaded = zoo.load("garments/vae")
    images = np.random.default_rng(1).random((4, 8, 8, 1), "float32")
    assert type(loaded) is type(model)
    assert loaded.weights[0].dtype == "float32"
    difference = np.abs(loaded.predict(images, verbose=0) - model.predict(images, verbose=0))
    assert 0 < difference.max() < 1e-2  # half precision, in random weights
    assert saved_file.entry(Path("garments/vae")).name == "vae"


def test_lists_show_what_was_measured(shelf):
    found = zoo.pretrained()
    assert list(found) == ["garments/vae"]
    assert found["garments/vae"].metrics["mse"]["value"] == 0.0123
    assert "garments/vae      1,234 parameters" in repr(found)
    assert "mse 0.0123" in repr(found)


def test_an_empty_shelf_says_so(shelf):
    (shelf / "index.json").write_text('{"version": 1, "weights": {}}')
    assert repr(zoo.pretrained()).startswith("No weights come with this version.")
    with pytest.raises(FileNotFoundError, match=r"'garments/vae'\. No weights come with"):
        zoo.load("garments/vae")


@pytest.mark.parametrize("asked", ["garments/vea", "garment/vae", "vae", Path("digits/vae")])
def test_a_wrong_name_is_answered_with_the_nearest(shelf, asked):
    with pytest.raises(FileNotFoundError, match="Did you mean 'garments/vae'"):
        zoo.load(asked)


def test_names_of_the_same_data_are_not_near_for_that(shelf):
    with pytest.raises(FileNotFoundError, match=r"'garments/autoencoder'\. See:"):
        zoo.load("garments/autoencoder")


def test_a_file_goes_before_a_name(shelf, monkeypatch, model):
    monkeypatch.chdir(shelf)
    assert pretrained.find("garments/vae") is not None
    (shelf / "garments/vae").write_text("a file of mine")
    assert pretrained.find("garments/vae") is None
    assert pretrained.find("garments/vae.keras") is None


def test_a_damaged_or_missing_file_is_told_with_the_fix(shelf):
    file = shelf / "garments/vae.npz"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"'garments/vae' is damaged, .* Fix: pip install"):
        zoo.load("garments/vae")
    file.unlink()
    with pytest.raises(FileNotFoundError, match=r"'garments/vae' is missing: .* Fix: pip"):
        zoo.load("garments/vae")


@pytest.mark.parametrize("text", ["", "[]", '{"version": 9, "weights": {}}', '{"version": 1}'])
def test_a_damaged_index_is_told_with_the_fix(shelf, text):
    (shelf / "index.json").write_text(text)
    with pytest.raises(ValueError, match=r"index of the weights is damaged: .* Fix: pip"):
        zoo.pretrained()


def test_an_index_of_the_user_s_own_is_not_mended_by_pip(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ValueError, match=r"cannot be read: .* Give a folder that was written"):
            zoo.pretrained(folder)
    (tmp_path / "index.json").write_text("[]")
    with pytest.raises(ValueError, match=r"is damaged: .*python -m bench pack RUN --output FOLDER"):
        zoo.pretrained(tmp_path)
    with pytest.raises(TypeError, match=r"pretrained: folder must be a path or None. Received: 3"):
        zoo.pretrained(3)


def test_weights_of_another_model_are_refused(shelf, model):
    file = shelf / "garments/vae.npz"
    with np.load(file) as arrays:
        fewer = {key: arrays[key] for key in arrays.files[:-1]}
    np.savez(file, **fewer)
    index = json.loads((shelf / "index.json").read_text())
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    index["weights"]["garments/vae"]["sha256"] = digest
    (shelf / "index.json").write_text(json.dumps(index))
    with pytest.raises(ValueError, match="version that is not compatible"):
        zoo.load("garments/vae")


# --- Hugging Face ---------------------------------------------------------------------------------


def test_an_address_goes_through_keras(tmp_path, model, monkeypatch):
    """Keras asks `huggingface_hub` for the folder of a model; here it is one on this machine."""
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        archive.extractall(tmp_path / "snapshot")
    asked = []

    def snapshot_download(repo_id, **others):
        asked.append(repo_id)
        return str(tmp_path / "snapshot")

    fake = types.ModuleType("huggingface_hub")
    fake.__spec__ = types.SimpleNamespace(name="huggingface_hub")
    fake.snapshot_download = snapshot_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", fake)
    library = sys.modules["keras.src.saving.saving_lib"]
    monkeypatch.setattr(library, "huggingface_hub", fake)
    images = np.random.default_rng(1).random((2, 8, 8, 1), "float32")
    for address in ("hf://me/vae", Path("hf://me/vae")):
        loaded = zoo.load(address)
        np.testing.assert_allclose(
            loaded.predict(images, verbose=0), model.predict(images, verbose=0), atol=1e-6
        )
    assert asked == ["me/vae", "me/vae"]

    def fail(repo_id, **others):
        raise OSError("no network")

    fake.snapshot_download = fail
    with pytest.raises(ValueError, match=r"hf://me/vae cannot be loaded \(no network\)"):
        zoo.load("hf://me/vae")


def test_an_address_says_what_is_missing(monkeypatch):
    with pytest.raises(ValueError, match="must be hf://USER/MODEL"):
        zoo.load("hf://vae")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install huggingface_hub"):
        zoo.load("hf://me/vae")
