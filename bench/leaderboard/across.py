"""One ranking over several data sets: the models that all of them have, and how they compare.

A data set is what a leaderboard ranks together: one table. Ranks are given to the models that
every data set has; the others are named with what they lack.
"""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from bench.errors import BenchError
from bench.leaderboard import grouping, robustness
from bench.leaderboard import rows as leaderboard_rows
from bench.leaderboard.rows import METRICS, Row
from bench.records import metrics, options
from bench.records.schema import Record
from bench.stats import ranking
from bench.stats.intervals import Interval

# Settings of a training that follow from the data; others make another model.
_FOLLOWS = ("epochs", "batch_size", "jit", "steps_per_execution", "crops_per_image")
# In which two rows of one table may differ beside them.
_OF_MACHINE = ("device", "cpu_model", "jit_compile")
FACTORS = (1.0, 1.1, 1.25, 1.5, 2.0, 4.0)  # of a profile, in tables


@dataclasses.dataclass(frozen=True)
class Ranking:
    """Models over data sets, best mean rank first.

    Attributes:
        metric: Key of `METRICS`.
        sets: Names of the data sets.
        models: Names of the models that all have; `baselines` tells which are closed forms.
        values: `(data sets, models)`, the means over seeds, in the metric's unit.
        num_seeds: `(data sets, models)`.
        mean_ranks: One a model, with its interval over the data sets.
        friedman: None for two models.
        pairs: Tests of pairs; numbers of models are places in `models`.
        ratios: `(data sets, models)`, cost by the lowest of the data set; None where the metric
            has no cost whose ratio means something.
        missing: `(name, what it lacks)` of each model that some data set does not have.
        notes: What else has to be known of the ranking.
    """

    metric: str
    sets: tuple[str, ...]
    models: tuple[str, ...]
    baselines: tuple[bool, ...]
    values: np.ndarray
    num_seeds: np.ndarray
    ranks: np.ndarray
    mean_ranks: tuple[Interval, ...]
    friedman: ranking.Friedman | None
    pairs: tuple[ranking.Pair, ...]
    ratios: np.ndarray | None
    missing: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    @property
    def tells_models_apart(self) -> bool:
        """Whether the test of all models allows to look at pairs; two models are a pair."""
        return self.friedman is None or self.friedman.p < ranking.LEVEL

    @property
    def different(self) -> tuple[ranking.Pair, ...]:
        """The pairs that differ."""
        if not self.tells_models_apart:
            return ()
        return tuple(pair for pair in self.pairs if pair.adjusted < ranking.LEVEL)

    @property
    def cliques(self) -> list[tuple[int, int]]:
        """First and last place of the models that cannot be told apart."""
        different = {frozenset((pair.first, pair.second)) for pair in self.different}
        return ranking.cliques(range(len(self.models)), different)

    @property
    def lower_is_better(self) -> bool:
        return not metrics.higher_is_better(self.metric)


