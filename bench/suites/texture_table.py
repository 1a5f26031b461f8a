"""The table of the texture check: AUROC by texture and size, beside a floor."""

import statistics
from collections.abc import Iterable
from typing import Any

from bench.report import markdown as markdown_tables

FLOOR = "image_statistics"


def markdown(records: Iterable[dict[str, Any]]) -> str:
    """Returns a row for each texture: the mean over seeds at each size, beside the floor's."""
    records = list(records)
    sizes = sorted({each["size"] for each in records})
    textures = list(dict.fromkeys(each["texture"] for each in records))

    def mean(field: str, size: int, texture: str | None = None) -> str:
        values = [
            each[field]
            for each in records
            if each["size"] == size and texture in (None, each["texture"])
        ]
        return f"{statistics.fmean(values):.3f}" if values else ""

    lines = [
        [texture, *(mean(field, size, texture) for field in ("auroc", "floor") for size in sizes)]
        for texture in textures
    ]
    lines.append(["mean", *(mean(field, size) for field in ("auroc", "floor") for size in sizes)])
    head = ["normal texture", *(f"{size} x {size}" for size in sizes)]
    head += [f"`{FLOOR}` {size}" for size in sizes]
    table = markdown_tables.table(head, lines, [False] + [True] * (len(head) - 1))
    seeds = len({each["seed"] for each in records})
    over = f"the mean over {seeds} seeds" if seeds > 1 else "one seed"
    return f"{table}\n\nAUROC against all other textures together, {over}."
