"""A run of models of your own, each job in a process: rows, resume, refusals before the work."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import zoo
from bench.errors import BenchError
from bench.execution import session
from bench.leaderboard import rows as leaderboard_rows
from bench.records import rerun, store
from bench.report import tables

ROOT = Path(__file__).parents[3]


@pytest.fixture
def here(tmp_path, monkeypatch):
    shutil.copy(ROOT / "tests/own_example.py", tmp_path / "someones.py")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow  # several processes
def test_a_model_a_file_and_a_detector_are_rows_beside_ours(here, tiny_request, quiet):
    zoo.create("autoencoder", (8, 8, 1), preset="tiny").save(here / "saved.keras")
    models = ("autoencoder:tiny", "someones:build:width=3", "saved.keras", "someones.py:Far")
    asked = tiny_request(here / "runs", models=models, normal_classes=("0",), limit=300)
    outcome = session.run(asked, quiet)
    assert outcome.num_failed == 0
    rows = {row.name: row for row in leaderboard_rows.rows(outcome.records) if not row.baseline}
    assert set(rows) == {"autoencoder tiny", "someones:build", "saved.keras", "someones.py:Far"}
    assert rows["saved.keras"].is_as_it_is
    assert rows["saved.keras"].num_seeds == 1
    assert rows["someones:build"].record.model.params_total == 9 * 3 + 3 + 3 + 1
    assert rows["someones.py:Far"].record.model.origin == "detector"
    assert rows["someones.py:Far"].quality["auroc"].mean > 0.9
    notes = " ".join(tables.own_notes(list(rows.values())))
    assert "Measured as saved, without any update: saved.keras." in notes
    again = rerun.command(Path("again"), outcome.records)
    assert "someones:build:width=3" in again
    assert session.run(asked, quiet).num_run == 0  # all are kept
    (here / "someones.py").write_text((here / "someones.py").read_text() + "# other\n")
    assert session.run(asked, quiet).num_run == 4  # two rows of two seeds are new


@pytest.mark.slow  # several processes
def test_what_cannot_be_measured_ends_the_run_before_it_begins(here, tiny_request, quiet):
    for name, message in (("wrong_shape", "must give images"), ("quits", "cannot be tried")):
        with pytest.raises(BenchError, match=message):
            session.run(tiny_request(here / "runs", models=("vae", f"someones:{name}")), quiet)
        assert not (here / "runs" / store.FILE_NAME).exists()


@pytest.mark.slow  # several processes
def test_what_a_module_prints_is_not_in_the_json(here):
    (here / "loud.py").write_text("from someones import build\nprint('loud')")
    words = "-m bench run --dataset digits --limit 60 --models loud:build --epochs 1 --seeds 1"
    done = subprocess.run(
        [sys.executable, *words.split(), "--timing-rounds", "0", "--output", "r", "--json"],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )
    assert "loud" in done.stderr
    assert json.loads(done.stdout)["rows"][0]["status"] == "ok"
