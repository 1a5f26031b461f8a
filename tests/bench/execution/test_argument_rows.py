"""Values of a model's arguments are refused before any job runs, and only they are."""

import numpy as np
import pytest

from bench.errors import BenchError
from bench.evaluation import job_runner
from bench.execution import argument_rows, session
from bench.execution.processes import ChildEndedError
from bench.records import store
from bench.records.config import RunConfig
from bench.runs import experiment
from bench.runs.job import Job


class Messages:
    """A child's end of the line, or the child of a parent: it has said some messages."""

    def __init__(self, *told):
        self.told, self.connection = list(told), self

    def send(self, message):
        self.told.append(message)

    def poll(self, seconds):
        return bool(self.told)

    def receive(self):
        message = self.told.pop(0)
        if isinstance(message, Exception):
            raise message
        return message

    def close(self):
        pass

    end = close


def told(tmp_path, monkeypatch, dataset, *models):
    """What the process of the trial sends."""
    monkeypatch.setattr(job_runner, "load", lambda job, output: dataset)
    jobs = [
        Job(RunConfig("digits", batch_size=8), "ab", "model", name, "tiny", 0, arguments=arguments)
        for name, arguments in models
    ]
    line = Messages()
    job_runner.check_arguments(jobs, tmp_path, line)
    return line.told


def data(size):
    from bench.data.dataset import Dataset, Split

    images = np.zeros((4, size, size, 1), "float32")
    parts = [Split(images, np.arange(4) % 2)] * 3
    return Dataset("data", "reconstruction", *parts, ("a", "b"))


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("autoencoder", {"latent_dim": -1}, "latent_dim must be an int >= 1. Received: latent_di"),
        ("vae", {"beta": "x"}, "VAE: beta must be a number in [0, inf]. Received: beta='x'."),
        ("autoencoder", {"widths": "wide"}, "Received: widths='wide'"),
        ("semi_supervised_vae", {"latent_dim": 0}, "latent_dim must be"),
    ],
)
def test_a_value_that_the_constructor_refuses_is_told(
    tmp_path, monkeypatch, name, arguments, message
):
    good = ("autoencoder", (("latent_dim", 3),))
    first, second, (kind, text) = told(
        *(tmp_path, monkeypatch, data(8), good, (name, tuple(arguments.items())))
    )
    assert first == second == ("next", "")
    assert kind == "refused"
    assert message in text


def test_what_is_refused_without_the_arguments_too_is_left_to_the_job(tmp_path, monkeypatch):
    """30 x 30 pixels cannot be halved twice, whatever the code."""
    found = told(tmp_path, monkeypatch, data(30), ("autoencoder", (("latent_dim", 3),)))
    assert found == [("next", ""), ("done", "")]


@pytest.mark.parametrize(
    ("messages", "found"),
    [
        ([("next", ""), ("done", "")], None),
        ([("next", ""), ("next", ""), ("refused", "no")], (1, "no")),
        ([("next", ""), ChildEndedError("killed")], (0, "cannot be built: killed.")),
        ([ChildEndedError("killed")], (0, "cannot be built: killed.")),
        ([("next", ""), ("next", "")], (1, "took over 2 seconds to build.")),
    ],
)
def test_the_parent_hears_what_became_of_each(tmp_path, monkeypatch, messages, found):
    monkeypatch.setattr(argument_rows, "Child", lambda *arguments: Messages(*messages))
    assert argument_rows.check(None, None, [None] * 2, tmp_path, 2) == found


def test_a_run_without_arguments_starts_no_process(tmp_path, monkeypatch):
    monkeypatch.setattr(argument_rows, "Child", None)
    assert argument_rows.check(None, None, [], tmp_path) is None


@pytest.mark.slow  # several processes
def test_the_run_ends_before_it_begins_and_a_file_names_its_line(tmp_path, tiny_request, quiet):
    models = ("autoencoder:tiny", "autoencoder:tiny:latent_dim=-1")
    with pytest.raises(BenchError, match=r"^autoencoder:tiny:latent_dim=-1: Autoencoder: latent"):
        session.run(tiny_request(tmp_path / "run", models=models), quiet)
    path = tmp_path / "grid.yaml"
    path.write_text(
        "dataset: digits\nlimit: 60\nmodels:\n  - autoencoder:tiny\n"
        "  - name: vae\n    preset: tiny\n    arguments: {beta: [1, x]}\n"
    )
    with pytest.raises(BenchError) as error:
        session.run_experiment(experiment.read(path, {"output": tmp_path / "run"}), quiet)
    assert str(error.value).startswith(f"{path}:5: vae:tiny:beta=x: VAE: beta must be a number")
    assert not (tmp_path / "run" / store.FILE_NAME).exists()
