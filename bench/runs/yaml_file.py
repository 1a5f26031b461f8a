"""YAML with line numbers, so that an error can name file and line.

A pydantic model says what a file may hold. `Tree.check` reports the first violation in one line,
`FILE:LINE: ...`, with the nearest name that is allowed.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydantic
import yaml

from bench.errors import BenchError
from zoo import checks

Place = tuple[str | int, ...]
_NULL = "tag:yaml.org,2002:null"


class Written(str):
    """A value of YAML as it stands in the file: `on` and `0` are texts.

    Attributes:
        is_quoted: Whether it stands in quotation marks.
    """

    is_quoted: bool


@dataclasses.dataclass(frozen=True)
class Tree:
    """A file of YAML.

    Attributes:
        path: Of the file, for errors.
        content: Dicts, lists and values; None for an empty file.
        lines: Of each part by its place, such as `("experiments", 1, "epochs")`; of a key's value
            the line of the key.
        values: The same for the values of keys.
    """

    path: str
    content: Any
    lines: dict[Place, int]
    values: dict[Place, int]

    def place(self, where: Place, of_value: bool = False) -> str:
        """Returns `FILE:LINE` of a part, or of the nearest one around it.

        Args:
            where: As pydantic gives it: what is no key and no index is passed over.
            of_value: Whether the line is that of the value and not of its key.
        """
        known: Place = ()
        for part in where:
            if (*known, part) in self.lines:
                known = (*known, part)
        lines = self.values if of_value else self.lines
        return f"{self.path}:{lines[known]}"

    def fail(self, where: Place, text: str, of_value: bool = False):
        """Raises the error of a part."""
        raise BenchError(f"{self.place(where, of_value)}: {text}")

    def check(self, model: type[pydantic.BaseModel], keys: Callable[[Place], tuple[str, ...]]):
        """Returns the content as a model.

        Args:
            model: What the file may hold; without keys beyond its fields.
            keys: Function from a place to the keys that are allowed there.

        Raises:
            BenchError: with file and line, for the first thing that is wrong.
        """
        try:
            return model.model_validate(self.content)
        except pydantic.ValidationError as error:
            first = min(error.errors(include_url=False), key=self._urgency)
        where = first["loc"]
        at_key = first["type"] == "extra_forbidden"
        raise BenchError(f"{self.place(where, not at_key)}: {_problem(first, keys)}")

    def _urgency(self, error: dict[str, Any]) -> tuple[bool, int]:
        """Orders errors: an unknown key first, which may be why another one is missing."""
        line = int(self.place(error["loc"], of_value=True).rpartition(":")[2])
        return error["type"] != "extra_forbidden", line


def read(path: str | Path, text: str, as_written: bool = False) -> Tree:
    """Reads YAML.

    Args:
        path: For errors.
        as_written: Whether values are `Written` texts, or None; else they are what YAML says.

    Raises:
        BenchError: with file and line, for what is no YAML, or a key that is there twice.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        tree = Tree(str(path), None, {(): 1}, {(): 1})
        if root is None:
            return tree
        tree.lines[()] = tree.values[()] = root.start_mark.line + 1
        content = _Builder(tree, as_written).build(root, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise BenchError(f"{path}:{mark.line + 1}: no YAML: {error.problem}.") from error
    except yaml.YAMLError as error:  # a character that YAML does not allow
        raise BenchError(f"{path}: no YAML: {checks.one_line(error, with_kind=False)}.") from error
    return dataclasses.replace(tree, content=content)


def shown(value: Any) -> str:
    """Returns a value of a file as an error shows it."""
    if isinstance(value, dict):
        return "keys with values"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None or value == "" else repr(str(value))


def _problem(error: dict[str, Any], keys: Callable[[Place], tuple[str, ...]]) -> str:
    """Returns what an error of pydantic is about, as a sentence of ours."""
    where, kind = error["loc"], error["type"]
    name = next((str(part) for part in reversed(where) if isinstance(part, str)), "the file")
    if kind == "extra_forbidden":
        allowed = keys(where)
        near = checks.suggestion(where[-1], allowed)
        return f"unknown key {where[-1]!r}.{near} Keys: {', '.join(allowed)}."
    if kind == "model_type":
        return f"must be keys with values. Keys: {', '.join(keys((*where, '')))}."
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind == "too_short":
        return f"{name} must hold at least one value."
    if kind == "missing":
        return f"{name} is missing."
    return f"{name}: {error['msg']}. Received: {shown(error['input'])}."


class _Builder:
    """Turns nodes into plain values and notes their lines."""

    def __init__(self, tree: Tree, as_written: bool):
        self.tree = tree
        self.as_written = as_written
        self.constructor = yaml.constructor.SafeConstructor()

    def build(self, node, where: Place) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, where)
        if isinstance(node, yaml.SequenceNode):
            return [
                self.build(member, self._note((*where, index), member, member))
                for index, member in enumerate(node.value)
            ]
        if not self.as_written:
            return self.constructor.construct_object(node)
        if node.tag == _NULL:
            return None
        text = Written(node.value)
        text.is_quoted = node.style in ("'", '"')
        return text

    def _mapping(self, node, where: Place) -> dict[str, Any]:
        self._refuse_doubles(node)
        self.constructor.flatten_mapping(node)  # `<<: *other` gives the keys of the other, first
        mapping: dict[str, Any] = {}
        for key, value in node.value:
            place = self._note((*where, key.value), key, value)
            mapping[key.value] = self.build(value, place)
        return mapping

    def _refuse_doubles(self, node) -> None:
        first: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or not key.value:
                raise BenchError(f"{self.tree.path}:{line}: a key must be a text.")
            if key.value in first:
                raise BenchError(
                    f"{self.tree.path}:{line}: key {key.value!r} is there already, "
                    f"on line {first[key.value]}."
                )
            first[key.value] = line

    def _note(self, where: Place, key, value) -> Place:
        self.tree.lines[where] = key.start_mark.line + 1
        self.tree.values[where] = value.start_mark.line + 1
        return where
