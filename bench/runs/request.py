"""What a run is asked for: the options of `bench run`, or one combination of an experiment file."""

import contextlib
import dataclasses
import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.data import tasks
from bench.errors import BenchError, user_errors
from bench.runs import job
from bench.runs.job import RunConfig

ENGINES = ("local", "ray")


@dataclasses.dataclass(frozen=True)
class Request:
    """What is to be run; None means the default that fits the data.

    Attributes:
        models: Wildcards over names, each with an optional `:preset`; None takes the suite.
        seeds: Number of seeds per model, counted from 0, or the seeds themselves.
        timing_rounds: Number of those in which speed is measured too; 0: quality only.
        sweep_batch_sizes: Batch sizes at which the speed of inference is measured too.
        fresh: Whether cases that are finished run again.
        timeout_seconds: Limit of one case, after which it is a failure; None: none.
        normal_classes: Classes that are normal in turn, labels or names, or `("all",)`: each is a
            task of finding the other classes as anomalies. None: the task is the data set's.
        batch_size, precision, jit, steps_per_execution: One or more values each; every model
            runs at each combination.
        evaluate_every: Epochs between two looks at the validation split; None: no looks.
        target: Value of the validation metric that the time to reach is asked for.
        workers: Cases at a time; on one machine each has cores of its own. None: one on a
            machine, as many as fit on a cluster.
        engine: `"local"` or `"ray"`.
        ray_address: Of the cluster; None: one on this machine, for this run.
        places: File and line of a setting, or of the text of a model; for errors.
        Others: see `bench.runs.job.RunConfig`.
    """

    dataset: str = "digits"
    models: tuple[str, ...] | None = None
    suite: str | None = None
    preset: str = "small"
    seeds: int | tuple[int, ...] = 3
    epochs: int | None = None
    batch_size: tuple[int, ...] | None = None
    learning_rate: float = 3e-3
    precision: tuple[str, ...] = ("float32",)
    jit: tuple[str, ...] = ("auto",)
    steps_per_execution: tuple[int, ...] = (1,)
    augment: str | None = None
    num_labels: int | None = None
    normal_classes: tuple[str, ...] | None = None
    measure: tuple[str, ...] = ()
    noise: str | None = None
    resize: tuple[int, int] | None = None
    limit: int | None = None
    evaluate_every: float | None = None
    target: float | None = None
    output: Path | None = None
    fresh: bool = False
    timing_rounds: int = 1
    sweep_batch_sizes: tuple[int, ...] = ()
    timeout_seconds: float | None = None
    workers: int | None = None
    engine: str = "local"
    ray_address: str | None = None
    places: Mapping[str, str] = dataclasses.field(default_factory=dict, compare=False)

    @property
    def seed_list(self) -> list[int]:
        return list(range(self.seeds)) if isinstance(self.seeds, int) else list(self.seeds)

    @property
    def folder(self) -> Path:
        """Returns where the records go."""
        if self.output is not None:
            return self.output
        chosen = (self.suite or "core") if self.models is None else "models"
        noise = f"-{self.noise.replace(':', '-')}" if self.noise else ""
        return Path("runs") / f"{Path(self.dataset).stem}-{chosen}{noise}"

    @contextlib.contextmanager
    def placed(self, setting: str) -> Iterator[None]:
        """Puts file and line before an error: of the option that it names, else of `setting`."""
        try:
            yield
        except BenchError as error:
            named = re.match(r"--([a-z-]+)", str(error))
            option = named[1].replace("-", "_") if named else None
            place = self.places.get(option) or self.places.get(setting)
            if place is None:
                raise
            raise BenchError(f"{place}: {error}") from error

    def check(self) -> None:
        """Checks what needs no data.

        Raises:
            BenchError: for a value out of its range, or a target that nothing is compared with.
        """
        with self.placed("dataset"):
            self._check()

    def _check(self) -> None:
        if self.augment is not None:
            from zoo.data import augmentation

            with user_errors():
                augmentation.parse(self.augment)
        counts = ("epochs", "batch_size", "num_labels", "steps_per_execution", "workers")
        counts += ("sweep_batch_sizes",)
        for name in (*counts, *(["seeds"] if isinstance(self.seeds, int) else [])):
            given = getattr(self, name)
            for value in given if isinstance(given, tuple) else (given,):
                if value is not None and value < 1:
                    option = f"--{name.replace('_', '-')}"
                    raise BenchError(f"{option} must be at least 1. Received: {value}.")
        for name in ("learning_rate", "evaluate_every", "timeout_seconds"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise BenchError(f"--{name.replace('_', '-')} must be above 0. Received: {value}.")
        if self.target is not None and self.evaluate_every is None:
            raise BenchError(
                "--target needs looks at the validation split. Give --evaluate-every EPOCHS too."
            )
        if self.ray_address is not None and self.engine != "ray":
            raise BenchError("--ray-address is for --engine ray. Give that too.")

    def make_plans(self, dataset) -> list[RunConfig]:
        """Returns a plan for each combination, with what was left open chosen by the data.

        Raises:
            BenchError: for classes that the data lack, or looks that would come after the end.
        """
        with self.placed("dataset"):
            normal = tasks.normal_classes(dataset, self.normal_classes)
            plans = [
                self._make_plan(dataset, *combination)
                for combination in itertools.product(
                    normal,
                    self.batch_size or (None,),
                    self.precision,
                    self.jit,
                    self.steps_per_execution,
                )
            ]
            fewest = min(plan.epochs for plan in plans)
            if self.evaluate_every is not None and self.evaluate_every > fewest:
                raise BenchError(
                    f"--evaluate-every must be at most the number of epochs, {fewest}. "
                    f"Received: {self.evaluate_every:g}."
                )
        return plans

    def _make_plan(self, dataset, normal_class, batch_size, precision, jit, steps) -> RunConfig:
        num_train = dataset.num_train // (1 if normal_class is None else dataset.num_classes)
        batch_size = batch_size or job.default_batch_size(num_train)
        return RunConfig(
            dataset=self.dataset,
            noise=self.noise,
            resize=self.resize,
            limit=self.limit,
            epochs=self.epochs or job.default_epochs(num_train, batch_size),
            batch_size=batch_size,
            learning_rate=self.learning_rate,
            precision=precision,
            augment=self.augment,
            num_labels=self.num_labels,
            normal_class=normal_class,
            jit=jit,
            steps_per_execution=steps,
            measures=tuple(sorted(set(self.measure))),
            evaluate_every=self.evaluate_every,
        )
