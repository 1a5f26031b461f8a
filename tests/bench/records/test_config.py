"""A run's options are declared in one place: whatever names them reads it."""

import argparse
import dataclasses
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.leaderboard import rows as leaderboard_rows
from bench.records import config, options, rerun, schema, store
from bench.records.config import RunConfig
from bench.runs import command_line, experiment_file
from bench.runs.job import Job
from bench.runs.request import Request, request_class

RESULTS = Path(__file__).parents[3] / "bench/results"


@dataclasses.dataclass(frozen=True)
class Longer(RunConfig):
    """With one option more, and nothing else anywhere."""

    warm_up: float = options.option(
        0.0,
        "epochs of a rising learning rate",
        "training",
        options.NUMBER,
        several=True,
        least=0,
        since=2,
        training_only=True,
    )


KNOWN = config.all_options(Longer)


class Digits:
    """What a request asks of the data."""

    task, num_train, num_classes = "reconstruction", 1_297, 10


def job_of(config, **changes):
    return Job(config, "ab" * 32, **{"kind": "model", "model": "vae", "preset": "small"} | changes)


def test_a_new_option_is_on_the_command_line_with_its_help_and_default():
    parser = argparse.ArgumentParser()
    command_line.add_options(parser, KNOWN)
    given = command_line.given(parser.parse_args(["--warm-up", "0.5", "2"]), KNOWN)
    assert given == {"warm_up": (0.5, 2.0)}
    help_text = " ".join(parser.format_help().split())
    assert "epochs of a rising learning rate (default: 0.0)" in help_text


def test_a_new_option_is_in_experiment_files():
    reader = experiment_file.Reader("x.yaml", KNOWN)
    _, _, (grid,) = reader.read("dataset: digits\nwarm_up: [0.5, 2]\n")
    assert grid["warm_up"] == [((0.5, 2.0), {"warm_up": "x.yaml:2"})]


def test_a_new_option_is_in_requests_configurations_and_identities():
    request = request_class(Longer)(warm_up=(0.0, 2.0), batch_size=(64,))
    plain, warm = request.make_configs(Digits)
    assert (plain.warm_up, warm.warm_up) == (0.0, 2.0)
    assert request.command.endswith("--warm-up 0.0 2.0")
    # At its default a job keeps the name that it had before the option was there.
    before = RunConfig(**{f.name: getattr(plain, f.name) for f in dataclasses.fields(RunConfig)})
    assert job_of(plain, seed=0).id == job_of(before, seed=0).id != job_of(warm, seed=0).id
    baseline = {"kind": "baseline", "model": "pca", "seed": 0}
    assert job_of(warm, **baseline).id == job_of(before, **baseline).id


def test_a_new_option_is_in_the_record_its_group_and_the_printed_command(tmp_path):
    for warm_up in (0.0, 2.0):
        for seed in (0, 1):
            fields = job_of(Longer(warm_up=warm_up), seed=seed).first_fields("now")
            record = schema.from_fields(fields | {"status": "ok"}, Longer)
            store.append(tmp_path / store.FILE_NAME, record)
    found, warnings = store.read(tmp_path, Longer)
    assert not warnings
    plain, warm = leaderboard_rows.rows(found)
    assert [row.num_seeds for row in (plain, warm)] == [2, 2]
    assert (plain.detail, warm.detail) == ("warm_up=0.0", "warm_up=2.0")
    first, second = rerun.command(Path("out"), found).splitlines()
    assert "--warm-up" not in first
    assert "--warm-up 2.0" in second


def test_what_the_command_line_says_is_what_a_request_prints_and_takes():
    """Each option once, through words, parser and request, and back to the same words."""
    parser = argparse.ArgumentParser()
    command_line.add_options(parser)
    asked = {
        "dataset": "mnist",
        "resize": (8, 16),
        "precision": ("float32", "mixed_bfloat16"),
        "jit": ("off", "on"),
        "learning_rate": 0.001,
        "measure": ("generative",),
        "normal_classes": ("3", "4"),
        "models": ("vae:small:beta=4", "a*"),
        "fresh": True,
        "evaluate_every": 0.5,
        "target": 0.02,
        "seeds": 5,
        "range": (-1.0, 0.3),
        "foreground": "above:127",
        "ignore_label": 255,
        "data": "series",
        "mask_classes": 4,
        "layout": "splits",
        "label_column": "kind of flower",
        "separator": ";",
        "window": 140,
        "stride": 10,
        "skip_unreadable": True,
    }
    words = [word for o in config.all_options() for word in o.words(asked.get(o.asked))]
    given = command_line.given(parser.parse_args(words))
    assert given == asked
    request = Request(**given)
    request.check()
    assert "--jit off on" in request.command
    assert "--resize 8x16" in request.command
    assert "--range=-1..0.3" in request.command
    assert request.loading == {
        "limit": None,
        "noise": None,
        "resize": (8, 16),
        "value_range": (-1.0, 0.3),
        "foreground": "above:127",
        "ignore_label": 255,
        "data_kind": "series",
        "mask_classes": 4,
        "layout": "splits",
        "label_column": "kind of flower",
        "separator": ";",
        "window": 140,
        "stride": 10,
        "skip_unreadable": True,
        "crop": None,
        "group_pattern": None,
    }


def test_every_option_has_what_its_readers_need():
    names = [option.asked for option in config.all_options()]
    assert len(set(names)) == len(names)
    for option in config.all_options():
        assert option.help, option
        assert option.group in options.GROUPS, option


def test_how_files_are_read_stands_in_experiment_files_too():
    reader = experiment_file.Reader("x.yaml")
    text = "dataset: x\nrange: 0..4095\nforeground: nonzero\ndata: images\nskip_unreadable: {}\n"
    _, _, (grid,) = reader.read(text.format("true"))
    found = {name: [value for value, _ in values] for name, values in grid.items()}
    assert found["range"] == [(0.0, 4095.0)]
    assert (found["foreground"], found["data"]) == (["nonzero"], ["images"])
    assert found["skip_unreadable"] == [True]
    with pytest.raises(BenchError, match=r"x\.yaml:5.* must be true or false\. Received: 'maybe'"):
        reader.read(text.format("maybe"))


RECORD_FILES = sorted(p for p in RESULTS.rglob("*.jsonl") if '"job_id"' in p.read_text())


@pytest.mark.parametrize("path", RECORD_FILES, ids=lambda path: path.stem)
def test_committed_records_have_the_names_that_their_settings_give(path):
    """The options of a job are hashed as they were when its record was written."""
    found, _ = store.read(path)
    assert not [record.job_id for record in found if job_from(record).id != record.job_id]


def job_from(record):
    return Job(
        record.config,
        record.data.checksum,
        record.kind,
        record.model.name,
        record.model.preset,
        record.seed,
        record.model.latent_size if record.kind == "baseline" else None,
        arguments=tuple(sorted((record.model.arguments or {}).items())),
    )
