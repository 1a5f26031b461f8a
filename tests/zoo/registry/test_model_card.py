"""The threshold of anomalies, from scores of held-out normal images alone."""

import numpy as np
import pytest

from zoo.registry.model_card import anomaly_threshold

SCORES = np.random.default_rng(0).normal(size=30)


def test_a_quantile_by_hand():
    assert anomaly_threshold(np.arange(101.0), quantile=0.95) == (95, "0.95 quantile")
    assert anomaly_threshold(np.arange(101), quantile=0.5) == (50, "0.5 quantile")


def test_standard_deviations_by_hand():
    threshold, rule = anomaly_threshold([0.0, 2.0], num_sigmas=3)
    assert threshold == pytest.approx(1 + 3 * np.sqrt(2))
    assert rule == "mean + 3 sigma"


@pytest.mark.parametrize(
    ("scores", "rule", "message"),
    [
        (SCORES, {"quantile": 1.0}, "quantile must be above 0 and below 1"),
        (SCORES, {"quantile": "0.9"}, "quantile must be a number"),
        (SCORES, {"num_sigmas": np.inf}, "num_sigmas must be a finite number"),
        (SCORES, {"quantile": 0.9, "num_sigmas": 1}, "Choose one"),
        (SCORES, {"quantile": 0.9, "false_alarm_rate": 0.1}, "Choose one"),
        (SCORES, {"false_alarm_rate": 0}, "false_alarm_rate must be above 0 and below 1"),
        (SCORES[:18], {}, "scores must be at least 19 for a false_alarm_rate of 0.05.*18.*0.053"),
        (SCORES[:1], {}, r"a vector of at least 2 numbers. Received: shape \(1,\)"),
        (SCORES[None], {}, "a vector of at least 2 numbers"),
        (SCORES * np.nan, {}, "scores must be finite. Received: NaN or infinity in 30 of 30"),
    ],
)
def test_bad_rules(scores, rule, message):
    with pytest.raises(ValueError, match=f"^anomaly_threshold: .*{message}"):
        anomaly_threshold(scores, **rule)
