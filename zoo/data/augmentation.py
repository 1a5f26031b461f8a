"""Random scaling, rotation, shifts and flips of images, and of their masks alike.

In NumPy, without Keras: the changes depend on the seed, the epoch and the place of the batch alone,
whatever the number of workers, and the command line reads its option without loading Keras. The
layers `keras.layers.Random*` draw from a state that moves with every call, so that a training
could not be repeated with another number of workers.
"""

import dataclasses

import numpy as np

FLIPS = ("horizontal", "vertical", "both")
EXAMPLE = "flip,shift:0.1,rotation:10,scale:0.9-1.1"


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """What may be done to an image; `augment` takes the same arguments.

    Attributes:
        flips: `"horizontal"`, `"vertical"` or `"both"`, each with probability 1/2; None: none.
        max_shift: In `[0, 1)`, share of the height and of the width, up to which an image moves.
        max_rotation_degrees: In `[0, 180]`; the angle is uniform between minus this and this.
        scale_range: Smallest and largest factor of size; above 1 things look larger.
    """

    flips: str | None = None
    max_shift: float = 0.0
    max_rotation_degrees: float = 0.0
    scale_range: tuple[float, float] = (1.0, 1.0)

    def __post_init__(self):
        low, high = self.scale_range
        for name, is_right, expectation in (
            ("flips", self.flips is None or self.flips in FLIPS, f"one of {', '.join(FLIPS)}"),
            ("max_shift", 0 <= self.max_shift < 1, "at least 0 and below 1"),
            ("max_rotation_degrees", 0 <= self.max_rotation_degrees <= 180, "from 0 to 180"),
            ("scale_range", 0.1 <= low <= high <= 10, "two factors from 0.1 to 10, smaller first"),
        ):
            if not is_right:
                raise ValueError(
                    f"augmentation: {name} must be {expectation}. "
                    f"Received: {name}={getattr(self, name)!r}. For example {EXAMPLE}."
                )

    @property
    def is_exact(self) -> bool:
        """Tells whether pixels only change places, without interpolation."""
        return (self.max_shift, self.max_rotation_degrees, *self.scale_range) == (0, 0, 1, 1)


def parse(text: str) -> Augmentation:
    """Reads `"flip,shift:0.1,rotation:10,scale:0.9-1.1"`, or a part of it.

    `flip` alone is horizontal; `flip:vertical` and `flip:both` are the others.

    Raises:
        ValueError: for another name, a repeated one, or a number out of range.
    """
    settings: dict = {}
    for item in text.split(","):
        kind, _, value = item.strip().partition(":")
        try:
            if kind == "flip":
                name, setting = "flips", value or "horizontal"
            elif kind == "shift":
                name, setting = "max_shift", float(value)
            elif kind == "rotation":
                name, setting = "max_rotation_degrees", float(value)
            elif kind == "scale":
                low, high = (float(factor) for factor in value.split("-"))
                name, setting = "scale_range", (low, high)
            else:
                raise ValueError
        except ValueError:
            raise ValueError(
                "augment must name flip, shift:SHARE, rotation:DEGREES or scale:LOW-HIGH, "
                f"with commas between. Received: {item.strip()!r}. For example {EXAMPLE}."
            ) from None
        if name in settings:
            raise ValueError(f"augment names {kind} twice. Received: {text!r}. Give it once.")
        settings[name] = setting
    return Augmentation(**settings)


