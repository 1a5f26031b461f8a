"""What `bench scale` measures: points that differ from one base in one setting each."""

import dataclasses
from collections.abc import Sequence

from bench.errors import BenchError
from bench.records import store

# Each with what is measured along it, and the unit of the axis.
AXES = {
    "batch": "images per batch",
    "image": "height and width, pixels",
    "width": "times the preset's units and channels",
    "data": "images",
}
# What a time depends on beside the point; measurements of another machine do not count.
MACHINE = ("cpu_model", "num_cpus", "device", "threads", "tensorflow_version", "keras_version")
MODELS = ("autoencoder:dense", "vae:small", "unet:small")
STEPS = ("train", "infer")  # a training step, and inference on one batch
WHOLE = ("fit", "predict")  # an epoch by `fit`, and `predict`, on all images
_FIELDS = {"batch": "batch_size", "image": "image_size", "width": "width", "data": "num_images"}
_VALUES: dict[str, tuple[float, ...]] = {
    "batch": (8, 16, 32, 64, 128),
    "image": (16, 32, 64, 128),
    "width": (0.5, 1, 2, 4),
    "data": (512, 1024, 2048, 4096),
}
_QUICK_VALUES: dict[str, tuple[float, ...]] = {
    "batch": (8, 16, 32, 64),
    "image": (16, 24, 32, 48),
    "width": (0.5, 1, 1.5, 2),
    "data": (128, 256, 384, 512),
}


@dataclasses.dataclass(frozen=True)
class Point:
    """One thing to be timed.

    Attributes:
        model: `NAME[:PRESET[:ARGUMENT=VALUE,...]]`.
        what: `"train"` or `"infer"`, one batch; `"fit"` or `"predict"`, all of `num_images`.
        image_size: Height and width in pixels; images have one channel.
        width: Factor on the preset's `hidden_units` and `widths`.
        num_images: None for a single batch.
    """

    model: str
    what: str
    batch_size: int = 32
    image_size: int = 32
    width: float = 1.0
    num_images: int | None = None

    @property
    def build(self) -> tuple:
        """Returns what decides about the model: points of one build can share it."""
        return self.model, self.image_size, self.width

    def id(self, machine: dict) -> str:
        return store.job_id({"machine": machine, **dataclasses.asdict(self)})


def along(model: str, axis: str, quick: bool = False) -> list[tuple[float, Point]]:
    """Returns the points of an axis with their values, all else as in the base point."""
    values = (_QUICK_VALUES if quick else _VALUES)[axis]
    kind = float if axis == "width" else int
    return [
        (value, Point(model, what, **{_FIELDS[axis]: kind(value)}))
        for what in (WHOLE if axis == "data" else STEPS)
        for value in values
    ]


def chosen(models: Sequence[str], axes: Sequence[str], quick: bool = False) -> list[Point]:
    """Returns all points, each once: the base belongs to several axes.

    Raises:
        BenchError: for an axis that does not exist.
    """
    unknown = [axis for axis in axes if axis not in AXES]
    if unknown:
        raise BenchError(f"no axis {unknown[0]!r}. Axes: {', '.join(AXES)}.")
    points = (point for model in models for axis in axes for _, point in along(model, axis, quick))
    return list(dict.fromkeys(points))
