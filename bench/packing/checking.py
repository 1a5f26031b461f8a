"""Measures packed weights again on the test images of their cards."""

import dataclasses
from typing import Any

import numpy as np

from bench.data import tasks
from bench.errors import user_errors
from bench.metrics import reconstruction
from bench.packing import facts
from zoo.persistence.saving import from_arrays
from zoo.registry.pretrained import Weights

BATCH_SIZE = 256


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A metric, as the card has it and as it was measured again.

    Attributes:
        low, high: Interval over images of the card; None: not known.
    """

    name: str
    metric: str
    card: float
    low: float | None
    high: float | None
    again: float | None

    @property
    def agrees(self) -> bool:
        if self.again is None:
            return False
        if self.low is None or self.high is None:
            return bool(np.isclose(self.again, self.card, rtol=1e-3))
        return self.low <= self.again <= self.high


def measure(model: Any, dataset: Any) -> dict[str, float]:
    """Returns the metrics of a model on the test images, by the names of the cards."""
    test = dataset.test
    inputs = tasks.inputs(model.task, test)
    predicted = model.predict(inputs, batch_size=BATCH_SIZE, verbose=0)
    found = reconstruction.reconstruction_summary(test.target, predicted)
    if hasattr(model, "classify") and dataset.num_classes:
        found["accuracy"] = tasks.classification(model, test)["test_accuracy"]
    return {name: found[name] for name in facts.METRICS if found.get(name) is not None}


def verdicts(weights: Weights, dataset: Any) -> list[Verdict]:
    """Loads weights, measures them, and compares each metric with the card.

    Raises:
        BenchError: if their file is missing or damaged.
    """
    with user_errors():
        try:
            model = from_arrays(weights.arrays(), f"the file of {weights.name!r}")
        except FileNotFoundError as error:
            raise ValueError(str(error)) from error
    again = measure(model, dataset)
    return [
        Verdict(
            weights.name,
            metric,
            found["value"],
            found.get("low"),
            found.get("high"),
            again.get(metric),
        )
        for metric, found in weights.metrics.items()
    ]
