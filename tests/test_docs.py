"""The guides' code runs and prints what they show; what they point to is there.

A guide is run from top to bottom in an empty folder: its Python blocks in one namespace, and the
commands that `<!-- run -->` marks, in this process, as Python is slow to start. What it printed is
compared with the text below `It prints:` to the letter, and below `It printed here:` but for the
numbers. Its pictures are those that its own code saves, or those of committed records.
"""

import ast
import io
import re
import shlex
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

import keras
import matplotlib
import pytest

import bench.__main__
import tuner.__main__
import zoo.__main__

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PICTURES, RESULTS = DOCS / "pictures", ROOT / "bench/results"
GUIDES = sorted(DOCS.glob("*.md"))
TASKS = ("reconstruct", "denoise", "detect_anomalies", "segment", "generate", "tune")
PROGRAMS = {"zoo": zoo.__main__, "bench": bench.__main__, "tuner": tuner.__main__}
BLOCK = re.compile(
    r"(<!-- run -->\n)?^```(python|bash)\n(.*?)^```$"
    r"(?:\n\n(It prints|It printed here):\n\n```text\n(.*?)```)?",
    re.DOTALL | re.MULTILINE,
)
LINK = re.compile(r"(!?)\[[^\]]*\]\((?!https?://)([^)#]*)(?:#([^)]*))?\)")
MAX_PICTURE_BYTES = 200_000
MAX_RESULT_BYTES = 600_000  # of committed records: several images per model

by_guide = pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)


class Block(NamedTuple):
    """A block of code and the text that is said to come out of it."""

    language: str
    code: str
    line: int
    is_run: bool
    claim: str
    shown: str


def blocks(guide: Path) -> list[Block]:
    text = guide.read_text()
    return [
        Block(
            found[2],
            found[3],
            text.count("\n", 0, found.start(3)),
            found[2] == "python" or found[1] is not None,
            found[4] or "",
            found[5] or "",
        )
        for found in BLOCK.finditer(text)
    ]


def commands(code: str) -> list[list[str]]:
    """Returns the words of each command of the project; other commands, such as pip, are left."""
    lines = code.replace("\\\n", " ").splitlines()
    found = [shlex.split(line, comments=True) for line in lines]
    return [words[2:] for words in found if words[:2] == ["python", "-m"] and words[2] in PROGRAMS]


def words_of(text: str, is_exact: bool) -> list[str]:
    if not is_exact:
        text = re.sub(r"-?\d[\d.,]*(e-?\d+)?", "#", text)
    return text.split()


@pytest.mark.slow
@by_guide
def test_guide_runs(guide, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    matplotlib.use("Agg")
    namespace = {"__name__": guide.stem}
    for block in blocks(guide):
        if not block.is_run:
            continue
        place = f"{guide.name}:{block.line}"
        with redirect_stdout(io.StringIO()) as printed:
            if block.language == "python":
                # So many empty lines that a traceback names the line of the guide.
                exec(compile("\n" * block.line + block.code, guide.name, "exec"), namespace)
            else:
                found = commands(block.code)
                assert found, f"{place} marks no command of the project"
                for program, *arguments in found:
                    assert PROGRAMS[program].main(arguments) == 0, (place, program, arguments)
        if block.claim:
            is_exact = block.claim == "It prints"
            expected = words_of(block.shown, is_exact)
            assert words_of(printed.getvalue(), is_exact) == expected, place
    matplotlib.pyplot.close("all")
    keras.backend.clear_session()
    for picture in own_pictures(guide):
        assert (tmp_path / picture.name).stat().st_size < MAX_PICTURE_BYTES


def own_pictures(guide: Path) -> list[Path]:
    """Returns the pictures that the guide's own code makes."""
    shown = [guide.parent / target for mark, target, _ in LINK.findall(guide.read_text()) if mark]
    return [path for path in shown if path.resolve().parent == PICTURES]


@by_guide
def test_every_command_can_be_parsed(guide):
    """Also those that are not run: an option that is gone must go from the guide too."""
    for block in blocks(guide):
        for program, *arguments in commands(block.code) if block.language == "bash" else []:
            PROGRAMS[program].make_parser().parse_args(arguments)


@by_guide
def test_links_and_pictures_are_there(guide):
    for mark, target, anchor in LINK.findall(guide.read_text()):
        path = guide.parent / target if target else guide
        assert path.exists(), target
        if mark:
            place = path.resolve()
            assert place.parent == PICTURES or place.is_relative_to(RESULTS), target
            own = path in own_pictures(guide)
            assert path.stat().st_size < (MAX_PICTURE_BYTES if own else MAX_RESULT_BYTES), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", t).lower().replace(" ", "-") for t in titles}


def test_no_picture_is_left_over():
    pages = [*GUIDES, ROOT / "README.md"]  # tests/test_readme.py draws the picture of the last
    shown = {picture.name for page in pages for picture in own_pictures(page)}
    assert {path.name for path in PICTURES.iterdir()} == shown


@pytest.mark.parametrize("name", TASKS)
def test_task_guide_is_whole(name):
    """What a guide owes its reader: code, what it prints, a picture, and where not to use it."""
    guide = DOCS / f"{name}.md"
    text = guide.read_text()
    assert any(block.is_run and block.shown for block in blocks(guide))
    assert own_pictures(guide)
    titles = re.findall(r"^## (.*)$", text, re.MULTILINE)
    for title in ("How to choose the model", "Your own images", "When not to use it"):
        assert title in titles
    assert len(text.partition("## When not to use it")[2].split()) > 40


# --- findings ---------------------------------------------------------------------------------

FINDINGS = (DOCS / "findings.md").read_text()
GUARDS = re.findall(r"`(tests/[\w/]+\.py)::([\w:]+)`", FINDINGS)


def names_of_tests(path: Path) -> set[str]:
    """Returns the names of tests, those of a class as `Class::test`."""
    body = ast.parse(path.read_text()).body
    classes = [(f"{node.name}::", node.body) for node in body if isinstance(node, ast.ClassDef)]
    return {
        f"{prefix}{node.name}"
        for prefix, nodes in [("", body), *classes]
        for node in nodes
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


@pytest.mark.parametrize(("path", "name"), GUARDS, ids=[name for _, name in GUARDS])
def test_guard_exists(path, name):
    assert name in names_of_tests(ROOT / path)


def test_every_finding_has_a_guard():
    findings = re.split(r"^## ", FINDINGS, flags=re.MULTILINE)[1:]
    assert len(findings) >= 7
    for finding in findings:
        assert re.search(r"`tests/[\w/]+\.py::\w+", finding), finding.splitlines()[0]
