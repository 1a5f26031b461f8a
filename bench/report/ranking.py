"""A ranking over data sets in words, tables, Markdown, and on a page."""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from bench.errors import BenchError
from bench.leaderboard import across
from bench.leaderboard.across import Ranking
from bench.leaderboard.rows import METRICS
from bench.records import store
from bench.records.schema import Record
from bench.report import html, markdown
from bench.report.html import Image, Section, Table
from bench.report.plots import ranking as plots
from bench.stats import ranking as statistics

PAGE = "ranking.html"
_MOST_NAMES = 6  # in a sentence
_MOST_PAIRS = 3
_CAPTIONS = {
    "critical_differences": (
        "Critical differences",
        "The mean rank of each model. A bar joins models that cannot be told apart (Friedman over "
        "all, then Wilcoxon's signed ranks for each pair, adjusted by Holm, level 0.05).",
    ),
    "performance_profiles": (
        "Performance profiles",
        "The share of data sets on which a model costs at most so many times as much as the best "
        "one there. Higher is better; at 1 it is the share of data sets that it wins.",
    ),
}


def title(found: Ranking) -> str:
    num_models, num_sets = len(found.models), len(found.sets)
    return f"{num_models} models on {num_sets} data sets, by {METRICS[found.metric]}"


def sentences(found: Ranking) -> list[str]:
    """Returns what the ranking says, and what it cannot say."""
    best = found.mean_ranks[0]
    said = [f"{title(found)}: {_listed(found.sets)}."]
    said.append(f"Best in mean rank is {found.models[0]}, {_mean(best)}.")
    if found.friedman is not None:
        said.append(_of_friedman(found.friedman))
    told = [f"{_better(found, pair)} (p {_p(pair.adjusted)})" for pair in found.different]
    least = statistics.least_wilcoxon(len(found.sets))
    num_pairs = len(found.pairs)
    adjusted = min(1.0, num_pairs * least)
    if told:
        differ = "differs" if len(told) == 1 else "differ"
        said.append(f"{len(told)} of {num_pairs} pairs {differ}: {_listed(told, _MOST_PAIRS)}.")
    elif found.tells_models_apart and adjusted <= statistics.LEVEL:
        said.append("No pair of models can be told apart.")
    if adjusted > statistics.LEVEL:
        over = f", {_p(adjusted)} after Holm over {num_pairs} pairs" if num_pairs > 1 else ""
        needed = statistics.sets_needed(len(found.models))
        said.append(
            f"Too few data sets to test pairs: with {len(found.sets)} the smallest p that Wilcoxon "
            f"can give is {_p(least)}{over}. It takes {needed} data sets for "
            f"{len(found.models)} models."
        )
    if found.missing:
        num = len(found.missing)
        names = _listed([f"{name} ({what})" for name, what in found.missing])
        said.append(
            f"Not ranked, as ranks are over the models that all data sets have: {num} "
            f"model{'s' * (num > 1)}, {names}."
        )
    return [*said, *found.notes]


def ranks_table(found: Ranking, factors: Sequence[float] = across.FACTORS[1:]) -> Table:
    """Returns the mean ranks with the profile at some factors."""
    factors = () if found.ratios is None else factors
    head = ["model", "mean rank", "95 % interval", "wins"]
    head += [f"within {factor:g}x" for factor in factors]
    lines = []
    for model, name in enumerate(found.models):
        wins = int((found.ranks[:, model] == found.ranks.min(axis=1)).sum())
        line = [name, f"{found.mean_ranks[model].mean:.2f}", interval(found, model), str(wins)]
        if factors:
            parts = statistics.profile(found.ratios[:, model], factors)
            line += [f"{100 * part:.0f} %" for part in parts]
        lines.append(line)
    notes = ["Wins: data sets on which no model is better. Intervals are over the data sets."]
    if factors:
        cost = METRICS[found.metric]
        cost = cost if found.lower_is_better else f"1 - {cost}"
        notes.append(f"Within 2x: share of data sets with {cost} at most twice the lowest there.")
    return Table(head, lines, [False, *[True] * (len(head) - 1)], "Mean ranks", notes)


def tables(found: Ranking) -> list[Table]:
    """Returns the mean ranks with the profile, the values, and the tests of pairs."""
    sets, models = range(len(found.sets)), range(len(found.models))
    values = Table(
        ["data set", *found.models],
        [
            [found.sets[s], *(f"{found.values[s, m]:.4g} ({found.ranks[s, m]:g})" for m in models)]
            for s in sets
        ],
        [False, *[True] * len(models)],
        f"{METRICS[found.metric]} and rank",
        ["The mean over seeds, or over classes and seeds; its rank in brackets."],
    )
    pairs = Table(
        ["pair", "p", "p by Holm"],
        [
            [f"{found.models[p.first]} and {found.models[p.second]}", _p(p.p), _p(p.adjusted)]
            for p in sorted(found.pairs, key=lambda pair: pair.adjusted)
        ],
        [False, True, True],
        "Pairs",
        ["Wilcoxon's signed ranks, two-sided."],
    )
    return [ranks_table(found), values, pairs]


def interval(found: Ranking, model: int) -> str:
    """Returns the interval of a mean rank, `-` where there is none."""
    mean = found.mean_ranks[model]
    return "-" if mean.low is None else f"{mean.low:.2f} to {mean.high:.2f}"


