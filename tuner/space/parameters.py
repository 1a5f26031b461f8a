"""What a search may vary: plain data, one kind for each sort of parameter."""

import ast
import dataclasses
import math
import numbers
import re
from typing import Any

import numpy as np

from bench.errors import BenchError
from zoo import checks

_RANGE = re.compile(r"^\s*(\S+?)\s*\.\.\s*(\S+?)\s*$")


@dataclasses.dataclass(frozen=True)
class When:
    """A condition: the parameter counts only while its parent has one of these values."""

    parent: str
    values: tuple


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of some values; any plain data.

    Where the values are numbers, `narrowed` also takes others between the least and the largest.
    """

    values: tuple
    default: Any
    when: When | None = None

    @property
    def labels(self) -> tuple:
        """The values as the search algorithms see them: all ints, all floats or all texts."""
        kinds = {type(value) for value in self.values}
        if len(kinds) == 1 and kinds <= {int, float, str}:
            return self.values
        return tuple(_label(value) for value in self.values)

    def value_of(self, label) -> Any:
        """Returns the value that a label stands for."""
        return self.values[self.labels.index(label)]

    def label_of(self, value) -> Any:
        return self.labels[self.values.index(value)]

    def accepts(self, value) -> bool:
        if any(value == known and _same_kind(value, known) for known in self.values):
            return True
        known = [number for number in self.values if _is_number(number)]
        kind = int if all(isinstance(number, int) for number in known) else float
        is_kind = _is_number(value) and (kind is float or isinstance(value, int))
        return is_kind and bool(known) and min(known) <= value <= max(known)

    def register(self, hp, name: str, **condition: Any) -> Any:
        """Registers the parameter with keras-tuner's; returns its value, None where not active.

        Args:
            hp: `keras_tuner.HyperParameters`.
            condition: `parent_name` and `parent_values`, if there is one.
        """
        default = self.label_of(self.default)
        return hp.Choice(name, list(self.labels), default=default, **condition)

    def __str__(self) -> str:
        return ", ".join(_label(value) for value in self.values)


@dataclasses.dataclass(frozen=True)
class Int:
    """A whole number from `low` to `high`, both included.

    Attributes:
        step: Distance of the values that are tried, or with `log` their ratio.
        log: Whether ratios count rather than differences.
    """

    low: int
    high: int
    default: int
    step: int = 1
    log: bool = False
    when: When | None = None

    def accepts(self, value) -> bool:
        is_int = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        return is_int and self.low <= value <= self.high

    def register(self, hp, name: str, **condition: Any) -> Any:
        """See `Choice.register`."""
        sampling = "log" if self.log else "linear"
        step = None if self.log and self.step == 1 else self.step
        settings = {"step": step, "sampling": sampling, "default": self.default}
        return hp.Int(name, self.low, self.high, **settings, **condition)

    def __str__(self) -> str:
        return f"{self.low}..{self.high}"


@dataclasses.dataclass(frozen=True)
class Float:
    """A number from `low` to `high`; with `log` ratios count rather than differences."""

    low: float
    high: float
    default: float
    log: bool = False
    when: When | None = None

    def accepts(self, value) -> bool:
        return _is_number(value) and math.isfinite(value) and self.low <= value <= self.high

    def register(self, hp, name: str, **condition: Any) -> Any:
        """See `Choice.register`."""
        sampling = "log" if self.log else "linear"
        settings = {"sampling": sampling, "default": self.default}
        return hp.Float(name, self.low, self.high, **settings, **condition)

    def __str__(self) -> str:
        return f"{self.low:g}..{self.high:g}"


@dataclasses.dataclass(frozen=True)
class Boolean:
    """Yes or no."""

    default: bool
    when: When | None = None

    def accepts(self, value) -> bool:
        return isinstance(value, bool)

    def register(self, hp, name: str, **condition: Any) -> Any:
        """See `Choice.register`."""
        return hp.Boolean(name, default=self.default, **condition)

    def __str__(self) -> str:
        return "False, True"


@dataclasses.dataclass(frozen=True)
class Fixed:
    """What the search leaves as it is."""

    value: Any
    when: When | None = None

    @property
    def default(self) -> Any:
        return self.value

    def accepts(self, value) -> bool:
        return value == self.value

    def __str__(self) -> str:
        return _label(self.value)


Parameter = Choice | Int | Float | Boolean | Fixed


def is_active(parameter: Parameter, values: dict[str, Any]) -> bool:
    """Tells whether the condition of a parameter holds for these values."""
    when = parameter.when
    return when is None or (when.parent in values and values[when.parent] in when.values)


def narrowed(name: str, parameter: Parameter, wanted: Any) -> Parameter:
    """Returns a parameter with fewer values.

    Args:
        name: For the error's text.
        wanted: A value, a list of values, or a range as text, `"4..64"`.

    Raises:
        BenchError: if a value is outside of the parameter's own.
    """
    bounds = _bounds(name, parameter, wanted)
    if bounds is not None:
        low, high = bounds
        default = min(max(parameter.default, low), high)
        return dataclasses.replace(parameter, low=low, high=high, default=default)
    values = wanted if isinstance(wanted, list) else [wanted]
    if not values:
        raise BenchError(f"{name} must have at least one value. Received: none.")
    values = [_converted(parameter, value) for value in values]
    for value in values:
        if not parameter.accepts(value):
            raise BenchError(
                f"{name} must be among {parameter}. Received: {name}={_label(value)}."
                f"{_suggestion(value, parameter)}"
            )
    if len(values) == 1:
        return Fixed(values[0], parameter.when)
    if isinstance(parameter, Boolean):
        return parameter
    default = parameter.default if parameter.default in values else values[0]
    return Choice(tuple(dict.fromkeys(values)), default, parameter.when)


def parse(text: str) -> Any:
    """Reads `8`, `4,8`, `4..64`, `relu,gelu`, `(16,32)` or `none` from the command line.

    Returns:
        A value; a list where commas outside of brackets part several; a range stays text.
    """
    parts = [part.strip() for part in re.split(r",(?![^()\[\]]*[)\]])", text)]
    if "" in parts:
        raise BenchError(f"a value is missing in {text!r}. Write name=value or name=value,value.")
    values = [_literal(part) for part in parts]
    return values[0] if len(values) == 1 else values


def _literal(text: str) -> Any:
    if text.lower() in ("none", "null", "true", "false"):
        return {"none": None, "null": None, "true": True, "false": False}[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _bounds(name: str, parameter: Parameter, wanted: Any) -> tuple | None:
    """Returns the ends of a range such as `"4..64"`, or None where none is meant."""
    match = _RANGE.match(wanted) if isinstance(wanted, str) else None
    if match is None:
        return None
    low, high = (_converted(parameter, _literal(text)) for text in match.groups())
    is_range = isinstance(parameter, Int | Float)
    if not is_range or not (parameter.accepts(low) and parameter.accepts(high)) or low >= high:
        fix = "with low < high" if is_range else "of single values, not a range"
        raise BenchError(f"{name} must be within {parameter}, {fix}. Received: {name}={wanted}.")
    return low, high


def _converted(parameter: Parameter, value: Any) -> Any:
    """Returns a value as the parameter has it.

    1.0 for 1 where floats are meant, tuples for the lists of files, None for "none", and plain
    numbers for those of NumPy.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list):
        value = tuple(value)
    if isinstance(parameter, Choice) and isinstance(value, str) and value in parameter.labels:
        return parameter.value_of(value)
    floats = isinstance(parameter, Choice) and all(type(each) is float for each in parameter.values)
    if (isinstance(parameter, Float) or floats) and isinstance(value, int):
        return value if isinstance(value, bool) else float(value)
    return value


def _suggestion(value, parameter: Parameter) -> str:
    if not isinstance(parameter, Choice) or not isinstance(value, str):
        return ""
    return checks.suggestion(value, parameter.labels)


def _label(value: Any) -> str:
    return "none" if value is None else str(value)


def _is_number(value) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _same_kind(first, second) -> bool:
    return isinstance(first, bool) == isinstance(second, bool)
