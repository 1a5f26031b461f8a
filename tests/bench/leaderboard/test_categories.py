"""Categories of one data set: the mean over them, by seed, and what is said of it."""

import io

import pytest
from rich.console import Console

from bench.leaderboard import categories
from bench.leaderboard import rows as leaderboard_rows
from bench.records import schema, store
from bench.report import anomaly_tables, terminal, words


def record(category, model, auroc, seed=0, kind="model", aupro=None):
    fields = {
        "status": "ok",
        "kind": kind,
        "model": model,
        "preset": None,
        "seed": seed,
        "dataset": f"mvtec_ad/{category}",
        "dataset_argument": f"mvtec_ad/{category}",
        "dataset_checksum": category,
        "task": "anomaly",
        "test_auroc": auroc,
        "test_aupro": aupro,
        "model_config": {},
    }
    return schema.from_fields(fields | {"job_id": store.job_id(fields)})


@pytest.fixture
def records():
    made = []
    for seed in (0, 1):
        made += [record("bottle", "vae", 0.9 + 0.02 * seed, seed, aupro=0.5)]
        made += [record("grid", "vae", 0.7, seed, aupro=0.3)]
    made += [record("bottle", "pca", 0.8, kind="baseline", aupro=0.4)]
    made += [record("grid", "pca", 0.9, kind="baseline", aupro=0.2)]
    made += [record("grid", "upae", 0.99)]  # the other category is not done yet
    return made


def test_the_mean_is_over_categories_and_the_interval_over_seeds(records):
    (group,) = categories.groups(leaderboard_rows.rows(records))
    assert (group.name, set(group.categories)) == ("mvtec_ad", {"bottle", "grid"})
    lines = {line.name: line for line in group.lines}
    assert [line.name for line in group.lines] == ["pca", "vae", "upae"]
    interval = lines["vae"].means["auroc"]
    assert (interval.mean, interval.num) == (pytest.approx((0.8 + 0.81) / 2), 2)
    assert lines["vae"].means["aupro"].mean == pytest.approx(0.4)
    assert lines["upae"].means == {}
    assert lines["vae"].by_category["auroc"] == {"bottle": pytest.approx(0.91), "grid": 0.7}


def test_one_category_is_a_table_of_its_own(records):
    rows = leaderboard_rows.rows([each for each in records if "grid" in each.data.name])
    assert categories.groups(rows) == []
    assert categories.without_members(rows) == rows


def test_what_is_said_and_shown(records):
    rows = leaderboard_rows.rows(records)
    assert words.of_rows(rows) == [
        (
            "mvtec_ad",
            [
                "Best in the mean of 2 categories is vae (0.805), not above the best floor, pca "
                "(0.850). Use that, which needs no training."
            ],
        )
    ]
    mean, auroc, aupro = anomaly_tables.by_category(records)
    assert mean.lines[1][0] == "vae" and mean.lines[1][1].startswith("0.805 ±")
    assert auroc.lines[0] == ("pca", "0.8000", "0.9000")
    assert aupro.title == "AUPRO by category, mvtec_ad"
    console = Console(width=80, file=io.StringIO(), color_system=None)
    console.print(terminal.to_rich_table(rows))
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    assert "mvtec_ad: mean of 2 categories" in text
