"""The machine's rate: bounds that hold anywhere, and how it is kept."""

import dataclasses
import json
import time

import numpy as np
import pytest

from bench.profiling import peak_rate


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Each test is a new process, and none takes long."""
    monkeypatch.setattr(peak_rate, "_known", {})
    monkeypatch.setattr(peak_rate, "_SIZES", (128, 256))
    monkeypatch.setattr(peak_rate, "_SECONDS_PER_SIZE", 0.01)


def rate(gflops=100.0, noisy=False):
    return peak_rate.Rate(gflops, "float32", 256, noisy)


@pytest.fixture
def measured(monkeypatch):
    """Gives a list of rates to be found, in this order."""
    waiting = []
    monkeypatch.setattr(peak_rate, "measure", lambda dtype: waiting.pop(0))
    return waiting


def test_the_rate_is_that_of_a_product_of_matrices():
    """Near what numpy reaches: both call a library for it."""
    matrix = np.random.default_rng(0).random((256, 256)).astype("float32")
    seconds = []
    for _ in range(20):
        started = time.perf_counter()
        matrix @ matrix
        seconds.append(time.perf_counter() - started)
    by_numpy = 2 * 256**3 / min(seconds) / 1e9
    found = peak_rate.measure("float32")
    assert found.size in (128, 256)
    assert 0.05 * by_numpy < found.gflops < 100 * by_numpy


def test_sizes_end_before_they_take_long(monkeypatch):
    monkeypatch.setattr(peak_rate, "_SIZES", (64, 128, 8192))
    monkeypatch.setattr(peak_rate, "_LONGEST_CALL_SECONDS", 1e-9)
    assert peak_rate.measure("float32").size == 64


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_type_is_told(dtype):
    found = peak_rate.measure(dtype)
    assert found.dtype in (dtype, "tensorfloat32")
    assert found.gflops > 0


def test_once_per_process(measured):
    measured += [rate(100.0)]
    assert peak_rate.matmul_rate("float32") == peak_rate.matmul_rate("float32") == rate(100.0)


def test_once_per_run(measured, monkeypatch, tmp_path):
    measured += [rate(100.0), rate(50.0)]
    folder = tmp_path / "run"
    assert peak_rate.matmul_rate("float32", folder).gflops == 100.0
    monkeypatch.setattr(peak_rate, "_known", {})
    assert peak_rate.matmul_rate("float32", folder).gflops == 100.0
    assert peak_rate.matmul_rate("bfloat16", folder).gflops == 50.0  # a type of its own
    assert len(json.loads((folder / "machine.json").read_text())) == 2


def test_another_machine_measures_again(measured, monkeypatch, tmp_path):
    measured += [rate(100.0), rate(50.0)]
    peak_rate.matmul_rate("float32", tmp_path)
    monkeypatch.setattr(peak_rate, "_known", {})
    described = peak_rate.surroundings.describe() | {"cpu_model": "another"}
    monkeypatch.setattr(peak_rate.surroundings, "describe", lambda: described)
    assert peak_rate.matmul_rate("float32", tmp_path).gflops == 50.0


@pytest.mark.parametrize(("second", "expected"), [(120.0, 120.0), (80.0, 100.0)])
def test_a_busy_machine_is_measured_again(measured, monkeypatch, tmp_path, second, expected):
    measured += [rate(100.0, noisy=True), rate(second), rate(1.0)]
    peak_rate.matmul_rate("float32", tmp_path)
    for _ in range(2):  # the second time it is kept
        monkeypatch.setattr(peak_rate, "_known", {})
        assert peak_rate.matmul_rate("float32", tmp_path) == rate(expected)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"x": 3}', '{"x": {"gflops": 1}}'])
def test_a_damaged_file_is_replaced(measured, tmp_path, content):
    measured += [rate(100.0)]
    (tmp_path / "machine.json").write_text(content)
    assert peak_rate.matmul_rate("float32", tmp_path) == rate(100.0)
    (kept,) = json.loads((tmp_path / "machine.json").read_text()).values()
    assert kept == dataclasses.asdict(rate(100.0))
