"""The table of the default check: records of trainings become verdicts, one row a model."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

MOST_ERROR = 0.40  # of the mean image's
MOST_SPREAD = 0.20  # of the mean over seeds, between the best and the worst
MOST_DEAD = 0.01  # of the pixels that vary


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the seeds of a model came to.

    Attributes:
        model: Registry name.
        records: One per seed, of `default_check`.
    """

    model: str
    records: tuple[dict[str, Any], ...]

    @property
    def mse(self) -> float:
        """Mean over the seeds."""
        return sum(record["mse"] for record in self.records) / len(self.records)

    @property
    def share(self) -> float:
        """The worst seed's error, as a share of the mean image's."""
        return max(record["mse"] / record["mse_of_mean"] for record in self.records)

    @property
    def spread(self) -> float:
        """Distance of the best and the worst seed, as a share of the mean."""
        errors = [record["mse"] for record in self.records]
        return (max(errors) - min(errors)) / self.mse

    @property
    def spread_text(self) -> str:
        """The spread in words; nothing of a single seed."""
        return f"{self.spread:.0%}" if len(self.records) > 1 else ""

    @property
    def active(self) -> str:
        """Active units of the code over the seeds, of how many."""
        known = [record["active_units"] for record in self.records if "active_units" in record]
        if not known:
            return ""
        low, high = min(known), max(known)
        count = str(low) if low == high else f"{low} to {high}"
        return f"{count} of {self.records[0]['num_units']}"

    @property
    def failures(self) -> list[str]:
        """What does not hold, in words; empty where the defaults learn."""
        found = []
        if not self.share < MOST_ERROR:
            found.append(f"error at {self.share:.0%} of the mean image's")
        if not self.spread < MOST_SPREAD:
            found.append(f"seeds {self.spread:.0%} apart")
        if any(record.get("active_units") == 0 for record in self.records):
            found.append("one code for all images")
        dead = max(record["dead_pixels"] for record in self.records)
        if dead > MOST_DEAD:
            found.append(f"{dead:.0%} of the pixels are dead")
        return found


def verdicts(records: Iterable[dict[str, Any]]) -> list[Verdict]:
    """Returns one verdict per model, in the order of the names."""
    by_model: dict[str, list[dict[str, Any]]] = {}
    for record in sorted(records, key=lambda record: (record["model"], record["seed"])):
        by_model.setdefault(record["model"], []).append(record)
    return [Verdict(model, tuple(of_model)) for model, of_model in by_model.items()]


def _seeds(now: Verdict, before: Verdict | None) -> str:
    """Returns how many seeds were trained, and of the earlier check where these are others."""
    num, num_before = len(now.records), 0 if before is None else len(before.records)
    return f"{num} (before: {num_before})" if num_before not in (0, num) else str(num)


def markdown(now: Sequence[Verdict], before: Sequence[Verdict] = ()) -> str:
    """Returns a row per model: error, spread and active units, and those of an earlier check."""
    earlier = {verdict.model: verdict for verdict in before}
    heading = ["model", "updates", "seeds"]
    if before:
        heading += ["MSE before", "spread", "active units"]
    heading += ["MSE", "of the mean image's, worst seed", "spread", "active units", "verdict"]
    lines = [heading, ["---", *["--:"] * (len(heading) - 2), "---"]]
    for verdict in now:
        row = [f"`{verdict.model}`", f"{verdict.records[0]['updates']:,}"]
        old = earlier.get(verdict.model)
        row.append(_seeds(verdict, old))
        if before:
            row += [f"{old.mse:.4f}", old.spread_text, old.active] if old else [""] * 3
        row += [f"{verdict.mse:.4f}", f"{verdict.share:.0%}", verdict.spread_text]
        floors = [record["floor"] for record in verdict.records[:1] if "floor" in record]
        said = [*(verdict.failures or ["learns"]), *(f"ridge: {floor:.4f}" for floor in floors)]
        row += [verdict.active, "; ".join(said)]
        lines.append(row)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
