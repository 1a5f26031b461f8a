"""The one declaration of what `bench run` can be asked for.

`RunConfig` is what a job's result depends on; `Invocation` is what else a run takes. To add an
option, add a field to one of them: command line, experiment files, requests, records, groups of
the leaderboard, printed commands and `docs/options.md` follow.
"""

import dataclasses
from pathlib import Path
from typing import Any

from bench.records.loading import DATA as DATA
from bench.records.loading import LOADING as LOADING
from bench.records.loading import Loading, without_young_defaults
from bench.records.options import (
    FLAG,
    LIST,
    NEVER,
    NUMBER,
    SINGLE,
    SIZE,
    WHOLE,
    Kind,
    Option,
    declared_by,
    option,
)
from zoo.tracking import trackers

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
AUTO = "auto"  # the precision that `zoo.autotune` keeps
MEASURES = ("generative", "representation")  # each takes some seconds per model
JIT = ("auto", "on", "off")
COSINE = "cosine"
NO_DECAY = "none"
DECAYS = (NO_DECAY, COSINE)
ENGINES = ("local", "ray")
FOLDER = Kind(Path, "a folder")
# Options of a run, beside those of `Loading`, that `bench.data.catalog.load` takes too.
LOADED_HERE = ("crop", "group_pattern")


