"""The pages of the models hold what docstring, registry and records say, and all of them."""

import json
import re
from pathlib import Path

import pytest

from zoo.registry import entries, pretrained, table

ROOT = Path(__file__).parents[3]
MODELS = sorted(table.MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_page_is_whole(name, models):
    text = models.page(name)
    entry = entries.get(name)
    assert text.startswith(f"# {name}\n")
    for heading in ("The idea", "Formula", "When not to use it", "Results", entry.class_name):
        assert f"\n## {heading}\n" in text, heading
    assert f"<{entry.paper}>" in text
    formula = re.search(r"## Formula\n\n```text\n(.+?)```\n\n\*\*Reference:\*\*", text, re.DOTALL)
    assert "=" in formula[1]
    assert len(re.search(r"## When not to use it\n\n(.+)", text)[1].split()) > 12
    assert f"{{py:class}} zoo.models.{entry.class_name}(" in text
    for argument in entry.argument_names[:1]:
        assert f"`{argument}`" in text


def test_results_are_those_of_the_records_with_their_budget(models):
    lines = (ROOT / "bench/results/fashion_mnist_models.jsonl").read_text().splitlines()
    errors = [
        record["quality"]["metrics"]["mse"]
        for record in map(json.loads, lines)
        if record["model"]["name"] == "wae_mmd"
    ]
    text = models.page("wae_mmd")
    full, short = re.findall(r"^\| wae_mmd small \|.*$", text, re.MULTILINE)  # more rows first
    assert f"| {sum(errors) / 3:.5f} ±" in short
    assert "±" in full
    alone = re.search(r"^\| info_vae small \|.*$", models.page("info_vae"), re.MULTILINE)
    assert "†" in alone[0]  # of one seed
    assert "batch 128, Adam 0.003 falling to 0 (cosine). " in text
    assert "**fashion_mnist**: 5 epochs, 4,000 images, batch 64, Adam 0.003. 24 rows are " in text
    assert re.search(r"^\| pca .*\(floor\) \| \d+ \| 0\.02040 \|", text, re.MULTILINE)
    assert "python -m bench run --models wae_mmd:small " in text
    assert "(../bench/results/fashion_mnist_models.png)" in text


def test_a_model_without_a_record_says_so_and_has_its_default_check(models):
    models_found, models.found = models.found, []
    try:
        text = models.page("vae")
    finally:
        models.found = models_found
    assert "Not measured on a common budget yet." in text
    assert re.search(r"\*\*At its defaults\*\*.*MSE 0\.\d{4} after 235 updates", text)


def test_a_model_whose_weights_come_with_the_package_has_their_card(models, monkeypatch):
    facts = {
        "model": "vae",
        "preset": "small",
        "arguments": {},
        "num_parameters": 1234,
        "data": {
            "name": "digits",
            "image_shape": [8, 8, 1],
            "num_train": 9,
            "num_validation": 2,
            "num_test": 3,
            "loading": {},
        },
        "licence": "CC BY <4.0>",
        "training": {
            "epochs": 7,
            "patience": None,
            "batch_size": 64,
            "optimizer": "adam",
            "learning_rate": 0.001,
            "precision": "float32",
            "seed": 5,
            "chosen": "the only one",
        },
        "metrics": {"mse": {"value": 0.0123, "low": 0.01, "high": 0.02}},
        "floors": {"pca": 0.02},
        "limits": ["digits alone"],
    }
    weights = pretrained.Weights("digits/vae", Path("vae.npz"), "0", 1, "float16", facts)
    monkeypatch.setattr(models, "shelf", {"digits/vae": weights})
    text = models.page("vae")
    part = text.partition("## Trained weights\n")[2].partition("\n## ")[0]
    assert 'model = zoo.load("digits/vae")' in part
    assert "- budget: 7 epochs, batch 64, adam 0.001, float32, seed 5\n" in part
    assert "- test mse: 0.0123, 95 % interval over images 0.01 to 0.02\n" in part
    assert "- limit: digits alone" in part
    assert "## Trained weights" not in models.page("iwae")


def test_the_index_leads_to_every_model(models):
    text = models.pages()["models/index"]
    for name in MODELS:
        assert f"[`{name}`]({name}.md): {entries.get(name).summary}" in text
