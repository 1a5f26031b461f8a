"""Models of your own are found, checked and named by reading their files alone."""

import dataclasses
import json
import zipfile

import pytest

from bench.errors import BenchError
from bench.records.config import RunConfig
from bench.runs import job, models, own, selection
from zoo.registry import pretrained

CATALOGUE = models.registry()
MODULE = """
from parts import block
import numpy as np

def build(image_shape, depth=2): ...
def needs(image_shape, depth, *, width): ...
class Model:
    def __init__(self, image_shape): ...
detector = object()
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    (tmp_path / "my_module.py").write_text(MODULE)
    (tmp_path / "models/mine.py").write_text(MODULE)
    (tmp_path / "models/parts.py").write_text("from . import more\ndef block(): ...")
    (tmp_path / "models/more.py").write_text("")
    (tmp_path / "parts.py").write_text("block = 1")
    (tmp_path / "vae.py").write_text(MODULE)
    (tmp_path / "broken.py").write_text("def build(:")
    (tmp_path / "open.py").write_text("from math import *")
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Functional", "config": {}}))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def choose(*texts):
    return selection.select(list(texts), "core", "small", CATALOGUE)


def test_functions_files_and_our_names_stand_in_one_list(here):
    first, second, third, fourth, fifth = choose(
        "my_module:build:depth=3", "models/mine.py:Model", "a.keras", "vae:tiny", "a.keras:train"
    )
    assert (first.model, first.arguments) == ("my_module:build", (("depth", 3),))
    assert first.source.text == "my_module:build"
    assert first.source.folders == (str(here),)
    assert (second.model, second.source.text) == ("mine.py:Model", "models/mine.py:Model")
    assert second.source.folders == (str(here / "models"), str(here))
    assert (third.model, third.source.is_fixed) == ("a.keras", True)
    assert fourth == selection.ModelSpec("vae", "tiny")  # though there is a vae.py
    assert (fifth.model, fifth.source.is_fixed) == ("a.keras:train", False)


def test_weights_of_the_package_are_as_a_saved_file(here):
    name = "fashion_mnist/vae"
    fixed, trained, file = choose(name, f"{name}:train", "a.keras")
    assert (fixed.model, fixed.source.is_fixed, fixed.source.origin) == (name, True, "file")
    assert (trained.model, trained.source.is_fixed) == (f"{name}:train", False)
    assert fixed.source.sha256 == trained.source.sha256 == pretrained.pretrained()[name].sha256
    assert (fixed.source.text, trained.source.text) == (name, f"{name}:train")
    assert fixed.preset is file.preset is None


def test_a_module_of_an_installed_package_is_found(here):
    (choice,) = choose("sklearn.ensemble:IsolationForest:n_estimators=20")
    assert choice.model == "sklearn.ensemble:IsolationForest"
    assert choice.arguments == (("n_estimators", 20),)


def test_an_id_changes_with_the_content_and_not_with_the_place(here):
    def id_of(text):
        (choice,) = choose(text)
        config = RunConfig("digits")
        return job.Job(config, "ab", "model", choice.model, None, 0, source=choice.source).id

    before = id_of("models/mine.py:build")
    assert id_of(str(here / "models/mine.py") + ":build") == before
    assert id_of("models/mine.py:Model") != before
    (here / "models/more.py").write_text("x = 1")  # imported by what is imported
    after = id_of("models/mine.py:build")
    assert after != before
    (here / "models/other.py").write_text("x = 1")
    assert id_of("models/mine.py:build") == after
    saved = id_of("a.keras")
    with zipfile.ZipFile(here / "a.keras", "a") as archive:
        archive.writestr("model.weights.h5", "other")
    assert id_of("a.keras") != saved


def test_a_saved_model_does_not_depend_on_the_budget_and_has_one_seed(here):
    fixed, trained = choose("a.keras", "a.keras:train")
    ids = {
        job.Job(
            *(RunConfig("digits", epochs=epochs), "ab", "model", "a", None, 0),
            source=choice.source,
        ).id
        for choice in (fixed, trained)
        for epochs in (1, 9)
    }
    assert len(ids) == 3
    jobs = job.model_jobs([RunConfig("digits")], "ab", [fixed, trained], [0, 1, 2], 1)
    assert [each.source.is_fixed for each in jobs].count(True) == 1
    assert len(jobs) == 4
    detector = dataclasses.replace(trained.source, origin="detector", is_trained=False)
    assert not detector.is_fixed  # it is fitted, with each seed
    fields = dataclasses.replace(jobs[0], source=fixed.source).first_fields("run")
    assert "epochs" not in fields
    assert (fields["origin"], len(fields["source_sha256"])) == ("file", 64)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("my_module:biuld", "my_module has no 'biuld'. Did you mean 'build'? It has: build, needs"),
        ("my_module:needs", "needs depth, width, and a function is given only image_shape, outp"),
        ("my_module:needs:depth=1", "it needs width"),
        ("my_module:build:3", "must be written argument=value. Received: '3'"),
        ("models/mine.py", "Write models/mine.py:build. It has: build, needs, Model."),
        ("models/mine.py:", "the function must be named"),
        ("models/mine.py:2x", "must stand behind the colon"),
        ("models/mime.py:build", "there is no models/mime.py. Did you mean 'models/mine.py'?"),
        ("no.such.module:build", "there is no module 'no.such.module'"),
        ("my_modul:build", "There is no module 'my_modul' either."),
        ("my_module", "no model matches 'my_module'"),
        ("broken:build", "broken.py is no Python: line 1"),
        ("math:sqrt", "'math'"),
        ("a.h5", "must be a .keras file"),
        ("b.keras", "must be a file that exists. Received: b.keras. There: 'a.keras'"),
        ("a.keras:fit", "trained on: a.keras:train"),
        ("models.keras", "b.keras"),
        ("fashion_mnist/vea", "Did you mean 'fashion_mnist/vae'? See: python -m zoo pretrained"),
        ("fashion_mnist/vae:fit", "trained on: fashion_mnist/vae:train. Received: 'fit'"),
        ("models/mine:build", "neither a file nor weights are called 'models/mine'"),
        ("hf://someone/vae", "Save it first: zoo.load('hf://someone/vae').save('mine.keras')"),
    ],
)
def test_what_is_not_there_is_named(here, text, message):
    if text == "models.keras":
        (here / "models.keras").mkdir()
        message = "Received: the folder models.keras"
    with pytest.raises(BenchError) as caught:
        choose(text)
    assert message in str(caught.value)


def test_what_reading_cannot_know_is_left_to_the_trial(here):
    (choice,) = choose("open:sqrt")
    assert choice.model == "open:sqrt"
    assert own.parse("vae:small", CATALOGUE) is None
