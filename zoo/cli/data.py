"""Training data of the command line: a folder of images, with masks or classes, or an `.npz`."""

import dataclasses
from pathlib import Path

import numpy as np

from zoo.cli import screen
from zoo.cli.files import CommandError
from zoo.data import reading, scaling
from zoo.data.contents import Description
from zoo.tabular import windows

SPLIT_SEED = 0  # the same files are held out each time, also when training goes on later


@dataclasses.dataclass
class TrainingData:
    """Images to train on, and what a task needs beside them.

    Attributes:
        images: Float32 `(n, *image_shape)` in `[0, 1]`; with `crop` arrays of any sizes.
        labels: Integers `(n,)`, -1 where unlabelled, or None.
        masks: Class numbers `(n, height, width)`, or None.
        num_mask_classes: Classes of the masks, the background among them; 0 without masks.
        ignore_label: Number in the masks that is no class, or None.
        class_names: Names of the labels.
        crop: `(height, width)` of what the model sees of each image; None: the whole.
        is_from_files: Whether the images were image files.
        description: What was read, and what was left out.
        held_out: The validation split that the data bring along, or None.
        columns: Names of a table's features.
        scale: How its values became `[0, 1]`, or None.
        needs_scale, first_steps: See `reading.Contents`.
    """

    images: np.ndarray
    labels: np.ndarray | None = None
    masks: np.ndarray | None = None
    num_mask_classes: int = 0
    ignore_label: int | None = None
    class_names: tuple[str, ...] = ()
    crop: tuple[int, int] | None = None
    is_from_files: bool = False
    description: Description | None = None
    held_out: "TrainingData | None" = None
    columns: tuple[str, ...] = ()
    scale: scaling.Columns | None = None
    needs_scale: bool = False
    first_steps: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of what the model sees."""
        if self.crop is None:
            return self.images.shape[1:]
        return (*self.crop, self.images[0].shape[-1])

    def rows(self, rows) -> "TrainingData":
        """Returns some of the rows."""
        picked = {
            name: None if getattr(self, name) is None else getattr(self, name)[rows]
            for name in ("images", "labels", "masks")
        }
        return dataclasses.replace(self, **picked)

    def split(self, share: float) -> tuple["TrainingData", "TrainingData | None"]:
        """Returns training and validation rows: those that the data bring along, or a choice that
        depends on the number of rows, and on their classes, alone."""
        if self.held_out is not None and share > 0:
            return self, self.held_out
        num_held_out = round(share * len(self))
        if share > 0:
            num_held_out = min(max(num_held_out, 1), len(self) - 1)
        if num_held_out < 1:
            return self, None
        if self.first_steps is not None:  # no step of the series is on both sides
            window = self.images.shape[1]
            (kept, last), _ = windows.split_in_time(self.first_steps, window, [num_held_out])
            if not len(kept):
                raise CommandError(
                    "--validation-split leaves no window to train on: windows that share steps "
                    f"with those held out are left out. Received: {share:g} of {len(self)} windows."
                )
            return self.rows(kept), self.rows(last)
        order = np.random.default_rng(SPLIT_SEED).permutation(len(self))
        is_held_out = _is_held_out(order, self.labels, num_held_out)
        return self.rows(~is_held_out), self.rows(is_held_out)

    def scaled(self, scale: scaling.Columns) -> "TrainingData":
        """Returns the values of a table in `[0, 1]`."""
        return dataclasses.replace(
            self, images=scale.apply(self.images), scale=scale, needs_scale=False
        )


def _is_held_out(order: np.ndarray, labels: np.ndarray | None, num: int) -> np.ndarray:
    """Tells for each row whether it is one of about `num` that are held out, the first in an order.

    Where there are labels each class has its share of them, and keeps a row to train on.
    """
    if labels is None or len(np.unique(labels)) == len(labels):
        labels = np.zeros(len(order), int)
    classes, counts = np.unique(labels, return_counts=True)
    shares = num * counts / len(order)
    quotas = np.minimum(shares.astype(int), counts - 1)
    for place in np.argsort(quotas - shares, kind="stable"):  # the largest remainder first
        if quotas.sum() < num and quotas[place] < counts[place] - 1:
            quotas[place] += 1
    is_held_out = np.zeros(len(order), bool)
    for each, quota in zip(classes, quotas, strict=True):
        is_held_out[order[labels[order] == each][:quota]] = True
    return is_held_out


_IMAGES_ALONE = ("reconstruction", "features")  # tasks that look at no labels


def load(path: Path, task: str, options: reading.Options | None = None, **settings) -> TrainingData:
    """Reads training data by `zoo.data.reading`: of splits, that to train on and to validate.

    Args:
        path: A folder of images, or an `.npz` file.
        task: One of `zoo.training.model.TASKS`. `"segmentation"` needs masks; the tasks of labels
            need classes.
        options: See `reading.Options`.
        **settings: Fields of `options`, in its place.
    """
    options = options or reading.Options(**settings)
    images_alone = dict.fromkeys(_IMAGES_ALONE, "images")
    read = {"segmentation": "masks", **images_alone}.get(task, "labels")
    contents = reading.read(
        path, options, only=("train", "validation"), needed=read, watch=screen.reading_bar
    )
    is_from_files = contents.kind not in ("npz", "table")
    if task == "segmentation" and contents.num_mask_classes == 0:
        raise CommandError(
            f"{path}: must have the folders images/ and masks/ for a segmentation model, with "
            "files of the same names."
            if is_from_files
            else f"{path}: must hold masks, as the model is for segmentation."
        )
    if read == "labels":
        _check_labels(path, task, contents)
    parts = {split: _training_data(contents, part, task) for split, part in contents.parts.items()}
    data = dataclasses.replace(
        parts["train"],
        is_from_files=is_from_files,
        description=contents.description,
        held_out=parts.get("validation"),
        columns=contents.columns,
        needs_scale=contents.needs_scale,
        first_steps=contents.first_steps,
    )
    if len(data) < 2:
        raise CommandError(f"{path}: at least 2 images are needed. Received: {len(data)}.")
    return data


def _training_data(contents: reading.Contents, part: reading.Part, task: str) -> TrainingData:
    if task == "segmentation":
        return TrainingData(
            part.images,
            masks=part.masks,
            num_mask_classes=contents.num_mask_classes,
            ignore_label=contents.ignore_label,
        )
    if task in _IMAGES_ALONE:
        return TrainingData(part.images)
    names = contents.class_names
    if not names:  # of an .npz: their numbers
        names = tuple(map(str, range(_num_classes(contents))))
    return TrainingData(part.images, part.labels.astype("int32"), class_names=names)


def _num_classes(contents: reading.Contents) -> int:
    labels = [part.labels for part in contents.parts.values() if part.labels is not None]
    return max(int(each.max()) for each in labels) + 1


def _check_labels(path: Path, task: str, contents: reading.Contents) -> None:
    if contents.kind in ("npz", "table"):
        if any(part.labels is None for part in contents.parts.values()):
            holder = "y_train, labels or y"
            if contents.kind == "table":
                holder = "a column of labels, named by --label-column"
            raise CommandError(f"{path}: must hold {holder}, as the model needs labels.")
        for split, part in contents.parts.items():
            num_without = int((part.labels == reading.UNLABELLED).sum())
            if num_without and task != "semi_supervised":
                raise CommandError(
                    f"{path}, {split} split: each row must have a label, a number from 0 on. "
                    f"Received: -1 for {num_without} of {len(part.labels)}. "
                    "Rows without a label are for semi-supervised models."
                )
        return
    if len(contents.class_names) < 2:
        raise CommandError(
            f"{path}: must have a sub-folder for each class, as the model needs labels. "
            f"Received: {len(contents.class_names)} sub-folders with images."
        )
    if contents.loose is not None and task != "semi_supervised":
        raise CommandError(
            f"{contents.loose}: must lie in the sub-folder of its class. "
            "Images without a class are for semi-supervised models."
        )
