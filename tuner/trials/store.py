"""The folder of a search: what it searches, what became of each trial, and the best models.

`search.json` says what the search is. `trials.jsonl` has a line for each start of a trial, with
status `"running"`, and a line for each end, in order of time. Replaying these lines in order brings
a search algorithm back to its state, also where several trials ran at a time. Everything else is
derived from both files. A folder continues its own search only: same data, same space, same budget.
"""

import json
import math
import shlex
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.records.store import append_line, write_whole

SEARCH_FILE, TRIALS_FILE, EARLIER_FILE = "search.json", "trials.jsonl", "earlier.jsonl"
MODELS, STATE = "models", "keras_tuner"
RUNNING = "running"
SCHEMA_VERSION = 1
# What a continued search may change.
_MAY_DIFFER = ("max_trials",)
# What differs where something else does, which says it better.
_FOLLOWS = {"dataset_checksum": "dataset", "space_checksum": "space", "defaults": "space"}
ENDS = ("ok", "over_budget", "refused", "diverged", "failed")  # status of a trial that has ended
# What is read of every search, and of each trial that has ended.
_OF_SEARCH = ("model", "dataset", "space", "defaults", "objective", "direction", "epochs")
_OF_END = ("values", "arguments", "training", "epochs")


class Project:
    """A folder and its trials.

    Attributes:
        identity: What the search is: everything that can change its result.
        is_new: Whether nothing that is in the folder counts.
        events: Starts and ends of trials in their order, as records.
        trials: Records of finished trials, by number.
        warnings: One for each line that could not be read.
    """

    def __init__(self, folder: str | Path, identity: dict[str, Any], is_new: bool = False):
        self.folder = Path(folder)
        self.identity = identity
        self.is_new = is_new
        self.events, self.warnings = ([], []) if is_new else _read_events(self.folder / TRIALS_FILE)
        self.trials = {
            event["number"]: event for event in self.events if event["status"] != RUNNING
        }

    @classmethod
    def prepared(
        cls, folder: str | Path, identity: dict[str, Any], fresh: bool = False
    ) -> "Project":
        """Returns a search that goes on or is new, and leaves its folder as it is until `begin`.

        Where no trial has begun, there is no search yet: it is new.

        Args:
            fresh: Whether the trials that are there do not count.

        Raises:
            BenchError: if the folder holds another search.
        """
        folder = Path(folder)
        identity = json.loads(json.dumps({"schema_version": SCHEMA_VERSION, **identity}))
        if fresh or not (folder / TRIALS_FILE).exists():
            return cls(folder, identity, is_new=True)
        if not (folder / SEARCH_FILE).exists():
            raise BenchError(
                f"{folder} holds trials but no {SEARCH_FILE}. Choose another --output, or --fresh."
            )
        _check_same(folder, _read_identity(folder), identity)
        return cls(folder, identity)

    def begin(self) -> None:
        """Writes what the search is; of one that is new, what another has left goes first."""
        if self.is_new:
            has_trials = (self.folder / TRIALS_FILE).exists()
            for name in (SEARCH_FILE, TRIALS_FILE, EARLIER_FILE):
                (self.folder / name).unlink(missing_ok=True)
            for name in (MODELS, STATE) if has_trials else ():
                shutil.rmtree(self.folder / name, ignore_errors=True)
        identity = json.dumps(self.identity, indent=1).encode() + b"\n"
        write_whole(self.folder / SEARCH_FILE, identity)

    @classmethod
    def open(cls, folder: str | Path) -> "Project":
        """Opens a folder to read it.

        Raises:
            BenchError: if it holds no search.
        """
        return cls(folder, _read_identity(Path(folder)))

    def start_trial(self, number: int, hyperparameters: dict[str, Any]) -> None:
        """Notes that a trial starts."""
        self.append({"number": number, "status": RUNNING, "hyperparameters": hyperparameters})

    def append(self, record: dict[str, Any]) -> None:
        """Keeps the start or the end of a trial, and returns once it is on the disk."""
        record = append_line(self.folder / TRIALS_FILE, record)
        self.events.append(record)
        if record["status"] != RUNNING:
            self.trials[record["number"]] = record

    # --- results --------------------------------------------------------------------------------

    @property
    def ranked(self) -> list[dict[str, Any]]:
        """Trials with a score, best first; of equals the earlier one."""
        scored = [record for record in self.trials.values() if record["status"] == "ok"]
        sign = 1 if self.identity["direction"] == "min" else -1
        return sorted(scored, key=lambda record: (sign * record["score"], record["number"]))

    @property
    def best(self) -> dict[str, Any] | None:
        return next(iter(self.ranked), None)

    @property
    def front(self) -> list[dict[str, Any]]:
        """Trials that no other beats in all aims; of a single aim the best one."""
        if self.best is None:
            return []
        if not self.identity.get("costs"):
            return [self.best]
        from tuner.trials import pareto

        return pareto.front(self.ranked, self.identity)

    @property
    def winner(self) -> dict[str, Any] | None:
        """The trial to take: the best, or of several aims the cheapest that the defaults do not
        beat."""
        best, first = self.best, self.trials.get(0)
        if not self.identity.get("costs") or first is None or first["status"] != "ok":
            return best
        sign = 1 if self.identity["direction"] == "min" else -1
        good = [r for r in self.front if sign * r["score"] <= sign * first["score"]]
        return next(iter(good), best)

    def model_names(self, number: int) -> tuple[str, ...]:
        """Where the trained models of a trial are in the folder, one for each execution."""
        executions = range(self.identity["executions"])
        return tuple(f"{MODELS}/trial_{number:04d}_{execution}.keras" for execution in executions)

    def model_paths(self, number: int) -> tuple[Path, ...]:
        return tuple(self.folder / name for name in self.model_names(number))

    def scored(self, number: int | None = None) -> dict[str, Any]:
        """Returns a trial that has a score; the winner without a number.

        Raises:
            BenchError: if there is no such trial.
        """
        if self.winner is None:
            raise BenchError(f"{self.folder} has no trial with a score yet.")
        if number is None:
            return self.winner
        known = {record["number"]: record for record in self.ranked}
        if number not in known:
            raise BenchError(
                f"{self.folder} has no trial {number} with a score. These have one, the best "
                f"first: {', '.join(map(str, known))}."
            )
        return known[number]

    def best_model(self, number: int | None = None) -> Path:
        """Returns the file of a trial's best execution; of the winner without a number.

        Raises:
            BenchError: if there is no such trial, or its model was not kept.
        """
        record = self.scored(number)
        pick = min if self.identity["direction"] == "min" else max
        execution = record["scores"].index(pick(record["scores"]))
        path = self.model_paths(record["number"])[execution]
        if not path.exists():
            raise BenchError(
                f"the model of trial {record['number']} was not kept, only that of the winner, "
                f"trial {self.winner['number']}. Leave --trial out."
            )
        return path

    def drop_models(self, others: Iterable[int] = ()) -> None:
        """Deletes the models of all trials but the best and, of several aims, those of the front.

        Args:
            others: Numbers of trials whose models stay, too.
        """
        numbers = {record["number"] for record in self.front} | set(others)
        kept = {path for number in numbers for path in self.model_paths(number)}
        for path in (self.folder / MODELS).glob("trial_*.keras"):
            if path not in kept:
                path.unlink(missing_ok=True)


