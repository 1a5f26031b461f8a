"""What the source files of some packages import, read from their syntax trees alone."""

import ast
import dataclasses
import functools
from collections.abc import Callable, Iterator
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Import:
    """One import.

    Attributes:
        target: The module, as exactly as the tree tells: `from a import b` is `a.b` where that is
            a module of the tree.
        name: What is taken out of the module, or None.
        line: Where it stands.
        in_function: Whether it waits for a call.
    """

    target: str
    name: str | None
    line: int
    in_function: bool


@dataclasses.dataclass(frozen=True)
class Module:
    """A source file.

    Attributes:
        name: Such as `zoo.models.vae`; of an `__init__.py` the package.
        path: Relative to the root, with `/`.
        source: Its text.
    """

    name: str
    path: str
    source: str

    @functools.cached_property
    def syntax(self) -> ast.Module:
        return ast.parse(self.source)

    @property
    def folder(self) -> str:
        """The package that the file lies in."""
        is_package = self.path.endswith("/__init__.py")
        return self.name if is_package else self.name.rpartition(".")[0]

    @property
    def num_lines(self) -> int:
        return len(self.source.splitlines())


class Tree:
    """All modules of some packages, and the graph of their imports.

    Args:
        root: Folder that holds the packages.
        packages: Their names.
    """

    def __init__(self, root: Path, packages: tuple[str, ...]):
        self.root, self.packages = root, packages
        self.modules: dict[str, Module] = {}
        for package in packages:
            for path in sorted((root / package).rglob("*.py")):
                relative = path.relative_to(root)
                parts = relative.with_suffix("").parts
                name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
                self.modules[name] = Module(name, relative.as_posix(), path.read_text())
        self._imports = {name: list(self._read(module)) for name, module in self.modules.items()}

    def imports(self, module: str) -> list[Import]:
        """Returns the imports of a module, those inside functions too, those for types not."""
        return self._imports[module]

    def place(self, module: str, line: int) -> str:
        """Returns `file:line`."""
        return f"{self.modules[module].path}:{line}"

    def way(
        self,
        start: str,
        is_end: Callable[[str], bool],
        may_pass: Callable[[str, Import], bool] = lambda module, imported: True,
    ) -> list[str] | None:
        """Returns the shortest chain of imports from a module to an end, as `file:line imports x`.

        An import runs the `__init__` of each package above its target too.

        Args:
            is_end: Takes the name of a module, of the tree or not.
            may_pass: Takes a module's name and an `Import`; what it refuses is no way.
        """
        queue, seen = [(start, [])], {start}
        while queue:
            module, chain = queue.pop(0)
            for imported in self.imports(module):
                if not may_pass(module, imported):
                    continue
                step = f"{self.place(module, imported.line)} imports {imported.target}"
                if is_end(imported.target):
                    return [*chain, step]
                for reached in self._runs(imported.target):
                    if reached not in seen:
                        seen.add(reached)
                        queue.append((reached, [*chain, step]))
        return None

    def _runs(self, target: str) -> Iterator[str]:
        parts = target.split(".")
        for length in range(1, len(parts) + 1):
            name = ".".join(parts[:length])
            if name in self.modules:
                yield name

    def circles(self) -> list[list[str]]:
        """Returns the groups of modules that import each other, by way of others too."""
        graph = {
            name: {i.target for i in self.imports(name) if i.target in self.modules} - {name}
            for name in self.modules
        }
        return [sorted(group) for group in _components(graph) if len(group) > 1]

    def _read(self, module: Module) -> Iterator[Import]:
        yield from self._visit(module, module.syntax, in_function=False)

    def _visit(self, module: Module, node: ast.AST, in_function: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and _is_for_types(child.test):
                for other in child.orelse:
                    yield from self._visit(module, ast.Module([other], []), in_function)
                continue
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(alias.name, None, child.lineno, in_function)
            elif isinstance(child, ast.ImportFrom):
                base = self._base(module, child)
                for alias in child.names:
                    target = f"{base}.{alias.name}"
                    if target in self.modules:
                        yield Import(target, None, child.lineno, in_function)
                    else:
                        yield Import(base, alias.name, child.lineno, in_function)
            is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from self._visit(module, child, in_function or is_function)

    def _base(self, module: Module, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = module.folder.split(".")
        parts = parts[: len(parts) - node.level + 1]
        return ".".join([*parts, node.module] if node.module else parts)


def _is_for_types(test: ast.expr) -> bool:
    return ast.unparse(test).split(".")[-1] == "TYPE_CHECKING"


def _components(graph: dict[str, set[str]]) -> list[set[str]]:
    """Returns the strongly connected components (Tarjan, 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            start = stack.index(node)
            found.append(set(stack[start:]))
            del stack[start:]

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found
