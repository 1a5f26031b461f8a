"""An axis on which models are spread, whatever the other values are: for charts and for tables."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

_WIDE = 3  # ratio of the largest to the smallest value from which on an axis is logarithmic
_TINY = 1e3  # how many times below the median a value has no place on a logarithmic axis
_MARGIN = 0.08  # of an axis, beyond what is drawn


@dataclasses.dataclass(frozen=True)
class Scale:
    """An axis from `low` to `high`, linear or logarithmic."""

    low: float
    high: float
    log: bool

    @classmethod
    def from_costs(cls, values: Sequence[float]) -> "Scale":
        """Returns the scale that has room for all of these values, which are above 0."""
        log = max(values) > _WIDE * min(values)
        return cls._with_margin(min(values), max(values), log)

    @classmethod
    def from_quality(
        cls,
        models: Sequence[tuple[float, float, float]],
        others: Sequence[float],
        may_be_log: bool,
    ) -> "Scale":
        """Returns the scale of the models, wider where another value lies near.

        A model farther outside than three times the distance of the quartiles does not count where
        there are at least five. Intervals are shown as far beyond the values as those are apart.
        Another value is near if it lies no farther off than that; on a logarithmic axis, than half
        of that and a factor of two.

        Args:
            models: `(low, value, high)` of each.
            others: Values that should be seen, if they are near.
            may_be_log: Whether the scale may be logarithmic.
        """
        values = np.array([value for _, value, _ in models], float)
        log = bool(may_be_log and values.min() > 0)
        log = log and np.median(values) < _TINY * values.min()
        kept = values[_near_the_middle(np.log(values) if log else values)]
        log = bool(log and kept.max() > _WIDE * kept.min())
        to, back = (math.log, math.exp) if log else (float, float)
        low, high = to(kept.min()), to(kept.max())
        apart = high - low
        reach = apart or (math.log(2) if log else 0.1 * abs(high) or 1.0)
        near = 0.5 * apart + math.log(2) if log else apart + 0.05 * abs(high)
        ends = [end for lower, value, upper in models for end in (lower, upper) if value in kept]
        known = [to(end) for end in ends if end > 0 or not log]
        inside = [min(max(end, low - reach), high + reach) for end in known]
        known = [to(value) for value in others if math.isfinite(value) and (value > 0 or not log)]
        inside += [value for value in known if low - near <= value <= high + near]
        low, high = min([low, *inside]), max([high, *inside])
        return cls._with_margin(back(low), back(high), log)

    @classmethod
    def _with_margin(cls, low: float, high: float, log: bool) -> "Scale":
        to, back = (math.log, math.exp) if log else (float, float)
        start, stop = to(low), to(high)
        if stop <= start:
            start, stop = start - (0.1 * abs(start) or 1), stop + (0.1 * abs(stop) or 1)
        margin = _MARGIN * (stop - start)
        return cls(back(start - margin), back(stop + margin), log)

    def side(self, value: float) -> int:
        """Returns -1 for a value below the scale, 1 for one above, else 0."""
        return -1 if value < self.low else 1 if value > self.high else 0

    def clipped(self, value: float) -> float:
        return min(max(value, self.low), self.high)

    def part(self, value: float) -> float:
        """Returns how far along the axis a value within it lies, from 0 to 1."""
        to = math.log if self.log else float
        return (to(value) - to(self.low)) / (to(self.high) - to(self.low))


def _near_the_middle(values: np.ndarray) -> np.ndarray:
    """Tells of each value whether it lies within three distances of the quartiles."""
    if len(values) < 5:
        return np.ones(len(values), bool)
    lower, upper = np.quantile(values, (0.25, 0.75))
    apart = 3 * max(upper - lower, 0.1 * abs(np.median(values)))
    return (values >= lower - apart) & (values <= upper + apart)
