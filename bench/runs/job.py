"""What a run consists of: cases, suites and equal budgets.

A case is one training of one model with one seed. Its identity holds everything that can change
its result; `records.case_id` names it, and a run that is started again skips the names it has.
"""

import ast
import dataclasses
import fnmatch
import itertools
import math
import random
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.records import store

# At most ten, so that the default stays short as the zoo grows. All with the same code size.
SUITES: dict[str, tuple[str, ...]] = {
    "core": (
        "autoencoder:small",
        "autoencoder:dense",
        "denoising:small",
        "sparse:small",
        "vae:small",
        "upae:small",
    ),
    "segmentation": (
        "unet:maxpool_transpose_bce",
        "unet:maxpool_transpose_dice",
        "unet:strided_transpose_bce",
        "unet:strided_upsample_dice",
    ),
}
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
# What `--measure` adds, each some seconds per model.
MEASURES = ("generative", "representation")
JIT = ("auto", "on", "off")
ANOMALY_FLOOR_SIZE = 32  # components of the published floor
MIN_UPDATES = 273
EPOCH_RANGE = (10, 200)


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """What `bench run` was asked for: the same for all its cases.

    Attributes:
        dataset: Name or path, as `datasets.load` takes it.
        noise: Noise of the input, such as `"gaussian:0.2"`, or None.
        resize: `(height, width)` for a folder of images, or None.
        limit: Number of training images, or None for all.
        epochs: Passes over the training images, the same for each model.
        batch_size: Images per update, the same for each model.
        learning_rate: Of Adam.
        precision: Dtype policy of the models.
        augment: What is changed in the training images afresh in each epoch, such as
            `"flip,shift:0.1"`, or None.
        num_labels: Training rows that keep their label in semi-supervised models, or None for all.
        normal_class: Label of the class that is normal, the others being anomalies; None: the
            task is that of the data set.
        jit: `"on"`, `"off"`, or `"auto"` for what Keras chooses.
        steps_per_execution: Updates per call of the compiled training function.
        measures: What is measured beside what the model is for, of `MEASURES`.
        evaluate_every: Epochs between two looks at the validation split while training, or None.
    """

    dataset: str
    noise: str | None = None
    resize: tuple[int, int] | None = None
    limit: int | None = None
    epochs: int = 10
    batch_size: int = 128
    learning_rate: float = 3e-3
    precision: str = "float32"
    augment: str | None = None
    num_labels: int | None = None
    normal_class: int | None = None
    jit: str = "auto"
    steps_per_execution: int = 1
    measures: tuple[str, ...] = ()
    evaluate_every: float | None = None

    @property
    def jit_compile(self) -> bool | str:
        """Returns what `compile` takes."""
        return {"on": True, "off": False}.get(self.jit, "auto")


# Fields that are younger than the first records: left out of the identity at these values.
_YOUNGER = {
    "augment": None,
    "num_labels": None,
    "normal_class": None,
    "jit": "auto",
    "steps_per_execution": 1,
    "measures": (),
    "evaluate_every": None,
}
# What is about training, and so not about closed forms.
_OF_TRAINING = (
    *("epochs", "batch_size", "learning_rate", "precision", "augment", "num_labels"),
    *("jit", "steps_per_execution", "measures", "evaluate_every"),
)


