import copy
import dataclasses
import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.errors import BenchError
from bench.leaderboard import rows
from bench.records import environment, migrate, schema, store
from bench.records.sections import Machine

ROOT = Path(store.__file__).parents[2]  # where a fresh process finds the package


def make_record(job_id="a" * 16, **changes):
    fields = {"job_id": job_id, "status": "ok", "kind": "model", "model": "vae"}
    return schema.from_fields(fields | changes)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "records.jsonl"


def test_a_record_comes_back_with_every_value_in_its_section(path):
    store.append(path, make_record(seed=3, test_mse=0.5, extra="kept"))
    (record,), warnings = store.read(path)
    assert warnings == []
    assert record == make_record(seed=3, test_mse=0.5, extra="kept")
    assert (record.seed, record.quality.metrics, record.further) == (
        3,
        {"mse": 0.5},
        {"extra": "kept"},
    )
    line = json.loads(path.read_text())
    assert line["schema_version"] == schema.SCHEMA_VERSION == 2
    assert line["quality"] == {"metrics": {"mse": 0.5}, "versions": {"mse": 1}}
    assert line["model"] == {"name": "vae"}


def test_a_folder_stands_for_its_record_file(path):
    store.append(path, make_record())
    assert store.read(path.parent) == store.read(path)


def test_numpy_becomes_plain_and_what_is_not_finite_becomes_null(path):
    history = {"loss": np.array([1.5, np.nan]), "val_loss": [np.float32(0.25), float("inf")]}
    store.append(path, make_record(seed=np.int64(7), test_mse=np.nan, history=history))
    line = json.loads(path.read_text())
    assert line["seed"] == 7
    assert line["quality"]["metrics"] == {}
    assert line["training"]["history"] == {"loss": [1.5, None], "val_loss": [0.25, None]}


def test_a_value_that_is_not_data_is_refused_and_nothing_is_written(path):
    with pytest.raises(TypeError, match="plain data"):
        store.append(path, make_record(model_config={"layer": object()}))
    assert not path.exists()


def test_wherever_a_writer_is_killed_the_other_records_are_kept(path):
    store.append(path, make_record("first"))
    whole = path.read_bytes()
    store.append(path, make_record("killed"))
    both = path.read_bytes()
    for length in range(len(whole), len(both), 37):
        path.write_bytes(both[:length])
        store.append(path, make_record("after"))
        found, warnings = store.read(path)
        assert [record.job_id for record in found] == ["first", "after"]
        cut = length > len(whole)
        assert warnings == ["records.jsonl line 2: cut off or not JSON; left out."] * cut


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"schema_version": 2, "job', "cut off or not JSON"),
        (b"\xff\xfe", "cut off or not JSON"),
        (b"[" * 100_000, "cut off or not JSON"),
        (b"[1, 2]", "not a JSON object"),
        (b'{"schema_version": 99}', "schema_version 99 is not 2"),
        (b'{"schema_version": 2, "job_id": "x", "status": "ok"}', "without kind, model"),
        (b'{"schema_version": 1, "case_id": "x", "status": "ok"}', "without kind, model"),
    ],
)
def test_a_bad_line_is_named_and_the_good_ones_are_kept(path, line, problem):
    store.append(path, make_record("before"))
    with open(path, "ab") as file:
        file.write(line + b"\n")
    store.append(path, make_record("after"))
    found, warnings = store.read(path)
    assert [record.job_id for record in found] == ["before", "after"]
    assert len(warnings) == 1
    assert warnings[0].startswith(f"records.jsonl line 2: {problem}")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("quality.metrics.mse", "0.1"),
        ("quality.metrics", "x"),
        ("quality.scores", {"error": "x"}),
        ("quality.scores", {"error": {"auroc": "x"}}),
        ("quality.auroc_by_group", {"scratch": [1]}),
        ("quality.iou_per_class", ["x"]),
        ("config.measures", [["generative"]]),
        ("seed", True),
        ("training.history", [1]),
        ("speed.noisy", 1),
        ("config.epochs", "many"),
        ("data", 3),
    ],
)
def test_a_value_of_the_wrong_kind_is_unknown_and_named(path, place, value):
    line = make_record(epochs=2, test_mse=0.5, noisy=True).to_json()
    *sections, name = place.split(".")
    owner = line
    for section in sections:
        owner = owner.setdefault(section, {})
    owner[name] = value
    store.append_line(path, line)
    (record,), warnings = store.read(path)
    assert warnings == [warning for warning in warnings if f"1: {place} is not" in warning]
    assert len(warnings) == 1
    found = record.to_json()
    for part in place.split("."):
        found = found.get(part, {})
    assert not found


def places_of(value, place=()):
    """The place of each value in a line, and of each thing that holds some."""
    for name in value:
        yield (*place, name)
        if isinstance(value[name], dict):
            yield from places_of(value[name], (*place, name))


