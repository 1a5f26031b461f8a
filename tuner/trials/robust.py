"""Whether one training tells settings apart, or its seed decides: measured on the first trials.

The first trials are trained from two seeds each. Of these,

    noise^2 = mean((first - second)^2 / 2)
    spread^2 = variance of the means of the better half, less what the noise adds to it

A search goes on with one seed where `spread^2 > 2 noise^2`, and with two elsewhere. The factor 2 is
there because few trials tell noise and spread only roughly.
"""

import statistics
from collections.abc import Iterable
from typing import Any

NUM_MEASURED = 6  # trials that decide
NUM_SEEDS = 2
_CLEARLY = 2.0


def seeds_of(number: int, records: Iterable[dict[str, Any]], direction: str) -> int:
    """Returns how many seeds a trial is trained from.

    Args:
        number: Of the trial.
        records: Of the trials that ended.
        direction: Of the objective, `"min"` or `"max"`.
    """
    measured = [
        record["scores"]
        for record in records
        if record["number"] < NUM_MEASURED and len(record.get("scores") or ()) == NUM_SEEDS
    ]
    if number < NUM_MEASURED or len(measured) < NUM_MEASURED // 2:
        return NUM_SEEDS
    return NUM_SEEDS if noise_decides(measured, direction) else 1


def noise_decides(pairs: list[list[float]], direction: str) -> bool:
    """Tells whether the spread of the better half is not clearly larger than a seed's noise."""
    noise = statistics.mean((first - second) ** 2 / 2 for first, second in pairs)
    means = sorted((sum(pair) / NUM_SEEDS for pair in pairs), reverse=direction == "max")
    better = means[: max(2, (len(means) + 1) // 2)]
    spread = statistics.variance(better) - noise / NUM_SEEDS
    return spread <= _CLEARLY * noise
