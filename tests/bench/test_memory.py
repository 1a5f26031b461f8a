"""Peak memory of work whose size is known."""

import numpy as np
import pytest

from bench import memory


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
