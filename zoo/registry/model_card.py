"""What a model carries besides weights: how images are read for it, its threshold, its classes."""

import dataclasses

import numpy as np

from zoo import checks
from zoo.data.contents import Description
from zoo.registry import conformal
from zoo.version import __version__

COLORS = ("grey", "rgb")
FALSE_ALARM_RATE = 0.05  # where no rule of a threshold is given


@dataclasses.dataclass(frozen=True)
class ModelCard:
    """Plain data that a model keeps in its `.keras` file; `dataclasses.replace` changes it.

    Attributes:
        resize: `(height, width)` that image files are resized to, or None.
        crop: `(height, width)` of the crops that the model was trained on: image files are then
            read in their own size, and worked on tile by tile. None: they are resized.
        color: `"grey"` or `"rgb"`: what image files are converted to, or None.
        value_range: `(low, high)`: what is black and white in image files, or None: their type's.
        columns: Features of a table, by name, in the order of the model's input, or `()`.
        column_range: Lowest values of the columns and highest ones, which become 0 and 1, or None.
        stride: Steps from one window of a long series to the next; None: no windows.
        threshold: Anomaly score above which an image is an anomaly, or None.
        threshold_rule: Where the threshold comes from, in words.
        pixel_threshold: Score of a pixel above which an image has a strange place, or None.
        pixel_threshold_rule: Where that comes from, in words.
        held_out_scores: Anomaly scores of held-out normal images, rising, that p-values are
            taken from, or `()`.
        scored: How images were worked on for these scores and thresholds, in words, where the
            command line was told, such as "on tiles of 64x64"; None: as the card says.
        class_names: Names of the labels `0, 1, ...`, or `()`.
        trained_on: Folder or file that the model was trained on, and how many images.
        data: What was read of it, and what was left out, or None.
        version: Version of the zoo that made the model, or that wrote its file.
    """

    resize: tuple[int, int] | None = None
    color: str | None = None
    value_range: tuple[float, float] | None = None
    columns: tuple[str, ...] = ()
    column_range: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    stride: int | None = None
    threshold: float | None = None
    threshold_rule: str | None = None
    pixel_threshold: float | None = None
    pixel_threshold_rule: str | None = None
    held_out_scores: tuple[float, ...] = ()
    scored: str | None = None
    class_names: tuple[str, ...] = ()
    trained_on: str | None = None
    crop: tuple[int, int] | None = None
    data: Description | None = None
    version: str = __version__

    def __post_init__(self):
        for name in ("resize", "crop"):
            if (given := getattr(self, name)) is None:
                continue
            size = checks.ints("ModelCard", name, given)
            if len(size) != 2:
                raise ValueError(
                    f"ModelCard: {name} must be (height, width) or None. Received: {name}={size}."
                )
            object.__setattr__(self, name, size)
        if self.color is not None:
            checks.one_of("ModelCard", color=(self.color, COLORS))
        if self.value_range is not None:
            low, high = self.value_range
            checks.number("ModelCard", lowest_value=low, highest_value=high)
            object.__setattr__(self, "value_range", (float(low), float(high)))
        for name in ("threshold", "pixel_threshold"):
            if (value := getattr(self, name)) is not None:
                checks.number("ModelCard", **{name: value})
                object.__setattr__(self, name, float(value))
        scores = tuple(sorted(float(score) for score in self.held_out_scores))
        object.__setattr__(self, "held_out_scores", scores)
        if self.column_range is not None:
            lows, highs = (tuple(map(float, each)) for each in self.column_range)
            object.__setattr__(self, "column_range", (lows, highs))
        object.__setattr__(self, "columns", tuple(map(str, self.columns)))
        if isinstance(self.data, dict):
            object.__setattr__(self, "data", Description.from_json(self.data))
        object.__setattr__(self, "class_names", tuple(str(name) for name in self.class_names))

    def get_config(self) -> dict:
        """Returns the card as a dict that JSON can hold; the version is the running one."""
        data = None if self.data is None else self.data.to_json()
        return {**dataclasses.asdict(self), "data": data, "version": __version__}

    def without_thresholds(self) -> "ModelCard":
        """Returns the card less what was taken from scores: the weights are about to change."""
        return dataclasses.replace(
            self,
            threshold=None,
            threshold_rule=None,
            pixel_threshold=None,
            pixel_threshold_rule=None,
            held_out_scores=(),
            scored=None,
        )

    @classmethod
    def from_config(cls, config: dict | None) -> "ModelCard":
        """Returns the card of a dict; fields that this version does not know are left out."""
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{key: value for key, value in (config or {}).items() if key in known})


def anomaly_threshold(
    scores,
    *,
    false_alarm_rate: float | None = None,
    quantile: float | None = None,
    num_sigmas: float | None = None,
    owner: str = "anomaly_threshold",
) -> tuple[float, str]:
    """Computes the score above which an image is an anomaly, from normal images alone.

        the l-th largest score, l = floor((n + 1) false_alarm_rate),
        or a quantile of the scores,   or   mean + num_sigmas * standard deviation (n - 1)

    The first bounds the share of normal images that are flagged; see `zoo.registry.conformal`.

    Args:
        scores: `(n,)`, of normal images that the model was not trained on. Scores of training
            images are too low. Scores of anomalies do not belong here.
        false_alarm_rate: Share of normal images that may be flagged, on average, in `(0, 1)`.
            Defaults to `0.05`.
        quantile: Number in its place: the share of these scores that pass, in `(0, 1)`.
        num_sigmas: Number in its place.
        owner: Who asks, for errors.

    Returns:
        The threshold, and its rule in words.

    Raises:
        ValueError: if several rules are given, the scores are no finite vector of two or more, or
            too few for the rate.
    """
    scores = conformal.held_out_scores(owner, scores)
    rules = {
        "false_alarm_rate": false_alarm_rate,
        "quantile": quantile,
        "num_sigmas": num_sigmas,
    }
    given = [f"{name}={value}" for name, value in rules.items() if value is not None]
    if len(given) > 1:
        raise ValueError(
            f"{owner}: one of {', '.join(rules)} must be given. Received: {', '.join(given)}. "
            "Choose one."
        )
    if num_sigmas is not None:
        checks.number(owner, num_sigmas=num_sigmas)
        threshold = scores.mean() + num_sigmas * scores.std(ddof=1)
        return float(threshold), f"mean + {num_sigmas:g} sigma"
    if quantile is None:
        rate = FALSE_ALARM_RATE if false_alarm_rate is None else false_alarm_rate
        return conformal.threshold_by_rank(scores, rate, owner)
    checks.number(owner, low=0.0, high=1.0, quantile=quantile)
    if not 0 < quantile < 1:
        raise ValueError(
            f"{owner}: quantile must be above 0 and below 1. Received: "
            f"quantile={quantile}. For example 0.95."
        )
    return float(np.quantile(scores, quantile)), f"{quantile:g} quantile"
