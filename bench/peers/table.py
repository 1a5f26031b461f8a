"""The table of what `python -m bench.peers` found, in the terminal and in Markdown."""

from collections.abc import Sequence
from typing import Any

TITLES = {"train": "training", "infer": "inference"}
COLUMNS = (
    "workload",
    "",
    "side",
    "images/s",
    "time by zoo's",
    "by autotuned",
    "of the rate",
    "loss",
)


def rows(found: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Returns the cells of each record."""
    return [
        (
            record["title"],
            TITLES[record["what"]],
            record["side"],
            f"{record['images_per_second']:,.0f}" if record["status"] == "ok" else "failed",
            _ratio(record, "ours"),
            _ratio(record, "ours_autotuned"),
            f"{record['share_of_machine']:.0%}" if "share_of_machine" in record else "",
            _loss(record),
        )
        for record in found
    ]


def _ratio(record: dict[str, Any], key: str) -> str:
    value = record.get(f"seconds_by_{key}")
    if value is None:
        return ""
    low, high = (record[f"seconds_by_{key}_{name}"] for name in ("low", "high"))
    return f"{value:.2f} ({low:.2f} to {high:.2f})"


def _loss(record: dict[str, Any]) -> str:
    if record["status"] != "ok":
        return record["error"]
    losses = record["losses"]
    mark = "" if record.get("same_loss_as_ours", True) else " (not the same)"
    return f"{sum(losses) / len(losses):.4g}{mark}"


def markdown(found: Sequence[dict[str, Any]]) -> str:
    """Returns the table in Markdown, a line per workload, kind of work and side."""
    lines = [COLUMNS, ("---", "---", "---", *("--:",) * 5), *rows(found)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def show(found: Sequence[dict[str, Any]], console) -> None:
    """Prints the table."""
    from rich.markup import escape
    from rich.table import Table

    shown = Table(title="the same network, batch and data on this machine")
    for number, column in enumerate(COLUMNS):
        shown.add_column(column, justify="right" if number > 2 else "left")
    before = None
    for cells in rows(found):
        if before not in (None, cells[:2]):
            shown.add_section()
        before = cells[:2]
        shown.add_row(*map(escape, cells))
    console.print(shown)
