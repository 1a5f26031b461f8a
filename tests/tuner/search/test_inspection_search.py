"""A folder of an inspection, from the command line of `tuner`."""

import re

import inspection_folder
import pytest

import tuner.__main__
from bench.records import store


@pytest.mark.slow
def test_the_search_is_on_normals_and_the_winner_is_measured_on_defects(tmp_path, capsys):
    folder = inspection_folder.make(tmp_path / "parts")
    words = ["search", "autoencoder", "--dataset", str(folder), "--max-trials", "1"]
    words += ["--epochs", "1", "--in-process", "--confirm", "2", "--output", str(tmp_path / "t")]
    assert tuner.__main__.main(words) == 0
    said = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert all(line in said for line in inspection_folder.READ)
    found, _ = store.read(tmp_path / "t/confirm")
    models = [record for record in found if record["kind"] == "model"]
    assert models
    assert all(0 <= record["test_pixel_auroc"] <= 1 for record in models)
