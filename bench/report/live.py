"""The page of a run that still goes on: written after a job, for a small part of the run's time."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.report import write

_SHARE = 0.02  # of the time that a run may spend on its page


class LivePage:
    """Writes the page of a run after its jobs, and the whole report at its end.

    While the page is written no job runs: the next one waits until this is a fiftieth of the time
    since. A page that cannot be written does not end the run.

    Args:
        output: Folder of the records.
        warn: Is told why a page could not be written.

    Attributes:
        path: Of the page.
    """

    def __init__(self, output: Path, warn: Callable[[str], None]) -> None:
        self.output, self.warn = output, warn
        self.path = output / write.PAGE
        self._not_before = 0.0
        self._progress = ""

    def after_job(self, num_done: int, num_wanted: int) -> None:
        """Writes the page if there has been time for the next one."""
        self._progress = f"{num_done} of {num_wanted} jobs are done"
        start = time.monotonic()
        if start >= self._not_before:
            progress = (
                f"This run still goes on: {self._progress}. Load the page again for what has come "
                "since; charts and pictures come at the end."
            )
            self._try(write.write_page, self.output, progress)
            end = time.monotonic()
            self._not_before = end + (end - start) / _SHARE

    def stop(self) -> bool:
        """Writes the page of a run that was stopped; returns whether there is one."""
        if not self._progress:
            return False
        progress = f"This run was stopped: {self._progress}. The same command goes on."
        return self._try(write.write_page, self.output, progress)

    def finish(self) -> bool:
        """Writes the report; returns False, and warns, where that failed."""
        return self._try(write.write, self.output)

    def _try(self, written_by: Callable[..., Any], *arguments: Any) -> bool:
        try:
            written_by(*arguments)
        except Exception as error:  # the records are kept, whatever becomes of a page
            self.warn(f"the page could not be written: {type(error).__name__}: {error}")
            return False
        return True
