"""The records of a comparison as tables and curves: median regret over seeds, with its interval."""

import textwrap
from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
from rich.console import Console

from bench.records.store import write_whole
from bench.report.plots import style
from bench.stats import intervals
from tuner.benchmark import problems
from tuner.benchmark.run import CHECKPOINTS, Record
from zoo import aligned

SHOWN = (10, 20, 40)
TABLES, CURVES = "benchmark.md", "regret.png"
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8b95a5", "#1b2330")
_LEAST = 1e-4  # a smaller regret is drawn there


def write(folder: Path, records: list[Record], console: Console) -> tuple[Path, Path]:
    """Prints the tables, and writes them and the curves; returns the paths."""
    show(records, console)
    tables, curves = folder / TABLES, folder / CURVES
    write_whole(tables, markdown(records).encode())
    draw(records, curves)
    return tables, curves


def of(records: Iterable[Record], problem: str, search: str) -> dict[int, list[float]]:
    """Returns the regrets of a search by seed, one for each of `CHECKPOINTS`."""
    return {
        record["seed"]: record["regret"]
        for record in records
        if record["problem"] == problem and record["search"] == search
    }


def interval(regrets: dict[int, list[float]], trials: int) -> intervals.MedianInterval:
    """Returns the median over seeds after so many trials, with its 95 % interval."""
    place = CHECKPOINTS.index(trials)
    return intervals.median_interval([each[place] for each in regrets.values()])


def mean_ranks(records: list[Record], two_aims: bool, trials: int) -> dict[str, intervals.Interval]:
    """Returns the mean rank of each search over the problems of a kind, 1 is the best.

    Of each seed, a search's ranks on all problems are averaged: the interval is over seeds. Only
    searches that did every problem of the kind are counted, with at least half as many seeds as
    another, and seeds that all of these have.

    Args:
        two_aims: Whether problems of two aims are meant, or those of one.
    """
    from scipy.stats import rankdata

    names = [name for name in _names(records, "problem") if bool(_problem(name).costs) == two_aims]
    found = {
        search: [of(records, name, search) for name in names]
        for search in _names(records, "search")
    }
    found = {search: each for search, each in found.items() if each and all(each)}
    shared = {search: set.intersection(*map(set, each)) for search, each in found.items()}
    found = {search: found[search] for search in _with_enough(shared)}
    if len(found) < 2:
        return {}
    seeds = sorted(set.intersection(*(shared[search] for search in found)))
    if not seeds:
        return {}
    place = CHECKPOINTS.index(trials)
    ranks = np.array(
        [
            [
                rankdata([each[problem][seed][place] for each in found.values()])
                for problem in range(len(names))
            ]
            for seed in seeds
        ]
    )
    of_seeds = ranks.mean(axis=1).T
    return {
        search: intervals.mean_interval(row) for search, row in zip(found, of_seeds, strict=True)
    }


def _with_enough(seeds: dict[str, Collection[int]]) -> list[str]:
    """Returns the searches with at least half as many seeds as another: few are soon the best."""
    most = max(map(len, seeds.values()), default=0)
    return [search for search, each in seeds.items() if 2 * len(each) >= most]


def _names(records: Iterable[Record], field: str) -> list[str]:
    return list(dict.fromkeys(record[field] for record in records))


def _problem(name: str) -> problems.Problem:
    return problems.get(name)


# --- tables -------------------------------------------------------------------------------------


def _regret_rows(records: list[Record]) -> list[list[str]]:
    rows = []
    for name in _names(records, "problem"):
        every = {search: of(records, name, search) for search in _names(records, "search")}
        every = {search: regrets for search, regrets in every.items() if regrets}
        enough = _with_enough(every)
        best = {n: min(interval(every[each], n).median for each in enough) for n in SHOWN}
        for search, regrets in every.items():
            cells = []
            for trials in SHOWN:
                found = interval(regrets, trials)
                text = f"{found.median:.2g} ({found.low:.2g} to {found.high:.2g})"
                is_best = search in enough and found.median <= best[trials]
                cells.append(f"**{text}**" if is_best else text)
            seconds = [
                r["seconds"] for r in records if (r["problem"], r["search"]) == (name, search)
            ]
            refused = [
                r["refused"] for r in records if (r["problem"], r["search"]) == (name, search)
            ]
            numbers = (f"{np.mean(refused):.0f}", f"{np.median(seconds):.1f}", str(len(regrets)))
            rows.append([name, search, *cells, *numbers])
    return rows


_REGRET_TITLES = ("problem", "search", *(f"{trials} trials" for trials in SHOWN))
_NUMBER_TITLES = ("refused", "s", "seeds")


