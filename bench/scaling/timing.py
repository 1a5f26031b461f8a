"""Times the points of `bench scale`: built once, then measured in turn, in random order."""

import dataclasses
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np

from bench.profiling import surroundings
from bench.scaling import points as scaling_points
from bench.scaling.points import Point

SCHEMA_VERSION = 1
_SETTINGS = {
    False: {"min_samples": 15, "min_seconds": 0.5, "warmup_calls": 5, "warmup_limit_seconds": 5.0},
    True: {"min_samples": 5, "min_seconds": 0.1, "warmup_calls": 2, "warmup_limit_seconds": 1.0},
}
# A call is a whole epoch: fewer of them.
_WHOLE_SETTINGS = {"window": 1, "warmup_calls": 1, "min_seconds": 0.0, "warmup_limit_seconds": 2.0}
_NUM_EPOCHS = {False: 5, True: 3}


def machine() -> dict[str, Any]:
    """Returns this machine, as `scale_points.MACHINE` tells one from another."""
    fields = surroundings.describe()
    return {name: fields[name] for name in scaling_points.MACHINE}


def measure(
    points: list[Point], *, rounds: int, quick: bool, known: set[tuple[str, int]], seed: int = 0
) -> Iterator[tuple[Point, dict[str, Any]]]:
    """Yields the record of each point in each round, in an order that each round draws anew.

    Models stay built from round to round.

    Args:
        rounds: At least 2, so that other load on the machine does not hit one point alone.
        known: Ids and rounds that are measured already.
    """
    described, where = surroundings.describe(), machine()
    calls: dict[Point, Callable] = {}
    models: dict[tuple, Any] = {}
    for turn in range(rounds):
        order = list(points)
        random.Random(f"{seed} {turn}").shuffle(order)
        for point in order:
            if (point.id(where), turn) in known:
                continue
            record = {
                "schema_version": SCHEMA_VERSION,
                "point_id": point.id(where),
                "time_utc": datetime.now(UTC).isoformat(timespec="seconds"),
                "round": turn,
                "quick": quick,
                **dataclasses.asdict(point),
            }
            try:
                if point not in calls:
                    calls[point] = _call(point, models)
                record |= calls[point](quick) | {"status": "ok", "error": None}
            except Exception as error:  # too large for the memory, or for this model
                lines = str(error).splitlines() or [""]
                record |= {"status": "failed", "error": f"{type(error).__name__}: {lines[0]}"}
            yield point, record | described


def _call(point: Point, models: dict[tuple, Any]) -> Callable[[bool], dict[str, Any]]:
    """Returns a function that times a point and gives the fields of its record."""
    from bench.profiling import macs, steps, timing
    from bench.profiling.steps import TrainingStep

    if point.build not in models:
        models[point.build] = _model(point)
    model, task = models[point.build]
    num_images = point.num_images or point.batch_size
    x, y = _data(task, point.image_size, num_images)
    facts = {
        "params_total": model.count_params(),
        "forward_macs": macs.count_macs(model).total,
    }
    whole = {"batch_size": point.batch_size, "verbose": 0}
    step, made = None, None
    if point.what == "train":
        step = TrainingStep(model)
    elif point.what == "infer":
        made = steps.inference(model, x, batch_size=point.batch_size)

    def run(quick: bool) -> dict[str, Any]:
        settings = dict(_SETTINGS[quick])
        with timing.Disturbance() as disturbance:
            if step is not None:
                times = timing.time_training(
                    model, x, y, batch_size=point.batch_size, step=step, **settings
                )
            elif made is not None:
                times = timing.measure(
                    made.call,
                    images_per_call=made.images_per_call,
                    tracing_count=made.tracing_count,
                    **settings,
                )
            else:
                call = {
                    "fit": lambda: model.fit(x, y, epochs=1, **whole) and None,
                    "predict": lambda: model.predict(x, **whole) is None,
                }[point.what]
                times = timing.measure(
                    call,
                    images_per_call=num_images,
                    **settings | _WHOLE_SETTINGS | {"min_samples": _NUM_EPOCHS[quick]},
                )
        return {
            "seconds": times.median_seconds,
            "seconds_low": times.low_seconds,
            "seconds_high": times.high_seconds,
            "num_samples": times.num_samples,
            "first_call_seconds": times.first_call_seconds,
            "stable": times.stable,
            "images_per_second": times.images_per_second,
            "disturbance_share": disturbance.share,
            **facts,
        }

    return run


def _model(point: Point) -> tuple[Any, str]:
    """Returns a compiled model with its widths multiplied, and its task."""
    import zoo
    from bench.data import tasks
    from bench.evaluation.build import build_compiled
    from bench.runs import models, selection

    (choice,) = selection.select([point.model], "core", "small", models.registry())
    entry = zoo.get(choice.model)
    shape = (point.image_size, point.image_size, 1)
    base = (Point.image_size, Point.image_size, 1)  # as deep at any size: one thing changes
    config = zoo.presets.config(choice.model, choice.preset, base) | dict(choice.arguments)
    for name in ("widths", "hidden_units"):
        if name in config:
            config[name] = [max(1, round(point.width * units)) for units in config[name]]
    config |= tasks.arguments(entry.model_class.task, _as_dataset(point.image_size, 10))
    config.pop("image_shape", None)
    return build_compiled(choice.model, shape, arguments=config), entry.model_class.task


def _data(task: str, image_size: int, num_images: int) -> tuple[Any, Any]:
    """Returns `x` and `y`, or None, as `fit` takes them."""
    from bench.data import tasks
    from bench.data.dataset import Split

    split = _as_dataset(image_size, num_images).train
    if task != "segmentation":
        split = Split(split.images, split.labels % 2 if task == "debiasing" else split.labels)
    x, *y = tasks.pairs(task, split)
    return x, y[0] if y else None


def _as_dataset(image_size: int, num_images: int):
    """Returns digits, enlarged to a size and repeated, with their strokes as masks."""
    from sklearn.datasets import load_digits

    from bench.data.dataset import Dataset, Split

    bunch = load_digits()
    rows = np.arange(num_images) % len(bunch.images)
    place = np.arange(image_size) * bunch.images.shape[1] // image_size
    images = (bunch.images[rows][:, place][:, :, place, None] / 16).astype("float32")
    split = Split(images, bunch.target[rows], (images > 0.5).astype("uint8"))
    names = tuple(map(str, range(10)))
    return Dataset("digits", "segmentation", split, split, split, names, mask_names=("no", "yes"))
