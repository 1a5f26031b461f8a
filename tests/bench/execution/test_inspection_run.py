"""A folder of an inspection, from the command line of `bench`."""

import re

import inspection_folder
import pytest

import bench.__main__
from bench.records import store


@pytest.mark.slow
def test_it_is_said_what_was_read_and_images_and_pixels_are_measured(tmp_path, capsys):
    folder = inspection_folder.make(tmp_path / "parts")
    words = ["run", "--dataset", str(folder), "--models", "autoencoder:tiny", "--seeds", "1"]
    words += ["--epochs", "1", "--timing-rounds", "0", "--output", str(tmp_path / "r")]
    assert bench.__main__.main(words) == 0
    said = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert all(line in said for line in inspection_folder.READ)
    found, _ = store.read(tmp_path / "r")
    (mean,) = [record for record in found if record["model"] == "mean_image"]
    assert (mean["test_auroc"], mean["test_pixel_auroc"]) == (
        1.0,
        1.0,
    )  # white is far from any noise
    (model,) = [record for record in found if record["kind"] == "model"]
    assert 0 <= model["test_pixel_auroc"] <= 1
    assert model["test_aupro"] is not None
