"""Sentences on tables of anomalies whose models are worse than guessing."""

import pytest

from bench.leaderboard import rows as leaderboard_rows
from bench.records import schema, store
from bench.report import anomaly_words, tables


def record(model, auroc, kind="model", dataset="made"):
    fields = {
        "status": "ok",
        "kind": kind,
        "model": model,
        "seed": 0,
        "dataset": dataset,
        "dataset_checksum": dataset,
        "task": "anomaly",
        "test_auroc": auroc,
        "model_config": {},
    }
    return schema.from_fields(fields | {"job_id": store.job_id(fields)})


def said(*records):
    return anomaly_words.sentences(leaderboard_rows.rows(records))


def test_below_chance_with_a_baseline_and_without():
    models = record("vae", 0.41), record("upae", 0.47)
    (text,) = said(*models, record("image_statistics", 0.98, "baseline"))
    assert "No model is above an AUROC of 0.5 (the best, upae, has 0.470)" in text
    assert "Use image_statistics (0.980), or a model of features" in text
    (text,) = said(*models, record("pca", 0.4, "baseline"))
    assert "Try a model of features" in text and "pca" not in text


def test_it_is_under_the_table():
    rows = leaderboard_rows.rows([record("vae", 0.41)])
    assert anomaly_words.sentences(rows)[0] in tables.footnotes(rows)


@pytest.mark.parametrize(
    "records",
    [
        [record("vae", 0.96), record("pca", 0.9, "baseline")],
        [record("vae", 0.6), record("pca", 0.9, "baseline")],
        [record("pca", 0.3, "baseline")],
    ],
)
def test_nothing_where_a_model_is_above(records):
    assert said(*records) == []


def test_several_tables_are_named():
    found = said(record("vae", 0.4), record("vae", 0.3, dataset="other"))
    assert [text.partition(":")[0] for text in found] == ["made", "other"]
