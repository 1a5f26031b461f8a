"""The rules of the layout. Each returns what breaks it, as `file:line` and what is wrong there."""

import ast
import types
from collections.abc import Iterator, Mapping, Sequence

from architecture.rooms import Room
from architecture.tree import Import, Module, Tree

KERAS = {"keras", "tensorflow", "tensorflow_cpu"}
MEASURING = ("bench.profiling", "bench.introspection", "bench.evaluation", "bench.execution")
# Names of Python's own that start with an underscore and are documented.
DOCUMENTED = {"_asdict", "_replace", "_fields", "_exit", "_make"}
Exceptions = Mapping[tuple[str, str], str]


def room_index(rooms: Sequence[Room], module: str) -> int | None:
    """Returns the place of a module's room in the list, or None where it has none."""
    _, *parts = module.split(".")
    for index, room in enumerate(rooms):
        if room.modules:
            if len(parts) <= 1 and (parts[0] if parts else "") in room.modules:
                return index
        elif parts[: room.name.count(".") + 1] == room.name.split("."):
            return index
    return None


def homeless(tree: Tree, rooms: Mapping[str, Sequence[Room]]) -> list[str]:
    """Modules that are in no room."""
    return [
        f"{module.path}:1 is in no room of the list"
        for name, module in tree.modules.items()
        if room_index(rooms[name.split(".")[0]], name) is None
    ]


def out_of_order(
    tree: Tree, rooms: Mapping[str, Sequence[Room]], exceptions: Exceptions
) -> list[str]:
    """Imports of a room that is below, or of another study."""
    found = []
    for name in tree.modules:
        package = name.split(".")[0]
        for imported in tree.imports(name):
            if imported.target.split(".")[0] != package or _is_excepted(name, imported, exceptions):
                continue
            here, there = (room_index(rooms[package], m) for m in (name, imported.target))
            if here is None or there is None or here == there:
                continue
            at = f"{tree.place(name, imported.line)} imports {imported.target}"
            if there > here:
                found.append(f"{at}: {rooms[package][there].name} is below")
            elif rooms[package][here].is_study and rooms[package][there].is_study:
                found.append(f"{at}: studies do not import each other")
    return found


def circles(tree: Tree) -> list[str]:
    """Modules that import each other, with the imports inside functions."""
    found = []
    for group in tree.circles():
        steps = [
            f"{tree.place(name, imported.line)} imports {imported.target}"
            for name in group
            for imported in tree.imports(name)
            if imported.target in group and imported.target != name
        ]
        found.append("a circle: " + "; ".join(steps))
    return found


def reaches_keras(
    tree: Tree, rooms: Mapping[str, Sequence[Room]], exceptions: Exceptions
) -> list[str]:
    """Ways from a room without Keras to Keras or TensorFlow, in functions too."""

    found = []
    for name in tree.modules:
        if not is_without_keras(name, rooms):
            continue
        way = tree.way(name, _is_keras, lambda *pair: not _is_excepted(*pair, exceptions))
        if way is not None:
            found.append("; ".join(way))
    return found


def needless_keras(
    tree: Tree, rooms: Mapping[str, Sequence[Room]], exceptions: Exceptions
) -> list[str]:
    """Modules that a room without Keras lists as needing it, and that are not there or do not."""
    needed = {
        name
        for name in tree.modules
        if tree.way(name, _is_keras, lambda *pair: not _is_excepted(*pair, exceptions))
    }
    said = [
        f"{package}.{name}" if room.modules else f"{package}.{room.name}.{name}"
        for package, list_of_rooms in rooms.items()
        for room in list_of_rooms
        for name in room.needs_keras
    ]
    return [f"{name} does not need Keras" for name in said if name not in needed]


def is_without_keras(module: str, rooms: Mapping[str, Sequence[Room]]) -> bool:
    """Whether a module has to work without Keras and TensorFlow."""
    room = _room(rooms, module)
    return room is not None and room.without_keras and module.split(".")[-1] not in room.needs_keras


def reaches_measuring(tree: Tree, starts: Sequence[str]) -> list[str]:
    """Ways from what only reads records to what measures."""
    ways = [
        tree.way(name, lambda target: _is_in(target, MEASURING))
        for name in tree.modules
        if _is_in(name, starts)
    ]
    return ["; ".join(way) for way in ways if way is not None]


def foreign_imports(
    tree: Tree, package: str, forbidden, exceptions: Exceptions = types.MappingProxyType({})
) -> list[str]:
    """Imports of other packages that a package must not have."""
    return [
        f"{tree.place(name, imported.line)} imports {imported.target}"
        for name in tree.modules
        if name.split(".")[0] == package
        for imported in tree.imports(name)
        if forbidden(imported.target) and not _is_excepted(name, imported, exceptions)
    ]


def beyond_the_list(tree: Tree, package: str, other: str, allowed: Sequence[str]) -> list[str]:
    """Imports of one package from another, of what is not on the list."""
    return foreign_imports(
        tree,
        package,
        lambda target: target.split(".")[0] == other and not _is_in(target, allowed),
    )


