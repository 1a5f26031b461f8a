"""What contamination and fewer normals do to a table: levels, lines, and what is said."""

import io

import pytest
from rich.console import Console

from bench.leaderboard import robustness
from bench.leaderboard import rows as leaderboard_rows
from bench.records import schema, store
from bench.report import anomaly_tables, terminal, words


def record(model, auroc, seed=0, kind="model", label=3, **config):
    fields = {
        "status": "ok",
        "kind": kind,
        "model": model,
        "preset": "small" if kind == "model" else None,
        "seed": seed,
        "dataset": "digits",
        "dataset_checksum": "ab",
        "task": "anomaly",
        "normal_class": label,
        "num_classes": 10,
        "num_train": 100,
        "test_auroc": auroc,
        "model_config": {},
        **config,
    }
    return schema.from_fields(fields | {"job_id": store.job_id(fields)})


@pytest.fixture
def records():
    """Two models and a floor; with a tenth of anomalies one of the models falls by 0.2."""
    made = []
    for share in (0.0, 0.05, 0.1):
        made += [record("vae", 0.9 - 2 * share, s, contamination=share) for s in (0, 1)]
        made += [record("upae", 0.85 - share / 2, s, contamination=share) for s in (0, 1)]
        made += [record("pca", 0.8 - share, kind="baseline", contamination=share)]
    return made


def test_levels_are_columns_from_the_easiest_on(records):
    (panel,) = robustness.panels(leaderboard_rows.rows(records))
    assert panel.texts == ("0 %", "5 %", "10 %")
    assert [line.name for line in panel.lines] == ["vae small", "upae small", "pca"]
    means = [value.mean for value in panel.lines[0].values]
    assert means == pytest.approx([0.9, 0.8, 0.7])
    assert panel.lines[1].change == pytest.approx(0.05)


def test_fewer_normals_are_harder_and_their_epochs_may_differ():
    levels = [(None, 20, 0.9), (50, 60, 0.8), (200, 40, 0.85)]
    made = [record("vae", auroc, num_normals=num, epochs=e) for num, e, auroc in levels]
    (panel,) = robustness.panels(leaderboard_rows.rows(made))
    assert panel.texts == ("all", "200", "50")
    assert panel.places == (100, 200, 50)
    assert [value.mean for value in panel.lines[0].values] == [0.9, 0.85, 0.8]


def test_ranks_are_within_one_level(records):
    rows = leaderboard_rows.rows(records)
    assert sum(row.rank == 1 for row in rows) == 3
    assert len({row.table for row in rows}) == 3
    first = robustness.first_levels(rows)
    assert {row.record.config.contamination for row in first} == {0.0}
    assert len(first) == 3


def test_both_axes_at_once():
    made = [
        record("vae", 0.9 - share - (0.1 if num else 0), contamination=share, num_normals=num)
        for share in (0.0, 0.1)
        for num in (None, 50)
    ]
    rows = leaderboard_rows.rows(made)
    names = [panel.axis.name for panel in robustness.panels(rows)]
    assert sorted(names) == ["contamination"] * 2 + ["num_normals"] * 2
    assert len(robustness.main_panels(rows)) == 2
    (first,) = robustness.first_levels(rows)
    assert (first.record.config.contamination, first.record.config.num_normals) == (0.0, None)


def test_one_level_is_no_axis(records):
    assert robustness.panels(leaderboard_rows.rows(records[:5])) == []


def test_what_is_said_and_shown(records):
    rows = leaderboard_rows.rows(records)
    tables = dict(words.of_rows(rows))
    (said,) = [text for name, text in tables.items() if "share of anomalies" in name]
    assert "upae small falls by 0.050 to 0.800, the least of the models" in said[0]
    assert "The best floor there, pca, falls by 0.100 to 0.700" in said[-1]
    assert len(tables) == 2  # the leaderboard of the first level, and the axis
    (table,) = anomaly_tables.by_level(records)
    assert table.head[1:] == ("0 %", "5 %", "10 %")
    assert table.lines[0] == ("vae small", "0.900 ± 0.000", "0.800 ± 0.000", "0.700 ± 0.000")
    console = Console(width=80, file=io.StringIO(), color_system=None)
    console.print(terminal.to_rich_table(rows))
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.split() == ["model", "0", "%", "5", "%", "10", "%"] for line in lines)
    assert any(line.startswith("pca *") and "0.750" in line for line in lines)
