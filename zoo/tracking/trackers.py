"""The three trackers, behind one face: a run with settings, numbers of steps, and an end."""

import contextlib
import importlib.util
import logging
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from zoo import checks
from zoo.tracking.event_file import EventFile

PROJECT = "keras-autoencoder-zoo"
# What each needs, and the extra that installs it; TensorBoard's files are written by the zoo.
NEEDS: dict[str, tuple[str, ...]] = {
    "tensorboard": (),
    "mlflow": ("mlflow", "sqlalchemy", "alembic"),
    "wandb": ("wandb",),
}
NAMES = tuple(NEEDS)
_MOST_PARAMS = 100  # of MLflow in one call
_MOST_SIGNS = 500  # of a value
_WANDB = "api.wandb.ai"


class Run(Protocol):
    """One training at a tracker."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Sends numbers by name, of a step."""

    def end(self, error: str | None = None) -> None:
        """Ends the run; with an error it counts as failed."""


class Tracker(Protocol):
    """Takes runs."""

    def start(self, name: str, settings: Mapping[str, Any]) -> Run:
        """Begins a run of this name; its settings are plain data."""


def add_option(parser, sent: str, where: str = "") -> None:
    """Adds `--track` to the parser of a command; its help says what is sent, and where it lies."""
    parser.add_argument(
        "--track",
        nargs="+",
        choices=NAMES,
        default=[],
        metavar="TRACKER",
        help=f"send {sent} to {', '.join(NAMES)}{where}",
    )


def check(names: tuple[str, ...] | list[str], option: str = "--track") -> None:
    """Refuses trackers that there are not, or whose package is not installed.

    Raises:
        ValueError: with the fix.
    """
    for name in names:
        if name not in NEEDS:
            raise ValueError(
                f"{option} must be one of {', '.join(NAMES)}. Received: {name!r}."
                f"{checks.suggestion(name, NAMES)}"
            )
        missing = [each for each in NEEDS[name] if importlib.util.find_spec(each) is None]
        if missing:
            raise ValueError(
                f"{option} {name} needs the package {missing[0]}. "
                f'Run: pip install "keras-autoencoder-zoo[{name}]"'
            )


def opened(name: str, folder: str | os.PathLike, project: str = PROJECT) -> Tracker:
    """Returns a tracker.

    Args:
        name: `"tensorboard"`, `"mlflow"` or `"wandb"`.
        folder: Below it are `tensorboard/`, `mlflow.db` or `wandb/`. `MLFLOW_TRACKING_URI` sends
            MLflow elsewhere; W&B sends to its service where an account is set up, and else keeps
            files that `wandb sync` sends later.
        project: Experiment of MLflow, project of W&B.

    Raises:
        ValueError: see `check`.
    """
    check((name,), "track")
    folder = Path(folder)
    if name == "tensorboard":
        return _TensorBoard(folder / "tensorboard")
    return _MLflow(folder, project) if name == "mlflow" else _WandB(folder, project)


def finite(values: Mapping[str, Any]) -> dict[str, float]:
    """Returns the finite numbers among values; whether something is so counts as none."""
    return {
        name: float(value)
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }


# --- TensorBoard ----------------------------------------------------------------------------


class _TensorBoard:
    def __init__(self, folder: Path):
        self.folder = folder

    def start(self, name: str, settings: Mapping[str, Any]) -> Run:
        safe = re.sub(r"[^\w.=,() -]+", "_", name).strip(". ") or "run"
        run = _TensorBoardRun(EventFile(self.folder / safe))
        rows = (f"| {key} | {_shown(value)} |" for key, value in settings.items())
        run.file.text("settings", "\n".join(["| setting | value |", "| --- | --- |", *rows]))
        return run


class _TensorBoardRun:
    def __init__(self, file: EventFile):
        self.file = file

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self.file.scalars(step, values)

    def end(self, error: str | None = None) -> None:
        if error is not None:
            self.file.text("error", error)


# --- MLflow -------------------------------------------------------------------------------


class _MLflow:
    def __init__(self, folder: Path, project: str):
        from mlflow.tracking import MlflowClient

        for loud in ("mlflow", "alembic"):  # tell of each table; MLflow sets its level on import
            logging.getLogger(loud).setLevel(logging.WARNING)
        folder.mkdir(parents=True, exist_ok=True)
        here = f"sqlite:///{(folder / 'mlflow.db').absolute()}"
        self.client = MlflowClient(tracking_uri=os.environ.get("MLFLOW_TRACKING_URI") or here)
        known = self.client.get_experiment_by_name(project)
        self.experiment = known.experiment_id if known else self.client.create_experiment(project)

    def start(self, name: str, settings: Mapping[str, Any]) -> Run:
        from mlflow.entities import Param

        run = self.client.create_run(self.experiment, run_name=name)
        params = [Param(_key(key), _shown(value)) for key, value in settings.items()]
        for start in range(0, len(params), _MOST_PARAMS):
            some = params[start : start + _MOST_PARAMS]
            self.client.log_batch(run.info.run_id, params=some)
        return _MLflowRun(self.client, run.info.run_id)


class _MLflowRun:
    def __init__(self, client: Any, run_id: str):
        self.client, self.run_id = client, run_id

    def log(self, step: int, values: Mapping[str, float]) -> None:
        import time

        from mlflow.entities import Metric

        now = int(1e3 * time.time())
        metrics = [Metric(_key(name), value, now, step) for name, value in values.items()]
        self.client.log_batch(self.run_id, metrics=metrics)

    def end(self, error: str | None = None) -> None:
        if error is not None:
            self.client.set_tag(self.run_id, "error", error[:_MOST_SIGNS])
        self.client.set_terminated(self.run_id, "FINISHED" if error is None else "FAILED")


def _key(name: str) -> str:
    """Returns a name with the signs that MLflow takes."""
    return re.sub(r"[^\w./ -]", "_", name)


# --- Weights & Biases -----------------------------------------------------------------------


class _WandB:
    def __init__(self, folder: Path, project: str):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.project = folder, project

    def start(self, name: str, settings: Mapping[str, Any]) -> Run:
        import wandb

        return _WandBRun(
            wandb.init(
                project=self.project,
                dir=str(self.folder),
                name=name,
                config=dict(settings),
                mode=None if _has_account() else "offline",
                reinit="create_new",
                settings=wandb.Settings(console="off", silent=True),
            )
        )


class _WandBRun:
    def __init__(self, run: Any):
        self.run = run

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self.run.log(dict(values), step=step)

    def end(self, error: str | None = None) -> None:
        if error is not None:
            self.run.summary["error"] = error
        self.run.finish(exit_code=0 if error is None else 1)


def _has_account() -> bool:
    """Tells whether W&B would ask for nothing: it must not wait for a key at a terminal."""
    if os.environ.get("WANDB_MODE") or os.environ.get("WANDB_API_KEY"):
        return True
    with contextlib.suppress(OSError):
        return _WANDB in Path("~/.netrc").expanduser().read_text()
    return False


def _shown(value: Any) -> str:
    return str(value)[:_MOST_SIGNS]
