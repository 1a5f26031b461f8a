"""What the command refuses, and a small site from end to end."""

import importlib.util
from pathlib import Path

import pytest

from bench.site import __main__ as command
from bench.site import build, links

ROOT = Path(__file__).parents[3]


def test_a_folder_that_is_no_checkout_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command.main([]) == 2
    assert "Run this in a checkout" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("is_file", [True, False])
def test_what_is_no_site_is_not_replaced(is_file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    output = tmp_path / "mine"
    kept = output if is_file else output / "thesis.txt"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("kept")
    assert command.main(["--output", str(output)]) == 2
    assert "exists and holds no site" in capsys.readouterr().err
    assert kept.read_text() == "kept"


def test_a_folder_that_cannot_be_written_is_refused(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert command.main(["--output", "/proc/none/site"]) == 2
    assert "/proc/none" in capsys.readouterr().err


def test_a_build_that_is_stopped_leaves_the_site_that_was_there(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    site = tmp_path / "site"
    site.mkdir()
    (site / build.SIGN).write_text("earlier")

    def stop(root, folder):
        folder.mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "write_source", stop)
    assert command.main(["--output", str(site)]) == 130
    assert "an earlier one is as it was" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [site]
    assert (site / build.SIGN).read_text() == "earlier"


def test_a_missing_package_is_named_with_the_fix(monkeypatch, capsys):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "furo" else found(name)
    )
    assert command.main([]) == 2
    assert 'furo is not installed. Try: pip install -e ".[docs]"' in capsys.readouterr().err


def test_links_that_lead_nowhere_are_named(tmp_path):
    (tmp_path / "b.html").write_text('<p id="here">')
    (tmp_path / "a.html").write_text(
        '<a href="b.html#here">1</a><a href="b.html#gone">2</a><a href="c.html">3</a>'
        '<img src="d.png"><a href="https://example.org/x">4</a><a href="#">5</a><a href="#e">6</a>'
    )
    assert links.broken(tmp_path) == [
        "a.html: b.html#gone leads nowhere",
        "a.html: c.html leads nowhere",
        "a.html: d.png leads nowhere",
        "a.html: #e leads nowhere",
    ]


@pytest.mark.slow
def test_the_source_of_all_pages_is_written(tmp_path):
    num = build.write_source(ROOT, tmp_path)
    assert len(list(tmp_path.rglob("*.md"))) == num > 100
    guides = [p for p in (ROOT / "docs").glob("*.md") if "```python" in p.read_text()]
    made = {path.stem for path in (tmp_path / "notebooks").iterdir()}
    assert {guide.stem for guide in guides} <= made
    assert (tmp_path / "static/board.js").is_file()


def test_warnings_of_sphinx_are_found(tmp_path):
    """A page with a broken link and a page that nothing leads to: a warning each, no site."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "conf.py").write_text('extensions = ["myst_parser"]\n')
    (source / "index.md").write_text("# Start\n\n[gone](gone.md)\n")
    (source / "alone.md").write_text("# Alone\n")
    found = build.run_sphinx(source, tmp_path / "html", tmp_path / "doctrees")
    assert len(found) == 2, found
    assert any("gone.md" in line for line in found)
    assert any(line.startswith("alone.md") for line in found), found
