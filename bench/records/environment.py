"""Where a measurement was made: the machine, the software and the state of the checkout."""

import contextlib
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

FIELDS = (
    *("python_version", "keras_version", "tensorflow_version", "numpy_version", "backend"),
    *("device", "cpu_model", "num_cpus", "ram_gib", "os", "git_commit", "git_dirty"),
    *("load_average", "threads"),
)
# What only Keras and TensorFlow know: `bench.profiling.surroundings` asks them.
OF_TENSORFLOW = ("backend", "device", "threads")


def describe() -> dict[str, Any]:
    """Describes the machine and the software: the `FIELDS` of a record but `OF_TENSORFLOW`.

    Versions are read from the installed packages. What cannot be found out is None.
    """
    commit, dirty = _git()
    return {
        "python_version": platform.python_version(),
        "keras_version": _version("keras"),
        "tensorflow_version": _version("tensorflow", "tensorflow-cpu", "tf-nightly"),
        "numpy_version": np.__version__,
        "cpu_model": _cpu_model(),
        "num_cpus": num_cpus(),
        "ram_gib": _ram_gib(),
        "os": platform.platform(),
        "git_commit": commit,
        "git_dirty": dirty,
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def _version(*distributions: str) -> str | None:
    for distribution in distributions:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(distribution)
    return None


def num_cpus() -> int | None:
    """Returns the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _cpu_model() -> str | None:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine() or None


def _ram_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _git() -> tuple[str | None, bool | None]:
    """Commit and dirtiness of this package's checkout; (None, None) for an installed package."""
    if _run_git("ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None, None
    changed = _run_git("status", "--porcelain", "--untracked-files=no")
    return _run_git("rev-parse", "HEAD"), None if changed is None else bool(changed)


def _run_git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
