"""Searches the settings of a model on this machine or on a Ray cluster, resumable."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.console import Console

from bench.data import cache
from bench.records.store import check_writable, folder_lock
from tuner.search.loading import load
from tuner.search.request import Request as Request

if TYPE_CHECKING:
    from tuner.search.session import Outcome
    from tuner.trials.store import Project


def search(
    request: Request,
    console: Console | None = None,
    after_trial: Callable[[Project], None] = lambda project: None,
) -> Outcome:
    """Searches, and keeps every finished trial as it comes.

    After an interruption the same call goes on where it stopped; with more `max_trials` it goes
    on beyond its end. Scores are of the validation split; the test split is left for
    `tuner.search.confirm`, which measures the winner beside the defaults.

    Args:
        after_trial: Is given the project whenever a trial has ended.

    Raises:
        BenchError: for wrong arguments, missing data, or a folder that holds another search: all
            before the first training; and after three failures in a row.
        KeyboardInterrupt: on Ctrl-C, after the running trials have been ended.
    """
    request.check()
    check_writable(request.folder)
    with folder_lock(request.folder), cache.opened(request.folder) as store:
        loaded = load(request, store)
        from tuner.search import session  # Keras starts here: what is refused, is refused before

        return session.run(request, loaded, console or Console(), after_trial)
