"""A matplotlib figure as SVG in a page: with its colours and letters, points that are links."""

import dataclasses
import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping

import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure

from bench.report.plots import labels, style

_SPACE = "{http://www.w3.org/2000/svg}"
_ADDRESS = "{http://www.w3.org/1999/xlink}href"
_NEAR = 15  # radius in which a point is hit, in points
# Colours of a figure on light ground, and the property of the page that takes their place.
_PROPERTIES = {
    **{name: f"var(--{name})" for name in ("ink", "soft", "first", "second", "muted")},
    "ground": "var(--card)",
    "grid": "var(--line)",
}


@dataclasses.dataclass(frozen=True)
class Link:
    """Where an artist of a figure leads to, and what it says when it is pointed at.

    Attributes:
        address: Of the link.
        kind: Class of the point in the page's style.
        tip: Lines of text.
        place: `(x, y)` of its middle in the figure, in points from its lower left corner.
    """

    address: str
    kind: str
    tip: str
    place: tuple[float, float]


def inline(figure: Figure, name: str, links: Mapping[str, Link]) -> Markup:
    """Returns a figure in the light theme as SVG that takes its colours from the page.

    Args:
        name: What the drawing shows, for those who cannot see it.
        links: By the `gid` of artists; those that share one become one link.
    """
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    root = ET.fromstring(buffer.getvalue())
    _simplify(root)
    width, height = (72 * size for size in figure.get_size_inches())
    root.attrib.clear()
    root.attrib |= {
        "class": "plot",
        "viewBox": f"0 0 {width:g} {height:g}",
        "role": "group",
        "aria-label": name,
    }
    for gid, link in links.items():
        _link(root, gid, link, height)
    for element in root.iter("g"):
        gid = element.attrib.pop("id", None)
        if gid == labels.GID:
            element.set("class", "label")
    text = ET.tostring(root, encoding="unicode")
    for colour, value in style.THEMES["light"].items():
        text = text.replace(value, _PROPERTIES[colour])
    return Markup(text)


def _simplify(root: ET.Element) -> None:
    """Takes away what belongs to a file of its own: name spaces, metadata, clips, ids and fonts."""
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SPACE)
        element.attrib.pop("clip-path", None)
        if "style" in element.attrib:
            element.set("style", _without_family(element.get("style")))
    shapes = {path.get("id"): path.get("d") for path in root.iter("path") if path.get("id")}
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in ("metadata", "defs"):
                parent.remove(child)
            elif child.tag == "use":  # a shape is drawn where it is used
                place = f"translate({child.get('x')} {child.get('y')})"
                style_of = child.get("style", "")
                shape = shapes[child.get(_ADDRESS)[1:]]
                child.tag = "path"
                child.attrib.clear()
                child.attrib |= {"d": shape, "transform": place, "style": style_of}


def _without_family(css: str) -> str:
    """Returns a style whose `font` keeps size and weight, and leaves the letters to the page."""
    size = re.search(r"([\d.]+)px", css) if "font" in css else None
    weight = "font-weight: 700" if re.search(r"\b(bold|700)\b", css) else ""
    kept = [part.strip() for part in css.split(";")]
    kept = [part for part in kept if part and not part.startswith("font")]
    fonts = [f"font-size: {size[1]}px", weight] if size else []
    return "; ".join(filter(None, [*fonts, *kept]))


def _link(root: ET.Element, gid: str, link: Link, height: float) -> None:
    """Puts all artists of a gid into one link, where the last of them is drawn."""
    matches = [
        (parent, child) for parent in root.iter() for child in parent if child.get("id") == gid
    ]
    if not matches:
        return
    anchor = ET.Element("a", {"href": link.address, "class": f"point {link.kind}"})
    anchor.attrib |= {"data-tip": link.tip, "aria-label": link.tip}
    x, y = link.place
    near = {"class": "near", "cx": f"{x:.1f}", "cy": f"{height - y:.1f}", "r": f"{_NEAR}"}
    ET.SubElement(anchor, "circle", near)
    last, place = matches[-1][0], list(matches[-1][0]).index(matches[-1][1])
    last.insert(place, anchor)
    for parent, child in matches:
        parent.remove(child)
        anchor.append(child)
