"""The table of predicted uncertainty: how right it is, for each model that predicts one."""

import statistics

from bench.leaderboard import one_class
from bench.leaderboard.rows import Row
from bench.records.metrics import METRICS
from bench.report.html import Table

NAMES = (
    *("coverage_50", "coverage_90", "coverage_95"),
    *("quantile_calibration_error", "sparsification_error"),
)
_NOTE = (
    "Of all pixels of the test images, of the normal ones where there are anomalies: how many lie "
    "in the predicted central interval of 50, 90 and 95 %; how far the predicted quantiles are "
    "off; and the area between the curves of sparsification, 0 where the uncertainty orders pixels "
    "as the error does."
)


def predicting(rows: list[Row]) -> list[Row]:
    """Returns the rows whose records all have a predicted uncertainty."""
    return [
        row
        for row in rows
        if not row.failed and all(NAMES[0] in r.quality.metrics for r in row.records)
    ]


def tables(rows: list[Row]) -> list[Table]:
    """Returns a table for each data set of which a model predicts its uncertainty."""
    by_table: dict[str, list[Row]] = {}
    for row in predicting(rows):
        by_table.setdefault(row.table, []).append(row)
    head = ("model", *(METRICS[name].label for name in NAMES))
    numeric = [False, *[True] * len(NAMES)]
    return [
        Table(
            head,
            [(row.name, *(_mean(row, name) for name in NAMES)) for row in members],
            numeric,
            f"Predicted uncertainty, {name}",
            (_NOTE,),
        )
        for name, members in by_table.items()
    ]


def _mean(row: Row, name: str) -> str:
    values = [record.quality.metrics.get(name) for record in row.records]
    by_seed = one_class.values_by_seed(row.records, values)
    return "-" if None in by_seed or not by_seed else f"{statistics.fmean(by_seed):.4f}"
