"""Pictures of a search, of made-up trials: what is drawn where."""

import io
import json

import numpy as np
import pytest

pytest.importorskip("keras_tuner")

from tuner.report import importance
from tuner.report.plots import basic, parallel_coordinates, pareto
from tuner.space import ready
from tuner.space.parameters import Choice, Float, Int, When
from tuner.trials.store import Project

SPACE = ready.get("autoencoder").parameters
DEFAULTS = {"latent_dim": 8, "activation": "relu", "batch_size": 32}


def make_trial(number, score, parameters=1000, status="ok", **values):
    return {
        "number": number,
        "status": status,
        "error": None,
        "hyperparameters": DEFAULTS | values,
        "values": DEFAULTS | values,
        "arguments": {},
        "training": {},
        "epochs": 3,
        "score": score,
        "scores": [] if score is None else [score],
        "num_parameters": parameters,
    }


def make_project(folder, trials, **identity):
    base = {
        "schema_version": 1,
        "model": "autoencoder",
        "dataset": "digits",
        "space": {},
        "objective": "psnr",
        "direction": "max",
        "unit": "dB",
        "defaults": DEFAULTS,
        "epochs": 3,
        "executions": 1,
    }
    folder.mkdir(exist_ok=True)
    (folder / "search.json").write_text(json.dumps(base | identity))
    (folder / "trials.jsonl").write_text("".join(json.dumps(trial) + "\n" for trial in trials))
    return Project.open(folder)


def make_many(count, seed=0):
    generator = np.random.default_rng(seed)
    trials = [make_trial(0, 20.0, 5000)]
    for number in range(1, count):
        size = int(2 ** generator.integers(1, 9))
        score = 15 + np.log2(size) + generator.normal(0, 0.3)
        values = {
            "latent_dim": size,
            "activation": str(generator.choice(["relu", "gelu"])),
            "hidden_layers": int(generator.integers(3)),
        }
        if values["hidden_layers"]:
            values["hidden_width"] = int(2 ** generator.integers(5, 10))
        trials.append(make_trial(number, float(score), 100 * size + number, **values))
    return trials


def test_importance_is_drawn_for_light_and_for_dark_ground():
    """The other pictures are looked at on the page, by test_report."""
    shares = {"latent_dim": (0.7, 0.1), "depth": (0.3, 0.2)}
    files = []
    for theme in ("light", "dark"):
        file = io.BytesIO()
        assert basic.importance_bars(importance.Importance(shares, 0.8, 20), file, theme) is True
        files.append(file.getvalue())
        assert files[-1].startswith(b"\x89PNG")
    assert files[0] != files[1]


def test_without_scores_there_is_nothing_to_draw(tmp_path):
    project = make_project(tmp_path, [make_trial(0, None, None, "failed")])
    for function in (
        lambda file: basic.draw(project, file, SPACE),
        lambda file: parallel_coordinates.coordinates(project, file, SPACE),
        lambda file: pareto.front(project, file),
        lambda file: basic.importance_bars(None, file),
    ):
        file = io.BytesIO()
        assert function(file) is False
        assert file.getvalue() == b""
    assert basic.write(project, SPACE) is None


def test_importance_of_noise_is_not_drawn():
    noise = importance.Importance({"depth": (1.0, 0.1)}, explained=-0.2, num_trials=20)
    assert not basic.importance_bars(noise, io.BytesIO())


def test_values_that_the_space_does_not_list_are_drawn(tmp_path):
    trials = [make_trial(k, float(k), batch_size=size) for k, size in enumerate((16, 24, 48))]
    project = make_project(tmp_path, trials)
    assert basic.draw(project, io.BytesIO(), SPACE)
    assert parallel_coordinates.coordinates(project, io.BytesIO(), SPACE)


def test_categories_are_in_the_order_of_the_space_and_numbers_by_size():
    choice = Choice(("relu", "elu", "gelu"), "relu")
    assert basic.in_order(["gelu", "relu", "gelu"], choice) == ["relu", "gelu"]
    assert basic.in_order([64, 48, 16], Choice((16, 64), 16)) == [16, 48, 64]
    widths = Choice(((8, 16), (32,)), (32,))
    assert basic.in_order([[32], [8, 16]], widths) == [[8, 16], [32]]
    assert basic.in_order(["new", None], Choice((None, "old"), None)) == [None, "new"]


def names_of(chart):
    """What is written beside the marks, where anything is."""
    return [mark.name for mark in chart.marks if mark.name]


# --- front --------------------------------------------------------------------------------------


def beaten(record, others, sign, *fields):
    """Whether another record is as good in all and better in one, by definition."""

    def aims(each):
        return (sign * each["score"], *(each[field] for field in fields))

    return any(
        all(x <= y for x, y in zip(aims(other), aims(record), strict=True))
        and aims(other) != aims(record)
        for other in others
    )


@pytest.mark.parametrize("direction", ["min", "max"])
def test_the_front_is_what_no_other_beats(direction, tmp_path):
    project = make_project(tmp_path, make_many(40, seed=3), direction=direction)
    trials = list(project.trials.values())
    sign = 1 if direction == "min" else -1
    expected = {t["number"] for t in trials if not beaten(t, trials, sign, "num_parameters")}
    found = pareto.front_of(project, ["parameters"])
    assert {record["number"] for record in found} == expected
    sizes = [record["num_parameters"] for record in found]
    assert sizes == sorted(sizes)


