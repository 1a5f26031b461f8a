"""The help of each command, as a terminal of 80 columns shows it."""

import importlib

import pytest

from bench import __main__ as command_line

DESCRIBED = [
    each.name
    for each in command_line.COMMANDS
    if hasattr(importlib.import_module(each.module), "DESCRIPTION")
]


@pytest.mark.parametrize("name", [each.name for each in command_line.COMMANDS])
def test_no_line_is_wider_than_the_terminal(name, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        command_line.main([name, "--help"])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


@pytest.mark.parametrize("name", DESCRIBED)
def test_no_sentence_is_broken_before_the_end_of_its_line(name, monkeypatch, capsys):
    """A line that did not fit would be followed by the rest of it, short, in mid-sentence."""
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        command_line.main([name, "--help"])
    shown = capsys.readouterr().out
    (module,) = [each.module for each in command_line.COMMANDS if each.name == name]
    assert importlib.import_module(module).DESCRIPTION.strip() in shown
