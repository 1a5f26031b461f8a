"""One real search for all tests of the tuner, and trials that only pretend to train."""

import math
import types

import pytest

pytest.importorskip("keras_tuner")

from tiny_search import run

from tuner.trials import trial


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """Two trials of two executions each, trained in this process; the first has the defaults."""
    return run(tmp_path_factory.mktemp("search"), max_trials=2, executions=2)


@pytest.fixture
def pretend(monkeypatch):
    """Replaces trainings by a formula of the settings.

    Returns:
        A namespace: `stop_at`, the number of the call that is interrupted; `results`, what calls
        give instead, by their number; `jobs`, all calls.
    """
    state = types.SimpleNamespace(stop_at=None, results={}, jobs=[])

    def run_trial(job, output, report):
        report("pretending")
        if len(state.jobs) == state.stop_at:
            state.stop_at = None
            raise KeyboardInterrupt
        state.jobs.append(job)
        if len(state.jobs) - 1 in state.results:
            return {"scores": [], "error": None} | state.results[len(state.jobs) - 1]
        value = -abs(math.log(job.values["learning_rate"] / 2e-3)) - job.values["latent_dim"] / 100
        scores = [value + seed / 10 + job.epochs / 100 for seed in job.seeds]
        return {"status": "ok", "error": None, "scores": scores}

    monkeypatch.setattr(trial, "run", run_trial)
    return state
