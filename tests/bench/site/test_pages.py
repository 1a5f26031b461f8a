"""The repository's own pages: every link of theirs leads to something that the site has."""

import re
from pathlib import Path, PurePosixPath

import pytest

from bench.site import contents
from bench.site.pages import FENCE, LINK, Pages

ROOT = Path(__file__).parents[3]


@pytest.fixture
def small(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "code").mkdir()
    (tmp_path / "code/a.py").write_text('"""Text with ``` in it."""\n')
    (tmp_path / "code/b.jsonl").write_text("{}\n")
    (tmp_path / "code/c.md").write_text("# Tables\n")
    (tmp_path / "README.md").write_text("# Start\n\n[a](docs/a.md) [code](code)\n")
    (tmp_path / "docs/a.md").write_text(
        "# A\n\n[start](../README.md) [py](../code/a.py) [b](../code/b.jsonl) [gone](gone.md)\n"
        "[out](../../etc/passwd) [web](https://example.org) [here](#a)\n\n"
        "| `vae` | `other` |\n\n```text\n[raw](../code/a.py) | `vae`\n```\n"
    )
    return Pages(tmp_path, ["vae"])


def test_links_lead_to_pages_files_and_lists(small):
    text = small.page("docs/a", "below")
    assert text.startswith("# A\n\nbelow\n")
    assert "[start](../index.md) [py](../files/code/a.py.md) [b](../code/b.jsonl)" in text
    assert "[web](https://example.org) [here](#a)" in text
    assert "| [`vae`](../models/vae.md) | `other` |" in text
    assert "[raw](../code/a.py) | `vae`" in text  # what is in a block of code stays
    assert small.files == {"code/b.jsonl"}
    assert "[code](files/code/index.md)" in small.page("README")
    assert "- [a.py](../../files/code/a.py.md)" in small.shown["files/code/index"]
    assert "- [c.md](../../files/code/c.md)" in small.shown["files/code/index"]
    assert small.shown["files/code/c"] == "# Tables\n"  # a page, not a file that Sphinx finds
    assert "````python" in small.shown["files/code/a.py"]


def test_what_is_not_there_or_outside_is_left_for_sphinx_to_name(small):
    text = small.page("docs/a")
    assert "[gone](gone.md)" in text
    assert "[out](../../etc/passwd)" in text
    assert small.files == {"code/b.jsonl"}


def test_every_link_of_the_repository_has_its_target(pages):
    texts = {name: pages.page(name) for name in pages.texts}
    known = {"index", *texts, *pages.shown, *(f"models/{name}" for name in pages.models)}
    for page, text in texts.items():
        folder = PurePosixPath("" if page == "README" else page).parent
        for link in LINK.finditer(FENCE.sub("", text)):
            if not link["target"] or "://" in link["target"]:
                continue
            parts = []
            for part in (folder / link["target"]).parts:
                parts = parts[:-1] if part == ".." else [*parts, part]
            target = "/".join(parts)
            assert target.removesuffix(".md") in known or target in pages.files, (page, target)


def test_contents_reach_every_page_once(pages):
    trees = contents.toctrees(pages.guides)
    lines = [line for line in trees.splitlines() if re.fullmatch(r"[\w/]+|.* <[\w/]+>", line)]
    reached = [line.partition("<")[2].rstrip(">") or line for line in lines]
    assert len(reached) == len(set(reached))
    assert set(pages.guides) <= set(reached)
    assert "docs/new" in contents.toctrees([*pages.guides, "docs/new"])
