"""HTML by jinja2: all text is escaped unless it is markup already; an unknown name is an error.

Templates lie in `templates/` of this package. Another report brings its own folder and takes the
macros and the page from here, see `environment`.
"""

import base64
import dataclasses
import functools
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

FOLDER = Path(__file__).with_name("templates")
_SHOWN_WARNINGS = 5


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of a page: the name that links lead to, its heading, its body as markup."""

    name: str
    heading: str
    body: Markup


@dataclasses.dataclass(frozen=True)
class Tile:
    """An answer at the top of a page, which leads to where it comes from."""

    label: str
    strong: str
    detail: str
    link: str


@dataclasses.dataclass(frozen=True)
class Table:
    """A small table of text cells.

    Attributes:
        head: One cell per column.
        lines: Lists of as many cells.
        numeric: Whether each column holds numbers, which are set on the right.
        title: What it shows; may be empty.
        notes: Sentences that belong below.
        links: `(text, address)` that belong below; only addresses of the web are links.
    """

    head: Sequence[str]
    lines: Sequence[Sequence[str]]
    numeric: Sequence[bool]
    title: str = ""
    notes: Sequence[str] = ()
    links: Sequence[tuple[str, str]] = ()


@dataclasses.dataclass(frozen=True)
class Image:
    """A PNG or GIF file; with `dark` the page shows the version that suits its ground."""

    file: bytes
    alt: str
    kind: str = "whole"
    dark: bytes | None = None


def environment(*folders: Path) -> jinja2.Environment:
    """Returns the environment of the templates in these folders, and of those of this package."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, FOLDER]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"data_uri": data_uri, "size": size, "breakable": breakable}
    made.tests["web_address"] = is_web_address
    return made


def render(template: str, **context: Any) -> Markup:
    """Returns what a template of this package makes of its context, without white space around."""
    return Markup(_own().get_template(template).render(context).strip())


def macros(template: str) -> Any:
    """Returns the macros of a template of this package, each a function that returns markup."""
    return _own().get_template(template).module


@functools.cache
def _own() -> jinja2.Environment:
    return environment()


def tables(text: str, shown: Iterable[Table]) -> Markup:
    """Returns a sentence above tables, with their titles and notes; empty for no table."""
    shown = list(shown)
    return render("tables.html.j2", text=text, tables=shown) if shown else Markup()


def page(
    title: str,
    summary: str,
    tiles: Sequence[Tile],
    sections: Iterable[Section],
    warnings: Sequence[str] = (),
    refresh: int | None = None,
    said: Sequence[tuple[str, Sequence[str]]] = (),
) -> str:
    """Returns a page that holds all it needs, and asks no network for anything.

    Args:
        title, summary: Text.
        tiles: Shown below the summary.
        sections: Those with an empty body are left out.
        warnings: Lines on what could not be read; all but a few begin folded.
        refresh: Seconds after which a browser loads the page again; None: it does not.
        said: The result in words, at the top: names of tables, and sentences on each.
    """
    style, board, script = (
        Markup((FOLDER / name).read_text(encoding="utf-8"))
        for name in ("page.css", "board.js", "page.js")
    )
    return render(
        "page.html.j2",
        title=title,
        summary=summary,
        tiles=tiles,
        sections=[section for section in sections if section.body],
        warnings=warnings,
        shown_warnings=_SHOWN_WARNINGS,
        refresh=refresh,
        said=said,
        style=style,
        script=board + script,
    )


# --- filters and tests of the templates -----------------------------------------------------


def data_uri(file: bytes) -> str:
    """Returns a PNG or GIF file as an address that holds it."""
    kind = "gif" if file.startswith(b"GIF8") else "png"
    return f"data:image/{kind};base64,{base64.b64encode(file).decode()}"


def size(file: bytes) -> tuple[int, int]:
    """Returns the width and height of a PNG or GIF file in pixels."""
    if file.startswith(b"GIF8"):
        return struct.unpack("<HH", file[6:10])
    return struct.unpack(">II", file[16:24])


def breakable(name: str) -> Markup:
    """Returns a name that a narrow line may break after each underscore."""
    return escape(name).replace("_", Markup("_<wbr>"))


def is_web_address(text: str) -> bool:
    return text.startswith(("https://", "http://"))