@dataclasses.dataclass(frozen=True)
class Job:
    """One training (or one fit of a baseline), given to a process of its own."""

    plan: RunConfig
    dataset_checksum: str
    kind: str
    model: str
    preset: str | None
    seed: int
    code_size: int | None = None
    timing: bool = False
    arguments: tuple[tuple[str, Any], ...] = ()
    sweep_batch_sizes: tuple[int, ...] = ()  # at which speed is measured too

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that can change the result."""
        identity = dataclasses.asdict(self)
        del identity["timing"], identity["sweep_batch_sizes"]  # measured beside the result
        if not self.arguments:
            del identity["arguments"]
        plan = identity["plan"]
        left_out = {name for name, value in _YOUNGER.items() if plan[name] == value}
        if self.kind == "baseline":
            left_out |= set(_OF_TRAINING)
        identity["plan"] = {name: plan[name] for name in plan if name not in left_out}
        return identity

    @property
    def id(self) -> str:
        return store.case_id(self.identity)

    @property
    def needs(self) -> tuple[str, ...]:
        """Files of earlier cases that this one reads: none."""
        return ()

    def run(self, output: Path, run_id: str, connection) -> None:
        """Runs the case in this process and sends what there is to tell, the record last."""
        from bench.evaluation import job_runner  # with Keras, which the parent does without

        job_runner.run(self, output, run_id, connection)

    def failure(self, run_id: str, error: str) -> dict[str, Any]:
        """Returns the record of a case whose process could not send its own."""
        return self.start_record(run_id) | {"error": error}

    def start_record(self, run_id: str) -> dict[str, Any]:
        """Returns what is known before the case runs; it counts as failed until it is done."""
        plan = self.plan
        record: dict[str, Any] = {
            "schema_version": store.SCHEMA_VERSION,
            "case_id": self.id,
            "run_id": run_id,
            "time_utc": datetime.now(UTC).isoformat(timespec="seconds"),
            "status": "failed",
            "error": None,
            "kind": self.kind,
            "model": self.model,
            "preset": self.preset,
            "config": {},
            "arguments": dict(self.arguments),
            "dataset": plan.dataset,
            "dataset_argument": plan.dataset,
            "dataset_checksum": self.dataset_checksum,
            "noise": plan.noise,
            "limit": plan.limit,
            "resize": plan.resize,
            "normal_class": plan.normal_class,
            "seed": self.seed,
            "code_size": self.code_size,
        }
        if self.kind == "model":
            record |= {
                "epochs": plan.epochs,
                "batch_size": plan.batch_size,
                "optimizer": "adam",
                "learning_rate": plan.learning_rate,
                "precision": plan.precision,
                "augment": plan.augment,
                "num_labels": plan.num_labels,
                "jit": plan.jit,
                "steps_per_execution": plan.steps_per_execution,
                "measures": list(plan.measures),
                "evaluate_every": plan.evaluate_every,
            }
        return record

    @property
    def title(self) -> str:
        if self.kind == "baseline":
            return self.model if self.code_size is None else f"{self.model}-{self.code_size}"
        given = ",".join(f"{name}={value}" for name, value in self.arguments)
        return ":".join(filter(None, (self.model, self.preset, given)))


@dataclasses.dataclass(frozen=True)
class ModelInfo:
    """What the choice of models needs to know of each."""

    presets: tuple[str, ...]
    arguments: tuple[str, ...]
    task: str = "reconstruction"


@dataclasses.dataclass(frozen=True)
class ModelSpec:
    """A model of a run: name, preset, and constructor arguments that differ from the preset's."""

    model: str
    preset: str
    arguments: tuple[tuple[str, Any], ...] = ()


def default_batch_size(num_train: int) -> int:
    """Returns 64 for fewer than 5,000 training images, else 128."""
    return 64 if num_train < 5_000 else 128


def default_epochs(num_train: int, batch_size: int) -> int:
    """Returns the epochs that give about 270 updates, but at least 10 and at most 200."""
    low, high = EPOCH_RANGE
    return min(max(low, math.ceil(MIN_UPDATES / math.ceil(num_train / batch_size))), high)


def select(
    models: list[str] | None,
    suite: str,
    preset: str,
    catalogue: dict[str, ModelInfo],
    incompatibilities: dict[str, str] | None = None,
) -> list[ModelSpec]:
    """Chooses the models of a run.

    Args:
        models: Wildcards over names, each with an optional `:preset` and after that optional
            arguments, `vae:small:beta=4,latent_dim=8`; None takes the suite.
        suite: Name of a suite.
        preset: Preset of the models that are named without one.
        catalogue: Registered names and what is known of them.
        misfits: What some of the models lack in the data: wildcards pass them over, and asking
            for one by name is an error.

    Returns:
        The choices, each once, in the order asked for.

    Raises:
        BenchError: for an unknown suite, preset or argument, or a wildcard that no model matches.
    """
    if models is None:
        if suite not in SUITES:
            raise BenchError(
                f"unknown suite {suite!r}.{_suggestion(suite, SUITES)} Suites: {', '.join(SUITES)}."
            )
        models = list(SUITES[suite])
    chosen: dict[ModelSpec, None] = {}
    for pattern in models:
        wildcard, _, rest = pattern.partition(":")
        named, _, given = rest.partition(":")
        found = sorted(fnmatch.filter(catalogue, wildcard))
        if not found:
            raise BenchError(
                f"no model matches {wildcard!r}.{_suggestion(wildcard, catalogue)} "
                "See: python -m bench list"
            )
        if wildcard in (incompatibilities or {}):
            raise BenchError(
                f"{wildcard!r} does not fit these data: it {incompatibilities[wildcard]}."
            )
        for name in found:
            if name in (incompatibilities or {}):
                continue
            wanted = named or preset
            known = catalogue[name]
            if wanted not in known.presets:
                raise BenchError(
                    f"unknown preset {wanted!r} of {name!r}."
                    f"{_suggestion(wanted, known.presets)} "
                    f"Its presets: {', '.join(known.presets)}."
                )
            chosen[ModelSpec(name, wanted, _arguments(name, given, known.arguments))] = None
    if not chosen:
        raise BenchError(f"none of the models fits these data: {', '.join(models)}.")
    return list(chosen)


