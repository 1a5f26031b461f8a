"""Docstrings in Keras's sections become Markdown, as MyST reads it.

A docstring is plain text: whatever Markdown could take for a mark is escaped, so that no docstring
can break a page.
"""

import dataclasses
import re
import textwrap
from collections.abc import Callable, Iterable

# Sections whose text begins on the line of their title.
_LEADS = "Reference|References|Differs from the papers?|When not to use it|Note"
_HEADING = re.compile(rf"(?:(?P<lead>{_LEADS}): (?P<text>.+)|(?P<title>[A-Z][\w ,]*):)")
_NAME = r"(?:\*{0,2}[\w.]+|`[^`]+`)"
_ENTRY = re.compile(rf"(?P<name>{_NAME}(?:(?:, (?:and |or )?| and | or ){_NAME})*): ")
_CODE = re.compile(r"(``.+?``|`[^`]+`)")
_ADDRESS = re.compile(r"(https?://[^\s<>]*[^\s<>.,;:)])")
_MARKS = re.compile(r"([\\*_\[\]<>#$~|{}^])")

Linker = Callable[[str], str | None]  # gives what a name in backticks leads to


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of a docstring: its title, `""` of the description at the top, and its lines."""

    title: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return textwrap.dedent("\n".join(self.lines)).strip("\n")

    @property
    def paragraphs(self) -> list[str]:
        return [part for part in re.split(r"\n\s*\n", self.text) if part.strip()]


def sections(docstring: str) -> list[Section]:
    """Returns the parts of a docstring whose indent has been taken off, the description first."""
    found: list[tuple[str, list[str]]] = [("", [])]
    lines = docstring.splitlines()
    for number, line in enumerate(lines):
        heading = _HEADING.fullmatch(line)
        follows = lines[number + 1] if number + 1 < len(lines) else ""
        if heading and heading["lead"]:
            found.append((heading["lead"], [heading["text"]]))
        elif heading and follows.startswith("    "):
            found.append((heading["title"], []))
        else:
            found[-1][1].append(line)
    return [Section(title, tuple(lines)) for title, lines in found]


def markdown(parts: Iterable[Section], link: Linker = lambda name: None) -> str:
    """Returns sections as Markdown, the titles in bold.

    Args:
        parts: Of `sections`, or some of them.
        link: Gives the Markdown of a name that has a page, or None.
    """
    blocks = []
    for part in parts:
        is_lead = re.fullmatch(_LEADS, part.title)
        body = _entries(part.text, link) if part.title and not is_lead else ""
        # Each reference ends with its address.
        text = re.sub(r"(https?://\S+)\n(?=[A-Z])", r"\1\n\n", part.text) if is_lead else part.text
        body = body or prose(text, link)
        if not body:
            continue
        if is_lead:
            blocks.append(f"**{part.title}:** {body}")
        else:
            blocks += [f"**{part.title}**", body] if part.title else [body]
    return "\n\n".join(blocks)


def prose(text: str, link: Linker = lambda name: None) -> str:
    """Returns plain text as Markdown: paragraphs, lists, and what is indented as code."""
    blocks: list[str] = []
    for part in re.split(r"\n\s*\n", text.strip("\n")):
        lines = part.splitlines()
        if not part.strip():
            continue
        if lines[0].startswith(">>> "):
            blocks.append(fenced(part, "pycon"))
        elif all(line.startswith("    ") for line in lines):
            blocks.append(fenced(textwrap.dedent(part)))
        elif all(line.startswith(("- ", "  ")) for line in lines):
            items = re.split(r"\n(?=- )", part)
            blocks.append("\n".join(f"- {_inline(item[2:], link)}" for item in items))
        else:
            blocks.append(_inline(part, link))
    return "\n\n".join(blocks)


def fenced(code: str, language: str = "text") -> str:
    """Returns text as a block of code."""
    return f"```{language}\n{code}\n```"


def _entries(text: str, link: Linker) -> str:
    """Returns lines such as `name: what it is` as a list of definitions; "" for other text."""
    items: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith(" ") or not line.strip():
            if not items:
                return ""
            items[-1].append(line)
        elif _ENTRY.match(line):
            items.append([line])
        else:
            return ""
    blocks = []
    for first, *rest in items:
        name = _ENTRY.match(first)["name"]
        about = "\n".join([_ENTRY.sub("", first, count=1), textwrap.dedent("\n".join(rest))])
        term = name if "`" in name else ", ".join(f"`{each}`" for each in name.split(", "))
        body = textwrap.indent(prose(about, link), "  ").strip()
        blocks.append(f"{term}\n: {body}")
    return "\n\n".join(blocks)


def _inline(text: str, link: Linker) -> str:
    """Returns a paragraph on one line: code stays, names are linked, and all else is escaped."""
    pieces = _CODE.split(" ".join(text.split()))
    shown = []
    for number, piece in enumerate(pieces):
        if number % 2:
            shown.append(link(piece.strip("`")) or piece)
            continue
        for place, part in enumerate(_ADDRESS.split(piece)):
            shown.append(f"<{part}>" if place % 2 else _MARKS.sub(r"\\\1", part))
    line = "".join(shown)
    # What would begin a list, a comment or a break of MyST.
    return re.sub(r"^(\d+)([.)]) ", r"\1\\\2 ", re.sub(r"^([-+%=:])", r"\\\1", line))
