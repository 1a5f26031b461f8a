"""Models of your own in a run: a function of a module or a file, or a saved model.

`my_module:build`, `models/mine.py:build:depth=3`, `mine.keras`, or `fashion_mnist/vae`, the name of
weights that come with the package, which is as good as a file. Nothing is imported or built here:
what is missing is found by reading the files, before Keras is there.
"""

import ast
import dataclasses
import hashlib
import re
from collections.abc import Collection
from pathlib import Path

from bench.errors import BenchError
from bench.runs import own_module
from bench.runs.own_module import FUNCTIONS
from zoo import checks
from zoo.registry import pretrained, saved_file

# What a function is given where it has a parameter of that name.
GIVEN = ("image_shape", "output_shape", "seed", "random_state")
_MOST_NAMES = 8  # in an error
_IDENTIFIER = r"[^\W\d]\w*"
_DOTTED = re.compile(rf"{_IDENTIFIER}(\.{_IDENTIFIER})*")
_WEIGHTS = re.compile(r"(hf://[^:]*|[\w-]+/[\w-]+)(?::(.*))?")
_OTHER_FILES = (".h5", ".hdf5", ".onnx", ".pt", ".pth", ".tflite", ".pkl", ".joblib", ".pb")


@dataclasses.dataclass(frozen=True)
class Source:
    """Where a model of your own comes from.

    Attributes:
        name: Of its row: `mine.py:build`, `my_module:build`, `mine.keras` or `fashion_mnist/vae`.
        text: As it was asked for, without arguments.
        sha256: Of the file, and of the files beside it that it imports: what changed is a new row.
        path: The file; of weights that come with the package, their name.
        attribute: Name of the function; None for a saved model.
        module: Name of the module; None for a file that is given by its path.
        folders: What is put in front of the path of modules.
        origin: `"function"`, `"file"` or, once it was looked at, `"detector"`.
        is_trained: Whether it is trained: a saved model is only where `:train` was asked for.
    """

    name: str
    text: str
    sha256: str
    path: str
    attribute: str | None = None
    module: str | None = None
    folders: tuple[str, ...] = ()
    origin: str = "function"
    is_trained: bool = True

    @property
    def identity(self) -> dict[str, object]:
        """Returns what tells it from others: its content, and not where it lies."""
        return {"name": self.name, "sha256": self.sha256, "is_trained": self.is_trained}

    @property
    def is_fixed(self) -> bool:
        """Whether it is measured as it is, with no update and no seed."""
        return self.origin == "file" and not self.is_trained


def parse(text: str, names: Collection[str]) -> tuple[Source, str] | None:
    """Reads a model of a run as one of your own.

    Args:
        text: As `--models` has it.
        names: Of the zoo's models, which come first.

    Returns:
        The source and the text of its arguments, `depth=3`; None for a model of the zoo.

    Raises:
        BenchError: for a file or a function that is not there.
    """
    head, colon, rest = text.partition(":")
    if head in names or any(sign in head for sign in "*?["):
        return None
    if saved := re.fullmatch(r"(.+?\.keras)(?::(.*))?", text):
        return _saved(text, saved[1], saved[2] or ""), ""
    if named := _WEIGHTS.fullmatch(text):
        return _saved(text, named[1], named[2] or ""), ""
    if by_path := re.fullmatch(r"(.+?\.py)(?::(.*))?", text):
        path = Path(by_path[1])
        if not path.is_file():
            near = sorted(str(each) for each in path.parent.glob("*.py"))
            raise BenchError(f"--models {text}: there is no {path}.{checks.suggestion(path, near)}")
        folders = (str(path.resolve().parent), str(Path.cwd()))
        return _function(text, by_path[1], path.resolve(), None, folders, by_path[2] or "")
    if head.endswith(_OTHER_FILES):
        raise BenchError(
            f"--models {text}: a saved model must be a .keras file. Received: {head}. Save it by "
            "model.save('name.keras'), or give a function that loads it: my_module:build"
        )
    if not _DOTTED.fullmatch(head) or not (colon or "." in head):
        return None
    path, root = own_module.find(head)
    if path is None and "." not in head:
        return None  # a slip of the pen in a name of the zoo; its error is told
    if path is None:
        raise BenchError(
            f"--models {text}: there is no module {head!r} in {Path.cwd()} or among those "
            "installed. Give its file: folder/mine.py:build"
        )
    return _function(text, head, path, head, (str(root), str(Path.cwd())), rest)


