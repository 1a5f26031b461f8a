"""`python -m bench inspect` on a saved model: what it lists, draws and refuses."""

import keras
import numpy as np
import pytest
from PIL import Image

import zoo
from bench import __main__
from bench.commands import inspect_inputs
from bench.errors import BenchError


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with an untrained model, a conditional one, and images as files and as arrays."""
    folder = tmp_path_factory.mktemp("saved")
    keras.utils.set_random_seed(0)
    zoo.create("vae", image_shape=(8, 8, 1), preset="tiny").save(folder / "vae.keras")
    labelled = zoo.create("conditional_vae", image_shape=(8, 8, 1), preset="tiny", num_classes=10)
    labelled.save(folder / "labelled.keras")
    zoo.create("unet_denoiser", image_shape=(8, 8, 1), preset="tiny").save(folder / "unet.keras")
    (folder / "images").mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (5, 12, 10), "uint8")
    for number, picture in enumerate(pixels):
        Image.fromarray(picture).save(folder / f"images/{number}.png")
    np.savez(folder / "wrong.npz", images=pixels)
    np.savez(folder / "right.npz", images=pixels[:, :8, :8])
    return folder


def call(saved, capsys, *arguments):
    """Returns the exit code and what was printed."""
    code = __main__.main(["inspect", *(str(argument) for argument in arguments)])
    printed = capsys.readouterr()
    return code, printed.out + printed.err


def test_without_a_layer_the_layers_are_listed(saved, capsys):
    code, text = call(saved, capsys, saved / "vae.keras")
    assert code == 0
    layers = zoo.load(saved / "vae.keras").encoder.layers[1:]
    for layer in layers:
        assert f"encoder/{layer.name}" in text


@pytest.mark.parametrize("columns", [60, 80])
def test_what_is_listed_keeps_to_the_terminal(capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    code, text = call(None, capsys, "fashion_mnist/vae")
    assert code == 0
    assert "anomalies: score above" in text
    assert max(map(len, text.splitlines())) <= columns


@pytest.mark.parametrize(
    "arguments",
    [
        ("digits", "--layer", "encoder/conv1"),
        ("digits", "--layer", "z_mean", "--image", "7"),
        ("images", "--layer", "decoder/pixels", "--theme", "dark"),
        ("images/3.png", "--layer", "flatten"),
        ("right.npz", "--maps", "--layer", "encoder/conv1"),
        ("--filters", "--layer", "conv1"),
        ("--filters", "--layer", "decoder/up1", "--most", "3"),
        ("images", "--traversal", "--image", "2", "--most", "4", "--steps", "3"),
        ("images", "--interpolation"),
        ("digits", "--interpolation", "--image", "4", "2", "9", "1"),
    ],
)
def test_a_picture_is_written(saved, capsys, tmp_path, arguments, monkeypatch):
    monkeypatch.chdir(saved)
    output = tmp_path / "folder/picture.png"
    code, text = call(saved, capsys, "vae.keras", *arguments, "--output", output)
    assert (code, text.strip()) == (0, str(output))
    with Image.open(output) as picture:
        assert min(picture.size) > 150
        assert len(np.unique(np.asarray(picture.convert("L")))) > 5


def test_a_model_of_labels_is_given_those_of_the_data(saved, capsys, tmp_path):
    model = zoo.load(saved / "labelled.keras")
    inputs = inspect_inputs.load(model, "digits", 12)
    assert len(inputs["image"]) == len(inputs["label"]) == 12
    for what in ("--traversal", "--interpolation"):
        output = tmp_path / "picture.png"
        code, _ = call(saved, capsys, saved / "labelled.keras", "digits", what, "--output", output)
        assert code == 0
    with pytest.raises(BenchError, match="has no labels, which the model 'conditional_vae' needs"):
        inspect_inputs.load(model, str(saved / "right.npz"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("digits", "--layer", "encoder/conv7"), "Did you mean 'encoder/conv"),
        (("digits", "--layer", "sampler"), "sampler is not called"),
        (("--filters", "--layer", "flatten"), "has no filters to draw"),
        (("--layer", "conv1"), "--maps needs images"),
        (("digits", "--maps"), "--maps needs --layer"),
        (("digit", "--layer", "conv1"), "Did you mean 'digits'"),
        (("wrong.npz", "--layer", "conv1"), "does not fit the model"),
        (("digits", "--layer", "conv1", "--image", "300"), "--image must be below 300"),
        (("digits", "--layer", "conv1", "--image", "-1"), "--image must be at least 0"),
        (("digits", "--interpolation", "--image", "1", "2", "3"), "must name pairs"),
        (("digits", "--traversal", "--steps", "1"), "--steps must be at least 2"),
        (("digits", "--traversal", "--most", "0"), "--most must be at least 1"),
    ],
)
def test_what_cannot_be_drawn_is_one_clear_line(
    saved, capsys, tmp_path, monkeypatch, arguments, message
):
    monkeypatch.chdir(saved)
    output = tmp_path / "picture.png"
    code, text = call(saved, capsys, "vae.keras", *arguments, "--output", output)
    assert code == 2
    assert text.startswith("error: ")
    assert text.count("\n") == 1
    assert message in text
    assert not output.exists()


def test_models_without_a_code_and_wrong_files_are_named(saved, capsys, tmp_path):
    output = tmp_path / "picture.png"
    for what, message in (("--traversal", "decodes codes"), ("--interpolation", "decodes codes")):
        code, text = call(saved, capsys, saved / "unet.keras", "digits", what, "--output", output)
        assert code == 2
        assert message in text
    code, text = call(saved, capsys, saved / "none.keras")
    assert code == 2
    assert "must be a file that exists" in text
    code, text = call(saved, capsys, saved / "vae.keras", "digits", "--traversal")
    assert (code, "--traversal needs --output FILE.png" in text) == (2, True)
    for words, named in ((("digits",), "images"), (("--output", output), "--output")):
        code, text = call(saved, capsys, saved / "vae.keras", *words)
        assert (code, f"{named} must come with what is to be drawn" in text) == (2, True)
    code, text = call(
        saved, capsys, saved / "vae.keras", "digits", "--traversal", "--output", tmp_path / "a.jpg"
    )
    assert (code, "--output must be a .png file" in text) == (2, True)


def test_a_keras_model_from_outside_of_the_zoo_is_looked_into(saved, tmp_path, capsys):
    inputs = keras.Input((8, 8, 1))
    layer = keras.layers.Conv2D(3, 3, padding="same", name="first")
    keras.Model(inputs, layer(inputs), name="mine").save(tmp_path / "mine.keras")
    code, text = call(saved, capsys, tmp_path / "mine.keras")
    assert code == 0
    assert "Functional mine, from outside of the zoo" in text
    assert "8 x 8 x 3" in text
    picture = tmp_path / "maps.png"
    words = ("digits", "--layer", "first", "--output", picture)
    assert call(saved, capsys, tmp_path / "mine.keras", *words)[0] == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    words = ("digits", "--traversal", "--output", picture)
    code, text = call(saved, capsys, tmp_path / "mine.keras", *words)
    assert code == 2
    assert "holds none of the zoo's" in text
    code, text = call(saved, capsys, tmp_path / "mine.keras", saved / "wrong.npz", *words[1:])
    assert code == 2
