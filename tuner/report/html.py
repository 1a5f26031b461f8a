"""The templates of a search's page: those in `templates/` beside the macros of bench's page."""

import functools
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from bench.report import html


def render(template: str, **context: Any) -> Markup:
    """Returns what a template makes of its context; text in it is escaped."""
    return Markup(_environment().get_template(template).render(context).strip())


@functools.cache
def _environment() -> jinja2.Environment:
    return html.environment(Path(__file__).with_name("templates"))
