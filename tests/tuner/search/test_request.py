"""A request carries the data options of a run, whatever they are; older searches stay theirs."""

import dataclasses
import json
from pathlib import Path

import pytest
from tiny_search import request

from bench.records import config, options
from tuner import __main__ as command_line
from tuner.commands import search as search_command
from tuner.report import text
from tuner.search import confirm
from tuner.search.resolve import resolve
from tuner.trials.store import Project

COMMITTED = Path(__file__).parents[3] / "bench/results/search_autoencoder_fashion_mnist"
# Values beside the default, of options that no rule gives one.
CHANGED = {
    "dataset": "mine.npz",
    "noise": "gaussian:0.2",
    "resize": (16, 8),
    "value_range": (0.0, 4095.0),
    "foreground": "above:127",
    "separator": ",",
}


def other_value(option):
    if option.kind is options.FLAG:
        return True
    if option.choices:
        return option.choices[-1]
    return CHANGED.get(option.name, 3 if option.kind.read is int else "word")


@pytest.mark.parametrize("option", config.DATA, ids=lambda option: option.name)
def test_each_data_option_of_a_run_is_one_of_the_search(option, tmp_path):
    """From the command line into the identity, and from there to both commands of the report."""
    value = other_value(option)
    words = ["search", "autoencoder", *option.words(value)]
    asked = search_command._request(command_line.make_parser().parse_args(words))
    assert getattr(asked, option.name) == value
    assert asked.loading_identity[option.name] == value

    identity = Project.open(COMMITTED).identity | json.loads(json.dumps(asked.loading_identity))
    project = Project(COMMITTED, identity)
    again = confirm._request(project, identity["reference"], 3)
    assert getattr(again, option.asked) == value
    assert " ".join(option.words(value)) in text.search_command(project)


def test_options_at_their_default_leave_the_identity_of_older_searches():
    """Those that the first searches had are in it; younger ones only where they are given."""
    committed = Project.open(COMMITTED).identity
    first = {option.name for option in config.DATA if not option.since}
    assert first <= set(committed)
    assert not {option.name for option in config.DATA if option.since} & set(committed)

    asked = request(None, "autoencoder", limit=128)
    identity = resolve(asked).identity
    assert {k: identity[k] for k in first} == {
        "dataset": "digits",
        "noise": None,
        "limit": 128,
        "resize": None,
    }
    assert set(identity) | {"schema_version"} == set(committed)
    changed = resolve(dataclasses.replace(asked, skip_unreadable=False)).identity
    assert changed == identity
