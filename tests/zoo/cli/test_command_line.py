"""`python -m zoo`: every command end to end on tiny images, and every error in one line."""

import csv
import dataclasses
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import zoo
from zoo.__main__ import main
from zoo.cli import create, data, files, models, screen
from zoo.data import images
from zoo.data.reader import Reader
from zoo.registry import presets

pytestmark = pytest.mark.filterwarnings("ignore:Even though the .*run_functions_eagerly")
NUM_IMAGES = 24
# Dense networks: built and trained in a second.
SMALL = ("--set", "widths=()", "hidden_units=(8,)", "latent_dim=2")
QUICK = (*SMALL, "--epochs", "2", "--batch-size", "12")


def run(*arguments) -> int:
    return main([str(argument) for argument in arguments])


@pytest.fixture
def fails(capsys):
    """Runs a command that must fail, and returns its one line."""

    def command(*arguments) -> str:
        capsys.readouterr()
        try:
            code = run(*arguments)
        except SystemExit as stop:
            code = stop.code
        assert code == 2
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1, lines
        assert lines[0].startswith("error: ")
        return lines[0]

    return command


def table(path) -> list[dict]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def names(folder) -> list[str]:
    """Files of a folder, those that were left half-written included."""
    return sorted(f.relative_to(folder).as_posix() for f in folder.rglob("*") if f.is_file())


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Dark images in `a/`, light ones in `b/`, 8 x 8, grey."""
    folder = tmp_path_factory.mktemp("data") / "photos"
    generator = np.random.default_rng(5)
    for number in range(NUM_IMAGES):
        name = "ab"[number % 2]
        values = generator.integers(0, 60, (8, 8)) + (20 if name == "a" else 180)
        images.write_png(folder / name / f"{number:02d}.png", values.astype("uint8"))
    return folder


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Light squares on dark ground, RGB, and their masks of 0 and 255."""
    folder = tmp_path_factory.mktemp("data") / "cells"
    generator = np.random.default_rng(6)
    for number in range(12):
        mask = np.zeros((8, 8), "uint8")
        top, left = generator.integers(0, 4, 2)
        mask[top : top + 4, left : left + 4] = 255
        shown = np.repeat((mask[..., None] * 0.8 + 20).astype("uint8"), 3, axis=-1)
        images.write_png(folder / "images" / f"{number:02d}.png", shown)
        images.write_png(folder / "masks" / f"{number:02d}.png", mask)
    return folder


