"""The small parts that all of a page is put together from."""

import base64
import struct
from collections.abc import Iterable
from html import escape
from pathlib import Path

from bench.leaderboard.rows import Row


def document(
    title: str,
    summary: str,
    tiles: str,
    sections: Iterable[tuple[str, str, str]],
    warnings: Iterable[str] = (),
) -> str:
    """Returns a page that holds all it needs, and asks no network for anything.

    Args:
        title, summary: Text.
        tiles: HTML below the summary.
        sections: Name, heading and HTML of each; those without HTML are left out.
        warnings: Lines on what could not be read.
    """
    sections = [section for section in sections if section[2]]
    links = "".join(f'<a href="#{name}">{heading}</a>' for name, heading, _ in sections)
    bodies = "".join(
        f'<section id="{name}"><h2>{heading}</h2>{body}</section>'
        for name, heading, body in sections
    )
    alerts = "".join(f"<li>{escape(warning)}</li>" for warning in warnings)
    alerts = f'<ul class="alerts" role="status">{alerts}</ul>' if alerts else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_beside('page.css')}</style></head><body>"
        f"<header><h1>{escape(title)}</h1><p>{escape(summary)}</p>"
        f"{tiles}<nav>{links}</nav></header><main>{alerts}{bodies}</main>"
        f'<div id="tip" role="tooltip" hidden></div><script>{_beside("page.js")}</script>'
        "</body></html>\n"
    )


def _beside(name: str) -> str:
    return (Path(__file__).with_name("templates") / name).read_text(encoding="utf-8")


def data_uri(file: bytes) -> str:
    """Returns a PNG or GIF file as an address that holds it."""
    kind = "gif" if file.startswith(b"GIF8") else "png"
    return f"data:image/{kind};base64,{base64.b64encode(file).decode()}"


def size(file: bytes) -> str:
    """Returns the attributes `width` and `height` of a PNG or GIF file."""
    if file.startswith(b"GIF8"):
        width, height = struct.unpack("<HH", file[6:10])
    else:
        width, height = struct.unpack(">II", file[16:24])
    return f'width="{width}" height="{height}"'


def image(file: bytes, alt: str, kind: str) -> str:
    return (
        f'<img class="{kind}" alt="{escape(alt)}" decoding="async" {size(file)} '
        f'src="{data_uri(file)}">'
    )


def themed(light: bytes, dark: bytes, alt: str) -> str:
    """A picture in two versions, of which the page shows the one that suits its ground."""
    return (
        '<picture><source media="(prefers-color-scheme: dark)" '
        f'srcset="{data_uri(dark)}">{image(light, alt, "whole")}</picture>'
    )


def figure(content: str, caption: str = "") -> str:
    """A picture in a card, with what there is to say about it."""
    caption = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure class="small">{content}{caption}</figure>'


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """A list of names and values; empty for none."""
    items = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in pairs)
    return f"<dl>{items}</dl>" if items else ""


def table(heads: Iterable[str], lines: Iterable[Iterable[str]], numeric: Iterable[bool]) -> str:
    """A small table that scrolls inside its box; cells are texts."""
    kinds = ["number" if is_number else "text" for is_number in numeric]
    top = "".join(
        f'<th scope="col" class="{kind}">{escape(head)}</th>'
        for head, kind in zip(heads, kinds, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="{kind}">{escape(cell)}</td>'
            for cell, kind in zip(line, kinds, strict=True)
        )
        + "</tr>"
        for line in lines
    )
    return (
        f'<div class="scroll" tabindex="0"><table><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def named(row: Row, before: str = "", after: str = "") -> str:
    """Model, preset and what the row is, each in its own dress."""
    parts = [f"{before}{breakable(row['model'])}{after}"]
    if row["preset"]:
        parts.append(f'<span class="preset">{escape(row["preset"])}</span>')
    if row.baseline:
        parts.append('<span class="tag">baseline</span>')
    if row.unsteady:
        parts.append(
            '<span class="tag" title="The machine was busy or the timing did not settle: take '
            'its speeds as rough.">noisy timing</span>'
        )
    if row.detail:
        parts.append(f'<span class="detail">{escape(row.detail)}</span>')
    return " ".join(parts)


def breakable(name: str) -> str:
    return escape(name).replace("_", "_<wbr>")
