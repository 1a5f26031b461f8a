"""A search that an earlier version wrote goes on, and is shown, reported and re-evaluated."""

import json
import re
import shutil
from pathlib import Path

import pytest
from tiny_search import quiet

from bench.errors import BenchError
from tuner import __main__ as command_line
from tuner.algorithms import oracles
from tuner.commands import report
from tuner.report import text, write
from tuner.search import confirm, table
from tuner.search import keras_tuner_contract as contract
from tuner.search.scheduler import Schedule, Scheduler
from tuner.space import ready
from tuner.space.space import narrow
from tuner.trials.data import Data
from tuner.trials.objectives import OBJECTIVES
from tuner.trials.store import SEARCH_FILE, TRIALS_FILE, Project

STORED = Path(__file__).parents[3] / "bench/results/search_autoencoder_fashion_mnist"


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(STORED, tmp_path / "search")


def test_its_space_still_has_its_checksum_and_its_algorithm_its_state(folder):
    """All starts and ends are repeated: other settings would be refused as another search's."""
    project = Project.open(folder)
    identity = project.identity
    space = narrow(
        ready.for_data(ready.get("autoencoder"), (28, 28, 1), 10_000), {"latent_dim": 16}
    )
    assert space.checksum == identity["space_checksum"]
    oracle = oracles.create(
        *("bayesian", space, OBJECTIVES["psnr"]),
        max_trials=identity["max_trials"],
        epochs=identity["epochs"],
        seed=identity["seed"],
        recorded={event["number"]: event for event in project.events},
    )
    schedule = Schedule(space, Data("fashion_mnist"), (28, 28, 1), {})
    before = (folder / TRIALS_FILE).read_bytes()
    scheduler = Scheduler(schedule, project, contract.checked(oracle, identity["max_trials"]))
    assert (folder / TRIALS_FILE).read_bytes() == before
    assert len(scheduler.oracle.trials) == len(project.trials) == 42
    job = scheduler.next()
    assert job.number == 42
    assert job.max_parameters == identity["max_parameters"]


def test_it_is_shown_with_its_winner_and_its_confirmation(folder):
    project = Project.open(folder)
    console = quiet(width=200)
    console.print(table.rich_table(project))
    assert "best so far: trial 30" in console.file.getvalue()
    confirmed = confirm.read(project)
    assert confirmed.sentence.startswith(
        "on 3 fresh seeds, test psnr: trial 30 19.52 dB with 53,665 parameters, the defaults "
        "19.30 dB with 178,001: no difference shown (+0.22, 95 % interval -0.13 to +0.58)"
    )
    assert "python -m tuner search autoencoder --dataset fashion_mnist" in text.commands(project)[0]
    assert "--max-trial-seconds 100.0" in text.commands(project)[0]


def test_it_is_reported(folder, monkeypatch):
    monkeypatch.setattr(write, "_pictures", lambda *_: {})
    project = Project.open(folder)
    page = write.html(project, confirm.read(project))
    assert page.count('<tr id="trial-') == 42
    assert "Noise: +0.223 dB" in page


@pytest.mark.parametrize(("more", "num_shown"), [((), 10), (("--all",), 42), (("--limit", "3"), 3)])
def test_show_has_the_best_trials_a_line_each(folder, more, num_shown, capsys, monkeypatch):
    monkeypatch.setattr(report, "write_files", lambda *_: None)
    monkeypatch.setenv("COLUMNS", "80")
    assert command_line.main(["show", str(folder), *more]) == 0
    told = capsys.readouterr().out
    lines = [line for line in told.splitlines() if re.match(r" +\*?\d+ ", line)]
    numbers = [int(line.split()[0].lstrip("*")) for line in lines]
    assert len(numbers) == num_shown
    assert max(map(len, lines)) <= 80
    ranked = [record["number"] for record in Project.open(folder).ranked]
    assert numbers == (sorted(numbers) if more == ("--all",) else ranked[:num_shown])
    assert ("--all shows them" in told) == (more != ("--all",))
    assert "all of these: depth=1" in told or more == ("--all",)


def test_a_line_that_lacks_a_part_is_told_and_left_out(folder, capsys):
    """Whatever part of an end is gone or is no such thing, the other trials are shown."""
    path = folder / TRIALS_FILE
    whole = path.read_text()
    end = json.loads(next(line for line in whole.splitlines() if '"status": "ok"' in line))
    needed = ("number", "status", "hyperparameters", "values", "arguments", "training", "epochs")
    damaged = [
        {name: value for name, value in end.items() if name != gone}
        for gone in (*needed, "score", "scores")
    ]
    changes = [("status", "weird"), ("status", ["ok"]), ("score", None), ("score", float("nan"))]
    damaged += [end | {name: value} for name, value in (*changes, ("scores", []))]
    lines = [*map(json.dumps, damaged), "[1, 2]", "7", '{"number": 3, "sta']
    path.write_text("\n".join([*lines, whole]))
    project = Project.open(folder)
    assert len(project.trials) == 42
    first = f"{TRIALS_FILE} line 1: cut off or not a trial; left out"
    assert project.warnings[0] == first and len(project.warnings) == len(lines)
    assert command_line.main(["show", str(folder)]) == 0
    assert f"note: {first}" in capsys.readouterr().out


def test_what_says_too_little_of_a_search_is_one_line(folder):
    path = folder / SEARCH_FILE
    identity = json.loads(path.read_text())
    for name in ("model", "objective", "direction", "defaults"):
        path.write_text(json.dumps({key: identity[key] for key in identity if key != name}))
        with pytest.raises(BenchError, match=f"cannot read .*{SEARCH_FILE}: {name} is missing"):
            Project.open(folder)


def test_in_what_two_searches_differ_is_said_once(folder):
    identity = Project.open(folder).identity
    other = identity | {
        "dataset": "digits",
        "dataset_checksum": "0",
        "space": identity["space"] | {"latent_dim": "8"},
        "space_checksum": "0",
        "defaults": identity["defaults"] | {"latent_dim": 8},
    }
    with pytest.raises(BenchError) as caught:
        Project.prepared(folder, other)
    assert str(caught.value) == (
        f"{folder} holds another search: dataset was fashion_mnist, now digits; latent_dim was 16, "
        "now 8. Choose another --output, or --fresh."
    )
    with pytest.raises(BenchError, match=r"search: dataset_checksum was .*, now 0\."):
        Project.prepared(folder, identity | {"dataset_checksum": "0"})
