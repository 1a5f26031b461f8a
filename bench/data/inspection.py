"""Photographs of defects by category: MVTec AD and VisA, from files on this machine.

Each category is a data set of its own, `mvtec_ad/bottle`: normals to learn from, and a test split
of normals and of defects with their masks. The official splits are kept; a tenth of the normals
validates. Neither set comes with this package: you get it yourself.
"""

import csv
import dataclasses
from pathlib import Path

import numpy as np

from bench.data import custom, download
from bench.data import dataset as datasets
from bench.data.anomaly import NAMES, AnomalyDataset
from bench.data.dataset import Split
from bench.errors import BenchError, user_errors
from zoo.data import mask_files, mask_numbers, reading
from zoo.data.layouts import NORMAL
from zoo.data.reader import Reader

SIZE = (128, 128)  # of the images, without --resize
_LIST = Path("split_csv") / "1cls.csv"
_COLUMNS = ("object", "split", "label", "image", "mask")


@dataclasses.dataclass(frozen=True)
class _Source:
    """Where a set comes from.

    Attributes:
        title: Its own name.
        folders: Names that its folder may have; the first is what is asked for.
        page: Where to get it.
        licence: What it allows.
    """

    title: str
    folders: tuple[str, ...]
    page: str
    licence: str


SOURCES = {
    "mvtec_ad": _Source(
        "MVTec AD",
        ("mvtec_ad", "mvtec_anomaly_detection", "mvtec"),
        "https://www.mvtec.com/company/research/datasets/mvtec-ad",
        "CC BY-NC-SA 4.0, not for commercial use",
    ),
    "visa": _Source(
        "VisA",
        ("visa", "VisA", "VisA_20220922"),
        "https://github.com/amazon-science/spot-diff",
        "CC BY 4.0",
    ),
}


def mvtec_ad(
    seed: int, resize: tuple[int, int] | None = None, category: str = ""
) -> AnomalyDataset:
    """MVTec AD, 15 categories of objects and textures with defects and masks, at 128 x 128."""
    folder = _category("mvtec_ad", category)
    dataset = custom.load(folder, seed, reading.Options(resize=resize or SIZE))
    return dataclasses.replace(dataset, name=f"mvtec_ad/{category}")


def visa(seed: int, resize: tuple[int, int] | None = None, category: str = "") -> AnomalyDataset:
    """VisA, 12 categories of objects with defects and masks, at 128 x 128 x 3."""
    folder = _category("visa", category).parent
    rows = [row for row in _visa_rows(folder) if row["object"] == category]
    parts = {}
    for name in ("train", "test"):
        own = [row for row in rows if row["split"] == name]
        if not own:
            raise BenchError(f"{folder / _LIST}: has no {name} images of {category}. Get it again.")
        parts[name] = _visa_split(folder, own, resize or SIZE)
    if parts["train"].labels.any():
        raise BenchError(f"{folder / _LIST}: trains on anomalies of {category}. Get it again.")
    train = dataclasses.replace(parts["train"], targets=None)
    datasets.check_number(folder / category, len(train))
    validation, train = _held_out(train, seed)
    test = dataclasses.replace(parts["test"], groups=parts["test"].labels)
    return AnomalyDataset(
        f"visa/{category}",
        "anomaly",
        *(train, validation, test, NAMES, str(folder), NAMES),
        group_names=NAMES,
    )


def find(name: str) -> Path | None:
    """Returns the folder of a set, or None."""
    for folder in download.folders(*SOURCES[name].folders):
        if name == "visa" and (folder / _LIST).is_file():
            return folder
        if name == "mvtec_ad" and folder.name in SOURCES[name].folders and categories_of(folder):
            return folder
    return None


def categories(name: str) -> list[str]:
    """Returns the categories of a set that are on this machine.

    Raises:
        BenchError: if it is not there: one line on where to get it and where to put it.
    """
    folder = find(name)
    if folder is None:
        source = SOURCES[name]
        raise BenchError(
            f"{name} is not on this machine. Get {source.title} from {source.page} "
            f"({source.licence}), unpack it into a folder {source.folders[0]}/, and set "
            "ZOO_DATA_DIR to its parent."
        )
    if name == "visa":
        return sorted({row["object"] for row in _visa_rows(folder)})
    return categories_of(folder)


def categories_of(folder: Path) -> list[str]:
    """Returns the sub-folders, where each is an inspection layout; else `[]`."""
    if not folder.is_dir():
        return []
    below = sorted(each for each in folder.iterdir() if each.is_dir() and each.name[0] != ".")
    is_inspection = [
        (each / "test").is_dir() and any((each / "train" / name).is_dir() for name in NORMAL)
        for each in below
    ]
    return [each.name for each in below] if below and all(is_inspection) else []


def is_visa(folder: Path) -> bool:
    """Tells whether a folder is VisA as it is unpacked."""
    return (folder / _LIST).is_file()


def _category(name: str, category: str) -> Path:
    known = categories(name)
    if category not in known:
        given = f"{name}/{category}" if category else name
        raise BenchError(
            f"a category of {name} must be one of {', '.join(known)}. Received: {given}. "
            f"For example {name}/{known[0]}; bench run takes all of {name}."
        )
    return find(name) / category


def _visa_rows(folder: Path) -> list[dict[str, str]]:
    with (folder / _LIST).open(newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or any(set(_COLUMNS) - set(row) for row in rows):
        raise BenchError(
            f"{folder / _LIST}: must have the columns {', '.join(_COLUMNS)}. Get it again."
        )
    return rows


def _visa_split(folder: Path, rows: list[dict[str, str]], size: tuple[int, int]) -> Split:
    files = [folder / row["image"] for row in rows]
    missing = [file for file in files if not file.is_file()]
    if missing:
        raise BenchError(f"{missing[0]} is missing, of {folder / _LIST}. Unpack VisA again.")
    masks = np.zeros((len(rows), *size, 1), "uint8")
    with user_errors():
        _, images = Reader(size, "rgb", False, None, False).all(files)
        for number, row in enumerate(rows):
            if row["mask"]:
                mask_files.check_size(files[number], folder / row["mask"])
                numbers = mask_numbers.read_mask(folder / row["mask"], resize=size)
                masks[number, ..., 0] = numbers > 0
    labels = np.array([row["label"] != "normal" for row in rows], "int64")
    return Split(images, labels, masks)


def _held_out(train: Split, seed: int) -> tuple[Split, Split]:
    order = np.random.default_rng(seed).permutation(len(train))
    num = max(1, len(train) // 10)
    return train.take(np.sort(order[:num])), train.take(np.sort(order[num:]))
