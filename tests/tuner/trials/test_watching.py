"""What ends a training early: patience, and the median of earlier trials."""

import types

import pytest
from tiny_search import run

from tuner.trials import watching
from tuner.trials.objectives import Objective


def trained(curve, direction="max", **settings):
    """Runs the callback on a model whose objective goes along a curve; returns both."""
    state = types.SimpleNamespace(weights=None, stop_training=False)
    left = iter(curve)
    objective = Objective("x", direction, measure=lambda model, split: next(left))
    measured = watching.Measured(objective, None, **settings)
    measured._model = types.SimpleNamespace(
        stop_training=False,
        get_weights=lambda: len(measured.curve),
        set_weights=lambda weights: setattr(state, "weights", weights),
    )
    for epoch in range(len(curve)):
        measured.on_epoch_end(epoch)
        if measured._model.stop_training:
            break
    measured.on_train_end()
    return measured, state


def test_patience_takes_the_best_weights_back():
    measured, state = trained([1.0, 3.0, 2.0, 2.5, 9.0], patience=2)
    assert (measured.curve, measured.score, state.weights) == ([1.0, 3.0, 2.0, 2.5], 3.0, 2)
    assert not measured.is_pruned


@pytest.mark.parametrize(
    ("curve", "direction", "epochs"),
    [
        ([0.0, 1.0, 1.9, 9.0], "max", 3),  # below the median of 2 after the third epoch
        ([0.0, 5.0, 1.0, 1.0], "max", 4),  # its best so far is above
        ([0.0, 0.5, 9.0, 9.0], "max", 2),
        ([9.0, 1.5, 9.0, 9.0], "min", 2),
        ([9.0, 1.0, 2.0, 2.0], "min", 4),  # as good as the median is not worse
    ],
)
def test_what_is_worse_than_the_median_ends_and_keeps_its_last_weights(curve, direction, epochs):
    measured, state = trained(curve, direction, medians=(1.0, 1.0, 2.0, 2.0))
    assert len(measured.curve) == epochs
    assert measured.is_pruned == (epochs < len(curve))
    assert (measured.score, state.weights) == (curve[epochs - 1], None)


def test_the_median_is_of_the_best_so_far_where_five_trials_were():
    curves = [[1.0, 0.0, 5.0], [2.0, 3.0, 4.0], [3.0, 2.0], [4.0, 4.0], [5.0, 6.0]]
    records = [{"curves": [curve]} for curve in curves] + [{"curves": None}, {}]
    assert watching.medians(records, "max") == (3.0, 3.0)
    assert watching.medians(records, "min") == (3.0, 2.0)
    assert watching.medians(records[:4], "max") == ()


def test_a_search_ends_poor_trainings_and_keeps_their_curves(tmp_path):
    asked = {"epochs": 3, "max_trials": 8, "prune": True, "seed": 3}
    project = run(tmp_path, **asked).project
    curves = [trial["curves"][0] for trial in project.trials.values()]
    assert [trial["scores"] for trial in project.trials.values()] == [[c[-1]] for c in curves]
    assert [trial["num_epochs"] for trial in project.trials.values()] == [[len(c)] for c in curves]
    assert all(len(curve) == 3 for curve in curves[: watching.FEWEST_CURVES])
    before = list(project.trials.values())
    for number in range(watching.FEWEST_CURVES, 8):
        medians = watching.medians(before[:number], "max")
        is_poor = max(curves[number][:2]) < medians[1]
        assert (len(curves[number]) == 2) == is_poor