@pytest.fixture(scope="module")
def vae(photos, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "vae.keras"
    assert run("train", "vae", photos, "--output", path, *QUICK, "--validation-split", 0.25) == 0
    return path


@pytest.fixture(scope="module")
def conditional(photos, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "conditional.keras"
    assert run("train", "conditional_vae", photos, "--output", path, *QUICK) == 0
    return path


@pytest.fixture(scope="module")
def unet(cells, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "unet.keras"
    options = ("--epochs", 40, "--batch-size", 12, "--learning-rate", 0.02)
    tf.config.run_functions_eagerly(False)  # 40 steps are worth a compilation
    assert run("train", "unet", cells, "--output", path, "--set", "widths=(4,4)", *options) == 0
    tf.config.run_functions_eagerly(True)
    return path


@pytest.mark.parametrize("task", ["reconstruction", "features"])
def test_tasks_without_labels_take_folders_with_and_without_classes(task, photos):
    for folder, num in ((photos, NUM_IMAGES), (photos / "a", NUM_IMAGES // 2)):
        found = data.load(folder, task)
        assert (len(found), found.labels) == (num, None)


# --- list, help -----------------------------------------------------------------------------


def test_list_shows_every_model(capsys):
    assert run("list") == 0
    shown = capsys.readouterr().out
    assert all(f" {name} " in shown for name in zoo.names())


def test_list_shows_presets_with_their_sources(capsys):
    assert run("list", "autoencoder", "--presets") == 0
    shown = capsys.readouterr().out
    assert "101,200" in shown
    assert "tf_tutorial_dense" in shown
    assert "denoising" not in shown


@pytest.mark.parametrize("name", zoo.names())
def test_list_of_one_model_shows_presets_as_set_takes_them(name, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "1000")
    assert run("list", name) == 0
    lines = capsys.readouterr().out.splitlines()
    for preset in presets.names(name):
        (words,) = [shlex.split(line) for line in lines if line.split(" ")[0] == preset]
        shown = create.parse_arguments([word for word in words[1:] if "=" in word])
        assert shown == presets.config(name, preset)
    monkeypatch.setenv("COLUMNS", "80")
    assert run("list", name) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_list_of_nothing(fails):
    assert "no model matches 'gan'" in fails("list", "gan")


@pytest.mark.parametrize(
    "command", ["list", "train", "reconstruct", "score", "sample", "segment", "export"]
)
def test_each_command_has_help_with_examples(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert f"python -m zoo {command}" in capsys.readouterr().out.split("examples:")[1]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "COMMAND"),
        (("fly",), "command must be one of check, train"),
        (("train", "vae", "x", "--output", "y.keras", "--epochs", "many"), "whole number"),
        (("train", "vae", "x", "--output", "y.keras", "--resize", "64"), "HEIGHTxWIDTH"),
        (("train", "vae", "x", "--output", "y.keras", "--resize", "0x4"), "HEIGHTxWIDTH"),
        (("train", "vae", "x"), "required: --output"),
    ],
)
def test_wrong_use_is_told_in_one_line(fails, arguments, text):
    assert text in fails(*arguments)


# --- train ----------------------------------------------------------------------------------


def test_train_writes_a_model_with_its_card(vae, photos):
    model = zoo.load(vae)
    assert names(vae.parent) == ["vae.keras"]
    assert model.registry_name == "vae"
    assert (model.latent_dim, model.hidden_units, model.widths) == (2, (8,), ())
    assert (model.card.resize, model.card.color) == ((8, 8), "grey")
    assert model.card.trained_on == f"{photos}: 18 images, 6 more held out"
    # Six images cannot promise one false alarm in twenty, but one in seven.
    assert model.card.threshold_rule.startswith("false alarms at most 14.3 % on average")
    assert model.card.threshold == pytest.approx(max(model.card.held_out_scores))
    assert model.compiled


def test_the_best_epoch_is_kept(photos, tmp_path, monkeypatch, capsys):
    """Where a learning rate spoils later epochs, the lowest validation loss comes back."""
    path, options = tmp_path / "m.keras", ("--epochs", 4, "--learning-rate", 0.5, "--overwrite")
    arguments = ("train", "autoencoder", photos, "--output", path, *QUICK, *options)
    losses = []

    class Spy(keras.callbacks.History):
        def on_epoch_end(self, epoch, logs=None):
            losses.append(logs["val_loss"])

    fit = zoo.ZooModel.fit

    def spied(self, *args, callbacks=(), **kwargs):
        return fit(self, *args, callbacks=[*callbacks, Spy()], **kwargs)

    monkeypatch.setattr(zoo.ZooModel, "fit", spied)
    assert run(*arguments) == 0
    best = int(np.argmin(losses)) + 1
    shown = capsys.readouterr().out
    assert f"val_loss {min(losses):.4g}"[:12] in shown
    assert (f"kept epoch {best} of 4" in shown) == (best < 4)
    losses.clear()
    assert run(*arguments, "--last-epoch") == 0
    assert f"val_loss {losses[-1]:.4g}"[:12] in capsys.readouterr().out


def test_threshold_comes_from_the_held_out_files(photos, tmp_path, capsys):
    path = tmp_path / "model.keras"
    assert run("train", "autoencoder", photos, "--output", path, *QUICK, "--quantile", 0.5) == 0
    shown = capsys.readouterr().out
    model = zoo.load(path)
    _, values = Reader().all(images.find(photos))
    scores = model.anomaly_score(values)
    held_out = [pair for pair in np.argwhere(np.isclose(scores[:, None], scores)) if pair[0]]
    assert len(held_out) >= NUM_IMAGES - 1
    medians = [np.mean([a, b]) for a in scores for b in scores]  # two files are held out
    assert np.isclose(medians, model.card.threshold, rtol=1e-4).any()
    assert "val_loss" in shown
    assert f"{model.card.threshold:.5g}" in shown


def test_resize_and_colour_are_the_model_s(photos, tmp_path):
    path = tmp_path / "model.keras"
    sizes = ("--resize", "12x4", "--color", "rgb")
    assert run("train", "autoencoder", photos, "--output", path, *QUICK, *sizes) == 0
    model = zoo.load(path)
    assert model.image_shape == (12, 4, 3)
    assert (model.card.resize, model.card.color) == ((12, 4), "rgb")
    assert run("reconstruct", path, photos, "--output", tmp_path / "out") == 0
    assert images.read(tmp_path / "out/a/00.png").shape == (8, 8, 3)  # as large as the photograph


def test_resume_goes_on_from_the_saved_state(photos, tmp_path):
    path, further = tmp_path / "first.keras", tmp_path / "further.keras"
    run("train", "autoencoder", photos, "--output", path, *QUICK)
    go_on = ("train", "autoencoder", photos, "--resume", path, "--epochs", 3, "--batch-size", 12)
    assert run(*go_on, "--output", further) == 0
    steps = [int(zoo.load(file).optimizer.iterations.numpy()) for file in (path, further)]
    assert steps == [2 * 2, 2 * 2 + 3 * 2]  # 22 images in batches of 12
    assert run(*go_on, "--output", path, "--learning-rate", 0.5) == 0
    assert float(zoo.load(path).optimizer.learning_rate.numpy()) == 0.5


def test_resume_takes_a_rate_in_place_of_a_schedule(fails, photos, tmp_path):
    path, further = tmp_path / "first.keras", tmp_path / "further.keras"
    run("train", "autoencoder", photos, "--output", path, *QUICK)
    model = zoo.load(path)
    schedule = keras.optimizers.schedules.CosineDecay(1e-3, decay_steps=4)
    model.compile(keras.optimizers.Adam(schedule))
    model.optimizer.build(model.trainable_weights)
    model.optimizer.iterations.assign(4)  # at its end
    model.save(path)
    go_on = ("train", "autoencoder", photos, "--resume", path, "--epochs", 1, "--output", further)
    error = fails(*go_on)
    assert "has come to 0 by its schedule" in error
    assert "--learning-rate 0.001" in error
    assert not further.exists()
    assert run(*go_on, "--learning-rate", 0.5) == 0
    assert float(zoo.load(further).optimizer.learning_rate) == 0.5


def test_data_of_some_classes_have_the_numbers_of_the_saved_model(conditional):
    model = zoo.load(conditional)
    model.card = dataclasses.replace(model.card, class_names=("a", "b", "c"))
    held_out = data.TrainingData(np.zeros(2), np.array([1, 0]), class_names=("b", "c"))
    some = data.TrainingData(np.zeros(4), np.array([1, 0, -1, 1]), class_names=("a", "c"))
    found = create.with_classes_of(model, dataclasses.replace(some, held_out=held_out))
    assert found.class_names == found.held_out.class_names == ("a", "b", "c")
    assert found.labels.tolist() == [2, 0, -1, 2]
    assert found.held_out.labels.tolist() == [2, 1]
    foreign = dataclasses.replace(some, class_names=("a", "fox"))
    assert create.with_classes_of(model, foreign) is foreign


def test_resume_goes_on_with_some_of_the_classes(fails, photos, tmp_path):
    start, path = tmp_path / "start", tmp_path / "m.keras"
    for name, source in (("a", "a"), ("b", "b"), ("c", "a")):
        shutil.copytree(photos / source, start / name)
    assert run("train", "conditional_vae", start, "--output", path, *QUICK) == 0
    go_on = ("train", "conditional_vae", start, "--resume", path, "--epochs", 1, "--output")
    shutil.rmtree(start / "a")
    assert run(*go_on, tmp_path / "further.keras") == 0
    assert zoo.load(tmp_path / "further.keras").card.class_names == ("a", "b", "c")
    (start / "b").rename(start / "fox")
    said = fails(*go_on, tmp_path / "foreign.keras")
    assert "must be among those of the saved model: a, b, c. Received: c, fox" in said


def test_resume_refuses_what_the_model_has(fails, vae, photos, tmp_path):
    output = tmp_path / "x.keras"
    go_on = ("train", "vae", photos, "--resume", vae, "--output", output)
    assert "--set must not be given with --resume" in fails(*go_on, "--set", "latent_dim=3")
    assert "--resize must not be given" in fails(*go_on, "--resize", "4x4")
    assert "must be a saved model 'autoencoder'" in fails(
        *("train", "autoencoder", photos, "--resume", vae, "--output", output)
    )
    assert not output.exists()


def test_same_seed_same_model(photos, tmp_path):
    found = []
    for seed in (3, 3, 4):
        path = tmp_path / "model.keras"
        run("train", "vae", photos, "--output", path, *QUICK, "--seed", seed, "--overwrite")
        weights = zoo.load(path).trainable_weights
        found.append(np.concatenate([weight.numpy().ravel() for weight in weights]))
    np.testing.assert_array_equal(found[0], found[1])
    assert np.abs(found[0] - found[2]).max() > 1e-3


def test_npz(tmp_path, digits):
    np.savez(tmp_path / "digits.npz", images=digits[:40, ..., 0], labels=np.arange(40) % 3)
    path = tmp_path / "model.keras"
    assert run("train", "conditional_vae", tmp_path / "digits.npz", "--output", path, *QUICK) == 0
    model = zoo.load(path)
    assert model.num_classes == 3
    assert model.card.class_names == ("0", "1", "2")
    bytes_ = (digits[:40] * 255).astype("uint8")
    np.savez(tmp_path / "flat.npz", x_train=bytes_.reshape(40, 64))
    flat = tmp_path / "flat.keras"
    assert run("train", "autoencoder", tmp_path / "flat.npz", "--output", flat, *QUICK) == 0
    assert zoo.load(flat).image_shape == (64,)
    assert zoo.load(flat).card.resize is None


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--epochs", 0), "--epochs must be at least 1"),
        (("--batch-size", -1), "--batch-size must be at least 1"),
        (("--learning-rate", 0), "--learning-rate must be above 0"),
        (("--learning-rate", "nan"), "--learning-rate must be above 0"),
        (("--validation-split", 1), "--validation-split must be at least 0 and below 1"),
        (("--quantile", 95), "--quantile must lie between 0 and 1"),
        (("--set", "latent_dims=3"), "unknown argument 'latent_dims'. Did you mean 'latent_dim'"),
        (("--set", "latent_dim"), "--set must be NAME=VALUE"),
        (("--set", "latent_dim=-3"), "latent_dim must be an int >= 1"),
        (("--set", "activation=rellu"), "Did you mean 'relu'"),
        (("--preset", "smal"), "Unknown preset 'smal' of 'vae'. Did you mean 'small'"),
        (("--resize", "10x10"), "Images are resized by --resize HEIGHTxWIDTH."),
        (("--positive", "a"), "--positive is for debiasing models"),
        (("--seed", "-1"), "--seed must be a whole number from 0 to 4294967295, not '-1'"),
        (("--seed", "5000000000"), "--seed must be a whole number from 0 to"),
        (("--output", "model.h5"), "--output must end in .keras. Received: model.h5"),
    ],
)
def test_train_refuses_at_the_door(fails, photos, tmp_path, options, text):
    output = () if "--output" in options else ("--output", tmp_path / "x.keras")
    assert text in fails("train", "vae", photos, *output, *options)
    assert not list(tmp_path.iterdir())


def test_train_refuses_wrong_data(fails, photos, vae, tmp_path):
    output = ("--output", tmp_path / "x.keras")
    assert "Did you mean 'vae'" in fails("train", "vea", photos, *output)
    assert "must be a folder of images or an .npz file" in fails("train", "vae", "none", *output)
    (tmp_path / "empty").mkdir()
    assert "holds no images" in fails("train", "vae", tmp_path / "empty", *output)
    exists = fails("train", "vae", photos, "--output", vae)
    assert "exists. Choose another --output, or give --overwrite" in exists
    np.savez(tmp_path / "x.npz", y=np.zeros(3))
    text = fails("train", "vae", tmp_path / "x.npz", *output)
    assert "must hold x_train (or images, x, series)" in text
    (tmp_path / "x.npz").write_bytes(b"no zip")
    assert "cannot be read as .npz" in fails("train", "vae", tmp_path / "x.npz", *output)
    np.savez(tmp_path / "x.npz", x=np.full((4, 8, 8), 7.0))
    assert "must lie in [0, 1]" in fails("train", "vae", tmp_path / "x.npz", *output)
    assert "--resize is for folders" in fails(
        "train", "vae", tmp_path / "x.npz", *output, "--resize", "8x8"
    )
    one = tmp_path / "one"
    images.write_png(one / "x.png", np.zeros((8, 8)))
    assert "at least 2 images" in fails("train", "vae", one, *output)
    images.write_png(one / "y.png", np.zeros((8, 9)))
    assert "must have one size" in fails("train", "vae", one, *output)
    assert not (tmp_path / "x.keras").exists()


def test_what_a_score_leaves_out_is_said_once(photos, tmp_path, capsys):
    """Pages, files of other kinds, dark images; with maps the folder is read twice."""
    folder, model = tmp_path / "in", tmp_path / "m.keras"
    folder.mkdir()
    pages = [Image.fromarray(np.full((8, 8), 100 * number, "uint16")) for number in (1, 2, 3)]
    pages[0].save(folder / "a.tif", save_all=True, append_images=pages[1:])
    (folder / "b.pdf").write_bytes(b"%PDF")
    zoo.create("autoencoder", (8, 8, 1), widths=(), hidden_units=(), latent_dim=2).save(model)
    more = ("--output", tmp_path / "s.csv", "--maps", tmp_path / "maps")
    assert run("score", model, folder, *more) == 0
    said = capsys.readouterr().out
    for line in (
        "left out: 1 file of no image format: 1 .pdf",
        "left out: 2 pages or frames after the first, of 1 file (a.tif has 3)",
        "note: values reach 100 of 65535: images are dark. If 100 is about white, train the model",
    ):
        assert said.count(line) == 1


def test_damaged_files_stop_or_are_skipped(fails, photos, tmp_path, capsys):
    folder = tmp_path / "photos"
    for file in images.find(photos)[:4]:
        images.write_png(folder / file.name, images.read(file))
    (folder / "bad[1].png").write_bytes(b"no image")
    train = ("train", "autoencoder", folder, "--output", tmp_path / "m.keras", *QUICK)
    assert "bad[1].png: cannot be read" in fails(*train)
    assert run(*train, "--skip-unreadable") == 0
    assert "bad[1].png" in capsys.readouterr().out
    again = ("reconstruct", tmp_path / "m.keras", folder, "--output", tmp_path / "out")
    assert "bad[1].png" in fails(*again)
    assert not (tmp_path / "out").exists()
    assert run(*again, "--skip-unreadable") == 0
    assert "1 of 5 files skipped" in capsys.readouterr().out
    assert len(table(tmp_path / "out/errors.csv")) == 4


# --- Ctrl-C ---------------------------------------------------------------------------------


def interrupting(after_batches: int):
    """Returns a `fit` that is stopped by Ctrl-C after some steps."""

    class Stop(keras.callbacks.Callback):
        seen = 0

        def on_train_batch_begin(self, batch, logs=None):
            if self.seen == after_batches:
                raise KeyboardInterrupt
            self.seen += 1

    fit = zoo.ZooModel.fit

    def stopped(self, *args, callbacks, **options):
        return fit(self, *args, callbacks=[*callbacks, Stop()], **options)

    return stopped


def test_ctrl_c_saves_what_was_trained_so_far(photos, tmp_path, monkeypatch, capsys):
    path = tmp_path / "model.keras"
    monkeypatch.setattr(zoo.ZooModel, "fit", interrupting(3))
    assert run("train", "autoencoder", photos, "--output", path, *QUICK) == 130
    shown = capsys.readouterr().out
    assert "stopped after 1 of 2 epochs" in shown
    assert f"--resume {path}" in shown
    model = zoo.load(path)
    assert int(model.optimizer.iterations.numpy()) == 3
    assert model.card.threshold is None
    monkeypatch.undo()
    assert (
        run("train", "autoencoder", photos, "--resume", path, "--output", path, "--epochs", 1) == 0
    )


def test_ctrl_c_before_the_first_step_saves_nothing(photos, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(zoo.ZooModel, "fit", interrupting(0))
    path = tmp_path / "model.keras"
    assert run("train", "autoencoder", photos, "--output", path, *QUICK) == 130
    assert "nothing is saved" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_ctrl_c_while_saving_keeps_the_old_file(photos, tmp_path, monkeypatch, capsys):
    path = tmp_path / "model.keras"
    path.write_bytes(b"the old one")

    def half(self, target, **settings):
        target.write_bytes(b"half a file")
        raise KeyboardInterrupt

    monkeypatch.setattr(keras.Model, "save", half)
    train = ("train", "autoencoder", photos, "--output", path, *QUICK, "--overwrite")
    assert run(*train) == 130
    assert "Nothing is half-written" in capsys.readouterr().err
    assert path.read_bytes() == b"the old one"
    assert names(tmp_path) == ["model.keras"]


def test_a_training_that_diverges_is_not_saved(fails, photos, tmp_path):
    wild = ("--learning-rate", "1e30", "--set", "output_activation=linear")
    train = ("train", "autoencoder", photos, "--output", tmp_path / "m.keras", *QUICK, *wild)
    assert "the training diverged" in fails(*train)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("held_out", [0.05, 0.2])
def test_a_training_ends_at_the_first_loss_that_is_no_number(fails, photos, tmp_path, held_out):
    """The weights may still be finite, as after a step of 1e30."""
    wild = ("--learning-rate", "1e30", "--validation-split", held_out)
    error = fails("train", "vae", photos, "--output", tmp_path / "m.keras", *QUICK, *wild)
    assert re.search(r"diverged: (val_)?loss is (nan|inf) after epoch 1\.", error)
    assert "Nothing is saved. Choose a lower --learning-rate" in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("command", "output"), [("score", "s.csv"), ("reconstruct", "r"), ("sample", "d")]
)
def test_what_a_broken_model_gives_is_not_written(fails, vae, photos, tmp_path, command, output):
    model = zoo.load(vae)
    for weight in model.decoder.trainable_weights:
        weight.assign(np.full(weight.shape, np.nan))
    model.save(tmp_path / "broken.keras")
    folder = () if command == "sample" else (photos,)
    given = fails(command, tmp_path / "broken.keras", *folder, "--output", tmp_path / output)
    assert "the vae gives NaN or infinity" in given
    assert names(tmp_path) == ["broken.keras"]


# --- reconstruct ----------------------------------------------------------------------------


def test_reconstruct_writes_images_and_their_errors(vae, photos, tmp_path):
    output = tmp_path / "out"
    assert run("reconstruct", vae, photos, "--output", output, "--batch-size", 5) == 0
    found = table(output / "errors.csv")
    expected = images.find(photos)
    assert [row["file"] for row in found] == [f.relative_to(photos).as_posix() for f in expected]
    model = zoo.load(vae)
    for row, file in zip(found, expected, strict=True):
        image = images.read(file)
        result = model.reconstruct(image[None])[0]
        error = ((result.astype("float64") - image) ** 2).mean()
        assert float(row["mse"]) == pytest.approx(error, rel=1e-3)
        assert float(row["psnr_db"]) == pytest.approx(10 * np.log10(1 / error), abs=0.01)
        written = images.read(output / row["file"])
        np.testing.assert_allclose(written, result, atol=0.51 / 255 + 1e-4)
    assert len(names(output)) == NUM_IMAGES + 1


def test_files_of_one_stem_do_not_collide(vae, tmp_path):
    folder = tmp_path / "in"
    images.write_png(folder / "x.png", np.zeros((8, 8)))
    Image.fromarray(np.full((8, 8), 255, "uint8")).save(folder / "x.bmp")
    images.write_png(folder / "y.png", np.zeros((8, 8)))
    assert run("reconstruct", vae, folder, "--output", tmp_path / "out") == 0
    assert names(tmp_path / "out") == ["errors.csv", "x.bmp.png", "x.png.png", "y.png"]


def test_an_output_folder_is_kept_unless_told(fails, vae, photos, tmp_path):
    output = tmp_path / "out"
    output.mkdir()
    (output / "mine.txt").write_text("precious")
    command = ("reconstruct", vae, photos, "--output", output)
    assert "is not empty" in fails(*command)
    assert names(output) == ["mine.txt"]
    assert run(*command, "--overwrite") == 0
    assert (output / "mine.txt").read_text() == "precious"
    assert len(names(output)) == NUM_IMAGES + 2


def test_inputs_are_never_overwritten(fails, vae, photos):
    before = names(photos)
    for output in (photos, photos / "out"):
        command = ("reconstruct", vae, photos, "--output", output, "--overwrite")
        assert "must lie outside of the images' folder" in fails(*command)
    assert names(photos) == before


def test_a_failure_half_way_leaves_nothing(fails, vae, photos, tmp_path, monkeypatch):
    written = []

    def full_disk(path, image):
        written.append(path)
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")

    monkeypatch.setattr(images, "write_png", full_disk)
    text = fails("reconstruct", vae, photos, "--output", tmp_path / "out")
    assert "No space left on device" in text
    assert len(written) == 3
    assert not list(tmp_path.iterdir())


# --- score ----------------------------------------------------------------------------------


def test_score_equals_the_model_s(vae, photos, tmp_path):
    output = tmp_path / "scores.csv"
    assert run("score", vae, photos, "--output", output) == 0
    model = zoo.load(vae)
    _, values = Reader().all(images.find(photos))
    scores = model.anomaly_score(values)
    rows = table(output)
    np.testing.assert_allclose([float(row["score"]) for row in rows], scores, rtol=1e-3)
    verdicts = [row["is_anomaly"] for row in rows]
    assert verdicts == [str(bool(score > model.card.threshold)).lower() for score in scores]


def test_score_without_a_threshold_does_not_judge(photos, tmp_path, capsys):
    path = tmp_path / "m.keras"
    run("train", "autoencoder", photos, "--output", path, *QUICK, "--validation-split", 0)
    assert "training loss" in capsys.readouterr().out
    assert run("score", path, photos, "--output", tmp_path / "s.csv") == 0
    assert list(table(tmp_path / "s.csv")[0]) == ["file", "score"]
    assert "there is no threshold" in capsys.readouterr().out


def test_thresholds_by_hand_and_from_normals(vae, photos, tmp_path):
    own = tmp_path / "own.keras"
    own.write_bytes(vae.read_bytes())
    output = tmp_path / "s.csv"
    score = ("score", own, photos, "--output", output, "--overwrite")
    assert run(*score, "--threshold", 0) == 0
    assert {row["is_anomaly"] for row in table(output)} == {"true"}
    assert zoo.load(own).card.threshold == pytest.approx(zoo.load(vae).card.threshold)
    assert run(*score, "--normals", photos / "a", "--quantile", 0.75, "--keep") == 0
    kept = zoo.load(own).card
    dark = [float(row["score"]) for row in table(output) if row["file"].startswith("a/")]
    assert kept.threshold == pytest.approx(np.quantile(dark, 0.75), rel=1e-3)
    assert kept.threshold_rule == "0.75 quantile of 12 held-out scores"
    assert zoo.load(vae).card.pixel_threshold is not None
    assert kept.pixel_threshold is None  # of other normals


def test_p_values_of_a_folder_and_a_bound_over_it(vae, photos, tmp_path, capsys, fails):
    own = tmp_path / "own.keras"
    own.write_bytes(vae.read_bytes())
    output = tmp_path / "s.csv"
    score = ("score", own, photos, "--output", output, "--overwrite")
    normals = ("--normals", photos / "a", "--false-alarm-rate", 0.1)
    assert run(*score, *normals, "--keep", "--maps", tmp_path / "maps") == 0
    assert "false alarms at most 10 % on average" in capsys.readouterr().out
    rows = table(output)
    assert list(rows[0]) == ["file", "score", "p_value", "is_anomaly", "strange_pixels"]
    dark = np.sort([float(row["score"]) for row in rows if row["file"].startswith("a/")])
    for row in rows:
        at_least = (dark >= float(row["score"]) * (1 - 1e-6)).sum()
        assert float(row["p_value"]) == pytest.approx((1 + at_least) / 13, rel=1e-3)
        assert (row["is_anomaly"] == "true") == (float(row["p_value"]) <= 0.1)
    assert run(*score, "--fdr", 0.5) == 0
    assert "at most 50 % of what is flagged" in capsys.readouterr().out
    assert run(*score, "--fdr", 0.08) == 0  # no p-value is below 1/13: 24 of 24 files or none
    said = " ".join(capsys.readouterr().out.split())
    assert "0 flagged" in said and "can flag no less than 24 of 24: give more normals" in said
    assert "--fdr 0.05 needs 19 held-out scores" in fails(*score, "--fdr", 0.05)
    text = fails(*score[:-1], "--overwrite", "--normals", photos / "a", "--false-alarm-rate", 0.01)
    assert "--false-alarm-rate 0.01 needs 99 held-out normal images" in text


def test_a_rate_that_the_held_out_images_cannot_promise(fails, photos, tmp_path):
    """Refused before the training, not after it."""
    path = tmp_path / "m.keras"
    text = fails(
        "train", "autoencoder", photos, "--output", path, *QUICK, "--false-alarm-rate", 0.05
    )
    assert "needs 19 held-out normal images" in text
    assert not path.exists()


def test_score_maps_have_one_scale(vae, photos, tmp_path, capsys):
    command = ("score", vae, photos, "--output", tmp_path / "s.csv", "--maps", tmp_path / "maps")
    assert run(*command) == 0
    files_ = images.find(photos)
    maps = zoo.load(vae).score_map(np.stack([images.read(file) for file in files_]))
    for file, expected in zip(files_, maps / maps.max(), strict=True):
        found = images.read(tmp_path / "maps" / file.relative_to(photos))[..., 0]
        np.testing.assert_allclose(found, expected, atol=0.51 / 255 + 1e-3)
    assert f"white is {maps.max():.3g}"[:12] in capsys.readouterr().out


def test_score_maps_of_likelihoods_show_what_is_below_0(tmp_path, capsys):
    """Most pixels of garments score below 0, and one that is damaged above 100."""
    pixels = np.zeros((3, 28, 28), "uint8")
    pixels[1, 6:22, 8:20] = np.random.default_rng(0).integers(100, 255, (16, 12))
    pixels[2, 1, 1] = 255
    for number, image in enumerate(pixels):
        images.write_png(tmp_path / "x" / f"{number}.png", image)
    path = "fashion_mnist/upae"
    command = ("score", path, tmp_path / "x", "--output", tmp_path / "s.csv")
    assert run(*command, "--maps", tmp_path / "maps") == 0
    scores = np.asarray(zoo.load(path).score_map(pixels[..., None] / np.float32(255)))
    assert np.median(scores) < 0 < 100 < scores.max()
    shown = np.stack([images.read(tmp_path / "maps" / f"{n}.png")[..., 0] for n in range(3)])
    assert (shown.min(), shown.max()) == (0, 1) == (shown.flat[scores.argmin()], shown[2, 1, 1])
    assert (np.diff(shown.ravel()[np.argsort(scores, axis=None)]) >= -1.01 / 255).all()
    assert len(np.unique(shown[scores < 0])) > 20  # greys, not one black
    said = f"black is {scores.min():.3g}"[:12]
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--quantile", 0.9), "--quantile needs --normals FOLDER"),
        (("--false-alarm-rate", 0.1), "--false-alarm-rate needs --normals FOLDER"),
        (("--fdr", 1), "--fdr must lie between 0 and 1"),
        (("--normals", "x", "--threshold", 1), "Choose one"),
        (("--keep",), "--keep needs --threshold or --normals"),
        (("--normals", "x", "--quantile", 1), "between 0 and 1"),
        (("--normals", "nowhere"), "nowhere: must be a folder of images"),
        (("--threshold", "nan"), "--threshold must be a finite number"),
        (("--batch-size", 0), "--batch-size must be at least 1"),
    ],
)
def test_score_refuses_at_the_door(fails, vae, photos, tmp_path, options, text):
    assert text in fails("score", vae, photos, "--output", tmp_path / "s.csv", *options)
    assert not list(tmp_path.iterdir())


