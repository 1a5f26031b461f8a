"""What a model carries besides weights: how images are read for it, its threshold, its classes."""

import dataclasses

import numpy as np

from zoo import checks
from zoo.version import __version__

COLORS = ("grey", "rgb")


@dataclasses.dataclass(frozen=True)
class ModelCard:
    """Plain data that a model keeps in its `.keras` file; `dataclasses.replace` changes it.

    Attributes:
        resize: `(height, width)` that image files are resized to, or None.
        crop: `(height, width)` of the crops that the model was trained on: image files are then
            read in their own size, and worked on tile by tile. None: they are resized.
        color: `"grey"` or `"rgb"`: what image files are converted to, or None.
        value_range: `(low, high)`: what is black and white in image files, or None: their type's.
        threshold: Anomaly score above which an image is an anomaly, or None.
        threshold_rule: Where the threshold comes from, in words.
        class_names: Names of the labels `0, 1, ...`, or `()`.
        trained_on: Folder or file that the model was trained on, and how many images.
        version: Version of the zoo that made the model, or that wrote its file.
    """

    resize: tuple[int, int] | None = None
    color: str | None = None
    value_range: tuple[float, float] | None = None
    threshold: float | None = None
    threshold_rule: str | None = None
    class_names: tuple[str, ...] = ()
    trained_on: str | None = None
    crop: tuple[int, int] | None = None
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
        if self.threshold is not None:
            checks.number("ModelCard", threshold=self.threshold)
            object.__setattr__(self, "threshold", float(self.threshold))
        object.__setattr__(self, "class_names", tuple(str(name) for name in self.class_names))

    def get_config(self) -> dict:
        """Returns the card as a dict that JSON can hold; the version is the running one."""
        return {**dataclasses.asdict(self), "version": __version__}

    @classmethod
    def from_config(cls, config: dict | None) -> "ModelCard":
        """Returns the card of a dict; fields that this version does not know are left out."""
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{key: value for key, value in (config or {}).items() if key in known})


def anomaly_threshold(
    scores,
    *,
    quantile: float | None = None,
    num_sigmas: float | None = None,
    owner: str = "anomaly_threshold",
) -> tuple[float, str]:
    """Computes the score above which an image is an anomaly, from normal images alone.

        quantile of the scores,   or   mean + num_sigmas * standard deviation (n - 1)

    Args:
        scores: `(n,)`, of normal images that the model was not trained on. Scores of training
            images are too low. Scores of anomalies do not belong here.
        quantile: Share of the normals that pass, in `(0, 1)`. Defaults to `0.95`.
        num_sigmas: Number in place of `quantile`.
        owner: Who asks, for errors.

    Returns:
        The threshold, and its rule in words.

    Raises:
        ValueError: if both rules are given, or the scores are no finite vector of two or more.
    """
    scores = np.asarray(scores)
    if scores.ndim != 1 or len(scores) < 2 or scores.dtype.kind not in "uif":
        raise ValueError(
            f"{owner}: scores must be a vector of at least 2 numbers. Received: shape "
            f"{scores.shape} of {scores.dtype}. Use model.anomaly_score(held_out_normals)."
        )
    scores = scores.astype("float64")
    if not np.isfinite(scores).all():
        raise ValueError(
            f"{owner}: scores must be finite. Received: NaN or infinity in "
            f"{int((~np.isfinite(scores)).sum())} of {len(scores)}. Train the model again."
        )
    if quantile is not None and num_sigmas is not None:
        raise ValueError(
            f"{owner}: quantile must be None when num_sigmas is given. Received: "
            f"quantile={quantile}, num_sigmas={num_sigmas}. Choose one."
        )
    if num_sigmas is not None:
        checks.number(owner, num_sigmas=num_sigmas)
        threshold = scores.mean() + num_sigmas * scores.std(ddof=1)
        return float(threshold), f"mean + {num_sigmas:g} sigma"
    quantile = 0.95 if quantile is None else quantile
    checks.number(owner, low=0.0, high=1.0, quantile=quantile)
    if not 0 < quantile < 1:
        raise ValueError(
            f"{owner}: quantile must be above 0 and below 1. Received: "
            f"quantile={quantile}. For example 0.95."
        )
    return float(np.quantile(scores, quantile)), f"{quantile:g} quantile"
