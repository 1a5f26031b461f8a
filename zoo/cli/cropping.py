"""Training on crops, for images of many sizes: the options, and what `fit` gets."""

import argparse
import dataclasses

import numpy as np

from zoo import checks
from zoo.cli import create
from zoo.cli.data import TrainingData
from zoo.cli.files import CommandError
from zoo.tiles import crops

_TASKS = ("reconstruction", "segmentation")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options to the parser of `train`."""
    parser.add_argument(
        "--crop",
        type=checks.size,
        metavar="HxW",
        help="train on crops of this size, drawn afresh in each epoch; images of any sizes",
    )
    parser.add_argument(
        "--crops-per-image",
        type=int,
        metavar="N",
        help=f"crops of an image in an epoch; default: {crops.PER_IMAGE}",
    )
    parser.add_argument(
        "--foreground-crops",
        type=float,
        metavar="SHARE",
        help="share of the crops that must hold a pixel of the foreground; default: 0.33",
    )


def check_options(options: argparse.Namespace) -> None:
    """Raises CommandError for options out of range, before anything is read."""
    for name in ("crops_per_image", "foreground_crops"):
        is_given = getattr(options, name) is not None
        if is_given and options.crop is None and options.resume is None:
            raise CommandError(f"--{name.replace('_', '-')} needs --crop HEIGHTxWIDTH.")
    if options.crops_per_image is not None and options.crops_per_image < 1:
        raise CommandError(
            f"--crops-per-image must be at least 1. Received: {options.crops_per_image}."
        )
    share = options.foreground_crops
    if share is not None and not 0 <= share <= 1:
        raise CommandError(f"--foreground-crops must be a share from 0 to 1. Received: {share}.")


def cropped(training: TrainingData, crop, task: str) -> TrainingData:
    """Returns the data with the size of their crops.

    Raises:
        CommandError: for crops of what has none.
    """
    if crop is None:
        return training
    if task not in _TASKS or training.images[0].ndim != 3:
        raise CommandError(
            f"--crop is for images, and for models that need no labels. Received: a model for "
            f"{task.replace('_', '-')}, data of shape {training.images[0].shape}. Use --resize."
        )
    held_out = training.held_out
    if held_out is not None:
        held_out = dataclasses.replace(held_out, crop=crop)
    return dataclasses.replace(training, crop=crop, held_out=held_out)


def fit_arguments(model, training: TrainingData, options):
    """Returns `x` and `y` for `fit`: random crops, or what `create.fit_arguments` gives."""
    if training.crop is None:
        return create.fit_arguments(model, training)
    from zoo.tiles.crop_batches import CroppedBatches

    share = options.foreground_crops
    drawn = crops.Crops(
        list(training.images),
        None if training.masks is None else list(training.masks),
        training.crop,
        crops.FOREGROUND_SHARE if share is None else share,
        training.ignore_label,
    )
    per_image = options.crops_per_image or crops.PER_IMAGE
    batches = CroppedBatches(
        drawn, per_image=per_image, batch_size=options.batch_size, seed=options.seed
    )
    return batches, None


def scores(model, inputs, training: TrainingData) -> np.ndarray:
    """Returns the anomaly score of each image; of images larger than a crop, that of their map."""
    if training.crop is None:
        return np.asarray(model.anomaly_score(inputs))
    maps = (
        model.predict_large(crops.as_floats(image), method="score_map") for image in training.images
    )
    return np.array([score_map.mean() for score_map in maps])
