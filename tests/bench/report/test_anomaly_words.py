"""Sentences on tables of anomalies whose models are worse than guessing."""

import pytest

from bench.leaderboard import rows as leaderboard_rows
from bench.records import schema, store
from bench.report import tables, words


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
    ((_, sentences),) = words.of_rows(leaderboard_rows.rows(records))
    return sentences


def test_below_chance_with_a_baseline_and_without():
    models = record("vae", 0.41), record("upae", 0.47)
    best, why, then = said(*models, record("image_statistics", 0.98, "baseline"))
    assert best.startswith("No model beats the floor image_statistics (0.98")
    assert "the best of them, upae, has AUROC 0.47" in best
    assert "All are below an AUROC of 0.5" in why
    assert then.startswith("Next: use image_statistics, which needs no training, or a model of fea")
    then = said(*models, record("pca", 0.4, "baseline"))[-1]
    assert then.startswith("Next: try a model of features") and "pca" not in then


def test_it_is_said_once():
    rows = leaderboard_rows.rows([record("vae", 0.41)])
    page = [*tables.footnotes(rows), *words.of_rows(rows)[0][1]]
    assert sum("look more normal than the normals" in text for text in page) == 1


@pytest.mark.parametrize(
    "records",
    [
        [record("vae", 0.96), record("pca", 0.9, "baseline")],
        [record("vae", 0.6), record("pca", 0.9, "baseline")],
        [record("pca", 0.3, "baseline")],
    ],
)
def test_nothing_where_a_model_is_above(records):
    assert not any("All are below" in text for text in said(*records))
