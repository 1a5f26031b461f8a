"""Real runs with a tiny budget: records, resume, failures as rows, the command line."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import bench.__main__ as command_line
import zoo
from bench.errors import BenchError
from bench.execution import session
from bench.records import store

ROOT = Path(__file__).parents[3]


ALWAYS_KNOWN = (
    *("job_id", "run_id", "time_utc", "status", "kind", "model", "preset"),
    *("model_config", "arguments", "paper", "dataset", "dataset_checksum", "task", "image_shape"),
    *("num_train", "num_validation", "num_test", "noise", "limit", "seed", "epochs", "batch_size"),
    *("samples_seen", "optimizer", "learning_rate", "precision", "jit_compile", "jit"),
    *("steps_per_execution", "num_workers", "params_total", "params_trainable", "forward_macs"),
    *("uncounted_layers", "latent_size", "build_seconds", "first_step_seconds", "train_seconds"),
    *("train_images_per_second", "infer_images_per_second", "infer_batch_size", "latency_ms"),
    *("fit_images_per_second", "fit_num_epochs", "fit_images_per_epoch"),
    *("peak_memory_mib", "timing_stable", "test_mse", "test_mae", "test_psnr", "test_ssim"),
    *("train_loss", "val_loss", "history", "samples_file", "python_version", "keras_version"),
    *("tensorflow_version", "device", "num_cpus", "threads"),
)


@pytest.fixture(scope="module")
def noisy(tiny_request):
    """Returns a function to requests of noisy digits with timing."""
    return lambda output: tiny_request(output, noise="gaussian:0.2", timing_rounds=1)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, noisy, quiet):
    output = tmp_path_factory.mktemp("run")
    outcome = session.run(noisy(output), quiet)
    return output, outcome


def lines_of(output):
    return (output / store.FILE_NAME).read_bytes().splitlines(keepends=True)


def test_each_case_gives_a_whole_record(finished):
    output, outcome = finished
    assert (outcome.num_run, outcome.num_kept, outcome.num_failed) == (5, 0, 0)
    found, warnings = store.read(output)
    assert not warnings
    models = [record for record in found if record["kind"] == "model"]
    assert [record["seed"] for record in models] == [0, 1]
    for field in ALWAYS_KNOWN:
        assert models[0][field] is not None, field
    assert models[1]["train_images_per_second"] is None  # speed is measured in the first round
    baselines = {record["model"]: record for record in found if record["kind"] == "baseline"}
    assert set(baselines) == {"mean_image", "pca", "identity"}
    assert baselines["pca"]["latent_size"] == models[0]["latent_size"] == 8
    first = models[0]
    assert first["task"] == "denoising"
    assert first["samples_seen"] == 60
    assert first["params_total"] == first["params_trainable"]
    low, high = first["train_images_per_second_low"], first["train_images_per_second_high"]
    assert low <= first["train_images_per_second"] <= high
    assert len(first["history"]["val_loss"]) == 1


def test_identity_has_the_error_of_the_noise(finished):
    """Noise of 0.2, clipped to [0, 1]: about half of it is lost on black and white pixels."""
    output, _ = finished
    found, _ = store.read(output)
    identity = next(record for record in found if record["model"] == "identity")
    assert 0.015 < identity["test_mse"] < 0.04


def test_recorded_error_is_that_of_the_kept_images(finished):
    """The samples are the first 8 of 100: their error is near the mean, and they are in range."""
    output, _ = finished
    found, _ = store.read(output)
    for record in found:
        with np.load(output / record["samples_file"]) as samples:
            error = np.mean((samples["targets"] - samples["reconstructions"]) ** 2)
            assert samples["inputs"].shape == (8, 8, 8, 1)
        assert 0.3 < error / record["test_mse"] < 3


def test_a_finished_run_is_kept(finished, noisy, quiet):
    output, _ = finished
    before = lines_of(output)
    outcome = session.run(noisy(output), quiet)
    assert (outcome.num_run, outcome.num_kept) == (0, 5)
    assert lines_of(output) == before


def test_a_line_cut_off_runs_again_and_the_good_lines_stay(finished, tmp_path, noisy, quiet):
    output, _ = finished
    good = lines_of(output)
    (tmp_path / store.FILE_NAME).write_bytes(b"".join(good[:-1]) + good[-1][:40])
    outcome = session.run(noisy(tmp_path), quiet)
    assert (outcome.num_run, outcome.num_kept) == (1, 4)
    now = lines_of(tmp_path)
    assert now[:4] == good[:4]
    assert now[4] == good[-1][:40] + b"\n"
    again, before = json.loads(now[5]), json.loads(good[-1])
    assert again["job_id"] == before["job_id"]
    errors = [line["quality"]["metrics"]["mse"] for line in (again, before)]
    assert errors[0] == pytest.approx(errors[1], rel=1e-6)


def test_failures_are_rows(tmp_path, tiny_request, quiet):
    """30 x 30 pixels cannot be halved twice; a case that takes too long is ended."""
    images = np.random.default_rng(0).random((80, 30, 30, 1), dtype="float32")
    np.savez(tmp_path / "odd.npz", images=images)
    request = tiny_request(
        tmp_path / "runs", dataset=str(tmp_path / "odd.npz"), limit=None, seeds=1
    )
    outcome = session.run(request, quiet)
    failed = [record for record in outcome.records if record["status"] == "failed"]
    assert [record["model"] for record in failed] == ["autoencoder"]
    assert "Pad to (32, 32, 1)" in failed[0]["error"]
    assert "\n" not in failed[0]["error"]
    trace = tmp_path / "runs/traces" / f"{failed[0]['job_id']}.txt"
    assert "Traceback" in trace.read_text()
    late = dataclasses.replace(request, timeout_seconds=0.01)
    outcome = session.run(late, quiet)
    assert outcome.num_kept == 1  # the mean image; the failed case was tried again
    assert outcome.records[0]["error"].startswith("took over 0.01 seconds")
    assert outcome.records[0]["num_workers"] == 1


def test_errors_come_before_long_work(tmp_path, tiny_request, quiet):
    (tmp_path / "file").write_text("")
    for request, message in (
        (tiny_request(tmp_path / "file"), "a file is in the place"),
        (tiny_request(tmp_path / "x", seeds=0), "--seeds must be at least 1"),
        (tiny_request(tmp_path / "x", epochs=-1), "--epochs must be at least 1"),
        (tiny_request(tmp_path / "x", learning_rate=0.0), "--learning-rate must be above 0"),
        (tiny_request(tmp_path / "x", target=0.1), "--target needs evaluations"),
        (
            tiny_request(tmp_path / "x", evaluate_every=1.5),
            "--evaluate-every must be at most .* epochs, 1",
        ),
    ):
        with pytest.raises(BenchError, match=message):
            session.run(request, quiet)
    with store.folder_lock(tmp_path), pytest.raises(BenchError, match="another run is writing"):
        session.run(tiny_request(tmp_path), quiet)


@pytest.fixture
def bench(tmp_path, monkeypatch, capsys):
    """Returns a function from arguments of the command line to its exit code and both outputs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def bench(*arguments):
        try:
            code = command_line.main(list(arguments))
        except SystemExit as end:  # of --help
            code = end.code
        return code, *capsys.readouterr()

    return bench


def test_command_line_reports_and_lists(finished, bench):
    output, _ = finished
    code, _, error = bench("report", str(output))
    assert code == 0, error
    assert "autoencoder" in (output / "report.html").read_text()
    _, listed, _ = bench("list")
    for name in zoo.names():
        assert name in listed
    _, shown, _ = bench("--help")
    assert "python -m bench run --dataset my_images/" in shown


def is_one_line(error, message):
    return error.startswith("error: ") and message in error and len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--models", "beta-vae"], "Did you mean 'beta_vae'?"),
        (["run", "--dataset", "digit"], "Did you mean 'digits'?"),
        (["report", "nowhere"], "no records at"),
    ],
)
def test_command_line_errors_are_one_line(arguments, message, bench):
    code, _, error = bench(*arguments)
    assert code == 2
    assert is_one_line(error, message), error


def test_a_process_says_its_error_and_nothing_else(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "bench", "run", "--models", "beta-vae"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 2
    assert is_one_line(done.stderr, "Did you mean 'beta_vae'?"), done.stderr
