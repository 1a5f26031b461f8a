"""A ranking as files, as JSON, in a terminal, and on the page of a run."""

import json

import pytest

from bench import __main__ as command_line
from bench.records import store
from bench.report import write
from tests.bench.leaderboard.test_across import THREE, records_of


def write_run(folder, records):
    for record in records:
        store.append(folder / store.FILE_NAME, record)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    top = tmp_path_factory.mktemp("runs")
    by_data = {record.data.name: [] for record in THREE}
    for record in THREE:
        by_data[record.data.name].append(record)
    return [str(write_run(top / name, members)) for name, members in by_data.items()]


def test_files_hold_the_ranking_and_its_pictures(folders, tmp_path, capsys):
    assert command_line.main(["rank", *folders, "--output", str(tmp_path / "all")]) == 0
    printed = capsys.readouterr().out
    assert "vae small" in printed
    assert all(len(line) <= 80 for line in printed.splitlines() if str(tmp_path) not in line)
    names = {path.name for path in (tmp_path / "all").iterdir()}
    pictures = {"critical_differences.png", "performance_profiles.png"}
    assert names == {*pictures, "ranking.md", "ranking.html"}
    text = (tmp_path / "all/ranking.md").read_text()
    assert "| vae small | 1.33 |" in text
    assert all(f"]({name})" in text for name in pictures)
    page = (tmp_path / "all/ranking.html").read_text()
    assert page.count("data:image/png") == 4  # two pictures, for light and for dark ground
    assert "Too few data sets to test pairs" in page


def test_json_has_the_numbers(folders, capsys):
    assert command_line.main(["rank", *folders, "--json", "--baselines"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["num_data_sets"], told["num_models"]) == (3, 3)
    first = told["models"][0]
    assert (first["model"], first["is_baseline"]) == ("pca", True)
    assert first["profile"]["1"] == 1.0
    assert told["missing"] == [{"model": "upae small", "lacks": "not on bb, failed on ccc"}]
    assert told["least_wilcoxon_p"] == 0.25


def test_a_run_of_several_data_sets_shows_the_ranking_and_one_of_one_does_not(tmp_path):
    write.write(write_run(tmp_path / "three", THREE))
    assert "Over all data sets" in (tmp_path / "three" / write.PAGE).read_text()
    write.write(write_run(tmp_path / "one", records_of("a", {"vae": [1.0], "sparse": [2.0]})))
    assert "Over all data sets" not in (tmp_path / "one" / write.PAGE).read_text()


def test_what_is_not_there_is_refused_in_one_line(tmp_path, capsys):
    for path in (tmp_path / "nope", tmp_path / "nope" / "records.jsonl"):
        assert command_line.main(["rank", str(path)]) == 2
        text = capsys.readouterr().err
        assert text.startswith("error: no records at")
        assert text.endswith(f"--output {tmp_path / 'nope'}\n")