def private_names(tree: Tree, contracts: Sequence[str]) -> list[str]:
    """Uses of a name with an underscore that is not the file's own, and of libraries' insides.

    On `self` and `cls` a name may come from a base class, but from one of ours.
    """
    everywhere = set().union(*(_defined(module.syntax) for module in tree.modules.values()))
    found = []
    for module in tree.modules.values():
        if module.path not in contracts:
            found += [
                f"{module.path}:{line} {what}"
                for line, what in _private_in(tree, module, everywhere)
            ]
    return found


def _private_in(tree: Tree, module: Module, everywhere: set[str]) -> Iterator[tuple[int, str]]:
    for imported in tree.imports(module.name):
        parts = imported.target.split(".")
        if "src" in parts[1:] or parts[:2] in (["tensorflow", "python"], ["tensorflow", "tsl"]):
            yield imported.line, f"imports {imported.target}, a library's inside"
        is_near = ".".join(parts[:-1]) == module.folder  # a private module of the same folder
        names = [imported.name or "", *([] if is_near else parts[1:])]
        for name in names:
            if _is_private(name):
                yield imported.line, f"imports {name} of {imported.target}"
    own = _defined(module.syntax)
    for node in ast.walk(module.syntax):
        if isinstance(node, ast.Attribute):
            name, of = node.attr, node.value
        elif isinstance(node, ast.Call) and _is_getattr(node):
            name, of = node.args[1].value, node.args[0]
        else:
            continue
        known = everywhere if _is_self(of) else own  # a base class may stand in another file
        if _is_private(name) and name not in known:
            yield node.lineno, f"uses {name} of {ast.unparse(of)}"


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__") and name not in DOCUMENTED | {"_"}


def _is_getattr(node: ast.Call) -> bool:
    is_named = isinstance(node.func, ast.Name) and node.func.id in ("getattr", "hasattr", "setattr")
    if not is_named or len(node.args) < 2 or not isinstance(node.args[1], ast.Constant):
        return False
    return isinstance(node.args[1].value, str)


def _is_self(node: ast.expr) -> bool:
    if isinstance(node, ast.Name):
        return node.id in ("self", "cls")
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "super"


def _defined(syntax: ast.Module) -> set[str]:
    """Names that a file defines: functions, classes, variables, and attributes that it sets."""
    found = set()
    for node in ast.walk(syntax):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found |= {node.attr} if _is_self(node.value) else set()
    return found


def crowded(tree: Tree, rooms: Mapping[str, Sequence[Room]]) -> list[str]:
    """Rooms with more modules than they may hold."""
    found = []
    for package in tree.packages:
        for index, room in enumerate(rooms[package]):
            inside = [
                module
                for name, module in tree.modules.items()
                if name.split(".")[0] == package
                and room_index(rooms[package], name) == index
                and not module.path.endswith("__init__.py")
            ]
            if len(inside) > room.most_modules:
                place = inside[0].path.rpartition("/")[0]
                found.append(f"{place}:1 holds {len(inside)} modules, over {room.most_modules}")
    return found


def long_files(tree: Tree, most: int, allowed: Mapping[str, int]) -> list[str]:
    """Files with too many lines, and allowances that a file needs no more."""
    lines = {module.path: module.num_lines for module in tree.modules.values()}
    found = [
        f"{path}:{number} has {number} lines, over {allowed.get(path, most)}"
        for path, number in lines.items()
        if number > allowed.get(path, most)
    ]
    found += [
        f"{path}:1 needs no allowance: {lines.get(path, 0)} lines"
        for path in allowed
        if lines.get(path, 0) <= most
    ]
    return found


def unused_exceptions(tree: Tree, exceptions: Exceptions) -> list[str]:
    """Exceptions that no import needs."""
    there = {(name, imported.target) for name in tree.modules for imported in tree.imports(name)}
    return [f"{a} no longer imports {b}" for a, b in exceptions if (a, b) not in there]


def asserts(tree: Tree) -> list[str]:
    return [
        f"{module.path}:{node.lineno} asserts"
        for module in tree.modules.values()
        for node in ast.walk(module.syntax)
        if isinstance(node, ast.Assert)
    ]


def tests_elsewhere(test_files: Sequence[str], rooms: Mapping[str, Sequence[Room]]) -> list[str]:
    """Files of tests, as `PACKAGE/ROOM/test_x.py`, that are in no room of their package."""
    found = []
    for path in test_files:
        *folders, name = path.split("/")
        if not folders or folders[0] not in rooms or not name.startswith("test_"):
            continue
        package, *folders = folders
        in_root = {
            f"test_{module or 'init'}.py" for room in rooms[package] for module in room.modules
        }
        names = {room.name for room in rooms[package]}
        if folders[:1] and folders[0] not in names:
            found.append(f"tests/{path}:1 is in {folders[0]}, which is no room of {package}")
        elif not folders and name not in in_root:
            found.append(f"tests/{path}:1 is in no room of {package}")
    return found


def _room(rooms: Mapping[str, Sequence[Room]], module: str) -> Room | None:
    package = module.split(".")[0]
    index = room_index(rooms[package], module)
    return None if index is None else rooms[package][index]


def _is_in(module: str, places: Sequence[str]) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places)


def _is_keras(target: str) -> bool:
    return target.split(".")[0] in KERAS


def _is_excepted(module: str, imported: Import, exceptions: Exceptions) -> bool:
    return (module, imported.target) in exceptions
