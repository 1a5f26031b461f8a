"""Runs searches on problems and keeps a record of each; what is kept is not run again."""

import json
import math
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.records.store import append_line
from tuner.algorithms.constraints import Constraints
from tuner.benchmark import contenders, problems
from tuner.benchmark.problems import Problem, Seen
from tuner.search import keras_tuner_contract as contract

FILE = "records.jsonl"
# Trials after which the regret is kept; tables show the last column of each size.
CHECKPOINTS = (1, 2, 3, 5, 7, 10, 12, 15, 20, 25, 30, 35, 40)
NUM_TRIALS = CHECKPOINTS[-1]
_MOST_REFUSED = 10 * NUM_TRIALS
Record = dict[str, Any]


def search(problem: Problem, name: str, seed: int) -> Record:
    """Runs a search of `NUM_TRIALS` whole trainings and returns its record.

    A training that is stopped early, or goes on, counts by its share of the epochs. A trial over
    the limit is refused, as before a training, and counts nothing.

    Returns:
        `problem`, `search`, `seed`; `regret` at each of `CHECKPOINTS`; `refused`, a number;
        `seconds` of this process for all proposals.
    """
    constraints = Constraints(problem.limits)
    started, spent, num_refused = time.process_time(), 0.0, 0
    trained: list[tuple[float, Seen]] = []
    oracle = contenders.create(name, problem, constraints, NUM_TRIALS, seed)
    while spent < NUM_TRIALS and num_refused < _MOST_REFUSED:
        trial = contract.create_trial(oracle)
        if trial is None:
            break
        values = contract.values_of(trial)
        first, last = contract.epochs_of(values, problem.epochs)
        seen = problem.look(values, seed, last)
        constraints.note(contract.number_of(trial), seen.sizes)
        if any(seen.sizes[size] > limit for size, limit in problem.limits.items()):
            contract.fail(oracle, trial, "over the limit")
            contract.allow_one_more(oracle)
            num_refused += 1
            continue
        contract.complete(oracle, trial, {contenders.SCORE.name: seen.score, **seen.costs})
        spent += (last - first) / problem.epochs
        trained.append((spent, seen))
    regrets = problem.regrets([seen for _, seen in trained])
    return {
        "problem": problem.name,
        "search": name,
        "seed": seed,
        "regret": [_at(trained, regrets, checkpoint) for checkpoint in CHECKPOINTS],
        "refused": num_refused,
        "seconds": round(time.process_time() - started, 3),
    }


def _at(trained: list[tuple[float, Seen]], regrets: list[float], checkpoint: float) -> float:
    """Returns the regret once so many trainings are spent; before the first one, that of it."""
    done = sum(spent <= checkpoint + 1e-9 for spent, _ in trained)
    return float(f"{regrets[max(0, done - 1)]:.4g}")


def run(
    folder: Path,
    names: Iterable[str],
    searches: Iterable[str],
    num_seeds: int,
    show: Callable[[int, int, str], None] = lambda done, wanted, text: None,
) -> list[Record]:
    """Runs what the folder lacks, all searches of a seed before those of the next.

    Args:
        show: Is told how many searches are done, of how many, and which one begins.

    Returns:
        All records that were asked for.
    """
    wanted = [
        (name, search_name, seed)
        for seed in range(num_seeds)
        for name in names
        for search_name in searches
        if contenders.fits(search_name, problems.get(name))
    ]
    known = {_key(record): record for record in read(folder)}
    for place, key in enumerate(wanted):
        show(place, len(wanted), f"{key[0]}, {key[1]}, seed {key[2]}")
        if key not in known:
            record = search(problems.get(key[0]), key[1], key[2])
            known[key] = append_line(folder / FILE, record)
    show(len(wanted), len(wanted), "done")
    return [known[key] for key in wanted]


def _key(record: Record) -> tuple[str, str, int]:
    return record["problem"], record["search"], record["seed"]


def read(folder: Path) -> list[Record]:
    """Returns the records of a folder, or of a file of such lines; a cut off line is left out.

    Raises:
        BenchError: if the file cannot be read, or a regret in it is no finite number.
    """
    path = folder / FILE if folder.is_dir() or not folder.suffix else folder
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(f"tuner benchmark: cannot read {path}: {error}.") from error
    records = []
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if not all(map(math.isfinite, record["regret"])):
            raise BenchError(
                f"tuner benchmark: {path} has a regret that is no finite number, of "
                f"{record['search']} on {record['problem']}, seed {record['seed']}. "
                "Remove the line: the search runs again."
            )
        records.append(record)
    return records
