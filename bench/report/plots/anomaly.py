"""Pictures of the scores of anomalies: how they spread, and what each threshold finds."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator

from bench.leaderboard import robustness
from bench.leaderboard import rows as leaderboard_rows
from bench.leaderboard.rows import Row
from bench.metrics import anomaly
from bench.records.schema import Record
from bench.report.plots import style as plot_style

MAX_MODELS = 7  # lines in a plot of curves, panels of histograms
_SCORED = ("labels", "scores", "held_out", "threshold")
_LINES = ("-", "--", "-.", ":")
_RATES = np.linspace(0, 1, 201)


def score_histograms(
    output_folder: str | Path,
    records: list[Record],
    target: plot_style.Target,
    theme: str = "light",
) -> bool:
    """Draws how the scores of normal test images and of anomalies spread, and the threshold.

    Where classes are normal in turn, a panel for each class, of the best model; else a panel for
    each model, best first. Of several seeds the first one is drawn.
    """
    title, panels = _panels(output_folder, records)
    if not panels:
        return False
    num_columns = min(len(panels), 5 if len(panels) > 4 else 2)
    num_rows = -(-len(panels) // num_columns)
    size = (3.1 * num_columns + 0.4, 2.5 * num_rows + 1.3)
    with plot_style.picture(target, theme, *size) as (figure, colours):
        every = figure.subplots(num_rows, num_columns, squeeze=False).ravel()
        for axes in every[len(panels) :]:
            axes.set_axis_off()
        for axes, (name, arrays, auroc) in zip(every, panels, strict=False):
            _draw_histogram(axes, arrays, colours)
            axes.set_title(f"{name}\nAUROC {auroc:.3f}", fontsize=11)
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold")
        handles, labels = every[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return True


def curves(
    output_folder: str | Path,
    records: list[Record],
    target: plot_style.Target,
    theme: str = "light",
) -> bool:
    """Draws the ROC and the precision-recall curve of each model, seven at most, best first.

    Several classes and seeds of a model are averaged: the rate of anomalies found at each rate of
    false alarms, and the precision at each recall. The dotted lines are those of chance.
    """
    shown = []
    for row in _rows(records)[:MAX_MODELS]:
        scores = [_load_scores(output_folder, record) for record in row.records]
        if scores and all(each is not None for each in scores):
            shown.append((row, scores))
    if not shown:
        return False
    with plot_style.picture(target, theme, 10, 5.4) as (figure, colours):
        left, right = figure.subplots(1, 2)
        palette = [colours[key] for key in ("first", "second", "muted", "ink")]
        for number, (row, scores) in enumerate(shown):
            style = {
                "color": palette[number % len(palette)],
                "linestyle": _LINES[(number // len(palette)) % len(_LINES)],
                "linewidth": 1.8,
            }
            counted = [anomaly.curve(each["labels"], each["scores"]) for each in scores]
            left.plot(_RATES, np.mean([_roc(c) for c in counted], axis=0), **style)
            name = f"{row.name}  {row.quality['auroc'].mean:.3f}"
            precision = np.mean([_precision(c) for c in counted], axis=0)
            right.plot(_RATES[1:], precision[1:], **style, label=name)
        share = np.mean([each["labels"].mean() for _, scores in shown for each in scores])
        for axes, x, y in ((left, (0, 1), (0, 1)), (right, (0, 1), (share, share))):
            axes.plot(x, y, color=colours["soft"], linestyle=":", linewidth=1.2)
            axes.set_xlim(0, 1)
            axes.set_ylim(0, 1.01)
        left.set_title("ROC")
        left.set_xlabel("normals flagged")
        left.set_ylabel("anomalies flagged")
        right.set_title("Precision and recall")
        right.set_xlabel("anomalies flagged (recall)")
        right.set_ylabel("precision")
        figure.legend(loc="outside lower center", ncols=2, title="model, AUROC", fontsize=10.5)
    return True


# --- what the files hold ------------------------------------------------------------------------


def _load_scores(output_folder: str | Path, record: Record) -> dict[str, Any] | None:
    scores = plot_style.load_arrays(output_folder, record.artifacts.anomalies, _SCORED)
    if scores is None or len(set(scores["labels"].tolist())) != 2:
        return None
    return scores


def _rows(records: list[Record]) -> list[Row]:
    rows = robustness.first_levels(leaderboard_rows.rows(records))
    return [row for row in rows if not row.failed and "auroc" in row.quality]


def _panels(output_folder, records) -> tuple[str, list[tuple[str, dict[str, Any], float]]]:
    """Returns the title of the histograms, and of each its title, arrays and AUROC."""
    rows = _rows(records)
    models = [row for row in rows if not row.baseline] or rows
    in_turn = next((row for row in models if row.normal_classes), None)
    if in_turn is not None:
        by_class = {r.config.normal_class: r for r in reversed(in_turn.records)}
        named = [
            (f"normal: {in_turn.normal_classes.get(label, label)}", by_class[label])
            for label in sorted(by_class)
        ]
    else:
        named = [(row.name, row.records[0]) for row in models[:MAX_MODELS]]
    loaded = [
        (name, _load_scores(output_folder, r), r.quality.metrics["auroc"]) for name, r in named
    ]
    title = "" if in_turn is None else in_turn.name
    return title, [(name, arrays, auroc) for name, arrays, auroc in loaded if arrays is not None]


def _roc(counts) -> np.ndarray:
    """Returns the rate of anomalies found at each rate of false alarms, by straight lines."""
    hits, alarms = (np.append(0, each) / each[-1] for each in counts[1:])
    # Of the points with one rate of false alarms, a line goes up: its upper end counts.
    return np.array([np.interp(rate, alarms, hits) for rate in _RATES])


def _precision(counts) -> np.ndarray:
    """Returns the precision of the first threshold that finds at least each share."""
    precision = counts.true_positives / (counts.true_positives + counts.false_positives)
    recall = counts.true_positives / counts.true_positives[-1]
    return precision[np.searchsorted(recall, _RATES * (1 - 1e-12))]


# --- drawing ------------------------------------------------------------------------------------


def _draw_histogram(axes: Axes, arrays: dict[str, Any], colours: dict[str, str]) -> None:
    scores, labels = arrays["scores"].astype("float64"), arrays["labels"]
    threshold = float(arrays["threshold"])
    is_log = scores.min() > 0
    if is_log:
        edges = np.geomspace(scores.min(), scores.max() * (1 + 1e-9), 41)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=_ticks(edges[-1] / edges[0]), numticks=6))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter("{x:g}")
    else:
        low, high = np.quantile(scores, [0, 0.995])
        edges = np.linspace(low, max(high, low + 1e-9), 41)
    for label, name, colour in ((0, "normal", "first"), (1, "anomaly", "second")):
        chosen = np.clip(scores[labels == label], edges[0], edges[-1])
        share = np.full(len(chosen), 1 / len(chosen))
        axes.hist(chosen, edges, weights=share, color=colours[colour], alpha=0.65, label=name)
    axes.axvline(threshold, color=colours["ink"], linewidth=1.4, label="threshold")
    axes.set_yticks([])
    axes.set_xlabel("score", fontsize=10)
    axes.tick_params(labelsize=8)


def _ticks(ratio: float) -> tuple[int, ...]:
    """Returns what is marked in each power of ten of an axis that spans a ratio."""
    return (1,) if ratio > 1000 else (1, 3) if ratio > 30 else (1, 2, 5)
