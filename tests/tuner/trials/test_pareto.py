"""Fronts, hypervolumes and scalarisations against values worked out by hand or by chance."""

import numpy as np
import pytest

from bench.errors import BenchError
from bench.leaderboard.pareto import not_dominated
from tuner.trials import costs, pareto


def record(number, score, parameters, macs=None, **changes):
    plain = {"number": number, "score": score, "num_parameters": parameters, "forward_macs": macs}
    return plain | changes


def numbers(records, **identity):
    return [each["number"] for each in pareto.front(records, {"direction": "max"} | identity)]


# --- the front ----------------------------------------------------------------------------------


def test_a_front_of_old_records_is_of_score_and_parameters():
    records = [
        record(0, 20.0, 1_000),
        record(1, 25.0, 5_000),
        record(2, 24.0, 6_000),  # beaten by 1
        record(3, 20.0, 1_000),  # as 0
        record(4, 30.0, 9_000),
        record(5, None, 10),
        record(6, 40.0, None),
        record(7, 10.0, 10),
    ]
    assert numbers(records) == [7, 0, 1, 4]
    assert numbers(records, direction="min") == [7]


def test_a_front_of_several_costs():
    names = ["macs", "parameters"]
    records = [
        record(0, 1.0, 10, 90),
        record(1, 1.0, 90, 10),
        record(2, 1.0, 90, 90),
        record(3, 2.0, 95, 95),
        record(4, 2.0, 95, 95, costs={"macs": 1.0, "parameters": 99.0}),  # what is named counts
        record(5, 9.0, 1, None),
    ]
    assert numbers(records, costs=names) == [4, 1, 0, 3]
    assert numbers(records[:4], costs=names) == [1, 0, 3]
    assert numbers([], costs=names) == []


def test_a_front_beats_all_the_rest_and_none_of_itself():
    points = np.random.default_rng(0).integers(0, 9, (200, 3))
    kept = np.array(not_dominated(points.tolist()))
    assert 0 < kept.sum() < 200

    def is_beaten(point):
        return any((other <= point).all() and (other != point).any() for other in points)

    assert [not is_beaten(point) for point in points] == kept.tolist()


# --- hypervolume --------------------------------------------------------------------------------


def test_hypervolumes_that_can_be_counted():
    assert pareto.hypervolume([(1, 1)], (3, 4)) == 6
    assert pareto.hypervolume([(0, 2), (1, 1), (2, 0)], (3, 3)) == 6  # a staircase of squares
    assert pareto.hypervolume([(1, 1, 1)], (3, 4, 5)) == 24
    assert pareto.hypervolume([(0, 1, 1), (1, 0, 1), (1, 1, 0)], (2, 2, 2)) == 4
    assert pareto.hypervolume([(5, 0), (0, 4)], (5, 4)) == 0
    assert pareto.hypervolume([], (1, 1)) == 0


def test_a_hypervolume_is_that_of_the_closed_form():
    u = np.linspace(0, 1, 2_001)
    area = pareto.hypervolume(np.column_stack([u, (1 - u) ** 2]), (1, 2))
    assert area == pytest.approx(2 - 1 / 3, abs=1e-3)


@pytest.mark.parametrize("objectives", [2, 3])
def test_a_hypervolume_is_the_share_of_chance_points_that_are_beaten(objectives):
    generator = np.random.default_rng(objectives)
    points = generator.random((12, objectives))
    chance = generator.random((200_000, objectives))
    share = np.zeros(len(chance), dtype=bool)
    for point in points:
        share |= (chance >= point).all(axis=1)
    assert pareto.hypervolume(points, np.ones(objectives)) == pytest.approx(share.mean(), abs=4e-3)


# --- one number out of many ---------------------------------------------------------------------


def test_objectives_are_small_where_good_and_costs_count_by_decades():
    found = pareto.objectives([30, 10], [[100, 5], [1000, 5]], "max")
    np.testing.assert_allclose(found[:, 0], [-30, -10])
    assert found[1, 1] - found[0, 1] == pytest.approx(np.log(10))
    np.testing.assert_allclose(pareto.objectives([3, 1], [[1], [1]], "min"), [[3, 0], [1, 0]])
    assert np.isfinite(pareto.objectives([1.0], [[0.0]], "min")).all()


def test_a_scalarisation_by_hand():
    # 0, 0.5, 1 in the first objective, 1, 0.5, 0 in the second.
    found = pareto.scalarised(
        np.array([[10, 8], [20, 6], [30, 4]]), (0.25, 0.75), np.array([10, 4]), np.array([30, 8])
    )
    expected = [0.75 + 0.05 * 0.75, 0.375 + 0.05 * 0.5, 0.25 + 0.05 * 0.25]
    np.testing.assert_allclose(found, expected)


def test_a_scalarisation_of_equal_trials_is_a_number():
    same = np.ones((2, 2))
    assert np.isfinite(pareto.scalarised(same, (0.5, 0.5), same[0], same[0])).all()


def test_the_best_of_a_scalarisation_is_on_the_front_and_each_of_the_front_is_one():
    angles = np.linspace(0.2, np.pi / 2 - 0.2, 9)
    hollow = np.column_stack(
        [np.cos(angles), np.sin(angles)]
    )  # a sum of weights finds its ends alone
    beaten = hollow + 0.1
    points = np.concatenate([hollow, beaten])
    generator = np.random.default_rng(0)
    picked = {
        int(np.argmin(pareto.scalarised(points, weights, np.zeros(2), np.ones(2))))
        for weights in (pareto.weights(generator, 2) for _ in range(1_000))
    }
    assert picked == set(range(9))


def test_weights_fill_the_simplex_evenly():
    generator = np.random.default_rng(0)
    drawn = np.array([pareto.weights(generator, 3) for _ in range(4_000)])
    np.testing.assert_allclose(drawn.sum(axis=1), 1.0)
    assert (drawn >= 0).all()
    np.testing.assert_allclose(drawn.mean(axis=0), 1 / 3, atol=0.02)
    # A corner of half the side has a quarter of a triangle's area.
    assert (drawn[:, 0] > 0.5).mean() == pytest.approx(0.25, abs=0.03)


# --- costs --------------------------------------------------------------------------------------


def test_costs_of_a_record_by_name():
    found = costs.from_record(
        record(0, 1.0, 12, None, latency_ms=0.5), ("latency", "parameters", "macs")
    )
    assert found == {"latency": 0.5, "parameters": 12.0}


def test_wrong_costs_are_one_line():
    with pytest.raises(BenchError, match="Did you mean 'macs'"):
        costs.get(("mac",))
    with pytest.raises(BenchError, match="given twice"):
        costs.get(("macs", "macs"))
