"""Reads experiment files: what may stand in them, and errors that name the line."""

import dataclasses
import itertools
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from bench.errors import BenchError
from bench.runs import job
from bench.runs.job import PRECISIONS

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NULL, _MAP, _LIST = "tag:yaml.org,2002:null", yaml.MappingNode, yaml.SequenceNode

# Options that say how cases run, not what runs: they stay with the command line.
HOW = ("output", "fresh", "workers", "engine", "ray_address", "timeout_seconds")


def _whole(text: str) -> int:
    return int(text)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _size(text: str) -> tuple[int, int]:
    height, width = (int(part) for part in text.lower().split("x"))
    return height, width


@dataclasses.dataclass(frozen=True)
class Key:
    """What a setting may be.

    Attributes:
        read: Gives the value of a text, or raises ValueError.
        kind: What is expected, for errors.
        choices: All that is allowed; empty: no such list.
        is_together: A request takes several values at once.
        may_be_null: `null` is a value, the default.
        is_single: There is no grid of it.
    """

    read: Callable[[str], Any]
    kind: str
    choices: tuple[str, ...] = ()
    is_together: bool = False
    may_be_null: bool = False
    is_single: bool = False

    @property
    def is_text(self) -> bool:
        """Tells whether a number or a word of YAML, such as `on`, is taken as it is written."""
        return self.read is str


KEYS = {
    "dataset": Key(str, "a name or a path"),
    "models": Key(str, "NAME[:PRESET[:ARGUMENT=VALUE,...]]", is_together=True),
    "suite": Key(str, "the name of a suite", tuple(job.SUITES), may_be_null=True),
    "preset": Key(str, "the name of a preset"),
    "seeds": Key(_whole, "a whole number, or a list of seeds", is_together=True),
    "epochs": Key(_whole, "a whole number", may_be_null=True),
    "batch_size": Key(_whole, "a whole number", is_together=True),
    "learning_rate": Key(_number, "a number"),
    "precision": Key(str, "a precision", PRECISIONS, is_together=True),
    "jit": Key(str, "a word", job.JIT, is_together=True),
    "steps_per_execution": Key(_whole, "a whole number", is_together=True),
    "augment": Key(str, "text such as flip,shift:0.1", may_be_null=True),
    "num_labels": Key(_whole, "a whole number", may_be_null=True),
    "normal_classes": Key(str, "a label, the name of a class, or all", is_together=True),
    "measure": Key(str, "a word", job.MEASURES, is_together=True),
    "noise": Key(str, "text such as gaussian:0.2", may_be_null=True),
    "resize": Key(_size, "HEIGHTxWIDTH", may_be_null=True),
    "limit": Key(_whole, "a whole number", may_be_null=True),
    "timing_rounds": Key(_whole, "a whole number", is_single=True),
    "sweep_batch_sizes": Key(_whole, "a whole number", is_together=True),
    "evaluate_every": Key(_number, "a number of epochs", may_be_null=True),
    "target": Key(_number, "a number", may_be_null=True, is_single=True),
}
_TOP = ("name", "output", "defaults", "experiments")
_MODEL = ("name", "preset", "arguments")

# Of each setting what a request may have: a value, and the file and line of its parts.
Grid = dict[str, list[tuple[Any, dict[str, str]]]]


