import csv
import io
import json
import math

import pytest
from rich.console import Console

from bench.errors import BenchError
from bench.leaderboard import rows as leaderboard_rows
from bench.records import schema, store
from bench.report import markdown, tables, terminal


def make_records(model, values, preset="small", kind="model", **changes):
    """One record per value of the test MSE, over the seeds 0, 1, ..."""
    found = []
    for seed, value in enumerate(values):
        record = {
            "status": "ok",
            "kind": kind,
            "model": model,
            "seed": seed,
            "preset": preset,
            "model_config": {"latent_dim": 8},
            "dataset": "digits",
            "dataset_checksum": "ab",
            "task": "reconstruction",
            "test_mse": value,
            "params_total": 101_200,
            "forward_macs": 12_345,
            "latency_ms": 1.25 + seed,
            "infer_images_per_second": 12_300.0 + 10 * seed,
            "peak_memory_mib": 400.0 + seed,
            "test_psnr": value and 20 - value,
            "timing_stable": True,
            "noisy": False,
            **changes,
        }
        found.append(schema.from_fields(record | {"job_id": store.job_id(record)}))
    return found


FAILURE = {"status": "failed", "error": "Out of [red]memory | here", "test_mse": None}
TIED = [
    *make_records("conv", [0.0100, 0.0102, 0.0098]),
    *make_records("dense", [0.0101, 0.0103, 0.0099]),
    *make_records("poor", [0.0500, 0.0501, 0.0502]),
    *make_records("mean_image", [0.0700], preset=None, kind="baseline", model_config={}),
    *make_records("huge", [None, None], **FAILURE),
]


def shown(rows, width):
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(terminal.to_rich_table(rows))
    return console.file.getvalue()


def test_a_row_without_a_number_stays_in_its_table_at_the_end():
    rows = leaderboard_rows.rows([*make_records("lost", [math.nan, math.nan]), *TIED[:9]])
    text = shown(rows, 80)
    assert text.count("model") == 1
    lines = text.splitlines()
    at = next(number for number, line in enumerate(lines) if "lost" in line)
    assert lines[at].split()[:3] == ["-", "lost", "small"]
    assert "poor" in lines[at - 1]
    assert "- No number came out for lost small: no rank." in lines


def test_huge_and_tiny_numbers_stay_short():
    records = [
        *make_records("usual", [0.010, 0.011]),
        *make_records("huge", [1e12, 1.1e12]),
        *make_records("tiny", [1e-31, 2e-31]),
    ]
    text = shown(leaderboard_rows.rows(records), 80)
    assert "1.05e+12 ± 6.4e+11" in text  # half: 12.706 * 0.05e12
    assert " <0.0001 " in text.replace("<0.00001", "<0.0001")
    assert "± <" not in text


def test_a_row_is_a_group_over_seeds():
    row, *_ = leaderboard_rows.rows(make_records("vae", [0.1, 0.2, 0.6]))
    assert row.seeds == (0, 1, 2)
    assert row.quality["mse"].mean == pytest.approx(0.3)
    assert row.middle("latency_ms") == 2.25
    assert row.quality["mse"].low < 0.3 < row.quality["mse"].high
    assert "mae" not in row.quality


def test_rows_that_intervals_cannot_tell_apart_share_a_rank():
    rows = leaderboard_rows.rows(TIED)
    assert [row["model"] for row in rows] == ["conv", "dense", "poor", "mean_image", "huge"]
    assert [row.rank for row in rows][:2] == [1, 1]
    assert rows[2].rank > 1
    assert rows[3].rank > rows[2].rank
    assert rows[4].rank is None


@pytest.mark.parametrize("metric", ["mse", "psnr"])
def test_better_is_lower_for_errors_and_higher_for_psnr(metric):
    good = make_records("good", [0.1, 0.1001, 0.1002])
    bad = make_records("bad", [5.0, 5.0001, 5.0002])
    assert [row["model"] for row in leaderboard_rows.rows(bad + good, metric)] == ["good", "bad"]


def test_an_unknown_metric_is_refused():
    with pytest.raises(BenchError, match="metric must be one of mse, mae, psnr, ssim"):
        leaderboard_rows.rows(TIED, "fid")


