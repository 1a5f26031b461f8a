"""Rows of a cross-validation: a value for each fold, an interval over the folds."""

import numpy as np
import pytest
from scipy import stats

from bench.leaderboard import folds
from bench.leaderboard import rows as leaderboard_rows
from bench.records import schema, store
from bench.report import tables, words


def records(model, values, num_folds=5, kind="model", **changes):
    """One record per value, `values[fold][seed]`."""
    made = []
    for fold, of_fold in enumerate(values, start=1):
        for seed, value in enumerate(of_fold):
            fields = {
                "status": "ok",
                "kind": kind,
                "model": model,
                "preset": "small",
                "seed": seed,
                "dataset": "cells",
                "dataset_checksum": "ab",
                "task": "segmentation",
                "fold": f"{fold}/{num_folds}",
                "test_iou_image": value,
                **changes,
            }
            made.append(schema.from_fields(fields | {"job_id": store.job_id(fields)}))
    return made


VALUES = [[0.7, 0.8], [0.6, 0.7], [0.8, 0.9], [0.5, 0.6], [0.9, 1.0]]


def test_the_interval_is_over_the_means_of_folds():
    (row,) = leaderboard_rows.rows(records("unet", VALUES))
    means = np.mean(VALUES, axis=1)
    half = stats.t.ppf(0.975, 4) * means.std(ddof=1) / 5**0.5
    interval = row.quality["iou_image"]
    assert (interval.num, row.num_folds, row.varies_over) == (5, 5, "folds")
    assert interval.mean == pytest.approx(0.75)
    assert interval.high == pytest.approx(0.75 + half)
    assert row.table == "cells, 5 folds"


def test_a_run_that_was_stopped_says_how_many_folds_it_has():
    (row,) = leaderboard_rows.rows(records("unet", VALUES[:3]))
    assert row.table == "cells, 3 of 5 folds"


def test_tables_and_sentences_name_the_folds():
    rows = leaderboard_rows.rows(
        records("unet", VALUES) + records("other", [[v[0] + 0.01] for v in VALUES])
    )
    column = {column.key: column for column in tables.columns(rows)}["seeds"]
    assert (column.title, column.text(rows[0])) == ("folds", "5")
    assert "± is half the 95 % confidence interval of the mean over folds." in tables.footnotes(
        rows
    )
    ((name, said),) = words.of_rows(rows)
    assert name == "cells, 5 folds" and "intervals over folds" in said[1]


def test_baselines_of_folds_have_intervals_and_other_data_a_table_of_its_own():
    plain = records("unet", [[0.9]], fold=None)
    rows = leaderboard_rows.rows(
        records("unet", VALUES)
        + records("mean_mask", [[0.1], [0.2], [0.3], [0.2], [0.2]], kind="baseline")
        + plain
    )
    assert {row.table for row in rows} == {"cells, 5 folds", "cells"}
    floor = next(row for row in rows if row.baseline)
    assert floor.quality["iou_image"].low < 0.2 < floor.quality["iou_image"].high


def test_values_of_no_folds_are_as_they_are():
    assert folds.values_by_fold(records("unet", [[1.0, 2.0]], fold=None), [1.0, 2.0]) == [1.0, 2.0]
    assert folds.values_by_fold(records("unet", [[1.0, 2.0]]), [1.0, None]) == [None]
