"""The pages of the models hold what docstring, registry and records say, and all of them."""

import json
import re
from pathlib import Path

import pytest

from zoo.registry import entries, table

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
    (row,) = re.findall(r"^\| wae_mmd small \|.*$", text, re.MULTILINE)
    assert f"| {sum(errors) / 3:.4f} ±" in row
    assert "**fashion_mnist**: 5 epochs, 4,000 images, batch 64, Adam 0.003. 25 rows are " in text
    assert re.search(r"^\| pca .*\(floor\) \| \d+ \| 0\.0204 \|", text, re.MULTILINE)
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


def test_the_index_leads_to_every_model(models):
    text = models.pages()["models/index"]
    for name in MODELS:
        assert f"[`{name}`]({name}.md): {entries.get(name).summary}" in text
