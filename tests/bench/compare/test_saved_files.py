"""Saved and exported files of a model on the same images, in turn."""

import json

import keras
import numpy as np
import pytest
from rich.console import Console

import zoo
from bench.__main__ import main
from bench.compare import saved_files
from zoo.data.images import write_png
from zoo.persistence.export import export

IMAGES = np.random.default_rng(0).random((20, 8, 8, 1), "float32")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    keras.utils.set_random_seed(0)
    model = zoo.create("autoencoder", (8, 8, 1), preset="tiny", seed=0)
    model.save(folder / "m.keras")
    export(model, folder / "m.tflite")
    (folder / "bad.onnx").write_bytes(b"no model")
    return folder


@pytest.fixture(scope="module")
def rows(folder):
    names = ("m.keras", "m.tflite", "bad.onnx")
    return saved_files.compare([folder / name for name in names], IMAGES, 8, 3)


def test_each_file_is_timed_beside_the_first(rows):
    first, other, bad = rows
    for row in (first, other):
        assert row.error is None
        assert len(row.batch_seconds) == len(row.single_seconds) == 3
        assert min(row.batch_seconds + row.single_seconds) > 0
    assert first.batch_gain.median == first.single_gain.median == 1.0
    ratios = sorted(np.divide(first.batch_seconds, other.batch_seconds))
    assert other.batch_gain.median == pytest.approx(ratios[1])
    assert first.fidelity is None
    assert other.fidelity.is_as_good
    assert other.fidelity.num_images == 20  # the rows beyond whole batches, too
    assert bad.error is not None
    assert not bad.batch_seconds


def test_what_is_shown_and_kept(rows, capsys):
    saved_files.show(rows, 16, Console(width=80))
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    assert "m.tflite: squared error" in text.replace("\n", " ")
    assert "bad.onnx does not run" in text.replace("\n", "")
    kept = json.loads(saved_files.to_json(rows, batch_size=8))
    assert [row["path"].rpartition("/")[2] for row in kept["rows"]] == [
        *("m.keras", "m.tflite", "bad.onnx")
    ]


def test_weights_of_the_package_stand_for_their_file(tmp_path):
    name = "fashion_mnist/masked_autoencoder"
    zoo.load(name).save(tmp_path / "m.keras")
    assert saved_files.are_files([name, "vae"])
    paths = saved_files.check([str(tmp_path / "m.keras"), name])
    images = np.random.default_rng(0).random((8, 28, 28, 1), "float32")
    file, weights = saved_files.compare(paths, images, 4, 2)
    assert weights.error is None
    assert weights.fidelity.value == pytest.approx(weights.fidelity.reference, rel=1e-5)
    assert weights.num_bytes == zoo.pretrained()[name].num_bytes < file.num_bytes


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nope.onnx", "m.keras"), "a file that exists"),
        (("m.keras", "vae"), "all contenders must be files ending in"),
        (("fashion_mnist/vae", "fashion_mnist/vea"), "or names of trained weights"),
        (("vae", "vae@jit", "sparse"), "A and B must be two"),
        (("m.keras", "m.tflite", "--pairs", "0"), "--pairs must be at least 1"),
        (("m.keras", "m.tflite", "--json", "."), "--json must be a file"),
        (("m.keras", "m.tflite", "--json", "m.keras/x.json"), "Choose another --json"),
    ],
)
def test_wrong_use_is_told(words, message, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert main(["compare", *words]) == 2
    assert message in capsys.readouterr().err


def test_masks_count_by_their_pixels_wherever_the_model_stands(tmp_path):
    """Of grey images and one class, whose predictions have the shape of the images."""
    unet = zoo.create("unet", (8, 8, 1), preset="tiny", seed=0)
    unet.save(tmp_path / "u.keras")
    export(unet, tmp_path / "u.tflite")
    export(zoo.create("unet", (8, 8, 1), preset="tiny", num_classes=3), tmp_path / "other.tflite")
    paths = [tmp_path / name for name in ("u.tflite", "u.keras", "other.tflite")]
    _, keras_file, other = saved_files.compare(paths, IMAGES, 8, 1)
    assert keras_file.fidelity.measure == "changed pixels"
    assert "predicted must have shape (20, 8, 8, 1)" in other.error
    assert not other.batch_seconds


def test_a_folder_is_read_as_the_model_takes_it(folder, tmp_path, capsys):
    """Colour photos of mixed sizes, and a model of 8 x 8 grey pixels."""
    generator = np.random.default_rng(0)
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(30):
        photo = generator.random((9 + number % 3, 12, 3), "float32")
        write_png(photos / f"{number}.png", photo)
    files = [str(folder / name) for name in ("m.tflite", "m.keras")]
    assert main(["compare", *files, "--dataset", str(photos), "--pairs", "1"]) == 0
    assert "m.keras: squared error" in capsys.readouterr().out
