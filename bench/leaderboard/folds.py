"""Records of one configuration over the folds of a cross-validation: a value for each fold."""

import statistics
from collections.abc import Collection, Sequence

from bench.records.schema import Record


def present(records: Collection[Record]) -> list[str]:
    """Returns the folds that the records are of, in order; `[]`: they are of none."""
    folds = {record.config.fold for record in records} - {None}
    return sorted(folds, key=lambda fold: int(fold.partition("/")[0]))


def values_by_fold(
    records: Collection[Record], values: Sequence[float | None]
) -> list[float | None]:
    """Returns each fold's mean over its seeds, or, of records of no folds, their values.

    Args:
        values: Of each record, in their order.
    """
    if not present(records):
        return list(values)
    by_fold: dict[str | None, list[float | None]] = {}
    for record, value in zip(records, values, strict=True):
        by_fold.setdefault(record.config.fold, []).append(value)
    return [None if None in each else statistics.fmean(each) for each in by_fold.values()]
