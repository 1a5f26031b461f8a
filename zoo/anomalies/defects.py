"""Defects with known masks on real images, for pixel metrics without a download.

The images are real, the defects are drawn. So a score compares models with each other; it does not
predict how a model does on the defects of a factory. In an image with an object, the defect lies on
the object: where pixels differ from the colour of the image's frame. A mask holds exactly the
pixels that changed, each by at least `MIN_CHANGE` in one channel. Smaller changes are undone, so
that no invisible change counts as missed.
"""

import numbers

import numpy as np

from zoo import checks

MIN_CHANGE = 0.05
MIN_PIXELS = 3
MIN_SIDE = 8  # of an image, in pixels
MAX_TRIES = 50


def defective(images: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Damages every image in one way; each kind comes once in every four images.

    An image that cannot be damaged by its kind, as an empty one by `missing_part`, gets the next
    kind that works. What an image gets depends on `seed` and its row alone, not on those after.

    Args:
        images: float `(n, height, width, channels)` in `[0, 1]`, of at least 8 x 8 pixels.
        seed: Int >= 0.

    Returns:
        The damaged images, float32; masks, uint8 `(n, height, width, 1)`, 1 where damaged; and
        the name of each image's defect.

    Raises:
        ValueError: for other images, or an image that no kind can damage.
    """
    images = _checked(images)
    if not isinstance(seed, numbers.Integral) or isinstance(seed, bool) or seed < 0:
        raise ValueError(f"defective: seed must be an int >= 0. Received: seed={seed!r}.")
    damaged, masks, kinds = images.copy(), _no_masks(images), []
    for row, image in enumerate(images):
        block, place = divmod(row, len(KINDS))
        order = np.random.default_rng([seed, 0, block]).permutation(KINDS)
        generator = np.random.default_rng([seed, 1, row])
        for kind in np.roll(order, -place):
            damaged_pair = damage(image, generator, kind)
            if damaged_pair is not None:
                damaged[row], masks[row, ..., 0] = damaged_pair
                kinds.append(str(kind))
                break
        else:
            raise ValueError(
                f"defective: image {row} must have something to damage. Received: at most "
                f"{MIN_PIXELS - 1} pixels that would change by {MIN_CHANGE:g} in {MAX_TRIES} "
                "tries of each kind. Leave it out."
            )
    return damaged, masks, np.array(kinds)


# --- one image: a damaged copy, which may equal it ----------------------------------------------


def _scratch(image: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    height, width = image.shape[:2]
    side = min(height, width)
    length = side * generator.uniform(0.4, 0.9)
    middle = _place(image, generator)
    angle = generator.uniform(0, np.pi)
    along = np.array([np.sin(angle), np.cos(angle)])
    across = np.array([along[1], -along[0]])
    steps = np.linspace(-0.5, 0.5, 4 * side)[:, None]
    bend = generator.uniform(-0.5, 0.5)
    points = middle + length * (steps * along + bend * steps**2 * across)
    thickness = int(generator.integers(1, 2 + side // 32))
    offsets = np.stack(np.mgrid[:thickness, :thickness], axis=-1).reshape(-1, 1, 2)
    pixels = (np.rint(points).astype(int) + offsets).reshape(-1, 2)
    is_inside = ((pixels >= 0) & (pixels < (height, width))).all(axis=1)
    rows, columns = np.unique(pixels[is_inside], axis=0).T
    damaged = image.copy()
    shade = generator.uniform(0, 0.2)
    damaged[rows, columns] = 1 - shade if image[rows, columns].mean() < 0.5 else shade
    return damaged


def _cut_paste(image: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    extents = np.array(image.shape[:2])
    area = extents.prod() * generator.uniform(0.02, 0.15)
    ratio = np.exp(generator.uniform(-1, 1) * np.log(3.3))
    sides = np.sqrt([area * ratio, area / ratio])
    sides = np.clip(np.rint(sides).astype(int), 2, extents - 1)
    start = generator.integers(extents - sides + 1)
    end = np.clip(_place(image, generator) - sides // 2, 0, extents - sides)
    cut, paste = (
        tuple(slice(first, first + side) for first, side in zip(corner, sides, strict=True))
        for corner in (start, end)
    )
    damaged = image.copy()
    damaged[paste] = image[cut]
    return damaged


def _noise_patch(image: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    is_inside = _ellipse(image, generator)
    noise = generator.random(image.shape, dtype="float32")
    return np.where(is_inside[..., None], noise, image)


def _missing_part(image: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    is_inside = _ellipse(image, generator)
    return np.where(is_inside[..., None], _frame_colour(image), image)


_DAMAGES = {
    "scratch": _scratch,
    "cut_paste": _cut_paste,
    "noise_patch": _noise_patch,
    "missing_part": _missing_part,
}
KINDS = tuple(_DAMAGES)


# --- shared -------------------------------------------------------------------------------------


def damage(
    image: np.ndarray, generator: np.random.Generator, kind: str
) -> tuple[np.ndarray, np.ndarray] | None:
    """Damages one image in one way; None where nothing would be seen of it.

    `scratch` is a thin, bent line, bright on dark or dark on bright. `cut_paste` copies a
    rectangle, 2 to 15 % of the image with sides up to 3.3 to 1, to another place of it.
    `noise_patch` fills an ellipse with uniform noise in `[0, 1]`, `missing_part` with the colour
    of the image's frame.

    Args:
        image: float32 `(height, width, channels)` in `[0, 1]`.
        generator: Source of all choices.
        kind: Of `KINDS`.

    Returns:
        The damaged image, and bools `(height, width)`, true where it was damaged.

    Reference: cut and paste: Li et al., 2021. https://arxiv.org/abs/2104.04015
    """
    for _ in range(MAX_TRIES):
        drawn = _DAMAGES[kind](image, generator)
        is_changed = (np.abs(drawn - image) >= MIN_CHANGE).any(axis=-1)
        if is_changed.sum() >= MIN_PIXELS:
            return np.where(is_changed[..., None], drawn, image), is_changed
    return None


def _ellipse(image: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Returns `(height, width)`, true inside a random ellipse, which lies on the object."""
    height, width = image.shape[:2]
    angle = generator.uniform(0, np.pi)
    radii = min(height, width) * generator.uniform(0.08, 0.25, size=2)
    row, column = _place(image, generator)
    y, x = np.mgrid[:height, :width]
    along = (y - row) * np.sin(angle) + (x - column) * np.cos(angle)
    across = (y - row) * np.cos(angle) - (x - column) * np.sin(angle)
    return (along / radii[0]) ** 2 + (across / radii[1]) ** 2 <= 1


def _place(image: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Returns row and column of a random pixel of the object, or of any where there is none."""
    is_object = (np.abs(image - _frame_colour(image)) >= MIN_CHANGE).any(axis=-1)
    pixels = np.argwhere(is_object if is_object.any() else np.ones_like(is_object))
    return pixels[generator.integers(len(pixels))]


def _frame_colour(image: np.ndarray) -> np.ndarray:
    """Returns the median, of each channel, of the outermost pixels."""
    frame = np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]])
    return np.median(frame, axis=0).astype(image.dtype)


def _no_masks(images: np.ndarray) -> np.ndarray:
    return np.zeros((*images.shape[:-1], 1), "uint8")


def _checked(images: np.ndarray) -> np.ndarray:
    images = np.asarray(images)
    if images.ndim != 4 or min(images.shape[1:3]) < MIN_SIDE or images.dtype.kind != "f":
        raise ValueError(
            "defects: images must be floats of shape (n, height, width, channels), at least "
            f"{MIN_SIDE} x {MIN_SIDE} pixels. Received: shape {images.shape} of {images.dtype}."
        )
    checks.images("defects", images, images.shape[1:], "images")
    return images.astype("float32")
