"""What may stand in an experiment file: a model of pydantic, made from the options of a run."""

import itertools
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import pydantic
import yaml
from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag

from bench.errors import BenchError
from bench.records import config
from bench.records.options import GRID, NEVER, SINGLE, Option
from bench.runs import suites, yaml_file
from bench.runs.yaml_file import Place, Tree, Written, shown
from zoo import checks

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_STRICT = ConfigDict(extra="forbid")

# Of each option what a request may have: a value, and the file and line of its parts.
Grid = dict[str, list[tuple[Any, dict[str, str]]]]


class Reader:
    """Reads experiment files.

    Args:
        path: Of the file, for errors.
        known: The options; None: all of `bench run`.
    """

    def __init__(self, path: str | Path, known: Sequence[Option] | None = None):
        self.path = str(path)
        known = config.all_options() if known is None else known
        self.how = tuple(option.asked for option in known if option.list_in_file == NEVER)
        self.options = {o.asked: o for o in known if o.list_in_file != NEVER}
        self.model = _file_model(self.options)

    def read(self, text: str) -> tuple[str, Path | None, list[Grid]]:
        """Returns name, output folder and the grids.

        Raises:
            BenchError: with file and line, for whatever is wrong.
        """
        tree = yaml_file.read(self.path, text, as_written=True)
        if tree.content is None:
            raise BenchError(f"{self.path} is empty. It must hold dataset, models and the like.")
        self._refuse_how(tree)
        file = tree.check(self.model, self._keys)
        name = file.name or Path(self.path).stem
        if not _NAME.fullmatch(name):
            tree.fail(
                ("name",), f"name must be letters, digits, '.', '_' and '-'. Received: {name!r}."
            )
        output = None if file.output is None else Path(file.output)
        top = {key: getattr(file, key) for key in file.model_fields_set & set(self.options)}
        if file.experiments is None:
            if file.defaults is not None:
                tree.fail(("defaults",), "defaults must stand beside a list of experiments.")
            return name, output, [self._grid(tree, (), top)]
        for key in tree.content:
            if key in top:
                tree.fail((key,), f"{key!r} must stand under defaults or experiments.")
        shared = {}
        if file.defaults is not None:
            shared = self._grid(tree, ("defaults",), _given(file.defaults))
        grids = [
            shared | self._grid(tree, ("experiments", number), _given(each))
            for number, each in enumerate(file.experiments)
        ]
        return name, output, grids

    def _keys(self, where: Place) -> tuple[str, ...]:
        """Returns the keys that are allowed beside the last part of a place."""
        if "models" in where[:-1]:
            return tuple(_Model.model_fields)
        top = ("name", "output", "defaults", "experiments") if len(where) == 1 else ()
        return (*top, *self.options)

    def _refuse_how(self, tree: Tree) -> None:
        """Raises BenchError for an option that says how jobs run; `output` is known to a file."""
        for where in tree.lines:
            key = where[-1] if where else None
            is_deep = "arguments" in where or "models" in where
            if key in self.how and not is_deep and where != ("output",):
                flag = f"--{key.replace('_', '-')}"
                tree.fail(where, f"{key!r} says how to run: give {flag} on the command line.")

    def _grid(self, tree: Tree, where: Place, given: dict[str, Any]) -> Grid:
        return {
            name: self._choices(tree, (*where, name), self.options[name], values)
            for name, values in given.items()
        }

    def _choices(self, tree: Tree, where: Place, option: Option, values: list) -> list:
        own = {option.asked: tree.place(where)}
        if option.asked == "models":
            places = {
                model: tree.place((*where, index))
                for index, each in enumerate(values)
                for model in (each.texts if isinstance(each, _Model) else [str(each)])
            }
            return [(tuple(places), places | own)]
        if option.list_in_file == GRID:
            return [
                (value, {option.asked: tree.place((*where, index))})
                for index, value in enumerate(values)
            ]
        is_list = isinstance(_at(tree.content, where), list)
        if option.list_in_file == SINGLE or not (option.several or is_list):
            return [(values[0], own)]
        return [(tuple(values), own)]


