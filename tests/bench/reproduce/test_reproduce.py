"""Published numbers: the list, the rule of agreement, and a run from end to end."""

import dataclasses
import json
import math
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import zoo
from bench import __main__
from bench.commands import docs
from bench.data import binarize, catalog
from bench.errors import BenchError
from bench.leaderboard import rows as leaderboard_rows
from bench.records import schema, store
from bench.report import page
from bench.reproduce import command, parameter_counts, table, verdicts
from bench.reproduce import entries as published_entries
from bench.reproduce.verdicts import MISSING, NO, NOT_RUN, YES
from bench.stats import intervals

ROOT = Path(__file__).parents[3]
QUICK = ROOT / "bench/results/reproduce_quick.jsonl"


@pytest.fixture(scope="module")
def entries():
    return published_entries.read()


@pytest.fixture(scope="module")
def by_id(entries):
    return {entry.id: entry for entry in entries}


@pytest.fixture(scope="module")
def on_digits(by_id):
    """An entry as the file has them, but on digits and for seconds."""
    recipe = {"dataset": "digits", "limit": 60, "model": "autoencoder:tiny", "epochs": 1}
    recipe |= {"batch_size": 32, "learning_rate": 1e-3, "arguments": {"latent_dim": 3}}
    recipe |= {"prepare": {"binarise": "threshold", "num_validation": 100}}
    changes = {"id": "tiny", "published": 0.1, "tolerance": 1.0, "data": "digits"}
    changes |= {"data_files": "", "data_folder": "", "recipe": recipe, "quick": True}
    return dataclasses.replace(by_id["fashion_mnist_dense"], **changes)


# --- the list -----------------------------------------------------------------------------------


def test_the_list_holds_what_the_issue_asks_for(by_id):
    named = {
        *("fashion_mnist_dense", "fashion_mnist_denoiser", "fashion_mnist_gated_vae"),
        *("mnist_keras_vae", "mnist_keras_conv", "mnist_keras_denoiser", "mnist_keras_vq_vae"),
        *("mnist_blog_simple", "mnist_blog_deep", "mnist_blog_conv", "mnist_pytorch_vae"),
        *("mnist_tf_cvae", "nll_iwae_paper_vae", "nll_iwae_paper_k5", "nll_iwae_paper_k50"),
        *("nll_pythae_vae", "nll_pythae_iwae", "ecg5000_recall", "pets_maxpool_transpose_bce"),
        *("one_class_fashion_mnist_cae", "one_class_fashion_mnist_vae", "one_class_mnist_vae"),
    }
    assert named <= set(by_id)
    kinds = Counter(entry.is_count for entry in by_id.values())
    assert kinds[True] >= 28
    assert kinds[False] >= 50


def test_every_entry_says_where_it_is_from_and_what_agrees(entries):
    for entry in entries:
        assert re.fullmatch(r"https://\S+", entry.url), entry.id
        assert entry.source, entry.id
        assert entry.place, entry.id
        assert entry.reason, entry.id
        assert math.isfinite(entry.published), entry.id
        assert bool(entry.why_not) != bool(entry.recipe), entry.id
        if entry.is_count:
            assert (entry.exactness, entry.tolerance) == ("exact", 0), entry.id
        else:
            assert entry.exactness == "verified", entry.id
            assert entry.tolerance > 0, entry.id
            assert entry.spread is None or entry.spread <= entry.tolerance, entry.id
        # The text shows the number: it holds the value, or a range around it.
        numbers = [float(n.replace(",", "")) for n in re.findall(r"\d[\d,.]*\d|\d", entry.text)]
        assert any(abs(n - entry.published) <= 2 * entry.tolerance for n in numbers), entry.id