def _rank_rows(records: list[Record]) -> list[list[str]]:
    rows = []
    for title, two_aims in (("one aim", False), ("two aims", True)):
        ranks = {trials: mean_ranks(records, two_aims, trials) for trials in SHOWN}
        for search in sorted(ranks[SHOWN[-1]], key=lambda name: ranks[SHOWN[-1]][name].mean):
            rows.append([title, search, *(_rank(ranks[trials][search]) for trials in SHOWN)])
    return rows


def _rank(found: intervals.Interval) -> str:
    if found.low is None:
        return f"{found.mean:.2f}"
    return f"{found.mean:.2f} ({found.low:.2f} to {found.high:.2f})"


_RANK_TITLES = ("problems", "search", *(f"{trials} trials" for trials in SHOWN))


def show(records: list[Record], console: Console) -> None:
    """Prints the medians and the mean ranks, a line for each search below its problem."""
    medians = [[cell.partition(" (")[0] for cell in row] for row in _regret_rows(records)]
    for about, rows in (
        (f"median regret over seeds: lower is better, * the least; intervals: {TABLES}", medians),
        ("mean rank over problems: 1 is best; in brackets the 95 % interval", _rank_rows(records)),
    ):
        if not rows:
            continue
        console.print(about, highlight=False)
        parts: dict[str, list[list[str]]] = {}
        for part, search, *cells in rows:
            shown = cells[: len(SHOWN)]  # the rest is in the file
            compact = [
                ("*" * cell.startswith("**") + cell.replace("**", "")).replace(" to ", "-")
                for cell in shown
            ]
            parts.setdefault(part, []).append([search, *compact])
        head = _RANK_TITLES[1:]
        aligned.show(console, head, parts, numeric=head[1:], gives_way="search")
        console.print()


def markdown(records: list[Record]) -> str:
    """Returns both tables as Markdown, and what each problem is."""
    num_seeds = len({record["seed"] for record in records})
    titles = (*_REGRET_TITLES, *_NUMBER_TITLES)
    about = "\n".join(f"- `{name}`: {_problem(name).about}" for name in _names(records, "problem"))
    return "\n\n".join(
        [
            "# Searches at equal trials",
            f"{num_seeds} seeds. Ranks are means over the problems, 1 is the best, with a 95 % "
            "interval over the seeds that all ranked searches have. A search without a problem, or "
            "with less than half of the seeds, has no rank. Regrets are medians over seeds with "
            "their 95 % intervals (order statistics); the least median is bold. `refused`: "
            "proposals over the limit, which are not trained. `s`: seconds of all proposals of a "
            "search.",
            _in_markdown(_RANK_TITLES, _rank_rows(records)),
            _in_markdown(titles, _regret_rows(records)),
            about,
            "",
        ]
    )


def _in_markdown(titles: Iterable[str], rows: list[list[str]]) -> str:
    titles = list(titles)
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


# --- curves -------------------------------------------------------------------------------------


def draw(records: list[Record], target: style.Target, theme: str = "light") -> None:
    """Draws the median regret of each search over its trials, a panel for each problem."""
    names, searches = _names(records, "problem"), _names(records, "search")
    across = min(3, len(names))
    down = -(-len(names) // across)
    with style.picture(target, theme, 10, 0.7 + 2.6 * down) as (figure, _):
        panels = list(figure.subplots(down, across, squeeze=False).flat)
        for axes, name in zip(panels, names, strict=False):
            for colour, search in zip(_COLOURS, searches, strict=False):
                regrets = of(records, name, search)
                if regrets:
                    _draw_curve(axes, regrets, colour, search)
            axes.set_yscale("log")
            axes.set_title(f"{name}\n{textwrap.shorten(_problem(name).about, 42)}", fontsize=8)
        for axes in panels[len(names) :]:
            axes.remove()
        for axes in figure.axes[::across]:
            axes.set_ylabel("regret, median over seeds", fontsize=8)
        for axes in figure.axes[-across:]:
            axes.set_xlabel("trials")
        lines = {line.get_label(): line for axes in figure.axes for line in axes.get_lines()}
        figure.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=4, fontsize=8)


def _draw_curve(axes, regrets: dict[int, list[float]], colour: str, label: str) -> None:
    found = [interval(regrets, trials) for trials in CHECKPOINTS]
    low, high = (
        np.maximum([getattr(each, side) for each in found], _LEAST) for side in ("low", "high")
    )
    medians = np.maximum([each.median for each in found], _LEAST)
    axes.plot(CHECKPOINTS, medians, color=colour, label=label, linewidth=1.5)
    axes.fill_between(CHECKPOINTS, low, high, color=colour, alpha=0.12, linewidth=0)
