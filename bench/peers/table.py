"""The table of what `python -m bench.peers` found, in the terminal and in Markdown."""

from collections.abc import Sequence
from typing import Any

from bench.peers.workloads import KEYS, OURS
from bench.report.markdown import table
from zoo import aligned

TITLES = {"train": "training", "infer": "inference"}
COLUMNS = ("", "images/s", "time by zoo's", "by autotuned", "rate", "loss")


def rows(records: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
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
        for record in records
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


def markdown(records: Sequence[dict[str, Any]]) -> str:
    """Returns Markdown tables: two lines per workload, and how many times as long others take.

    The first line is of `fit` and `predict` as they come, the second of what `autotune` chose.
    """
    others = [name for name in dict.fromkeys(r["side"] for r in records) if name not in OURS]
    tables = []
    for what, title in TITLES.items():
        parts = [record for record in records if record["what"] == what]
        if not parts:
            continue
        lines = []
        for name in dict.fromkeys(record["workload"] for record in parts):
            rows_of = {r["side"]: r for r in parts if r["workload"] == name}
            for own, key in zip(OURS, KEYS, strict=True):
                if own in rows_of:
                    cells = [_short(rows_of.get(name), key) for name in others]
                    lines.append([_called(rows_of[own]), *_own(rows_of[own]), *cells])
        head = [title, "images/s", "of the rate", *others]
        tables.append(table(head, lines, [False, *[True] * (len(head) - 1)]))
    return "\n\n".join(tables) + "\n"


def _called(record: dict[str, Any]) -> str:
    if record["side"] == OURS[0]:
        return record["title"]
    chosen = record.get("note", "").partition(":")[0]
    return f"`autotune`: {chosen}" if chosen else "`autotune`"


def _own(record: dict[str, Any]) -> list[str]:
    if record["status"] != "ok":
        return ["failed", ""]
    return [f"{record['images_per_second']:,.0f}", f"{record['share_of_machine']:.0%}"]


def _short(record: dict[str, Any] | None, key: str) -> str:
    if record is None:
        return "-"
    if record["status"] != "ok" or f"seconds_by_{key}" not in record:
        return "failed"
    mark = "" if record[f"same_loss_as_{key}"] else " \\*"
    return f"{_ratio(record, key)}{mark}"


def show(records: Sequence[dict[str, Any]], console) -> None:
    """Prints a line for each contender, below the network and the phase that it belongs to."""
    parts: dict[str, list[list[str]]] = {}
    for title, what, *cells in rows(records):
        compact = [cell.replace(" to ", "-") for cell in cells]
        parts.setdefault(f"{title}: {what}", []).append(compact)
    console.print("The same network, batch and data on this machine, in turn.")
    console.print("Ratios: times as long as the zoo takes, with their 95 % interval.")
    aligned.show(console, COLUMNS, parts, numeric=COLUMNS[1:-1])
