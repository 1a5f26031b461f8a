"""Training data of the command line: a folder of images, with masks or classes, or an `.npz`."""

import dataclasses
import zipfile
import zlib
from pathlib import Path

import numpy as np

from zoo.cli.files import CommandError
from zoo.data import images, mask_files

SPLIT_SEED = 0  # the same files are held out each time, also when training goes on later
UNLABELLED = -1
_NPZ_KEYS = {
    "images": ("x_train", "images", "x"),
    "labels": ("y_train", "labels", "y"),
    "masks": ("masks",),
}


@dataclasses.dataclass
class TrainingData:
    """Images to train on, and what a task needs beside them.

    Attributes:
        images: Float32 `(n, *image_shape)` in `[0, 1]`.
        labels: Integers `(n,)`, -1 where unlabelled, or None.
        masks: Class numbers `(n, height, width)`, or None.
        class_names: Names of the labels.
        is_from_files: Whether the images were image files.
        skipped: Lines on files that were left out.
    """

    images: np.ndarray
    labels: np.ndarray | None = None
    masks: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    is_from_files: bool = False
    skipped: list[str] = dataclasses.field(default_factory=list)

    def __len__(self) -> int:
        return len(self.images)

    def rows(self, rows) -> "TrainingData":
        """Returns some of the rows."""
        picked = {
            name: None if getattr(self, name) is None else getattr(self, name)[rows]
            for name in ("images", "labels", "masks")
        }
        return dataclasses.replace(self, **picked)

    def split(self, share: float) -> tuple["TrainingData", "TrainingData | None"]:
        """Returns training and validation rows; the choice depends on their number alone."""
        num_held_out = round(share * len(self))
        if share > 0:
            num_held_out = min(max(num_held_out, 1), len(self) - 1)
        if num_held_out < 1:
            return self, None
        order = np.random.default_rng(SPLIT_SEED).permutation(len(self))
        return self.rows(np.sort(order[num_held_out:])), self.rows(np.sort(order[:num_held_out]))


def load(path: Path, task: str, resize=None, color=None, skip_unreadable=False) -> TrainingData:
    """Reads training data.

    Args:
        path: A folder of images, or an `.npz` file.
        task: One of `zoo.training.model.TASKS`. With `"segmentation"` a folder has
            `images/` and `masks/`; with the tasks of labels its sub-folders are classes.
        resize: `(height, width)` of the images, or None when all have one size.
        color: `"grey"`, `"rgb"`, or None: grey if all images are grey.
        skip_unreadable: Whether damaged image files are left out.
    """
    if path.is_dir():
        reader = images.Reader(resize, color, skip_unreadable)
        read = _segmentation if task == "segmentation" else _images_and_classes
        data = read(path, reader, task)
        data.is_from_files, data.skipped = True, reader.skipped
    elif path.suffix == ".npz" and path.is_file():
        for option, value in (("--resize", resize), ("--color", color)):
            if value is not None:
                raise CommandError(f"{option} is for folders of images, and {path} is none.")
        data = _npz(path, task)
    else:
        raise CommandError(
            f"{path}: must be a folder of images or an .npz file that exists. "
            "The folder's sub-folders may be classes."
        )
    if len(data) < 2:
        raise CommandError(f"{path}: at least 2 images are needed. Received: {len(data)}.")
    return data


# --- folders --------------------------------------------------------------------------------


def _images_and_classes(path: Path, reader: images.Reader, task: str) -> TrainingData:
    files, values = reader.all(images.find(path))
    if task == "reconstruction":
        return TrainingData(values)
    places = [file.relative_to(path).parts for file in files]
    class_names = tuple(sorted({place[0] for place in places if len(place) > 1}))
    loose = [file for file, place in zip(files, places, strict=True) if len(place) == 1]
    if len(class_names) < 2:
        raise CommandError(
            f"{path}: must have a sub-folder for each class, as the model needs labels. "
            f"Received: {len(class_names)} sub-folders with images."
        )
    if loose and task != "semi_supervised":
        raise CommandError(
            f"{loose[0]}: must lie in the sub-folder of its class. "
            "Images without a class are for semi-supervised models."
        )
    labels = [class_names.index(p[0]) if len(p) > 1 else UNLABELLED for p in places]
    return TrainingData(values, np.array(labels, "int32"), class_names=class_names)


def _segmentation(path: Path, reader: images.Reader, task: str) -> TrainingData:
    for name in ("images", "masks"):
        if not (path / name).is_dir():
            raise CommandError(
                f"{path}: must have the folders images/ and masks/ for a segmentation model, with "
                f"files of the same names. Received: no {name}/."
            )
    files, values = reader.all(images.find(path / "images"))
    masks = []
    for file, mask_file in zip(
        files, mask_files.of(files, path / "images", path / "masks"), strict=True
    ):
        mask_files.check_size(file, mask_file)
        masks.append(images.read_mask(mask_file, resize=reader.resize))
    numbers = mask_files.class_numbers(path / "masks", np.stack(masks))
    return TrainingData(values, masks=numbers)


# --- npz ------------------------------------------------------------------------------------


def _npz(path: Path, task: str) -> TrainingData:
    try:
        if not zipfile.is_zipfile(path):
            raise ValueError("it is no zip file, or is cut off")
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: np.asarray(file[key]) for key in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise CommandError(
            f"{path}: cannot be read as .npz of plain arrays ({error}). Write it with numpy.savez."
        ) from error
    found = {
        name: next((arrays[key] for key in keys if key in arrays), None)
        for name, keys in _NPZ_KEYS.items()
    }
    if found["images"] is None:
        raise CommandError(
            f"{path}: must hold x_train, images or x. Received: {', '.join(arrays) or 'nothing'}."
        )
    values, labels, masks = found["images"], None, None
    if values.dtype == bool:
        values = values.astype("float32")
    if values.dtype == np.uint8:
        values = values.astype("float32") / np.float32(255)
    values = values[..., None] if values.ndim == 3 else values
    if task == "segmentation":
        masks = found["masks"] if found["masks"] is not None else found["labels"]
        masks = _npz_masks(path, masks, values.shape)
    elif task != "reconstruction":
        labels = _npz_labels(path, found["labels"], len(values))
    num_classes = 0 if labels is None else int(labels.max()) + 1
    return TrainingData(values, labels, masks, tuple(map(str, range(num_classes))))


def _npz_labels(path: Path, labels, num: int) -> np.ndarray:
    if labels is None:
        raise CommandError(f"{path}: must hold y_train, labels or y, as the model needs labels.")
    labels = labels.reshape(-1)
    is_whole = labels.dtype.kind in "uif" and np.array_equal(labels, np.floor(labels))
    if len(labels) != num or not is_whole or labels.min() < UNLABELLED:
        raise CommandError(
            f"{path}: labels must be one whole number per image. Received: {len(labels)} labels "
            f"of {labels.dtype} for {num} images."
        )
    return labels.astype("int32")


def _npz_masks(path: Path, masks, shape) -> np.ndarray:
    if masks is None:
        raise CommandError(f"{path}: must hold masks, as the model is for segmentation.")
    if masks.ndim == len(shape) and masks.shape[-1] == 1:
        masks = masks[..., 0]
    if masks.shape != shape[:-1] or masks.dtype.kind not in "buif":
        raise CommandError(
            f"{path}: masks must hold a class number per pixel, {shape[:-1]}. Received: "
            f"{masks.shape} of {masks.dtype}."
        )
    return mask_files.class_numbers(path, masks.astype("int32"))
