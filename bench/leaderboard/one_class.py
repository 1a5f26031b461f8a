"""Records of one model where each class of the data is normal in turn: the means over classes."""

import statistics
from collections.abc import Collection, Sequence

from bench.records.schema import Record


def classes_in_turn(records: Collection[Record]) -> list[int]:
    """Returns the normal classes of the seed that has most of them, in order.

    `[]` where no class is normal: the records are of another task.
    """
    by_seed: dict[int | None, set[int]] = {}
    for record in records:
        if record.config.normal_class is not None:
            by_seed.setdefault(record.seed, set()).add(record.config.normal_class)
    return sorted(max(by_seed.values(), key=len, default=set()))


def values_by_seed(
    records: Collection[Record], values: Sequence[float | None]
) -> list[float | None]:
    """Returns the value of each record, or, of normal classes in turn, each seed's mean over them.

    A seed that lacks some of the classes is left out: its mean would be of other tasks.

    Args:
        values: Of each record, in their order.
    """
    labels = classes_in_turn(records)
    if not labels:
        return list(values)
    by_seed: dict[int | None, dict[int | None, float | None]] = {}
    for record, value in zip(records, values, strict=True):
        by_seed.setdefault(record.seed, {})[record.config.normal_class] = value
    whole = [list(each.values()) for each in by_seed.values() if each.keys() == set(labels)]
    return [None if None in each else statistics.fmean(each) for each in whole]
