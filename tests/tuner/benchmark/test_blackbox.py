"""Published tables of trainings: what a setting is worth, and what is no such table."""

import json

import numpy as np
import pytest

from bench.errors import BenchError
from tuner.__main__ import main
from tuner.benchmark import blackbox, problems

SPACE = {
    "LAYERS": {"domain_cls": "Categorical", "domain_kwargs": {"categories": [2, 3, 4]}},
    "DROP": {
        "domain_cls": "Float",
        "domain_kwargs": {"lower": 0, "upper": 0.9},
        "sampler_cls": "Uniform",
        "sampler_kwargs": {},
    },
    "RATE": {
        "domain_cls": "Float",
        "domain_kwargs": {"lower": 1e-5, "upper": 1e-1},
        "sampler_cls": "LogUniform",
        "sampler_kwargs": {},
    },
    "epochs": 300,
}
SETTINGS = [
    {"LAYERS": 2, "DROP": 0.1, "RATE": 1e-4},
    {"LAYERS": 2, "DROP": 0.1, "RATE": 1e-2},
    {"LAYERS": 4, "DROP": 0.8, "RATE": 1e-2},
]
# (tasks, settings, seeds, fidelities, objectives)
VALUES = np.array(
    [
        [[[[9.0, 0.5]], [[7.0, 0.7]]], [[[4.0, 0.9]], [[6.0, 0.8]]], [[[1.0, 0.1]], [[3.0, 0.3]]]],
        [[[[1.0, 0.2]], [[1.0, 0.2]]], [[[2.0, 0.3]], [[2.0, 0.3]]], [[[3.0, 0.4]], [[3.0, 0.4]]]],
    ]
)
NAMES = {
    "task_names": ["tcga_rna", "schc_meth"],
    "objectives_names": ["training_runtime", "valid_r2"],
    "default_metric": "valid_r2",
}


