"""What the tests of the tuner share: tiny dense autoencoders on few digits, searched in silence."""

import dataclasses
import io
import json

from rich.console import Console

from tuner.search.request import Request
from tuner.search.resolve import resolve
from tuner.search.scheduler import Scheduler
from tuner.search.search import search
from tuner.trials import trial
from tuner.trials.store import RUNNING, TRIALS_FILE, Project

# What is left open: the code size, the learning rate and the batch size.
DENSE = {
    "widths": [()],
    "hidden_layers": 0,
    "activation": "relu",
    "normalization": None,
    "reconstruction": "mean_squared_error",
    "output_activation": "sigmoid",
}


def quiet(width: int | None = None) -> Console:
    return Console(file=io.StringIO(), width=width)


def request(output=None, model="autoencoder", **changes) -> Request:
    """Asks for three trials of one epoch, in this process."""
    settings = {
        "dataset": "digits",
        "settings": DENSE,
        "limit": 128,
        "epochs": 1,
        "max_trials": 3,
        "tuner": "random",
        "isolated": False,
    }
    return Request(model=model, **(settings | changes), output=output)


def run(output, model="autoencoder", **changes):
    return search(request(output, model, **changes), quiet())


def make_job(resolved=None, **changes) -> trial.Job:
    """A trial of a code of 4, of the search that `request` asks for or another resolved one."""
    resolved = resolved or resolve(request(objective="mse"))
    job = trial.Job(
        number=0,
        space=resolved.schedule.space,
        values={"latent_dim": 4, "learning_rate": 1e-3, "batch_size": 32},
        data=resolved.schedule.data,
        image_shape=resolved.schedule.image_shape,
        arguments=resolved.schedule.arguments,
        objective=resolved.identity["objective"],
        epochs=resolved.identity["epochs"],
        precision="float32",
        seeds=(0,),
        models=("a.keras",),
    )
    return dataclasses.replace(job, **changes)


def open_scheduler(resolved, folder, **options) -> Scheduler:
    """A scheduler that goes on from what is in the folder."""
    project = Project.prepared(folder, resolved.identity)
    project.begin()
    recorded = {event["number"]: event for event in project.events}
    return Scheduler(resolved.schedule, project, resolved.oracle(recorded), **options)


def ended(folder) -> list[dict]:
    """Returns the records of finished trials as they are in the file."""
    events = map(json.loads, (folder / TRIALS_FILE).read_text().splitlines())
    return [event for event in events if event["status"] != RUNNING]