def _arguments(name: str, text: str, allowed: tuple[str, ...]) -> tuple[tuple[str, Any], ...]:
    """Reads `beta=4,widths=(8,16)`; what is no Python literal is a string."""
    if not text:
        return ()
    found: dict[str, Any] = {}
    parts = re.split(r",(?=\s*\w+\s*=)", text)  # not the commas within a value
    for part in parts:
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or key not in allowed:
            raise BenchError(
                f"unknown argument {part!r} of {name!r}.{_suggestion(key, allowed)} "
                f"Write {name}:PRESET:argument=value, of: {', '.join(allowed)}."
            )
        try:
            found[key] = _hashable(ast.literal_eval(value))
        except (ValueError, SyntaxError):
            found[key] = value
    return tuple(sorted(found.items()))


def _suggestion(name: str, allowed: Iterable[str]) -> str:
    from zoo import checks  # with Keras, which takes seconds: for an error alone

    return checks.suggestion(name, allowed)


def _hashable(value: Any) -> Any:
    """Returns lists as tuples, so that a case can be told from others by its hash."""
    return tuple(_hashable(item) for item in value) if isinstance(value, list | tuple) else value


def model_jobs(
    plans: list[RunConfig],
    checksum: str,
    models: list[ModelSpec],
    seeds: list[int],
    timing_rounds: int,
    sweep_batch_sizes: tuple[int, ...] = (),
) -> list[Job]:
    """Returns the cases in the order of running: a round per seed, shuffled within.

    A slow spell of the machine then falls on all models alike, not on the last ones. Speed does
    not depend on the seed: it is measured in the first `timing_rounds` rounds only, and of
    normal classes in turn with the first.
    """
    ordered = []
    for number, seed in enumerate(seeds):
        around = [
            Job(
                *(plan, checksum, "model", choice.model, choice.preset, seed),
                timing=number < timing_rounds and plan.normal_class == plans[0].normal_class,
                arguments=choice.arguments,
                sweep_batch_sizes=sweep_batch_sizes,
            )
            for plan in plans
            for choice in models
        ]
        random.Random(seed).shuffle(around)
        ordered += around
    return ordered


def baseline_jobs(
    plans: list[RunConfig], checksum: str, code_sizes: list[int], task: str = "reconstruction"
) -> list[Job]:
    """Returns the baselines of the task, each once though the plans differ in how they train.

    Masks: everywhere, nowhere, the mean mask. Images: the mean image, PCA at each code size, and
    the identity where the input is noisy. Anomalies: the mean image, PCA at each code size and at
    32, the published floor, with and without the variance of each pixel.
    """
    found: dict[str, Job] = {}
    for plan in plans:
        for name, size in _baselines(plan, code_sizes, task):
            case = Job(plan, checksum, "baseline", name, None, 0, size)
            found.setdefault(case.id, case)
    return list(found.values())


def _baselines(plan: RunConfig, code_sizes: list[int], task: str) -> list[tuple[str, int | None]]:
    if task == "segmentation":
        return [("all_foreground", None), ("all_background", None), ("mean_mask", None)]
    if task == "anomaly" or plan.normal_class is not None:
        sizes = sorted({*code_sizes, ANOMALY_FLOOR_SIZE})
        pairs = itertools.product(("pca", "pca_normalised"), sizes)
        return [("mean_image", None), *pairs]
    found: list[tuple[str, int | None]] = [("mean_image", None)]
    found += [("pca", size) for size in code_sizes]
    if plan.noise is not None:
        found.append(("identity", None))
    return found
