"""What a model carries besides weights: how images are read for it, its threshold, its classes."""

import dataclasses

from zoo import checks
from zoo.version import __version__

COLORS = ("grey", "rgb")


@dataclasses.dataclass(frozen=True)
class ModelCard:
    """Plain data that a model keeps in its `.keras` file; `dataclasses.replace` changes it.

    Attributes:
        resize: `(height, width)` that image files are resized to, or None.
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
    version: str = __version__

    def __post_init__(self):
        if self.resize is not None:
            resize = checks.ints("ModelCard", "resize", self.resize)
            if len(resize) != 2:
                raise ValueError(
                    f"ModelCard: resize must be (height, width) or None. Received: resize={resize}."
                )
            object.__setattr__(self, "resize", resize)
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