def _read_identity(folder: Path) -> dict[str, Any]:
    path = folder / SEARCH_FILE
    try:
        identity = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(identity, dict) or identity.get("schema_version") != SCHEMA_VERSION:
            raise ValueError("not of this version")
        missing = [name for name in _OF_SEARCH if name not in identity]
        if missing:
            raise ValueError(f"{missing[0]} is missing")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BenchError(
            f"no search in {folder}. Start one: python -m tuner search vae --output "
            f"{shlex.quote(str(folder))}"
        ) from error
    except (OSError, ValueError) as error:
        raise BenchError(f"cannot read {path}: {error}.") from error
    return identity


def _check_same(folder: Path, there: dict[str, Any], here: dict[str, Any]) -> None:
    keys = [key for key in {**there, **here} if key not in _MAY_DIFFER]
    differing = [key for key in keys if there.get(key) != here.get(key)]
    if not differing:
        return
    told = [key for key in differing if _FOLLOWS.get(key) not in differing]
    parts = []
    for key in told:
        then, now = there.get(key), here.get(key)
        if isinstance(then, dict) and isinstance(now, dict):
            parts += [
                f"{name} was {then.get(name, 'not there')}, now {now.get(name, 'not there')}"
                for name in {**then, **now}
                if then.get(name) != now.get(name)
            ]
        else:
            parts.append(f"{key} was {then}, now {now}")
    raise BenchError(
        f"{folder} holds another search: {'; '.join(parts)}. Choose another --output, or --fresh."
    )


def _read_events(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return [], []
    except OSError as error:
        raise BenchError(f"cannot read {path}: {error.strerror}.") from error
    events, warnings = [], []
    for place, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            events.append(_event(json.loads(line)))
        except (ValueError, TypeError, KeyError):
            warnings.append(f"{path.name} line {place}: cut off or not a trial; left out")
    return events, warnings


def _event(record: dict[str, Any]) -> dict[str, Any]:
    """Returns the start or the end of a trial that a line holds.

    Raises:
        ValueError, TypeError or KeyError: if the line holds neither.
    """
    status, is_whole = record["status"], isinstance(record["hyperparameters"], dict)
    if status != RUNNING:
        is_whole &= status in ENDS and all(name in record for name in _OF_END)
    if status == "ok":
        is_whole &= bool(record["scores"]) and math.isfinite(record["score"])
    if not is_whole:
        raise ValueError("not whole")
    return record | {"number": int(record["number"])}
