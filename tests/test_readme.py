"""The README's Python blocks run, and what they print is what the README shows."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from skimage.io import imread

import zoo

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"```python\n(.*?)```\n(?:\n?It prints[^\n]*\n\n?```text\n(.*?)```)?", re.DOTALL)
BLOCKS = BLOCK.findall(TEXT)
MOST_MOVED = 3  # of 255, from one machine to another


def test_there_are_blocks():
    assert BLOCKS


@pytest.mark.parametrize(("code", "shown"), BLOCKS, ids=range(len(BLOCKS)))
def test_python_block(code, shown, tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=300,
        env={**__import__("os").environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert result.returncode == 0, result.stderr
    for name in re.findall(r'"(\w+\.png)"', code):
        assert f"](docs/pictures/{name})" in TEXT
        drawn, shown_there = (imread(f / name) for f in (tmp_path, ROOT / "docs/pictures"))
        assert drawn.shape == shown_there.shape
        assert np.abs(drawn.astype(int) - shown_there).max() <= MOST_MOVED
    without_numbers = [re.sub(r"[\d.]+", "#", text).split() for text in (result.stdout, shown)]
    if shown:
        assert without_numbers[0] == without_numbers[1]


def test_it_is_a_front_door_and_no_manual():
    assert len(TEXT.splitlines()) <= 150


def test_every_model_has_a_row():
    text = (ROOT / "docs/models.md").read_text()
    for name in zoo.names():
        assert re.search(rf"^\| `{name}` \|.*https://", text, re.MULTILINE), name


def test_both_commands_install_the_package():
    for marker in ("run", "tests"):
        block = re.search(rf"<!-- {marker} -->\s*```bash\n(.*?)```", TEXT, re.DOTALL)
        assert block, marker
        assert "pip install" in block[1], marker


def test_what_the_test_command_leaves_out_is_run_before_a_change_is_taken():
    """An empty `-m` on the command line undoes the one of pyproject.toml."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]
    assert settings["ini_options"]["addopts"][-2:] == ["-m", "not slow"]
    assert re.search(r"PYTEST_ADDOPTS=.*-m ''", (ROOT / ".ci/run").read_text())


def test_links_inside_the_repository_exist():
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", TEXT):
        assert (ROOT / target).exists(), target
