"""The table of real trainings: how it is made and read."""

import csv
import itertools
import math

import pytest

from bench.errors import BenchError
from tuner.benchmark import grids, table


def test_a_row_is_what_a_new_model_reaches(tmp_path, monkeypatch):
    """The trainings of a group share a model, which must leave nothing of one to the next."""
    from tuner.benchmark import train_table

    monkeypatch.setattr(grids, "NUM_EPOCHS", 1)
    dataset = grids.data(64)
    group = list(itertools.islice(grids.settings("vae"), 3))
    rows = list(train_table.rows("vae", group, dataset))
    alone = train_table._Trainings("vae", group[2], dataset, [1])
    error = alone.errors(1, group[2]["learning_rate"])
    assert rows[2][table.error_column(1, 1)] == pytest.approx(error[0], rel=1e-5)
    assert len({row[table.error_column(0, 1)] for row in rows}) == 3


def test_a_table_of_other_columns_is_refused(tmp_path):
    path = tmp_path / "table.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["model", "mse"], ["vae", math.pi]])
    with pytest.raises(BenchError, match="must have the columns model, latent_dim, depth"):
        table.read_rows(path)


def test_latencies_are_measured_anew_and_nothing_else_changes(tmp_path, monkeypatch):
    from tuner.benchmark import train_table

    path = tmp_path / "table.csv"
    kept = table.PATH.read_text().splitlines()
    path.write_text("\n".join([kept[0], *kept[3:5]]) + "\n")  # of one network
    before = table.read_rows(path)
    monkeypatch.setattr(train_table, "latency_ms", lambda model, dataset: 7.5)
    train_table.write_latencies(path, num_images=64)
    assert table.read_rows(path) == [row | {"latency_ms": 7.5} for row in before]
    changed = [line.rpartition(",")[0] for line in path.read_text().splitlines()]
    assert changed == [line.rpartition(",")[0] for line in [kept[0], *kept[3:5]]]


def test_the_committed_table_is_whole():
    rows = table.read_rows()
    for model in grids.MODELS:
        of_model = table.of_model(rows, model)
        assert set(of_model) == {table.key({"model": model} | v) for v in grids.settings(model)}
    assert len(rows) == 576
    assert all(0 < row[name] < 1 for row in rows for name in row if name.startswith("mse"))


def test_effects_are_shares_of_the_variance():
    """Of errors that are products of one factor for each setting, worked out by hand."""
    rows = []
    for rate, depth in itertools.product(("0.001", "0.01"), ("1", "2")):
        error = {"0.001": math.e**3, "0.01": 1.0}[rate] * {"1": 1.0, "2": math.e}[depth]
        row = dict.fromkeys(table.settings_columns(), "") | {"learning_rate": rate, "depth": depth}
        rows.append(row | dict.fromkeys(table.columns()[-9:-3], error))
    found = table.effects(rows)
    assert list(found) == ["learning_rate", "depth"]  # logarithms 3 and 1 apart
    assert found["learning_rate"] == (pytest.approx(0.9), "0.01")
    assert found["depth"] == (pytest.approx(0.1), "1")
