"""The report of a search: one self-contained HTML file, from its project alone.

Nothing is measured here. The page holds its pictures, style and script, so that it can be mailed
and read anywhere, without a network.
"""

import io
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from bench.records.store import write_whole
from bench.report.page_parts import breakable, document, facts, table, themed
from bench.report.text import value_text
from tuner.report import text, trials
from tuner.report.confirmed import confirmed_section
from tuner.report.importance import Importance
from tuner.trials.store import Project

FILE_NAME = "report.html"


def write(project: Project, confirmed: Any = None) -> Path:
    """Writes `report.html` to the folder of the search, whole, and returns its path.

    Args:
        confirmed: What `confirm.read` gives: the winner and the defaults on fresh seeds;
            None: not measured yet.
    """
    path = project.folder / FILE_NAME
    write_whole(path, html(project, confirmed).encode())
    return path


def html(project: Project, confirmed: Any = None) -> str:
    """Returns the page."""
    from tuner.report import importance
    from tuner.space import ready

    parameters = ready.get(project.identity["model"]).parameters
    importances = importance.compute(project.trials.values(), parameters)
    drawings = _pictures(project, parameters, importances)
    sections = [
        ("confirmed", "Confirmed on fresh seeds", _confirmed(project, confirmed)),
        ("pictures", "Pictures", _figures(drawings, importances)),
        ("board", "Trials", trials.board(project, parameters, importances)),
        ("failed", "Trials without a score", trials.without_score(project)),
        ("space", "What was searched", _space(project)),
        ("again", "Run it again", _again(project)),
    ]
    title, summary = text.title_of(project), text.headline(project)
    return document(title, summary, _tiles(project), sections, project.warnings)


def _tiles(project: Project) -> str:
    tiles = "".join(
        f'<a class="tile" href="#trial-{number}"><span>{escape(label)}</span>'
        f"<strong>{breakable(strong)}</strong><span>{escape(detail)}</span></a>"
        for label, number, strong, detail in text.tiles(project)
    )
    return f'<div class="tiles">{tiles}</div>' if tiles else ""


def _confirmed(project: Project, confirmed: Any) -> str:
    return "" if confirmed is None else confirmed_section(project, confirmed)


# --- pictures -----------------------------------------------------------------------------------


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


def _figures(drawings: dict[str, tuple[bytes, bytes]], importances: Importance | None) -> str:
    parts = []
    for name, (title, caption) in text.PICTURES.items():
        content = ""
        if name in drawings:
            content = themed(*drawings[name], f"{title}: {caption}")
        elif name == "importance" and drawings:
            caption = text.no_importance(importances)
        else:
            continue
        parts.append(
            f"<figure><h3>{escape(title)}</h3>{content}"
            f"<figcaption>{escape(caption)}</figcaption></figure>"
        )
    return "".join(parts)


# --- the rest -----------------------------------------------------------------------------------


def _space(project: Project) -> str:
    defaults = project.identity["defaults"]
    lines = [
        (name, values, value_text(defaults[name]) if name in defaults else "")
        for name, values in project.identity["space"].items()
    ]
    settings = [(name, value_text(value)) for name, value in text.settings_of(project)]
    return (
        f"{table(('parameter', 'values', 'default'), lines, (False, False, False))}"
        f'<div class="cards" style="margin-top:1rem"><article class="card"><h3>Settings</h3>'
        f"{facts(settings)}</article></div>"
    )


def _again(project: Project) -> str:
    commands = "\n".join(text.commands(project))
    return (
        f'<p>{text.AGAIN}</p><div class="again">'
        '<button type="button" id="copy" hidden>Copy</button>'
        f"<pre><code>{escape(commands)}</code></pre></div>"
    )
