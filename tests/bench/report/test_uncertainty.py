"""Predicted uncertainty in a report: its table, and the drawn curves."""

import io

import numpy as np

from bench.leaderboard import rows as leaderboard_rows
from bench.metrics import calibration
from bench.records import schema, store
from bench.report import uncertainty
from bench.report.plots import uncertainty as plots


def record(model, seed, scale=1.0):
    """A record of a Gaussian prediction whose deviation is `scale` times the true one."""
    generator = np.random.default_rng(seed)
    deviation = generator.uniform(0.1, 1, (50, 8, 8, 1))
    target = generator.normal(0, deviation)
    fields = {
        "status": "ok",
        "kind": "model",
        "model": model,
        "seed": seed,
        "dataset": "made",
        "task": "reconstruction",
        "test_mse": 0.1,
        "model_config": {},
        **calibration.summary(target, np.zeros_like(target), scale * deviation),
    }
    return schema.from_fields(fields | {"job_id": store.job_id(fields)})


def test_the_table_has_the_mean_over_seeds():
    rows = leaderboard_rows.rows([record("upae", 0), record("upae", 1), record("other", 0, 2.0)])
    (table,) = uncertainty.tables(rows)
    lines = {line[0]: [float(cell) for cell in line[1:]] for line in table.lines}
    np.testing.assert_allclose(lines["upae"][:3], [0.5, 0.9, 0.95], atol=0.02)
    np.testing.assert_allclose(lines["other"][0], 0.823, atol=0.02)  # of |z| < 2 * 0.6745
    assert lines["other"][3] > lines["upae"][3]


def test_curves_go_through_a_record_and_are_drawn():
    one = record("upae", 0)
    again, _ = schema.from_json(one.to_json())
    curves = again.quality.uncertainty_curves
    assert curves == one.quality.uncertainty_curves
    assert curves["by_deviation"][0] == curves["by_error"][0] == 1
    gaps = np.subtract(curves["by_deviation"], curves["by_error"])
    np.testing.assert_allclose(gaps.mean(), one.quality.metrics["sparsification_error"], atol=1e-4)
    np.testing.assert_allclose(curves["below"], curves["levels"], atol=0.03)
    drawn = io.BytesIO()
    assert plots.curves(leaderboard_rows.rows([again]), drawn)
    assert drawn.getvalue().startswith(b"\x89PNG")


def test_nothing_without_a_prediction():
    fields = {"status": "ok", "kind": "model", "model": "vae", "test_mse": 0.1, "job_id": "a"}
    rows = leaderboard_rows.rows([schema.from_fields(fields)])
    assert uncertainty.tables(rows) == []
    assert not plots.curves(rows, io.BytesIO())
