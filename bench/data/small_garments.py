"""The embedded data set: a class-balanced part of Fashion-MNIST, read without network.

`python -m bench.data.small_garments` makes the file anew from the official files.
"""

import hashlib
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from bench.data import download
from bench.data.dataset import Dataset, Split, unit_range
from bench.data.standard import GARMENTS
from bench.errors import BenchError

NAME = "fashion_mnist_small"
PATH = Path(__file__).with_name("embedded") / f"{NAME}.npz"
SHA256 = "79ee967cd151b19e175225c078a576a68ef61c116a7d6c2e2be1e20e0bfbe9e1"
NUM_PER_CLASS = {"train": 400, "validation": 50, "test": 100}


def fashion_mnist_small(seed: int) -> Dataset:
    """Garments, 5,500 of 28 x 28, in the package.

    A class-balanced part of Fashion-MNIST, embedded.
    """
    try:
        with np.load(PATH) as file:
            arrays = dict(file)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise BenchError(f"{PATH}: cannot be read ({error}). Install the package again.") from error
    if checksum(arrays) != SHA256:
        raise BenchError(f"{PATH}: is not what was published. Install the package again.")
    parts = [
        Split(
            unit_range(arrays[f"{split}_images"])[..., None],
            arrays[f"{split}_labels"].astype("int64"),
        )
        for split in NUM_PER_CLASS
    ]
    return Dataset(NAME, "reconstruction", *parts, GARMENTS, "Fashion-MNIST, Zalando SE, MIT")


def choose(train_labels: np.ndarray, test_labels: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the rows of each split in the official files, rising.

    Of each class the first images of the official training split train, the next validate; the
    test images are the first of the official test split, so that none was trained on by anyone
    who kept to the official splits.
    """
    num_train, num_validation = NUM_PER_CLASS["train"], NUM_PER_CLASS["validation"]
    of_class = [np.flatnonzero(train_labels == label) for label in range(len(GARMENTS))]
    tests = [np.flatnonzero(test_labels == label) for label in range(len(GARMENTS))]
    return {
        "train": np.sort(np.concatenate([rows[:num_train] for rows in of_class])),
        "validation": np.sort(
            np.concatenate([rows[num_train : num_train + num_validation] for rows in of_class])
        ),
        "test": np.sort(np.concatenate([rows[: NUM_PER_CLASS["test"]] for rows in tests])),
    }


def checksum(arrays: Mapping[str, np.ndarray]) -> str:
    """Returns the SHA-256 of images and labels, whatever the file's compression."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()


def arrays_from_official() -> dict[str, np.ndarray]:
    """Returns what the file holds, from the official files on this machine.

    Raises:
        BenchError: if these are not there and cannot be downloaded.
    """
    (train_images, train_labels), (test_images, test_labels), _ = download.official("fashion_mnist")
    arrays = {}
    for split, rows in choose(train_labels, test_labels).items():
        images, labels = train_images, train_labels
        if split == "test":
            images, labels = test_images, test_labels
        arrays[f"{split}_images"] = images[rows][..., 0]
        arrays[f"{split}_labels"] = labels[rows].astype("uint8")
    return arrays


if __name__ == "__main__":
    made = arrays_from_official()
    np.savez_compressed(PATH, **made)
    sys.stdout.write(f"{PATH}: {PATH.stat().st_size:,} bytes, SHA-256 {checksum(made)}\n")