def test_ranks_are_given_within_one_dataset():
    other = make_records("vae", [0.9, 0.91], dataset="mnist", dataset_checksum="cd")
    rows = leaderboard_rows.rows(make_records("vae", [0.1, 0.11]) + other)
    assert [(row.table, row.rank) for row in rows] == [("digits", 1), ("mnist", 1)]
    assert "dataset" in [column.key for column in tables.columns(rows)]


def test_a_row_without_the_metric_comes_after_those_with_it():
    rows = leaderboard_rows.rows(make_records("unknown", [None]) + make_records("known", [0.5]))
    assert [(row["model"], row.rank) for row in rows] == [("known", 1), ("unknown", None)]


def test_a_model_that_trained_for_less_than_it_needs_is_shown_but_has_no_rank():
    budget = {"epochs": 5, "batch_size": 64, "num_train": 3_000}
    few = make_records("masked_autoencoder", [0.001, 0.002], **budget)
    rows = leaderboard_rows.rows([*few, *make_records("vae", [0.02, 0.03], **budget)])
    assert [(row.record.model.name, row.rank) for row in rows] == [
        ("vae", 1),
        ("masked_autoencoder", None),
    ]
    assert rows[1].name == "masked_autoencoder small (235 of 3,000 updates)"
    enough = make_records("masked_autoencoder", [0.001], **(budget | {"epochs": 64}))
    (row,) = leaderboard_rows.rows(enough)
    assert (row.rank, row.detail) == (1, "")
    for name in ("epochs", "batch_size"):  # of a damaged record, nothing is known to be missing
        (row,) = leaderboard_rows.rows(
            make_records("masked_autoencoder", [0.001], **(budget | {name: None}))
        )
        assert row.rank == 1


def test_monte_carlo_error_of_a_row_is_that_of_the_mean_over_its_seeds():
    noise = {"test_likelihood_noise": {"elbo": 0.3, "nll": 0.04}}
    (row,) = leaderboard_rows.rows(make_records("vae", [0.02, 0.03], **noise))
    assert row.monte_carlo_error("elbo") == pytest.approx(0.3 / 2**0.5)
    line = next(csv.DictReader(io.StringIO(tables.to_csv([row]))))
    assert float(line["test_nll_monte_carlo_error"]) == pytest.approx(0.04 / 2**0.5)
    (bare,) = leaderboard_rows.rows(make_records("vae", [0.02]))
    assert bare.monte_carlo_error("elbo") is None


def test_records_may_lack_fields_and_hold_what_is_not_finite():
    bare = {"job_id": "a", "status": "ok", "kind": "model", "model": "vae", "test_mse": math.nan}
    dead = {"job_id": "b", "status": "failed", "kind": "model", "model": "vae", "error": "died"}
    rows = leaderboard_rows.rows([schema.from_fields(dead), schema.from_fields(bare)])
    assert [(row.rank, row.failed) for row in rows] == [(None, False), (None, True)]
    assert "died" in markdown.leaderboard(rows)


def test_a_failed_run_that_was_run_again_is_no_failure():
    (failed,) = make_records("vae", [None], **FAILURE)
    again = failed | {"status": "ok", "error": None, "test_mse": 0.1}
    (row,) = leaderboard_rows.rows([failed, again])
    assert not row.failed


def test_namesakes_are_told_apart_by_what_differs():
    small = make_records("vae", [0.1], epochs=5)
    large = make_records("vae", [0.2], model_config={"latent_dim": 64}, epochs=5)
    rows = leaderboard_rows.rows(small + large)
    assert [row.name for row in rows] == ["vae small (latent_dim=8)", "vae small (latent_dim=64)"]
    pca = make_records("pca", [0.1], None, "baseline", model_config={}, latent_size=8)
    pca += make_records("pca", [0.2], None, "baseline", model_config={}, latent_size=16)
    assert [row.name for row in leaderboard_rows.rows(pca)] == [
        "pca (latent_size=8)",
        "pca (latent_size=16)",
    ]
    longer = make_records("vae", [0.3], epochs=50)
    assert leaderboard_rows.rows(small + longer)[0].name == "vae small (epochs=5)"


