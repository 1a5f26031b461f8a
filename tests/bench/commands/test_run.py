"""`bench run`: the page that comes by itself, and what is on standard output."""

import json
import shutil
import webbrowser

import numpy as np
import pytest

from bench import __main__ as command_line
from bench.execution import session
from bench.report import live, write

QUICK = ("--models", "autoencoder:tiny", "--seeds", "1", "--epochs", "1", "--timing-rounds", "0")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished run of one small model, so that what follows only tells of it."""
    folder = tmp_path_factory.mktemp("run")
    images = np.random.default_rng(0).random((60, 8, 8, 1)).astype("float32")
    np.savez(folder / "images.npz", images=images)
    assert command_line.main(arguments(folder)) == 0
    return folder


def arguments(folder, *more):
    return ["run", "--dataset", f"{folder}/images.npz", "--output", f"{folder}/run", *QUICK, *more]


def test_the_page_is_written_at_the_end(folder):
    page = (folder / "run" / "report.html").read_text()
    assert "autoencoder" in page
    assert "This run still goes on" not in page
    assert "<p>Next: " in page
    assert 'http-equiv="refresh"' not in page


def test_the_last_line_says_where_the_page_is(folder, capsys):
    command_line.main(arguments(folder))
    printed = capsys.readouterr().out
    assert "Next: " in printed
    assert printed.rstrip().endswith(f"{folder}/run/report.html")
    assert "jobs are finished already" in printed


def test_quiet_leaves_the_result_alone(folder, capsys):
    command_line.main(arguments(folder, "--quiet"))
    printed = capsys.readouterr().out
    assert "jobs are finished already" not in printed
    assert "autoencoder tiny" in printed
    assert "Next: " in printed


def test_json_is_all_that_is_on_standard_output(folder, capsys):
    assert command_line.main(arguments(folder, "--json")) == 0
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert [row["model"] for row in result["rows"] if row["kind"] == "model"] == ["autoencoder"]
    assert result["num_kept"] == len(result["rows"])
    assert result["num_failed"] == result["num_run"] == 0
    assert result["page"] == f"{folder}/run/report.html"
    assert len(result["words"][0]["sentences"]) == 3
    assert "jobs are finished already" in printed.err


@pytest.mark.parametrize("more", [(), ("--open",)])
def test_the_page_is_opened_only_where_that_is_asked_for(folder, more, monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    command_line.main(arguments(folder, "--quiet", *more))
    assert opened == [(folder / "run" / "report.html").as_uri()] * len(more)


def test_a_run_that_is_stopped_leaves_a_page_and_says_how_to_go_on(
    folder, tmp_path, capsys, monkeypatch
):
    def run(asked, console, after_job):
        after_job(2, 14)
        after_job(3, 14)  # too soon for another page
        raise KeyboardInterrupt

    shutil.copytree(folder / "run", tmp_path / "run")
    monkeypatch.setattr(session, "run", run)
    assert command_line.main([*arguments(folder), "--output", str(tmp_path / "run")]) == 130
    said = capsys.readouterr().err
    assert f"what is finished: {tmp_path}/run/report.html" in said
    assert said.rstrip().endswith("the same command goes on.")
    page = (tmp_path / "run" / "report.html").read_text()
    assert "This run was stopped: 3 of 14 jobs are done. The same command goes on." in page


def test_the_page_says_how_far_a_run_is_and_is_not_written_all_the_time(folder, monkeypatch):
    now, written = [100.0], []

    def write_page(output, progress):
        written.append(progress)
        now[0] += 0.5  # seconds that it takes

    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(write, "write_page", write_page)
    page = live.LivePage(folder / "run", pytest.fail)
    for done in range(1, 61):
        page.after_job(done, 60)
        now[0] += 1
    assert "1 of 60 jobs are done" in written[0]
    assert len(written) == 3  # a fiftieth of the time: every 25 seconds


def test_a_page_that_cannot_be_written_does_not_end_a_run(tmp_path):
    warnings = []
    page = live.LivePage(tmp_path, warnings.append)
    page.after_job(1, 2)
    assert not page.finish()
    assert len(warnings) == 2
    assert "no records at" in warnings[0]
