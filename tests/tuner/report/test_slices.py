"""Slices: what a model of the trials expects along one setting, where the truth is known."""

import math

import numpy as np

from tuner.report import slices
from tuner.space.parameters import Choice, Float, Int

PARAMETERS = {
    "learning_rate": Float(1e-4, 1e-1, 3e-3, log=True),
    "depth": Int(1, 4, 2),
    "activation": Choice(("relu", "gelu", "tanh"), "relu"),
}
GAIN = {"relu": 0.0, "gelu": 0.5, "tanh": -0.5}


def score(values):
    rate = (math.log10(values["learning_rate"]) + 2.5) ** 2
    return 20 - rate - 0.3 * (values["depth"] - 2) ** 2 + GAIN[values["activation"]]


def trials(count):
    generator = np.random.default_rng(0)
    found = []
    for number in range(count):
        values = {
            "learning_rate": float(10 ** generator.uniform(-4, -1)),
            "depth": int(generator.integers(1, 5)),
            "activation": str(generator.choice(list(GAIN))),
        }
        found.append({"number": number, "status": "ok", "values": values, "score": score(values)})
    return found


def test_the_mean_follows_the_truth_along_each_setting():
    records = trials(60)
    best = max(records, key=lambda record: record["score"])
    found = slices.compute(records, PARAMETERS, best)
    assert set(found) == set(PARAMETERS)
    for name, each in found.items():
        truth = np.array([score(best["values"] | {name: value}) for value in each.values])
        assert np.abs(each.mean - truth).max() < 0.3, name
        assert (np.diff(truth)[np.abs(np.diff(truth)) > 0.4] > 0).tolist() == (
            np.diff(each.mean)[np.abs(np.diff(truth)) > 0.4] > 0
        ).tolist()
    assert found["depth"].values == [1, 2, 3, 4]


def test_the_band_is_wider_where_no_trial_was():
    records = [
        record for record in trials(60) if not 3e-3 < record["values"]["learning_rate"] < 3e-2
    ]
    best = max(records, key=lambda record: record["score"])
    rates = slices.compute(records, PARAMETERS, best)["learning_rate"]
    inside = [3e-3 < value < 3e-2 for value in rates.values]
    assert rates.deviation[inside].max() > 1.5 * np.median(rates.deviation[np.invert(inside)])


def test_few_or_equal_scores_have_no_slices():
    records = trials(slices.FEWEST_TRIALS)
    assert slices.compute(records[1:], PARAMETERS, records[1]) == {}
    equal = [record | {"score": 1.0} for record in records]
    assert slices.compute(equal, PARAMETERS, equal[0]) == {}
