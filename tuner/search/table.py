"""The trials of a search as a table on the screen."""

from typing import Any

import numpy as np
from rich import box
from rich.markup import escape
from rich.table import Table

from bench.stats import intervals
from tuner.trials.store import Project

_STATUS = {
    "ok": "",
    "over_budget": "over budget",
    "refused": "refused",
    "diverged": "diverged",
    "failed": "[red]failed[/]",
}


def rich_table(project: Project, running: str | None = None, limit: int | None = None) -> Table:
    """Returns the trials as a table, the best one marked.

    Args:
        running: What goes on now, for the caption.
        limit: Number of rows; the best are shown then, best first, else all in their order.
    """
    identity, best = project.identity, project.best
    unit = f" ({identity['unit']})" if identity.get("unit") else ""
    table = _table()
    table.title = (
        f"{identity['model']} on {identity['dataset']}: {identity['objective']}{unit}, "
        f"{'lower' if identity['direction'] == 'min' else 'higher'} is better"
    )
    table.add_column("trial", justify="right", no_wrap=True)
    table.add_column(identity["objective"], justify="right", no_wrap=True)
    table.add_column("parameters", justify="right", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    differing = f"what differs from {defaults_name(project)}"
    table.add_column(differing, no_wrap=True, overflow="ellipsis", ratio=1)
    rows = list(project.trials.values()) if limit is None else project.ranked[:limit]
    digits = _digits(rows)
    shared = _shared(project, rows)
    table.caption = _caption(project, running, digits)
    if shared:
        table.caption = f"all of these: {escape(' '.join(shared))}\n{table.caption}"
    for record in rows:
        is_best = best is not None and record["number"] == best["number"]
        count, seconds = record.get("num_parameters"), sum(record.get("train_seconds") or [])
        changed = [each for each in _changes(project, record) if each not in shared]
        table.add_row(
            f"{'*' if is_best else ''}{record['number']}",
            score_text(record, digits) if record["status"] == "ok" else _STATUS[record["status"]],
            "" if count is None else f"{count:,}",
            f"{seconds:.1f}" if seconds else "",
            escape(" ".join(changed) or ("" if shared else defaults_name(project))),
            style="bold green" if is_best else "",
        )
    return table


def front_table(project: Project) -> Table:
    """Returns the trials that no other beats in score and costs at once, the cheapest first."""
    from tuner.trials import costs

    identity, wanted = project.identity, costs.get(project.identity.get("costs") or ("parameters",))
    table = _table()
    aims = ", ".join([identity["objective"], *(cost.name for cost in wanted)])
    table.title = f"what no other trial beats in all of {aims}"
    table.add_column("trial", justify="right", no_wrap=True)
    for cost in wanted:
        table.add_column(
            cost.name + (f" ({cost.unit})" if cost.unit else ""), justify="right", no_wrap=True
        )
    table.add_column(identity["objective"], justify="right", no_wrap=True)
    differing = f"what differs from {defaults_name(project)}"
    table.add_column(differing, no_wrap=True, overflow="ellipsis", ratio=1)
    winner = project.winner
    digits = _digits(project.front)
    for record in project.front:
        known = record.get("costs") or costs.from_record(record, [cost.name for cost in wanted])
        table.add_row(
            str(record["number"]),
            *(cost_text(known[cost.name], cost.unit) for cost in wanted),
            score_text(record, digits),
            escape(" ".join(_changes(project, record)) or defaults_name(project)),
            style="bold green" if record["number"] == winner["number"] else "",
        )
    return table


def _table() -> Table:
    """Returns an empty table, which gives the last column what the others leave."""
    return Table(
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        expand=True,
    )


def cost_text(value: float, unit: str) -> str:
    """Returns a cost in digits: counts whole, measured ones in four."""
    return f"{value:.4g}" if unit else f"{value:,.0f}"


def default_trial(project: Project) -> dict[str, Any] | None:
    """Returns the first trial where it has a score and the defaults of the space, else None."""
    first = project.trials.get(0)
    if first is None or first["status"] != "ok" or _changes(project, first):
        return None
    return first


def defaults_name(project: Project) -> str:
    """Returns what the defaults of the space are called.

    Where `--set` leaves out values that the model has by default, they are not those of the model,
    beside which a winner is confirmed.
    """
    first, of_model = default_trial(project), project.identity.get("reference")
    is_of_model = (
        not first or not of_model or all(first[name] == of_model[name] for name in of_model)
    )
    return "the defaults" if is_of_model else "the narrowed defaults"


def reason(record: dict[str, Any]) -> str:
    """Returns why a trial has no score, without its status, which stands before it."""
    error = record.get("error") or "no reason given"
    title = f"{record['status'].replace('_', ' ')}: "
    return error[len(title) :] if error.lower().startswith(title) else error


def score_text(record: dict[str, Any], digits: int | None = None) -> str:
    """Returns the score, of several executions with their standard deviation.

    Args:
        digits: Decimals, the same for all scores of a column; None: five digits.
    """
    text = f"{record['score']:.5g}" if digits is None else f"{record['score']:.{digits}f}"
    if len(record["scores"]) > 1:
        spread = np.std(record["scores"], ddof=1)
        text += f" ± {spread:.2g}" if digits is None else f" ± {spread:.{digits}f}"
    return text


def _digits(records: list[dict[str, Any]]) -> int:
    """Returns the decimals of a column: two digits of the spread of executions, or of trials."""
    scored = [record for record in records if record["status"] == "ok"]
    spreads = [np.std(r["scores"], ddof=1) for r in scored if len(r["scores"]) > 1]
    spread = float(np.median(spreads) if spreads else np.std([r["score"] for r in scored] or [0]))
    size = abs(scored[0]["score"]) / 100 if scored else 0.0
    return intervals.decimals(spread or size or 0.01)


def _caption(project: Project, running: str | None, digits: int) -> str:
    best, lines = project.best, []
    if best is not None:
        default = default_trial(project)
        lines.append(f"* best so far: trial {best['number']}, {score_text(best, digits)}")
        if best["number"] != 0 and default is not None:
            lines[0] += f"; {defaults_name(project)} have {score_text(default, digits)}"
    for status in ("over_budget", "refused", "diverged", "failed"):
        of_status = [each for each in project.trials.values() if each["status"] == status]
        if of_status:
            title = f"{len(of_status)} {status.replace('_', ' ')}"
            lines.append(f"{title}, the last: {reason(of_status[-1])}")
    if running:
        lines.append(running)
    return escape("\n".join(lines))


def _shared(project: Project, rows: list[dict[str, Any]]) -> list[str]:
    """Returns in what all of several trials differ from the defaults, to say it once."""
    if len(rows) < 2:
        return []
    changes = [_changes(project, record) for record in rows]
    return [each for each in changes[0] if all(each in others for others in changes)]


def _changes(project: Project, record: dict[str, Any]) -> list[str]:
    """Returns in what a trial differs from the defaults, setting by setting."""
    defaults = project.identity["defaults"]
    values = record["values"]
    changed = [
        f"{name}={short_text(value)}"
        for name, value in values.items()
        if name not in defaults or defaults[name] != value
    ]
    epochs = record["epochs"]
    if epochs != project.identity["epochs"]:
        changed.append(f"({epochs} epochs)")
    return changed


def short_text(value: Any) -> str:
    """Returns a value in few letters."""
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, list):
        return f"({','.join(map(str, value))})"
    return "none" if value is None else str(value).replace(" ", "")
