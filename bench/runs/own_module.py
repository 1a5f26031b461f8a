"""Modules of your own, read and not imported: where one is, what it defines, what it holds."""

import ast
import hashlib
import importlib.metadata
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path

from bench.errors import BenchError

_OURS = ("zoo", "bench", "tuner")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def defined(path: Path) -> dict[str, ast.AST] | None:
    """Returns the names at the top of a file and where they come from; None: not to be known."""
    names: dict[str, ast.AST] = {}
    is_open = False

    def visit(body: list[ast.stmt]) -> None:
        nonlocal is_open
        for node in body:
            if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                names[node.name] = node
                is_open |= node.name == "__getattr__"
            elif isinstance(node, ast.Import | ast.ImportFrom):
                for alias in node.names:
                    is_open |= alias.name == "*"
                    names[(alias.asname or alias.name).partition(".")[0]] = node
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    for each in ast.walk(target):
                        if isinstance(each, ast.Name):
                            names[each.id] = node
            for part in ("body", "orelse", "finalbody"):
                if not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                    visit(getattr(node, part, []))
            for handler in getattr(node, "handlers", []):
                visit(handler.body)

    visit(_tree(path).body)
    return None if is_open else names


def _tree(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes(), str(path))
    except SyntaxError as error:
        raise BenchError(
            f"--models: {path.name} is no Python: line {error.lineno}, {error.msg}."
        ) from error
    except (OSError, ValueError) as error:
        raise BenchError(f"--models: {path} cannot be read: {error}.") from error


def find(name: str) -> tuple[Path | None, Path | None]:
    """Returns the file of a module, and the folder that its first part lies in; none imported."""
    places: list[str] | None = list(dict.fromkeys([str(Path.cwd()), *filter(None, sys.path)]))
    spec, root = None, None
    parts = name.split(".")
    for number in range(len(parts)):
        whole = ".".join(parts[: number + 1])
        spec = PathFinder.find_spec(whole, places)
        if spec is None:
            return None, None
        places = list(spec.submodule_search_locations or ()) or None
        if number == 0:
            first = Path(places[0]) if places else Path(spec.origin or "")
            root = first.parent
        if places is None and whole != name:
            return None, None
    if spec.origin is None or not spec.origin.endswith(".py"):
        raise BenchError(f"--models: module {name!r} has no Python file to read a function from.")
    return Path(spec.origin), root


def content_hash(path: Path, module: str | None, folders: tuple[str, ...]) -> str:
    """Returns the SHA-256 of a file and of the files beside it that it imports, in digits.

    Of an installed package it is that of the file and of the package's version.

    Args:
        module: Its name, where it has one.
        folders: Where modules are looked for.
    """
    digest = hashlib.sha256()
    if _is_installed(path):
        distribution = (module or path.stem).partition(".")[0]
        names = importlib.metadata.packages_distributions().get(distribution, [])
        for name in sorted(set(names)):
            digest.update(f"{name}=={importlib.metadata.version(name)}\n".encode())
        digest.update(path.read_bytes())
        return digest.hexdigest()
    for number, each in enumerate(_with_imported(path, [Path(f) for f in folders])):
        content = each.read_bytes()
        digest.update(f"{number} {each.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _is_installed(path: Path) -> bool:
    is_of_python = path.is_relative_to(Path(ast.__file__).parent)
    return is_of_python or bool({"site-packages", "dist-packages"} & set(path.parts))


def _with_imported(path: Path, folders: list[Path]) -> list[Path]:
    """Returns a file and, in order, the files of your own that it imports, and they in turn."""
    found, waiting = {path: None}, [path]
    while waiting:
        for each in _imported(waiting.pop(0), folders):
            if each not in found and not _is_installed(each):
                found[each] = None
                waiting.append(each)
    return list(found)


def _imported(path: Path, folders: list[Path]) -> Iterator[Path]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            asked = [(folders, alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            places = folders
            if node.level:
                places = [path.parents[node.level - 1]]
            base = (node.module or "").split(".") if node.module else []
            asked = [(places, [*base, alias.name]) for alias in node.names]
        else:
            continue
        for places, parts in asked:
            if parts[0] in _OURS and places is folders:
                continue
            for place in places:
                for length in range(1, len(parts) + 1):
                    stem = place.joinpath(*parts[:length])
                    for file in (stem.with_suffix(".py"), stem / "__init__.py"):
                        if file.is_file():
                            yield file.resolve()
