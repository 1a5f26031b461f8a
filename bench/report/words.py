"""What a run says in words: what is best and by how much, what is level, and what to do next.

Three sentences for each table of the leaderboard, from its rows alone; the numbers are written as
the leaderboard writes them.
"""

import math
import statistics
from collections.abc import Callable, Sequence

from bench.leaderboard import categories, floors, grouping, robustness
from bench.leaderboard import rows as leaderboard_rows
from bench.leaderboard.rows import METRICS, Row
from bench.report import anomaly_words, tables
from bench.stats import intervals

_MOST_NAMES = 3
_LONGEST_NAME = 48  # characters
_STILL_FALLS = 0.02  # share of the validation loss that the last fifth of the epochs took away


def of_rows(rows: Sequence[Row]) -> list[tuple[str, list[str]]]:
    """Returns each table's name and its sentences; of no success, what went wrong.

    Args:
        rows: Of a leaderboard, as `bench.leaderboard.rows.rows` gives them.
    """
    tables = grouping.by_table(categories.without_members(robustness.first_levels(rows)))
    said = [(members[0].table, of_table(members)) for members in tables]
    for panel in robustness.main_panels(rows):
        said.append((f"{panel.table}, {panel.axis.words}", robustness.sentences(panel)))
    for group in categories.groups(rows):
        said.append((group.name, categories.sentences(group)))
    failed = [row for row in rows if row.failed]
    if not said and failed:
        error = (failed[0].record.error or "no error given").splitlines()[0]
        said = [(failed[0].table, [f"No training succeeded. The first error: {error}"])]
    return said


def of_table(members: Sequence[Row]) -> list[str]:
    """Returns the sentences on the rows of one table.

    Args:
        members: As `bench.leaderboard.grouping.by_table` gives them, best first.
    """
    models = [row for row in members if not row.baseline]
    if not models:
        return ["No model was measured, only what is in closed form."]
    if all(row.rank is None for row in models):
        longer = f"{_more_epochs(models[0])} or more"
        return [f"No model was trained for as long as it needs ({longer}), so none has a rank."]
    say = _Writer(members)
    second = anomaly_words.why() if say.below_chance else say.level()
    return [say.best(), second, say.next()]