def test_every_recipe_is_one_that_the_harness_takes(entries, tmp_path, monkeypatch):
    """Of names, presets, arguments, data sets, classes and fields of records."""
    monkeypatch.setattr(binarize, "write", lambda dataset, *_: dataset)
    for entry in entries:
        if not entry.recipe:
            continue
        name, preset = entry.recipe["model"].split(":")
        assert preset in zoo.get(name).presets, entry.id
        allowed = zoo.get(name).model_class.argument_names()
        assert set(entry.recipe.get("arguments") or {}) <= set(allowed), entry.id
        if entry.is_count:
            continue
        assert entry.data in catalog.names(), entry.id
        assert entry.field.split(".")[0] in schema.NAMES, entry.id
        request = command.to_request(entry, command.Request(output=tmp_path))
        request.check()
        assert request.models == (entry.model,)
        needs_likelihood = entry.field in ("test_elbo", "test_nll")
        assert ("generative" in request.measure) == needs_likelihood, entry.id


def test_quick_entries_need_only_what_debian_packages(entries):
    quick = [entry for entry in entries if entry.quick]
    assert {entry.data for entry in quick} == {None, "fashion_mnist"}
    assert max(entry.recipe.get("epochs", 0) for entry in quick) <= 30


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("tolerance: {value: 0.0002", "tolerance: {limit: 0.0002", "LINE: unknown key 'limit'"),
        ("source: keras_vae, stated", "source: no_such, stated", "LINE: unknown source 'no_such'"),
        ("id: mnist_blog_deep", "id: mnist_blog_simple", "LINE: mnist_blog_simple is there twice"),
        ("    quick: true", "    quik: true", "LINE: unknown key 'quik'. Did you mean 'quick'"),
        ("epochs: 10,", "epoch: 10,", "LINE: unknown key 'epoch'. Did you mean 'epochs'"),
        ("epochs: 10,", "epochs: ten,", "LINE: epochs: .* Received: 'ten'"),
        ("sources:", "sources: [", "no YAML"),
    ],
)
def test_a_wrong_list_is_refused_in_one_line(tmp_path, old, new, message):
    text = published_entries.PATH.read_text()
    place = text.index(old)
    path = tmp_path / "list.yaml"
    path.write_text(text.replace(old, new, 1))
    message = message.replace("LINE", f"list.yaml:{text.count(chr(10), 0, place) + 1}")
    with pytest.raises(BenchError, match=message) as caught:
        published_entries.read(path)
    assert "\n" not in str(caught.value)


# --- agreement ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("published", "tolerance", "values", "expected"),
    [
        (101_200, 0, [101_200], True),
        (101_280, 0, [101_200], False),
        (1.0, 0.1, [1.0], True),
        (1.0, 0.1, [1.09], True),
        (1.0, 0.1, [1.11], False),  # a single seed has no interval
        (1.0, 0.1, [1.14, 1.15, 1.16], False),  # 1.15 +- 0.025 ends above 1.1
        (1.0, 0.1, [1.11, 1.12, 1.13], True),  # 1.12 +- 0.025 reaches 1.1
        (1.0, 0.1, [0.89, 0.88, 0.87], True),
        (1.0, 0.1, [0.0, 4.0], False),  # 2 +- 25 holds 1, but says nothing
    ],
)
def test_agreement(by_id, published, tolerance, values, expected):
    entry = dataclasses.replace(
        by_id["fashion_mnist_dense"], published=published, tolerance=tolerance
    )
    assert verdicts.agrees(entry, intervals.mean_interval(values)) is expected


def test_an_infinite_interval_agrees_with_nothing_by_itself(by_id):
    entry = dataclasses.replace(by_id["fashion_mnist_dense"], published=1.0, tolerance=0.1)
    assert not verdicts.agrees(entry, intervals.Interval(2.0, -math.inf, math.inf, 3))
    assert verdicts.agrees(entry, intervals.Interval(1.05, -math.inf, math.inf, 3))


def test_counts_are_those_of_the_zoo(entries):
    found = parameter_counts.compute(entries)
    assert len(found) >= 28
    rows = verdicts.compute([e for e in entries if e.id in found], [], found)
    assert {row.agrees for row in rows} == {YES}
    wrong = verdicts.from_count(rows[0].entry, rows[0].entry.published + 1)
    assert (wrong.agrees, wrong.difference) == (NO, 1)


