"""The table of what `python -m bench.peers` found, in the terminal and in Markdown."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.peers import floor

OURS = ("zoo", "zoo autotuned")
COMMANDS = {
    "peers": "pip install -r bench/peers/requirements.txt && python -m bench.peers",
    "floor": "python -m bench.peers.floor",
}
_MARKS = re.compile(r"(<!-- (peers|floor): (\S+) -->\n).*?(<!-- end of \2 -->)", re.DOTALL)
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
    """Returns a Markdown table: a line per workload, and how many times as long others take."""
    others = [side for side in dict.fromkeys(r["side"] for r in found) if side != OURS[0]]
    lines = []
    for what, title in TITLES.items():
        parts = [record for record in found if record["what"] == what]
        if not parts:
            continue
        lines += [
            f"| {title} | images/s | of the rate | {' | '.join(others).replace('zoo ', '')} |",
            f"| --- | --: | --: | {' | '.join('--:' for _ in others)} |",
        ]
        for name in dict.fromkeys(record["workload"] for record in parts):
            rows_of = {r["side"]: r for r in parts if r["workload"] == name}
            cells = _own(rows_of) + [_short(rows_of.get(side)) for side in others]
            title = next(iter(rows_of.values()))["title"]
            lines.append(f"| {title} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def _own(rows_of: dict[str, dict[str, Any]]) -> list[str]:
    own = rows_of.get("zoo", {})
    if own.get("status") != "ok":
        return ["", ""]
    return [f"{own['images_per_second']:,.0f}", f"{own['share_of_machine']:.0%}"]


def _short(record: dict[str, Any] | None) -> str:
    if record is None:
        return "-"
    if record["status"] != "ok" or "seconds_by_ours" not in record:
        return "failed"
    value, low, high = (record[f"seconds_by_ours{end}"] for end in ("", "_low", "_high"))
    mark = "" if record["same_loss_as_ours"] else " \\*"
    return f"{value:.2f} ({low:.2f} to {high:.2f}){mark}"


def fill(text: str, root: Path) -> str:
    """Returns a README with the tables of the record files that it names between marks.

    Raises:
        BenchError: if a file is missing.
    """
    tables = {"peers": markdown, "floor": floor.markdown}

    def one(match: re.Match) -> str:
        begin, kind, source, end = match.groups()
        command = COMMANDS[kind]
        try:
            content = (root / source).read_text()
        except OSError as error:
            raise BenchError(f"{source} cannot be read: {error}. Make it: {command}") from error
        found = [json.loads(line) for line in content.splitlines()]
        return f"{begin}{tables[kind](found)}\n```bash\n{command}\n```\n{end}"

    return _MARKS.sub(one, text)


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
