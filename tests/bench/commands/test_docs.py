"""Tables of pages are those of the committed records, and nothing else of a page changes."""

from pathlib import Path

import pytest

from bench import __main__
from bench.commands import docs
from bench.errors import BenchError

ROOT = Path(__file__).parents[3]
PAGES = sorted(page for form in docs.PAGES for page in ROOT.glob(form))
RECORDS = "bench/results/fashion_mnist_models.jsonl"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_is_up_to_date(page):
    text = page.read_text()
    assert docs.fill(text, ROOT) == text


def test_there_are_tables_of_every_kind():
    text = "".join(page.read_text() for page in PAGES)
    for kind in docs.KINDS:
        assert f"<!-- end of {kind} -->" in text, kind


def test_only_what_is_between_marks_changes(tmp_path, monkeypatch, capsys):
    page = tmp_path / "page.md"
    (tmp_path / "bench").symlink_to(ROOT / "bench")
    monkeypatch.chdir(tmp_path)
    before = f"text\n<!-- results: {RECORDS} mse -->\n"
    after = "<!-- end of results -->\n<!-- results: in a text -->\n"
    page.write_text(f"{before}old\n{after}")
    with pytest.raises(BenchError, match=r"2 lines .* have 1 ends"):
        docs.outdated([page], tmp_path)
    after = after.splitlines()[0]
    page.write_text(f"{before}old\n{after}")
    assert __main__.main(["docs", "page.md"]) == 0
    assert "page.md written" in capsys.readouterr().out
    text = page.read_text()
    assert text.startswith(before)
    assert text.endswith(after)
    assert "old" not in text
    assert "| vae small" in text
    assert __main__.main(["docs", "page.md"]) == 0
    assert "page.md is up to date" in capsys.readouterr().out


def test_a_missing_record_file_is_named_and_no_page_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bench").symlink_to(ROOT / "bench")
    text = "<!-- results: {} mse -->\n<!-- end of results -->\n"
    (tmp_path / "README.md").write_text(text.format(RECORDS))
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/page.md").write_text(text.format("bench/results/gone.jsonl"))
    assert __main__.main(["docs"]) == 2
    assert "docs/page.md: bench/results/gone.jsonl does not exist" in capsys.readouterr().err
    assert (tmp_path / "README.md").read_text() == text.format(RECORDS)


def test_check_says_what_is_out_of_date_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bench").symlink_to(ROOT / "bench")
    text = f"<!-- results: {RECORDS} mse -->\nold\n<!-- end of results -->\n"
    (tmp_path / "README.md").write_text(text)
    assert __main__.main(["docs", "--check"]) == 1
    assert "README.md is out of date" in capsys.readouterr().out
    assert (tmp_path / "README.md").read_text() == text
    assert __main__.main(["docs"]) == 0
    assert __main__.main(["docs", "--check"]) == 0


@pytest.mark.parametrize(("old", "new"), __main__.OLD_NAMES.items())
def test_the_old_name_of_a_command_works_and_says_the_new_one(old, new, capsys):
    with pytest.raises(SystemExit) as stop:
        __main__.main([old, "--help"])
    assert stop.value.code == 0
    printed = capsys.readouterr()
    assert f"python -m bench {new}" in printed.out
    assert f"`{old}` is now called `{new}`" in printed.err


def test_a_folder_without_pages_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert __main__.main(["docs"]) == 2
    assert "no README.md" in capsys.readouterr().err
