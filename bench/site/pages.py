"""The pages that the repository has as Markdown, as the site shows them.

They keep their paths, so that their links to each other hold. A link to a file of the code leads to
a page that shows it, one to a folder to a page that lists it, one to records to the file itself.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from bench.report import html

START = "README"
ROOT_PAGES = (START, "ARCHITECTURE", "CONTRIBUTING", "CHANGELOG")
FENCE = re.compile(r"^```(?P<language>\w*)[^\n]*\n(?P<code>.*?)^```\n?", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?P<mark>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s#]*)(?P<anchor>#[^)\s]*)?\)")
_LANGUAGES = {".py": "python", ".yaml": "yaml", ".toml": "toml", ".sh": "bash", ".txt": "text"}
_PICTURE = re.compile(r"^!\[[^\]]*\]\((?P<target>[^)\s]+)\)$", re.MULTILINE)
TALL = 1.3  # height over width from which a picture scrolls in a box
_NAMED = re.compile(r"`(\w+)`")


class Pages:
    """Reads the pages of a repository and makes their links fit the site.

    Args:
        root: Folder of the repository.
        models: Names of the models that have pages.
    """

    def __init__(self, root: Path, models: Iterable[str]):
        self.root = root.resolve()
        self.models = frozenset(models)
        paths = [
            *(root / f"{name}.md" for name in ROOT_PAGES),
            *sorted((root / "docs").glob("*.md")),
        ]
        self.texts: Mapping[str, str] = {
            path.relative_to(root).with_suffix("").as_posix(): path.read_text(encoding="utf-8")
            for path in paths
            if path.is_file()
        }
        self.files: set[str] = set()  # that are copied as they are
        self.shown: dict[str, str] = {}  # pages that show a file or list a folder

    @property
    def guides(self) -> dict[str, str]:
        return {name: text for name, text in self.texts.items() if name.startswith("docs/")}

    def page(self, name: str, below_title: str = "") -> str:
        """Returns a page with its links as the site has them.

        Args:
            name: Such as `docs/reconstruct`.
            below_title: Markdown that is put below the title.
        """
        text, parts, at = self.texts[name], [], 0
        for block in FENCE.finditer(text):
            parts += [self._linked(text[at : block.start()], name), block[0]]
            at = block.end()
        whole = "".join([*parts, self._linked(text[at:], name)])
        title, _, rest = whole.partition("\n")
        return f"{title}\n\n{below_title}\n{rest}" if below_title else whole

    def target(self, path: str, page: str) -> str:
        """Returns what a link to a path of the repository leads to, from a page of the site.

        Args:
            path: From the root of the repository, with `/`.
            page: Name of the page that has the link.
        """
        place = PurePosixPath(path)
        if place.suffix == ".md" and place.with_suffix("").as_posix() in self.texts:
            name = "index" if path == f"{START}.md" else place.with_suffix("").as_posix()
            return _relative(f"{name}.md", page)
        if place.suffix == ".md":  # of a folder of records
            page_of = f"files/{place.with_suffix('').as_posix()}"
            self.shown[page_of] = (self.root / path).read_text(encoding="utf-8")
            return _relative(f"{page_of}.md", page)
        if (self.root / path).is_dir():
            self.shown.setdefault(f"files/{path}/index", "")
            self.shown[f"files/{path}/index"] = self._listed(path)
            return _relative(f"files/{path}/index.md", page)
        if place.suffix in _LANGUAGES:
            self.shown[f"files/{path}"] = self._code(path)
            return _relative(f"files/{path}.md", page)
        self.files.add(path)
        return _relative(path, page)

    def _linked(self, text: str, page: str) -> str:
        folder = PurePosixPath(page).parent

        def link(found: re.Match) -> str:
            if not found["target"] or "://" in found["target"]:
                return found[0]
            path = (self.root / folder / found["target"]).resolve()
            if not path.exists() or not path.is_relative_to(self.root):
                return found[0]  # Sphinx names it
            target = self.target(path.relative_to(self.root).as_posix(), page)
            return f"{found['mark']}[{found['text']}]({target}{found['anchor'] or ''})"

        lines = LINK.sub(link, self._boxed(text, folder)).splitlines(keepends=True)
        return "".join(self._named(line, page) if line.startswith("|") else line for line in lines)

    def _boxed(self, text: str, folder: PurePosixPath) -> str:
        """Puts tall pictures into a box that scrolls."""

        def box(found: re.Match) -> str:
            path = self.root / folder / found["target"]
            if path.suffix != ".png" or not path.is_file():
                return found[0]
            width, height = html.size(path.read_bytes())
            return tall(found[0]) if height > TALL * width else found[0]

        return _PICTURE.sub(box, text)

    def _named(self, row: str, page: str) -> str:
        """Makes the names of models in a row of a table links to their pages."""

        def link(found: re.Match) -> str:
            if found[1] not in self.models:
                return found[0]
            return f"[{found[0]}]({_relative(f'models/{found[1]}.md', page)})"

        return _NAMED.sub(link, row)

    def _code(self, path: str) -> str:
        place = PurePosixPath(path)
        code = (self.root / path).read_text(encoding="utf-8")
        fence = "`" * (1 + max(3, *map(len, re.findall("`+", code)), 3))
        return f"# {path}\n\n{fence}{_LANGUAGES[place.suffix]}\n{code}{fence}\n"

    def _listed(self, path: str) -> str:
        page = f"files/{path}/index"
        lines = []
        for file in sorted((self.root / path).iterdir()):
            if file.is_file() and not file.name.startswith("_"):
                target = self.target(file.relative_to(self.root).as_posix(), page)
                lines.append(f"- [{file.name}]({target})")
        return f"# {path}\n\n" + "\n".join(lines) + "\n"


def tall(picture: str) -> str:
    """Returns a picture in a box that scrolls."""
    return f"::::{{container}} strip\n\n{picture}\n\n::::"


def _relative(path: str, page: str) -> str:
    """Returns a path of the site as a page names it."""
    up = "../" * (len(PurePosixPath(page).parts) - 1)
    return f"{up}{path}"
