"""What `python -m bench inspect` shows to a model: a data set, a folder, a file or an `.npz`."""

from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import BenchError, user_errors

MAX_IMAGES = 256  # enough to tell the range of the code units


def pick(inputs: Any, numbers: list[int]) -> Any:
    """Returns some of the inputs of a model.

    Raises:
        BenchError: if there are not so many.
    """
    import keras

    count = len(keras.tree.flatten(inputs)[0])
    if max(numbers) >= count:
        raise BenchError(
            f"--image must be below {count}, the number of images. Received: {max(numbers)}."
        )
    return keras.tree.map_structure(lambda values: np.asarray(values)[numbers], inputs)


def check(source: str) -> None:
    """Raises BenchError where a source is neither the name of a data set nor a path."""
    from bench.data import catalog
    from zoo import checks

    if source not in catalog.names() and not Path(source).exists():
        raise BenchError(
            f"unknown images {source!r}.{checks.suggestion(source, catalog.names())} Give one of "
            f"{', '.join(catalog.names())}, or a folder, an image file or an .npz that exists."
        )


def load(model: Any, source: str, most: int = MAX_IMAGES) -> Any:
    """Reads what a model takes, from a data set, a folder, an image file or an `.npz`.

    Of a data set it is the test split. A folder's images are read as the model's card says; for
    a model that needs labels its sub-folders are the classes.

    Args:
        model: A model of the zoo.
        source: Name or path.
        most: Images to read.

    Returns:
        Images, or a dict of images and labels.

    Raises:
        BenchError: if there is nothing to read, or it does not fit the model.
    """
    from bench.data import catalog
    from zoo.data import npz

    check(source)
    path = Path(source)
    if source in catalog.names() or npz.is_npz(path):
        images, labels = _of_dataset(source)
    else:
        images, labels = _of_files(model, path, most)
    inputs = images[:most]
    if model.task == "conditional":
        if labels is None:
            raise BenchError(
                f"{source}: has no labels, which the model {model.registry_name!r} needs."
            )
        inputs = {"image": images[:most], "label": np.asarray(labels[:most])}
    try:
        model.check_inputs(inputs)
    except ValueError as error:
        raise BenchError(f"{source} does not fit the model. {error}") from error
    return inputs


def _of_dataset(source: str) -> tuple[np.ndarray, np.ndarray | None]:
    from bench.data import catalog
    from zoo.data import npz

    if source in catalog.names():
        test = catalog.load(source).test
        return test.images, test.labels
    with user_errors():
        contents = npz.read(Path(source), with_masks=False)
    split = contents.splits.get("test", contents.splits["train"])
    return contents.scale.apply(split.images), split.labels


def _of_files(model: Any, path: Path, most: int) -> tuple[np.ndarray, np.ndarray | None]:
    from zoo.data import images
    from zoo.data.reader import Reader

    shape = model.image_shape
    if len(shape) != 3 or shape[-1] not in (1, 3):
        raise BenchError(
            f"{path}: image files are grey or RGB. Received: a model of image_shape={shape}. Give "
            "an .npz file."
        )
    color = model.card.color or {1: "grey", 3: "rgb"}[shape[-1]]
    with user_errors():
        files = images.find(path) if path.is_dir() else [path]
        reader = Reader(shape[:2], color, value_range=model.card.value_range)
        files, pixels = reader.all(files[:most])
    names = list(model.card.class_names)
    folders = [file.relative_to(path).parts[0] if path.is_dir() else "" for file in files]
    is_labelled = bool(names) and all(folder in names for folder in folders)
    return pixels, np.array([names.index(f) for f in folders]) if is_labelled else None
