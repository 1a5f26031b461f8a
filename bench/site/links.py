"""Looks for links of a site that lead nowhere: to files and anchors that are not there."""

import html.parser
from pathlib import Path
from urllib.parse import unquote, urlsplit


def broken(site: Path) -> list[str]:
    """Returns each link between the pages of a site, or to a file of it, that leads nowhere.

    Args:
        site: Folder of the site.
    """
    pages = {path: _Page(path) for path in sorted(site.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
            other = (
                pages.get(site / target.relative_to(site.resolve())) if target.exists() else None
            )
            is_anchor_there = (
                other is None or not parts.fragment or (unquote(parts.fragment) in other.anchors)
            )
            if not target.exists() or not is_anchor_there:
                found.append(f"{path.relative_to(site)}: {link} leads nowhere")
    return list(dict.fromkeys(found))


class _Page(html.parser.HTMLParser):
    """What a page links to, and the anchors in it."""

    def __init__(self, path: Path):
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif name in ("id", "name") and value:
                self.anchors.add(value)
