"""The table of what `python -m bench.peers` found, in the terminal and in Markdown."""

from collections.abc import Sequence
from typing import Any

from bench.peers.workloads import IN_BFLOAT16, KEYS, OURS
from bench.report.markdown import table
from zoo import aligned

TITLES = {"train": "training", "infer": "inference", "latency": "one image at a time"}
COLUMNS = ("", "images/s", "time by zoo's", "by autotuned", "rate", "loss")


def rows(records: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Returns the cells of each record; its time is by that of the zoo in the same precision."""
    return [
        (
            record["title"],
            TITLES[record["what"]],
            record["side"],
            _speed(record) if record["status"] == "ok" else "failed",
            _ratio(record, _key_of(record["side"])),
            _ratio(record, "ours_autotuned"),
            _share(record),
            _loss(record),
        )
        for record in records
    ]


def _speed(record: dict[str, Any]) -> str:
    """Returns images per second, or milliseconds of a single image."""
    if record["what"] == "latency":
        return f"{1e3 / record['images_per_second']:.3g} ms"
    return f"{record['images_per_second']:,.0f}"


def _key_of(contender: str) -> str:
    """Returns the key of ours in the contender's precision; of our own in bfloat16, the default."""
    is_peer = contender.endswith(IN_BFLOAT16) and contender not in OURS
    return KEYS[2] if is_peer else KEYS[0]


def _ratio(record: dict[str, Any], key: str) -> str:
    value = record.get(f"seconds_by_{key}")
    if value is None:
        return ""
    low, high = (record[f"seconds_by_{key}_{name}"] for name in ("low", "high"))
    return f"{value:.2f} ({low:.2f} to {high:.2f})"


def _loss(record: dict[str, Any]) -> str:
    if record["status"] != "ok":
        return record["error"]
    losses = record.get("losses")
    if losses is None:
        return ""
    mark = "" if record.get("same_loss_as_ours", True) else " (not the same)"
    return f"{sum(losses) / len(losses):.4g}{mark}"


def markdown(records: Sequence[dict[str, Any]]) -> str:
    """Returns Markdown tables: up to three lines per workload, how many times as long others take.

    The first line is of `fit` and `predict` as they come, the second of what `autotune` chose, the
    third of the model in `mixed_bfloat16`, beside others in bfloat16.
    """
    tables = []
    for what, title in TITLES.items():
        parts = [record for record in records if record["what"] == what]
        if not parts:
            continue
        sides = [record["side"] for record in parts if record["side"] not in OURS]
        others = list(dict.fromkeys(side.removesuffix(IN_BFLOAT16) for side in sides))
        lines = []
        for name in dict.fromkeys(record["workload"] for record in parts):
            rows_of = {r["side"]: r for r in parts if r["workload"] == name}
            for own, key in zip(OURS, KEYS, strict=True):
                if own in rows_of:
                    end = IN_BFLOAT16 if own.endswith(IN_BFLOAT16) else ""
                    cells = [_short(rows_of.get(f"{other}{end}"), key) for other in others]
                    lines.append([_called(rows_of[own]), *_own(rows_of[own]), *cells])
        head = [title, "ms" if what == "latency" else "images/s", "of the rate", *others]
        tables.append(table(head, lines, [False, *[True] * (len(head) - 1)]))
    return "\n\n".join(tables) + "\n"


def _called(record: dict[str, Any]) -> str:
    if record["side"] == OURS[0]:
        return record["title"]
    if record["side"] == OURS[2]:
        return f"{record['title']}, `mixed_bfloat16`"
    chosen = record.get("note", "").partition(":")[0]
    return f"`autotune`: {chosen}" if chosen else "`autotune`"


def _own(record: dict[str, Any]) -> list[str]:
    if record["status"] != "ok":
        return ["failed", ""]
    return [_speed(record).removesuffix(" ms"), _share(record)]


def _share(record: dict[str, Any]) -> str:
    """Returns the share of the machine's rate of float32, which says nothing of others."""
    return f"{record['share_of_machine']:.0%}" if "share_of_machine" in record else ""


def _short(record: dict[str, Any] | None, key: str) -> str:
    if record is None:
        return "-"
    if record["status"] != "ok" or f"seconds_by_{key}" not in record:
        return "failed"
    mark = "" if record.get(f"same_loss_as_{key}", True) else " \\*"
    kept_together = _ratio(record, key).replace(" to ", "\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}")
    return f"{kept_together}{mark}"


def show(records: Sequence[dict[str, Any]], console) -> None:
    """Prints a line for each contender, below the network and the phase that it belongs to."""
    parts: dict[str, list[list[str]]] = {}
    for title, what, *cells in rows(records):
        compact = [cell.replace(" to ", "-") for cell in cells]
        parts.setdefault(f"{title}: {what}", []).append(compact)
    console.print("The same network, batch and data on this machine, in turn.")
    console.print("Ratios: times as long as the zoo takes, with their 95 % interval; those of")
    console.print("bfloat16 are by the zoo in bfloat16.")
    aligned.show(console, COLUMNS, parts, numeric=COLUMNS[1:-1])