def test_one_normal_image_gives_no_threshold(fails, vae, photos, tmp_path):
    (tmp_path / "one").mkdir()
    shutil.copy(photos / "a/00.png", tmp_path / "one")
    score = ("score", vae, photos, "--output", tmp_path / "s.csv", "--normals", tmp_path / "one")
    assert "--normals needs 2 images or rows, or more. Received: 1." in fails(*score)
    assert names(tmp_path) == ["one/00.png"]


# --- sample ---------------------------------------------------------------------------------


def test_sample_writes_images_or_a_grid(vae, tmp_path):
    assert run("sample", vae, "--num", 12, "--output", tmp_path / "out") == 0
    assert names(tmp_path / "out") == [f"sample_{number:02d}.png" for number in range(12)]
    assert run("sample", vae, "--num", 12, "--grid", "--output", tmp_path / "grid.png") == 0
    grid = images.read(tmp_path / "grid.png")
    assert grid.shape == (3 * 9 - 1, 4 * 9 - 1, 1)
    last = images.read(tmp_path / "out/sample_11.png")
    np.testing.assert_array_equal(grid[18:26, 27:35], last)
    expected = zoo.load(vae).sample(12, seed=0)[11]
    np.testing.assert_allclose(last, expected, atol=0.51 / 255 + 1e-4)


