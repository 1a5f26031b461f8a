"""A search space: the parameters of one model, and what they make of its constructor."""

import dataclasses
from pathlib import Path
from typing import Any

import zoo
from bench.errors import BenchError
from bench.records import store
from bench.runs import yaml_file
from tuner.space import parameters as kinds
from tuner.space.parameters import Choice, Fixed, Parameter, is_active
from zoo import checks

TRAINING = ("learning_rate", "batch_size")
# Constructor argument to the parameters that it is made from.
DERIVED = {"widths": ("depth", "base_width"), "hidden_units": ("hidden_layers", "hidden_width")}
# What a run sets by itself.
_NOT_SEARCHED = ("image_shape", "seed", "num_classes", "name", "dtype", "trainable")


@dataclasses.dataclass(frozen=True)
class Space:
    """What may vary in a model.

    Attributes:
        model: Registry name.
        parameters: By name; a parent stands before the parameters that depend on it.
        largest_multiple: Of `base_width`, which the wider stages do not exceed; None: no limit.
    """

    model: str
    parameters: dict[str, Parameter]
    largest_multiple: int | None = None

    def complete(self, values: dict[str, Any]) -> dict[str, Any]:
        """Returns the values of all active parameters: those given, those fixed, else defaults."""
        active: dict[str, Any] = {}
        for name, parameter in self.parameters.items():
            if is_active(parameter, active):
                is_free = name in values and not isinstance(parameter, Fixed)
                active[name] = values[name] if is_free else parameter.default
        return active

    def arguments(self, values: dict[str, Any]) -> dict[str, Any]:
        """Returns the constructor's arguments; what is not active keeps the constructor's default.

        Args:
            values: By parameter; what is missing has its default.
        """
        values = self.complete(values)
        arguments = {
            name: value
            for name, value in values.items()
            if name not in TRAINING and not any(name in parts for parts in DERIVED.values())
        }
        if "depth" in values:
            largest = values["base_width"] * (self.largest_multiple or 2 ** values["depth"])
            stages = (values["base_width"] * 2**stage for stage in range(values["depth"]))
            arguments["widths"] = tuple(min(width, largest) for width in stages)
        if "hidden_layers" in values:
            layers = range(values["hidden_layers"])
            arguments["hidden_units"] = tuple(
                max(1, values["hidden_width"] // 2**layer) for layer in layers
            )
        return arguments

    def training(self, values: dict[str, Any]) -> dict[str, Any]:
        """Returns `learning_rate` and `batch_size`."""
        values = self.complete(values)
        return {name: values[name] for name in TRAINING}

    @property
    def free(self) -> dict[str, Parameter]:
        """The parameters that vary."""
        return {
            name: parameter
            for name, parameter in self.parameters.items()
            if not isinstance(parameter, Fixed)
        }

    @property
    def checksum(self) -> str:
        """16 hexadecimal digits that name the space by its content."""
        plain = {
            name: [type(parameter).__name__, repr(parameter)]
            for name, parameter in self.parameters.items()
        }
        return store.job_id(
            {"model": self.model, "parameters": plain, "largest_multiple": self.largest_multiple}
        )


def narrow(space: Space, settings: dict[str, Any]) -> Space:
    """Returns a space with fewer values, or with arguments fixed that it does not vary.

    Args:
        settings: By name a value, a list of values, or a range as text: `{"latent_dim": [4, 8],
            "beta": 1.0, "learning_rate": "0.001..0.01"}`. Constructor arguments beyond the space
            are taken as they are; `widths` stands in for `depth` and `base_width`, `hidden_units`
            for `hidden_layers` and `hidden_width`.

    Raises:
        BenchError: for an unknown name, or a value outside of the parameter's own.
    """
    parameters = dict(space.parameters)
    allowed = zoo.get(space.model).argument_names
    others = [name for name in allowed if name not in _NOT_SEARCHED and name not in parameters]
    for name, wanted in settings.items():
        if name in space.parameters:
            parameters[name] = kinds.narrowed(name, space.parameters[name], wanted)
        elif name in others:
            clash = [part for part in DERIVED.get(name, ()) if part in settings]
            if clash:
                raise BenchError(f"{name} and {clash[0]} exclude each other. Give one of them.")
            for part in DERIVED.get(name, ()):
                parameters.pop(part, None)
            parameters[name] = _beyond(wanted)
        else:
            names = (*space.parameters, *others)
            raise BenchError(
                f"unknown parameter {name!r} of {space.model!r}.{checks.suggestion(name, names)} "
                f"It varies {', '.join(space.free)}; others: {', '.join(others)}."
            )
    return dataclasses.replace(space, parameters=parameters)


def _beyond(wanted: Any) -> Parameter:
    values = wanted if isinstance(wanted, list) else [wanted]
    values = tuple(tuple(value) if isinstance(value, list) else value for value in values)
    return Choice(values, values[0]) if len(values) > 1 else Fixed(values[0])


def parse_settings(texts: list[str]) -> dict[str, Any]:
    """Reads `["latent_dim=4,8", "beta=1.0"]` from the command line.

    Raises:
        BenchError: for a text without `=`, or a name given twice.
    """
    settings: dict[str, Any] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not name or not value:
            raise BenchError(f"--set must be NAME=VALUE[,VALUE...]. Received: {text!r}.")
        if name in settings:
            raise BenchError(f"--set {name} is given twice. Write {name}=value,value.")
        settings[name] = kinds.parse(value)
    return settings


def read_settings(path: str | Path) -> dict[str, Any]:
    """Reads settings from a YAML file: a mapping of names to values, lists or ranges.

    A text means what it means to `parse_settings`: `none` is None, `1e-3` a number, `4,8` two
    values.

    Raises:
        BenchError: if the file is missing, or no such mapping, or has a name twice.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise BenchError(f"cannot read --space {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BenchError(f"--space {path} is no text file in UTF-8.") from error
    settings = yaml_file.read(f"--space {path}", text).content
    if not isinstance(settings, dict):
        raise BenchError(
            f"--space {path} must hold lines such as 'latent_dim: [4, 8]'. "
            f"Received: {yaml_file.shown(settings)}."
        )
    return {name: _parsed(value) for name, value in settings.items()}


def _parsed(value: Any) -> Any:
    if isinstance(value, list):
        return [_parsed(member) for member in value]
    return kinds.parse(value) if isinstance(value, str) else value
