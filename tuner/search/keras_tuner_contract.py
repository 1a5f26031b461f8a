"""Every use of what keras-tuner does and does not document, in one place.

keras-tuner is the interface of a search: an `Oracle` gives out `Trial`s with `HyperParameters`.
The search drives an oracle itself, without keras-tuner's `Tuner`, and needs more than is promised:

- `Oracle.max_trials` is read at each `create_trial`, so that it may change while a search runs;
  `HyperbandOracle` takes no such argument, and obeys the attribute all the same;
- `Oracle.save` and `Oracle._save_trial` are all that writes files, and nothing reads them back;
- `trial_id` is the number of the trial as text, counted from 0 in the order of the starts;
- `create_trial` gives the same trial again to the same caller, and its `status` is `"RUNNING"`
  only if there is a trial to run;
- a trial ends by its `status`, `message` and `Oracle.end_trial`.

Written against keras-tuner 1.4.8. `checked` tells in one line where another version differs. The
encoding of settings (`tuner.algorithms.encoding`) needs `value_to_prob`, `prob_to_value` and
`conditions` of hyperparameters beside, which are public.
"""

import sys
from typing import Any

import keras_tuner

from bench.errors import BenchError

_NEEDED = ("create_trial", "update_trial", "end_trial", "save", "_save_trial", "max_trials")
# Names of values that Hyperband adds to those of the space; see `HyperbandOracle`.
_EPOCHS, _INITIAL_EPOCH, _START_FROM = "tuner/epochs", "tuner/initial_epoch", "tuner/trial_id"


def checked(oracle: keras_tuner.Oracle, max_trials: int | None) -> keras_tuner.Oracle:
    """Returns an oracle that prints nothing, writes no files, and ends after some trials.

    Args:
        oracle: A new one.
        max_trials: At most so many trials; None: as many as the algorithm has.

    Raises:
        BenchError: if the installed keras-tuner lacks what this module relies on.
    """
    missing = [name for name in _NEEDED if not hasattr(oracle, name)]
    if missing:
        raise BenchError(
            f"tuner: keras-tuner must be of versions 1.4.8 to 1.4.x. Received: "
            f"version={keras_tuner.__version__}, without Oracle.{missing[0]}. "
            "Install it: pip install 'keras-tuner>=1.4.8,<1.5'"
        )
    oracle.verbose = 0
    oracle.save = lambda: None
    oracle._save_trial = lambda trial: None
    oracle.max_trials = max_trials
    return oracle


def allow_one_more(oracle: keras_tuner.Oracle) -> None:
    """Lets the oracle give out one more trial than it was asked for."""
    if oracle.max_trials is not None:
        oracle.max_trials += 1


def is_full(oracle: keras_tuner.Oracle) -> bool:
    """Tells whether the oracle has given out all trials that it was asked for."""
    return len(oracle.trials) >= (oracle.max_trials or sys.maxsize)


def create_trial(oracle: keras_tuner.Oracle):
    """Returns the oracle's next trial; None if it has none, or waits for one that runs."""
    trial = oracle.create_trial(f"trial {len(oracle.trials)}")  # a caller of its own each time
    return trial if trial.status == "RUNNING" else None


def complete(oracle: keras_tuner.Oracle, trial, metrics: dict[str, float]) -> None:
    """Ends a trial with its score and its costs."""
    oracle.update_trial(trial.trial_id, metrics)
    trial.status = "COMPLETED"
    oracle.end_trial(trial)


def fail(oracle: keras_tuner.Oracle, trial, message: str) -> None:
    """Ends a trial that has no score."""
    trial.status, trial.message = "FAILED", message
    oracle.end_trial(trial)


def number_of(trial) -> int:
    """Returns the number of a trial, counted from 0."""
    return int(trial.trial_id)


def values_of(trial) -> dict[str, Any]:
    """Returns the values of a trial by name, those of Hyperband too."""
    return dict(trial.hyperparameters.values)


def epochs_of(values: dict[str, Any], default: int) -> tuple[int, int]:
    """Returns the first epoch of a trial and the epoch that it ends with.

    Args:
        default: Epochs of a trial of which the algorithm says nothing.
    """
    return values.get(_INITIAL_EPOCH, 0), values.get(_EPOCHS, default)


def start_of(values: dict[str, Any]) -> int | None:
    """Returns the number of the trial whose model a trial goes on from, or None."""
    number = values.get(_START_FROM)
    return None if number is None else int(number)