def test_sample_of_a_class_by_number_or_name(conditional, tmp_path, fails):
    for label in ("1", "b"):
        output = tmp_path / f"{label}.png"
        assert run("sample", conditional, "--label", label, "--grid", "--output", output) == 0
    np.testing.assert_array_equal(*(images.read(tmp_path / f"{label}.png") for label in "1b"))
    text = fails("sample", conditional, "--label", "c", "--output", tmp_path / "c")
    assert "0 to 1 (a, b)" in text


def test_sample_refuses_at_the_door(fails, vae, photos, tmp_path):
    output = ("--output", tmp_path / "out")
    assert "--label is for models of classes" in fails("sample", vae, "--label", 3, *output)
    assert "--num must be at least 1" in fails("sample", vae, "--num", 0, *output)
    assert "must end in .png" in fails("sample", vae, "--grid", *output)
    plain = tmp_path / "plain.keras"
    zoo.create("autoencoder", (8, 8, 1), widths=(), latent_dim=2).save(plain)
    text = fails("sample", plain, *output)
    assert "must be able to sample images. Received: model 'autoencoder'." in text
    assert " vae" in text
    flat = tmp_path / "flat.keras"
    zoo.create("vae", (64,), preset="tiny").save(flat)
    assert "image_shape=(64,)" in fails("sample", flat, *output)
    assert "image_shape=(64,)" in fails("reconstruct", flat, photos, *output)


