"""Images larger than a model's, from the command line: tile by tile, in their own size."""

import argparse
import dataclasses
from typing import Any

import numpy as np

from zoo import checks
from zoo.cli.files import CommandError, finite
from zoo.tiles import grid, views

_OVERLAP = 0.25


@dataclasses.dataclass(frozen=True)
class Tiling:
    """How a model works on image files.

    Attributes:
        tile: `(height, width)`, or None: files are resized to the model's size.
        overlap: See `predict_large`, as for `views`.
    """

    tile: tuple[int, int] | None
    overlap: float = _OVERLAP
    views: str = "none"

    @property
    def is_on(self) -> bool:
        return self.tile is not None

    def unlike(self, card) -> str | None:
        """Returns in words how this is not what a model does by its card; None where it is.

        Overlaps are not told apart: scores hardly depend on them.
        """
        told = [] if self.tile == card.crop else ["on tiles of {}x{}".format(*self.tile)]
        told += [] if self.views == "none" else [f"averaged over {self.views}"]
        return ", ".join(told) or None

    def apply(self, model, method: str, inputs, *, with_deviation: bool = False) -> Any:
        """Returns what a method of a model gives for inputs; images in their own size if on.

        Args:
            with_deviation: Whether a pair is returned, of it and the deviations over views.
        """
        if not self.is_on and self.views == "none":
            return finite(getattr(model, method)(inputs), model)
        found = model.predict_large(
            inputs,
            self.tile,
            self.overlap,
            method=method,
            views=self.views,
            with_deviation=with_deviation,
        )
        for each in found[0] if with_deviation else found:  # of its own size
            finite(each, model)
        return found

    def scores(self, model, inputs) -> np.ndarray:
        """Returns the anomaly score of each image: the mean of its map where tiles make it."""
        if not self.is_on and self.views == "none":
            return np.asarray(finite(model.anomaly_score(inputs), model))
        return np.array([each.mean() for each in self.apply(model, "score_map", inputs)])


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options to the parser of a command that uses a model on a folder."""
    parser.add_argument(
        "--tile",
        type=_tile,
        metavar="HxW",
        help="work on images in their own size, on tiles of HxW or of one number for both; "
        "default: the crop that the model was trained on, else images are resized",
    )
    parser.add_argument(
        "--overlap",
        type=float,
        metavar="SHARE",
        help=f"of a tile, that the next one covers; default: {_OVERLAP}",
    )
    parser.add_argument(
        "--views",
        choices=views.KINDS,
        default="none",
        help="average over flips, or over quarter turns too; default: none",
    )


def of(model, options: argparse.Namespace) -> Tiling:
    """Returns how a model is to work on files.

    Raises:
        CommandError: for options that do not fit it.
    """
    tile = options.tile or model.card.crop
    if options.overlap is not None and tile is None:
        raise CommandError("--overlap needs --tile: without it images are resized to the model.")
    overlap = _OVERLAP if options.overlap is None else options.overlap
    if not 0 <= overlap <= grid.MAX_OVERLAP:
        raise CommandError(
            f"--overlap must be a share from 0 to {grid.MAX_OVERLAP}. Received: {overlap}."
        )
    if (tile is not None or options.views != "none") and model.task == "conditional":
        raise CommandError(
            "--tile and --views are for models of images alone. Received: a conditional model."
        )
    return Tiling(tile, overlap, options.views)


def _tile(text: str) -> tuple[int, int]:
    if text.isdecimal() and int(text):
        return int(text), int(text)
    return checks.size(text)