def _saved(text: str, path: str, rest: str) -> Source:
    """Returns the source of a file, or of weights by their name."""
    if path.startswith(pretrained.HUB):
        raise BenchError(
            f"--models {text}: a saved model must be on this machine. Save it first: "
            f"zoo.load({path!r}).save('mine.keras')"
        )
    try:
        weights = pretrained.find(path)
        saved_file.contents(path)
    except (FileNotFoundError, ValueError) as error:
        raise BenchError(f"--models {text}: {str(error).removeprefix('load: ')}") from error
    if rest not in ("", "train"):
        raise BenchError(
            f"--models {text}: a saved model is measured as it is, or trained on: "
            f"{path}:train. Received: {rest!r}."
        )
    if weights is None:
        file = Path(path)
        name, place = file.name, str(file.resolve())
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    else:
        name, place, sha256 = weights.name, weights.name, weights.sha256
    return Source(
        name=f"{name}:train" if rest else name,
        text=text,
        sha256=sha256,
        path=place,
        origin="file",
        is_trained=bool(rest),
    )


def _function(
    text: str, head: str, path: Path, module: str | None, folders: tuple[str, ...], rest: str
) -> tuple[Source, str]:
    attribute, _, arguments = rest.partition(":")
    arguments = arguments.lstrip(":")  # of an experiment file, whose preset is empty
    defined = own_module.defined(path)
    imports = (ast.Import, ast.ImportFrom)
    own = [n for n, node in (defined or {}).items() if not isinstance(node, imports)]
    own = [n for n in own if not n.startswith("_")]
    if not attribute:
        shown = [n for n in own if isinstance(defined[n], (*FUNCTIONS, ast.ClassDef))]
        has = f" It has: {', '.join(shown[:_MOST_NAMES])}." if shown else ""
        raise BenchError(
            f"--models {text}: the function must be named. Received: {head}. "
            f"Write {head}:{shown[0] if shown else 'build'}.{has}"
        )
    if not _DOTTED.fullmatch(attribute):
        raise BenchError(
            f"--models {text}: the name of a function must stand behind the colon. "
            f"Received: {attribute!r}."
        )
    if defined is not None:
        first = attribute.partition(".")[0]
        if first not in defined:
            has = f" It has: {', '.join(own[:_MOST_NAMES])}." if own else ""
            raise BenchError(
                f"--models {text}: {head} has no {first!r}.{checks.suggestion(first, own)}{has}"
            )
        if first == attribute:
            _check_parameters(text, head, defined[first], arguments)
    source = Source(
        name=f"{head if module else path.name}:{attribute}",
        text=f"{head}:{attribute}",
        sha256=own_module.content_hash(path, module, folders),
        path=str(path),
        attribute=attribute,
        module=module,
        folders=tuple(dict.fromkeys(folders)),
    )
    return source, arguments


def _check_parameters(text: str, head: str, node: ast.AST, arguments: str) -> None:
    """Refuses a function that needs what it is not given, as far as its text tells."""
    if isinstance(node, ast.ClassDef):
        own = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
        if not own:
            return
        node, skipped = own[0], 1
    else:
        skipped = 0
    if not isinstance(node, FUNCTIONS) or node.decorator_list:
        return
    known = node.args
    positional = [*known.posonlyargs, *known.args]
    required = [each.arg for each in positional[: len(positional) - len(known.defaults)]]
    required = required[skipped:]
    required += [
        each.arg
        for each, default in zip(known.kwonlyargs, known.kw_defaults, strict=True)
        if default is None
    ]
    given = re.findall(r"(?:^|,)\s*(\w+)\s*=", arguments)
    lacking = [name for name in required if name not in (*GIVEN, *given)]
    if lacking:
        example = ",".join(f"{name}=..." for name in lacking)
        raise BenchError(
            f"--models {text}: it needs {', '.join(lacking)}, and a function is given only "
            f"{', '.join(GIVEN)}. Write {head}:{text.split(':')[1]}:{example}, or give defaults."
        )
