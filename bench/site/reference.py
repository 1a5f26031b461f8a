"""The pages of the API: a page for each room of each package, a directive for each public name."""

import ast
import dataclasses
import re
from collections.abc import Sequence

from bench.site import docstrings
from bench.site.source import PACKAGES, Item, Source, marks, methods
from zoo.registry import table

INDEX = "api/index"
_PACKAGE = re.compile(r"^(\w+)/$")
_ROOM = re.compile(r"^  ([\w.]+)/ +(.+)$")


@dataclasses.dataclass(frozen=True)
class Room:
    """A room of a package: its dotted name and what is in it, as ARCHITECTURE.md says it."""

    name: str
    about: str


class Reference:
    """Writes the pages of the API.

    Args:
        source: The files.
        architecture: Text of ARCHITECTURE.md, whose list of rooms is the list of pages.
    """

    def __init__(self, source: Source, architecture: str):
        self.source = source
        self.rooms = rooms(architecture)
        self.models = {
            f"{table.module_of(name)}.{row.class_name}": name for name, row in table.MODELS.items()
        }
        short: dict[str, list[str]] = {}
        for item in source.items.values():
            short_name = item.public.rpartition(".")[2]
            # A plain word, such as `fit`, may mean something else where it is written.
            is_telling = isinstance(item.node, ast.ClassDef) or "_" in short_name
            for name in {item.public, *([short_name] if is_telling else [])}:
                short.setdefault(name, []).append(item.public)
        self._by_room: dict[str | None, list[Item]] = {}
        for item in source.items.values():
            if item.public.count(".") > 1:  # what a package hands on is on the package's page
                self._by_room.setdefault(self.room_of(item.module), []).append(item)
        self._known = {name: places[0] for name, places in short.items() if len(places) == 1}

    def pages(self) -> dict[str, str]:
        """Returns the pages, by their names."""
        found: dict[str, str] = {}
        for package in PACKAGES:
            own = self._of_root(package)
            found |= {f"api/{package}": self._package(package, own)} if own else {}
            for room in self.rooms:
                if room.name.startswith(f"{package}."):
                    page = self._room(room)
                    found |= {f"api/{room.name}": page} if page else {}
        return {INDEX: self._index(found), **found}

    def item(self, item: Item, beside: Sequence[str] = ()) -> str:
        """Returns the directive of a class or a function.

        Args:
            item: What is shown.
            beside: Titles of sections of its docstring that are left out.
        """
        parts = [part for part in docstrings.sections(item.docstring) if part.title not in beside]
        body = [docstrings.markdown(self._with_formula(item, parts), self.link)]
        kind = "function"
        if isinstance(item.node, ast.ClassDef):
            kind = "class"
            own = [self._method(method, item.module) for method in methods(item.node)]
            body += [self._bases(item), *own]
        arguments = self._arguments(item)
        return _directive(kind, f"{item.public}{arguments}", body, 5, item.place)

    def link(self, name: str) -> str | None:
        """Returns a link to what a name in backticks means, where one public name has it."""
        return f"{{py:obj}}`{name} <{self._known[name]}>`" if name in self._known else None

    # --- pages ------------------------------------------------------------------------------

    def _index(self, pages: dict[str, str]) -> str:
        about = {room.name: room.about for room in self.rooms}
        lines = [
            "# API reference",
            "Read from the docstrings: every public name of `zoo`, `bench` and `tuner`, a page "
            "for each folder. Classes of models are on the "
            "[pages of the models](../models/index.md).",
        ]
        for package in PACKAGES:
            lines += [f"## {package}", docstrings.prose(self.source.about(package), self.link)]
            names = [
                page.removeprefix("api/") for page in pages if page.startswith(f"api/{package}")
            ]
            entries = [
                f"- [`{name}`]({name}.md): {about.get(name, 'what a user imports')}"
                for name in names
            ]
            lines += ["\n".join(entries), _toctree(names)]
        return "\n\n".join(filter(None, lines)) + "\n"

    def _of_root(self, package: str) -> list[Item]:
        """Returns what a package hands on; where it hands on nothing, what is in its root."""
        items = self.source.items.values()
        handed = [item for item in items if item.public.rpartition(".")[0] == package]
        return handed or [item for item in items if item.module.rpartition(".")[0] == package]

    def _package(self, package: str, own: list[Item]) -> str:
        lines = [f"# {package}", docstrings.prose(self.source.about(package), self.link)]
        handed = {
            name: place
            for place, name in self.source.names.items()
            if place in self.source.modules and name.rpartition(".")[0] == package
        }
        if handed:
            entries = [
                f"- `{name}`: {docstrings.prose(self.source.about(place).partition(chr(10))[0])}"
                for name, place in sorted(handed.items())
            ]
            lines += ["Modules that it hands on:", "\n".join(entries)]
        lines += map(self.item, sorted(own, key=lambda item: item.public))
        return "\n\n".join(lines) + "\n"

    def _room(self, room: Room) -> str:
        by_module: dict[str, list[Item]] = {}
        for item in self._by_room.get(room.name, ()):
            by_module.setdefault(item.module, []).append(item)
        if not by_module:
            return ""
        lines = [f"# {room.name}", f"{room.about[:1].upper()}{room.about[1:]}."]
        for module, items in by_module.items():
            about = docstrings.prose(self.source.about(module), self.link)
            lines += [f"## {module}", about, *map(self._item_or_link, items)]
        return "\n\n".join(lines) + "\n"

    def _item_or_link(self, item: Item) -> str:
        """Returns the directive of what has no page of its own."""
        if item.place in self.models:
            name = self.models[item.place]
            return f"{{py:obj}}`{item.public}` is on the page of [`{name}`](../models/{name}.md)."
        return self.item(item)

    def room_of(self, module: str) -> str | None:
        """Returns the name of the room that a module is in; None of one in a package's root."""
        names = [room.name for room in self.rooms if f"{module}.".startswith(f"{room.name}.")]
        return max(names, key=len, default=None)

    # --- directives -------------------------------------------------------------------------

    def _with_formula(
        self, item: Item, parts: list[docstrings.Section]
    ) -> list[docstrings.Section]:
        """Indents a model's formula, which stands below the first line, as code."""
        if item.place not in self.models or not parts or parts[0].title:
            return parts
        first, formula, *others = parts[0].paragraphs
        indented = "\n".join(f"    {line}" for line in formula.splitlines())
        text = "\n\n".join([first, indented, *others])
        return [dataclasses.replace(parts[0], lines=tuple(text.splitlines())), *parts[1:]]

    def _method(self, node: ast.FunctionDef, module: str) -> str:
        decorators = marks(node)
        is_property = any(mark.endswith("property") for mark in decorators)
        options = [f":{mark}:" for mark in ("classmethod", "staticmethod") if mark in decorators]
        if is_property and node.returns is not None:
            options.append(f":type: {self.source.qualified(node.returns, module)}")
        head = (
            node.name
            if is_property
            else f"{node.name}{self._signature(node, module, 'staticmethod' not in decorators)}"
        )
        body = [docstrings.markdown(docstrings.sections(ast.get_docstring(node)), self.link)]
        return _directive("property" if is_property else "method", head, body, 4, options=options)

    def _arguments(self, item: Item) -> str:
        if isinstance(item.node, ast.FunctionDef):
            return self._signature(item.node, item.module, False)
        for place in self.source.lineage(item.place):
            node = self.source.node(place)
            init = next(
                (p for p in node.body if isinstance(p, ast.FunctionDef) and p.name == "__init__"),
                None,
            )
            if init is not None:
                return self._signature(init, place.rpartition(".")[0], True).partition(" -> ")[0]
            if set(marks(node)) & {"dataclass"} or "NamedTuple" in map(ast.unparse, node.bases):
                return f"({', '.join(self._fields(node, place.rpartition('.')[0]))})"
        return ""

    def _signature(self, node: ast.FunctionDef, module: str, has_self: bool) -> str:
        """Returns `(arguments) -> type` as it is written, the names of classes in full."""
        text = self.source.qualified(node.args, module)
        if has_self:
            text = re.sub(r"^\w+(, /)?(, )?", "", text)
        returns = node.returns and f" -> {self.source.qualified(node.returns, module)}"
        return f"({text}){returns or ''}"

    def _fields(self, node: ast.ClassDef, module: str) -> list[str]:
        """Returns the arguments of a data class: its fields with their types and defaults."""
        return [
            self.source.qualified(part, module)
            for part in node.body
            if isinstance(part, ast.AnnAssign)
            and "ClassVar" not in ast.unparse(part.annotation)
            and not part.target.id.startswith("_")
        ]

    def _bases(self, item: Item) -> str:
        """Returns the line on the bases, and on what a class has from them."""
        lineage = self.source.lineage(item.place)[1:]
        shown = [
            self.link(place.rpartition(".")[2]) or f"`{place.rpartition('.')[2]}`"
            for place in lineage
        ]
        own = {method.name for method in methods(item.node)}
        inherited: dict[str, str] = {}
        for place in lineage:
            for method in methods(self.source.node(place)):
                if method.name not in own:
                    inherited.setdefault(method.name, place)
        if not shown:
            return ""
        text = f"**Bases:** {', '.join(shown)}"
        if inherited:
            named = [self._inherited(name, place) for name, place in sorted(inherited.items())]
            text += f"\n\n**Inherited:** {', '.join(named)}"
        return text

    def _inherited(self, name: str, place: str) -> str:
        item = self.source.items.get(place)
        return f"{{py:obj}}`{name} <{item.public}.{name}>`" if item else f"`{name}`"


def rooms(architecture: str) -> list[Room]:
    """Returns the rooms of the list in ARCHITECTURE.md, in its order."""
    found, package = [], ""
    for line in architecture.splitlines():
        if head := _PACKAGE.match(line):
            package = head[1]
        elif package and (room := _ROOM.match(line)):
            found.append(Room(f"{package}.{room[1]}", room[2].partition(": no Keras")[0]))
    return found


def _directive(
    kind: str,
    head: str,
    body: Sequence[str],
    depth: int,
    place: str = "",
    options: Sequence[str] = (),
) -> str:
    fence = ":" * depth
    given = [
        *([f":canonical: {place}"] if place and place != head.partition("(")[0] else []),
        *options,
    ]
    top = "\n".join([f"{fence}{{py:{kind}}} {head}", *given])
    return "\n\n".join([top, *filter(None, body), fence])


def _toctree(names: Sequence[str]) -> str:
    return "\n".join(["```{toctree}", ":hidden:", "", *names, "```"])