class _Model(pydantic.BaseModel):
    """A model with lists of presets and of arguments' values: every combination is one."""

    model_config = _STRICT

    name: str = ""
    preset: list[str] = [""]
    arguments: dict[str, Any] = {}

    @pydantic.field_validator("name", mode="before")
    @classmethod
    def _is_text(cls, value):
        return _text(value, "name")

    @pydantic.field_validator("preset", mode="before")
    @classmethod
    def _are_texts(cls, value):
        return [_text(member, "preset") for member in _members(value)]

    @pydantic.field_validator("arguments")
    @classmethod
    def _are_plain(cls, value):
        return {name: [_plain(member) for member in _members(each)] for name, each in value.items()}

    @pydantic.model_validator(mode="after")
    def _has_a_name(self):
        if not self.name:
            raise ValueError("a model must have a name.")
        return self

    @property
    def texts(self) -> list[str]:
        """Returns the models as the command line writes them."""
        texts = []
        for preset, *values in itertools.product(self.preset, *self.arguments.values()):
            pairs = zip(self.arguments, values, strict=True)
            arguments = ",".join(f"{argument}={value!r}" for argument, value in pairs)
            texts.append(":".join([self.name, preset, arguments]).rstrip(":"))
        return texts


def _file_model(known: dict[str, Option]) -> type[pydantic.BaseModel]:
    """Returns the model of a file with these options."""
    fields: dict[str, Any] = {
        name: (_values_type(option), Field(default=None)) for name, option in known.items()
    }
    grid = pydantic.create_model("Grid", __config__=_STRICT, **fields)
    return pydantic.create_model(
        "File",
        __base__=grid,
        name=(Annotated[str | None, BeforeValidator(_reading("name"))], None),
        output=(Annotated[str | None, BeforeValidator(_reading("output"))], None),
        defaults=(grid | None, None),
        experiments=(Annotated[list[grid] | None, BeforeValidator(_grids)], None),
    )


def _values_type(option: Option) -> Any:
    """Returns the type of an option's values: a list; one value alone is a list of one."""

    def to_list(value):
        if isinstance(value, list) and option.list_in_file == SINGLE:
            raise ValueError(f"{option.asked} must be one value. Received: a list.")
        return _members(value)

    if option.asked == "models":
        member = Annotated[
            Annotated[_Model, Tag("grid")]
            | Annotated[Any, BeforeValidator(_value_reader(option)), Tag("text")],
            Discriminator(lambda value: "grid" if isinstance(value, dict) else "text"),
        ]
    else:
        member = Annotated[Any, BeforeValidator(_value_reader(option))]
    return Annotated[list[member], BeforeValidator(to_list), Field(min_length=1)]


def _value_reader(option: Option) -> Callable[[Any], Any]:
    choices = tuple(suites.SUITES) if option.asked == "suite" else option.choices
    is_text = option.kind.read is str

    def read(value):
        if value is None and option.can_be_null:
            return None
        text = _text(value, option.asked, option.expected)
        if choices and text not in choices:
            raise ValueError(
                f"{option.asked} must be one of {', '.join(choices)}. "
                f"Received: {str(text)!r}.{checks.suggestion(text, choices)}"
            )
        try:
            if text.is_quoted and not is_text:
                raise ValueError(text)
            return option.kind.read(text)
        except ValueError:
            raise ValueError(
                f"{option.asked} must be {option.expected}. Received: {str(text)!r}."
            ) from None

    return read


def _grids(value: Any) -> Any:
    if not isinstance(value, list) or not value:
        raise ValueError("experiments must be a list of grids.")
    return value


def _reading(name: str) -> Callable[[Any], str]:
    return lambda value: _text(value, name)


def _text(value: Any, name: str, expected: str = "a text") -> Written:
    if not isinstance(value, Written) or not value:
        raise ValueError(f"{name} must be {expected}. Received: {shown(value)}.")
    return value


def _members(value: Any) -> list:
    return value if isinstance(value, list) else [value]


def _plain(value: Any) -> Any:
    """Returns what a value of a model's argument is in Python."""
    if isinstance(value, list):
        return tuple(_plain(member) for member in value)
    if isinstance(value, dict):
        raise ValueError("an argument must be a number, a text, or a list of them.")
    if value is None or value.is_quoted:
        return value if value is None else str(value)
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError:
        raise ValueError(f"an argument must be plain YAML. Received: {str(value)!r}.") from None
    if isinstance(parsed, str):
        try:
            return float(parsed)  # 1e-3, which is a text to YAML 1.1
        except ValueError:
            return parsed
    return parsed


def _given(grid: pydantic.BaseModel) -> dict[str, Any]:
    return {key: getattr(grid, key) for key in grid.model_fields_set}


def _at(content: Any, where: Place) -> Any:
    for part in where:
        content = content[part]
    return content
