"""The cheapest setting of a space: where it is too dear, no setting keeps within a limit."""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

from tuner.space.parameters import Boolean, Choice, Int, Parameter
from tuner.space.space import TRAINING, Space

# More layers can be cheaper, as the code is then made of a smaller map or of fewer units: how many
# of these cost least depends on how many of those there are.
_LAYERS = ("depth", "hidden_layers")


def smallest(space: Space) -> dict[str, Any]:
    """Returns all free parameters, whole numbers at their smallest, the others at their default."""
    return {name: _smallest(parameter) for name, parameter in space.free.items()}


def cheapest(
    space: Space, cost_of: Callable[[dict[str, Any]], float], limit: float = 0.0
) -> tuple[dict[str, Any], float]:
    """Looks for the setting of least cost, until one is within a limit.

    From the smallest numbers on, the numbers of layers together and then one parameter after the
    other are changed, for as long as that is cheaper. A choice that changes no cost is not looked
    at again.

    Args:
        cost_of: Of values by parameter; infinite where the model does not take them together.

    Returns:
        Values of all free parameters, and their cost.
    """
    known: dict[str, float] = {}

    def cost(values: dict[str, Any]) -> float:
        key = repr(space.complete(values))
        if key not in known:
            known[key] = cost_of(values)
        return known[key]

    values = smallest(space)
    least = cost(values)
    names = [name for name in values if name not in (*TRAINING, *_LAYERS)]
    is_better = True
    while is_better and least > limit:
        is_better = False
        for changed in _layers(space, values):
            if least > limit and cost(changed) < least:
                values, least, is_better = changed, cost(changed), True
        for name in tuple(names):
            parameter, has_effect = space.parameters[name], None
            for other in _others(parameter, values[name]):
                changed = values | {name: other}
                if least <= limit or space.complete(changed) == space.complete(values):
                    break
                is_equal = cost(changed) == least < math.inf
                has_effect = has_effect or not is_equal
                if cost(changed) < least:
                    values, least, is_better = changed, cost(changed), True
                elif isinstance(parameter, Int) or (is_equal and isinstance(other, str)):
                    break
            if has_effect is False:
                names.remove(name)
    return values, least


def _smallest(parameter: Parameter) -> Any:
    if isinstance(parameter, Int):
        return parameter.low
    if isinstance(parameter, Choice) and all(type(value) is int for value in parameter.values):
        return min(parameter.values)
    return parameter.default


def _layers(space: Space, values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Gives the values with all numbers of layers."""
    names = [name for name in _LAYERS if name in space.free]
    every = []
    for name in names:
        parameter = space.parameters[name]
        low = _smallest(parameter)
        every.append([low, *_others(parameter, low)])
    for chosen in itertools.product(*every):
        yield values | dict(zip(names, chosen, strict=True))


def _others(parameter: Parameter, value: Any) -> Iterator[Any]:
    """Gives the other values of a choice, or the larger ones of a number, step by step."""
    if isinstance(parameter, Boolean):
        yield not value
    elif isinstance(parameter, Choice):
        yield from (each for each in parameter.values if each != value)
    elif isinstance(parameter, Int):
        is_ratio = parameter.log and parameter.step > 1
        while True:
            value = value * parameter.step if is_ratio else value + parameter.step
            if value > parameter.high:
                return
            yield value
