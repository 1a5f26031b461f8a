"""Records of one model where each class of the data is normal in turn: the means over classes."""

import statistics
from collections.abc import Collection
from typing import Any


def classes_in_turn(records: Collection[dict[str, Any]]) -> list[int]:
    """Returns the normal classes of the seed that has most of them, in order.

    `[]` where no class is normal: the records are of another task.
    """
    by_seed: dict[Any, set[int]] = {}
    for record in records:
        if record["normal_class"] is not None:
            by_seed.setdefault(record["seed"], set()).add(record["normal_class"])
    return sorted(max(by_seed.values(), key=len, default=set()))


def values_by_seed(records: Collection[dict[str, Any]], field: str) -> list[float | None]:
    """Returns the value of each record, or, of normal classes in turn, each seed's mean over them.

    A seed that lacks some of the classes is left out: its mean would be of other tasks.
    """
    labels = classes_in_turn(records)
    if not labels:
        return [record[field] for record in records]
    by_seed: dict[Any, dict[int, Any]] = {}
    for record in records:
        by_seed.setdefault(record["seed"], {})[record["normal_class"]] = record[field]
    whole = [list(found.values()) for found in by_seed.values() if sorted(found) == labels]
    return [None if None in values else statistics.fmean(values) for values in whole]
