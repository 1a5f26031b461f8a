"""Peak memory of work whose size is known."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.profiling import memory


def touch(mebibytes):
    return np.ones(mebibytes * 2**17)  # 8 bytes each, all written


def test_a_block_shows():
    with memory.PeakMemory() as peak:
        del (block := [touch(200)])[:]
    assert block == []
    assert 190 < peak.mib < 300


def test_an_earlier_peak_does_not_hide_a_later_one():
    with memory.PeakMemory() as first:
        touch(300)
    with memory.PeakMemory() as second:
        touch(100)
    if second.method == "max_rss":
        pytest.skip("this system cannot reset the high-water mark")
    assert 290 < first.mib < 400
    assert 90 < second.mib < 200


def test_the_whole_process_is_told_too():
    """What was there before the block is part of it."""
    baseline = memory.resident_mib()
    held = touch(150)
    with memory.PeakMemory() as peak:
        touch(100)
    assert held.size
    assert 240 < peak.rss_mib - baseline < 400
    if peak.method == "high_water_mark":
        assert 90 < peak.mib < 200


FORKED = """
import os
import numpy as np
from bench.profiling import memory

held = np.ones(400 * 2**17)  # 400 MiB, in the parent and hence in the child
del held
child = os.fork()
if child == 0:
    with memory.PeakMemory() as peak:
        np.ones(200 * 2**17)
    print(peak.method, peak.mib, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_measures_itself():
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", FORKED], cwd=root, capture_output=True, text=True, check=True
    )
    method, mib = done.stdout.split()
    if method == "max_rss":
        pytest.skip("this system cannot reset the high-water mark")
    assert 190 < float(mib) < 300


@pytest.mark.parametrize("fault", ["no file", "write without effect"])
def test_without_a_reset_the_fallback_is_labelled(monkeypatch, tmp_path, fault):
    touch(300)  # a peak that only a reset could hide
    missing = tmp_path / "none" / "clear_refs"
    monkeypatch.setattr(memory, "_CLEAR", missing if fault == "no file" else tmp_path / "inert")
    with memory.PeakMemory() as peak:
        touch(1)
    assert peak.method == "max_rss"
    assert peak.mib >= 0