def test_a_failure_is_named_with_the_arguments_that_tell_it_apart():
    """A model that failed before it was built has no configuration, but what was asked for."""

    def failed(error="no luck", **arguments):
        changes = FAILURE | {"error": error, "model_config": None, "arguments": arguments}
        return make_records("vae", [None], **changes)

    good = make_records("vae", [0.1], arguments={})
    names = [row.name for row in leaderboard_rows.rows(good + failed(latent_dim=-1))]
    assert names == ["vae small", "vae small (latent_dim=-1)"]
    both = failed(latent_dim=-1) + failed(latent_dim=-2)  # the same error is not the same row
    assert [row.name for row in leaderboard_rows.rows(both)] == [
        "vae small (latent_dim=-1)",
        "vae small (latent_dim=-2)",
    ]
    alone = failed(beta="x")
    assert [row.name for row in leaderboard_rows.rows(alone)] == ["vae small"]
    same = make_records("vae", [0.1], arguments={"beta": 2})
    rows = leaderboard_rows.rows(same + failed(beta=2))
    assert [row.name for row in rows] == ["vae small", "vae small"]


def test_failures_are_not_told_apart_by_what_an_ended_process_could_not_say():
    """A job that was ended, by its limit or for memory, says no more than what was asked for."""
    told = {"model_config": None, "device": "CPU", "cpu_model": "Xeon", "jit_compile": False}
    raised = make_records("vae", [None], **FAILURE, **told)
    unknown = {"task": None, "model_config": None}
    ended = make_records("vae", [None], **FAILURE | unknown | {"error": "took over 2 seconds"})
    asked = make_records("vae", [None], **FAILURE | unknown, epochs=50)
    names = [row.name for row in leaderboard_rows.rows(raised + ended)]
    assert names == ["vae small", "vae small"]
    assert "failed: vae small, seed 0: took" in shown(leaderboard_rows.rows(ended), 80)
    names = {row.name for row in leaderboard_rows.rows(raised + ended + asked)}
    assert names == {"vae small (epochs=None)", "vae small (epochs=50)"}
    gpu = make_records("vae", [None], **FAILURE, **told | {"device": "GPU"})
    names = [row.name for row in leaderboard_rows.rows(raised + gpu)]
    assert names == ["vae small (device=CPU)", "vae small (device=GPU)"]


def test_a_seed_in_the_configuration_is_a_seed():
    both = [
        record | {"model_config": {"seed": record["seed"]}}
        for record in make_records("vae", [0.1, 0.2])
    ]
    assert len(leaderboard_rows.rows(both)) == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0, "0"),
        (999, "999"),
        (12.34, "12.3"),
        (1.2, "1.20"),
        (999.6, "1.00 k"),
        (12_345, "12.3 k"),
        (101_200, "101 k"),
        (4_560_000, "4.56 M"),
        (7.891e9, "7.89 G"),
    ],
)
def test_short_numbers_keep_three_digits(value, text):
    assert tables.short_number(value) == text


def cells(rows):
    return {column.key: column.text(rows[0]) for column in tables.columns(rows)}


def test_cells_are_set_for_people():
    found = cells(leaderboard_rows.rows(make_records("vae", [0.0088, 0.0089, 0.0090])))
    assert found["params_total"] == "101,200"
    assert found["forward_macs"] == "12.3 k"
    assert found["infer_images_per_second"] == "12.3 k/s"
    assert found["peak_memory_mib"] == "402"
    assert found["mse"] == "0.00890 ± 0.00025"  # two digits of the interval
    assert found["seeds"] == "3"
    assert found["fit_images_per_second"] == found["ssim"] == "-"


def test_a_small_interval_is_never_shown_as_none():
    rows = leaderboard_rows.rows(
        make_records("noisy", [0.1, 0.2, 0.3]) + make_records("calm", [0.7, 0.7, 0.7000001])
    )
    (column,) = (c for c in tables.columns(rows) if c.key == "mse")
    assert "± <0.0" in column.text(rows[1])


@pytest.mark.parametrize(
    ("changes", "field", "mark"),
    [
        ({"noisy": True}, "latency_ms", "~"),
        ({"timing_stable": False}, "infer_images_per_second", "~"),
        ({"uncounted_layers": ["Odd"]}, "forward_macs", "≥"),
        ({}, "mse", "†"),
        ({"kind": "baseline"}, "model", "*"),
    ],
)
def test_a_mark_stands_in_the_cell_and_in_the_footnotes(changes, field, mark):
    rows = leaderboard_rows.rows(make_records("vae", [0.1], **changes))
    assert mark in cells(rows)[field]
    assert any(note.startswith(mark) for note in tables.footnotes(rows))
    plain = leaderboard_rows.rows(make_records("vae", [0.1, 0.2]))
    assert not any(note.startswith(mark) for note in tables.footnotes(plain))