@pytest.mark.parametrize("wrong", ["x", 3.5, True, [[{}]], {"a": ["x"]}], ids=repr)
@pytest.mark.parametrize("version", [1, 2])
def test_any_value_of_any_wrong_kind_leaves_the_other_records_whole(path, version, wrong):
    """Of a line of either version each value in turn is something else: no error comes of it."""
    lines = (ROOT / "tests/bench/records/version_1.jsonl").read_text().splitlines()
    line = json.loads(lines[0])
    if version == 2:
        line = migrate.migrated(line)
    for place in places_of(line):
        changed = copy.deepcopy(line)
        owner = changed
        for name in place[:-1]:
            owner = owner[name]
        owner[place[-1]] = wrong
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(changed) + "\n" + json.dumps(line) + "\n")
        records, warnings = store.read(path)
        assert records[-1].quality.metrics, place
        assert all(warning.startswith("records.jsonl line 1: ") for warning in warnings), place
        rows.rows(records)  # and what was taken can be grouped


def test_numbers_that_json_or_python_overstep_are_unknown(path):
    store.append(path, make_record(latency_ms=1.5, peak_memory_mib=2.5))
    path.write_text(path.read_text().replace("1.5", "1e999").replace("2.5", "NaN"))
    (record,), _ = store.read(path)
    assert record.speed.latency_ms is None
    assert record.memory.peak_mib is None


def test_a_missing_file_names_the_command_that_makes_one(tmp_path):
    with pytest.raises(BenchError, match=r"python -m bench run --output .*nowhere"):
        store.read(tmp_path / "nowhere" / "records.jsonl")


def test_a_file_that_cannot_be_read_or_written_is_one_clear_line(tmp_path):
    (tmp_path / "records.jsonl").mkdir()
    with pytest.raises(BenchError, match="cannot read records"):
        store.read(tmp_path)
    with pytest.raises(BenchError, match="cannot write records"):
        store.append(tmp_path / "records.jsonl", make_record())


@pytest.mark.parametrize(
    ("statuses", "kept"),
    [(("ok", "ok"), 1), (("failed", "ok"), 1), (("failed", "failed"), 1), (("ok", "failed"), 0)],
)
def test_the_last_record_of_a_case_counts_but_no_failure_displaces_an_ok(statuses, kept):
    same = [make_record(status=status, run_id=str(k)) for k, status in enumerate(statuses)]
    other = make_record("b" * 16)
    found = store.latest([same[0], other, same[1]])
    assert found == [same[kept], other]


def test_job_id_is_the_hash_of_canonical_json():
    expected = hashlib.sha256(b'{"a":[1,2],"b":{"c":null}}').hexdigest()[:16]
    assert store.job_id({"b": {"c": np.nan}, "a": (np.int32(1), 2)}) == expected
    assert store.job_id({"a": [1, 2], "b": {"c": None}}) == expected
    assert store.job_id({"a": [2, 1], "b": {"c": None}}) != expected


def test_a_second_run_into_the_folder_is_refused_while_the_first_lasts(tmp_path):
    script = (
        "import sys; from bench.records import store\n"
        "with store.folder_lock(sys.argv[1]): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    with subprocess.Popen(command, **pipes) as other:
        assert other.stdout.readline() == "held\n"
        message = rf"another run is writing to .* \(pid {other.pid}\)"
        with pytest.raises(BenchError, match=message), store.folder_lock(tmp_path):
            pass
        other.kill()
        other.wait()
    with store.folder_lock(tmp_path):
        assert (tmp_path / ".owner").read_text().strip() == str(os.getpid())
    with store.folder_lock(tmp_path):
        pass


def test_a_new_folder_is_made_and_left_empty(tmp_path):
    store.check_writable(tmp_path / "new" / "run")
    assert list((tmp_path / "new" / "run").iterdir()) == []


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(BenchError, match=r"a file is in the place .* another --output"):
            store.check_writable(place)


def test_a_read_only_folder_is_found_before_the_work(tmp_path):
    folder = tmp_path
    if os.geteuid() == 0:  # no permission stops the superuser, but /proc takes nobody's files
        folder = "/proc"
    else:
        tmp_path.chmod(0o555)
    with pytest.raises(BenchError, match="cannot write to"):
        store.check_writable(folder)


def test_a_whole_file_or_the_earlier_one(tmp_path, monkeypatch):
    store.write_whole(tmp_path / "page", b"earlier")

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(BenchError, match="No space left on device"):
        store.write_whole(tmp_path / "page", b"later")
    assert [file.name for file in tmp_path.iterdir()] == ["page"]
    assert (tmp_path / "page").read_bytes() == b"earlier"


def test_environment_has_its_fields():
    found = environment.describe()
    assert set(found) == set(environment.FIELDS) - set(environment.OF_TENSORFLOW)
    assert set(environment.FIELDS) <= {field.name for field in dataclasses.fields(Machine)}
    assert found["keras_version"] == importlib.metadata.version("keras")
    assert found["numpy_version"] == np.__version__
    assert found["num_cpus"] >= 1
    assert found["ram_gib"] > 0


def test_importing_records_imports_neither_keras_nor_tensorflow():
    script = "import sys, bench.records.store; print({'keras', 'tensorflow'} & set(sys.modules))"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "set()"
