"""The winner on fresh seeds beside the defaults: read from the harness's own records."""

import json
import shlex
import shutil

import numpy as np
import pytest
from scipy import stats
from tiny_search import quiet

import zoo
from bench.errors import BenchError
from bench.records import store
from tuner import __main__ as command_line
from tuner.report import write
from tuner.search import confirm
from tuner.trials.store import Project


@pytest.fixture(scope="module")
def project(finished):
    return finished.project


@pytest.fixture(scope="module")
def confirmed(project):
    return confirm.confirm(project, 2, quiet(width=300), number=1)


@pytest.fixture(scope="module")
def records(confirmed, project):
    """By role, what the harness measured."""
    roles = json.loads((project.folder / confirm.FOLDER / "confirmation.json").read_text())
    every, _ = store.read(project.folder / confirm.FOLDER)
    by_id = {record["job_id"]: record for record in every if record["kind"] == "model"}
    assert len(by_id) == 4
    return {role: [by_id[i] for i in roles[role]] for role in ("winner", "default")}


def test_nothing_is_confirmed_before(tmp_path, project):
    assert confirm.read(Project(tmp_path, project.identity)) is None


def test_seeds_are_fresh_and_the_same_for_both(confirmed, records, project):
    assert confirmed.seeds == [1000, 1001]
    for role in records.values():
        assert [record["seed"] for record in role] == confirmed.seeds
    assert not set(confirmed.seeds) & set(project.best["seeds"])


def test_values_are_those_of_the_test_split(confirmed, records, project):
    assert confirmed.winner == [record["test_psnr"] for record in records["winner"]]
    assert confirmed.default == [record["test_psnr"] for record in records["default"]]
    default = zoo.create("autoencoder", (8, 8, 1))
    assert confirmed.default_parameters == default.count_params()
    assert confirmed.winner_parameters == project.trials[1]["num_parameters"]
    assert confirmed.winner_parameters != confirmed.default_parameters


def test_the_interval_is_that_of_the_paired_t_test(confirmed):
    expected = stats.ttest_rel(confirmed.winner, confirmed.default).confidence_interval(0.95)
    assert confirmed.interval == pytest.approx((expected.low, expected.high))
    difference = np.mean(confirmed.winner) - np.mean(confirmed.default)
    assert confirmed.difference == pytest.approx(difference)
    assert "trial 1" in confirmed.sentence
    assert confirmed.verdict in confirmed.sentence


@pytest.mark.parametrize(
    ("winner", "higher_is_better", "verdict"),
    [
        ([2.0, 2.1, 1.9], True, "better"),
        ([2.0, 2.1, 1.9], False, "worse"),
        ([0.0, 0.1, -0.1], False, "better"),
        ([1.5, 0.6, 1.0], True, "no difference shown"),
    ],
)
def test_a_gain_is_one_whose_interval_leaves_out_zero(winner, higher_is_better, verdict):
    confirmation = confirm.Confirmation(
        "psnr", "dB", higher_is_better, [0, 1, 2], winner, [1.0, 1.0, 1.0], 10, 20, 4
    )
    assert confirmation.verdict == verdict


def test_a_winner_that_has_the_defaults_is_compared_with_nothing(confirmed, project, tmp_path):
    """Its records would stand on both sides: a difference of 0 with an interval of 0."""
    folder = shutil.copytree(project.folder, tmp_path / "search")
    path = folder / confirm.FOLDER / "confirmation.json"
    roles = json.loads(path.read_text())
    path.write_text(json.dumps(roles | {"winner": roles["default"], "number": 0}))
    found = confirm.read(Project.open(folder))
    assert found.is_default and not confirmed.is_default
    assert f"trial 0 {np.mean(found.winner):.4f} dB" in found.sentence
    page = write.html(Project.open(folder), found)
    for text in (found.sentence, page):
        assert "it has the defaults of the model: there is nothing to compare it with" in text
        assert "interval" not in text.partition('id="pictures"')[0]
    assert confirmed.sentence.endswith(")")


def test_a_second_call_runs_nothing_and_writes_the_report(confirmed, project, capsys):
    path = project.folder / confirm.FOLDER / store.FILE_NAME
    before = path.read_bytes()
    asked = [str(project.folder), "--seeds", "2", "--trial", "1"]
    assert command_line.main(["confirm", *asked]) == 0
    assert confirm.read(Project.open(project.folder)) == confirmed
    assert path.read_bytes() == before
    told = capsys.readouterr().out
    assert confirmed.verdict in told
    assert "report.html" in told
    assert (project.folder / "report.html").exists()
    parse = command_line.make_parser().parse_args
    assert parse(["re-evaluate", *asked]) == parse(["confirm", *asked])


def test_a_record_that_cannot_be_read_is_told(confirmed, project, tmp_path, capsys):
    folder = tmp_path / "search"
    shutil.copytree(project.folder, folder)
    path = folder / confirm.FOLDER / store.FILE_NAME
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0][:99], *lines[1:]]) + "\n")
    assert confirm.read(Project.open(folder)) is None
    assert f"warning: {path} line 1: cut off or not JSON; left out." in capsys.readouterr().err


def test_the_command_is_what_was_run(confirmed, records, project):
    """The text, read as a shell reads it, gives the model of the record."""
    words = shlex.split(confirm.bench_command(project, 1))
    assert words[:4] == ["python", "-m", "bench", "run"]
    given = dict(zip(words[4::2], words[5::2], strict=True))
    trial, record = project.trials[1], records["winner"][0]
    assert given["--dataset"] == "digits"
    assert float(given["--learning-rate"]) == trial["training"]["learning_rate"]
    assert int(given["--batch-size"]) == trial["training"]["batch_size"]
    assert int(given["--epochs"]) == 1
    size = trial["arguments"]["latent_dim"]
    assert f"latent_dim={size}" in given["--models"]
    assert record["arguments"]["latent_dim"] == size
    assert record["learning_rate"] == trial["training"]["learning_rate"]


@pytest.mark.parametrize(
    ("changes", "num_seeds", "message"),
    [
        ({}, 1, "the seeds of a confirmation must be at least 2"),
        ({"objective": "nll"}, 3, "no test value of nll"),
    ],
)
def test_what_cannot_be_confirmed_is_told(changes, num_seeds, message, project):
    other = Project(project.folder, project.identity | changes)
    with pytest.raises(BenchError, match=message):
        confirm.confirm(other, num_seeds, quiet(width=300))


def test_of_several_aims_the_cheapest_that_the_defaults_do_not_beat_wins(tmp_path, project):
    def trial(number, score, parameters):
        record = {"number": number, "status": "ok", "score": score, "scores": [score]}
        costs = {"parameters": float(parameters)}
        return record | {"costs": costs, "num_parameters": parameters}

    several = Project(tmp_path, project.identity | {"costs": ["parameters"]})
    for record in (
        trial(0, 20.0, 1000),
        trial(1, 25.0, 5000),
        trial(2, 20.5, 400),
        trial(3, 19.0, 100),
        trial(4, 21.0, 700),
    ):
        several.trials[record["number"]] = record
    assert several.winner["number"] == 2
    assert several.best["number"] == 1
    assert [record["number"] for record in several.front] == [3, 2, 4, 1]
    for number in (1, 2):
        path = several.model_paths(number)[0]
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert several.best_model() == several.model_paths(2)[0]
    assert several.best_model(1) == several.model_paths(1)[0]
