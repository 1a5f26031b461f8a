"""Warm start: settings that are asked for come first, and earlier searches are learnt from."""

import numpy as np
import pytest
from tiny_search import request, run

from bench.errors import BenchError
from tuner.algorithms.earlier import OTHERS_NOISE, Earlier, best, joined
from tuner.algorithms.gaussian_process import GaussianProcess
from tuner.search import warm_start
from tuner.space.parameters import Boolean, Choice, Float, Int, When
from tuner.space.space import Space
from tuner.trials.store import EARLIER_FILE

SPACE = Space(
    "vae",
    {
        "latent_dim": Int(2, 64, 16, step=2, log=True),
        "normalization": Choice((None, "batch"), None),
        "noise": Boolean(False),
        "level": Float(0.0, 1.0, 0.5, when=When("noise", (True,))),
    },
)


def values_of(project):
    return [trial["hyperparameters"] for trial in project.trials.values()]


def test_settings_are_read_as_the_search_has_them_the_rest_at_its_defaults():
    texts = ["latent_dim=8, normalization=batch", "noise=true,level=0.25", "normalization=none"]
    assert warm_start.enqueued(texts, SPACE) == [
        {"latent_dim": 8, "normalization": "batch", "noise": False},
        {"latent_dim": 16, "normalization": "none", "noise": True, "level": 0.25},
        {"latent_dim": 16, "normalization": "none", "noise": False},
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("latent_dim", r"must be NAME=VALUE\[,NAME=VALUE"),
        ("latent_dm=8", "--enqueue latent_dm is not searched. Did you mean 'latent_dim'"),
        ("latent_dim=9", r"latent_dim must be among 2\.\.64\. Received: latent_dim=9"),
        ("normalization=layer", "normalization must be among none, batch"),
        ("level=0.5", "level counts only with noise of True"),
        ("latent_dim=8,latent_dim=4", "latent_dim is given twice .*: latent_dim=8 latent_dim=4"),
    ],
)
def test_settings_that_the_search_would_not_try_are_refused(text, error):
    with pytest.raises(BenchError, match=error):
        warm_start.enqueued([text], SPACE)


@pytest.mark.parametrize("tuner", ["random", "bayesian", "optuna:tpe"])
def test_what_is_asked_for_comes_after_the_defaults(tuner, pretend, tmp_path):
    asked = ("latent_dim=32,batch_size=128", "latent_dim=2")
    outcome = run(tmp_path, tuner=tuner, enqueue=asked, max_trials=4)
    found = values_of(outcome.project)
    assert (found[1]["latent_dim"], found[1]["batch_size"]) == (32, 128)
    assert found[2] == found[0] | {"latent_dim": 2}
    assert len({str(values) for values in found}) == 4


@pytest.mark.parametrize("tuner", ["grid", "hyperband"])
def test_searches_of_their_own_order_take_no_settings(tuner, pretend, tmp_path):
    with pytest.raises(BenchError, match="has its own order and takes no --enqueue"):
        run(tmp_path, tuner=tuner, enqueue=("latent_dim=2",), epochs=2)


@pytest.mark.parametrize("tuner", ["random", "bayesian", "optuna:tpe"])
def test_an_earlier_search_gives_its_best_and_its_copy_stays(tuner, pretend, tmp_path):
    first = run(tmp_path / "first", max_trials=6).project
    settings = {"tuner": tuner, "start_from": (tmp_path / "first",)}
    second = run(tmp_path / "second", seed=1, max_trials=4, **settings).project
    expected = [trial["hyperparameters"] for trial in first.ranked[:2]]
    wanted = [values for values in expected if values != values_of(first)[0]]
    assert values_of(second)[1 : 1 + len(wanted)] == wanted
    assert len((tmp_path / "second" / EARLIER_FILE).read_text().splitlines()) == 6
    before = values_of(second)
    run(tmp_path / "first", max_trials=8)  # which another search's folder is not moved by
    longer = run(tmp_path / "second", seed=1, max_trials=5, **settings).project
    assert values_of(longer)[:4] == before


def test_a_search_of_another_objective_is_not_learnt_from(pretend, tmp_path):
    run(tmp_path / "first", max_trials=1)
    with pytest.raises(BenchError, match="must be a search of objective 'mse'"):
        run(tmp_path / "second", objective="mse", start_from=(tmp_path / "first",))


def test_trials_outside_of_the_space_and_other_budgets_are_told(pretend, tmp_path):
    first = run(tmp_path / "first", max_trials=6).project
    sizes = [values["latent_dim"] for values in values_of(first)]
    kept = [16, sizes[-1]]
    settings = {"settings": request().settings | {"latent_dim": kept}, "epochs": 2}
    run(tmp_path / "second", start_from=(tmp_path / "first",), max_trials=1, **settings)
    lines = (tmp_path / "second" / EARLIER_FILE).read_text().splitlines()
    assert len(lines) == sum(size in kept for size in sizes) < 6
    assert all('"is_same": false' in line for line in lines)


def test_other_data_count_by_their_own_level_and_spread():
    own = np.array([[1.0], [3.0]])
    scores = np.array([[100.0], [300.0], [2.0]])
    earlier = [
        Earlier({}, float(score), {}, source, is_same)
        for score, source, is_same in ((100, "a", False), (300, "a", False), (2, "b", True))
    ]
    objectives, noises = joined(own, scores, earlier)
    known = np.array([1.0, 3.0, 2.0])
    moved = [known.mean() - known.std(), known.mean() + known.std()]
    np.testing.assert_allclose(objectives[:, 0], [1.0, 3.0, *moved, 2.0])
    np.testing.assert_allclose(noises, [1, 1, OTHERS_NOISE, OTHERS_NOISE, 1])


def test_a_process_trusts_a_value_of_more_noise_less():
    points = np.linspace(0, 1, 12)[:, None]
    values = np.sin(4 * points[:, 0])
    values[5] += 1.0
    plain = GaussianProcess(points, values).predict(points[5:6])[0]
    noises = np.where(np.arange(12) == 5, 1e3, 1.0)
    doubted = GaussianProcess(points, values, noises).predict(points[5:6])[0]
    truth = np.sin(4 * points[5, 0])
    assert abs(doubted - truth) < abs(plain - truth) / 2


def test_the_best_of_each_search_come_first():
    earlier = [
        Earlier({"x": x}, score, {}, source, True)
        for x, score, source in ((1, 0.3, "a"), (2, 0.1, "a"), (3, 0.2, "a"), (2, 5.0, "b"))
    ]
    assert best(earlier, "min") == [{"x": 2}, {"x": 3}]
    assert best(earlier, "max")[0] == {"x": 1}


def test_a_search_ends_after_its_patience(pretend, tmp_path):
    """The second trial has the best there is."""
    asked = {"enqueue": ("latent_dim=2,learning_rate=0.002",), "search_patience": 3}
    outcome = run(tmp_path, max_trials=12, **asked)
    assert outcome.best["number"] == 1
    assert len(outcome.project.trials) == 1 + 1 + 3
    assert run(tmp_path, max_trials=12, **asked).num_run == 0