def test_an_entry_takes_the_records_of_its_recipe_alone(by_id):
    found, _ = store.read(QUICK)
    row = verdicts.from_records(by_id["fashion_mnist_dense"], found)
    errors = [r["test_mse"] for r in found if r["model"] == "autoencoder"]
    assert row.seeds == (0, 1, 2)
    assert row.ours.mean == pytest.approx(np.mean(errors))
    half = 4.302653 * np.std(errors, ddof=1) / 3**0.5  # Student's t for 2 degrees of freedom
    assert row.half_width == pytest.approx(half, rel=1e-5)
    for changed in ("epochs", "batch_size", "learning_rate", "noise", "num_labels", "limit"):
        others = [record | {changed: 7} for record in found]
        assert verdicts.from_records(by_id["fashion_mnist_dense"], others).agrees == NOT_RUN
    failed = [found[0] | {"status": "failed", "error": "no memory"}]
    row = verdicts.from_records(by_id["fashion_mnist_dense"], failed)
    assert (row.agrees, row.note) == (NO, "failed: no memory")


def test_a_number_within_a_field_can_be_turned_around(by_id):
    entry = by_id["ecg5000_recall"]
    record = {"thresholds": {"mean + 1 sigma": {"false_positive_rate": 0.0964}}}
    assert verdicts.value(entry, record) == pytest.approx(1 - 0.0964)
    assert verdicts.value(entry, {"thresholds": None}) is None
    assert verdicts.value(by_id["mnist_pytorch_vae"], {"test_elbo": -105.6}) == 105.6


# --- data ---------------------------------------------------------------------------------------


def test_binary_images_are_drawn_as_asked_for(digits):
    dataset = catalog.load("digits")
    prepare = {"binarise": "bernoulli", "draws": 40, "num_validation": 100, "seed": 7}
    found = binarize.binary(dataset, prepare)
    num = dataset.num_train + dataset.num_validation - 100
    assert found["x_train"].shape == (40 * num, 8, 8, 1)
    assert set(np.unique(found["x_train"])) == {0, 255}
    draws = found["x_train"].reshape(40, num, 8, 8, 1) / 255
    grey = np.concatenate([dataset.train.images, dataset.validation.images])[:num]
    # The mean of 40 draws has a standard deviation of at most 0.08; of 1,400 images next to none.
    assert np.abs(draws.mean(0) - grey).max() < 0.5
    assert np.abs(draws.mean((0, 1)) - grey.mean(0)).max() < 0.02
    assert (draws[0] != draws[1]).any()
    again = binarize.binary(dataset, prepare)
    assert all((found[name] == again[name]).all() for name in found)
    half = binarize.binary(dataset, {"binarise": "threshold", "num_validation": 100})
    assert (half["x_test"] == 255 * (dataset.test.images > 0.5)).all()
    with pytest.raises(BenchError, match="binarise must be one of"):
        binarize.binary(dataset, {"binarise": "dither", "num_validation": 100})


def test_missing_data_are_a_row_that_says_what_to_put_where(
    by_id, tmp_path, monkeypatch, quiet, capsys
):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path / "empty"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "empty"))
    if binarize.is_local("ecg5000"):
        pytest.skip("ECG5000 is installed on this machine")
    request = command.Request(only=("ecg5000_recall",), output=tmp_path / "out")
    (row,) = command.reproduce(request, quiet)
    assert row.agrees == MISSING
    assert "ecg.csv" in row.note
    assert "into ecg5000/" in row.note
    arguments = ["reproduce", "--only", "ecg5000_recall", "--output", str(tmp_path / "out")]
    assert __main__.main(arguments) == 0  # nothing ran that does not agree
    assert "1 data missing" in capsys.readouterr().out


# --- from end to end ----------------------------------------------------------------------------