# --- labels ---------------------------------------------------------------------------------


def test_conditional_models_read_labels_from_folders(conditional, photos, tmp_path, fails):
    model = zoo.load(conditional)
    assert model.card.class_names == ("a", "b")
    assert run("score", conditional, photos, "--output", tmp_path / "s.csv") == 0
    _, values = Reader().all(images.find(photos))
    expected = model.anomaly_score({"image": values, "label": np.repeat([0, 1], NUM_IMAGES // 2)})
    found = [float(row["score"]) for row in table(tmp_path / "s.csv")]
    np.testing.assert_allclose(found, expected, rtol=1e-3)
    text = fails("reconstruct", conditional, photos / "a", "--output", tmp_path / "out")
    assert "must lie in the sub-folder of its class" in text


def test_label_models_need_classes(fails, photos, tmp_path):
    output = ("--output", tmp_path / "x.keras")
    text = fails("train", "conditional_vae", photos / "a", *output)
    assert "must have a sub-folder for each class" in text
    mixed = tmp_path / "mixed"
    for file in images.find(photos):
        images.write_png(mixed / file.relative_to(photos), images.read(file))
    for number in range(4):
        images.write_png(mixed / f"{number}.png", np.full((8, 8), number / 8))
    text = fails("train", "conditional_vae", mixed, *output)
    assert "0.png: must lie in the sub-folder of its class" in text
    # Images without a class are what a semi-supervised model is for.
    assert run("train", "semi_supervised_vae", mixed, *output, *QUICK) == 0
    model = zoo.load(tmp_path / "x.keras")
    assert (model.num_classes, model.card.class_names) == (2, ("a", "b"))


def test_debiasing_models_need_the_positive_class(fails, photos, tmp_path):
    output = ("--output", tmp_path / "x.keras")
    text = fails("train", "debiasing_vae", photos, *output)
    assert "--positive must be the class whose images are to be debiased: one of a, b." in text
    assert run("train", "debiasing_vae", photos, *output, *QUICK, "--positive", "b") == 0
    assert zoo.load(tmp_path / "x.keras").card.class_names == ("other", "b")


# --- segment --------------------------------------------------------------------------------


def test_segment_finds_the_squares(unet, cells, tmp_path):
    output = tmp_path / "out"
    assert run("segment", unet, cells / "images", "--output", output) == 0
    model = zoo.load(unet)
    assert model.num_classes == 1
    rows = table(output / "shares.csv")
    assert len(rows) == 12
    agreement = []
    for row in rows:
        written = images.read_mask(output / "masks" / row["file"])
        image = images.read(cells / "images" / row["file"])
        np.testing.assert_array_equal(written, model.segment(image[None])[0] * 255)
        assert float(row["foreground"]) == pytest.approx((written == 255).mean(), abs=1e-6)
        agreement.append((written == images.read_mask(cells / "masks" / row["file"])).mean())
        shown = images.read(output / "overlays" / row["file"])
        np.testing.assert_array_equal(shown[written == 0], image[written == 0])
    assert np.mean(agreement) > 0.9  # all background would agree in 0.75


def test_masks_of_several_classes(cells, tmp_path):
    folder = tmp_path / "cells"
    for file in images.find(cells / "images"):
        mask = (images.read_mask(cells / "masks" / file.name) > 0).astype("uint8")
        mask[0, 0] = 2
        images.write_png(folder / "images" / file.name, images.read(file))
        images.write_png(folder / "masks" / f"{file.stem}_mask.png", mask)
    path = tmp_path / "m.keras"
    options = ("--set", "widths=(4,4)", "--epochs", 1)
    assert run("train", "unet", folder, "--output", path, *options) == 0
    assert zoo.load(path).num_classes == 3
    assert run("segment", path, folder / "images", "--output", tmp_path / "out") == 0
    row = table(tmp_path / "out/shares.csv")[0]
    assert list(row) == ["file", "class_1", "class_2"]
    mask = images.read_mask(tmp_path / "out/masks" / row["file"])
    assert float(row["class_2"]) == pytest.approx((mask == 2).mean(), abs=1e-6)


def test_shares_are_those_of_the_masks_that_are_written(unet, tmp_path):
    """In the file's own size, whatever the model's."""
    generator, folder = np.random.default_rng(0), tmp_path / "images"
    for side, size in enumerate([(1, 1), (5, 31), (37, 9), (40, 40)]):
        images.write_png(folder / f"{side}.png", generator.random((*size, 1)))
    assert run("segment", unet, folder, "--output", tmp_path / "out") == 0
    for row in table(tmp_path / "out/shares.csv"):
        written = images.read_mask(tmp_path / "out/masks" / row["file"])
        assert float(row["foreground"]) == pytest.approx((written == 255).mean(), abs=1e-6)


def test_segmentation_data_are_checked(fails, cells, photos, vae, tmp_path):
    output = ("--output", tmp_path / "x.keras")
    assert "folders images/ and masks/" in fails("train", "unet", photos, *output)
    folder = tmp_path / "cells"
    for number in range(3):
        images.write_png(folder / "images" / f"{number}.png", np.zeros((8, 8)))
        images.write_png(folder / "masks" / f"{number}.png", np.zeros((8, 8), "uint8"))
    images.write_png(folder / "masks/1.png", np.arange(64, dtype="uint8").reshape(8, 8) * 4 + 3)
    assert "masks must hold 0 and 1, 0 and 255, or class numbers" in fails(
        "train", "unet", folder, *output
    )
    images.write_png(folder / "masks/1.png", np.zeros((8, 6), "uint8"))
    assert "1.png: must be as large as its image" in fails("train", "unet", folder, *output)
    (folder / "masks/1.png").unlink()
    assert "1.png: has no mask" in fails("train", "unet", folder, *output)
    text = fails("segment", vae, photos, "--output", tmp_path / "out")
    assert "must be able to segment images. Received: model 'vae'. These are:" in text


def test_segmentation_models_do_not_score(fails, unet, cells, tmp_path):
    text = fails("score", unet, cells / "images", "--output", tmp_path / "s.csv")
    assert "must be able to score images. Received: model 'unet'" in text


# --- export, files --------------------------------------------------------------------------


def test_export_writes_what_runs_without_the_zoo(vae, photos, tmp_path, fails):
    tf.config.run_functions_eagerly(False)  # what is exported is compiled
    output = tmp_path / "exported"
    assert run("export", vae, output) == 0
    tf.config.run_functions_eagerly(True)
    image = images.read(images.find(photos)[0])[None]
    exported = tf.saved_model.load(str(output))
    np.testing.assert_allclose(
        exported.serve(image), zoo.load(vae).predict(image, verbose=0), atol=1e-5
    )
    assert names(tmp_path) == [f"exported/{name}" for name in names(output)]
    assert "exists" in fails("export", vae, output)
    assert "suffix" in fails("export", vae, tmp_path / "model.pb")


def test_export_writes_any_method(vae, photos, tmp_path, fails):
    tf.config.run_functions_eagerly(False)
    assert run("export", vae, tmp_path / "codes", "--method", "encode") == 0
    tf.config.run_functions_eagerly(True)
    image = images.read(images.find(photos)[0])[None]
    exported = tf.saved_model.load(str(tmp_path / "codes"))
    np.testing.assert_allclose(exported.serve(image), zoo.load(vae).encode(image), atol=1e-5)
    assert "such as call, encode" in fails("export", vae, tmp_path / "m", "--method", "fit")
    calibrated = ("--method", "encode", "--calibrate", photos)
    assert "--method encode too" in fails("export", vae, tmp_path / "m.tflite", *calibrated)


def test_a_u_net_of_8_bits_is_judged_by_its_masks(tmp_path, capsys):
    """Grey images and one class: masks have the shape of the images."""
    tf.config.run_functions_eagerly(False)
    zoo.create("unet", (16, 16, 1), preset="tiny").save(tmp_path / "u.keras")
    (tmp_path / "photos").mkdir()
    for number, photo in enumerate(np.random.default_rng(0).random((12, 16, 16, 1), "float32")):
        images.write_png(tmp_path / f"photos/{number}.png", photo)
    (tmp_path / "photos/damaged.png").write_bytes(b"no image")
    words = ("export", tmp_path / "u.keras", tmp_path / "u.tflite", "--calibrate")
    assert run(*words, tmp_path / "photos", "--skip-unreadable") == 0
    tf.config.run_functions_eagerly(True)
    said = capsys.readouterr().out
    assert "of pixels change their class" in said
    assert "skipped" in said


@pytest.mark.parametrize("command", ["reconstruct", "score", "segment"])
def test_models_that_cannot_be_loaded(fails, photos, tmp_path, command):
    output = ("--output", tmp_path / ("out.csv" if command == "score" else "out"))
    assert "must be a file that exists" in fails(command, tmp_path / "m.keras", photos, *output)
    (tmp_path / "m.keras").write_bytes(b"no model")
    assert "is no Keras file" in fails(command, tmp_path / "m.keras", photos, *output)


def test_values_of_set_are_plain_data():
    pairs = ["a=8", "b=1e-3", "c=(4, 8)", "d=4,8", "e=None", "f=relu", "g=True", "h=x=y"]
    assert create.parse_arguments(pairs) == {
        "a": 8,
        "b": 1e-3,
        "c": (4, 8),
        "d": (4, 8),
        "e": None,
        "f": "relu",
        "g": True,
        "h": "x=y",
    }


def test_as_a_program_it_prints_one_line_and_no_log(tmp_path):
    path = tmp_path / "none.keras"
    command = [sys.executable, "-m", "zoo", "sample", path, "--output", tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == f"error: load: path must be a file that exists. Received: {path}.\n"


# --- what is read and written ---------------------------------------------------------------


def test_check_says_what_is_read_and_left_out(photos, tmp_path, capsys, fails):
    for split in ("train", "test"):
        for file in images.find(photos):
            images.write_png(tmp_path / split / file.relative_to(photos), images.read(file))
    (tmp_path / "train/a/scan.dcm").write_bytes(b"x")
    assert run("check", tmp_path) == 0
    shown = capsys.readouterr().out
    assert "layout: classes" in shown
    assert f"(test {NUM_IMAGES}, train {NUM_IMAGES})" in shown
    assert "left out: 1 file of no image format: 1 .dcm" in shown
    assert "--range" in fails("check", tmp_path, "--range", "5..1")


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("seed", range(5))
def test_each_class_has_its_share_held_out_and_keeps_a_row(share, seed):
    generator = np.random.default_rng(seed)
    labels = np.sort(generator.choice(6, 60, p=generator.dirichlet(np.ones(6)))) - 1
    rows = np.arange(60, dtype="float32")
    training, validation = data.TrainingData(rows, labels).split(share)
    assert sorted([*training.images, *validation.images]) == rows.tolist()
    for label in np.unique(labels):
        num, num_held_out = (labels == label).sum(), (validation.labels == label).sum()
        assert num_held_out < num
        assert abs(num_held_out - share * num) < 1 or num_held_out == num - 1
    if all((1 - share) * (labels == label).sum() >= 2 for label in np.unique(labels)):
        assert len(validation) == max(1, round(share * 60))
    again = data.TrainingData(rows, labels).split(share)[1]
    np.testing.assert_array_equal(again.images, validation.images)


@pytest.mark.parametrize("labels", [None, np.arange(20)])
def test_without_classes_to_share_the_first_rows_of_the_order_are_held_out(labels):
    rows = np.arange(20, dtype="float32")
    order = np.random.default_rng(data.SPLIT_SEED).permutation(20)
    _, validation = data.TrainingData(rows, labels).split(0.25)
    np.testing.assert_array_equal(validation.images, np.sort(rows[order[:5]]))


@pytest.mark.parametrize(
    ("names", "text", "number"),
    [
        (("1", "10", "2"), "2", 2),
        (("1", "10", "2"), "10", 1),
        (("1", "10", "2"), "0", None),
        (("a", "b", "c"), "0", 0),
        (("a", "b", "c"), "3", None),
        ((), "2", 2),
    ],
)
def test_a_label_is_a_name_or_a_number_where_no_name_is_one(conditional, names, text, number):
    model = zoo.load(conditional)
    model.num_classes, model.card = 3, dataclasses.replace(model.card, class_names=names)
    if number is not None:
        assert models._label(model, text) == number
        return
    with pytest.raises(files.CommandError, match=f"--label must be .*Received: {text}"):
        models._label(model, text)


def test_who_reads_many_files_shows_a_bar(photos, monkeypatch):
    totals = []
    monkeypatch.setattr(
        screen, "bar", lambda title, total, stays=True: totals.append(total) or nullcontext()
    )
    assert run("check", photos) == 0
    data.load(photos, "conditional")
    assert totals == [NUM_IMAGES, NUM_IMAGES]


def test_train_leaves_the_test_split_alone(photos, tmp_path, capsys):
    for split in ("train", "test"):
        for file in images.find(photos):
            images.write_png(tmp_path / split / file.relative_to(photos), images.read(file))
    data_read = data.load(tmp_path, "conditional")
    assert data_read.class_names == ("a", "b")
    assert len(data_read) == NUM_IMAGES
    assert any("of the test split" in line for line in data_read.description.lines())


def test_names_beyond_utf_8_and_equal_stems_lose_nothing(vae, photos, tmp_path):
    folder = tmp_path / "odd"
    for name, file in zip(("a.jpg", "a.jpg.png", "A.png"), images.find(photos), strict=False):
        images.write_png(folder / "x.png", images.read(file))
        (folder / "x.png").rename(folder / name)
    os.rename(folder / "A.png", os.fsencode(folder) + b"/caf\xe9.png")
    assert run("score", vae, folder, "--output", tmp_path / "s.csv") == 0
    names = [row["file"] for row in table(tmp_path / "s.csv")]
    assert names == ["a.jpg", "a.jpg.png", "caf\\udce9.png"]
    assert run("reconstruct", vae, folder, "--output", tmp_path / "out") == 0
    assert len(images.find(tmp_path / "out")) == 3


def test_names_of_pictures_all_differ():
    names = ("a.jpg", "a.jpg.png", "a.png", "b.bmp", "B.png", "c.tif")
    found = files.png_names([Path("p") / name for name in names], Path("p"))
    assert len({str(name).casefold() for name in found.values()}) == len(names)
    assert found[Path("p/c.tif")] == Path("c.png")


def test_pictures_are_as_large_as_the_photographs(vae, unet, photos, tmp_path):
    photo = np.random.default_rng(0).random((20, 30, 3))
    images.write_png(tmp_path / "in/a.png", photo)
    assert run("segment", unet, tmp_path / "in", "--output", tmp_path / "m") == 0
    options = ("--output", tmp_path / "s.csv", "--maps", tmp_path / "maps")
    assert run("score", vae, tmp_path / "in", *options) == 0
    assert run("reconstruct", vae, tmp_path / "in", "--output", tmp_path / "r") == 0
    for name in ("m/masks/a.png", "m/overlays/a.png", "maps/a.png", "r/a.png"):
        assert images.size_of(tmp_path / name) == (20, 30)


def test_masks_are_no_images_to_score(fails, vae, photos, tmp_path):
    for place in ("images", "masks"):
        for file in images.find(photos):
            images.write_png(tmp_path / place / file.name, images.read(file))
    text = fails("score", vae, tmp_path, "--output", tmp_path / "s.csv")
    assert "masks/ holds masks. Name" in text


def test_series_are_trained_on_and_a_foreground_is_chosen(fails, cells, tmp_path):
    np.savez(tmp_path / "ecg.npz", images=np.random.default_rng(0).random((12, 32, 3)))
    path = tmp_path / "s.keras"
    for way in (("--data", "series"), ("--set", "image_shape=(32,3)")):
        options = ("--output", path, "--overwrite", *QUICK, *way)
        assert run("train", "autoencoder", tmp_path / "ecg.npz", *options) == 0
        assert zoo.load(path).image_shape == (32, 3)
    other = tmp_path / "other.keras"
    assert "--data series" in fails("train", "vae", tmp_path / "ecg.npz", "--output", other)
    for file in images.find(cells / "images"):
        mask = (images.read_mask(cells / "masks" / file.name) > 0) * np.uint8(128)
        images.write_png(tmp_path / "odd/images" / file.name, images.read(file))
        images.write_png(tmp_path / "odd/masks" / file.name, mask)
    found = data.load(tmp_path / "odd", "segmentation", foreground="nonzero")
    assert set(np.unique(found.masks)) == {0, 1}


# --- tables and long series -----------------------------------------------------------------

ROWS = np.random.default_rng(3).normal(20, 5, (60, 2)).round(3)


def write_rows(path, values, header="speed,heat"):
    np.savetxt(path, values, delimiter=",", header=header, comments="", fmt="%.6g")
    return path


def test_a_table_is_trained_on_and_scored_by_its_own_range(tmp_path, capsys, fails):
    model, training = tmp_path / "m.keras", write_rows(tmp_path / "a.csv", ROWS)
    assert run("train", "autoencoder", training, "--output", model, *QUICK) == 0
    assert "read: 60 vectors of 2 numbers (train 60)" in capsys.readouterr().out
    loaded = zoo.load(model)
    lows, highs = np.array(loaded.card.column_range)
    assert (ROWS.min(0) <= lows).all() and (highs <= ROWS.max(0)).all()
    later = np.array([[18.0, 21.0], [20.0, 20.0], [900.0, 20.0]])
    swapped = write_rows(tmp_path / "b.csv", later[:, ::-1], "heat,speed")
    output = tmp_path / "s.csv"
    assert run("score", model, swapped, "--output", output) == 0
    assert "1 of 6 values of b.csv lie beyond" in capsys.readouterr().out
    expected = loaded.anomaly_score(((later - lows) / (highs - lows)).clip(0, 1).astype("float32"))
    rows = table(output)
    np.testing.assert_allclose([float(row["score"]) for row in rows], expected, rtol=1e-3)
    assert [row["row"] for row in rows] == ["1", "2", "3"]
    assert run("card", model) == 0
    told = capsys.readouterr().out
    assert "layout: table" in told and "each column becomes [0, 1]" in told
    other = write_rows(tmp_path / "c.csv", later[:, :1], "speed")
    score = ("score", model, other, "--output", tmp_path / "t.csv")
    assert "must have a column 'heat'" in fails(*score)
    assert "--maps draws pictures" in fails(*score, "--maps", tmp_path / "maps")
    assert not (tmp_path / "t.csv").exists()


def test_a_long_series_is_scored_by_windows_and_by_steps(tmp_path, fails):
    model, training = tmp_path / "m.keras", write_rows(tmp_path / "a.csv", ROWS)
    windows = ("--window", 8, "--stride", 3)
    assert run("train", "autoencoder", training, "--output", model, *QUICK, *windows) == 0
    output = tmp_path / "s.csv"
    assert run("score", model, training, "--output", output, "--threshold", 0) == 0
    loaded, rows, steps = zoo.load(model), table(output), table(tmp_path / "s_steps.csv")
    assert (loaded.image_shape, loaded.card.stride) == ((8, 2), 3)
    first = [*range(0, 52, 3), 52]
    assert [(row["first_row"], row["last_row"]) for row in rows] == [
        (str(start + 1), str(start + 8)) for start in first
    ]
    lows, highs = np.array(loaded.card.column_range)
    scaled = ((ROWS - lows) / (highs - lows)).clip(0, 1).astype("float32")
    cut = np.stack([scaled[start : start + 8] for start in first])
    np.testing.assert_allclose(
        [float(row["score"]) for row in rows], loaded.anomaly_score(cut), rtol=1e-3
    )
    errors = np.square(np.asarray(loaded.reconstruct(cut)) - cut).mean(-1)
    expected = [
        np.mean([errors[n, step - start] for n, start in enumerate(first) if 0 <= step - start < 8])
        for step in range(60)
    ]
    np.testing.assert_allclose([float(row["score"]) for row in steps], expected, rtol=1e-3)
    assert {row["is_anomaly"] for row in steps} == {"true"}
    assert "exists" in fails("score", model, training, "--output", tmp_path / "s.csv")
    again = ("train", "autoencoder", training, "--resume", model, "--output", model, "--epochs", 1)
    assert run(*again) == 0
    assert zoo.load(model).card.column_range == loaded.card.column_range
