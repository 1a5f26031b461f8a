"""The README's table is what the committed records say."""

import json
from pathlib import Path

import pytest

import zoo
from bench import model_table, records
from bench.errors import BenchError

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "bench/results/digits.jsonl"


def test_readme_is_up_to_date(tmp_path):
    copy = tmp_path / "README.md"
    copy.write_text((ROOT / "README.md").read_text())
    assert not model_table.update(copy, SOURCE)


def test_numbers_are_means_of_the_records():
    found = [json.loads(line) for line in SOURCE.read_text().splitlines()]
    errors = [r["test_mse"] for r in found if r["model"] == "vae" and r["status"] == "ok"]
    assert len(errors) == 3
    lines = model_table.markdown(found, [zoo.get("vae")]).splitlines()
    (row,) = [line for line in lines if line.startswith("| `vae`")]
    assert f"| {sum(errors) / 3:.4f} ±" in row


def test_a_model_without_a_record_is_refused():
    found, _ = records.read(SOURCE)
    others = [record for record in found if record["model"] != "vae"]
    with pytest.raises(BenchError, match="no finished record of 'vae'"):
        model_table.markdown(others, [zoo.get("vae")])


def test_a_readme_without_marks_is_refused(tmp_path):
    (tmp_path / "README.md").write_text("# nothing")
    with pytest.raises(BenchError, match="must hold the lines"):
        model_table.update(tmp_path / "README.md", SOURCE)


def test_committed_records_show_what_they_must():
    """On digits: every model beats the mean image, and the autoencoder beats PCA of its size."""
    found, warnings = records.read(SOURCE)
    assert not warnings
    error = {}
    for record in found:
        assert record["status"] == "ok"
        error.setdefault((record["model"], record["preset"]), []).append(record["test_mse"])
    mean = {key: sum(values) / len(values) for key, values in error.items()}
    for (model, preset), value in mean.items():
        if preset is not None:
            assert value < mean["mean_image", None], model
    assert mean["autoencoder", "small"] < mean["pca", None]
