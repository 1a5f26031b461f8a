"""A guide as a notebook: valid, with the guide's code and nothing else in its code cells."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

from bench.site import notebooks

ROOT = Path(__file__).parents[3]
GUIDES = sorted(
    path for path in (ROOT / "docs").glob("*.md") if notebooks.has_code(path.read_text())
)


def code_of(text):
    """Returns what runs in a guide, read line by line: Python, and the commands that are marked."""
    found, kind, before = [], None, ""
    for line in text.splitlines():
        if kind is None and line.startswith("```"):
            kind = line[3:]
            is_run = kind == "python" or (kind == "bash" and before == "<!-- run -->")
            if is_run:
                found.append([])
            kind = kind if is_run else "shown"
        elif line == "```":
            kind = None
        elif kind in ("python", "bash"):
            found[-1].append(line)
        before = line
    return ["\n".join(lines).rstrip("\n") for lines in found]


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_code_cells_are_the_code_of_the_guide(guide):
    text = guide.read_text()
    made = notebooks.notebook(text, guide.parent)
    nbformat.validate(made)
    cells = [cell for cell in made.cells if cell.cell_type == "code"]
    assert [re.sub(r"^!", "", cell.source, flags=re.MULTILINE) for cell in cells] == code_of(text)
    for cell in cells:
        if not cell.source.startswith("!"):
            ast.parse(cell.source)
    printed = "".join(cell.outputs[0].text for cell in cells if cell.outputs)
    assert printed == "".join(
        re.findall(r"It (?:prints|printed here):\n\n```text\n(.*?)```", text, re.DOTALL)
    )


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_nothing_in_a_notebook_needs_a_file_beside_it(guide):
    made = notebooks.notebook(guide.read_text(), guide.parent)
    for cell in made.cells:
        if cell.cell_type != "markdown":
            continue
        for name in re.findall(r"\]\(attachment:([^)]+)\)", cell.source):
            assert cell.attachments[name]["image/png"]
        outside_of_code = re.sub(r"```.*?```", "", cell.source, flags=re.DOTALL)
        others = re.findall(r"\]\(((?!https?://|attachment:)[^)]*)\)", outside_of_code)
        assert not others


def test_commands_become_lines_of_the_shell():
    text = "# T\n\n<!-- run -->\n```bash\n# first\npython -m zoo list \\\n    --all\nls\n```\n"
    (cell,) = (c for c in notebooks.notebook(text, ROOT).cells if c.cell_type == "code")
    assert cell.source == "# first\n!python -m zoo list \\\n    --all\n!ls"
