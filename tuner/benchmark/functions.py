"""Functions whose optimum or front is known: smooth, rugged, mixed, limited, of two aims.

Sources: Branin, Hartmann and Levy functions, Surjanovic & Bingham, https://www.sfu.ca/~ssurjano.
`names` is a sum of drawn numbers, for each name and for each pair of neighbours. The others have
the parameters of a small network, and are sums of parts with one optimum each.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tuner.space.parameters import Boolean, Choice, Float, Int, When
from tuner.space.space import Space

Values = dict[str, Any]
MODEL = "autoencoder"


@dataclasses.dataclass(frozen=True)
class Function:
    """A function of settings, to be small.

    Attributes:
        optimum: Its least value within the limit.
        best: Settings that have it.
        size: Number of parameters of such a network, for limits and fronts.
        limit: Largest size, or None.
        reference: Of two aims: error, and logarithm of the size.
        front_volume: Hypervolume of the true front up to there.
    """

    about: str
    space: Space
    error: Callable[[Values], float]
    optimum: float
    best: Values
    size: Callable[[Values], float] | None = None
    limit: float | None = None
    reference: tuple[float, float] | None = None
    front_volume: float | None = None


# --- smooth -------------------------------------------------------------------------------------


def branin(values: Values) -> float:
    """Two parameters, three optima."""
    x, y = values["x"], values["y"]
    bowl = (y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6) ** 2
    return bowl + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


_HARTMANN_HEIGHTS = np.array([1.0, 1.2, 3.0, 3.2])
_HARTMANN_WIDTHS = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
_HARTMANN_PLACES = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)
_HARTMANN_BEST = (0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573)


def hartmann6(values: Values) -> float:
    """Six parameters, six local optima."""
    x = np.array([values[f"x{place}"] for place in range(6)])
    away = (_HARTMANN_WIDTHS * (x - _HARTMANN_PLACES) ** 2).sum(axis=1)
    return -float(_HARTMANN_HEIGHTS @ np.exp(-away))


_LEVY_SIDE = 5  # parameters


def levy(values: Values) -> float:
    """Five parameters; a sine makes some hundred local optima around one."""
    w = 1 + (np.array([values[f"x{place}"] for place in range(_LEVY_SIDE)]) - 1) / 4
    found = np.sin(np.pi * w[0]) ** 2
    found += ((w[:-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:-1] + 1) ** 2)).sum()
    return float(found + (w[-1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[-1]) ** 2))


# --- of names -----------------------------------------------------------------------------------

_NUM_CHOICES, _NAMES = 6, ("a", "b", "c", "d")
_OF_ONE, _OF_NEIGHBOURS = (
    np.random.default_rng(0).uniform(0, 1, shape)
    for shape in ((_NUM_CHOICES, len(_NAMES)), (_NUM_CHOICES - 1, len(_NAMES), len(_NAMES)))
)
_OF_NAMES = {
    "learning_rate": Float(1e-5, 1e-1, 1e-4, log=True),
    **{f"choice{place}": Choice(_NAMES, "a") for place in range(_NUM_CHOICES)},
}


def names(values: Values) -> float:
    """Six names, each worth a drawn number, and one with its neighbour; a learning rate."""
    places = [_NAMES.index(values[f"choice{place}"]) for place in range(_NUM_CHOICES)]
    found = sum(row[place] for row, place in zip(_OF_ONE, places, strict=True))
    pairs = zip(_OF_NEIGHBOURS, places, places[1:], strict=False)
    found += sum(part[first, second] for part, first, second in pairs)
    return float(found + (math.log10(values["learning_rate"]) + 3) ** 2 / 2)


def _best_names() -> Values:
    """Returns the best of all 4,096 settings of `names`."""
    every = np.indices((len(_NAMES),) * _NUM_CHOICES).reshape(_NUM_CHOICES, -1)
    rows = np.arange(_NUM_CHOICES)[:, None]
    found = _OF_ONE[rows, every].sum(axis=0)
    found += _OF_NEIGHBOURS[rows[:-1], every[:-1], every[1:]].sum(axis=0)
    best = every[:, found.argmin()]
    return {f"choice{place}": _NAMES[name] for place, name in enumerate(best)} | {
        "learning_rate": 1e-3
    }


# --- such as a network has ----------------------------------------------------------------------

_NOISY = When("noise", (True,))
_PARAMETERS = {
    "learning_rate": Float(1e-5, 1e-1, 1e-4, log=True),
    "base_width": Int(8, 512, 16, step=2, log=True),
    "depth": Int(1, 5, 4),
    "activation": Choice(("relu", "gelu", "tanh", "elu"), "relu"),
    "normalization": Choice((None, "batch", "layer"), None),
}
_CONDITIONAL = {
    "noise": Boolean(False),
    "noise_level": Float(0.0, 1.0, 0.9, when=_NOISY),
    "penalty": Choice(("none", "l1", "l2"), "none"),
    "weight": Float(1e-6, 1.0, 1e-1, log=True, when=When("penalty", ("l1", "l2"))),
}
_BEST = {
    "learning_rate": 10**-2.5,
    "base_width": 128,
    "depth": 2,
    "activation": "gelu",
    "normalization": "batch",
}


def mixed(values: Values) -> float:
    """Numbers and names; a deeper network wants a lower learning rate."""
    rate = math.log10(values["learning_rate"]) + 2.5 + 0.3 * (values["depth"] - 2)
    width = math.log2(values["base_width"]) - 7
    found = rate**2 + width**2 / 8 + 0.3 * (values["depth"] - 2) ** 2
    found += {"relu": 0.2, "gelu": 0.0, "tanh": 0.8, "elu": 0.4}[values["activation"]]
    return found + {None: 0.4, "none": 0.4, "batch": 0.0, "layer": 0.2}[values["normalization"]]


def conditional(values: Values) -> float:
    """The same, and two parameters that count only with a value of another."""
    found = mixed(values)
    found += 2 * (values["noise_level"] - 0.3) ** 2 if values["noise"] else 0.4
    if values["penalty"] == "none":
        return found + 0.5
    away = (math.log10(values["weight"]) + 3) ** 2 / 4
    return found + away + (0.25 if values["penalty"] == "l2" else 0.0)


def steep(values: Values) -> float:
    """The same with cliffs: a learning rate above the best one soon diverges."""
    over = math.log10(values["learning_rate"]) + 2.2
    return min(50.0, mixed(values) + (10 * over) ** 2 if over > 0 else mixed(values))


def size(values: Values) -> float:
    """Parameters of the network: stages of a width, each with nine weights for a pair of maps."""
    return 9 * values["base_width"] ** 2 * values["depth"]


_LIMIT = 9 * 64**2 * 2  # the best settings are too large: the next width is the best within
_FRONT = {
    "learning_rate": Float(1e-5, 1e-1, 1e-4, log=True),
    "parameters": Float(1e3, 1e6, 1e6, log=True),
    "depth": Int(1, 5, 4),
    "activation": Choice(("relu", "gelu", "tanh", "elu"), "relu"),
}


def two_aims(values: Values) -> float:
    """`(1 - u)^2` where all fits the size `10^(3 + 3u)`; the best rate depends on the size."""
    u = math.log10(values["parameters"] / 1e3) / 3
    found = (1 - u) ** 2 + (math.log10(values["learning_rate"]) + 2 + u) ** 2
    found += 0.1 * (values["depth"] - 2) ** 2
    return found + {"relu": 0.1, "gelu": 0.0, "tanh": 0.5, "elu": 0.2}[values["activation"]]


_DECADES = 3 * math.log(10)  # from the least size to the largest, as logarithms
FUNCTIONS = {
    "branin": Function(
        "smooth, 2 numbers",
        Space(MODEL, {"x": Float(-5.0, 10.0, 2.5), "y": Float(0.0, 15.0, 7.5)}),
        branin,
        0.39788735772973816,
        {"x": math.pi, "y": 2.275},
    ),
    "hartmann6": Function(
        "smooth, 6 numbers",
        Space(MODEL, {f"x{place}": Float(0.0, 1.0, 0.5) for place in range(6)}),
        hartmann6,
        -3.322368011415511,
        {f"x{place}": value for place, value in enumerate(_HARTMANN_BEST)},
    ),
    "levy": Function(
        "rugged, 5 numbers",
        Space(MODEL, {f"x{place}": Float(-10.0, 10.0, 5.0) for place in range(_LEVY_SIDE)}),
        levy,
        0.0,
        {f"x{place}": 1.0 for place in range(_LEVY_SIDE)},
    ),
    "names": Function(
        "6 names, 1 number", Space(MODEL, _OF_NAMES), names, names(_best_names()), _best_names()
    ),
    "mixed": Function("numbers and names", Space(MODEL, _PARAMETERS), mixed, 0.0, _BEST),
    "conditional": Function(
        "9 parameters, 2 of them conditional",
        Space(MODEL, _PARAMETERS | _CONDITIONAL),
        conditional,
        0.0,
        _BEST | {"noise": True, "noise_level": 0.3, "penalty": "l1", "weight": 1e-3},
    ),
    "steep": Function(
        "numbers and names, with a cliff", Space(MODEL, _PARAMETERS), steep, 0.0, _BEST
    ),
    "limited": Function(
        "numbers and names, at most 73,728 parameters",
        Space(MODEL, _PARAMETERS),
        mixed,
        1 / 8,
        _BEST | {"base_width": 64},
        size=size,
        limit=_LIMIT,
    ),
    "two_aims": Function(
        "error and size, 4 parameters",
        Space(MODEL, _FRONT),
        two_aims,
        0.0,
        {"learning_rate": 1e-3, "parameters": 1e6, "depth": 2, "activation": "gelu"},
        size=lambda values: values["parameters"],
        reference=(2.0, math.log(1e6)),
        front_volume=(2 - 1 / 3) * _DECADES,  # below 2, above (1 - u)^2, for u from 0 to 1
    ),
}
