"""Data sets: plain arrays, split once, with a checksum.

The test split is read once, by the report; search and early stopping see validation only.
"""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.data import (
    anomaly,
    biased,
    composed,
    cropped,
    custom,
    download,
    inspection,
    segmentation,
    small_garments,
    standard,
    time_series,
)
from bench.data import dataset as datasets
from bench.data import noise as input_noise
from bench.data.dataset import Dataset as Dataset
from bench.data.dataset import Split as Split
from bench.errors import BenchError
from zoo.data import npz, reading
from zoo.tabular import tables


@dataclasses.dataclass(frozen=True)
class _Entry:
    """A named data set.

    Attributes:
        load: Takes the seed, and `resize` where `takes_resize`. The first line of its docstring is
            the description.
        has_categories: Whether it is many data sets, as `mvtec_ad/bottle`; `load` takes `category`.
        needs: Tells where the files are, or None; None: a package that is installed holds them.
    """

    load: Callable[..., Dataset]
    image_shape: tuple[int, ...]
    needs: Callable[[], object] | None = None
    task: str = "reconstruction"
    takes_resize: bool = False
    has_categories: bool = False


def _files_of(name: str) -> Callable[[], Path | None]:
    return lambda: download.find(name)


_PETS = {
    "image_shape": (*segmentation.PETS_SIZE, 3),
    "needs": segmentation.find_pets,
    "task": "segmentation",
    "takes_resize": True,
}
_COMPOSED_SHAPE = (composed.SIZE, composed.SIZE, 1)
_ENTRIES = {
    "digits": _Entry(standard.digits, (8, 8, 1)),
    small_garments.NAME: _Entry(small_garments.fashion_mnist_small, (28, 28, 1)),
    "fashion_mnist": _Entry(standard.fashion_mnist, (28, 28, 1), _files_of("fashion_mnist")),
    "mnist": _Entry(standard.mnist, (28, 28, 1), _files_of("mnist")),
    "cifar10": _Entry(standard.cifar10, (32, 32, 3), _files_of("cifar10")),
    "oxford_pets": _Entry(segmentation.oxford_pets, **_PETS),
    "oxford_pets_3": _Entry(segmentation.oxford_pets_3, **_PETS),
    "composed_foreground": _Entry(
        composed.composed_foreground, _COMPOSED_SHAPE, _files_of("fashion_mnist"), "segmentation"
    ),
    "composed_garments": _Entry(composed.composed_garments, _COMPOSED_SHAPE, task="segmentation"),
    "composed_digits": _Entry(composed.composed_digits, _COMPOSED_SHAPE, task="segmentation"),
    "ecg5000": _Entry(time_series.ecg5000, (time_series.LENGTH, 1), time_series.find_ecg5000),
    "lfw_subset": _Entry(biased.lfw_subset, (24, 24, 1)),
    "biased_footwear": _Entry(biased.biased_footwear, (28, 28, 1), _files_of("fashion_mnist")),
    "biased_faces": _Entry(biased.biased_faces, (24, 24, 1)),
    "defects_garments": _Entry(anomaly.defects_garments, (28, 28, 1), task="anomaly"),
    "defects_digits": _Entry(anomaly.defects_digits, (8, 8, 1), task="anomaly"),
    "defects_fashion_mnist": _Entry(
        anomaly.defects_fashion_mnist, (28, 28, 1), _files_of("fashion_mnist"), "anomaly"
    ),
    "defects_faces": _Entry(anomaly.defects_faces, (24, 24, 1), task="anomaly"),
    "defects_textures": _Entry(anomaly.defects_textures, anomaly.TEXTURE_SHAPE, task="anomaly"),
    **{
        name: _Entry(
            *(load, (*inspection.SIZE, 3), functools.partial(inspection.find, name), "anomaly"),
            takes_resize=True,
            has_categories=True,
        )
        for name, load in (("mvtec_ad", inspection.mvtec_ad), ("visa", inspection.visa))
    },
}


def names() -> list[str]:
    """Returns the names that `load` knows; a path to a folder or an `.npz` works as well."""
    return list(_ENTRIES)


def members(name_or_path: str | Path) -> list[str]:
    """Returns the data sets that a name or a path stands for: its categories, else itself.

    Raises:
        BenchError: for a set of categories that is not on this machine.
    """
    name = str(name_or_path)
    if name in _ENTRIES:
        has_categories = _ENTRIES[name].has_categories
        below = inspection.categories(name) if has_categories else []
    else:
        below = inspection.categories_of(Path(name)) if name else []
    return [f"{name.rstrip('/')}/{category}" for category in below] or [name]


def _entry_of(name: str) -> _Entry | None:
    """Returns the entry of a name, of `mvtec_ad/bottle` that of its category."""
    if name in _ENTRIES:
        return _ENTRIES[name]
    first, _, category = name.partition("/")
    entry = _ENTRIES.get(first)
    if entry is None or not entry.has_categories:
        return None
    return dataclasses.replace(entry, load=functools.partial(entry.load, category=category))


def describe() -> list[dict]:
    """Returns, for each name, what it is and whether it is on this machine already.

    Nothing is loaded: only the presence of the files is looked at.
    """
    return [
        {
            "name": name,
            "description": entry.load.__doc__.partition("\n")[0],
            "task": entry.task,
            "image_shape": entry.image_shape,
            "is_local": entry.needs is None or entry.needs() is not None,
        }
        for name, entry in _ENTRIES.items()
    ]


