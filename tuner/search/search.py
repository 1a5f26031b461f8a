"""Searches the settings of a model on this machine or on a Ray cluster, resumable."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from bench.data import cache
from bench.records.store import folder_lock
from tuner.search.loading import load
from tuner.search.request import Request as Request
from tuner.trials.store import SEARCH_FILE

if TYPE_CHECKING:
    from tuner.search.session import Outcome
    from tuner.trials.store import Project

_OF_LOCK = (".lock", ".owner")  # of `folder_lock`


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
            before the first training, and with nothing left in the folder; and after three
            failures in a row.
        KeyboardInterrupt: on Ctrl-C, after the running trials have been ended.
    """
    request.check()
    with _claimed(request.folder), cache.opened(request.folder) as store:
        loaded = load(request, store)
        from tuner.search import session  # Keras starts here: what is refused, is refused before

        return session.run(request, loaded, console or Console(), after_trial)


@contextlib.contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    """Holds the lock of a folder; a search that does not come to begin leaves nothing there.

    Raises:
        BenchError: if another process holds the lock, or the folder cannot be written.
    """
    made = [each for each in (folder, *folder.parents) if not os.path.exists(each)]
    new = [name for name in (SEARCH_FILE, *_OF_LOCK) if not os.path.exists(folder / name)]
    try:
        with folder_lock(folder):
            try:
                yield
            except BaseException:
                if SEARCH_FILE not in new or not (folder / SEARCH_FILE).exists():
                    for name in set(_OF_LOCK) & set(new):
                        with contextlib.suppress(OSError):  # Windows keeps what is locked
                            (folder / name).unlink()
                raise
    except BaseException:
        for each in made:
            with contextlib.suppress(OSError):  # something is in it
                each.rmdir()
        raise
