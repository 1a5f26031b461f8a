"""Records: every value has one place and one name; those of the version before are migrated."""

import dataclasses
import json
import typing
from pathlib import Path

import pytest

from bench import __main__ as bench_main
from bench.leaderboard import rows as leaderboard_rows
from bench.records import metrics, migrate, schema, store
from bench.records.metrics import METRICS
from bench.records.sections import SECTIONS, leaves

OLD = Path(__file__).with_name("version_1.jsonl")
RESULTS = Path(__file__).parents[3] / "bench/results"
# How a value of version 1 is called now.
NEW_NAMES = {
    "case_id": "job_id",
    "code_size": "latent_size",
    "config": "model_config",
    "health": "diagnostics",
}
EXAMPLES = {str: "a", int: 3, float: 0.5, bool: True, list: [1], dict: {"a": 1}}


def old_records():
    return [json.loads(line) for line in OLD.read_text().splitlines()]


def example_of(field):
    kind, holds = field.metadata["kind"], field.metadata["holds"]
    if holds is None:
        return EXAMPLES[kind]
    member = EXAMPLES[typing.get_origin(holds) or holds]
    return [member] if kind is list else {"a": member}


def full_fields():
    """A value of its kind for every name that a section has."""
    found = {"job_id": "a", "status": "ok", "kind": "model", "test_mse": 0.5}
    for owner in SECTIONS.values():
        for field in leaves(owner):
            name = field.metadata["name"] or field.name
            found[name] = example_of(field)
    return found


def test_every_value_has_one_name_and_survives_the_file(tmp_path):
    fields = full_fields()
    assert len(fields) - 4 == sum(len(leaves(owner)) for owner in SECTIONS.values())
    record = schema.from_fields(fields)
    assert not record.further
    store.append(tmp_path / "records.jsonl", record)
    (found,), warnings = store.read(tmp_path)
    assert (found, warnings) == (record, [])
    assert {name: found[name] for name in fields} == fields
    known = {name: found[name] for name in schema.NAMES if found[name] is not None}
    assert known.items() <= found.fields().items()
    assert schema.from_fields(found.fields()) == found


def test_a_record_with_values_set_is_another_one():
    record = schema.from_fields(full_fields())
    other = record | {"target": 0.1, "num_workers": 2, "test_mse": 0.25}
    assert (other.training.target, other.machine.num_workers) == (0.1, 2)
    assert other.quality.metrics == {"mse": 0.25}
    assert record.training.target == EXAMPLES[float]
    with pytest.raises(KeyError, match="nonsense"):
        record["nonsense"]


def test_a_baseline_has_no_options_of_training():
    fields = {"job_id": "a", "status": "ok", "kind": "baseline", "model": "pca", "noise": "x:1"}
    record = schema.from_fields(fields)
    assert (record.config.noise, record.config.epochs, record.config.jit) == ("x:1", None, None)
    assert schema.from_json(record.to_json()) == (record, [])


# --- metrics ------------------------------------------------------------------------------------


def test_a_metric_of_another_version_is_not_compared(tmp_path, monkeypatch):
    path = tmp_path / "records.jsonl"
    store.append(path, schema.from_fields(full_fields() | {"test_ssim": 0.5}))
    changed = dataclasses.replace(METRICS["mse"], version=2)
    monkeypatch.setitem(METRICS, "mse", changed)
    (record,), (warning,) = store.read(path)
    assert record.quality.metrics == {"ssim": 0.5}
    assert "mse is of version 1, and 2 is that of today" in warning
    store.append(path, schema.from_fields(full_fields()))
    assert store.read(path)[0][1].quality.versions == {"mse": 2}


def test_directions_are_those_of_the_metrics():
    lower = {name for name in metrics.ranking() if not metrics.higher_is_better(name)}
    assert lower == {
        *("mse", "mae", "bce", "recall_spread", "eer", "false_positive_rate"),
        *("nll", "bits_per_dimension", "frechet_distance"),
    }
    assert set(leaderboard_rows.DETAILS) < set(leaderboard_rows.METRICS) < set(METRICS)


# --- the version before -------------------------------------------------------------------------


@pytest.mark.parametrize("old", old_records(), ids=lambda old: f"{old['model']}-{old['task']}")
def test_each_value_of_an_old_record_survives(old):
    line = json.loads(json.dumps(migrate.migrated(old)))
    record, problems = schema.from_json(line)
    assert problems == []
    assert record.further == {}
    found = record.fields()
    for name, value in old.items():
        if name != "schema_version" and value is not None:
            now = found[NEW_NAMES.get(name, name)]
            assert (list(now) if isinstance(now, tuple) else now) == value, name
    assert set(record.quality.versions.values()) <= {1}


def test_old_files_are_read_as_they_are_and_migrated_for_good(tmp_path, capsys):
    path = tmp_path / "run" / "records.jsonl"
    path.parent.mkdir()
    path.write_text(OLD.read_text() + "cut of")
    before, warnings = store.read(path)
    assert len(before) == len(old_records())
    assert warnings == [f"records.jsonl line {len(before) + 1}: cut off or not JSON; left out."]
    assert bench_main.main(["migrate", str(tmp_path)]) == 0
    assert f"{len(before)} records migrated" in capsys.readouterr().out
    assert store.read(path) == (before, warnings)
    assert path.read_text().endswith("\ncut of")
    whole = path.read_bytes()
    assert bench_main.main(["migrate", str(path)]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert path.read_bytes() == whole
    assert bench_main.main(["migrate", str(tmp_path / "nowhere")]) == 2


def test_committed_records_are_of_this_version():
    lines = [
        json.loads(line)
        for path in RESULTS.rglob("*.jsonl")
        for line in path.read_text().splitlines()
    ]
    assert sum(line.get("schema_version") == 2 and "job_id" in line for line in lines) >= 359
    assert not [line for line in lines if "case_id" in line]
