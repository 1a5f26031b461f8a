"""Shared by the tests of runs: tiny requests, silence, and a look at other processes."""

import os
from pathlib import Path

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
        settings = {"models": ("autoencoder:tiny",), "epochs": 1, "seeds": 2, "limit": 60}
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
            for name, value in record.items()
            if name not in OF_THE_MOMENT and not name.endswith("_seconds")
        }

    return fields


@pytest.fixture(scope="session")
def descendants():
    """Returns a function from a process to the ids and names of all that it started, still alive.

    Only Linux tells; elsewhere the test is skipped.
    """
    if not Path("/proc/self/stat").exists():
        pytest.skip("needs /proc")

    def find(pid):
        children = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                name, rest = stat.read_text().split(" (", 1)[1].rsplit(") ", 1)
            except OSError:  # ended meanwhile
                continue
            state, parent = rest.split()[:2]
            if state != "Z":
                children.setdefault(int(parent), []).append((int(stat.parent.name), name))
        found, waiting = {}, [pid]
        while waiting:
            for child, name in children.get(waiting.pop(), []):
                found[child] = name
                waiting.append(child)
        return found

    return find
