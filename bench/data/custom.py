"""Your own folder, `.npz` file or table: read by `zoo.data`, split and scaled where needed."""

import dataclasses
from pathlib import Path

import numpy as np

from bench.data import cropped, folds
from bench.data import dataset as datasets
from bench.data.anomaly import NAMES, AnomalyDataset
from bench.data.dataset import Dataset, Split
from bench.errors import BenchError, user_errors
from zoo.data import reading, scaling
from zoo.data.contents import Description
from zoo.data.layouts import NORMAL
from zoo.data.reader import ragged
from zoo.tabular import windows

FEWEST_NORMALS = 2  # held out, of which a threshold is made


def load(
    path: Path,
    seed: int,
    options: reading.Options | None = None,
    group_pattern: str | None = None,
) -> Dataset:
    """Reads a folder, an `.npz` or a table; what it means is in `zoo.data`.

    An inspection layout is a data set of anomalies, with the masks of its defects.

    Args:
        path: The folder, or the file.
        seed: Of the split, where the data bring none.
        options: How the files are read.
        group_pattern: Files that have in common what it finds in their names stay together in
            every split; None: each stands for itself.

    Raises:
        BenchError: see `zoo.data.reading.read`.
    """
    with user_errors():
        contents = reading.read(path, options)
    parts = {key: _split(part, contents.loose is not None) for key, part in contents.parts.items()}
    if group_pattern is not None:
        parts = {key: _with_blocks(path, part, group_pattern) for key, part in parts.items()}
    for key, part in () if contents.needs_scale else parts.items():
        if part.images.dtype == object:  # in range, as files are
            continue
        # Before the split: an index in the error is then the index in the file.
        where = str(path) if len(parts) == 1 else f"{path}, {key} split"
        datasets.check_pixels(where, part.images)
    parts, description = _with_all_splits(path, parts, contents, seed)
    if contents.kind == "inspection":
        if contents.ignore_label is not None:
            raise BenchError(
                "--ignore-label is for masks to be learned, and those of an inspection are measured"
                f" with. Received: --ignore-label {contents.ignore_label}. Leave it out."
            )
        return _inspection(path, parts, contents)
    task = "segmentation" if contents.num_mask_classes else "reconstruction"
    return Dataset(
        path.resolve().stem,
        task,
        *(parts[name] for name in datasets.PARTS),
        () if contents.loose is not None else contents.class_names,
        str(path),
        _mask_names(contents.num_mask_classes),
        description=description,
        ignore_label=contents.ignore_label,
    )


def _split(part, is_partly_labelled: bool) -> Split:
    """Returns a split; labels that only some images have are none."""
    labels = None if is_partly_labelled else part.labels
    names = None if part.names is None else np.array(part.names)
    images, masks = part.images, part.masks
    if images.dtype == object:
        images = cropped.one_kind(images)
        if masks is not None:
            small = [_small(mask[..., None]) for mask in masks]
            dtype = np.result_type(*small)
            masks = ragged([each.astype(dtype, copy=False) for each in small])
    elif masks is not None:
        masks = _small(masks[..., None])
    return Split(images, labels, masks, names=names)


def _with_blocks(path: Path, split: Split, pattern: str) -> Split:
    if split.names is None:
        raise BenchError(
            f"--group-pattern is for folders of images, whose files have names. Received: {path}. "
            "Leave it out."
        )
    return dataclasses.replace(split, blocks=folds.blocks_of(split.names, pattern))


def _small(numbers: np.ndarray) -> np.ndarray:
    """Returns class numbers as bytes, where these hold them."""
    return numbers.astype("uint8") if 0 <= numbers.min() <= numbers.max() <= 255 else numbers


def _with_all_splits(
    path: Path, parts: dict[str, Split], contents: reading.Contents, seed: int
) -> tuple[dict[str, Split], Description]:
    """Returns all three splits, values in `[0, 1]`, and the description with what was done."""
    description = contents.description
    if len(parts) < len(datasets.PARTS):
        datasets.check_number(path, len(parts["train"]))
        fewest = FEWEST_NORMALS if contents.kind == "inspection" else 1
        tenth = max(fewest, len(parts["train"]) // 10)
        sizes = tuple(0 if key in parts else tenth for key in ("validation", "test"))
        if contents.first_steps is None:
            drawn = datasets.random_split(parts["train"], seed, sizes)
        else:
            window = parts["train"].images.shape[1]
            rows, num_between = windows.split_in_time(contents.first_steps, window, sizes)
            drawn = [parts["train"].take(each) for each in rows]
            datasets.check_number(path, len(drawn[0]))
            description = description.with_left_out(
                f"{num_between} windows that reach from one split into the next"
            )
        train, validation, test = drawn
        parts = {"validation": validation, "test": test, **parts, "train": train}
    if contents.needs_scale:
        columns = scaling.Columns.of(parts["train"].images)
        for key in ("validation", "test"):
            note = columns.note(parts[key].images, f"the {key} split")
            description = description if note is None else description.with_note(note)
        parts = {
            key: dataclasses.replace(part, images=columns.apply(part.images))
            for key, part in parts.items()
        }
    return parts, description


def _mask_names(num_classes: int) -> tuple[str, ...]:
    if not num_classes:
        return ()
    if num_classes == 2:
        return ("background", "foreground")
    return ("background", *(f"class {number}" for number in range(1, num_classes)))


def _inspection(path: Path, parts: dict[str, Split], contents: reading.Contents) -> AnomalyDataset:
    """Returns the data of an inspection: label 1 for what is no normal, defects as the groups."""
    names = contents.class_names
    is_normal = np.array([name.lower() in NORMAL for name in names])
    test = parts["test"]
    if len(parts["validation"]) < FEWEST_NORMALS:
        raise BenchError(
            f"{path}: at least {FEWEST_NORMALS} normals must be held out, for the threshold. "
            f"Received: {len(parts['validation'])} in the validation split. Add some, or merge it "
            "with train/, of which a tenth is then held out."
        )
    if len(set(is_normal[test.labels].tolist())) < 2:
        shown = ", ".join(sorted({names[label] for label in test.labels}))
        raise BenchError(
            f"{path}: test/ must hold normals and defects, in folders such as good/ and scratch/. "
            f"Received: {shown} alone."
        )
    labelled = dataclasses.replace(
        test, labels=(~is_normal[test.labels]).astype("int64"), groups=test.labels
    )
    train, validation = (
        Split(parts[key].images, np.zeros(len(parts[key]), "int64"))
        for key in ("train", "validation")
    )
    return AnomalyDataset(
        path.resolve().stem,
        "anomaly",
        *(train, validation, labelled, NAMES, str(path), NAMES),
        description=contents.description,
        group_names=names,
    )
