"""The table of the UPAE's remedies: AUROC by loss, epoch, members and score."""

from collections.abc import Iterable
from typing import Any

from bench.report import markdown as markdown_tables
from bench.stats import intervals

# Words; loss, epoch, members, score.
ROWS = (
    ("as in the paper", ("joint", "last", 1, "paper")),
    ("variance capped", ("joint", "last", 1, "paper_capped")),
    ("log term in the score", ("joint", "last", 1, "log")),
    ("log term, capped", ("joint", "last", 1, "log_capped")),
    ("best epoch, score of the paper", ("joint", "best", 1, "paper")),
    ("best epoch, log term, capped", ("joint", "best", 1, "log_capped")),
    ('`nll="beta"`, log term, capped', ("beta", "last", 1, "log_capped")),
    ('`nll="beta"`, best epoch, log term, capped', ("beta", "best", 1, "log_capped")),
    ('`nll="detached"`, log term, capped: the default', ("detached", "last", 1, "log_capped")),
    ('`nll="detached"`, best epoch, log term, capped', ("detached", "best", 1, "log_capped")),
    ("ensemble of 3, log term", ("joint", "last", 3, "log")),
    ("ensemble of 5, log term", ("joint", "last", 5, "log")),
    ("ensemble of 5, best epochs, log term", ("joint", "best", 5, "log")),
    ("squared error of one", ("joint", "last", 1, "squared_error")),
    ("squared error, best epoch", ("joint", "best", 1, "squared_error")),
    ('`nll="detached"`, squared error', ("detached", "last", 1, "squared_error")),
    ("squared error of an ensemble of 5", ("joint", "last", 5, "squared_error")),
)


def values(
    records: Iterable[dict[str, Any]],
    nll: str,
    which: str,
    size: int,
    score: str,
    *,
    of: str = "auroc",
) -> dict[tuple[int, int], float]:
    """Returns the AUROC of one remedy by class and seed.

    Args:
        of: `"auroc"`, on the test images, or `"train_auroc"`, by which a default may be chosen.
    """
    return {
        (each["normal_class"], each["seed"]): each[of][f"{which} {size}"][score]
        for each in records
        if each["nll"] == nll
    }


def markdown(records: Iterable[dict[str, Any]]) -> str:
    """Returns a row for each remedy: by class, their mean, and its difference to the paper's."""
    records = list(records)
    if not records:
        return "No training is finished."
    labels = sorted({each["normal_class"] for each in records})
    first = values(records, *ROWS[0][1])
    lines = []
    for words, which in ROWS:
        found = values(records, *which)
        gains = {key: value - first[key] for key, value in found.items() if key in first}
        cells = []
        for label in labels:
            own = [value for (each, _), value in found.items() if each == label]
            cells.append(f"{sum(own) / len(own):.3f}" if own else "")
        cells.append(_mean(found, len(labels)))
        cells.append("" if which is ROWS[0][1] else _mean(gains, len(labels), "+"))
        cells.append(_mean(values(records, *which, of="train_auroc"), len(labels)))
        lines.append([words, *cells])
    classes = (f"class {label}" for label in labels)
    head = ["UPAE", *classes, "mean", "over the paper's", "on training images"]
    table = markdown_tables.table(head, lines, [False] + [True] * (len(head) - 1))
    epochs, num = records[0]["epochs"], records[0]["num_train"]
    seeds = len({each["seed"] for each in records})
    return (
        f"{table}\n\n{seeds} seed{'s' * (seeds > 1)}, {epochs} epochs on {num:,} normal images; "
        "± half the 95 % interval over seeds of the mean over classes. The last column, of "
        "training images that no network had, is what a default is chosen by."
    )


def _mean(found: dict[tuple[int, int], float], num_classes: int, sign: str = "") -> str:
    """Returns the mean over the seeds that have all classes, with half its interval."""
    by_seed: dict[int, list[float]] = {}
    for (_, seed), value in found.items():
        by_seed.setdefault(seed, []).append(value)
    whole = [sum(each) / len(each) for each in by_seed.values() if len(each) == num_classes]
    if not whole:
        return ""
    interval = intervals.mean_interval(whole)
    half = "" if interval.low is None else f" ± {(interval.high - interval.low) / 2:.3f}"
    return f"{interval.mean:{sign}.3f}{half}"
