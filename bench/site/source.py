"""The public names of the packages, read from their files without running them.

A name is public where no part of its place begins with an underscore. It is shown by the shortest
name that a user imports it by: what an `__init__` hands on has the name that it has there.
"""

import ast
import copy
import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("zoo", "bench", "tuner")
_COMMAND_LINES = ("cli", "commands", "__main__")  # what they offer is their --help
_OF_PYTEST = ("conftest", "test_")


@dataclasses.dataclass(frozen=True)
class Item:
    """A class or a function.

    Attributes:
        place: Where it is defined, such as `zoo.models.vae.VAE`.
        public: The name that a user imports, such as `zoo.models.VAE`.
        node: Its syntax.
    """

    place: str
    public: str
    node: ast.ClassDef | ast.FunctionDef

    @property
    def module(self) -> str:
        return self.place.rpartition(".")[0]

    @property
    def docstring(self) -> str:
        return ast.get_docstring(self.node) or ""


class Source:
    """The files of the packages.

    Args:
        root: Folder that holds the packages.
        packages: Their names.
    """

    def __init__(self, root: Path, packages: tuple[str, ...] = PACKAGES):
        self.root = root
        self.packages = packages
        self.modules: dict[str, ast.Module] = {}
        for package in packages:
            for path in sorted((root / package).rglob("*.py")):
                parts = path.relative_to(root).with_suffix("").parts
                name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
                self.modules[name] = ast.parse(path.read_text(encoding="utf-8"))

    @functools.cached_property
    def names(self) -> dict[str, str]:
        """What `__init__` files hand on: the place of a module, class or function, and its name."""
        found: dict[str, str] = {}
        for package, syntax in self.modules.items():
            if not any(other.startswith(f"{package}.") for other in self.modules):
                continue
            for alias, module in _imports(syntax):
                name = f"{package}.{alias.asname}"
                if alias.asname and not alias.asname.startswith("_"):
                    place = f"{module}.{alias.name}"
                    if len(name) < len(found.get(place, place)) or place not in found:
                        found[place] = name
        return found

    @functools.cached_property
    def _short_names(self) -> frozenset[str]:
        return frozenset(item.public.rpartition(".")[2] for item in self.items.values())

    @functools.cached_property
    def _imported(self) -> dict[str, dict[str, str]]:
        """For each module, the place of each name that it imports."""
        return {
            module: {a.asname or a.name: f"{origin}.{a.name}" for a, origin in _imports(syntax)}
            for module, syntax in self.modules.items()
        }

    @functools.cached_property
    def items(self) -> dict[str, Item]:
        """All public classes and functions by their place."""
        return {
            place: Item(place, self.public(place), node)
            for module in self.modules
            if not _is_left_out(module)
            for node in self.modules[module].body
            if isinstance(node, ast.ClassDef | ast.FunctionDef)
            for place in [f"{module}.{node.name}"]
            if not node.name.startswith("_") and ast.get_docstring(node)
            if self._is_reached(place)
        }

    def path(self, module: str) -> str:
        """Returns the file of a module, from the root, with `/`."""
        relative = module.replace(".", "/")
        return (
            f"{relative}.py"
            if (self.root / f"{relative}.py").is_file()
            else f"{relative}/__init__.py"
        )

    def about(self, module: str) -> str:
        """Returns the docstring of a module."""
        return ast.get_docstring(self.modules[module]) or ""

    def bases(self, place: str) -> list[str]:
        """Returns the places of a class's bases that are of these packages, in their order."""
        module = place.rpartition(".")[0]
        names = [base.id for base in self.node(place).bases if isinstance(base, ast.Name)]
        places = [self.place_of(name, module) for name in names]
        return [place for place in places if self.node(place) is not None]

    def place_of(self, name: str, module: str) -> str:
        """Returns the place that a name means in a module: what it imports, or its own."""
        return self._imported[module].get(name, f"{module}.{name}")

    def qualified(self, node: ast.AST, module: str) -> str:
        """Returns code in which public names of these packages are written in full."""
        return ast.unparse(_InFull(self, module).visit(copy.deepcopy(node)))

    def lineage(self, place: str) -> list[str]:
        """Returns a class and all of its bases, itself first, each once."""
        found = [place]
        for base in self.bases(place):
            found += [other for other in self.lineage(base) if other not in found]
        return found

    def in_full(self, name: str, module: str) -> str:
        """Returns what a name of a module is called elsewhere; itself, where that is not known."""
        place = self.place_of(name, module)
        is_imported = name in self._imported[module]
        is_ours = place.partition(".")[0] in self.packages
        is_told = is_imported and (is_ours or name in self._short_names)
        return self.public(place) if is_told or self._defines(place) else name

    def _defines(self, place: str) -> bool:
        """Tells whether these packages define a class, or a type by assignment, at a place."""
        module, _, name = place.rpartition(".")
        assigned = [
            ast.unparse(target)
            for part in (self.modules[module].body if module in self.modules else [])
            if isinstance(part, ast.Assign)
            for target in part.targets
        ]
        return self.node(place) is not None or name in assigned

    def node(self, place: str) -> ast.ClassDef | None:
        """Returns the syntax of a class, public or not, or None."""
        module, _, name = place.rpartition(".")
        body = self.modules[module].body if module in self.modules else []
        return next((n for n in body if isinstance(n, ast.ClassDef) and n.name == name), None)

    def public(self, place: str) -> str:
        """Returns the shortest name that a user imports what is at a place by."""
        module, _, name = place.rpartition(".")
        if place in self.names:
            return self.names[place]
        return f"{self.names.get(module, module)}.{name}"

    def _is_reached(self, place: str) -> bool:
        return place in self.names or not any(p.startswith("_") for p in place.split("."))


class _InFull(ast.NodeTransformer):
    """Writes the names of these packages in full: one name may be that of several classes."""

    def __init__(self, source: Source, module: str):
        self.source, self.module = source, module

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.source.in_full(node.id, self.module))

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        first, _, rest = ast.unparse(node).partition(".")
        place = f"{self.source.place_of(first, self.module)}.{rest}"
        return ast.Name(self.source.public(place)) if self.source.node(place) else node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """A type in quotes is the name in them."""
        if not isinstance(node.value, str) or not node.value.isidentifier():
            return node
        found = self.source.in_full(node.value, self.module)
        return node if found == node.value else ast.Name(found)


def methods(node: ast.ClassDef) -> list[ast.FunctionDef]:
    """Returns the public methods and properties of a class that have a docstring."""
    return [
        part
        for part in node.body
        if isinstance(part, ast.FunctionDef)
        and not part.name.startswith("_")
        and ast.get_docstring(part)
        and not any(ast.unparse(mark).endswith(".setter") for mark in part.decorator_list)
    ]


def marks(node: ast.ClassDef | ast.FunctionDef) -> list[str]:
    """Returns the names of the decorators."""
    return [ast.unparse(mark).partition("(")[0].split(".")[-1] for mark in node.decorator_list]


def _imports(syntax: ast.Module) -> Iterator[tuple[ast.alias, str]]:
    """Yields what a file takes from others at its top, and for type checkers."""
    for node in syntax.body:
        inner = node.body if isinstance(node, ast.If) else [node]
        for part in inner:
            if isinstance(part, ast.ImportFrom) and part.module:
                yield from ((alias, part.module) for alias in part.names)


def _is_left_out(module: str) -> bool:
    parts = module.split(".")
    return any(part in _COMMAND_LINES or part.startswith(_OF_PYTEST) for part in parts)