def load(
    name_or_path: str | Path,
    *,
    seed: int = 0,
    limit: int | None = None,
    noise: str | None = None,
    resize: tuple[int, int] | None = None,
    crop: tuple[int, int] | None = None,
    group_pattern: str | None = None,
    **options: Any,
) -> Dataset:
    """Loads a data set by name, from a folder of images (and masks), or from an `.npz` file.

    Args:
        name_or_path: One of `names()`, or a path. A folder that holds `images` and `masks` is for
            segmentation, an inspection layout for finding anomalies: see `zoo.data.layouts`.
        seed: Of the split, for data without an official one, of what is drawn to compose a data
            set, and of the noise.
        limit: Number of training images to keep (a seeded choice); validation and test keep at
            most a fifth of it each, but at least 100.
        noise: `"gaussian:0.2"`, `"masking:0.3"` or `"salt_and_pepper:0.1"`: the images of all
            splits become noisy inputs, drawn once, and the clean ones their targets; masks stay
            the targets.
        resize: `(height, width)` for a folder of images of mixed sizes, and for `oxford_pets`.
        crop: `(height, width)` that models train on, of images of any sizes with masks.
        group_pattern: See `custom.load`.
        **options: Of your own files: fields of `zoo.data.reading.Options`.

    Returns:
        The data set. Data without an official split are split 80 / 10 / 10 by `seed`, the classes
        keeping their shares; a split that the data bring along is kept.

    Raises:
        BenchError: if the data are missing, unreadable, out of range or too few; the text says
            what to do.
    """
    corruption = None if noise is None else input_noise.parse(noise)
    if resize is not None and min(resize) < 1:
        raise BenchError(f"--resize must be at least 1x1. Received: {resize[0]}x{resize[1]}.")
    if crop is not None and noise is not None:
        raise BenchError("--crop and --noise must not be given together. Leave one of them out.")
    entry = _entry_of(str(name_or_path))
    if noise is not None and entry is not None and entry.task == "anomaly":
        raise BenchError(f"--noise is not for data of anomalies. Received: {name_or_path}.")
    takes_resize = entry.takes_resize if entry else not Path(name_or_path).is_file()
    if resize is not None and not takes_resize:
        resizable = [name for name, each in _ENTRIES.items() if each.takes_resize]
        raise BenchError(
            f"--resize is for folders of images and for {', '.join(resizable)}, and "
            f"{name_or_path} is none of them."
        )
    reading_options = reading.Options(resize=resize, **options)
    if entry is not None and reading_options != reading.Options(resize=resize):
        raise BenchError(
            f"{', '.join(reading_options.given())} must be left out, being for your own folders "
            f"and files. Received: the data set {name_or_path}."
        )
    if entry is not None and group_pattern is not None:
        raise BenchError(
            "--group-pattern is for your own folders of images, whose files have names. Received: "
            f"the data set {name_or_path}. Leave it out."
        )
    if entry is not None:
        dataset = entry.load(seed, **({"resize": resize} if entry.takes_resize else {}))
    elif not str(name_or_path):
        raise BenchError(
            f"--dataset must be one of {', '.join(_ENTRIES)}, or a path. Received: ''."
        )
    else:
        keep_sizes = crop is not None and resize is None and Path(name_or_path).is_dir()
        reading_options = dataclasses.replace(reading_options, keep_sizes=keep_sizes)
        dataset = _load_path(Path(name_or_path), seed, reading_options, group_pattern)
    if crop is not None:
        cropped.check(dataset)
        dataset = dataclasses.replace(dataset, crop=tuple(crop))
    if noise is not None and dataset.task == "anomaly":
        raise BenchError(f"--noise is not for data of anomalies. Received: {name_or_path}.")
    datasets.check(dataset)
    if limit is not None:
        dataset = _limited(dataset, limit, seed)
    return dataset if corruption is None else _noisy(dataset, *corruption, seed)


def _load_path(
    path: Path, seed: int, options: reading.Options, group_pattern: str | None
) -> Dataset:
    if inspection.is_visa(path):
        raise BenchError(
            f"{path} is VisA, which is read by its name. Set ZOO_DATA_DIR to {path}, and give "
            "--dataset visa, or visa/CATEGORY."
        )
    if path.is_dir() or (path.is_file() and (npz.is_npz(path) or tables.is_table(path))):
        return custom.load(path, seed, options, group_pattern)
    from zoo import checks

    raise BenchError(
        f"unknown dataset {str(path)!r}.{checks.suggestion(path, _ENTRIES)} Give one of "
        f"{', '.join(_ENTRIES)}, a folder of images, or a .npz file that exists, "
        "or a table (.csv, .tsv)."
    )


# --- changes --------------------------------------------------------------------------------


def _limited(dataset: Dataset, limit: int, seed: int) -> Dataset:
    if limit < datasets.MIN_IMAGES:
        raise BenchError(f"--limit must be at least {datasets.MIN_IMAGES}. Received: {limit}.")
    few = max(limit // 5, 100)

    def keep(split: Split, num: int) -> Split:
        shares = split.labels if split.groups is None else split.groups
        rows = datasets.class_balanced_order(shares, len(split), seed)[:num]
        return split.take(np.sort(rows))

    return dataclasses.replace(
        dataset,
        train=keep(dataset.train, limit),
        validation=keep(dataset.validation, few),
        test=keep(dataset.test, few),
    )


def _noisy(dataset: Dataset, kind: str, level: float, seed: int) -> Dataset:
    generator = np.random.default_rng([seed, 7])
    parts = {}
    for name in datasets.PARTS:
        clean = getattr(dataset, name)
        damaged = input_noise.corrupt(clean.images, kind, level, generator)
        parts[name] = dataclasses.replace(clean, images=damaged, targets=clean.target)
    task = "segmentation" if dataset.task == "segmentation" else "denoising"
    return dataclasses.replace(dataset, task=task, **parts)
