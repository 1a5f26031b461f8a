"""What the files of the models say, read without running them: running needs TensorFlow.

The names of a constructor's arguments are spread over the files of a class and its bases. A tree of
empty classes with the same bases gives Python's own order of them.
"""

import ast
import functools
import importlib.util
from pathlib import Path
from typing import Any

_ROOT = "ZooModel"  # nobody passes arguments on beyond it


def summary(module: str, class_name: str) -> str:
    """Returns the first line of a class's docstring."""
    return (ast.get_docstring(_classes(module)[class_name]) or "").partition("\n")[0]


@functools.cache
def argument_names(module: str, class_name: str) -> tuple[str, ...]:
    """Returns the names of all constructor arguments, as `ZooModel.argument_names` gives them.

    Raises:
        ValueError: if a class's `FIXED` is anything but a dict of literal names, or
            `dict.fromkeys` of them.
    """
    names_so_far: dict[str, None] = {}
    fixed: set[str] = set()
    for base in _tree(module, class_name).__mro__[:-1]:
        node = base.node
        fixed |= _fixed(node)
        init = _constructor(node)
        if init is None:
            continue
        arguments = init.args
        names = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        names_so_far |= dict.fromkeys(argument.arg for argument in names[1:])
        if node.name == _ROOT or arguments.kwarg is None:
            break
    return tuple(name for name in names_so_far if name not in fixed)


@functools.cache
def has(module: str, class_name: str, method: str) -> bool:
    """Tells whether a class, or a base of it that is the zoo's, defines a method.

    `reconstruct = Other.reconstruct` defines one, too.
    """
    bases = _tree(module, class_name).__mro__[:-1]
    return any(method in _names(part) for base in bases for part in base.node.body)


def _names(part: ast.stmt) -> set[str]:
    """Returns the names that a statement in the body of a class gives it."""
    if isinstance(part, ast.FunctionDef):
        return {part.name}
    targets = part.targets if isinstance(part, ast.Assign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


@functools.cache
def _module(name: str) -> ast.Module:
    return ast.parse(Path(importlib.util.find_spec(name).origin).read_text(encoding="utf-8"))


def _classes(module: str) -> dict[str, ast.ClassDef]:
    return {node.name: node for node in _module(module).body if isinstance(node, ast.ClassDef)}


@functools.cache
def _tree(module: str, class_name: str) -> Any:
    """Returns an empty class that has the syntax tree of a class as `node`, and its bases."""
    node = _classes(module)[class_name]
    places = _imported(module)
    bases = []
    for base in node.bases:
        if not isinstance(base, ast.Name):  # `keras.Model`
            continue
        if base.id in _classes(module):
            bases.append(_tree(module, base.id))
        elif places.get(base.id, "").startswith("zoo."):
            bases.append(_tree(places[base.id], base.id))
    return type(class_name, tuple(bases), {"node": node})


def _imported(module: str) -> dict[str, str]:
    """Returns the module that each name of `from MODULE import NAME` comes from."""
    return {
        alias.name: node.module
        for node in _module(module).body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


def _constructor(node: ast.ClassDef) -> ast.FunctionDef | None:
    functions = (part for part in node.body if isinstance(part, ast.FunctionDef))
    return next((part for part in functions if part.name == "__init__"), None)


def _fixed(node: ast.ClassDef) -> set[str]:
    for part in node.body:
        if not isinstance(part, ast.Assign) or ast.unparse(part.targets[0]) != "FIXED":
            continue
        value = part.value
        if isinstance(value, ast.Call) and ast.unparse(value.func) == "dict.fromkeys":
            value = value.args[0]
        try:
            return set(ast.literal_eval(value))
        except ValueError as error:
            raise ValueError(
                f"{node.name}.FIXED: the names must be literals, as they are read from the file. "
                f"Received: {ast.unparse(value)}."
            ) from error
    return set()