def rank(
    records: Iterable[Record], metric: str | None = None, with_baselines: bool = False
) -> Ranking:
    """Ranks models over the data sets of these records.

    Args:
        records: Of one run or of several.
        metric: Key of `METRICS`; None: what the leaderboards of all data sets are ranked by.
        with_baselines: Whether closed forms are ranked among the models.

    Raises:
        BenchError: for an unknown metric, for fewer than two data sets or two models that all
            have, for data sets that are ranked by different metrics, and for a model that has two
            rows on a data set.
    """
    if metric not in (None, *METRICS):
        raise BenchError(f"--metric must be one of {', '.join(METRICS)}. Received: {metric}.")
    rows = leaderboard_rows.rows(records, metric)
    failed = [row for row in rows if row.failed and (with_baselines or not row.baseline)]
    # Levels of what a run varies, such as shares of anomalies, are no data sets.
    tables = grouping.by_shown_table(robustness.first_levels(rows))
    tables = [[r for r in table if with_baselines or not r.baseline] for table in tables]
    tables = [table for table in tables if table]
    if len(tables) < 2:
        have = f"only {tables[0][0].table}" if tables else "no model that ended"
        raise BenchError(
            f"rank: records must be of at least two data sets. Received: {have}. Give the folders "
            "of more runs; one data set has its leaderboard: python -m bench report FOLDER"
        )
    metric = metric or _common_metric(tables)
    sets = _set_names(tables)
    by_model = {_text(_settings(row)): {} for row in failed} | _by_model(tables, sets, metric)
    shared = {key: of_set for key, of_set in by_model.items() if len(of_set) == len(sets)}
    missing = _missing(by_model, tables, sets, failed, metric)
    if len(shared) < 2:
        lacks = "; ".join(f"{name}: {what}" for name, what in missing[:4])
        raise BenchError(
            f"rank: at least two models must be on all {len(sets)} data sets with "
            f"{METRICS[metric]}. Received: {len(shared)}. {lacks or 'No other model is there'}."
        )
    names = _names(by_model)
    keys = list(shared)
    values = np.array([[shared[k][s].quality[metric].mean for k in keys] for s in sets])
    sign = -1 if metrics.higher_is_better(metric) else 1
    means = ranking.mean_ranks(sign * values)
    order = sorted(range(len(keys)), key=lambda i: (means[i].mean, names[keys[i]]))
    keys, values = [keys[i] for i in order], values[:, order]
    is_log = metric in leaderboard_rows.LOG_METRICS and bool((values > 0).all())
    costs = _costs(values, metric)
    return Ranking(
        metric=metric,
        sets=tuple(sets),
        models=tuple(names[key] for key in keys),
        baselines=tuple(shared[key][sets[0]].baseline for key in keys),
        values=values,
        num_seeds=np.array([[shared[k][s].num_seeds for k in keys] for s in sets]),
        ranks=ranking.ranks(sign * values),
        mean_ranks=tuple(means[i] for i in order),
        friedman=ranking.friedman(sign * values),
        pairs=tuple(ranking.pairs(np.log(values) if is_log else values)),
        ratios=None if costs is None else ranking.ratios(costs),
        missing=tuple(missing),
        notes=tuple(_notes(tables, metric, is_log)),
    )


def _common_metric(tables: Sequence[Sequence[Row]]) -> str:
    found: dict[str, str] = {}
    for table in tables:
        found.setdefault(table[0].ranked_by, table[0].table)
    if len(found) > 1:
        told = " and ".join(f"{name} by {METRICS[key]}" for key, name in found.items())
        raise BenchError(
            f"rank: all data sets must be ranked by one metric. Received: {told}. Give --metric, "
            "or folders of one task."
        )
    return next(iter(found))


def _set_names(tables: Sequence[Sequence[Row]]) -> list[str]:
    """Returns a name for each table, with the checksum where two are of the same name."""
    names = [table[0].table for table in tables]
    return [
        f"{name} [{(table[0].record.data.checksum or 'unknown')[:8]}]"
        if names.count(name) > 1
        else name
        for name, table in zip(names, tables, strict=True)
    ]


def _settings(row: Row) -> dict[str, Any]:
    """Returns what makes a model the same one on several data sets."""
    record = row.record
    own = {
        "model": record.model.name,
        "preset": record.model.preset,
        "source_sha256": (record.model.source_sha256 or "")[:8],
        **(record.model.arguments or {}),
        **({"latent_size": record.model.latent_size} if row.baseline else {}),
    }
    for option in options.declared_by(record.config):
        is_of_training = option.training_only and option.tells_rows_apart
        if is_of_training and option.name not in _FOLLOWS and not row.baseline:
            own[option.name] = getattr(record.config, option.name)
    return own


def _further(row: Row) -> dict[str, Any]:
    """Returns in what the rows of one model on one data set may differ."""
    return {name: row[name] for name in (*_FOLLOWS, *_OF_MACHINE)}