def test_a_trial_may_be_on_the_front_of_all_costs_and_off_that_of_one(tmp_path):
    trials = [make_trial(0, 20.0, 100), make_trial(1, 19.0, 200), make_trial(2, 18.0, 300)]
    for trial, latency in zip(trials, (3.0, 1.0, 2.0), strict=True):
        trial["costs"] = {"parameters": float(trial["num_parameters"]), "latency": latency}
    project = make_project(tmp_path, trials, costs=["parameters", "latency"])
    assert pareto.cost_names(project) == ("parameters", "latency")
    numbers = {
        costs: [record["number"] for record in pareto.front_of(project, costs)]
        for costs in (("parameters",), ("latency",), ("parameters", "latency"))
    }
    assert numbers == {
        ("parameters",): [0],
        ("latency",): [1, 0],
        ("parameters", "latency"): [0, 1],
    }
    parameters, latency = pareto.charts(project)
    assert (parameters.x_label, latency.x_label) == ("parameters", "latency of one image, ms")
    assert [mark.kind for mark in latency.marks] == ["front", "front", "other"]
    assert names_of(parameters) == ["0 best", "1"]


def test_trials_of_unknown_size_are_left_out(tmp_path):
    trials = make_many(5)
    for trial in trials[2:]:
        del trial["num_parameters"]
    project = make_project(tmp_path, trials)
    assert len(pareto.with_costs(trials, ["parameters"])) == 2
    assert len(pareto.charts(project)) == 1
    del trials[1]["num_parameters"]
    assert not pareto.charts(make_project(tmp_path, trials))


def test_a_chart_marks_the_front_and_names_what_stands_out(tmp_path):
    trials = make_many(12, seed=3)
    trials[0]["values"] = DEFAULTS
    project = make_project(tmp_path, trials)
    (chart,) = pareto.charts(project)
    front = {record["number"] for record in pareto.front_of(project, ["parameters"])}
    on_line = {(t["num_parameters"], t["score"]) for t in trials if t["number"] in front}
    assert {(mark.x, mark.y) for mark in chart.marks if mark.kind == "front"} == on_line
    assert len(chart.marks) == 12
    assert {int(name.split()[0]) for name in names_of(chart)} == front | {0}
    assert f"{project.best['number']} best" in names_of(chart)
    assert "0 defaults" in names_of(chart)


def test_of_a_long_front_some_are_named_its_ends_among_them(tmp_path):
    trials = [make_trial(k, float(k), 100 * (k + 1), seed=k) for k in range(60)]
    (chart,) = pareto.charts(make_project(tmp_path, trials))
    assert 10 <= len(names_of(chart)) <= 16
    assert {"0", "59 best"} <= set(names_of(chart))


# --- parallel coordinates -----------------------------------------------------------------------


def test_a_logarithmic_parameter_stands_where_its_logarithm_is():
    trials = [make_trial(k, 1.0 * k, latent_dim=size) for k, size in enumerate((2, 8, 32))]
    axis = parallel_coordinates._of_parameter(trials, "latent_dim", Int(2, 256, 8, 2, log=True))
    assert axis.places == pytest.approx([0, 0.5, 1])
    ticks = {text: place for place, text in axis.ticks}
    assert ticks == pytest.approx({"2": 0, "4": 0.25, "8": 0.5, "16": 0.75, "32": 1})
    linear = parallel_coordinates._of_parameter(trials, "latent_dim", Float(0.0, 99.0, 1.0))
    assert linear.places == pytest.approx([0, 0.2, 1])


def test_categories_stand_at_equal_distances_and_what_is_not_active_below():
    names = ("relu", "gelu", "elu")
    trials = [make_trial(k, 1.0 * k, activation=name) for k, name in enumerate(names)]
    del trials[2]["values"]["activation"]
    kind = Choice(("relu", "elu", "gelu"), "relu", When("depth", (1,)))
    axis = parallel_coordinates._of_parameter(trials, "activation", kind)
    assert axis.places[:2] == [0, 1]
    assert axis.places[2] < -0.05
    assert [text for _, text in axis.ticks] == ["relu", "gelu", "inactive"]


def test_a_score_far_off_stands_at_the_end_of_its_axis():
    trials = [make_trial(k, score) for k, score in enumerate((20.0, 21.0, 22.0, 23.0, -500.0))]
    axis = parallel_coordinates._of_score(trials, {"objective": "psnr", "direction": "max"})
    assert axis.places[4] == 0
    assert axis.places[3] == 1
    assert 0.2 < axis.places[0] < axis.places[1]
    assert any(text.startswith("≤") for _, text in axis.ticks)
    assert axis.title == "psnr ↑"


def test_equal_values_are_spread_with_the_better_trial_above():
    places = parallel_coordinates._spread([0.5, 0.5, 0.9, 0.5], ranks=[2, 0, 1, 3])
    assert places[1] > places[0] > places[3]
    assert places[2] == 0.9
    assert abs(places - [0.5, 0.5, 0.9, 0.5]).max() < 0.05


def test_eight_parameters_at_most_then_size_and_score(tmp_path, monkeypatch):
    names = list(SPACE)[:12]
    trials = []
    for number in range(12):
        values = dict.fromkeys(names, number % 3 + 1)
        trials.append(make_trial(number, float(number), 100 + number) | {"values": values})
    project, titles = make_project(tmp_path, trials), []
    monkeypatch.setattr(
        parallel_coordinates, "_draw_axis", lambda _, x, axis, __: titles.append(axis.title)
    )
    shares = {name: (1.0 - k / 12, 0.0) for k, name in enumerate(reversed(names))}
    found = importance.Importance(shares, 0.9, 12)
    assert parallel_coordinates.coordinates(project, io.BytesIO(), SPACE, "light", found)
    assert titles == [*list(reversed(names))[:8], "number of\nparameters", "psnr\n(dB) ↑"]
