"""What a search may keep small beside its objective: numbers of a trial, lower is better."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from bench.errors import BenchError
from zoo import checks


@dataclasses.dataclass(frozen=True)
class Cost:
    """A number of a trial that is to be small.

    Attributes:
        name: As `--costs` takes it.
        field: Of a trial's record.
        unit: For titles; empty for counts.
        title: For axes and tables.
    """

    name: str
    field: str
    unit: str
    title: str


_COSTS = (
    Cost("parameters", "num_parameters", "", "parameters"),
    Cost("macs", "forward_macs", "", "multiply-adds of one image, forward"),
    Cost("latency", "latency_ms", "ms", "latency of one image"),
)
COSTS = {cost.name: cost for cost in _COSTS}


def get(names: Iterable[str]) -> tuple[Cost, ...]:
    """Returns the costs of these names, in their order.

    Raises:
        BenchError: for a name that is unknown or given twice.
    """
    costs: dict[str, Cost] = {}
    for name in names:
        if name not in COSTS:
            raise BenchError(
                f"unknown cost {name!r}.{checks.suggestion(name, COSTS)} Costs: {', '.join(COSTS)}."
            )
        if name in costs:
            raise BenchError(f"cost {name!r} is given twice. Name each cost once.")
        costs[name] = COSTS[name]
    return tuple(costs.values())


def seconds_text(seconds: float) -> str:
    """Returns expected seconds as they are told: whole ones, below ten in two digits."""
    return f"about {seconds:{'.0f' if seconds >= 10 else '.2g'}} seconds"


def from_record(record: dict[str, Any], names: Iterable[str]) -> dict[str, float]:
    """Returns the costs of a trial by name; those that its record lacks are left out."""
    values = {cost.name: record.get(cost.field) for cost in get(names)}
    return {name: float(value) for name, value in values.items() if value is not None}
