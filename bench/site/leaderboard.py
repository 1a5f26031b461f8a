"""The page with the leaderboard of all committed records."""

from collections.abc import Sequence

from bench.leaderboard.rows import METRICS, Row
from bench.report import board, tables
from bench.site import experiments
from bench.site.experiments import Experiment
from zoo.registry import table

PAGE = "leaderboard"
RESULT = "result"
_TEXT = """# Leaderboard

All rows of all committed records: {num_rows} rows of {num_files} experiments. A click on a heading
sorts by it; a second click turns the order round. Choose an experiment or a data set first: a
rank, and a comparison of numbers, holds within one experiment, whose rows had the same data.
Models lead to their pages.
"""
_NOTES = (
    "± is half the 95 % confidence interval of the mean over seeds. Rows whose intervals overlap "
    "share a rank.",
    "† One seed only: no interval, so a small difference may be chance.",
    "‡ The speed of a model that learned no more than its floor is left out.",
    "~ The machine was busy or the timing did not settle: take the speed as rough.",
)


def page(found: Sequence[Experiment]) -> str:
    """Returns the page, in Markdown.

    Args:
        found: The experiments.
    """
    parts = [
        board.Part(each.rows, _columns(each), (("experiment", each.name),), RESULT)
        for each in found
    ]
    text = _TEXT.format(num_rows=sum(len(each.rows) for each in found), num_files=len(found))
    shown = board.board(parts, _link, _NOTES, [("Experiment", "experiment")])
    script = '<script src="_static/board.js"></script>'
    # A line of HTML that is empty would end the block.
    lines = [line for line in f'<div id="board">\n{shown}\n</div>\n{script}'.splitlines() if line]
    return "\n".join([text, "```{raw} html", *lines, "```", ""])


def _link(number: int, row: Row) -> str:
    name = row.record.model.name or ""
    return f"models/{name}.html" if name in table.MODELS and not row.baseline else ""


def _columns(experiment: Experiment) -> list[tables.Column]:
    """Returns the columns of an experiment: its own, with what tells it from the others."""
    own = {column.key: column for column in board.quality_first(experiment.rows)}
    added = [
        _result(own),
        tables.Column("dataset", "data", lambda row: row.table, lambda row: row.table, False),
        tables.Column("budget", "budget", experiments.budget, experiments.budget, False),
    ]
    name = tables.Column(
        "experiment", "experiment", lambda row: experiment.name, lambda row: experiment.name, False
    )
    first = [own.pop(key) for key in ("rank", "model") if key in own]
    own.pop("dataset", None)
    return [*first, *added, *own.values(), name]


def _result(columns: dict[str, tables.Column]) -> tables.Column:
    """Returns the column of what decides the rank, whatever it is."""

    def text(row: Row) -> str:
        return f"{METRICS[row.ranked_by]} {columns[row.ranked_by].text(row)}"

    def value(row: Row) -> float | None:
        return columns[row.ranked_by].value(row)

    return tables.Column(RESULT, "what decides\nthe rank", text, value)
