"""The comparison of searches: known optima, what regret means, records, the table, its training."""

import dataclasses
import io
import itertools
import json

import numpy as np
import pytest

from bench.errors import BenchError
from tuner.algorithms.encoding import UnitCube
from tuner.benchmark import functions, problems, report, run
from tuner.benchmark.problems import Seen
from tuner.commands import benchmark as command
from tuner.space.hypermodel import hyperparameters

ONE_AIM = [name for name, each in functions.FUNCTIONS.items() if not each.front_volume]


@pytest.mark.parametrize("name", ONE_AIM)
def test_no_setting_is_below_the_optimum_and_one_has_it(name):
    function = functions.FUNCTIONS[name]
    assert function.error(function.best) == pytest.approx(function.optimum, abs=1e-4)
    cube = UnitCube(hyperparameters(function.space).space)
    generator = np.random.default_rng(0)
    drawn = cube.draw(generator, 2_000)
    drawn = np.concatenate([drawn, cube.near(generator, cube.rows([function.best])[0], 500, 0.02)])
    for values in map(cube.values, drawn):
        if function.limit is None or function.size(values) <= function.limit:
            assert function.error(values) >= function.optimum - 1e-6
    if function.limit is not None:
        assert function.size(function.best) <= function.limit


def test_the_true_front_has_the_stated_volume():
    problem = problems.get("two_aims")
    trials = [
        problem.look(
            {
                "parameters": 10 ** (3 + 3 * u),
                "learning_rate": 10 ** (-2 - u),
                "depth": 2,
                "activation": "gelu",
            },
            0,
            1,
        )
        for u in np.linspace(0, 1, 400)
    ]
    assert problem.volume(trials) == pytest.approx(problem.optimum, rel=5e-3)
    assert problem.volume(trials) < problem.optimum


def test_regret_is_of_the_trial_that_would_be_handed_over():
    problem = dataclasses.replace(problems.get("branin"), optimum=1.0)
    trials = [Seen(5.0, 6.0), Seen(7.0, 1.0), Seen(4.0, 8.0), Seen(3.0, 2.0)]
    assert problem.regrets(trials) == [5.0, 5.0, 7.0, 1.0]


def test_a_search_is_recorded_once_and_goes_on(tmp_path):
    asked = (("branin", "limited", "two_aims"), ("random", "bayesian"))
    short = run.run(tmp_path, *asked, 1)
    lines = (tmp_path / run.FILE).read_text().splitlines()
    assert len(lines) == len(short) == 6
    (tmp_path / run.FILE).write_text("\n".join([*lines[:-1], lines[-1][:20]]))
    told = []
    again = run.run(tmp_path, *asked, 1, lambda *each: told.append(each))
    timeless = [[{**r, "seconds": 0} for r in records] for records in (short, again)]
    assert timeless[0] == timeless[1]
    assert told[-1][:2] == (6, 6)
    for record in short:
        regret = record["regret"]
        assert all(0 <= later <= earlier for earlier, later in itertools.pairwise(regret))
    limited = {r["search"]: r["refused"] for r in short if r["problem"] == "limited"}
    assert limited["random"] > limited["bayesian"]


def test_ranks_are_means_over_problems_with_an_interval_over_seeds():
    records = [
        {"problem": name, "search": search, "seed": seed, "regret": [value] * len(run.CHECKPOINTS)}
        for name in ("branin", "mixed")
        for seed in range(3)
        for search, value in (("a", 1.0), ("b", 2.0 if name == "branin" else 0.5), ("c", 3.0))
    ]
    records.append(dict(records[0], search="d"))  # not of every problem
    ranks = report.mean_ranks(records, False, 10)
    assert {search: each.mean for search, each in ranks.items()} == {"a": 1.5, "b": 1.5, "c": 3.0}
    few = [record for record in records if record["search"] != "c" or record["seed"] == 0]
    assert set(report.mean_ranks(few, False, 10)) == {"a", "b"}


def test_the_command_writes_tables_and_curves(tmp_path, capsys):
    asked = ["--problems", "branin", "--searches", "random", "--seeds", "2"]
    options = _parsed([*asked, "--output", str(tmp_path)])
    assert command.command(options) == 0
    text = (tmp_path / report.TABLES).read_text()
    assert "| branin | random | **" in text
    assert (tmp_path / report.CURVES).read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(BenchError, match="Did you mean 'branin'"):
        command.command(_parsed(["--problems", "brann", "--output", str(tmp_path)]))


def test_a_picture_has_as_many_panels_as_problems_and_few_seeds_are_not_the_best(monkeypatch):
    records = [
        {"problem": name, "search": search, "seed": seed, "regret": [value] * len(run.CHECKPOINTS)}
        | {"seconds": 0.1, "refused": 0}
        for name in ("branin", "mixed", "steep", "levy")
        for search, value, num_seeds in (("a", 2.0, 3), ("b", 1.0, 1))
        for seed in range(num_seeds)
    ]
    rows = [row for row in report.markdown(records).splitlines() if row.startswith("| levy")]
    assert ["**" in row for row in rows] == [True, False]
    drawn = []
    monkeypatch.setattr(report, "_draw_curve", lambda axes, *rest: drawn.append(axes))
    stream = io.BytesIO()
    report.draw(records, stream)
    assert len(drawn[0].figure.axes) == 4
    assert drawn[0].get_title(loc="left") == "branin\nsmooth, 2 numbers"


@pytest.mark.parametrize("regret", ["NaN", "Infinity"])
def test_a_regret_that_is_no_number_is_named(tmp_path, regret):
    line = '{"problem": "branin", "search": "random", "seed": 3, "regret": [1.0, %s]}\n'
    (tmp_path / run.FILE).write_text(line % regret)
    with pytest.raises(BenchError, match=r"of random on branin, seed 3\. Remove the line"):
        run.read(tmp_path)


def test_one_search_has_no_table_of_ranks(tmp_path, capsys):
    record = {"problem": "branin", "search": "random", "seed": 0, "refused": 0, "seconds": 0.0}
    record["regret"] = [0.0] * len(run.CHECKPOINTS)
    (tmp_path / run.FILE).write_text(json.dumps(record) + "\n")
    assert command.command(_parsed(["--report", "--output", str(tmp_path)])) == 0
    printed = capsys.readouterr().out
    assert "median regret" in printed and "mean rank" not in printed


def _parsed(arguments):
    from tuner.__main__ import make_parser

    return make_parser().parse_args(["benchmark", *arguments])
