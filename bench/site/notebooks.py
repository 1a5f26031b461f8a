"""A guide becomes a notebook: its code cells are the guide's code, with what it printed.

Python blocks are cells; commands that `<!-- run -->` marks are cells that call the shell; other
blocks stay text, as the guide shows them and does not run them.
"""

import base64
import re
from pathlib import Path

import nbformat
from nbformat import v4

from bench.site.pages import FENCE, LINK

INSTALL = 'pip install "keras-autoencoder-zoo[cpu]"'
_RUN = "<!-- run -->\n"
_PRINTED = re.compile(r"\A\s*It (?:prints|printed here):\n\n```text\n(?P<text>.*?)```\n", re.DOTALL)
_COMMENT = re.compile(r"^<!-- .*? -->\n", re.MULTILINE)
_PICTURE = re.compile(r"!\[([^\]]*)\]\(((?!https?://)[^)\s]+)\)")


def has_code(text: str) -> bool:
    """Tells whether a page has code that runs."""
    return any(_is_run(text, block) for block in FENCE.finditer(text))


def notebook(text: str, folder: Path) -> nbformat.NotebookNode:
    """Returns the notebook of a page.

    Args:
        text: Markdown.
        folder: That its pictures are named from; they become part of the notebook.
    """
    cells, rest = [], text
    while block := _next_run(rest):
        before = rest[: block.start()].removesuffix(_RUN)
        cells += _text_cell(before, folder)
        code, rest = block["code"].rstrip("\n"), rest[block.end() :]
        source = code if block["language"] == "python" else _as_shell(code)
        outputs = []
        if printed := _PRINTED.match(rest):
            outputs = [v4.new_output("stream", name="stdout", text=printed["text"])]
            rest = rest[printed.end() :]
        cells.append(v4.new_code_cell(source, outputs=outputs))
    cells += _text_cell(rest, folder)
    note = (
        f"This notebook needs the package: `{INSTALL}`, or `pip install -e .[cpu]` in its folder."
    )
    cells.insert(1, v4.new_markdown_cell(note))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.validate(made)
    return made


def _next_run(text: str) -> re.Match | None:
    return next((block for block in FENCE.finditer(text) if _is_run(text, block)), None)


def _is_run(text: str, block: re.Match) -> bool:
    is_marked = text[: block.start()].endswith(_RUN)
    return block["language"] == "python" or (block["language"] == "bash" and is_marked)


def _as_shell(code: str) -> str:
    """Returns commands as lines of a cell; a line that ends in a backslash goes on."""
    lines, goes_on = [], False
    for line in code.splitlines():
        is_command = line.strip() and not line.startswith("#") and not goes_on
        lines.append(f"!{line}" if is_command else line)
        goes_on = line.endswith("\\")
    return "\n".join(lines)


def _text_cell(text: str, folder: Path) -> list[nbformat.NotebookNode]:
    """Returns a cell of text with its pictures in it, or none; links to other pages are text."""
    attachments = {}

    def picture(found: re.Match) -> str:
        path = folder / found[2]
        attachments[path.name] = {"image/png": base64.b64encode(path.read_bytes()).decode()}
        return f"![{found[1]}](attachment:{path.name})"

    text = _PICTURE.sub(picture, _COMMENT.sub("", text))
    text = LINK.sub(
        lambda found: found[0] if found["mark"] or "://" in found["target"] else found["text"], text
    ).strip()
    if not text:
        return []
    cell = v4.new_markdown_cell(text)
    if attachments:
        cell["attachments"] = attachments
    return [cell]
