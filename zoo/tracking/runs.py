"""Runs of a folder at several trackers, each told once; a tracker that fails ends no training."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from zoo import checks
from zoo.files import new_file
from zoo.tracking import trackers

FOLDER = "tracking"
_TOLD = "told.json"


class Runs:
    """Tells trackers of runs as they go on.

    Args:
        names: Of the trackers, see `trackers.opened`.
        folder: Where they keep what they keep.
        project: Of MLflow and W&B.
        warn: Is told once what went wrong at a tracker, which then gets no more.

    Raises:
        ValueError: for an unknown tracker, or a package that is missing.
    """

    def __init__(
        self,
        names: Iterable[str],
        folder: Path,
        project: str = trackers.PROJECT,
        warn: Callable[[str], None] = lambda text: None,
    ):
        self.folder, self.project, self.warn = folder, project, warn
        self._names = list(dict.fromkeys(names))
        trackers.check(self._names)
        self._open: dict[str, trackers.Tracker] = {}
        self._running: dict[str, dict[str, trackers.Run]] = {}  # by key, then by tracker
        self._told = self._read_told()

    def is_told(self, key: str) -> bool:
        """Tells whether all trackers have the whole of a run."""
        return all(key in self._told.get(name, ()) for name in self._names)

    def start(self, key: str, name: str, settings: Mapping[str, Any]) -> None:
        """Begins a run; one that was begun before begins again.

        Args:
            key: Tells it from all others of the folder.
            name: That is shown.
            settings: Plain data; None is left out.
        """
        known = {setting: value for setting, value in settings.items() if value is not None}
        self._running[key] = {}

        def begin(tracker: str) -> None:
            if tracker not in self._open:
                self._open[tracker] = trackers.opened(tracker, self.folder, self.project)
            self._running[key][tracker] = self._open[tracker].start(name, known)

        self._each(self._names, begin)

    def step(self, key: str, step: int, values: Mapping[str, Any]) -> None:
        """Sends the finite numbers of a step, such as an epoch."""
        numbers, running = trackers.finite(values), self._running.get(key, {})
        if numbers:
            self._each(running, lambda tracker: running[tracker].log(step, numbers))

    def end(self, key: str, error: str | None = None, *, is_final: bool = False) -> None:
        """Ends a run, and notes that it is told.

        Args:
            is_final: Whether a run with an error is told, too: it will not be tried again.
        """
        running = self._running.pop(key, {})

        def finish(tracker: str) -> None:
            running[tracker].end(error)
            if error is None or is_final:
                self._told.setdefault(tracker, []).append(key)

        self._each(running, finish)
        self._write_told()

    def close(self) -> None:
        """Ends what still runs, as stopped."""
        for key in list(self._running):
            self.end(key, "stopped")

    def _each(self, names: Iterable[str], act: Callable[[str], None]) -> None:
        for tracker in [name for name in names if name in self._names]:
            try:
                act(tracker)
            except Exception as error:  # of a service, a network, a disk: no reason to stop
                self._names.remove(tracker)
                self.warn(f"{tracker} is told no more: {checks.one_line(error)}")

    def _read_told(self) -> dict[str, list[str]]:
        try:
            told = json.loads((self.folder / _TOLD).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return told if isinstance(told, dict) else {}

    def _write_told(self) -> None:
        try:
            with new_file(self.folder / _TOLD) as temporary:
                temporary.write_text(json.dumps(self._told), encoding="utf-8")
        except OSError as error:
            self.warn(f"{self.folder / _TOLD} cannot be written: {error.strerror}")