def test_markdown_has_each_model_on_a_line_of_equal_cells():
    text = markdown.leaderboard(leaderboard_rows.rows(TIED))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    table = lines[: 2 + 4]
    assert len({line.count(" | ") for line in table}) == 1
    for model, line in zip(["conv", "dense", "poor", "mean_image"], table[2:], strict=True):
        assert f" {model} " in line
    assert [line.split(" | ")[0] for line in table[2:4]] == ["| 1", "| 1"]
    assert "Out of \\[red\\]memory \\| here" in lines[-1]


def test_csv_has_every_row_with_plain_numbers():
    rows = list(csv.DictReader(io.StringIO(tables.to_csv(leaderboard_rows.rows(TIED)))))
    assert [row["model"] for row in rows] == ["conv", "dense", "poor", "mean_image", "huge"]
    assert float(rows[0]["test_mse"]) == pytest.approx(0.01)
    assert float(rows[0]["test_mse_low"]) < 0.01 < float(rows[0]["test_mse_high"])
    assert rows[3]["test_mse_low"] == ""
    assert rows[0]["params_total"] == "101200"
    assert json.loads(rows[0]["config"]) == {"latent_dim": 8}
    assert rows[4]["error"] == FAILURE["error"]


def test_csv_of_nothing_is_a_header():
    assert tables.to_csv([]) == "rank\n"


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_terminal_table_fits_and_hides_nothing(width):
    text = shown(leaderboard_rows.rows(TIED), width)
    assert max(map(len, text.splitlines())) <= width
    names = ("conv small", "dense small", "poor small", "mean_image *")
    lines = [next(line for line in text.splitlines() if name in line) for name in names]
    for line, quality in zip(
        lines, ("0.01000 ±", "0.01010 ±", "0.05010 ±", "0.07000"), strict=True
    ):
        assert quality in line
    assert [line.split()[0] for line in lines] == ["1=", "1=", "3", "4"]
    assert "Out of [red]memory | here" in " ".join(text.split())


def test_at_80_columns_a_long_name_keeps_its_line_and_the_first_columns():
    text = shown(leaderboard_rows.rows(make_records("wasserstein_autoencoder", [0.01, 0.012])), 80)
    (line,) = (line for line in text.splitlines() if "wasserstein_autoencoder" in line)
    for part in ("wasserstein_autoencoder small", "0.011 ± 0.013", "101 k", "12.3 k"):
        assert part in line


def test_a_wider_terminal_shows_more_columns_and_none_less():
    widths = (40, 60, 80, 100, 140)
    heads = [shown(leaderboard_rows.rows(TIED), width).split("─")[0].split() for width in widths]
    counts = [len(head) for head in heads]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


def test_the_floor_is_drawn_across_the_table_and_nothing_else_is():
    lines = shown(leaderboard_rows.rows(TIED), 80).splitlines()
    ruled = [line for line in lines if "─" in line]
    assert len(ruled) == 2  # below the head, and the floor
    assert "mean_image *" in ruled[1]


def test_a_terminal_of_plain_letters_gets_plain_letters():
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="replace")
    Console(width=80, file=file, color_system=None).print(
        terminal.to_rich_table(leaderboard_rows.rows(TIED)[:2])
    )
    file.flush()
    drawn = [line for line in file.buffer.getvalue().decode().splitlines() if "conv small" in line]
    assert "=o=" in drawn[0]


def test_names_are_cut_before_the_decisive_number_is_lost():
    long = make_records("a" * 90, [0.01, 0.011]) + make_records("b" * 90, [0.02, 0.021])
    lines = shown(leaderboard_rows.rows(long), 60).splitlines()
    assert max(map(len, lines)) <= 60
    assert any("aaa…" in line and "0.0105 ±" in line for line in lines)


def test_each_table_has_its_own_heading_and_ranks():
    other = make_records("vae", [0.9, 0.91], dataset="mnist", dataset_checksum="cd")
    lines = shown(leaderboard_rows.rows(make_records("vae", [0.1, 0.11]) + other), 80).splitlines()
    assert {"digits", "mnist"} <= set(lines)
    assert sum(line.startswith("1 ") for line in lines) == 2
