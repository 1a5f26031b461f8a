"""What of the committed records is an experiment, and what is told of the rest."""

from pathlib import Path

from bench.site import experiments

ROOT = Path(__file__).parents[3]


def test_lines_of_an_experiment_that_are_left_out_are_told(tmp_path, found, capsys):
    folder = tmp_path / experiments.FOLDER
    folder.mkdir(parents=True)
    source = ROOT / experiments.FOLDER / "biased_footwear.jsonl"
    lines = source.read_text().splitlines()
    (folder / "whole.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "damaged.jsonl").write_text("\n".join([lines[0][:99], *lines[1:]]) + "\n")
    (folder / "of_another_kind.jsonl").write_text('{"workload": "dense32"}\n' * 3)
    by_name = {each.name: each for each in experiments.experiments(tmp_path)}
    assert set(by_name) == {"whole", "damaged"}
    (whole,) = [each for each in found if each.name == "biased_footwear"]
    assert len(by_name["whole"].records) == len(whole.records)
    assert len(by_name["damaged"].records) == len(whole.records) - 1
    (line,) = capsys.readouterr().err.splitlines()
    damaged = folder / "damaged.jsonl"
    assert line == f"warning: {damaged} line 1: cut off or not JSON; left out."