class _Writer:
    """Writes the sentences of a table that holds a model."""

    def __init__(self, members: Sequence[Row]) -> None:
        self.models = [row for row in members if not row.baseline and row.rank is not None]
        self.winner = self.models[0]
        self.floor = floors.floor_of(self.winner, members)
        self.metric = self.winner.ranked_by
        self.higher = self.metric in leaderboard_rows.HIGHER_IS_BETTER
        column = next(c for c in tables.columns(list(members)) if c.key == self.metric)
        self.level_with_winner = self._level_models()
        self.text: Callable[[Row], str] = lambda row: column.text(row).removesuffix(" †")
        self.below_chance = anomaly_words.all_below_chance(self.models)
        of_model = {id(row): floors.floor_of(row, members) for row in self.models}
        self.below = [
            row for row in self.models if (own := of_model[id(row)]) and not self._beats(row, own)
        ]

    def best(self) -> str:
        """Says which model is best, and how far from its floor."""
        winner, floor = self.winner, self.floor
        name, value = short_name(winner), f"{METRICS[self.metric]} {self.text(winner)}"
        if floor is None:
            return f"Best is {name}: {value}."
        of_floor = f"{_floor_name(floor)} ({self.text(floor)})"
        if winner not in self.below:
            return f"Best is {name}: {value}, {self._gap(winner, floor)} its floor, {of_floor}."
        if self._is_level(winner, floor):
            return (
                f"Best of the models is {name}, {value}, but no better than its floor, {of_floor}."
            )
        return f"No model beats the floor {of_floor}; the best of them, {name}, has {value}."

    def level(self) -> str:
        """Says which models cannot be told from the best, and which comes next."""
        winner, others = self.winner, self.models[1:]
        if not others:
            return "No other model was measured beside it."
        level = self.level_with_winner[1:]
        behind = others[len(level) :]
        follows = f"{short_name(behind[0])} ({self.text(behind[0])})" if behind else ""
        if level:
            text = (
                f"Level with it, by the 95 % intervals over {winner.varies_over}: {_names(level)}"
            )
            text += f"; then comes {follows}" if follows else ""
        else:
            text = f"No other model is level with it; next is {follows}"
        if winner.num_seeds == 1:
            text += "; with one seed a small difference may be chance"
        return f"{text}."

    def next(self) -> str:
        """Says what is worth doing next, the most pressing alone."""
        return f"Next: {self._advice()}."

    def _advice(self) -> str:
        winner, floor = self.winner, self.floor
        if self.below_chance:
            return anomaly_words.advice(self.models, floor)
        share, num_last = _fall(winner)
        if share > _STILL_FALLS and winner.record.data.task != "anomaly":
            last = f"{num_last} epochs" if num_last > 1 else "epoch"
            return (
                f"train longer ({_more_epochs(winner)}); the validation loss "
                f"of {short_name(winner)} still fell by {100 * share:.0f} % in the last {last}"
            )
        if floor is not None and winner in self.below:
            return (
                f"use {_floor_name(floor)}, which needs no training, or try other models "
                "(--models) and sizes (--preset)"
            )
        if winner.num_seeds == 1:
            return "more seeds, to tell a difference from chance (--seeds 3)"
        if self.below:
            have = "they have" if len(self.below) > 1 else "it has"
            return (
                f"leave out {_names(self.below)}, or find out why {have} learned no more than "
                "a closed form"
            )
        sized = [row for row in self.level_with_winner if row.record.model.params_total]
        if len(sized) > 1:
            small = min(sized, key=lambda row: row.record.model.params_total)
            size = tables.short_number(small.record.model.params_total)
            return (
                f"of the level ones take {short_name(small)}, the smallest ({size} parameters), or "
                f"more seeds to tell them apart (--seeds {3 * len(winner.seeds)})"
            )
        return f"search for better settings of it: python -m tuner search {winner['model']}"

    def _level_models(self) -> list[Row]:
        """Returns the best model and those level with it, were no floors in the table.

        A floor may stand first in the group of the best model, or between two models whose
        intervals overlap: their ranks in the table then differ.
        """
        found = [leaderboard_rows.rank_interval(row, self.metric) for row in self.models]
        ranks = intervals.shared_ranks(found, not self.higher)
        return [row for row, rank in zip(self.models, ranks, strict=True) if rank == 1]

    def _beats(self, row: Row, other: Row) -> bool:
        low, high = self._ends(row)
        value = other.quality[self.metric].mean
        return low > value if self.higher else high < value

    def _is_level(self, row: Row, other: Row) -> bool:
        low, high = self._ends(row)
        return low <= other.quality[self.metric].mean <= high

    def _ends(self, row: Row) -> tuple[float, float]:
        interval = row.quality[self.metric]
        half = leaderboard_rows.half_width(interval) or 0.0
        return interval.mean - half, interval.mean + half

    def _gap(self, row: Row, other: Row) -> str:
        """Says by how much a row is better: errors as a share, what has a ceiling as it is."""
        value, than = row.quality[self.metric].mean, other.quality[self.metric].mean
        if self.metric in leaderboard_rows.LOG_METRICS and than > 0:
            return f"{100 * (1 - value / than):.0f} % below"
        return f"{abs(value - than):.2g} {'above' if self.higher else 'below'}"


def _more_epochs(row: Row) -> str:
    """Returns the option of twice the epochs; of a damaged record they are not known."""
    known = row.record.config.epochs
    return "--epochs" if known is None else f"--epochs {2 * known}"


def short_name(row: Row) -> str:
    """Returns the name of a row for a sentence: a long list of settings is cut."""
    name = row.name
    if len(name) <= _LONGEST_NAME:
        return name
    kept = name[: _LONGEST_NAME - 2]
    return f"{kept}…)" if kept.count("(") > kept.count(")") else f"{kept}…"


def _floor_name(row: Row) -> str:
    size = row.record.model.latent_size
    return f"{row.record.model.name} of {size} numbers" if size else row.name


def _names(rows: Sequence[Row]) -> str:
    names = [short_name(row) for row in rows]
    if len(names) > _MOST_NAMES + 1:
        names = [*names[:_MOST_NAMES], f"{len(names) - _MOST_NAMES} more"]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _fall(row: Row) -> tuple[float, int]:
    """Returns what part of the validation loss the last epochs took away, and how many those are.

    The part is the mean over seeds, of the loss before these epochs, or of a tenth of its whole
    change where the loss comes close to 0. 0 where no curve is known.
    """
    shares, num_last = [], 0
    for record in row.records:
        curve = record.training.curve("val_loss")
        if len(curve) > 1 and all(map(math.isfinite, curve)):
            num_last = max(1, len(curve) // 5)
            before = curve[-1 - num_last]
            size = max(abs(before), 0.1 * (max(curve) - min(curve)))
            shares.append((before - curve[-1]) / size if size else 0.0)
    return (statistics.fmean(shares) if shares else 0.0), num_last
