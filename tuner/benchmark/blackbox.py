"""Published tables of trainings in the format of Syne Tune's blackboxes, as problems.

A folder holds the space (`configspace.json`), the settings that were trained
(`hyperparameters.parquet`), what each reached (`objectives_evaluations.npy`, float `(tasks,
settings, seeds, fidelities, objectives)`) and the names of tasks and objectives (`metadata.json`).
`autoencodix_vanillix` and `autoencodix_varix` are tables of autoencoders, the latter of variational
ones, trained on data of genes.

References: Salinas et al., 2022 (Syne Tune). https://proceedings.mlr.press/v188/salinas22a.html
Joas et al., 2024 (AUTOENCODIX). https://doi.org/10.1101/2024.12.17.628906
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import BenchError
from tuner.algorithms.encoding import UnitCube
from tuner.benchmark.functions import MODEL
from tuner.benchmark.problems import Problem, Seen
from tuner.space.hypermodel import hyperparameters
from tuner.space.parameters import Choice, Float, Int, Parameter
from tuner.space.space import Space

SPACE, SETTINGS = "configspace.json", "hyperparameters.parquet"
VALUES, NAMES = "objectives_evaluations.npy", "metadata.json"
BETTER = ("lower", "higher")
_DOMAINS = (
    *("Float", "Integer", "FiniteRange"),
    *("Categorical", "Ordinal", "OrdinalNearestNeighbor"),
)
# The format does not say which way an objective is better; of these it is known.
_KNOWN = {
    "WEIGHTED_AVG_AUC_DOWNSTREAM_PERFORMANCE": "higher",
    "valid_r2": "higher",
    "training_runtime": "lower",
    "metric_avg_ml_task_performance": "higher",
    "metric_valid_recon_loss": "lower",
    "metric_elapsed_time": "lower",
}


def read(folder: Path, objective: str | None = None, better: str | None = None) -> list[Problem]:
    """Returns the problems of a folder, `FOLDER/TASK` for each task.

    A setting is worth what the nearest setting in the table reached: numbers count by their place
    in their range (its logarithm where the space says so), names as equal or not. Settings without
    a finite value for each seed at the end of the training are left out.

    Args:
        folder: Of one blackbox.
        objective: Name of what is to be as good as possible; None: the default that the table
            names.
        better: `"lower"` or `"higher"`; None: known by the name.

    Raises:
        BenchError: if a file is missing or of another format, if the objective is unknown, or if
            pyarrow is not installed.
    """
    space = Space(MODEL, {name: _parameter(folder, name, each) for name, each in _space(folder)})
    names, settings, values = _json(folder, NAMES), _settings(folder, space), _values(folder)
    tasks, objectives = names.get("task_names") or [], names.get("objectives_names") or []
    wanted = (len(tasks), len(settings), len(objectives))
    if values.ndim != 5 or (*values.shape[:2], values.shape[4]) != wanted:
        raise BenchError(
            f"{folder / VALUES} must have shape (tasks, settings, seeds, fidelities, objectives), "
            f"here ({wanted[0]}, {wanted[1]}, seeds, fidelities, {wanted[2]}). "
            f"Received: {values.shape}. Copy the folder anew."
        )
    objective = objective or names.get("default_metric") or objectives[0]
    if objective not in objectives:
        raise BenchError(
            f"--objective must be of {', '.join(objectives)}, those of {folder}. "
            f"Received: {objective!r}."
        )
    better = better or _KNOWN.get(objective)
    if better is None:
        raise BenchError(
            f"it is not known whether lower or higher {objective} is better. "
            f"Say it: --objective {objective}:lower"
        )
    sign = -1.0 if better == "higher" else 1.0
    losses = sign * values[..., objectives.index(objective)]
    about = f"{objective}, {better} is better"
    return [
        _problem(f"{folder.name}/{task}", about, space, settings, losses[place])
        for place, task in enumerate(tasks)
    ]


def _problem(name: str, about: str, space: Space, settings: list, losses: np.ndarray) -> Problem:
    """Returns the problem of one task.

    Args:
        losses: `(settings, seeds, fidelities)`, lower is better.
    """
    is_whole = np.isfinite(losses[..., -1]).all(axis=1)
    if not is_whole.any():
        raise BenchError(f"{name}: no setting has a finite value for {about.partition(',')[0]}.")
    losses = losses[is_whole]
    if not np.isfinite(losses).all():  # known at the end alone
        losses = losses[..., -1:]
    cube = UnitCube(hyperparameters(space).space)
    kept = [each for each, whole in zip(settings, is_whole, strict=True) if whole]
    points = cube.points(cube.rows(kept))
    num_left_out = len(settings) - len(kept)

    def look(values: dict[str, Any], repetition: int, epochs: int) -> Seen:
        point = cube.points(cube.rows([values]))
        found = losses[((points - point) ** 2).sum(axis=1).argmin(), :, epochs - 1]
        return Seen(float(found[repetition % len(found)]), float(found.mean()))

    about += f", {len(kept):,} settings"
    return Problem(
        name,
        about + (f" ({num_left_out:,} without a value left out)" if num_left_out else ""),
        space,
        look,
        float(losses[..., -1].mean(axis=1).min()),
        epochs=losses.shape[-1],
    )


def _space(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """Returns what varies; values that are no domain are the same everywhere."""
    return [(name, each) for name, each in _json(folder, SPACE).items() if isinstance(each, dict)]


def _parameter(folder: Path, name: str, written: dict[str, Any]) -> Parameter:
    kind, bounds = written.get("domain_cls"), written.get("domain_kwargs") or {}
    is_log = written.get("sampler_cls") == "LogUniform" or bool(bounds.get("log_scale"))
    if kind not in _DOMAINS:
        raise BenchError(
            f"{folder / SPACE}: the domain of {name!r} must be of {', '.join(_DOMAINS)}. "
            f"Received: {kind!r}."
        )
    try:
        if "categories" in bounds:
            values = tuple(bounds["categories"])
            return Choice(values, values[0])
        low, high = bounds["lower"], bounds["upper"]
        if kind == "FiniteRange":
            spaced = np.geomspace if is_log else np.linspace
            number = int if bounds.get("cast_int") else float
            values = tuple(number(each) for each in spaced(low, high, bounds["size"]).round(12))
            return Choice(values, values[0])
        middle = math.sqrt(low * high) if is_log else (low + high) / 2
        if kind == "Integer":
            return Int(int(low), int(high), round(middle), log=is_log)
        return Float(float(low), float(high), middle, log=is_log)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise BenchError(
            f"{folder / SPACE}: cannot read the domain of {name!r}. Received: {written}."
        ) from error


def _json(folder: Path, name: str) -> dict[str, Any]:
    try:
        found = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(folder / name, error) from error
    if not isinstance(found, dict):
        raise _unreadable(folder / name, "it is not a JSON object")
    return found


def _values(folder: Path) -> np.ndarray:
    try:
        return np.load(folder / VALUES, allow_pickle=False).astype("float64")
    except (OSError, ValueError, EOFError) as error:
        raise _unreadable(folder / VALUES, error) from error


def _settings(folder: Path, space: Space) -> list[dict[str, Any]]:
    """Returns the settings that were trained, by name."""
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise BenchError(
            f"reading {folder / SETTINGS} needs pyarrow, which is not installed. "
            "Install it: pip install pyarrow"
        ) from error
    try:
        rows = parquet.read_table(folder / SETTINGS).to_pylist()
    except (OSError, ArrowException) as error:
        raise _unreadable(folder / SETTINGS, error) from error
    missing = [name for name in space.parameters if rows and name not in rows[0]]
    if missing or not rows:
        raise _unreadable(
            folder / SETTINGS, f"no column {', '.join(missing)}" if rows else "no row"
        )
    for name, parameter in space.parameters.items():
        wrong = [row[name] for row in rows if not parameter.accepts(row[name])]
        if isinstance(parameter, Choice) and wrong:
            raise _unreadable(
                folder / SETTINGS, f"{name} must be of {parameter}. Received: {wrong[0]!r}"
            )
    return [{name: row[name] for name in space.parameters} for row in rows]


def _unreadable(path: Path, why: Any) -> BenchError:
    return BenchError(f"cannot read {path}: {str(why).rstrip('.')}. Is it a blackbox of Syne Tune?")
