"""Which epoch of a training is kept, and when it ends: options of `python -m zoo train`."""

import argparse
import math
from pathlib import Path

from zoo.cli import data, screen
from zoo.cli.files import CommandError
from zoo.data.contents import Options
from zoo.registry import entries

MONITORS = ("val_loss", "auroc_synthetic", "aucp")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options to the command."""
    parser.add_argument(
        "--monitor",
        choices=MONITORS,
        help="what chooses the epoch that is kept: the loss on the held-out images (the default), "
        "or, for anomalies, the AUROC of held-out images against copies with drawn defects, or "
        "against those of --unlabelled",
    )
    parser.add_argument(
        "--unlabelled",
        type=Path,
        metavar="FOLDER",
        help="images with anomalies among them, nobody knows which, for --monitor aucp",
    )
    parser.add_argument(
        "--patience", type=int, metavar="EPOCHS", help="end after so many epochs without a better"
    )
    parser.add_argument(
        "--last-epoch",
        action="store_true",
        help="keep the last epoch's weights, not those of the best by --monitor",
    )


def check_options(options: argparse.Namespace, task: str) -> None:
    """Raises CommandError for options that do not go together, or that the model cannot serve."""
    if options.patience is not None and options.patience < 1:
        raise CommandError(f"--patience must be at least 1. Received: {options.patience}.")
    for name in ("monitor", "patience"):
        if options.last_epoch and getattr(options, name) is not None:
            raise CommandError(f"--{name} must not be given with --last-epoch. Choose one.")
    if (options.unlabelled is not None) != (options.monitor == "aucp"):
        raise CommandError(
            "--monitor aucp and --unlabelled FOLDER go together. Received: one of them alone."
        )
    if options.unlabelled is not None and not options.unlabelled.is_dir():
        raise CommandError(
            f"--unlabelled must be a folder of images. Received: {options.unlabelled}."
        )
    is_given = options.monitor is not None or options.patience is not None
    if is_given and options.validation_split == 0:
        raise CommandError(
            "--monitor and --patience need held-out images. Leave out --validation-split 0."
        )
    if options.monitor in (None, "val_loss"):
        return
    is_image = task in ("reconstruction", "features")
    if not is_image or not entries.get(options.model).has("anomaly_score"):
        raise CommandError(
            f"--monitor {options.monitor} is for models that find anomalies in images, and "
            f"{options.model} is none. Use val_loss."
        )
    if options.crop is not None:
        raise CommandError(f"--monitor {options.monitor} takes whole images. Leave out --crop.")


def callbacks(model, validation, options: argparse.Namespace) -> list:
    """Returns the callbacks of `fit`: none without held-out images, or for the last epoch."""
    if validation is None or options.last_epoch:
        return []
    from zoo.anomalies import selection

    normals = unlabelled = None
    if options.monitor not in (None, "val_loss"):
        normals = validation.images
        if normals.ndim != 4 or min(normals.shape[1:3]) < 8:
            raise CommandError(
                f"--monitor {options.monitor} needs images of at least 8 x 8 pixels. "
                f"Received: {normals.shape[1:]}. Use val_loss."
            )
    if options.unlabelled is not None:
        unlabelled = _unlabelled(model, options)
    patience = options.patience or options.epochs
    return selection.callbacks(options.monitor or "val_loss", patience, normals, unlabelled)


def at_divergence():
    """Returns a Keras callback that ends `fit` at the first loss that is no number.

    Raises:
        CommandError: then; nothing is saved.
    """
    import keras

    class AtDivergence(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            for name, value in (logs or {}).items():
                if name in ("loss", "val_loss") and not math.isfinite(value):
                    raise diverged(f"{name} is {value:g} after epoch {epoch + 1}")

    return AtDivergence()


def diverged(what: str) -> CommandError:
    """Returns the error of a training that led nowhere."""
    return CommandError(
        f"the training diverged: {what}. Nothing is saved. Choose a lower --learning-rate."
    )


def _unlabelled(model, options: argparse.Namespace):
    """Reads the images as those that are trained on."""
    height, width, channels = model.image_shape
    reading = Options(
        resize=None if options.resize is None else (height, width),
        color="grey" if channels == 1 else "rgb",
        value_range=options.range,
        layout="flat",
    )
    images = data.load(options.unlabelled, "reconstruction", reading).images
    if images.shape[1:] != tuple(model.image_shape):
        raise CommandError(
            f"--unlabelled must hold images of {model.image_shape}, as those to train on. "
            f"Received: {images.shape[1:]}. Give --resize {height}x{width}."
        )
    return images


def say_best(used: list, options: argparse.Namespace) -> None:
    """Tells which epoch is kept, where it is not the last, and when the training ended early."""
    if not used:
        return
    stopping = used[-1]
    num = stopping.stopped_epoch + 1 if stopping.stopped_epoch else options.epochs
    if stopping.best_epoch + 1 < num:
        best = "the lowest val_loss"
        if stopping.monitor != "val_loss":
            best = f"the highest {stopping.monitor}, {stopping.best:.3f}"
        screen.say(f"kept epoch {stopping.best_epoch + 1} of {num}, of {best}")
