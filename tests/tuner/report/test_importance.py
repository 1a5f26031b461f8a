"""Importance of parameters: on made-up scores, whose answer is known."""

import numpy as np
import pytest

from tuner.report import importance
from tuner.space.parameters import Boolean, Choice, Fixed, Float, Int, When

SPACE = {
    "latent_dim": Int(2, 256, 16, step=2, log=True),
    "depth": Int(1, 4, 2),
    "activation": Choice(("relu", "elu", "gelu"), "relu"),
    "residual": Boolean(True),
    "learning_rate": Float(1e-4, 1e-1, 1e-3, log=True),
    "likelihood": Choice(("bernoulli", "gaussian"), "bernoulli"),
    "scale": Float(0.01, 1.0, 0.1, log=True, when=When("likelihood", ("gaussian",))),
    "pad_to_fit": Fixed(True),
}


def make_trials(count, score, seed=0):
    """Trials with random values; `score` takes the values and a generator."""
    generator = np.random.default_rng(seed)
    found = []
    for number in range(count):
        values = {
            "latent_dim": int(2 ** generator.integers(1, 9)),
            "depth": int(generator.integers(1, 5)),
            "activation": str(generator.choice(["relu", "elu", "gelu"])),
            "residual": bool(generator.integers(2)),
            "learning_rate": float(10 ** generator.uniform(-4, -1)),
            "likelihood": str(generator.choice(["bernoulli", "gaussian"])),
            "pad_to_fit": True,
        }
        if values["likelihood"] == "gaussian":
            values["scale"] = float(10 ** generator.uniform(-2, 0))
        record = {"number": number, "status": "ok", "values": values, "epochs": 3}
        found.append(record | {"score": float(score(values, generator))})
    return found


def test_the_parameter_that_makes_the_score_has_nearly_all_of_it():
    trials = make_trials(60, lambda values, _: np.log2(values["latent_dim"]))
    found = importance.compute(trials, SPACE)
    name, (share, spread) = next(iter(found.shares.items()))
    assert name == "latent_dim"
    assert share > 0.95
    assert spread < 0.2
    assert found.explained > 0.9
    assert found.num_trials == 60


def test_two_parameters_are_told_from_the_others_and_in_their_order():
    def score(values, generator):
        category = {"relu": 0.0, "elu": 4.0, "gelu": 1.0}[values["activation"]]
        return category + np.log10(values["learning_rate"]) + generator.normal(0, 0.1)

    found = importance.compute(make_trials(100, score), SPACE)
    first, second, *others = found.shares
    assert (first, second) == ("activation", "learning_rate")
    assert all(found.shares[name][0] < 0.05 for name in others)
    # Independent parts: variances are (4^2 - ...)/3 = 2.89 and 3^2 / 12 = 0.75.
    ratio = found.shares[first][0] / found.shares[second][0]
    assert 2 < ratio < 2.89 / 0.75 * 2
    assert found.means_something


def test_shares_add_up_to_one_and_only_what_varies_has_one():
    found = importance.compute(make_trials(40, lambda values, _: values["depth"] ** 2), SPACE)
    assert sum(share for share, _ in found.shares.values()) == pytest.approx(1)
    assert set(found.shares) == set(SPACE) - {"pad_to_fit"}
    shares = [share for share, _ in found.shares.values()]
    assert shares == sorted(shares, reverse=True)
    assert min(shares) >= 0


@pytest.mark.parametrize("seed", range(2))
def test_noise_is_said_to_be_noise(seed):
    found = importance.compute(make_trials(50, lambda _, g: g.normal(), seed), SPACE)
    assert found.explained < 0.1
    assert not found.means_something


def test_out_of_bag_r2_is_scikit_learns():
    from sklearn.ensemble import RandomForestRegressor

    generator = np.random.default_rng(0)
    table = generator.normal(size=(40, 3))
    scores = table[:, 0] + generator.normal(0, 0.3, 40)
    theirs = RandomForestRegressor(100, random_state=5, oob_score=True).fit(table, scores)
    ours = importance._OutOfBagForest([0, 0, 0], seed=5).fit(table, scores)
    assert ours.score(table, scores) == pytest.approx(theirs.oob_score_)


def test_a_conditional_parameter_counts_where_it_is_active():
    def score(values, _):
        return np.log10(values["scale"]) if "scale" in values else -1.0  # that of its default, 0.1

    found = importance.compute(make_trials(100, score), SPACE)
    assert next(iter(found.shares)) == "scale"
    assert found.shares["scale"][0] > 0.9
    assert found.shares["likelihood"][0] < 0.1


def test_one_trial_that_went_wrong_does_not_hide_the_rest():
    trials = make_trials(40, lambda values, _: np.log2(values["latent_dim"]))
    trials[7]["score"] = -1e6
    found = importance.compute(trials, SPACE)
    assert next(iter(found.shares)) == "latent_dim"
    assert found.means_something


def test_scores_far_off_are_drawn_to_the_fence():
    scores = [*range(5), 100.0, -100.0]  # quartiles 0.5 and 3.5
    assert importance.fenced(scores).tolist() == [0, 1, 2, 3, 4, 3.5 + 4.5, 0.5 - 4.5]
    assert importance.fenced([1.0, 1.0, 1.0, 1.0, 9.0]).tolist() == [1.0, 1.0, 1.0, 1.0, 9.0]


def test_epochs_count_where_trials_differ_in_them():
    trials = make_trials(40, lambda values, _: 0.0)
    for record in trials:
        record["epochs"] = (1, 3, 9)[record["number"] % 3]
        record["score"] = float(np.log(record["epochs"]))
    found = importance.compute(trials, SPACE)
    assert next(iter(found.shares)) == "epochs"


def test_same_trials_same_answer():
    trials = make_trials(8, lambda values, g: values["depth"] + g.normal())
    assert importance.compute(trials, SPACE) == importance.compute(trials, SPACE)


def test_too_little_is_no_answer():
    trials = make_trials(20, lambda values, _: values["depth"])
    for record in trials[7:]:
        record["status"] = "failed"
    assert importance.compute(trials, SPACE) is None
    assert importance.compute([], SPACE) is None
    equal = make_trials(20, lambda *_: 1.0)
    assert importance.compute(equal, SPACE) is None
    same = [trials[0] | {"number": k, "score": float(k)} for k in range(10)]
    assert importance.compute(same, SPACE) is None


def test_values_beyond_the_space_are_a_choice():
    trials = make_trials(30, lambda *_: 0.0)
    for record in trials:
        record["values"]["widths"] = [[], [8], [8, 16]][record["number"] % 3]
        record["score"] = float(len(record["values"]["widths"]))
    found = importance.compute(trials, SPACE)
    assert next(iter(found.shares)) == "widths"
    assert found.explained > 0.9