def as_json(found: Ranking) -> dict[str, Any]:
    """Returns the ranking as plain data."""
    friedman = found.friedman
    return {
        "metric": found.metric,
        "num_data_sets": len(found.sets),
        "num_models": len(found.models),
        "data_sets": list(found.sets),
        "words": sentences(found),
        "models": [
            {
                "model": name,
                "is_baseline": found.baselines[m],
                "mean_rank": found.mean_ranks[m].mean,
                "mean_rank_low": found.mean_ranks[m].low,
                "mean_rank_high": found.mean_ranks[m].high,
                "values": dict(zip(found.sets, found.values[:, m].tolist(), strict=True)),
                "ranks": dict(zip(found.sets, found.ranks[:, m].tolist(), strict=True)),
                "num_seeds": dict(zip(found.sets, found.num_seeds[:, m].tolist(), strict=True)),
                "profile": None
                if found.ratios is None
                else {
                    f"{factor:g}": share
                    for factor, share in zip(
                        across.FACTORS,
                        statistics.profile(found.ratios[:, m], across.FACTORS),
                        strict=True,
                    )
                },
            }
            for m, name in enumerate(found.models)
        ],
        "friedman": None
        if friedman is None
        else {
            "chi_square": friedman.statistic,
            "p": friedman.p,
            "is_exact": friedman.is_exact,
            "least_p": friedman.least_p,
        },
        "pairs": [
            {
                "first": found.models[pair.first],
                "second": found.models[pair.second],
                "p": pair.p,
                "p_holm": pair.adjusted,
                "differ": pair in found.different,
            }
            for pair in found.pairs
        ],
        "least_wilcoxon_p": statistics.least_wilcoxon(len(found.sets)),
        "groups": [[found.models[m] for m in range(a, b + 1)] for a, b in found.cliques],
        "missing": [{"model": name, "lacks": what} for name, what in found.missing],
    }


def section(records: list[Record]) -> Section:
    """Returns the part of a run's page on its data sets together; empty for one data set."""
    heading = "Over all data sets"
    try:
        found = across.rank(records)
    except BenchError:  # one data set, or no two models that all have
        return Section("ranking", heading, Markup())
    return Section("ranking", heading, _body(found))


def write(folder: Path, found: Ranking, sources: Sequence[Path]) -> list[Path]:
    """Writes `ranking.html`, `ranking.md` and the pictures into a folder, and returns the paths.

    Raises:
        BenchError: if the folder cannot be written.
    """
    store.check_writable(folder)
    pictures = _pictures(found)
    contents = {f"{name}.png": picture.file for name, picture in pictures.items()}
    said = sentences(found)
    named = [markdown.plain(str(source)) for source in sources]
    parts = [f"# {markdown.plain(title(found))}", f"Records of {', '.join(named)}."]
    parts += [markdown.plain(sentence) for sentence in said]
    for name in pictures:
        heading, caption = _CAPTIONS[name]
        parts.append(f"## {heading}\n\n![{heading}]({name}.png)\n\n{caption}")
    parts += [markdown.titled(table) for table in tables(found)]
    contents["ranking.md"] = ("\n\n".join(parts) + "\n").encode()
    contents[PAGE] = html.page(
        title(found),
        f"Records of {', '.join(map(str, sources))}.",
        [],
        [Section("ranking", "Ranking", _body(found, pictures))],
        said=[("", said)],
    ).encode()
    for name, content in contents.items():
        store.write_whole(folder / name, content)
    return [folder / name for name in contents]


def _body(found: Ranking, pictures: dict[str, Image] | None = None) -> Markup:
    pictures = _pictures(found) if pictures is None else pictures
    shown = [(*_CAPTIONS[name], picture) for name, picture in pictures.items()]
    parts = html.macros("sections.html.j2")
    text = " ".join(sentences(found))
    return Markup(parts.pictures(shown)) + html.tables(text, tables(found))


def _pictures(found: Ranking) -> dict[str, Image]:
    draw = {
        "critical_differences": plots.critical_differences,
        "performance_profiles": plots.profiles,
    }
    pictures = {}
    for name, picture in draw.items():
        light, dark = io.BytesIO(), io.BytesIO()
        if all(picture(found, file, theme) for file, theme in ((light, "light"), (dark, "dark"))):
            alt = ": ".join(_CAPTIONS[name])
            pictures[name] = Image(light.getvalue(), alt, dark=dark.getvalue())
    return pictures


def _of_friedman(found: statistics.Friedman) -> str:
    how = "all orders of the ranks" if found.is_exact else "orders drawn by lot"
    numbers = f"Friedman, chi-square {found.statistic:.2f}, p {_p(found.p)} by {how}"
    if found.p < statistics.LEVEL:
        return f"The models differ ({numbers})."
    least = found.least_p
    why = f"; the smallest that is possible is {_p(least)}" if least > statistics.LEVEL / 10 else ""
    return f"No difference between the models is shown ({numbers}{why})."


def _better(found: Ranking, pair: statistics.Pair) -> str:
    first, second = sorted((pair.first, pair.second), key=lambda m: found.mean_ranks[m].mean)
    return f"{found.models[first]} before {found.models[second]}"


def _mean(mean: Any) -> str:
    if mean.low is None:
        return f"{mean.mean:.2f}, the same on all data sets"
    return f"{mean.mean:.2f} (95 % interval over data sets {mean.low:.2f} to {mean.high:.2f})"


def _p(value: float) -> str:
    """Returns a chance with two digits."""
    if value >= 1 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:.2g}"


def _listed(names: Sequence[str], most: int = _MOST_NAMES) -> str:
    more = len(names) - most
    shown = list(names[:most]) + ([f"{more} more"] if more > 0 else [])
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
