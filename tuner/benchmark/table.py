"""A table of real trainings, on which a search is exact, fast and repeatable.

`tables/garments.csv` has a row for each point of `tuner.benchmark.grids`: the settings, the
validation MSE of each seed after each epoch, parameters, multiply-adds of one image forward, and
the median latency of one image in milliseconds. `tuner.benchmark.train_table` makes it.
"""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import BenchError
from tuner.benchmark import grids

PATH = Path(__file__).with_name("tables") / "garments.csv"
SIZES = ("parameters", "macs", "latency_ms")


def error_column(seed: int, epoch: int) -> str:
    """Returns the name of the column with a validation MSE."""
    return f"mse_seed{seed}_epoch{epoch}"


def settings_columns() -> list[str]:
    """Returns the names of what varies, of all models."""
    return list(dict.fromkeys(name for model in grids.MODELS for name in grids.space(model).free))


def columns() -> list[str]:
    errors = [
        error_column(seed, epoch + 1) for seed in grids.SEEDS for epoch in range(grids.NUM_EPOCHS)
    ]
    return ["model", *settings_columns(), *errors, *SIZES]


def key(row: dict[str, Any]) -> tuple[str, ...]:
    """Returns what tells a point from others: its model and settings as text."""
    return tuple(text(row.get(name, "")) for name in ["model", *settings_columns()])


def text(value: Any) -> str:
    """Returns how a setting stands in the table."""
    return "none" if value is None else str(value)


def number_text(value: Any) -> str:
    """Returns how a cell of `read_rows` stands in the file: whole numbers without a point."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def read_rows(path: Path = PATH) -> list[dict[str, Any]]:
    """Reads the rows of a table: settings as text, numbers as floats.

    A row that a stop cut off is left out.

    Raises:
        BenchError: if the file is missing or is no such table.
    """
    try:
        with path.open(newline="") as file:
            reader = csv.DictReader(file)
            names, lines = reader.fieldnames, list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BenchError(f"cannot read the table {path}: {error}.") from error
    if names != columns():
        raise BenchError(
            f"the table {path} must have the columns {', '.join(columns())}. "
            "Make it anew: python -m tuner.benchmark.train_table"
        )
    is_text = {"model", *settings_columns()}
    return [
        {name: value if name in is_text else float(value) for name, value in line.items()}
        for line in lines
        if all(line[name] for name in names if name not in is_text)
    ]


def of_model(rows: Iterable[dict[str, Any]], model: str) -> dict[tuple[str, ...], dict[str, Any]]:
    """Returns the rows of one model by their `key`."""
    return {key(row): row for row in rows if row["model"] == model}


def effects(rows: Iterable[dict[str, Any]]) -> dict[str, tuple[float, str]]:
    """Returns how much each setting alone matters, and its best value, most first.

    The first number is the share of the variance of the logarithm of the last validation MSE (mean
    over seeds) that lies between the means of the setting's values: `Var(E[y | value]) / Var(y)`,
    the main effect of a functional analysis of variance. The best value is that of the least mean.
    Settings that are not active have the value "".

    Args:
        rows: Of one model.

    Reference: Hutter, Hoos & Leyton-Brown, 2014. https://proceedings.mlr.press/v32/hutter14.html
    """
    rows = list(rows)
    last = [error_column(seed, grids.NUM_EPOCHS) for seed in grids.SEEDS]
    errors = np.log(np.mean([[row[name] for name in last] for row in rows], axis=1))
    found = {}
    for name in settings_columns():
        values = np.array([row[name] for row in rows])
        if len(set(values)) > 1:
            means = {value: errors[values == value].mean() for value in sorted(set(values))}
            between = np.var([means[value] for value in values])
            found[name] = float(between / np.var(errors)), min(means, key=means.get)
    return dict(sorted(found.items(), key=lambda item: -item[1][0]))
