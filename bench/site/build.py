"""The site: its source is written into a folder, and Sphinx makes pages of it."""

import io
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.errors import BenchError
from bench.records import store
from bench.report import html
from bench.site import contents, experiments, leaderboard, links
from bench.site.models import Models
from bench.site.pages import START, Pages
from bench.site.reference import Reference
from bench.site.source import Source
from zoo.registry import table

HERE = Path(__file__).parent
SIGN = ".buildinfo"  # that Sphinx leaves in a site


def build(root: Path, output: Path, tell: Callable[[str], None] = lambda text: None) -> list[str]:
    """Builds the site; a site that is there is replaced when the new one is whole.

    Args:
        root: Folder of the repository.
        output: Folder of the site.
        tell: Takes lines on how far it is.

    Returns:
        The warnings; the site is written if there is none.

    Raises:
        BenchError: if `root` is no checkout, or `output` holds something else than a site.
    """
    check(root, output)
    store.check_writable(output.parent)
    with tempfile.TemporaryDirectory(prefix=".site-", dir=output.parent) as made:
        folder = Path(made)
        num = write_source(root, folder / "source")
        tell(f"{num} pages written; Sphinx makes HTML of them")
        warnings = run_sphinx(folder / "source", folder / "html", folder / "doctrees")
        warnings = warnings or links.broken(folder / "html")
        if not warnings:
            if output.exists():
                output.rename(folder / "old")
            (folder / "html").rename(output)
    return warnings


def check(root: Path, output: Path) -> None:
    """Raises BenchError where a site cannot be built from, or to, a folder."""
    if not (root / "docs").is_dir() or not (root / "README.md").is_file():
        raise BenchError(
            f"{root} holds no README.md and docs/. Run this in a checkout of the repository."
        )
    is_empty = output.is_dir() and not any(output.iterdir())
    if output.exists() and not is_empty and not (output / SIGN).is_file():
        raise BenchError(f"{output} exists and holds no site. Name another folder by --output.")


def write_source(root: Path, folder: Path) -> int:
    """Writes the Markdown of all pages, and the files that they show; returns how many pages.

    Args:
        root: Folder of the repository.
        folder: A new folder.
    """
    pages = Pages(root, table.MODELS)
    found = experiments.experiments(root)
    reference = Reference(Source(root), pages.texts["ARCHITECTURE"])
    models = Models(root, reference, found, pages.guides)
    texts = {**reference.pages(), **models.pages(), leaderboard.PAGE: leaderboard.page(found)}
    pages.files |= {each.file for each in found}
    pages.files |= {each.picture for each in found if each.picture}
    for name in pages.texts:
        is_start = name == START
        texts["index" if is_start else name] = pages.page(name, _notebook(pages, name, folder))
    texts["index"] += f"\n{contents.toctrees(pages.guides)}\n"
    while new := {name: text for name, text in pages.shown.items() if name not in texts}:
        texts |= {name: f"---\norphan: true\n---\n\n{text}" for name, text in new.items()}
    for name, text in texts.items():
        _write(folder / f"{name}.md", text)
    for file in pages.files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / file, folder / file)
    shutil.copytree(HERE / "static", folder / "static")
    shutil.copyfile(html.FOLDER / "board.js", folder / "static/board.js")
    shutil.copyfile(HERE / "conf.py", folder / "conf.py")
    return len(texts)


def _notebook(pages: Pages, name: str, folder: Path) -> str:
    """Writes the notebook of a guide that has code; returns the line that leads to it."""
    import nbformat

    from bench.site import notebooks

    text = pages.texts[name]
    if name not in pages.guides or not notebooks.has_code(text):
        return ""
    file = f"notebooks/{Path(name).name}.ipynb"
    made = notebooks.notebook(text, (pages.root / name).parent)
    _write(folder / file, nbformat.writes(made))
    return f"[This page as a notebook](../{file})\n"


def run_sphinx(source: Path, target: Path, doctrees: Path) -> list[str]:
    """Runs Sphinx; returns its warnings, with paths as the source has them."""
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    said = io.StringIO()
    with patch_docutils(source), docutils_namespace():
        app = Sphinx(
            *(source, source, target, doctrees, "html"),
            status=None,
            warning=said,
            freshenv=True,
            parallel=os.cpu_count() or 1,
        )
        app.build(force_all=True)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", said.getvalue()).splitlines()
    return [line.replace(f"{source}{os.sep}", "") for line in lines if line.strip()]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
