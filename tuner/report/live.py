"""The page of a search while it runs: written after trials, loaded again by the browser."""

import time

from tuner.report import write
from tuner.trials.store import Project

_LEAST_SECONDS = 10.0
_MOST_SHARE = 0.05  # of the time, for writing


class LivePage:
    """Is called after each trial; writes the page where the last one is old enough."""

    def __init__(self):
        self._next = time.monotonic()

    def __call__(self, project: Project) -> None:
        started = time.monotonic()
        if started < self._next:
            return
        write.write(project, refresh=round(_LEAST_SECONDS))
        ended = time.monotonic()
        self._next = ended + max(_LEAST_SECONDS, (ended - started) / _MOST_SHARE)
