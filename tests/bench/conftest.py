"""Shared by the tests of runs: tiny requests and silence."""

import os

import pytest
from rich.console import Console

from bench.execution import session

# What tells one run of a case from another: time, place and speed.
OF_THE_MOMENT = {
    *("run_id", "time_utc", "load_average", "num_workers", "num_cpus", "threads", "noisy"),
    *("peak_memory_mib", "peak_rss_mib", "memory_method", "git_dirty", "git_commit"),
    *("disturbance_share", "load_average_after", "quality_curve"),
}


@pytest.fixture(scope="session")
def tiny_request():
    """Returns a function to requests that take seconds: 60 digits, 1 epoch, no timing."""

    def make(output, **changes):
        settings = {
            "dataset": "digits",
            "models": ("autoencoder:tiny",),
            "epochs": 1,
            "seeds": 2,
            "limit": 60,
        }
        return session.Request(**settings | {"timing_rounds": 0} | changes, output=output)

    return make


@pytest.fixture(scope="session")
def quiet():
    with open(os.devnull, "w") as nowhere:
        yield Console(file=nowhere)


@pytest.fixture(scope="session")
def lasting():
    """Returns a function from a record to what another run of its case must give again."""

    def fields(record):
        return {
            name: value
            for name, value in record.fields().items()
            if name not in OF_THE_MOMENT and not name.endswith("_seconds")
        }

    return fields
