"""The tables of the suite of masks: its records become means over seeds, a row for each way."""

from collections.abc import Iterable, Sequence
from typing import Any

from bench.report import markdown as markdown_tables
from bench.stats import intervals

COLUMNS: dict[str, tuple[tuple[str, str, int], ...]] = {
    "tiles": (
        ("iou_dataset", "IoU of all pixels", 3),
        ("iou_image", "IoU by image", 3),
        ("boundary_f1", "boundary F1", 3),
        ("hausdorff_95", "Hausdorff 95 %, pixels", 1),
    ),
    "lines": (
        ("iou_dataset", "IoU of all pixels", 3),
        ("recall", "line pixels found", 3),
        ("boundary_f1", "boundary F1", 3),
    ),
    "memory": (
        ("image_mib", "image, MiB", 0),
        ("result_mib", "result, MiB", 0),
        ("beside_mib", "peak beside both, MiB", 0),
    ),
}
FIRST = {"tiles": "way", "lines": "class weights", "memory": "pixels a side"}


def markdown(records: Iterable[dict[str, Any]], part: str) -> str:
    """Returns a row for each way of a part: means over seeds, 95 % intervals, and each seed's IoU.

    Args:
        records: Lines of `bench.suites.segmentation`.
        part: `"tiles"`, `"lines"` or `"memory"`.
    """
    by_way: dict[str, list[dict[str, Any]]] = {}
    for record in sorted(records, key=lambda record: record["seed"]):
        if record["part"] == part:
            by_way.setdefault(record["way"], []).append(record)
    is_trained = part != "memory"
    heads = [FIRST[part], *(title for _, title, _ in COLUMNS[part])]
    heads += ["IoU of each seed"] if is_trained else []
    lines = [
        [
            way,
            *(_cell([r[name] for r in of_way], decimals) for name, _, decimals in COLUMNS[part]),
            *([_each(of_way)] if is_trained else []),
        ]
        for way, of_way in by_way.items()
    ]
    return markdown_tables.table(heads, lines, [False, *[True] * (len(heads) - 1)])


def _cell(values: Sequence[float], decimals: int) -> str:
    interval = intervals.mean_interval(values)
    text = f"{interval.mean:.{decimals}f}"
    if interval.low is None or interval.high is None:
        return text
    return f"{text} ± {(interval.high - interval.low) / 2:.{decimals}f}"


def _each(records: Sequence[dict[str, Any]]) -> str:
    return ", ".join(f"{record['iou_dataset']:.3f}" for record in records)
