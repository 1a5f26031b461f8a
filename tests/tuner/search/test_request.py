"""A request carries the data options of a run, whatever they are; older searches stay theirs."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from tiny_search import request

import zoo
from bench.data import tasks
from bench.data.dataset import Split
from bench.errors import BenchError
from bench.records import config, options
from tuner import __main__ as command_line
from tuner.commands import search as search_command
from tuner.report import text
from tuner.search import confirm, loading
from tuner.search.resolve import resolve
from tuner.space import ready
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


@pytest.mark.parametrize("model", sorted(ready.SPACES))
def test_a_number_of_labels_is_taken_where_it_has_an_effect_and_refused_elsewhere(model):
    """What a trial trains on says which models it has an effect on."""
    labels = np.arange(40) % 2
    split = Split(np.zeros((40, 8, 8, 1), "float32"), labels=labels)
    all_kept, few_kept = (tasks.pairs(zoo.get(model).task, split, n) for n in (None, 10))
    has_effect = any(
        not np.array_equal(ours, theirs)
        for ours, theirs in zip(all_kept, few_kept, strict=True)
        if not isinstance(ours, dict)
    )
    asked = request(None, model, settings={}, num_labels=10)
    if has_effect:
        asked.check()
        return
    with pytest.raises(BenchError, match=r"--num-labels is for models .*semi_supervised_m2") as e:
        asked.check()
    assert f"Received: model {model!r}. Leave it out." in str(e.value)


def test_more_labels_than_training_images_are_refused_with_their_number():
    asked = request(None, "semi_supervised_vae", settings={}, num_labels=128)
    assert loading.load(asked).dataset.num_train == 128
    with pytest.raises(BenchError, match=r"training images, 128\. Received: 129"):
        loading.load(dataclasses.replace(asked, num_labels=129))
