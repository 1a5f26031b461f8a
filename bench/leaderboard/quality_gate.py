"""Withholds the speed of a setting that was bought with quality.

Lower precision or compilation may change results. The speed of such a row is shown only where its
quality stays within 0.1 % of that of the same configuration in float32, over the same seeds.
"""

from bench.leaderboard import rows as leaderboard_rows
from bench.leaderboard import settings
from bench.leaderboard.rows import METRICS, TIMINGS, Row
from zoo.checks import MOST_LOSS_OF_QUALITY as TOLERANCE

_SETTINGS = ("precision", "used_precision", "jit_compile", "steps_per_execution")


def withheld(rows: list[Row]) -> dict[int, str]:
    """Returns the rows whose speed must not be shown, with the reason of each.

        worse = sign * (mean - reference) / |reference| > 0.001

    `mean` and `reference` are means of the metric that decides the rank, over the seeds that both
    rows have; `sign` makes a loss of quality positive. A row in a precision other than float32
    answers to the float32 row without compilation, else to the one with it; a compiled float32 row
    answers to the one without compilation where there is one. What is better passes, and a row
    without any speed has nothing to withhold.

    Args:
        rows: Rows of `bench.leaderboard.rows.rows`.

    Returns:
        For each such row its index in `rows` and a text such as
        `"not shown: MSE 1.3 % worse than float32"`.
    """
    references: dict[str, list[Row]] = {}
    for row in rows:
        if not row.failed and not row.baseline and _precision(row) == "float32":
            references.setdefault(leaderboard_rows.key_without(row, _SETTINGS), []).append(row)
    reasons = {}
    for index, row in enumerate(rows):
        if row.failed or row.baseline or _precision(row) is None:
            continue
        if all(row.middle(field) is None for field in TIMINGS):
            continue  # there is nothing to withhold
        same = references.get(leaderboard_rows.key_without(row, _SETTINGS), [])
        plain = [other for other in same if not other.record.training.jit_compile]
        if _precision(row) == "float32" and (not row.record.training.jit_compile or not plain):
            continue  # what others answer to
        reason = _reason(row, plain or same)
        if reason is not None:
            reasons[index] = f"not shown: {reason}"
    return reasons


def _precision(row: Row) -> str | None:
    return settings.used_precision(row.record)


def _reason(row: Row, references: list[Row]) -> str | None:
    """Returns why a row does not pass, None where it does."""
    name = "float32" if _precision(row) != "float32" else "float32 without compilation"
    shared = [(other, set(other.seeds) & set(row.seeds)) for other in references]
    reference, seeds = max(shared, key=lambda pair: len(pair[1]), default=(None, set()))
    if not seeds:
        return f"no {name} run of the same seeds to compare the quality with"
    mean, expected = _mean(row, seeds), _mean(reference, seeds)
    if mean is None or expected is None:
        return f"no {METRICS[row.ranked_by]} to compare with {name}"
    higher = row.ranked_by in leaderboard_rows.HIGHER_IS_BETTER
    loss = expected - mean if higher else mean - expected
    if loss <= TOLERANCE * abs(expected):
        return None
    if expected == 0:
        return f"{METRICS[row.ranked_by]} {loss:.2g} worse than {name}"
    percent = 100 * loss / abs(expected)
    text = f"{percent:,.0f}" if percent >= 10 else f"{percent:.2g}"
    return f"{METRICS[row.ranked_by]} {text} % worse than {name}"


def _mean(row: Row, seeds: set[int]) -> float | None:
    values = [r.quality.metrics.get(row.ranked_by) for r in row.records if r.seed in seeds]
    return None if None in values else sum(values) / len(values)
