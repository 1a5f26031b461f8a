"""The tables of models and of experiments are what the committed records say."""

import json
from pathlib import Path

import pytest

import zoo
from bench.commands import docs_tables
from bench.errors import BenchError
from bench.leaderboard import rows
from bench.records import store
from bench.runs import suites

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "bench/results/fashion_mnist_models.jsonl"


def test_numbers_are_means_of_the_records():
    found, _ = store.read(SOURCE)
    lines = [json.loads(line) for line in SOURCE.read_text().splitlines()]
    of_vae = [line for line in lines if line["model"]["name"] == "vae" and line["status"] == "ok"]
    errors = [line["quality"]["metrics"]["mse"] for line in of_vae]
    assert len(errors) == 3
    lines = docs_tables.markdown(found, [zoo.get("vae")]).splitlines()
    (row,) = [line for line in lines if line.startswith("| `vae`")]
    assert f"MSE {sum(errors) / 3:.4f} ±" in row
    (command,) = [line for line in lines if line.startswith("python -m bench run")]
    assert "vae:small" in command
    assert "--epochs 5" in command


def test_a_model_of_one_class_has_its_mean_over_the_classes():
    """Beside a table of the same data set with all classes."""
    path = ROOT / "bench/results/fashion_mnist_one_class.jsonl"
    lines = map(json.loads, path.read_text().splitlines())
    own = [line for line in lines if line["model"]["name"] == "memory_autoencoder"]
    areas = [line["quality"]["metrics"]["auroc"] for line in own]
    assert len({line["config"]["normal_class"] for line in own}) == 10
    found = store.read(path)[0] + store.read(SOURCE)[0]
    text = docs_tables.markdown(found, [zoo.get("memory_autoencoder")])
    (row,) = [line for line in text.splitlines() if line.startswith("| `memory_autoencoder`")]
    assert f"AUROC {sum(areas) / len(areas):.3f} ±" in row
    assert row.endswith("| a |")
    assert "Data a: `fashion_mnist`, one class, 10,000 test images" in text
    of_a, of_b = [line for line in text.splitlines() if line.startswith("python -m bench run")]
    assert "--normal-classes all" in of_a and "--normal-classes" not in of_b


def test_results_are_means_of_the_records():
    found, _ = store.read(SOURCE)
    errors = [r["test_mse"] for r in found if r["model"] == "vae"]
    lines = docs_tables.results(found, ["mse"], Path("runs/x")).splitlines()
    (row,) = [line for line in lines if line.startswith("| vae small")]
    assert f"| 3 | {sum(errors) / 3:.4f} ±" in row
    assert any(line.endswith("--output runs/x") for line in lines)
    with pytest.raises(BenchError, match="unknown metric 'ms'"):
        docs_tables.results(found, ["ms"], Path("runs/x"))


def test_a_model_without_a_record_is_listed_as_not_measured():
    found, _ = store.read(SOURCE)
    others = [record for record in found if record["model"] != "vae"]
    text = docs_tables.markdown(others, [zoo.get("vae")])
    (line,) = [line for line in text.splitlines() if line.startswith("| `vae` |")]
    assert zoo.get("vae").paper in line and "| not measured yet |" in line


@pytest.mark.parametrize(
    ("preset", "published", "tolerance"),
    [("tf_tutorial_dense", 0.0089, 0.0002), ("tf_tutorial_denoiser", 0.0073, 0.0003)],
)
def test_published_numbers_are_reached_and_the_page_shows_ours(preset, published, tolerance):
    found, _ = store.read(ROOT / "bench/results/reproduce_quick.jsonl")
    row = next(row for row in rows.rows(found) if row["preset"] == preset)
    quality = row.quality["mse"]
    assert len(row.records) == 3
    assert round(quality.mean, 4) == pytest.approx(published, abs=tolerance + 1e-9)
    half = rows.half_width(quality)
    assert f"{quality.mean:.5f} ± {half:.5f}" in (ROOT / "docs/published_numbers.md").read_text()


def test_committed_records_show_what_they_must():
    """The core suite beats the mean image, and the autoencoder PCA of its size."""
    found, warnings = store.read(SOURCE)
    assert not warnings
    error = {}
    for record in found:
        assert record["status"] == "ok"
        error.setdefault((record["model"], record["preset"]), []).append(record["test_mse"])
    mean = {key: sum(values) / len(values) for key, values in error.items()}
    for member in suites.SUITES["core"]:
        assert mean[tuple(member.split(":"))] < mean["mean_image", None], member
    (of_its_size,) = (r["test_mse"] for r in found if (r["model"], r["latent_size"]) == ("pca", 16))
    assert mean["autoencoder", "small"] < of_its_size
