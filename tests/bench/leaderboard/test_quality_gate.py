"""Speeds that were bought with quality are withheld."""

import csv
import io

import pytest

from bench.leaderboard import quality_gate
from bench.leaderboard import rows as leaderboard_rows
from bench.records import schema, store
from bench.report import markdown, tables


def make_records(values, *, metric="mse", model="vae", precision="float32", **changes):
    """One record per value, over the seeds 0, 1, ..."""
    found = []
    for seed, value in enumerate(values):
        record = {
            "status": "ok",
            "kind": "model",
            "model": model,
            "preset": "small",
            "seed": seed,
            "model_config": {"latent_dim": 8, "seed": seed},
            "dataset": "digits",
            "task": "reconstruction",
            "batch_size": 64,
            "precision": precision,
            "jit_compile": False,
            "fit_images_per_second": 1_000.0,
            "infer_images_per_second": 7_770.0,
            "latency_ms": 3.21,
            f"test_{metric}": value,
            **changes,
        }
        found.append(schema.from_fields(record | {"job_id": store.job_id(record)}))
    return found


def withheld(found, metric="mse"):
    """Returns the reasons by precision and compilation."""
    rows = leaderboard_rows.rows(found, metric)
    return {
        (rows[index]["precision"], rows[index]["jit_compile"]): reason
        for index, reason in quality_gate.withheld(rows).items()
    }


HALF = ("mixed_bfloat16", False)
FLOAT32 = make_records([0.01, 0.02])


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([0.01, 0.02002], None),  # 0.07 % worse
        ([0.01, 0.02006], "not shown: MSE 0.2 % worse than float32"),
        ([0.01013, 0.02026], "not shown: MSE 1.3 % worse than float32"),
        ([0.005, 0.01], None),  # better passes
    ],
)
def test_a_tenth_of_a_percent_decides(values, reason):
    found = [*FLOAT32, *make_records(values, precision="mixed_bfloat16")]
    assert withheld(found) == ({} if reason is None else {HALF: reason})


@pytest.mark.parametrize(("value", "passes"), [(29.98, True), (29.96, False), (31.0, True)])
def test_higher_is_better(value, passes):
    found = make_records([30.0], metric="psnr")
    found += make_records([value], metric="psnr", precision="mixed_bfloat16")
    assert (withheld(found, "psnr") == {}) is passes


def test_the_same_seeds_are_compared():
    """The half-precision run has only the first seed, where it is as good."""
    assert withheld([*FLOAT32, *make_records([0.01], precision="mixed_bfloat16")]) == {}
    other = [record | {"seed": 7} for record in make_records([0.01], precision="mixed_bfloat16")]
    assert "no float32 run of the same seeds" in withheld([*FLOAT32, *other])[HALF]


def test_without_a_reference_nothing_is_shown():
    assert list(withheld(make_records([0.01], precision="mixed_bfloat16"))) == [HALF]


@pytest.mark.parametrize(
    "other", [{"model": "upae"}, {"batch_size": 128}, {"model_config": {"latent_dim": 4}}]
)
def test_only_the_same_configuration_is_a_reference(other):
    found = [*FLOAT32, *make_records([0.01, 0.02], precision="mixed_bfloat16", **other)]
    assert list(withheld(found)) == [HALF]


def test_compilation_answers_to_float32_without_it():
    worse = make_records([0.011, 0.022], jit_compile=True)
    reason = "not shown: MSE 10 % worse than float32 without compilation"
    assert withheld([*FLOAT32, *worse]) == {("float32", True): reason}
    assert withheld(worse) == {}  # the only float32 there is: others answer to it
    half = make_records([0.011, 0.022], precision="mixed_bfloat16", jit_compile=True)
    assert withheld([*worse, *half]) == {}
    assert set(withheld([*FLOAT32, *worse, *half])) == {("float32", True), ("mixed_bfloat16", True)}


def test_failures_and_baselines_are_no_settings():
    failed = make_records([None], precision="mixed_bfloat16", status="failed", error="no")
    baseline = make_records([0.5], precision=None, kind="baseline", model="pca")
    assert withheld([*FLOAT32, *failed, *baseline]) == {}


def test_a_perfect_reference():
    found = [*make_records([0.0]), *make_records([0.001], precision="mixed_bfloat16")]
    assert withheld(found) == {HALF: "not shown: MSE 0.001 worse than float32"}
    assert withheld([*make_records([0.0]), *make_records([0.0], precision="mixed_bfloat16")]) == {}


def test_training_from_a_pipeline_has_a_column_of_its_own():
    assert "with data" not in markdown.leaderboard(leaderboard_rows.rows(FLOAT32))
    found = make_records([0.01], end_to_end_images_per_second=543.0)
    text = markdown.leaderboard(leaderboard_rows.rows(found))
    assert "| training with data images/s |" in text
    assert "543/s" in text


def test_old_records_show_the_speed_of_the_bare_step_and_new_ones_that_of_fit():
    old = make_records([0.01], fit_images_per_second=None, train_images_per_second=2_220.0)
    text = markdown.leaderboard(leaderboard_rows.rows(old))
    assert "| training step images/s |" in text
    assert "2.22 k/s" in text
    assert "of the bare step" in text
    new = make_records([0.02], model="ae", train_images_per_second=3_330.0)
    text = markdown.leaderboard(leaderboard_rows.rows([*old, *new]))
    assert "| training images/s |" in text
    assert "1.00 k/s" in text
    assert "2.22" not in text
    assert "3.33" not in text


def test_a_precision_that_was_chosen_answers_for_itself():
    """`--precision auto`: bfloat16 has to be as good as float32, and float32 is float32."""
    half = make_records([0.0103, 0.0203], precision="auto", used_precision="mixed_bfloat16")
    assert withheld([*FLOAT32, *half]) == {("auto", False): "not shown: MSE 2 % worse than float32"}
    same = make_records([0.0103, 0.0203], precision="auto", used_precision="float32")
    assert withheld([*FLOAT32, *same]) == {}
    alone = make_records([0.01], precision="auto", used_precision="mixed_bfloat16")
    assert "no float32 run" in withheld(alone)["auto", False]


def test_a_row_without_speed_has_nothing_to_withhold():
    fields = dict.fromkeys(leaderboard_rows.TIMINGS)
    assert withheld([*FLOAT32, *make_records([1.0], precision="mixed_bfloat16", **fields)]) == {}


def test_tables_do_not_show_it():
    speeds = {"latency_ms": 1.11, "end_to_end_images_per_second": 543.0}
    worse = make_records([0.0202, 0.0404], precision="mixed_bfloat16", **speeds)
    rows = leaderboard_rows.rows([*FLOAT32, *worse])
    text = markdown.leaderboard(rows)
    assert "543" not in text
    assert "3.21" in text
    assert "1.11" not in text
    assert "not shown: MSE 102 % worse than float32" in text
    lines = list(csv.DictReader(io.StringIO(tables.to_csv(rows))))
    assert [line["latency_ms"] for line in lines] == ["3.21", ""]
    assert "102 %" in lines[1]["speed_withheld"]
