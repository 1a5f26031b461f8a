"""One seed or two: by the noise of a seed and the spread of the settings."""

import numpy as np
import pytest
from tiny_search import run

from tuner.trials import robust


@pytest.mark.parametrize(("noise", "spread", "expected"), [(0.05, 1.0, 1), (1.0, 0.05, 2)])
@pytest.mark.parametrize("direction", ["min", "max"])
def test_two_seeds_where_the_noise_is_larger_than_the_spread(noise, spread, expected, direction):
    right = 0
    for seed in range(40):
        generator = np.random.default_rng(seed)
        settings = spread * generator.normal(size=6)
        records = [
            {
                "number": number,
                "scores": [float(value + e) for e in noise * generator.normal(size=2)],
            }
            for number, value in enumerate(settings)
        ]
        right += robust.seeds_of(6, records, direction) == expected
        assert robust.seeds_of(5, records, direction) == 2
        assert robust.seeds_of(6, records[:2], direction) == 2  # too few ended with a score
    assert right >= 36


def test_the_noise_that_means_have_is_no_spread():
    """Means of two differ by the noise alone: variance noise^2 / 2, which is taken off."""
    pairs = [[0.0, 2.0], [1.0, 3.0], [2.0, 0.0], [3.0, 1.0]]  # noise^2 2; means 1, 2, 1, 2
    assert robust.noise_decides(pairs, "min")
    far = [[10.0 * a, 10.0 * a + 2] for a in range(4)]
    assert not robust.noise_decides(far, "min")


def test_a_search_without_noise_goes_on_with_one_seed(pretend, tmp_path):
    """The pretended scores differ by 0.1 between seeds, and by more between settings."""
    project = run(tmp_path, robust=True, max_trials=9).project
    seeds = [len(trial["seeds"]) for trial in project.trials.values()]
    assert seeds == [2] * robust.NUM_MEASURED + [1] * 3
    assert [len(job.models) for job in pretend.jobs] == seeds
    assert run(tmp_path, robust=True, max_trials=10).num_run == 1
