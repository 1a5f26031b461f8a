"""What a model carries besides weights: how images are read for it, its threshold, its classes."""

import dataclasses

import numpy as np
from keras import ops

from zoo import checks

COLORS = ("grey", "rgb")


def running_version() -> str:
    import zoo

    return zoo.__version__


@dataclasses.dataclass(frozen=True)
class ModelCard:
    """Plain data that a model keeps in its `.keras` file; `dataclasses.replace` changes it.

    Attributes:
        resize: `(height, width)` that image files are resized to, or None.
        color: `"grey"` or `"rgb"`: what image files are converted to, or None.
        threshold: Anomaly score above which an image is an anomaly, or None.
        threshold_rule: Where the threshold comes from, in words.
        class_names: Names of the labels `0, 1, ...`, or `()`.
        trained_on: Folder or file that the model was trained on, and how many images.
        version: Version of the zoo that made the model, or that wrote its file.
    """

    resize: tuple[int, int] | None = None
    color: str | None = None
    threshold: float | None = None
    threshold_rule: str | None = None
    class_names: tuple[str, ...] = ()
    trained_on: str | None = None
    version: str = dataclasses.field(default_factory=running_version)

    def __post_init__(self):
        if self.resize is not None:
            resize = checks.ints("ModelCard", "resize", self.resize)
            if len(resize) != 2:
                raise ValueError(
                    f"Card: resize must be (height, width) or None. Received: resize={resize}."
                )
            object.__setattr__(self, "resize", resize)
        if self.color is not None:
            checks.one_of("ModelCard", color=(self.color, COLORS))
        if self.threshold is not None:
            checks.number("ModelCard", threshold=self.threshold)
            object.__setattr__(self, "threshold", float(self.threshold))
        object.__setattr__(self, "class_names", tuple(str(name) for name in self.class_names))

    def get_config(self) -> dict:
        """Returns the card as a dict that JSON can hold; the version is the running one."""
        return {**dataclasses.asdict(self), "version": running_version()}

    @classmethod
    def from_config(cls, config: dict | None) -> "ModelCard":
        """Returns the card of a dict; fields that this version does not know are left out."""
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{key: value for key, value in (config or {}).items() if key in known})


class HasModelCard:
    """Methods that every model of the zoo gets from its card."""

    card: ModelCard

    def set_threshold(self, scores, *, quantile: float | None = None, num_sigmas=None) -> float:
        """Sets the score above which an image is an anomaly, and keeps it in `card`.

        Args:
            scores: Anomaly scores of normal images that the model was not trained on, `(n,)`.
                Scores of anomalies, or of the training images, make the threshold wrong.
            quantile: Share of the normal images that pass, in `(0, 1)`. Defaults to `0.95`.
            num_sigmas: Number in place of `quantile`: the threshold is the scores' mean plus that
                many standard deviations.

        Returns:
            The threshold.

        Raises:
            ValueError: if both rules are given, or the scores are no finite vector.
        """
        owner = f"{type(self).__name__}.set_threshold"
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
            rule = f"mean + {num_sigmas:g} sigma"
        else:
            quantile = 0.95 if quantile is None else quantile
            checks.number(owner, low=0.0, high=1.0, quantile=quantile)
            if not 0 < quantile < 1:
                raise ValueError(
                    f"{owner}: quantile must be above 0 and below 1. Received: "
                    f"quantile={quantile}. For example 0.95."
                )
            threshold = np.quantile(scores, quantile)
            rule = f"{quantile:g} quantile"
        self.card = dataclasses.replace(
            self.card,
            threshold=float(threshold),
            threshold_rule=f"{rule} of {len(scores)} held-out scores",
        )
        return self.card.threshold

    def is_anomaly(self, x):
        """Tells for each image whether its anomaly score is above the card's threshold.

        Returns:
            Booleans, `(batch,)`.

        Raises:
            TypeError: if the model gives no anomaly scores.
            ValueError: if no threshold is set.
        """
        owner = f"{type(self).__name__}.is_anomaly"
        if not hasattr(self, "anomaly_score"):
            raise TypeError(f"{owner}: the model has no anomaly_score. Use an autoencoder.")
        if self.card.threshold is None:
            raise ValueError(
                f"{owner}: card.threshold must be set. Received: card.threshold=None. "
                "Call model.set_threshold(model.anomaly_score(held_out_normals))."
            )
        return self.anomaly_score(x) > self.card.threshold

    def describe(self) -> list[str]:
        """Returns what the model is, in two lines, and a third when it carries a threshold."""
        weights = [
            f"{float(ops.convert_to_numpy(weight)):g} * {name}"
            for name, weight in self.term_weights.items()
        ]
        name = self.registry_name or type(self).__name__
        first_line = (type(self).__doc__ or "").strip().splitlines()[:1]
        facts = [
            f"image_shape {self.image_shape}",
            f"{self.count_params():,} parameters",
            f"loss = {' + '.join(weights).replace('1 * ', '')}",
        ]
        if self.registry_name is not None:
            from zoo.registry.entries import get

            facts.append(get(self.registry_name).paper)
        lines = [": ".join([name, *first_line]), ", ".join(facts)]
        if self.card.threshold is not None:
            rule = self.card.threshold_rule or "set by hand"
            lines.append(f"anomalies: score above {self.card.threshold:.4g} ({rule})")
        return lines

    def summary(self, line_length=None, positions=None, print_fn=None, **kwargs):
        """Prints what the model is, then Keras's table of its layers."""
        for line in self.describe():
            (print_fn or print)(line)
        super().summary(line_length, positions, print_fn, **kwargs)
