"""The winner on fresh seeds beside the defaults: read from the harness's own records."""

import json

import numpy as np
import pytest

pytest.importorskip("keras_tuner")

from scipy import stats
from tiny_search import DENSE, quiet

import zoo
from bench.errors import BenchError
from bench.records import store
from tuner import __main__ as command_line
from tuner.search import confirm
from tuner.search.request import Request
from tuner.search.search import search
from tuner.trials.store import Project

SETTINGS = DENSE | {
    "latent_dim": [8, 32],
    "learning_rate": 0.01,
    "batch_size": 32,
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    wanted = Request(
        "autoencoder",
        settings=SETTINGS,
        limit=128,
        epochs=2,
        max_trials=2,
        tuner="grid",
        isolated=False,
        output=tmp_path_factory.mktemp("search"),
    )
    return search(wanted, quiet(width=300)).project


@pytest.fixture(scope="module")
def found(project):
    return confirm.confirm(project, 3, quiet(width=300))


def test_nothing_is_confirmed_before(tmp_path, project):
    assert confirm.read(Project(tmp_path, project.identity)) is None


def test_seeds_are_fresh_and_the_same_for_both(found, project):
    assert found.seeds == [1000, 1001, 1002]
    every, _ = store.read(project.folder / confirm.FOLDER)
    of_models = [record for record in every if record["kind"] == "model"]
    assert sorted(record["seed"] for record in of_models) == sorted(found.seeds * 2)
    assert not set(found.seeds) & set(project.best["seeds"])


def test_values_are_those_of_the_test_split(found, project):
    every, _ = store.read(project.folder / confirm.FOLDER)
    of_models = [record for record in every if record["kind"] == "model"]
    by_code = {
        size: [r["test_psnr"] for r in of_models if r["code_size"] == size]
        for size in {r["code_size"] for r in of_models}
    }
    assert set(by_code) == {16, project.best["arguments"]["latent_dim"]}  # 16 is the default
    assert found.default == by_code[16]
    assert found.winner == by_code[project.best["arguments"]["latent_dim"]]
    default = zoo.create("autoencoder", (8, 8, 1))
    assert found.default_parameters == default.count_params()
    assert found.winner_parameters == project.best["num_parameters"]


def test_the_interval_is_that_of_the_paired_t_test(found):
    expected = stats.ttest_rel(found.winner, found.default).confidence_interval(0.95)
    assert found.interval == pytest.approx((expected.low, expected.high))
    assert found.difference == pytest.approx(np.mean(found.winner) - np.mean(found.default))
    assert f"trial {found.number}" in found.sentence
    assert found.verdict in found.sentence


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
    found = confirm.Confirmation(
        "psnr", "dB", higher_is_better, [0, 1, 2], winner, [1.0, 1.0, 1.0], 10, 20, 4
    )
    assert found.verdict == verdict


def test_a_second_call_runs_nothing(found, project):
    path = project.folder / confirm.FOLDER / store.FILE_NAME
    before = path.read_bytes()
    assert confirm.confirm(project, 3, quiet(width=300)) == found
    assert confirm.read(Project.open(project.folder)) == found
    assert path.read_bytes() == before


def test_the_command_line_confirms_and_reports(found, project, capsys):
    assert command_line.main(["confirm", str(project.folder)]) == 0
    told = capsys.readouterr().out
    assert found.verdict in told
    assert "report.html" in told
    assert (project.folder / "report.html").exists()


def test_the_command_is_what_was_run(found, project):
    """The text, read as a shell reads it, gives the model of the record."""
    import shlex

    words = shlex.split(confirm.bench_command(project))
    assert words[:4] == ["python", "-m", "bench", "run"]
    given = dict(zip(words[4::2], words[5::2], strict=True))
    training = project.best["training"]
    assert float(given["--learning-rate"]) == training["learning_rate"]
    assert int(given["--batch-size"]) == training["batch_size"]
    assert int(given["--epochs"]) == 2
    every, _ = store.read(project.folder / confirm.FOLDER)
    size = project.best["arguments"]["latent_dim"]
    record = next(r for r in every if r["kind"] == "model" and r["code_size"] == size)
    assert f"latent_dim={size}" in given["--models"]
    assert record["arguments"]["latent_dim"] == size
    assert record["learning_rate"] == training["learning_rate"]


@pytest.mark.parametrize(
    ("changes", "num_seeds", "message"),
    [
        ({}, 1, "--confirm must be at least 2 seeds"),
        ({"objective": "nll"}, 3, "no test value of nll"),
    ],
)
def test_what_cannot_be_confirmed_is_told(changes, num_seeds, message, project):
    other = Project(project.folder, project.identity | changes)
    with pytest.raises(BenchError, match=message):
        confirm.confirm(other, num_seeds, quiet(width=300))


def test_of_several_aims_the_cheapest_that_the_defaults_do_not_beat_wins(tmp_path, project):
    def trial(number, score, parameters):
        found = {"number": number, "status": "ok", "score": score, "scores": [score]}
        costs = {"parameters": float(parameters)}
        return json.loads(json.dumps(found | {"costs": costs, "num_parameters": parameters}))

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
