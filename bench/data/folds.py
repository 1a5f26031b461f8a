"""Cross-validation: all images of a data set, of each of its splits, are tested once.

The fold `"2/5"` tests the second of five parts. Of the rest an eighth is held out for validation,
and what is left is trained on. Images of one block, tiles of one picture say, are never parted:
blocks come from the names of the files, by a pattern.
"""

import dataclasses
import re
from collections.abc import Sequence

import numpy as np

from bench.data import dataset as datasets
from bench.data.dataset import Dataset, Split
from bench.errors import BenchError

_VALIDATION = 8  # one of so many parts of what a fold does not test
_LEAST_BLOCKS = 2  # beside those that are tested: to train on and to validate with


def names(num_folds: int) -> tuple[str, ...]:
    """Returns the folds of so many, `("1/2", "2/2")`."""
    return tuple(f"{number}/{num_folds}" for number in range(1, num_folds + 1))


def number_of(fold: str) -> int:
    """Returns how many folds there are beside and with this one."""
    return int(fold.partition("/")[2])


def compiled(pattern: str) -> re.Pattern:
    """Returns a pattern of names.

    Raises:
        BenchError: where it is none.
    """
    try:
        return re.compile(pattern)
    except re.error as error:
        raise BenchError(
            f"--group-pattern must be a regular expression. Received: {pattern!r} ({error}). For "
            r"example '(.*)_tile\d+'."
        ) from error


def blocks_of(files: Sequence[str], pattern: str) -> np.ndarray:
    """Returns the number of each file's block, int64 `(n,)`.

    Files are of one block where the groups of the pattern, or, without groups, all that it finds,
    are equal.

    Raises:
        BenchError: where the pattern does not occur in a name.
    """
    expression = compiled(pattern)
    keys = []
    for file in files:
        found = expression.search(str(file))
        if found is None:
            raise BenchError(
                f"--group-pattern must occur in the name of each image. Received: {pattern!r}, "
                f"which {file} does not hold."
            )
        keys.append(found.groups() or (found[0],))
    order = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.array([order[key] for key in keys], "int64")


def check(dataset: Dataset, num_folds: int) -> None:
    """Raises BenchError where the data cannot be parted into so many folds."""
    if dataset.task == "anomaly":
        raise BenchError(
            "--folds is for images, with masks or without, and not for anomalies: they train on "
            f"normals alone. Received: {dataset.name}. Leave it out."
        )
    whole = _whole(dataset)
    blocks = len(whole) if whole.blocks is None else len(np.unique(whole.blocks))
    least = _LEAST_BLOCKS + -(-blocks // num_folds)
    if blocks < max(num_folds, least):
        what = "images" if whole.blocks is None else "groups of --group-pattern"
        raise BenchError(
            f"--folds must be at most the number of {what}, of which two must be left beside a "
            f"fold. Received: --folds {num_folds} for {blocks} {what}."
        )
    few = min(len(of_fold(dataset, fold).train) for fold in names(num_folds))
    if few < datasets.MIN_IMAGES:
        raise BenchError(
            f"--folds must leave at least {datasets.MIN_IMAGES} images to train on. Received: "
            f"--folds {num_folds} for {len(whole)} images, which leaves {few}."
        )


def of_fold(dataset: Dataset, fold: str, seed: int = 0) -> Dataset:
    """Returns the data of one fold, `"2/5"`: split anew, the classes keeping their shares.

    Blocks are dealt, the largest first, each to the part that has fewest images.
    """
    number, num_folds = map(int, fold.split("/"))
    whole = _whole(dataset)
    part_of = _parts(whole, num_folds, seed)
    rest = np.flatnonzero(part_of != number - 1)
    inner = whole.take(rest)
    held_out = _parts(inner, min(_VALIDATION, _num_blocks(inner)), seed + 1) == 0
    return dataclasses.replace(
        dataset,
        train=inner.take(np.flatnonzero(~held_out)),
        validation=inner.take(np.flatnonzero(held_out)),
        test=whole.take(np.flatnonzero(part_of == number - 1)),
    )


def _whole(dataset: Dataset) -> Split:
    return Split.joined([getattr(dataset, part) for part in datasets.PARTS])


def _num_blocks(split: Split) -> int:
    return len(split) if split.blocks is None else len(np.unique(split.blocks))


def _parts(split: Split, num_parts: int, seed: int) -> np.ndarray:
    """Returns the part of each row, from 0."""
    part_of = np.empty(len(split), int)
    if split.blocks is None:
        order = datasets.class_balanced_order(split.labels, len(split), seed)
        part_of[order] = np.arange(len(split)) % num_parts
        return part_of
    numbers, counts = np.unique(split.blocks, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(numbers))
    sizes = np.zeros(num_parts, int)
    for block in order[np.argsort(-counts[order], kind="stable")]:
        smallest = int(sizes.argmin())
        part_of[split.blocks == numbers[block]] = smallest
        sizes[smallest] += counts[block]
    return part_of