@pytest.mark.slow
def test_a_run_compares_resumes_and_is_shown(on_digits, tmp_path, quiet):
    far = dataclasses.replace(on_digits, id="far", published=99.0, tolerance=0.1)
    chosen = [on_digits, far]  # of one recipe: it runs once
    request = command.Request(seeds=2, quick=True, output=tmp_path)
    rows = command.reproduce(request, quiet, chosen)
    assert [row.agrees for row in rows] == [YES, NO]
    found, warnings = store.read(tmp_path)
    assert not warnings
    own = [r for r in found if r["kind"] == "model"]
    assert [r["latent_size"] for r in own] == [3, 3]
    assert rows[0].ours.mean == pytest.approx(np.mean([r["test_mse"] for r in own]))
    assert rows[0].seeds == rows[1].seeds == (0, 1)
    assert len(leaderboard_rows.rows(found)) >= 2  # records as of any run

    again = command.reproduce(request, quiet, chosen)
    assert len(store.read(tmp_path)[0]) == len(found)  # nothing ran twice
    assert [row.ours for row in again] == [row.ours for row in rows]

    kept = json.loads((tmp_path / "reproduce.json").read_text())
    assert [row["agrees"] for row in kept["rows"]] == ["yes", "no"]
    assert kept["summary"].startswith("1 of 2 that ran agree")
    html = page.page(
        tmp_path, found, leaderboard_rows.rows(found), sections=table.sections(tmp_path)
    )
    assert "Published numbers" in html
    assert "1 of 2 that ran agree" in html


def test_the_block_of_a_page_is_of_the_records(monkeypatch):
    monkeypatch.setattr(
        parameter_counts, "compute", lambda entries: {}
    )  # a test of their own has them
    records_of = "bench/results/reproduce_quick.jsonl"
    block = f"a\n<!-- published: {records_of} -->\nold\n<!-- end of published -->\nb\n"
    text = docs.fill(block, ROOT)
    assert text.startswith("a\n<!-- published")
    assert text.endswith("<!-- end of published -->\nb\n")
    assert "\nold\n" not in text
    errors = [r["test_mse"] for r in store.read(QUICK)[0] if r["model"] == "autoencoder"]
    (line,) = [line for line in text.splitlines() if line.startswith("| dense autoencoder")]
    assert f"{np.mean(errors):.5f} ± " in line
    assert line.endswith("| yes |")
    assert docs.fill(text, ROOT) == text
    brief = docs.fill(block.replace(".jsonl", ".jsonl brief"), ROOT)
    assert line in brief.splitlines()
    assert "<details>" in text
    assert "<details>" not in brief


def test_list_shows_every_entry_on_a_line_and_the_source_of_those_that_are_named(entries, capsys):
    assert __main__.main(["reproduce", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert {entry.id for entry in entries} <= {line.split()[0] for line in lines if line}
    assert __main__.main(["reproduce", "--list", "--only", "nll_*"]) == 0
    shown = capsys.readouterr().out
    named = [entry for entry in entries if entry.id.startswith("nll_")]
    assert all(entry.id in shown and entry.url in shown for entry in named)


def test_exit_code_is_one_where_a_number_disagrees(by_id, tmp_path, monkeypatch, capsys):
    wrong = dataclasses.replace(by_id["count_tf_dense"], published=101_280)
    monkeypatch.setattr(published_entries, "read", lambda: [wrong])
    assert __main__.main(["reproduce", "--output", str(tmp_path)]) == 1
    assert "0 of 1 that ran agree" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "mnist_keras_vea"], "no entry matches 'mnist_keras_vea'"),
        (["--only", "pets_*", "--quick"], "none of these entries is quick"),
        (["--seeds", "0"], "--seeds must be at least 1"),
        (["--output", "FILE/x"], "cannot write to"),
    ],
)
def test_wrong_use_is_one_line(tmp_path, capsys, arguments, message):
    (tmp_path / "file").write_text("")
    arguments = [text.replace("FILE", str(tmp_path / "file")) for text in arguments]
    assert __main__.main(["reproduce", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1