class Reader:
    """Reads the tree of a file; whatever is wrong is an error with its line."""

    def __init__(self, path: str | Path):
        self.path = str(path)

    def read(self, text: str) -> tuple[str, Path | None, list[Grid]]:
        """Returns name, output folder and the grids.

        Raises:
            BenchError: with file and line, for whatever is wrong.
        """
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = f"{self.path}:{mark.line + 1}"
            raise BenchError(f"{place}: no YAML: {error.problem}.") from error
        except yaml.YAMLError as error:  # a character that YAML does not allow
            raise BenchError(f"{self.path}: no YAML: {' '.join(str(error).split())}.") from error
        if root is None:
            raise BenchError(f"{self.path} is empty. It must hold dataset, models and the like.")
        top = self._mapping(root, (*_TOP, *KEYS))
        name = top["name"][1].value if "name" in top else Path(self.path).stem
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            node = top["name"][1] if "name" in top else root
            self._fail(node, f"name must be letters, digits, '.', '_' and '-'. Received: {name!r}.")
        output = Path(self._text(top["output"][1], "output")) if "output" in top else None
        if "experiments" not in top:
            if "defaults" in top:
                self._fail(top["defaults"][0], "defaults must stand beside a list of experiments.")
            return name, output, [self._choices({k: top[k] for k in KEYS if k in top})]
        for key in top:
            if key in KEYS:
                self._fail(top[key][0], f"{key!r} must stand under defaults or experiments.")
        defaults = self._mapping(top["defaults"][1], tuple(KEYS)) if "defaults" in top else {}
        listed = top["experiments"][1]
        if not isinstance(listed, _LIST) or not listed.value:
            self._fail(top["experiments"][0], "experiments must be a list of grids.")
        grids = [defaults | self._mapping(node, tuple(KEYS)) for node in listed.value]
        return name, output, [self._choices(grid) for grid in grids]

    def _mapping(self, node, allowed: tuple[str, ...]) -> dict[str, tuple]:
        """Returns the nodes of key and value by key."""
        if not isinstance(node, _MAP):
            self._fail(node, f"must be keys with values. Keys: {', '.join(allowed)}.")
        found: dict[str, tuple] = {}
        for key, value in node.value:
            name = self._text(key, "a key")
            if name in found:
                first = found[name][0].start_mark.line + 1
                self._fail(key, f"key {name!r} is there already, on line {first}.")
            if allowed and name not in allowed:
                if name in HOW:
                    option = f"--{name.replace('_', '-')}"
                    self._fail(key, f"{name!r} says how to run: give {option} on the command line.")
                suggestion = _suggestion(name, allowed)
                self._fail(key, f"unknown key {name!r}.{suggestion} Keys: {', '.join(allowed)}.")
            found[name] = (key, value)
        return found

    def _choices(self, nodes: dict[str, tuple]) -> Grid:
        found: Grid = {}
        for name, (key, node) in nodes.items():
            members = self._members(node)
            if isinstance(node, _LIST) and KEYS[name].is_single:
                self._fail(node, f"{name} must be one value. Received: a list.")
            if not members:
                self._fail(node, f"{name} must hold at least one value.")
            places = {name: self._place(key)}
            if name == "models":
                models = {
                    model: self._place(node) for node in members for model in self._models(node)
                }
                found[name] = [(tuple(models), models | places)]
                continue
            values = [self._value(name, member) for member in members]
            if name == "seeds" and not isinstance(node, _LIST):
                found[name] = [(values[0], places)]  # their number
            elif KEYS[name].is_together:
                found[name] = [(tuple(values), places)]
            else:
                where = [{name: self._place(member)} for member in members]
                found[name] = list(zip(values, where, strict=True))
        return found

    def _value(self, name: str, node) -> Any:
        key = KEYS[name]
        if key.may_be_null and getattr(node, "tag", None) == _NULL:
            return None
        text = self._text(node, name, key.kind)
        if key.choices and text not in key.choices:
            suggestion = _suggestion(text, key.choices)
            allowed = ", ".join(key.choices)
            self._fail(node, f"{name} must be one of {allowed}. Received: {text!r}.{suggestion}")
        is_quoted = node.style in ("'", '"')
        try:
            if is_quoted and not key.is_text:
                raise ValueError(text)
            return key.read(text)
        except ValueError:
            self._fail(node, f"{name} must be {key.kind}. Received: {text!r}.")

    def _models(self, node) -> list[str]:
        """Returns the models of one entry: a text, or a dict with lists of presets and values."""
        if not isinstance(node, _MAP):
            return [self._text(node, "models", KEYS["models"].kind)]
        entry = self._mapping(node, _MODEL)
        if "name" not in entry:
            self._fail(node, "a model must have a name.")
        name = self._text(entry["name"][1], "name")
        presets = self._texts(entry["preset"][1], "preset") if "preset" in entry else [""]
        given = self._mapping(entry["arguments"][1], ()) if "arguments" in entry else {}
        grid = {
            argument: [self._plain(member) for member in self._members(value)]
            for argument, (_, value) in given.items()
        }
        found = []
        for preset, *values in itertools.product(presets, *grid.values()):
            pairs = zip(grid, values, strict=True)
            arguments = ",".join(f"{argument}={value!r}" for argument, value in pairs)
            found.append(":".join([name, preset, arguments]).rstrip(":"))
        return found

    def _members(self, node) -> list:
        return node.value if isinstance(node, _LIST) else [node]

    def _texts(self, node, name: str) -> list[str]:
        return [self._text(member, name) for member in self._members(node)]

    def _text(self, node, name: str, kind: str = "a text") -> str:
        if not isinstance(node, yaml.ScalarNode) or not node.value:
            self._fail(node, f"{name} must be {kind}. Received: {self._shown(node)}.")
        return node.value

    def _plain(self, node) -> Any:
        """Returns what a value of a model's argument is in Python."""
        if isinstance(node, _LIST):
            return tuple(self._plain(member) for member in node.value)
        if isinstance(node, _MAP):
            self._fail(node, "an argument must be a number, a text, or a list of them.")
        try:
            value = yaml.safe_load(yaml.serialize(node))
        except yaml.YAMLError:
            self._fail(node, f"an argument must be plain YAML. Received: {node.value!r}.")
        if isinstance(value, str) and node.style is None:
            try:
                return float(value)  # 1e-3, which is a text to YAML 1.1
            except ValueError:
                return value
        return value

    def _shown(self, node) -> str:
        if isinstance(node, _MAP):
            return "keys with values"
        return "a list" if isinstance(node, _LIST) else "nothing"

    def _place(self, node) -> str:
        return f"{self.path}:{node.start_mark.line + 1}"

    def _fail(self, node, text: str):
        raise BenchError(f"{self._place(node)}: {text}")


def _suggestion(name: str, allowed: tuple[str, ...]) -> str:
    from zoo import checks

    return checks.suggestion(name, allowed)
