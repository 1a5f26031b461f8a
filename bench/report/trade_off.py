"""Quality against cost of the rows of a leaderboard: the charts of the page and of the files."""

import math

from bench.leaderboard import grouping, pareto
from bench.leaderboard import rows as leaderboard_rows
from bench.leaderboard.pareto import Cost
from bench.leaderboard.rows import Row
from bench.records.metrics import METRICS
from bench.report import tables
from bench.report.plots.pareto import Chart, Mark


def charts(rows: list[Row], cost: Cost) -> list[Chart]:
    """Returns a chart for each table of which a model has the cost."""
    drawn = (chart(members, rows, cost) for members in grouping.by_table(rows))
    return [each for each in drawn if each is not None]


def chart(members: list[Row], rows: list[Row], cost: Cost) -> Chart | None:
    """Returns quality against a cost, None where no model has the cost.

    Args:
        members: Rows of one table.
        rows: All rows of the page, whose cards the marks lead to.
    """
    points = pareto.points(members, cost)
    if all(point.row.baseline for point in points):
        return None
    numbers = {id(row): number for number, row in enumerate(rows)}
    marks = [_mark(point, f"#row-{numbers[id(point.row)]}", cost) for point in points]
    placed = {id(point.row) for point in points}
    metric = members[0].ranked_by
    levels = [
        (row.name, row.quality[metric].mean)
        for row in members
        if row.baseline and id(row) not in placed
    ]
    title, table = leaderboard_rows.METRICS[metric], members[0].table
    higher = metric in leaderboard_rows.HIGHER_IS_BETTER
    corner = {(True, False): "↙", (False, False): "↘", (True, True): "↖"}
    corner = corner.get((cost.fewer_is_better, higher), "↗")
    return Chart(
        title=f"{table}   {corner} better",
        label=f"{title} against {cost.title}, {table}",
        x_label=f"{cost.title} {'←' if cost.fewer_is_better else '→'} better",
        y_label=f"test {title} ({'higher' if higher else 'lower'} is better)",
        marks=marks,
        levels=levels,
        fewer_is_better=cost.fewer_is_better,
        may_be_log=metric in leaderboard_rows.LOG_METRICS,
    )


def _mark(point: pareto.Point, address: str, cost: Cost) -> Mark:
    row = point.row
    kind = "baseline" if row.baseline else "front" if point.on_front else "other"
    half = leaderboard_rows.half_width(row.quality[row.ranked_by])
    spread = f" ± {half:.2g}" if half else ""
    is_rough = row.unsteady and cost.field in leaderboard_rows.TIMINGS
    tip = (
        f"{row.name}\n{leaderboard_rows.METRICS[row.ranked_by]} {point.quality:.4g}{spread}\n"
        f"{cost.title}: {tables.short_number(point.cost)}"
        f"{' (rough: the machine was busy)' if is_rough else ''}"
    )
    high = min(point.high, _ceiling(row.ranked_by, point.quality))
    return Mark(row.name, point.cost, point.quality, point.low, high, kind, address, tip)


def _ceiling(metric: str, value: float) -> float:
    """Returns what a metric cannot exceed: 1 for shares, whose intervals over seeds may."""
    is_share = not METRICS[metric].unit and METRICS[metric].higher_is_better and value <= 1
    return 1.0 if is_share else math.inf
