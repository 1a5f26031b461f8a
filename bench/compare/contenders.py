"""What `bench compare` compares: models with their settings, or checkouts of the code."""

import contextlib
import dataclasses
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.compare.worker import Contender, Data
from bench.errors import BenchError
from bench.records.config import PRECISIONS

OWN_CODE = Path(__file__).resolve().parents[2]
_GIT = "git:"
_NUM_BATCHES = 4
_JIT = {"jit": True, "no_jit": False}
_STEPS = re.compile(r"steps=([1-9]\d*)")
_OWN = re.compile(r"[^:]+\.py(:|$)|[\w.]+:")  # a file of Python, or a function of a module
SETTINGS = (*_JIT, *PRECISIONS, "steps=N")


@dataclasses.dataclass(frozen=True)
class Specification:
    """One contender as the command line names it.

    Attributes:
        text: What was written.
        model: `NAME[:PRESET[:ARGUMENT=VALUE,...]]`, or None for a checkout.
        revision: Of git, or None.
        folder: Of a checkout, or None.
        jit: What `compile` takes as `jit_compile`.
        precision: Dtype policy.
        steps_per_execution: Training steps of one call, as `compile` takes it.
    """

    text: str
    model: str | None = None
    revision: str | None = None
    folder: Path | None = None
    jit: bool | str = "auto"
    precision: str = "float32"
    steps_per_execution: int = 1

    @property
    def is_checkout(self) -> bool:
        return self.model is None


def parse(text: str) -> Specification:
    """Reads a contender: `MODEL`, `git:REVISION` or `FOLDER`, with `@SETTING` behind it.

    Raises:
        BenchError: for an unknown setting, a folder that is no checkout, or a model of your own.
    """
    body, _, given = re.fullmatch(r"(.*?)((?:@[\w=-]+)*)", text).group(1, 0, 2)
    jit, precision, steps_per_execution = "auto", "float32", 1
    for setting in given.split("@")[1:]:
        if setting in _JIT:
            jit = _JIT[setting]
        elif setting in PRECISIONS:
            precision = setting
        elif match := _STEPS.fullmatch(setting):
            steps_per_execution = int(match[1])
        else:
            raise BenchError(
                f"unknown setting @{setting} in {text!r}. Settings: @{', @'.join(SETTINGS)}."
            )
    where: dict = {"model": body}
    if body in ("", _GIT):
        raise BenchError(
            f"a contender must be NAME[:PRESET], git:REVISION or a folder. Received: {text!r}."
        )
    if body.startswith(_GIT):
        where = {"revision": body.removeprefix(_GIT)}
    elif (Path(body) / "zoo" / "__init__.py").is_file():
        where = {"folder": Path(body).resolve()}
    elif _is_own(body):
        raise BenchError(
            f"{text!r} is a model of your own, and compare takes models of the zoo, "
            "NAME[:PRESET], checkouts, or saved files such as mine.keras. Measure its speed "
            f"beside ours: python -m bench run --models vae {body}"
        )
    elif re.match(r"[^:]*[/\\.]", body):
        raise BenchError(
            f"{body!r} must be a folder with zoo/__init__.py in it. "
            "Give a checkout of this project, git:REVISION, or NAME[:PRESET]."
        )
    return Specification(
        text, jit=jit, precision=precision, steps_per_execution=steps_per_execution, **where
    )


def _is_own(body: str) -> bool:
    """Tells whether `bench run` would take this for a model of your own, also for a wrong one."""
    import zoo
    from bench.runs import own

    try:
        return own.parse(body, zoo.names()) is not None
    except BenchError:
        return _OWN.match(body) is not None


