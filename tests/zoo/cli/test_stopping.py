"""Which epoch `python -m zoo train` keeps, and what it refuses."""

import keras
import numpy as np
import pytest

import zoo
from zoo.__main__ import main
from zoo.anomalies import selection
from zoo.data.images import write_png


@pytest.fixture
def folders(tmp_path):
    generator = np.random.default_rng(0)
    for name, num in (("normal", 24), ("new", 6)):
        for k in range(num):
            write_png(tmp_path / name / f"{k:02}.png", generator.random((8, 8, 1)))
    return tmp_path


def train(folders, *options) -> int:
    words = ["train", "autoencoder", str(folders / "normal"), "--output", str(folders / "m.keras")]
    words += ["--preset", "dense", "--set", "latent_dim=2", "--epochs", "3", "--overwrite"]
    return main([*words, "--learning-rate", "0.5", *map(str, options)])


def test_aucp_chooses_the_epoch(folders, capsys, monkeypatch):
    values = iter([0.5, 0.9, 0.7])
    seen = []

    def aucp(model, normals, unlabelled):
        seen.append((len(normals), len(unlabelled)))
        return next(values)

    monkeypatch.setattr(selection, "aucp", aucp)
    assert train(folders, "--monitor", "aucp", "--unlabelled", folders / "new") == 0
    assert "kept epoch 2 of 3, of the highest val_aucp, 0.900" in capsys.readouterr().out
    assert seen == [(2, 6)] * 3
    assert isinstance(zoo.load(folders / "m.keras"), keras.Model)


def test_patience_ends_the_training(folders, capsys, monkeypatch):
    values = iter([0.9, 0.8])
    monkeypatch.setattr(selection, "auroc_synthetic", lambda model, normals: next(values))
    assert train(folders, "--monitor", "auroc_synthetic", "--patience", 1) == 0
    assert "kept epoch 1 of 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--monitor", "aucp"), "--monitor aucp and --unlabelled FOLDER go together"),
        (("--unlabelled", "."), "--monitor aucp and --unlabelled FOLDER go together"),
        (("--monitor", "aucp", "--unlabelled", "none"), "must be a folder of images"),
        (("--patience", "0"), "--patience must be at least 1"),
        (("--patience", "1", "--last-epoch"), "must not be given with --last-epoch"),
        (("--patience", "1", "--validation-split", "0"), "need held-out images"),
    ],
)
def test_refusals(folders, capsys, options, message):
    assert train(folders, *options) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line


def test_models_without_scores_are_refused(folders, capsys):
    words = ["train", "unet", str(folders / "normal"), "--output", str(folders / "u.keras")]
    assert main([*words, "--monitor", "auroc_synthetic"]) == 2
    assert "is for models that find anomalies" in capsys.readouterr().err


def test_scores_that_are_no_numbers_end_the_training_in_a_line(folders, capsys, monkeypatch):
    model_class = type(zoo.create("autoencoder", (8, 8, 1)))
    monkeypatch.setattr(model_class, "anomaly_score", lambda _, x: np.full(len(x), np.nan))
    assert train(folders, "--monitor", "auroc_synthetic") == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert "the training diverged: the anomaly scores hold NaN or infinity. Nothing is" in line
    assert not (folders / "m.keras").exists()
