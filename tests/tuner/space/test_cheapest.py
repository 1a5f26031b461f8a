"""The cheapest setting: none of the whole space is cheaper, and few are looked at."""

import itertools
import math

import pytest

from tuner.space.cheapest import cheapest, smallest
from tuner.space.parameters import Boolean, Choice, Fixed, Float, Int, When
from tuner.space.space import Space

SPACE = Space(
    "autoencoder",
    {
        "code": Int(2, 256, 16, step=2, log=True),
        "depth": Int(1, 4, 2),
        "width": Choice((8, 16, 32), 16),
        "kernel": Choice((3, 4, 5), 3),
        "hidden_layers": Int(0, 2, 0),
        "hidden_width": Int(32, 512, 128, step=2, log=True, when=When("hidden_layers", (1, 2))),
        "activation": Choice(("relu", "elu", "gelu"), "relu"),
        "norm": Choice((None, "batch"), None),
        "plain": Boolean(False),
        "units": Choice(((64, 64), (16, 16), (32, 32)), (64, 64)),
        "rate": Float(0.0, 0.5, 0.1),
        "batch_size": Choice((16, 64), 64),
        "up": Fixed("transpose"),
    },
)


def weights(values, side=32, code=None):
    """Weights as a network of strided convolutions has them; deeper, its last map is smaller."""
    values = SPACE.complete(values)
    code, channels, total = code or values["code"], 1, 0
    for stage in range(values["depth"]):
        wider = values["width"] * 2**stage
        total += values["kernel"] ** 2 * channels * wider + wider * (2 if values["norm"] else 0)
        channels = wider
    last = channels * (side // 2 ** values["depth"]) ** 2
    for layer in range(values["hidden_layers"]):
        units = max(1, values["hidden_width"] // 2**layer)
        total, last = total + last * units, units
    return total + last * code + sum(values["units"]) + (0 if values["plain"] else 50)


def every_setting():
    values = {
        "code": (2, 256),
        "depth": (1, 2, 3, 4),
        "width": (8, 16, 32),
        "kernel": (3, 5),
        "hidden_layers": (0, 1, 2),
        "hidden_width": (32, 64, 512),
        "norm": (None, "batch"),
        "plain": (True, False),
        "units": ((64, 64), (16, 16), (32, 32)),
    }
    for chosen in itertools.product(*values.values()):
        yield dict(zip(values, chosen, strict=True))


@pytest.mark.parametrize("code", [None, 8, 256, 2000])
def test_no_setting_of_the_space_is_cheaper(code):
    seen = []

    def cost_of(values):
        seen.append(str(SPACE.complete(values)))
        return weights(values, code=code)

    values, cost = cheapest(SPACE, cost_of)
    assert cost == weights(values, code=code)
    assert cost == min(weights(each, code=code) for each in every_setting())
    assert len(set(seen)) == len(seen) < 60


def test_it_ends_at_the_first_within_the_limit():
    seen = []

    def cost_of(values):
        seen.append(values)
        return weights(values)

    first = weights(smallest(SPACE))
    assert cheapest(SPACE, cost_of, limit=first) == (smallest(SPACE), first)
    assert len(seen) == 1
    _, cost = cheapest(SPACE, cost_of, limit=first - 50)
    assert cost <= first - 50
    assert len(seen) < 20


def test_settings_that_the_model_does_not_take_are_passed_by():
    def cost_of(values):
        return math.inf if values["kernel"] == 3 else weights(values)

    values, cost = cheapest(SPACE, cost_of)
    assert values["kernel"] == 4
    assert cost == weights(values)
    assert cheapest(SPACE, lambda values: math.inf)[1] == math.inf
