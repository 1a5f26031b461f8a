"""The frame of a page."""

import re

from bench.report import html


def test_of_many_warnings_all_but_five_begin_folded():
    lines = [f"line {number} <b>" for number in range(12)]
    text = html.page("a", "b", (), (), lines)
    open_part, _, folded = text.partition("<details><summary>And 7 more</summary>")
    found = [re.findall(r"<li>(line \d+ &lt;b&gt;)</li>", part) for part in (open_part, folded)]
    assert [len(part) for part in found] == [5, 7]
    assert found[0] + found[1] == [line.replace("<b>", "&lt;b&gt;") for line in lines]


def test_few_warnings_are_all_open():
    text = html.page("a", "b", (), (), ["line"] * 5)
    assert text.count("<li>line</li>") == 5
    assert "<details>" not in text
