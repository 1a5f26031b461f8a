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
