"""The parser that the three command lines share."""

import itertools
import sys

import pytest

import bench.__main__
import tuner.__main__
import zoo.__main__
from zoo.parser import SCRIPTS

MAINS = {"zoo": zoo.__main__, "zoo-bench": bench.__main__, "zoo-tune": tuner.__main__}


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_and_errors_name_what_was_started(script, capsys, monkeypatch):
    parser = MAINS[script].make_parser()
    for started, name in ((f"/usr/bin/{script}", script), ("__main__.py", SCRIPTS[script])):
        monkeypatch.setattr(sys, "argv", [started])
        text = parser.format_help()
        assert f"usage: {name} [-h] COMMAND" in text
        assert f"  {name} " in text.split("examples:")[1]
        assert (SCRIPTS[script] in text) == (name == SCRIPTS[script])
        with pytest.raises(SystemExit) as stop:
            parser.parse_args(["fly"])
        assert stop.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ")
        assert line.endswith(f"See {name} --help")


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_fits_80_columns(script, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    program = MAINS[script].make_parser()
    for parser in (program, *program._commands.choices.values()):
        wide = [line for line in parser.format_help().splitlines() if len(line) > 80]
        assert [line for line in wide if " " in line.strip()] == []  # a word alone stays whole


def _parsers(script):
    program = MAINS[script].make_parser()
    return [program, *program._commands.choices.values()]


@pytest.mark.parametrize("script", SCRIPTS)
def test_usage_is_short_and_names_what_must_be_given(script, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for parser in _parsers(script):
        usage = parser.format_usage()
        assert len(usage.splitlines()) <= 3, usage
        options = [action for action in parser._actions if action.option_strings]
        if "[options]" in usage:
            options = [action for action in options if action.required]
        assert [a.dest for a in options if a.option_strings[0] not in usage] == []


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("script", SCRIPTS)
def test_no_word_of_a_help_is_broken(script, columns, monkeypatch):
    for parser in _parsers(script):
        monkeypatch.setenv("COLUMNS", "500")
        words = set(parser.format_help().split())
        monkeypatch.setenv("COLUMNS", str(columns))
        assert set(parser.format_help().split()) <= words | {"\\"}


@pytest.mark.parametrize("script", SCRIPTS)
def test_lines_of_a_description_are_filled(script, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for parser in _parsers(script):
        text = parser.format_help()
        for paragraph in (parser.description or "").split("\n\n"):
            start = text.index(paragraph.split(" ")[0])
            lines = text[start:].split("\n\n")[0].splitlines()
            for line, after in itertools.pairwise(lines):
                assert len(f"{line} {after.split(' ')[0]}") > 80


@pytest.mark.parametrize(
    ("script", "arguments", "message"),
    [
        ("zoo", "lst", "Received: lst. Did you mean 'list'? See python -m zoo --help"),
        ("zoo-tune", "serach vae", "Did you mean 'search'? See"),
        (
            "zoo-bench",
            "run --jit maybe",
            "--jit must be one of auto, on, off. Received: maybe.",
        ),
        ("zoo-bench", "run --datasett x", "unknown option --datasett. Did you mean '--dataset'?"),
        ("zoo-tune", "show runs/x --limt=3", "unknown option --limt=3. Did you mean '--limit'?"),
        ("zoo", "check scans more", "one word too many: more. See python -m zoo check --help"),
        ("zoo-tune", "search vae --epochs x", "--epochs must be a whole number. Received: x. See"),
        ("zoo-bench", "run --resize 64", "error: --resize must be HEIGHTxWIDTH. Received: '64'."),
    ],
)
def test_a_slip_of_the_pen_is_answered_in_one_line(script, arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        MAINS[script].make_parser().parse_args(arguments.split())
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


@pytest.mark.parametrize(
    ("script", "arguments"),
    [
        ("zoo", ["check", "scans", "--range"]),
        ("zoo-bench", ["run", "--range"]),
        ("zoo-tune", ["search", "vae", "--range"]),
    ],
)
def test_a_range_that_starts_with_a_minus_is_a_value(script, arguments):
    options = MAINS[script].make_parser().parse_args([*arguments, "-1..1"])
    found = [value for name, value in vars(options).items() if "range" in name]
    assert found == [(-1.0, 1.0)]
