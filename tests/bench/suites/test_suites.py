"""The pytest-benchmark suites: they run, and their file holds what a reader needs."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from setuptools import find_packages

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What an entry for a model and one for a metric write, and what is printed."""
    file = tmp_path_factory.mktemp("suites") / "found.json"
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "bench/suites", "--benchmark-only", "-q"),
            *("-k", "test_latency or aupro", "--suite-model", "autoencoder:tiny"),
            *("--benchmark-json", str(file), "-p", "no:cacheprovider"),
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=own,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(file.read_text()), done.stdout


def entry(found, name):
    (benchmark,) = [part for part in found[0]["benchmarks"] if part["name"].startswith(name)]
    return benchmark


@pytest.mark.slow
def test_a_model_comes_with_its_quality_and_memory(found):
    latency = entry(found, "test_latency")
    assert latency["params"] == {"model": "autoencoder:tiny"}
    assert latency["stats"]["rounds"] >= 20
    assert 0 < latency["stats"]["min"] <= latency["stats"]["median"]
    facts = latency["extra_info"]
    assert facts["params_total"] == 5_897
    assert 0 < facts["val_loss"] < 0.25  # a constant 0.5 has at most that squared error
    assert facts["peak_memory_mib"] > 0
    assert facts["images_per_call"] == 1
    assert facts["num_retraces"] == 0
    assert facts["first_call_seconds"] > latency["stats"]["median"]


@pytest.mark.slow
def test_a_metric_comes_with_its_value(found):
    aupro = entry(found, "test_pixels")
    assert aupro["stats"]["rounds"] >= 20
    assert 0.1 < aupro["extra_info"]["value"] < 1
    assert aupro["extra_info"]["num_images"] == 20


@pytest.mark.slow
def test_the_machine_is_described(found):
    machine = found[0]["machine_info"]
    assert machine["numpy_version"] == np.__version__
    for field in ("keras_version", "tensorflow_version", "device", "num_cpus", "threads"):
        assert machine[field], field
    assert machine["garbage_collection"] == "off"


@pytest.mark.slow
def test_results_are_grouped_by_model(found):
    assert "benchmark 'model=autoencoder:tiny'" in found[1]
    assert "benchmark 'test_pixels'" in found[1]


def test_the_tests_do_not_collect_the_suites_and_an_installation_has_them():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert settings["tool"]["pytest"]["ini_options"]["testpaths"] == ["tests"]
    assert "bench.suites" in find_packages(str(ROOT), include=["bench", "bench.*"])
