"""What a run is asked for: the options of `bench run`, or one combination of an experiment file."""

import contextlib
import dataclasses
import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from bench.data import anomaly, folds, tasks
from bench.errors import BenchError, user_errors
from bench.records import config, options
from bench.records.config import Invocation, RunConfig
from bench.runs import suites
from zoo.data import augmentation
from zoo.tiles import crops
from zoo.tracking import trackers

DEFAULT_SEEDS = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Asked(Invocation):
    """What requests have beside the options of a configuration, which `request_class` adds.

    Attributes:
        places: File and line of a setting, or of the text of a model; for errors.
    """

    config_class: ClassVar[type[RunConfig]]

    places: Mapping[str, str] = dataclasses.field(default_factory=dict, compare=False)

    @property
    def seed_list(self) -> list[int]:
        seeds = self.seeds
        if seeds is None:
            seeds = DEFAULT_SEEDS if self.folds is None else 1
        return list(range(seeds)) if isinstance(seeds, int) else list(seeds)

    @property
    def loading(self) -> dict[str, Any]:
        """Returns what `bench.data.catalog.load` takes beside the name."""
        asked = {each.name: each.asked for each in config.DATA}
        given = {name: getattr(self, asked[name]) for name in config.LOADING}
        return given | {name: getattr(self, name) for name in config.LOADED_HERE}

    @property
    def folder(self) -> Path:
        """Returns where the records go."""
        if self.output is not None:
            return self.output
        default = suites.OF_DATASET.get(self.dataset, "core")
        default = default if self.normal_classes is None else "anomaly"
        chosen = (self.suite or default) if self.models is None else "models"
        noise = f"-{self.noise.replace(':', '-')}" if self.noise else ""
        return Path("runs") / f"{Path(self.dataset).stem}-{chosen}{noise}"

    @property
    def command(self) -> str:
        """Returns the command line that asks for the same.

        Options of a configuration that the first records had are all written; others where they
        are not at their default.
        """
        known = config.all_options(self.config_class)
        first = {each.name for each in options.declared_by(self.config_class) if not each.since}
        given = {
            each.asked: getattr(self, each.asked)
            for each in known
            if each.name in first or getattr(self, each.asked) != each.asked_default
        }
        return options.command(given, known)

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
        with self.placed("suite"):
            if self.suite is not None:
                suites.members(self.suite)
        if self.augment is not None:
            with self.placed("augment"), user_errors():
                augmentation.parse(self.augment)
        with self.placed("dataset"):
            self._check()

    def _check(self) -> None:
        with user_errors():
            trackers.check(self.track)
        for each in config.all_options(self.config_class):
            if problem := each.problem(getattr(self, each.asked)):
                raise BenchError(problem)
        if isinstance(self.seeds, int) and self.seeds < 1:
            raise BenchError(f"--seeds must be at least 1. Received: {self.seeds}.")
        if self.target is not None and self.evaluate_every is None:
            raise BenchError(
                "--target needs evaluations of the validation split. "
                "Give --evaluate-every EPOCHS too."
            )
        for name in ("crops_per_image", "foreground_crops"):
            if getattr(self, name) is not None and self.crop is None:
                raise BenchError(f"--{name.replace('_', '-')} needs --crop HEIGHTxWIDTH.")
        if self.foreground_crops is not None and not 0 <= self.foreground_crops <= 1:
            raise BenchError(
                "--foreground-crops must be a share from 0 to 1. "
                f"Received: {self.foreground_crops:g}."
            )
        if self.updates is not None and self.epochs is not None:
            raise BenchError("--updates and --epochs are both the budget. Give one of them.")
        if self.folds is not None and self.normal_classes is not None:
            raise BenchError("--folds is not for --normal-classes. Leave one of them out.")
        if self.folds is not None and self.window is not None:
            raise BenchError(
                "--folds is not for --window: neighbouring windows of a series are alike, and "
                "would lie in different folds. Leave one of them out."
            )
        if self.group_pattern is not None:
            folds.compiled(self.group_pattern)
        for name in ("contamination", "num_normals"):
            if any(getattr(self, name) or ()) and self.normal_classes is None:
                raise BenchError(
                    f"--{name.replace('_', '-')} is for one class of labelled data as the normal "
                    "one. Give --normal-classes too."
                )
        if self.ray_address is not None and self.engine != "ray":
            raise BenchError("--ray-address is for --engine ray. Give that too.")

    def make_configs(self, dataset) -> list[RunConfig]:
        """Returns the configuration of each combination; what was left open follows from the data.

        Raises:
            BenchError: for classes that the data lack, or an evaluation later than the end.
        """
        if self.folds is not None:
            with self.placed("folds"):
                folds.check(dataset, self.folds)
        with self.placed("dataset"):
            grid = self._grid(dataset)
            if self.normal_classes is not None:
                anomaly.check_training(
                    dataset, grid["normal_class"], grid["contamination"], grid["num_normals"]
                )
            tasks.check_num_labels(self.num_labels, self._num_train(dataset))
            configs = [
                self._make_config(dataset, dict(zip(grid, values, strict=True)))
                for values in itertools.product(*grid.values())
            ]
            fewest = min(each.epochs for each in configs)
            if self.evaluate_every is not None and self.evaluate_every > fewest:
                raise BenchError(
                    f"--evaluate-every must be at most the number of epochs, {fewest}. "
                    f"Received: {self.evaluate_every:g}."
                )
        return configs

    def images_per_epoch(self, dataset) -> int:
        """Returns how many images, or crops, a training sees in an epoch; of folds the first's."""
        num = self._num_train(dataset)
        return num * (1 if self.crop is None else self.crops_per_image or crops.PER_IMAGE)

    def _num_train(self, dataset) -> int:
        if self.folds is not None:
            return folds.of_fold(dataset, folds.names(self.folds)[0]).num_train
        return dataset.num_train // (1 if self.normal_classes is None else dataset.num_classes)

    def _grid(self, dataset) -> dict[str, tuple[Any, ...]]:
        """Returns the values of each field of the configuration, the normal class outermost."""
        grid = {"normal_class": tuple(tasks.normal_classes(dataset, self.normal_classes))}
        grid["fold"] = (None,) if self.folds is None else folds.names(self.folds)
        for each in options.declared_by(self.config_class):
            asked = getattr(self, each.asked)
            if each.name in grid:
                continue
            if each.is_grid:
                grid[each.name] = (None,) if asked is None else tuple(asked)
            elif isinstance(each.default, tuple):
                grid[each.name] = (tuple(sorted(set(asked))),)
            else:
                grid[each.name] = (asked,)
        return grid

    def _make_config(self, dataset, chosen: dict[str, Any]) -> RunConfig:
        num_images = self.images_per_epoch(dataset)
        num_images = min(num_images, chosen["num_normals"] or num_images)
        default = suites.default_batch_size(num_images)
        if self.crop is not None:
            chosen["crops_per_image"] = self.crops_per_image or crops.PER_IMAGE
            default = suites.CROPS_BATCH_SIZE
        chosen["batch_size"] = chosen["batch_size"] or default
        chosen["epochs"] = chosen["epochs"] or suites.epochs_of(
            num_images, chosen["batch_size"], self.updates
        )
        return self.config_class(**chosen)


def request_class(config_class: type[RunConfig] = RunConfig) -> type[_Asked]:
    """Returns the class of requests for a class of configurations.

    It has a keyword for each option, by the name that the command line gives it. An option with
    `several` takes a tuple, and None is the default that fits the data.
    """
    declared = options.declared_by(config_class)
    fields = [(each.asked, Any, dataclasses.field(default=each.asked_default)) for each in declared]
    listed = [f"{each.asked}: {each.help}" for each in config.all_options(config_class)]
    content = {
        "config_class": config_class,
        "__module__": __name__,
        "__doc__": "What is to be run.\n\nArgs:\n    " + "\n    ".join(listed),
    }
    return dataclasses.make_dataclass(
        "Request", fields, bases=(_Asked,), namespace=content, frozen=True, kw_only=True
    )


Request = request_class()
