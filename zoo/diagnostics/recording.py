"""What is recorded of a training, and what is found in it: plain data and numpy."""

import dataclasses
import math

import numpy as np

SEVERITIES = ("error", "warning", "note")
FEW_NAMES = 3


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        code: What it is, `snake_case`.
        severity: `"error"`: the training is of no use; `"warning"`: it is likely worse than it
            could be; `"note"`: good to know.
        layer: Path of the layer, such as `"encoder/conv1"`, the worst one if there are several;
            None where the finding is about the model.
        number: The number behind it, in the unit that the text names.
        text: A sentence with the number, without full stop.
        remedy: What to do about it, without full stop; may be empty for a note.
    """

    code: str
    severity: str
    layer: str | None
    number: float
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.text}; {self.remedy}" if self.remedy else self.text


@dataclasses.dataclass(frozen=True)
class Probe:
    """What a model did with the probe images at one moment.

    Attributes:
        epoch: Epochs that were done.
        terms: Mean of each loss term over the images, without its weight; empty if unknown.
        term_weights: Weight of each term at that moment.
        prediction: `(images, ...)`, float32, or None.
        code: `(images, units)`, float32: codes of a model without a distribution, or None.
        kl_per_unit: `(units,)`, nats: mean KL of each unit from its prior, or None.
        layer_changes: Layer to `||w - w_0|| / ||w_0||`, `w_0` before training.
        relative_gradients: Layer to `||gradient|| / ||w||`.
        dead_shares: ReLU layer to the share of its units that no image activates.
    """

    epoch: int
    terms: dict[str, float]
    term_weights: dict[str, float]
    prediction: np.ndarray | None = None
    code: np.ndarray | None = None
    kl_per_unit: np.ndarray | None = None
    layer_changes: dict[str, float] = dataclasses.field(default_factory=dict)
    relative_gradients: dict[str, float] = dataclasses.field(default_factory=dict)
    dead_shares: dict[str, float] = dataclasses.field(default_factory=dict)

    def loss(self, term_weights: dict[str, float] | None = None) -> float | None:
        """Returns the weighted sum of the terms, by these weights or its own; None if unknown."""
        if not self.terms:
            return None
        weights = self.term_weights if term_weights is None else term_weights
        return sum(weights[name] * value for name, value in self.terms.items())


@dataclasses.dataclass
class Recording:
    """What was seen of one training.

    Attributes:
        target: What the prediction should be, `(images, ...)`; None where that cannot be compared.
        probes: The first is of the untrained model, the last of the trained one.
        history: Curve of each logged number, one value per epoch.
        frozen_layers: Layers with weights that are set not to be trained.
        learning_rate: At the start; None if unknown.
        output_layer: Name of the layer that makes the prediction, or None.
        output_activation: Its activation, such as `"linear"`, or None.
        needs_probabilities: Whether the loss is a cross-entropy of values in `[0, 1]`.
    """

    target: np.ndarray | None = None
    probes: list[Probe] = dataclasses.field(default_factory=list)
    history: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    frozen_layers: tuple[str, ...] = ()
    learning_rate: float | None = None
    output_layer: str | None = None
    output_activation: str | None = None
    needs_probabilities: bool = False

    @property
    def untrained(self) -> Probe:
        return self.probes[0]

    @property
    def trained(self) -> Probe:
        return self.probes[-1]

    def losses(self) -> tuple[float | None, float | None]:
        """Returns the loss of the probe images before and after, both by the final weights.

        A schedule that raises a term's weight would otherwise look like a loss that rises.
        """
        return self.untrained.loss(self.trained.term_weights), self.trained.loss()

    def lower_rate(self) -> str:
        """Returns the advice to lower the learning rate, with the rate if it is known."""
        rate = self.learning_rate
        return "lower the learning rate" + ("" if rate is None else f" (it is {rate:.3g})")

    def higher_rate(self, then: str) -> str:
        """Returns the advice to raise the learning rate, or to set it where it is 0.

        Args:
            then: What to do besides, where it is not 0.
        """
        rate = self.learning_rate
        if rate == 0:
            return "the learning rate is 0: set it, for example to 1e-3"
        known = "" if rate is None else f" (it is {rate:.3g})"
        return f"raise the learning rate{known}, and {then}"


def named(layers: list[str]) -> str:
    """Returns names as text, the first few of them."""
    first = ", ".join(repr(layer) for layer in layers[:FEW_NAMES])
    more = len(layers) - FEW_NAMES
    return f"{first} and {more} more" if more > 0 else first


def percent(share: float) -> str:
    """Returns a share in percent, with two digits where it is small."""
    value = 100 * share
    digits = 0 if abs(value) >= 10 or value == 0 else 1 - math.floor(math.log10(abs(value)))
    return f"{value:.{digits}f} %" if digits < 6 else f"{value:.1e} %"
