"""Limits that no setting keeps within are refused before the first trial; others change nothing."""

import re

import pytest
from tiny_search import DENSE, ended, open_scheduler, quiet, request, run

from bench.errors import BenchError
from tuner.search import limits
from tuner.search.resolve import resolve
from tuner.search.search import search
from tuner.trials import probe, trial

OPTIONS = {"num_parameters": "max_parameters", "forward_macs": "max_macs"}
# The code sizes 4 and 16, so that the cheapest is known.
SMALL = DENSE | {"latent_dim": [4, 16], "batch_size": [32, 64]}


def refused(folder, **changes):
    with pytest.raises(BenchError) as caught:
        run(folder, **{"settings": SMALL, **changes})
    return str(caught.value)


@pytest.mark.parametrize(
    ("limit", "received"),
    [
        ({"max_parameters": 10}, "Received: 10."),
        ({"max_parameters": "0.001x"}, r"Received: 0.001x, which is \d+."),
        ({"max_macs": 100}, "Received: 100."),
        ({"max_trial_seconds": 1e-4}, "Received: 0.0001."),
        ({"max_parameters": 10, "tuner": "hyperband", "epochs": 3}, "Received: 10."),
        ({"max_parameters": 10, "tuner": "optuna:tpe"}, "Received: 10."),
    ],
    ids=str,
)
def test_what_no_setting_keeps_within_is_refused_with_the_cheapest(limit, received, tmp_path):
    name = next(iter(limit))
    error = refused(tmp_path / "new", **limit)
    assert error.startswith(f"--{name.replace('_', '-')} must be at least ")
    assert "(latent_dim=4" in error
    assert re.search(received, error)
    assert error.endswith("Raise it, or narrow the space less.")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", OPTIONS)
def test_the_size_that_is_named_is_that_of_a_trial_and_enough(name, tmp_path):
    least = re.search(r"at least ([\d,]+) ", refused(tmp_path, **{OPTIONS[name]: 5}))[1]
    least = int(least.replace(",", ""))
    assert f"at least {least:,} " in refused(tmp_path, **{OPTIONS[name]: least - 1})
    settings = {"settings": SMALL, "enqueue": ("latent_dim=4",), "max_trials": 1}
    run(tmp_path, **settings, **{OPTIONS[name]: least})
    statuses = [(record["status"], record.get(name)) for record in ended(tmp_path)]
    assert statuses[0][0] == "over_budget"  # the defaults
    assert statuses[1:] == [("ok", least)]


@pytest.mark.parametrize("tuner", ["random", "bayesian"])
def test_a_limit_that_can_be_met_changes_no_trial(tuner, tmp_path, monkeypatch):
    """Though the defaults break it, so that the cheapest setting is looked for."""
    changes = {"tuner": tuner, "max_parameters": 1_500, "max_trial_seconds": 600.0}
    looked = run(tmp_path / "looked", **changes)
    monkeypatch.setattr(limits, "check", lambda *_: None)
    plain = run(tmp_path / "plain", **changes)
    kept = ("number", "status", "error", "values", "scores", "num_parameters", "train_loss")
    for ours, theirs in zip(ended(tmp_path / "looked"), ended(tmp_path / "plain"), strict=True):
        assert {key: ours.get(key) for key in kept} == {key: theirs.get(key) for key in kept}
    assert looked.project.identity == plain.project.identity
    assert looked.project.trials[0]["status"] == "over_budget"


def test_only_the_limits_that_are_broken_are_told(tmp_path):
    error = refused(tmp_path, max_parameters=100_000, max_macs=10)
    assert error.startswith("--max-macs must be")


def test_nothing_is_looked_for_without_limits_and_after_a_training(tmp_path, pretend):
    run(tmp_path / "free")
    assert not any(isinstance(job, probe.Probe) for job in pretend.jobs)
    pretend.jobs.clear()
    run(tmp_path / "limited", max_trials=1, max_parameters=10)
    run(tmp_path / "limited", max_trials=3, max_parameters=10)
    kinds = [type(job) for job in pretend.jobs]
    assert kinds == [probe.Probe, trial.Job, trial.Job, trial.Job]


def test_a_look_that_fails_ends_no_search(tmp_path, pretend):
    pretend.results = {0: {"status": "failed", "error": "out of memory"}}
    assert run(tmp_path, max_parameters=10).num_run == 3


def test_of_a_short_round_and_of_one_seed_the_least_time_counts(tmp_path, pretend):
    asked = {"max_trial_seconds": 5.0, "max_trials": 1}
    for number, (changes, expected) in enumerate(
        [
            ({"epochs": 7, "executions": 2}, (7, 2)),
            ({"epochs": 7, "robust": True}, (7, 1)),
            ({"epochs": 9, "tuner": "hyperband"}, (1, 1)),
        ]
    ):
        pretend.jobs.clear()
        run(tmp_path / str(number), **asked, **changes)
        assert (pretend.jobs[0].epochs, len(pretend.jobs[0].seeds)) == expected


@pytest.mark.slow
def test_processes_look_as_one_process_does(tmp_path):
    here, there = (
        refused(tmp_path, max_parameters=10, isolated=isolated) for isolated in (False, True)
    )
    assert here == there


# --- what is said of refused trials -------------------------------------------------------------


def test_the_status_of_a_trial_is_said_once(tmp_path, pretend):
    errors = {
        "over_budget": "Over budget: 9 parameters > limit 1.",
        "refused": "refused: odd sizes",
        "diverged": "the loss became nan",
    }
    pretend.results = {
        call: {"status": status, "error": error}
        for call, (status, error) in enumerate(errors.items())
    }
    console = quiet(width=200)
    search(request(tmp_path, max_trials=2), console)
    lines = console.file.getvalue().splitlines()
    assert lines[:3] == [
        "trial 0: over budget: 9 parameters > limit 1.",
        "trial 1: refused: odd sizes",
        "trial 2: diverged: the loss became nan",
    ]


def test_the_last_refusal_names_the_cheapest_setting(tmp_path):
    """Where single settings keep within each limit, and none within all."""
    asked = {"max_parameters": 3_000, "max_macs": 100, "max_trials": 3}
    scheduler = open_scheduler(resolve(request(**asked)), tmp_path)
    sizes = {0: (9_000, 50), 1: (4_500, 70)}

    def refuse_all():
        while (job := scheduler.next()) is not None:
            parameters, macs = sizes.get(job.number, (6_000, 120))
            error = f"Over budget: {parameters:,} parameters > limit 3,000."
            of_sizes = {"num_parameters": parameters, "forward_macs": macs, "scores": []}
            result = {"status": "over_budget", "error": error, **of_sizes}
            scheduler.finish(job.number, result)

    with pytest.raises(BenchError, match="36 settings were refused, the last") as caught:
        refuse_all()
    assert str(caught.value).endswith(
        "The cheapest, trial 1, has 4,500 parameters > limit 3,000. "
        "Narrow the space with --set, or raise the limit."
    )