def augment(
    images: np.ndarray,
    masks: np.ndarray | None = None,
    *,
    flips: str | None = None,
    max_shift: float = 0.0,
    max_rotation_degrees: float = 0.0,
    scale_range: tuple[float, float] = (1.0, 1.0),
    seed: int | tuple[int, ...] = 0,
):
    """Changes each image by itself at random, and its mask in the same way.

    An image is scaled and rotated about its centre, then shifted, then flipped. Beyond the edge it
    goes on mirrored. Images are interpolated linearly; masks take the nearest value, so that no
    new class arises. With flips alone, pixels keep their values.

    Args:
        images: `(n, height, width, channels)`.
        masks: `(n, height, width, channels)`: of whole numbers, taken as classes, or of floats,
            which are taken as pictures (the clean targets of denoising) and interpolated; or None.
        seed: The same numbers give the same changes.

    Returns:
        The changed images, and with `masks` the pair of both; kinds and shapes as given.

    Raises:
        ValueError: for images of another shape, and for arguments out of range.
    """
    config = Augmentation(flips, max_shift, max_rotation_degrees, scale_range)
    if images.ndim != 4 or (masks is not None and masks.shape[:3] != images.shape[:3]):
        raise ValueError(
            "augmentation: images must have shape (n, height, width, channels), and masks the same "
            f"but for the channels. Received: {images.shape} and "
            f"{None if masks is None else masks.shape}. Series and vectors go without."
        )
    generator = np.random.default_rng(seed)
    num, height, width = images.shape[:3]
    matrix, shift = _draw(config, num, height, width, generator)
    rows, columns = _sources(matrix, shift, height, width)
    outputs = [
        _nearest(values, rows, columns)
        if config.is_exact or values.dtype.kind not in "f"
        else _linear(values, rows, columns)
        for values in (images, masks)
        if values is not None
    ]
    return outputs[0] if masks is None else tuple(outputs)


def _draw(config: Augmentation, num: int, height: int, width: int, generator):
    """Returns, for each image, the matrix and the shift from a new pixel back to its source.

    All numbers are drawn for every configuration, so that a change of one setting leaves the rest.
    """
    scale = generator.uniform(*config.scale_range, num)
    limit = np.deg2rad(config.max_rotation_degrees)
    angle = generator.uniform(-limit, limit, num)
    shift = generator.uniform(-config.max_shift, config.max_shift, (num, 2)) * (height, width)
    is_flipped = generator.random((num, 2)) < 0.5
    is_flipped &= (config.flips in ("vertical", "both"), config.flips in ("horizontal", "both"))
    sign = np.where(is_flipped, -1.0, 1.0)
    cosine, sine = np.cos(angle) / scale, np.sin(angle) / scale
    matrix = np.stack([np.stack([cosine, sine], -1), np.stack([-sine, cosine], -1)], 1)
    return matrix * sign[:, None, :], np.einsum("nij,nj->ni", matrix, -shift)


def _sources(matrix: np.ndarray, shift: np.ndarray, height: int, width: int):
    """Returns the row and the column, both `(n, height, width)`, that each new pixel shows."""
    matrix, shift = matrix.astype("float32"), shift.astype("float32")
    centre = np.float32((height - 1) / 2), np.float32((width - 1) / 2)
    down = np.arange(height, dtype="float32")[:, None] - centre[0]
    across = np.arange(width, dtype="float32") - centre[1]
    positions = []
    for axis, extent in enumerate((height, width)):
        by_row, by_column = (matrix[:, axis, other, None, None] for other in (0, 1))
        offset = (shift[:, axis] + centre[axis])[:, None, None]
        positions.append(_mirrored((by_row * down + offset) + by_column * across, extent))
    return positions


def _mirrored(position: np.ndarray, extent: int) -> np.ndarray:
    """Folds positions back into the image: beyond the edge, pixels come again in reverse."""
    folded = np.mod(position + np.float32(0.5), np.float32(2 * extent))
    folded = np.minimum(folded, 2 * extent - folded) - np.float32(0.5)
    return np.clip(folded, 0, extent - 1, out=folded)


def _nearest(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return _taken(values, np.rint(rows).astype("int32"), np.rint(columns).astype("int32"))


def _linear(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    top, left = rows.astype("int32"), columns.astype("int32")  # positions are not negative
    bottom = np.minimum(top + 1, values.shape[1] - 1)
    right = np.minimum(left + 1, values.shape[2] - 1)
    down, across = (rows - top)[..., None], (columns - left)[..., None]
    upper, lower = _taken(values, top, left), _taken(values, bottom, left)
    upper += (_taken(values, top, right) - upper) * across
    lower += (_taken(values, bottom, right) - lower) * across
    upper += (lower - upper) * down
    # Rounding must not lift a pixel above 1.
    return np.clip(upper, values.min(), values.max(), out=upper)


def _taken(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    num, height, width, channels = values.shape
    first = np.arange(0, num * height * width, height * width)[:, None, None]
    return values.reshape(-1, channels).take(first + rows * width + columns, axis=0)
