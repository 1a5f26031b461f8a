"""What is said of the jobs of a run, by an engine that ends them at once."""

import dataclasses
import io

import pytest
from rich.console import Console

from bench.execution import session
from bench.execution.runner import Runner
from bench.records.config import RunConfig
from bench.runs.job import Job

PLAN = RunConfig("digits")
MODEL = Job(PLAN, "ab" * 32, "model", "vae", "small", 0)
FLOOR = Job(PLAN, "ab" * 32, "baseline", "mean_image", None, 0)


class AtOnce:
    """An engine whose jobs have ended when they are asked for."""

    has_room, note = True, ""

    def __init__(self, **fields):
        self.fields, self.jobs = fields, []

    @property
    def num_running(self):
        return len(self.jobs)

    def start(self, job):
        self.jobs.append(job)

    def messages(self):
        job = self.jobs.pop()
        yield job, "record", (job.failure("run", "no luck") | self.fields,)


def said(folder, jobs, **fields):
    console = Console(file=io.StringIO(), width=200)
    Runner(AtOnce(**fields), folder, console).run_all(jobs)
    return console.file.getvalue()


def with_settings(**settings):
    return dataclasses.replace(MODEL, config=dataclasses.replace(PLAN, **settings))


def test_each_line_names_the_settings_in_which_the_jobs_of_a_run_differ(tmp_path):
    asked = [
        with_settings(batch_size=size, precision=precision)
        for size in (32, 256)
        for precision in ("float32", "mixed_bfloat16")
    ]
    lines = said(tmp_path, [*asked, dataclasses.replace(MODEL, model="upae")]).split("\n")
    assert set(filter(None, map(str.strip, lines))) == {
        "failed vae:small seed 0 batch size 32 precision float32: no luck",
        "failed vae:small seed 0 batch size 32 precision mixed_bfloat16: no luck",
        "failed vae:small seed 0 batch size 256 precision float32: no luck",
        "failed vae:small seed 0 batch size 256 precision mixed_bfloat16: no luck",
        "failed upae:small seed 0: no luck",
    }


@pytest.mark.parametrize(("job", "what"), [(MODEL, "jobs"), (FLOOR, "floors")])
def test_what_is_kept_is_told_as_what_it_is(tmp_path, job, what):
    said(tmp_path, [job], status="ok", error=None)
    assert f"1 of 1 {what} are finished already" in said(tmp_path, [job])


def test_a_budget_of_one_update_is_one_update():
    assert session.budget(PLAN, 1).startswith(f"{PLAN.epochs} updates (")
    one = dataclasses.replace(PLAN, epochs=1, batch_size=32)
    assert session.budget(one, 32) == "1 update (1 epoch of batch 32)"
    assert session.budget(one, 33) == "2 updates (1 epoch of batch 32)"