@contextlib.contextmanager
def code_of(specification: Specification) -> Iterator[Path]:
    """Gives the folder of a contender's code: for a revision, a worktree that is removed again.

    Raises:
        BenchError: for a revision that the repository of the current folder does not have, or
            that holds no `zoo`.
    """
    if specification.revision is None:
        yield specification.folder or OWN_CODE
        return
    with tempfile.TemporaryDirectory(prefix="bench-compare-") as folder:
        code = Path(folder).resolve() / "checkout"
        # No hooks: a checkout hook of the user's would run in a folder that is soon gone.
        add = ("-c", f"core.hooksPath={os.devnull}", "worktree", "add", "--detach")
        try:
            _git(*add, str(code), f"{specification.revision}^{{commit}}")
        except BenchError as error:
            raise BenchError(
                f"{specification.text!r} must be a commit of the repository in {Path.cwd()}. "
                f"git says: {error}"
            ) from error
        try:
            if not (code / "zoo" / "__init__.py").is_file():
                raise BenchError(
                    f"{specification.text!r} must hold zoo/__init__.py. Give a later revision."
                )
            yield code
        finally:
            with contextlib.suppress(BenchError):
                _git("worktree", "remove", "--force", str(code))


def commit_of(code: Path) -> tuple[str | None, bool | None]:
    """Returns the commit of a checkout and whether files differ from it; None without git."""
    try:
        commit = _git("-C", str(code), "rev-parse", "HEAD")
        changed = _git("-C", str(code), "status", "--porcelain", "--untracked-files=no")
    except BenchError:
        return None, None
    return commit.strip(), bool(changed.strip())


def choose(
    specifications: Sequence[Specification],
    codes: Sequence[Path],
    models: Sequence[str] | None,
    dataset,
    known: dict[str, Any],
) -> list[tuple[Contender, Contender]]:
    """Returns what is to be compared: the two models, or each model of the two checkouts.

    Args:
        specifications, codes: Of A and of B.
        models: Wildcards, for checkouts; None takes the suite that fits the data.
        known: What is known of each model, as `bench.runs.models.registry` gives it.

    Raises:
        BenchError: for a contender that is no model or several.
    """
    from bench.data import tasks
    from bench.runs import selection

    reasons = {name: tasks.incompatibility(part.task, dataset) for name, part in known.items()}
    incompatibilities = {name: reason for name, reason in reasons.items() if reason is not None}
    suite = tasks.SUITE_OF.get(dataset.task, "core")

    def select(patterns):
        return selection.select(patterns, suite, "small", known, incompatibilities)

    def contender(specification, code, choice):
        name = " ".join((choice.model, choice.preset, *(f"{k}={v}" for k, v in choice.arguments)))
        arguments = tasks.arguments(known[choice.model].task, dataset) | dict(choice.arguments)
        return Contender(
            *(name, code, choice.model, choice.preset, arguments),
            jit=specification.jit,
            precision=specification.precision,
            steps_per_execution=specification.steps_per_execution,
        )

    if specifications[0].is_checkout:
        choices = select(None if models is None else list(models))
        chosen = [(choice, choice) for choice in choices]
    else:
        both = [select([part.model]) for part in specifications]
        for part, matches in zip(specifications, both, strict=True):
            if len(matches) > 1:
                names = ", ".join(f"{choice.model}:{choice.preset}" for choice in matches)
                raise BenchError(f"{part.text!r} must be one model. It matches {names}.")
        chosen = [(both[0][0], both[1][0])]
        texts = " and ".join(repr(part.text) for part in specifications)
        if len({known[choice.model].task for choice in chosen[0]}) > 1:
            raise BenchError(f"{texts} must take the same kind of data.")
    return [
        tuple(contender(*each) for each in zip(specifications, codes, pair, strict=True))
        for pair in chosen
    ]


def images_for(dataset, task: str, batch_size: int) -> Data:
    """Returns the few images that the steps work on, the same for both contenders."""
    from bench.data import tasks

    train, test = (
        split.take(np.arange(min(len(split), num_batches * batch_size)))
        for split, num_batches in ((dataset.train, _NUM_BATCHES), (dataset.test, 1))
    )
    x, *y = tasks.pairs(task, train)
    inputs = tasks.inputs(task, test)
    return Data(dataset.image_shape, x, y[0] if y else None, inputs, batch_size)


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        raise BenchError(f"git cannot be run: {error.strerror}. Install git.") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise BenchError(lines[-1])
    return done.stdout
