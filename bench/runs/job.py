"""A job: one training of one model with one seed, or one fit of a baseline.

Its identity holds everything that can change its result; `Job.id` names it, and a run that is
started again skips the names it has.
"""

import dataclasses
import itertools
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from bench.leaderboard import floors
from bench.records import config as run_config
from bench.records import options, schema, store
from bench.records.config import RunConfig
from bench.records.schema import Record
from bench.runs.own import Source
from bench.runs.selection import ModelSpec

ANOMALY_BASELINE_SIZE = 32  # components of the published baseline
# Of `bench.evaluation.neighbours`; the first for data of any kind, the others for images.
NEIGHBOURS = (
    *("nearest_neighbours", "nearest_neighbours_hog", "nearest_neighbours_hog_pooled"),
    "image_statistics",
)

# Where several are run, speed is measured with the first: it depends on none of them.
_OF_DATA = ("normal_class", "contamination", "num_normals", "fold")


@dataclasses.dataclass(frozen=True)
class Job:
    """One training (or one fit of a baseline), given to a process of its own."""

    config: RunConfig
    dataset_checksum: str
    kind: str
    model: str
    preset: str | None
    seed: int
    latent_size: int | None = None
    timing: bool = False
    arguments: tuple[tuple[str, Any], ...] = ()
    sweep_batch_sizes: tuple[int, ...] = ()  # at which speed is measured too
    keeps_model: bool = False  # in a file
    source: Source | None = None  # of a model of your own

    @property
    def is_trained(self) -> bool:
        """Whether the options of training mean anything to it."""
        if self.source is not None:
            return self.source.is_trained
        return self.kind == "model"

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that can change the result; its keys are those of the first records."""
        identity = dataclasses.asdict(self)
        for beside in ("timing", "sweep_batch_sizes", "keeps_model"):  # the result
            del identity[beside]
        if not self.arguments:
            del identity["arguments"]
        identity["code_size"] = identity.pop("latent_size")
        del identity["config"]
        del identity["source"]
        if self.source is not None:
            identity["source"] = self.source.identity
        plan_of = "model" if self.is_trained else "baseline"
        identity["plan"] = run_config.identity(self.config, plan_of)
        return identity

    @property
    def id(self) -> str:
        return store.job_id(self.identity)

    @property
    def needs(self) -> tuple[str, ...]:
        """Files of earlier jobs that this one reads: none."""
        return ()

    def failure(self, run_id: str, error: str) -> Record:
        """Returns the record of a job whose process could not send its own."""
        return schema.from_fields(self.first_fields(run_id) | {"error": error}, type(self.config))

    def first_fields(self, run_id: str) -> dict[str, Any]:
        """Returns what is known before the job runs; it counts as failed until it is done.

        The names are those of `bench.records.schema.from_fields`.
        """
        config = self.config
        fields: dict[str, Any] = {
            "job_id": self.id,
            "run_id": run_id,
            "time_utc": datetime.now(UTC).isoformat(timespec="seconds"),
            "status": "failed",
            "error": None,
            "kind": self.kind,
            "model": self.model,
            "preset": self.preset,
            "arguments": dict(self.arguments),
            "dataset": config.dataset,
            "dataset_argument": config.dataset,
            "dataset_checksum": self.dataset_checksum,
            "seed": self.seed,
            "latent_size": self.latent_size,
        }
        for option in options.declared_by(config):
            if option.name != "dataset" and (self.is_trained or not option.training_only):
                fields[option.name] = getattr(config, option.name)
        if self.source is not None:
            fields |= {"origin": self.source.origin, "source_sha256": self.source.sha256}
            fields["asked_as"] = self.source.text
        elif self.is_trained:
            fields["optimizer"] = "adam"
        return fields

    @property
    def title(self) -> str:
        if self.kind == "baseline":
            return self.model if self.latent_size is None else f"{self.model}-{self.latent_size}"
        given = ",".join(f"{name}={value}" for name, value in self.arguments)
        return ":".join(filter(None, (self.model, self.preset, given)))

    @property
    def name(self) -> str:
        """What tells it from the others of its run on the same data; a baseline has no seeds."""
        parts = [f"seed {self.seed}"] if self.kind == "model" else []
        for field in dataclasses.fields(self.config):
            value = getattr(self.config, field.name)
            if field.name in _OF_DATA and value != field.default:
                parts.append(f"{field.name.replace('_', ' ')} {value}")
        return " ".join((self.title, *parts))


def names_apart(jobs: Sequence[Job]) -> dict[Job, str]:
    """Returns the name of each job, with the settings in which it differs from its namesakes."""
    namesakes: dict[str, list[Job]] = {}
    for job in jobs:
        namesakes.setdefault(job.name, []).append(job)
    names = {}
    for name, same in namesakes.items():
        for job in same:
            parts = [name]
            for option in options.declared_by(job.config):
                value = getattr(job.config, option.name)
                if any(getattr(other.config, option.name) != value for other in same):
                    parts.append(f"{option.name.replace('_', ' ')} {value}")
            names[job] = " ".join(parts)
    return names


def model_jobs(
    configs: list[RunConfig],
    checksum: str,
    models: list[ModelSpec],
    seeds: list[int],
    timing_rounds: int,
    sweep_batch_sizes: tuple[int, ...] = (),
    keeps_models: bool = False,
) -> list[Job]:
    """Returns the jobs in the order of running: a round per seed, shuffled within.

    If the machine is slow for a while, all models are hit alike, and not the last ones only. Speed
    does not depend on the seed, so it is measured in the first `timing_rounds` rounds only. Where
    each class is normal in turn, it is measured with the first class; of folds, with the first.
    """
    ordered = []

    def is_timed(config: RunConfig) -> bool:
        return all(getattr(config, name) == getattr(configs[0], name) for name in _OF_DATA)

    for number, seed in enumerate(seeds):
        around = [
            Job(
                *(config, checksum, "model", choice.model, choice.preset, seed),
                timing=number < timing_rounds and is_timed(config),
                arguments=choice.arguments,
                sweep_batch_sizes=sweep_batch_sizes,
                keeps_model=keeps_models,
                source=choice.source,
            )
            for config in configs
            for choice in models
            if number == 0 or not _is_settled(choice, config)
        ]
        random.Random(seed).shuffle(around)
        ordered += around
    return ordered


def _is_settled(choice: ModelSpec, config: RunConfig) -> bool:
    """Whether all seeds would give the same: nothing is trained, nor is anything drawn."""
    is_drawn = config.contamination > 0 or config.num_normals is not None
    return choice.source is not None and choice.source.is_fixed and not is_drawn


def baseline_jobs(
    configs: list[RunConfig],
    checksum: str,
    latent_sizes: list[int],
    task: str = "reconstruction",
    image_shape: tuple[int, ...] = (),
    seeds: Sequence[int] = (0,),
) -> list[Job]:
    """Returns the baselines of the task, each once though the configs differ in how they train.

    Where the seed chooses what is trained on, they are fitted with each of `seeds`.

    Masks: everywhere, nowhere, the mean mask. Images: the mean image, PCA at each code size, and
    the identity where the input is noisy. Anomalies: the mean image, PCA at each code size and at
    32, the published baseline, with and without the variance of each pixel, and the distance to
    the nearest normals, by pixels and, of images, by gradients and by statistics. What is exact by
    construction, PCA with a component for each value of an image, is left out.
    """
    jobs: dict[str, Job] = {}
    for config in configs:
        for name, size in _baselines(config, latent_sizes, task, image_shape):
            if floors.is_exact(size, image_shape):
                continue
            is_drawn = config.contamination > 0 or config.num_normals is not None
            for seed in seeds if is_drawn else (0,):
                job = Job(config, checksum, "baseline", name, None, seed, size)
                jobs.setdefault(job.id, job)
    return list(jobs.values())


def _baselines(
    config: RunConfig, latent_sizes: list[int], task: str, image_shape: tuple[int, ...]
) -> list[tuple[str, int | None]]:
    if task == "segmentation":
        trivial = [("all_foreground", None), ("all_background", None), ("mean_mask", None)]
        return trivial if config.crop is None else trivial[:2]  # images of many sizes have no mean
    if task == "anomaly" or config.normal_class is not None:
        sizes = sorted({*latent_sizes, ANOMALY_BASELINE_SIZE})
        pairs = itertools.product(("pca", "pca_normalised"), sizes)
        by_distance = NEIGHBOURS if len(image_shape) == 3 else NEIGHBOURS[:1]
        return [("mean_image", None), *pairs, *((name, None) for name in by_distance)]
    baselines: list[tuple[str, int | None]] = [("mean_image", None)]
    baselines += [("pca", size) for size in latent_sizes]
    if config.noise is not None:
        baselines.append(("identity", None))
    return baselines
