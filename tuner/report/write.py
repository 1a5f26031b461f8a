"""The report of a search: one self-contained HTML file, from its project alone.

Nothing is measured here. The page holds its pictures, style and script, so that it can be mailed
and read anywhere, without a network.
"""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from markupsafe import Markup

from bench.records.store import write_whole
from bench.report import html as bench_html
from bench.report.html import Image, Section, Table, Tile
from bench.report.text import value_text
from tuner.report import importance, text, trials
from tuner.report.confirmed import confirmed_section
from tuner.report.importance import Importance
from tuner.space import ready
from tuner.trials.store import Project

FILE_NAME = "report.html"


def write(project: Project, confirmed: Any = None, refresh: int | None = None) -> Path:
    """Writes `report.html` to the folder of the search, whole, and returns its path.

    Args:
        confirmed: What `confirm.read` gives: the winner and the defaults on fresh seeds;
            None: not measured yet.
        refresh: Seconds after which a browser loads the page again; None: it does not.
    """
    path = project.folder / FILE_NAME
    write_whole(path, html(project, confirmed, refresh).encode())
    return path


def html(project: Project, confirmed: Any = None, refresh: int | None = None) -> str:
    """Returns the page."""
    parameters = ready.get(project.identity["model"]).parameters
    importances = importance.compute(project.trials.values(), parameters)
    drawings = _pictures(project, parameters, importances)
    parts = bench_html.macros("sections.html.j2")
    commands = "\n".join(text.commands(project))
    sections = [
        Section("confirmed", "Confirmed on fresh seeds", _confirmed(project, confirmed)),
        Section("pictures", "Pictures", parts.pictures(_figures(drawings, importances))),
        Section("board", "Trials", trials.board(project, parameters, importances)),
        Section("failed", "Trials without a score", trials.without_score(project)),
        Section("space", "What was searched", _space(project)),
        Section("again", "Run it again", parts.again(text.AGAIN, commands)),
        Section("snippet", "The winner in Python", _snippet(project)),
    ]
    tiles = [
        Tile(label, strong, detail, f"trial-{number}")
        for label, number, strong, detail in text.tiles(project)
    ]
    return bench_html.page(
        text.title_of(project),
        text.headline(project),
        tiles,
        sections,
        project.warnings,
        refresh=refresh,
    )


def _snippet(project: Project) -> Markup:
    code = text.snippet(project)
    return bench_html.macros("sections.html.j2").program(text.SNIPPET, code) if code else Markup()


def _confirmed(project: Project, confirmed: Any) -> Markup:
    return Markup() if confirmed is None else confirmed_section(project, confirmed)


def _pictures(
    project: Project, parameters: dict[str, Any], importances: Importance | None
) -> dict[str, tuple[bytes, bytes]]:
    """Returns the pictures that there is something to draw for, light and dark, as PNG."""
    from tuner.report.plots import basic, parallel_coordinates, pareto

    draw: dict[str, Callable[[io.BytesIO, str], bool]] = {
        "front": lambda file, theme: pareto.front(project, file, theme),
        "coordinates": lambda file, theme: parallel_coordinates.coordinates(
            project, file, parameters, theme, importances
        ),
        "importance": lambda file, theme: basic.importance_bars(importances, file, theme),
        "progress": lambda file, theme: basic.draw(project, file, parameters, theme, importances),
    }
    drawn = {}
    for name, function in draw.items():
        light, dark = io.BytesIO(), io.BytesIO()
        if function(light, "light") and function(dark, "dark"):
            drawn[name] = (light.getvalue(), dark.getvalue())
    return drawn


def _figures(
    drawings: dict[str, tuple[bytes, bytes]], importances: Importance | None
) -> list[tuple[str, str, Image | None]]:
    """Returns title, caption and picture, or why there is none."""
    figures = []
    for name, (title, caption) in text.PICTURES.items():
        if name in drawings:
            light, dark = drawings[name]
            figures.append((title, caption, Image(light, f"{title}: {caption}", dark=dark)))
        elif name == "importance" and drawings:
            figures.append((title, text.no_importance(importances), None))
    return figures


def _space(project: Project) -> Markup:
    """Returns what was searched, and the settings of the search."""
    defaults = project.identity["defaults"]
    lines = [
        (name, values, value_text(defaults[name]) if name in defaults else "")
        for name, values in project.identity["space"].items()
    ]
    table = Table(("parameter", "values", "default"), lines, (False, False, False))
    settings = [(name, value_text(value)) for name, value in text.settings_of(project)]
    cards = bench_html.macros("sections.html.j2").fact_cards([("Settings", settings)])
    return bench_html.tables("", [table]) + cards