@dataclasses.dataclass(frozen=True)
class RunConfig(Loading):
    """The options that a job's result depends on, one value each."""

    epochs: int = option(
        10,
        "passes over the training images, the same for each model",
        "training",
        WHOLE,
        by_data="those of --updates",
        least=1,
        training_only=True,
    )
    patience: int | None = option(
        None,
        "epochs without a better validation loss after which a training ends; it keeps the weights "
        "of its best epoch",
        "training",
        WHOLE,
        metavar="EPOCHS",
        least=1,
        since=2,
        training_only=True,
    )
    batch_size: int = option(
        128,
        "images per update; several: each model at each",
        "training",
        WHOLE,
        by_data="64 below 5,000 images, else 128; of crops 16",
        several=True,
        least=1,
        training_only=True,
    )
    learning_rate: float = option(3e-3, "of Adam", "training", NUMBER, above=0, training_only=True)
    decay: str = option(
        NO_DECAY,
        "of the learning rate: cosine falls along half a cosine, to 0 after the last update",
        "training",
        Kind(str, "a word"),
        choices=DECAYS,
        since=2,
        training_only=True,
    )
    precision: str = option(
        "float32",
        "one or more; a faster one is shown only where quality stays the same; auto: bfloat16 "
        "where a short training is faster and ends as well, else float32",
        "training",
        Kind(str, "a precision"),
        choices=(*PRECISIONS, AUTO),
        several=True,
        training_only=True,
    )
    jit: str = option(
        "auto",
        "compilation by XLA; auto: what Keras chooses",
        "training",
        Kind(str, "a word"),
        choices=JIT,
        several=True,
        since=1,
        training_only=True,
        tells_rows_apart=False,  # what was compiled in the end does
    )
    steps_per_execution: int = option(
        1,
        "updates per call of the training function",
        "training",
        WHOLE,
        several=True,
        least=1,
        since=1,
        training_only=True,
    )
    augment: str | None = option(
        None,
        "changes of the training images, fresh in each epoch",
        "training",
        Kind(str, "text such as flip,shift:0.1"),
        metavar="WHAT",
        since=1,
        training_only=True,
    )
    crop: tuple[int, int] | None = option(
        None,
        "train on crops of this size, drawn afresh in each epoch, of images of any sizes with "
        "masks; measured on whole images, tile by tile",
        "training",
        SIZE,
        unit="pixels",
        metavar="HxW",
        since=2,
        training_only=True,
    )
    crops_per_image: int | None = option(
        None,
        "crops of an image in an epoch",
        "training",
        WHOLE,
        by_data="8 with --crop",
        least=1,
        since=2,
        training_only=True,
    )
    foreground_crops: float | None = option(
        None,
        "share of the crops that hold a pixel of the foreground",
        "training",
        NUMBER,
        by_data="0.33 with --crop",
        metavar="SHARE",
        since=2,
        training_only=True,
    )
    num_labels: int | None = option(
        None,
        "training rows that keep their label (semi-supervised)",
        "training",
        WHOLE,
        least=1,
        since=1,
        training_only=True,
    )
    evaluate_every: float | None = option(
        None,
        "evaluate the validation split on this schedule, outside of the training's clock",
        "measuring",
        NUMBER,
        unit="epochs",
        metavar="EPOCHS",
        above=0,
        since=1,
        training_only=True,
    )
    measures: tuple[str, ...] = option(
        (),
        "what to measure too",
        "measuring",
        Kind(str, "a word"),
        asked="measure",
        choices=MEASURES,
        several=True,
        since=1,
        training_only=True,
    )
    normal_class: int | None = option(
        None,
        'find anomalies: each class is normal in turn, the others strange; "all"',
        "data",
        Kind(str, "a label, the name of a class, or all"),
        asked="normal_classes",
        metavar="CLASS",
        several=True,
        since=1,
        tells_rows_apart=False,  # a row holds all classes
    )
    contamination: float = option(
        0.0,
        "share of anomalies among the training images of --normal-classes, drawn by the seed",
        "data",
        NUMBER,
        metavar="SHARE",
        several=True,
        least=0,
        most=0.5,
        since=2,
    )
    num_normals: int | None = option(
        None,
        "normal images to train on with --normal-classes, drawn by the seed",
        "data",
        WHOLE,
        by_data="all of the class",
        several=True,
        least=1,
        since=2,
    )

    fold: str | None = option(
        None,
        "cross-validation: all images are parted anew into so many parts, of which each is tested "
        "once",
        "data",
        WHOLE,
        asked="folds",
        metavar="NUMBER",
        least=2,
        since=2,
        tells_rows_apart=False,  # a row holds all folds
    )
    group_pattern: str | None = option(
        None,
        "regular expression; images in whose names it finds the same stay in one split",
        "data",
        Kind(str, "a regular expression"),
        metavar="PATTERN",
        since=2,
        tells_rows_apart=False,  # the checksum does, or the folds
    )

    @property
    def loading(self) -> dict[str, object]:
        return {**super().loading, **{name: getattr(self, name) for name in LOADED_HERE}}

    @property
    def num_folds(self) -> int | None:
        """Number of the folds that this one is of, or None."""
        return None if self.fold is None else int(self.fold.partition("/")[2])

    @property
    def jit_compile(self) -> bool | str:
        """Returns what `compile` takes."""
        return {"on": True, "off": False}.get(self.jit, "auto")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Invocation:
    """The options that no job's result depends on: which jobs, what is timed, where they run."""

    models: tuple[str, ...] | None = option(
        None,
        'wildcards, such as "*vae*" or "*"; vae:small:beta=4 changes an argument; your own: '
        "my_module:build, mine.py:build, mine.keras; trained weights: fashion_mnist/vae",
        "models",
        Kind(str, "NAME[:PRESET[:ARGUMENT=VALUE,...]]"),
        by_data="the suite",
        metavar="NAME[:PRESET[:ARGUMENT=VALUE,...]]",
        several=True,
    )
    suite: str | None = option(
        None,
        "models to run without --models",
        "models",
        Kind(str, "the name of a suite"),
        by_data="what fits the data",
    )
    preset: str = option(
        "small", "preset of models named without one", "models", Kind(str, "the name of a preset")
    )
    seeds: int | tuple[int, ...] | None = option(
        None,
        "trainings per model",
        "models",
        Kind(int, "a whole number, or a list of seeds"),
        by_data="3; with --folds 1",
        in_file=LIST,
    )
    updates: int | None = option(
        None,
        "budget of each training, from which its epochs follow",
        "training",
        WHOLE,
        by_data="about 270, at least 10 epochs",
        least=1,
    )
    timing_rounds: int = option(
        1,
        "seeds for which speed is measured too; 0: quality only",
        "measuring",
        WHOLE,
        in_file=SINGLE,
    )
    sweep_batch_sizes: tuple[int, ...] = option(
        (),
        "batch sizes at which the speed of inference is measured too, such as 1 32 256",
        "measuring",
        WHOLE,
        metavar="SIZE",
        several=True,
        least=1,
    )
    target: float | None = option(
        None,
        "tell images and seconds until that MSE (IoU of masks) of the validation split",
        "measuring",
        NUMBER,
        metavar="VALUE",
        in_file=SINGLE,
    )
    keep_models: bool = option(
        False,
        "keep each trained model as <output>/models/<job>.keras, beside its record",
        "measuring",
        FLAG,
        in_file=SINGLE,
    )
    output: Path | None = option(
        None, "folder of the records", "execution", FOLDER, by_data="runs/...", in_file=NEVER
    )
    fresh: bool = option(False, "run finished jobs again", "execution", FLAG, in_file=NEVER)
    workers: int | None = option(
        None,
        "jobs at a time, each on its own cores; timings are then not comparable",
        "execution",
        WHOLE,
        by_data="1, or as many as fit on a cluster",
        in_file=NEVER,
        least=1,
    )
    engine: str = option(
        "local",
        "ray: spread over a Ray cluster",
        "execution",
        choices=ENGINES,
        in_file=NEVER,
    )
    ray_address: str | None = option(
        None,
        "of the cluster",
        "execution",
        by_data="one on this machine, for this run",
        in_file=NEVER,
    )
    timeout_seconds: float | None = option(
        None,
        "limit of one job, after which it is a failure",
        "execution",
        NUMBER,
        unit="seconds",
        in_file=NEVER,
        above=0,
    )
    track: tuple[str, ...] = option(
        (),
        "send epochs and results to a tracker too, below <output>/tracking",
        "output",
        Kind(str, "a tracker"),
        choices=trackers.NAMES,
        several=True,
        in_file=NEVER,
    )
    open: bool = option(
        False, "open the page at the end, in the browser", "output", FLAG, in_file=NEVER
    )
    quiet: bool = option(False, "say nothing but the result", "output", FLAG, in_file=NEVER)
    json: bool = option(
        False,
        "write the result to standard output as JSON, all else to standard error",
        "output",
        FLAG,
        in_file=NEVER,
    )


def all_options(config: type[RunConfig] = RunConfig) -> tuple[Option, ...]:
    """Returns every option of `bench run`: of the configuration first."""
    return (*declared_by(config), *declared_by(Invocation))


def identity(config: RunConfig, kind: str) -> dict[str, Any]:
    """Returns what of a configuration tells a job of this kind, `model` or `baseline`, from others.

    A baseline does not depend on training.
    """
    known = [o for o in declared_by(config) if kind != "baseline" or not o.training_only]
    return without_young_defaults(config, known)
