"""What a run consists of: cases, suites and equal budgets.

A case is one training of one model with one seed. Its identity holds everything that can change
its result; `records.case_id` names it, and a run that is started again skips the names it has.
"""

import dataclasses
import fnmatch
import math
import random
from datetime import UTC, datetime
from typing import Any

from bench import records
from bench.errors import BenchError

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
}
BASELINES = ("mean_image", "pca", "identity")
MIN_UPDATES = 336
EPOCH_RANGE = (10, 200)


@dataclasses.dataclass(frozen=True)
class Plan:
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
    """

    dataset: str
    noise: str | None = None
    resize: tuple[int, int] | None = None
    limit: int | None = None
    epochs: int = 10
    batch_size: int = 128
    learning_rate: float = 3e-3
    precision: str = "float32"


@dataclasses.dataclass(frozen=True)
class Case:
    """One training (or one fit of a baseline), given to a process of its own."""

    plan: Plan
    dataset_checksum: str
    kind: str
    model: str
    preset: str | None
    seed: int
    code_size: int | None = None
    timing: bool = False

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that can change the result."""
        identity = dataclasses.asdict(self)
        del identity["timing"]  # measured beside the result, not part of it
        if self.kind == "baseline":  # closed forms: no training
            for field in ("epochs", "batch_size", "learning_rate", "precision"):
                del identity["plan"][field]
        return identity

    @property
    def id(self) -> str:
        return records.case_id(self.identity)

    def start_record(self, run_id: str) -> dict[str, Any]:
        """Returns what is known before the case runs; it counts as failed until it is done."""
        plan = self.plan
        record: dict[str, Any] = {
            "schema_version": records.SCHEMA_VERSION,
            "case_id": self.id,
            "run_id": run_id,
            "time_utc": datetime.now(UTC).isoformat(timespec="seconds"),
            "status": "failed",
            "error": None,
            "kind": self.kind,
            "model": self.model,
            "preset": self.preset,
            "config": {},
            "dataset": plan.dataset,
            "dataset_argument": plan.dataset,
            "dataset_checksum": self.dataset_checksum,
            "noise": plan.noise,
            "limit": plan.limit,
            "resize": plan.resize,
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
            }
        return record

    @property
    def title(self) -> str:
        if self.kind == "baseline":
            return self.model if self.code_size is None else f"{self.model}-{self.code_size}"
        return f"{self.model}:{self.preset}" if self.preset else self.model


def default_batch_size(num_train: int) -> int:
    """Returns 64 for fewer than 5,000 training images, else 128."""
    return 64 if num_train < 5_000 else 128


def default_epochs(num_train: int, batch_size: int) -> int:
    """Returns the epochs that give about 340 updates, but at least 10 and at most 200."""
    low, high = EPOCH_RANGE
    return min(max(low, math.ceil(MIN_UPDATES / math.ceil(num_train / batch_size))), high)


def select(
    models: list[str] | None, suite: str, preset: str, catalogue: dict[str, list[str]]
) -> list[tuple[str, str]]:
    """Chooses the models of a run.

    Args:
        models: Wildcards over names, each with an optional `:preset`; None takes the suite.
        suite: Name of a suite.
        preset: Preset of the models that are named without one.
        catalogue: Registered names and their presets.

    Returns:
        Pairs `(name, preset)`, each once, in the order asked for.

    Raises:
        BenchError: for an unknown suite, preset, or a wildcard that no model matches.
    """
    from zoo import checks

    if models is None:
        if suite not in SUITES:
            raise BenchError(
                f"unknown suite {suite!r}.{checks.suggestion(suite, SUITES)} "
                f"Suites: {', '.join(SUITES)}."
            )
        models = list(SUITES[suite])
    chosen: dict[tuple[str, str], None] = {}
    for pattern in models:
        wildcard, _, named = pattern.partition(":")
        found = sorted(fnmatch.filter(catalogue, wildcard))
        if not found:
            raise BenchError(
                f"no model matches {wildcard!r}.{checks.suggestion(wildcard, catalogue)} "
                "See: python -m bench list"
            )
        for name in found:
            wanted = named or preset
            if wanted not in catalogue[name]:
                raise BenchError(
                    f"unknown preset {wanted!r} of {name!r}."
                    f"{checks.suggestion(wanted, catalogue[name])} "
                    f"Its presets: {', '.join(catalogue[name])}."
                )
            chosen[name, wanted] = None
    return list(chosen)


def model_cases(
    plan: Plan, checksum: str, models: list[tuple[str, str]], seeds: list[int], timing_rounds: int
) -> list[Case]:
    """Returns the cases in the order of running: a round per seed, shuffled within.

    A slow spell of the machine then falls on all models alike, not on the last ones. Speed does
    not depend on the seed: it is measured in the first `timing_rounds` rounds only.
    """
    ordered = []
    for seed in seeds:
        around = [
            Case(plan, checksum, "model", name, preset, seed, timing=seed < timing_rounds)
            for name, preset in models
        ]
        random.Random(seed).shuffle(around)
        ordered += around
    return ordered


def baseline_cases(plan: Plan, checksum: str, code_sizes: list[int]) -> list[Case]:
    """Returns the baselines: mean image, PCA at each code size, identity where input is noisy."""
    found = [Case(plan, checksum, "baseline", "mean_image", None, 0)]
    found += [Case(plan, checksum, "baseline", "pca", None, 0, size) for size in code_sizes]
    if plan.noise is not None:
        found.append(Case(plan, checksum, "baseline", "identity", None, 0))
    return found