def written(folder, values=VALUES, names=NAMES, space=SPACE, settings=SETTINGS):
    """Writes a folder as Syne Tune does."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    folder.mkdir()
    table = pyarrow.Table.from_pylist(settings)
    parquet.write_table(table, folder / blackbox.SETTINGS, compression="gzip")
    np.save(folder / blackbox.VALUES, values.astype("float32"))
    (folder / blackbox.SPACE).write_text(json.dumps(space))
    (folder / blackbox.NAMES).write_text(json.dumps(names))
    return folder


def test_a_setting_is_worth_what_the_nearest_one_reached(tmp_path):
    found = {each.name: each for each in blackbox.read(written(tmp_path / "varix"))}
    assert list(found) == ["varix/tcga_rna", "varix/schc_meth"]
    problem = found["varix/tcga_rna"]
    assert list(problem.space.free) == ["LAYERS", "DROP", "RATE"]
    assert problem.optimum == pytest.approx(-0.85)  # of the mean over seeds, higher is better
    assert problem.about == "valid_r2, higher is better, 3 settings"
    for values, seed, score in (
        (SETTINGS[0], 0, -0.5),
        (SETTINGS[0], 1, -0.7),
        (SETTINGS[1], 2, -0.9),  # seeds in turn
        ({"LAYERS": 2, "DROP": 0.2, "RATE": 2e-4}, 0, -0.5),
        ({"LAYERS": 2, "DROP": 0.2, "RATE": 2e-3}, 0, -0.9),  # halfway is at 1e-3
        ({"LAYERS": 4, "DROP": 0.7, "RATE": 5e-3}, 0, -0.1),
    ):
        assert problem.look(values, seed, 1).score == pytest.approx(score)
    assert problem.look(SETTINGS[2], 0, 1).true == pytest.approx(-0.2)
    assert found["varix/schc_meth"].optimum == pytest.approx(-0.4)


def test_an_objective_that_is_to_be_low(tmp_path):
    problem, _ = blackbox.read(written(tmp_path / "varix"), "training_runtime")
    assert problem.optimum == pytest.approx(2.0)
    assert problem.look(SETTINGS[0], 1, 1).score == pytest.approx(7.0)


def test_trainings_without_a_value_are_left_out_and_counted(tmp_path):
    values = VALUES.copy()
    values[0, 1, 1, 0, 1] = np.nan
    problem, other = blackbox.read(written(tmp_path / "varix", values))
    assert problem.about.endswith("2 settings (1 without a value left out)")
    assert problem.optimum == pytest.approx(-0.6)
    assert problem.look(SETTINGS[1], 0, 1).score == pytest.approx(-0.5)
    assert other.about.endswith("3 settings")
    values[0, ..., 1] = np.nan
    with pytest.raises(BenchError, match="tcga_rna: no setting has a finite value for valid_r2"):
        blackbox.read(written(tmp_path / "empty", values))


@pytest.mark.parametrize("is_known_earlier", [True, False])
def test_values_after_each_epoch_are_used_where_there_are_some(tmp_path, is_known_earlier):
    earlier = VALUES + 10 if is_known_earlier else np.full_like(VALUES, np.nan)
    values = np.concatenate([earlier, VALUES], axis=3)
    problem, _ = blackbox.read(written(tmp_path / "varix", values), "training_runtime")
    assert problem.epochs == (2 if is_known_earlier else 1)
    scores = [problem.look(SETTINGS[0], 0, epoch + 1).score for epoch in range(problem.epochs)]
    assert scores == ([19.0, 9.0] if is_known_earlier else [9.0])


def test_every_kind_of_domain_is_read(tmp_path):
    whole = {"lower": 1, "upper": 100}
    finite = {"lower": 1, "upper": 1000, "size": 4, "log_scale": True, "cast_int": True}
    space = {
        "a": {"domain_cls": "Integer", "domain_kwargs": whole, "sampler_cls": "LogUniform"},
        "b": {"domain_cls": "FiniteRange", "domain_kwargs": finite},
        "c": {"domain_cls": "Ordinal", "domain_kwargs": {"categories": ["low", "high"]}},
    }
    settings = [{"a": 1, "b": 10, "c": "low"}, {"a": 100, "b": 1000, "c": "high"}]
    folder = written(tmp_path / "all", VALUES[:, :2], space=space, settings=settings)
    problem, _ = blackbox.read(folder)
    assert problem.space.free["a"].log
    assert problem.space.free["b"].values == (1, 10, 100, 1000)
    assert problem.look(settings[1], 0, 1).score == pytest.approx(-0.9)


@pytest.mark.parametrize(
    ("change", "objective", "said"),
    [
        ({"values": VALUES[:, :2]}, None, r"here \(2, 3, seeds, fidelities, 2\)"),
        ({}, "r2", "--objective must be of training_runtime, valid_r2"),
        (
            {"names": NAMES | {"objectives_names": ["a", "b"], "default_metric": "a"}},
            None,
            "a:lower",
        ),
        ({"space": SPACE | {"DROP": {"domain_cls": "Function"}}}, None, "domain of 'DROP' must be"),
        ({"space": SPACE | {"DROP": {"domain_cls": "Float"}}}, None, "cannot read the domain of"),
        ({"space": SPACE | {"BETA": SPACE["DROP"]}}, None, "no column BETA"),
        (
            {"settings": [each | {"LAYERS": 7} for each in SETTINGS]},
            None,
            "LAYERS must be of 2, 3, 4",
        ),
    ],
)
def test_what_is_no_blackbox_is_refused(tmp_path, change, objective, said):
    folder = written(tmp_path / "varix", **change)
    with pytest.raises(BenchError, match=said):
        blackbox.read(folder, objective)


@pytest.mark.parametrize(
    "name", [blackbox.SPACE, blackbox.NAMES, blackbox.VALUES, blackbox.SETTINGS]
)
def test_a_missing_or_broken_file_is_named(tmp_path, name):
    folder = written(tmp_path / "varix")
    (folder / name).write_bytes(b"[1")
    with pytest.raises(BenchError, match=f"cannot read .*{name}.* Is it a blackbox"):
        blackbox.read(folder)
    (folder / name).unlink()
    with pytest.raises(BenchError, match=f"cannot read .*{name}"):
        blackbox.read(folder)


def test_searches_are_compared_on_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(problems, "_ADDED", {})
    folder, output = written(tmp_path / "varix"), str(tmp_path / "out")
    asked = ["benchmark", "--output", output, "--searches", "random", "bayesian"]
    asked += ["--blackbox", str(folder)]
    assert main([*asked, "--seeds", "1", "--problems", "varix/tcga_rna"]) == 0
    assert "varix/tcga_rna" in capsys.readouterr().out
    lines = (tmp_path / "out/records.jsonl").read_text().splitlines()
    assert [json.loads(line)["regret"][-1] for line in lines] == [0, 0]  # 40 trials of 3 points
    assert main([*asked, "--report"]) == 0
    monkeypatch.setattr(problems, "_ADDED", {})
    assert main(["benchmark", "--output", output, "--report"]) == 2
    out = capsys.readouterr()
    assert "left out, give their --blackbox: varix/tcga_rna" in out.out
    assert main(["benchmark", "--objective", "valid_r2"]) == 2
    assert "is of a --blackbox FOLDER" in capsys.readouterr().err
