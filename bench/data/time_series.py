"""Series: the heartbeats of ECG5000."""

from pathlib import Path

import numpy as np

from bench.data import dataset, download
from bench.data.dataset import Dataset, Split
from bench.errors import BenchError

LENGTH = 140
OFFICIAL_FILES = ("ECG5000_TRAIN.txt", "ECG5000_TEST.txt")
TUTORIAL_FILE = "ecg.csv"
# The labels 1 to 5 of the official files, and 0 and 1 of the tutorial's.
OFFICIAL_CLASSES = ("normal", "R-on-T", "ventricular", "supraventricular", "unclassified")
TUTORIAL_CLASSES = ("abnormal", "normal")
# Of TensorFlow's autoencoder tutorial: https://www.tensorflow.org/tutorials/generative/autoencoder
TUTORIAL_TEST_SHARE, TUTORIAL_SEED = 0.2, 21


def ecg5000(seed: int) -> Dataset:
    """Heartbeats, 5,000 series of 140, five classes.

    Of UCR; or `ecg.csv` of TensorFlow's tutorial.
    """
    file_path = find_ecg5000()
    if file_path is None:
        raise BenchError(
            f"ecg5000 is not on this machine. Put {' and '.join(OFFICIAL_FILES)} (of "
            f"timeseriesclassification.com), or {TUTORIAL_FILE} of TensorFlow's autoencoder "
            "tutorial, into a folder ecg5000/, and set ZOO_DATA_DIR to its parent."
        )
    if file_path.name == TUTORIAL_FILE:
        train, test = _tutorial_split(*_read(file_path, ",", label_column=-1))
        first_label, class_names = 0, TUTORIAL_CLASSES
    else:
        train, test = (_read(file_path.with_name(file), None, 0) for file in OFFICIAL_FILES)
        first_label, class_names = 1, OFFICIAL_CLASSES
    for labels in (train[1], test[1]):
        wrong = set(np.unique(labels)) - set(range(first_label, first_label + len(class_names)))
        if wrong:
            raise BenchError(
                f"{file_path}: labels must be whole numbers from {first_label} to "
                f"{first_label + len(class_names) - 1}. Received: {min(wrong):g}. Get it again."
            )
    num = len(train[0])
    order = dataset.class_balanced_order(train[1], num, seed)
    rows = np.sort(order[num // 10 :]), np.sort(order[: num // 10])
    low, high = train[0][rows[0]].min(), train[0][rows[0]].max()
    if low == high:
        raise BenchError(f"{file_path}: all values are {low:g}. Get the file again.")

    def part(values: np.ndarray, labels: np.ndarray) -> Split:
        scaled = np.clip((values - low) / (high - low), 0, 1).astype("float32")
        return Split(scaled[..., None], labels.astype("int64") - first_label)

    parts = (
        part(train[0][rows[0]], train[1][rows[0]]),
        part(train[0][rows[1]], train[1][rows[1]]),
        part(*test),
    )
    return Dataset("ecg5000", "reconstruction", *parts, class_names, str(file_path))


def find_ecg5000() -> Path | None:
    """Returns the first official file where both are, else the tutorial's file, or None."""
    places = list(download.folders("ecg5000", "ECG5000"))
    for folder in places:
        if all((folder / file).is_file() for file in OFFICIAL_FILES):
            return folder / OFFICIAL_FILES[0]
    return next((p / TUTORIAL_FILE for p in places if (p / TUTORIAL_FILE).is_file()), None)


def _read(file: Path, delimiter: str | None, label_column: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the values `(n, 140)` and the labels `(n,)` of a table of numbers."""
    try:
        table = np.loadtxt(file, dtype="float64", delimiter=delimiter, ndmin=2)
    except (OSError, ValueError) as error:
        raise BenchError(
            f"{file}: cannot be read as a table of numbers ({error}). Get the file again."
        ) from error
    if table.shape[1] != LENGTH + 1 or len(table) < dataset.MIN_IMAGES:
        raise BenchError(
            f"{file}: must hold at least {dataset.MIN_IMAGES} rows of a label and {LENGTH} values. "
            f"Received: {table.shape[0]} rows of {table.shape[1]} numbers. Get the file again."
        )
    if not np.isfinite(table).all():
        row = int((~np.isfinite(table)).any(axis=1).argmax()) + 1
        raise BenchError(f"{file}: NaN or infinity in row {row}. Remove the row.")
    return np.delete(table, label_column, axis=1), table[:, label_column]


def _tutorial_split(values: np.ndarray, labels: np.ndarray):
    """Returns the tutorial's own train and test rows."""
    from sklearn.model_selection import train_test_split

    train, test, train_labels, test_labels = train_test_split(
        values, labels, test_size=TUTORIAL_TEST_SHARE, random_state=TUTORIAL_SEED
    )
    return (train, train_labels), (test, test_labels)
