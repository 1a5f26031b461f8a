"""Tables in a terminal: one line a row, and none wider than the console."""

import io

import pytest
from rich.console import Console

from zoo import aligned


def shown(*arguments, width=40, **options):
    console = Console(file=io.StringIO(), width=width)
    aligned.show(console, *arguments, **options)
    return console.file.getvalue().splitlines()


def test_rows_are_aligned_by_what_they_hold():
    lines = shown(("name", "n", "what"), [("a", "7", "x"), ("long", "1,234", "y")], numeric=("n",))
    assert lines == ["name      n  what", "a         7  x", "long  1,234  y"]


def test_what_is_too_wide_is_cut_in_the_column_that_gives_way():
    rows = [("a" * 30, "b" * 30)]
    assert shown(("one", "two"), rows, width=44)[1] == "a" * 30 + "  " + "b" * 11 + "…"
    assert shown(("one", "two"), rows, width=44, gives_way="one")[1].endswith("…  " + "b" * 30)


@pytest.mark.parametrize("width", [5, 12, 20, 79])
def test_no_line_is_wider_than_the_console_and_each_row_has_one(width):
    rows = {"first " * 5: [("a" * 20, "1", "字" * 20)] * 3, "second": [("b", "2", "c")]}
    lines = shown(("name", "n", "what"), rows, width=width, numeric=("n",))
    assert len(lines) == 1 + 2 + 4
    assert all(aligned.width([line]) <= width for line in lines)


def test_addresses_in_a_paragraph_stay_whole():
    address = "https://example.org/" + "a-b" * 30
    lines = aligned.paragraph(f"words before {address} words after", 40, "  ").splitlines()
    assert lines == ["  words before", f"    {address}", "    words after"]