def _by_model(
    tables: Sequence[Sequence[Row]], sets: Sequence[str], metric: str
) -> dict[str, dict[str, Row]]:
    """Returns by model, as the text of its settings, its row on each data set that has one."""
    namesakes: dict[str, list[list[Row]]] = {}
    for table in tables:
        own: dict[str, list[Row]] = {}
        for row in table:
            own.setdefault(_text(_settings(row)), []).append(row)
        for key, members in own.items():
            namesakes.setdefault(key, []).append(members)
    apart = {  # settings that tell the rows of one model on one data set apart
        key: [
            name
            for name in (*_FOLLOWS, *_OF_MACHINE)
            if any(len({_text(_further(row)[name]) for row in members}) > 1 for members in groups)
        ]
        for key, groups in namesakes.items()
    }
    found: dict[str, dict[str, Row]] = {}
    for table, name in zip(tables, sets, strict=True):
        for row in table:
            key = _settings(row)
            key |= {each: _further(row)[each] for each in apart[_text(_settings(row))]}
            if row.rank is None or metric not in row.quality:
                found.setdefault(_text(key), {})
                continue
            earlier = found.setdefault(_text(key), {}).setdefault(name, row)
            if earlier is not row:
                raise BenchError(
                    f"rank: a model must have one row on each data set. Received: {row.name} and "
                    f"{earlier.name} on {name}. Give fewer folders, or run them into one."
                )
    return found


def _names(by_model: dict[str, dict[str, Row]]) -> dict[str, str]:
    """Returns a name for each model: namesakes with the settings in which they differ."""
    settings = {key: json.loads(key) for key in by_model}
    first = {key: " ".join(filter(None, (s["model"], s["preset"]))) for key, s in settings.items()}
    names = {}
    for key, own in settings.items():
        others = [settings[k] for k in settings if k != key and first[k] == first[key]]
        every = {name for each in (own, *others) for name in each}
        differing = sorted(n for n in every if any(own.get(n) != each.get(n) for each in others))
        told = ", ".join(f"{name}={own[name]}" for name in differing if name in own)
        names[key] = f"{first[key]} ({told})" if told else first[key]
    return names


def _missing(
    by_model: dict[str, dict[str, Row]],
    tables: Sequence[Sequence[Row]],
    sets: Sequence[str],
    failed: Sequence[Row],
    metric: str,
) -> list[tuple[str, str]]:
    """Returns the models that not all data sets have, and what each lacks."""
    names = _names(by_model)
    found = []
    for key, of_set in by_model.items():
        lacking = []
        for table, name in zip(tables, sets, strict=True):
            if name in of_set:
                continue
            there = [row for row in table if _text(_settings(row)) == key]
            ended = [row for row in failed if _text(_settings(row)) == key]
            reason = "not on"
            if there:
                is_short = any(row.below_budget for row in there)
                reason = "trained too little on" if is_short else f"without {METRICS[metric]} on"
            elif any(row.table == table[0].table for row in ended):
                reason = "failed on"
            lacking.append(f"{reason} {name}")
        if lacking:
            found.append((names[key], ", ".join(lacking)))
    return found


def _costs(values: np.ndarray, metric: str) -> np.ndarray | None:
    """Returns costs from 0: an error as it is, of a share what is missing to 1."""
    about = metrics.METRICS[metric]
    if about.higher_is_better:
        return None if about.unit or (values > 1).any() else 1 - values
    return None if (values < 0).any() else values


def _notes(tables: Sequence[Sequence[Row]], metric: str, is_log: bool) -> list[str]:
    notes = []
    data = [table[0].record.data.name for table in tables]
    again = [name for name in dict.fromkeys(data) if data.count(name) > 1]
    if again:
        told = ", ".join(f"{name} {data.count(name)} times" for name in again)
        notes.append(f"The tests take data sets as independent, and here is {told}.")
    scale = f"logarithms of {METRICS[metric]}" if is_log else METRICS[metric]
    notes.append(f"Pairs are tested on differences of {scale}, the means over seeds.")
    return notes


def _text(settings: Any) -> str:
    return json.dumps(settings, sort_keys=True, default=str)
