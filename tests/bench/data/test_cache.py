"""Data sets that a run keeps for its jobs."""

import dataclasses

import numpy as np
import pytest

from bench.data import anomaly, cache, catalog
from bench.data.dataset import PARTS
from bench.evaluation import job_runner
from bench.records.config import RunConfig
from bench.runs import job

PLAN = RunConfig("digits")


@pytest.fixture(scope="module")
def digits():
    return catalog.load("digits", noise="gaussian:0.1")


def case_of(dataset, config=PLAN):
    return job.Job(config, dataset.checksum, "model", "vae", "small", 0)


def test_what_is_taken_is_what_was_put(digits, tmp_path):
    with cache.opened(tmp_path) as store:
        assert store.get(digits.checksum) is None
        store.put(digits)
        found = store.get(digits.checksum)
        for field in dataclasses.fields(digits):
            if field.name not in PARTS:
                assert getattr(found, field.name) == getattr(digits, field.name)
        for part in PARTS:
            for field in dataclasses.fields(getattr(digits, part)):
                values, expected = (getattr(getattr(d, part), field.name) for d in (found, digits))
                if expected is None:
                    assert values is None
                else:
                    np.testing.assert_array_equal(values, expected, strict=True)
    assert not list(tmp_path.iterdir())


def test_a_case_takes_what_the_run_keeps(digits, tmp_path, monkeypatch):
    case = case_of(digits, dataclasses.replace(PLAN, noise="gaussian:0.1"))
    with cache.opened(tmp_path) as store:
        store.put(digits)
        with monkeypatch.context() as patch:
            patch.setattr(catalog, "load", lambda *_, **__: pytest.fail("read again"))
            assert job_runner.load(case, tmp_path).checksum == digits.checksum
    assert job_runner.load(case, tmp_path).checksum == digits.checksum  # from its source


@pytest.mark.parametrize("damage", [b"", b"PK no zip", None])
def test_a_damaged_file_is_passed_over(digits, tmp_path, damage):
    with cache.opened(tmp_path) as store:
        store.put(digits)
        (path,) = store.folder.iterdir()
        if damage is None:  # a file of another data set
            other = dataclasses.replace(digits, train=digits.test)
            store.put(other)
            path.write_bytes((store.folder / f"{other.checksum}.npz").read_bytes())
        else:
            path.write_bytes(damage)
        assert store.get(digits.checksum) is None


def test_a_full_disk_is_no_error(digits, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with cache.opened(tmp_path) as store:
        store.put(digits)
        assert store.get(digits.checksum) is None
    assert not list(tmp_path.iterdir())


def test_what_a_killed_run_left_is_cleared(digits, tmp_path):
    cache.opened(tmp_path).__enter__().put(digits)
    assert list((tmp_path / ".data").iterdir())
    with cache.opened(tmp_path) as store:
        assert store.get(digits.checksum) is None


def test_data_with_facts_of_their_own_are_read_again(tmp_path):
    found = anomaly.one_class(catalog.load("digits"), 3)
    with cache.opened(tmp_path) as store:
        store.put(found)
        assert store.get(found.checksum) is None
