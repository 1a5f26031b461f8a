"""Trains every point of the grids and writes the table: `python -m tuner.benchmark.train_table`.

Points that differ by their learning rate alone share a compiled model, which is put back to where
it was before its training: that is what a new model of this seed would be, at a third of the time.
The command goes on where it was stopped. Latencies are those of the machine while it trained:
`--latencies` measures them all anew, on a machine at rest, in some minutes.
"""

import argparse
import csv
import io
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
import tensorflow as tf
from rich.progress import Progress

from bench.data import tasks
from bench.profiling import timing
from bench.records.store import write_whole
from tuner.benchmark import grids, table
from tuner.space.hypermodel import ZooHyperModel, declare, forward_macs, num_parameters
from tuner.trials.objectives import OBJECTIVES

_LATENCY = {"min_samples": 100, "min_seconds": 0.2, "warmup_limit_seconds": 1.0}


class _Trainings:
    """The trainings of settings that differ by their learning rate alone.

    Args:
        model: Registry name.
        values: Of one of the settings, as keras-tuner has them.
        seeds: Of weights, order and noise; each begins as a new model of it would.
    """

    def __init__(self, model: str, values: dict[str, Any], dataset, seeds: Iterable[int]):
        self.dataset, self.hp, self.space = dataset, _hyperparameters(values), grids.space(model)
        keras.backend.clear_session()
        built = {seed: self._built(seed) for seed in seeds}
        self.model = next(iter(built.values()))
        self._first = {
            seed: [np.array(variable) for variable in _variables(other)]
            for seed, other in built.items()
        }

    def _built(self, seed: int) -> keras.Model:
        model = ZooHyperModel(self.space, self.dataset.image_shape, seed=seed).build(self.hp)
        model.build_optimizers()
        return model

    def errors(self, seed: int, learning_rate: float) -> list[float]:
        """Trains from the start and returns the validation MSE after each epoch."""
        for variable, value in zip(_variables(self.model), self._first[seed], strict=True):
            variable.assign(value)
        self.model.optimizer.learning_rate = learning_rate
        keras.utils.set_random_seed(seed)
        found: list[float] = []
        validation, objective = self.dataset.validation, OBJECTIVES["mse"]
        measure = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: found.append(objective.measure(self.model, validation))
        )
        measure.looks_at_batches = False
        self.model.fit(
            *tasks.pairs(self.model.task, self.dataset.train),
            batch_size=self.space.training({})["batch_size"],
            epochs=grids.NUM_EPOCHS,
            callbacks=[measure],
            verbose=0,
        )
        return found


def _variables(model) -> list:
    return [*model.variables, *model.optimizer.variables]


def _hyperparameters(values: dict[str, Any]) -> keras_tuner.HyperParameters:
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    return hp


def rows(model: str, group: list[dict[str, Any]], dataset) -> Iterator[dict[str, Any]]:
    """Gives the rows of settings that differ by their learning rate alone."""
    space = grids.space(model)
    trainings = _Trainings(model, group[0], dataset, grids.SEEDS)
    built = trainings.model
    sizes = {
        "parameters": num_parameters(built),
        "macs": forward_macs(built),
        "latency_ms": latency_ms(built, dataset),
    }
    for values in group:
        active = declare(space, _hyperparameters(values))
        row = {"model": model}
        row |= {name: table.text(active[name]) for name in space.free if name in active}
        for seed in grids.SEEDS:
            for epoch, error in enumerate(trainings.errors(seed, active["learning_rate"]), start=1):
                row[table.error_column(seed, epoch)] = float(f"{error:.6g}")
        yield row | sizes


def latency_ms(model: keras.Model, dataset) -> float:
    """Returns the median time of one image, in milliseconds."""
    inputs = tasks.inputs(model.task, dataset.validation)
    return round(1e3 * timing.time_latency(model, inputs, **_LATENCY).median_seconds, 4)


def _groups(model: str) -> list[list[dict[str, Any]]]:
    """Returns the settings of a model, those together that differ by their learning rate alone."""
    every = itertools.groupby(
        grids.settings(model), lambda values: values | {"learning_rate": None}
    )
    return [list(group) for _, group in every]


def write_latencies(path: Path, num_images: int = grids.NUM_IMAGES) -> None:
    """Measures the latencies of all rows anew, and writes the table at the end."""
    dataset = grids.data(num_images)
    found = table.read_rows(path)
    with Progress() as progress:
        for model in grids.MODELS:
            rows_of = table.of_model(found, model)
            for group in progress.track(_groups(model), description=model):
                own = [rows_of.get(table.key({"model": model} | values)) for values in group]
                if any(own):
                    built = _Trainings(model, group[0], dataset, grids.SEEDS[:1]).model
                    latency = latency_ms(built, dataset)
                    for row in filter(None, own):
                        row["latency_ms"] = latency
    lines = [{name: table.number_text(value) for name, value in row.items()} for row in found]
    text = io.StringIO()
    writer = csv.DictWriter(text, table.columns())
    writer.writeheader()
    writer.writerows(lines)
    write_whole(path, text.getvalue().encode())


def write(path: Path, num_images: int = grids.NUM_IMAGES, models=grids.MODELS) -> None:
    """Trains what the file lacks, and adds each row as it comes."""
    dataset = grids.data(num_images)
    known = {table.key(row) for row in table.read_rows(path)} if path.exists() else set()
    columns = table.columns()
    if not known:
        with path.open("w", newline="") as file:
            csv.DictWriter(file, columns).writeheader()
    with Progress() as progress:
        for model in models:
            groups = _groups(model)
            task = progress.add_task(model, total=sum(map(len, groups)))
            for group in groups:
                missing = [v for v in group if table.key({"model": model} | v) not in known]
                found = list(rows(model, missing, dataset)) if missing else []
                with path.open("a", newline="") as file:
                    csv.DictWriter(file, columns, restval="").writerows(found)
                progress.advance(task, len(group))


def show_effects(path: Path) -> None:
    """Prints the share of the variance of log MSE that each setting alone explains."""
    from rich.console import Console

    from zoo import aligned

    found = table.read_rows(path)
    parts = {
        model: [
            (name, f"{100 * share:.0f} %", best or "none")
            for name, (share, best) in table.effects(table.of_model(found, model).values()).items()
        ]
        for model in grids.MODELS
    }
    head = ("setting", "explains", "best on average")
    aligned.show(Console(), head, parts, numeric=("explains",))


def main(arguments: list[str] | None = None) -> None:
    """Reads the command line and writes the table."""
    for setting in ("intra_op", "inter_op"):  # small models: more threads only wait
        getattr(tf.config.threading, f"set_{setting}_parallelism_threads")(1)
    parser = argparse.ArgumentParser(prog="python -m tuner.benchmark.train_table")
    parser.add_argument("path", type=Path, nargs="?", default=table.PATH)
    parser.add_argument("--latencies", action="store_true", help="only measure latencies anew")
    parser.add_argument("--effects", action="store_true", help="only show which setting matters")
    options = parser.parse_args(arguments)
    if options.effects:
        show_effects(options.path)
        return
    (write_latencies if options.latencies else write)(options.path)


if __name__ == "__main__":
    main()
