"""Damage that takes away what only someone who knows normal images can give back.

Undoing it asks for more than removing noise: what is up, what lies behind a gap, which colour. A
network that was trained on normal images restores these well and others badly.

    rotate90  turned by 90, 180 or 270 degrees, `level` of the images
    erase     `level` of the cells of an 8 x 8 grid set to 0
    blur      (1 - level) x + level blurred,  three times a 1-2-1 kernel along rows and columns
    grey      (1 - level) x + level mean over channels

Reference: Fei et al., 2020 (ARNet). https://arxiv.org/abs/1911.10676
Zavrtanik et al., 2021 (RIAD). https://doi.org/10.1016/j.patcog.2020.107706
"""

from keras import ops

from zoo.layers import row_noise
from zoo.layers.gradient_histograms import membership

GRID = 8  # cells of a side that are erased
_BLURS = 3


def rotate90(x, level, source):
    draw = row_noise.uniform((ops.shape(x)[0], 1, 1, 1), source)
    turned = x
    for turns in (1, 2, 3):  # each a third of the draws below the level
        low = level * (turns - 1) / 3
        is_chosen = ops.logical_and(draw >= low, draw < level * turns / 3)
        turned = ops.where(is_chosen, ops.rot90(x, k=turns, axes=(1, 2)), turned)
    return turned


def erase(x, level, source):
    return x * (1 - erased(x, level, source))


def erased(x, level, source):
    """Returns `(batch, height, width, 1)`, 1 in the cells that are erased."""
    height, width = x.shape[1:3]
    rows, columns = min(GRID, height), min(GRID, width)
    draw = row_noise.uniform((ops.shape(x)[0], rows, columns), source)
    cells = ops.cast(draw < level, x.dtype)
    down, right = (
        ops.cast(membership(*pair), x.dtype) for pair in ((height, rows), (width, columns))
    )
    return ops.einsum("brc,rh,cw->bhw", cells, down, right)[..., None]


def blur(x, level, source):
    soft = x
    for _ in range(_BLURS):
        for axis in (1, 2):
            soft = _smoothed(soft, axis)
    return (1 - level) * x + level * soft


def grey(x, level, source):
    return (1 - level) * x + level * ops.mean(x, axis=-1, keepdims=True)


def _smoothed(x, axis: int):
    """Averages with weights 1/4, 1/2, 1/4 along an axis; the border repeats its pixels."""
    size = x.shape[axis]
    before = ops.take(x, [0, *range(size - 1)], axis=axis)
    after = ops.take(x, [*range(1, size), size - 1], axis=axis)
    return 0.25 * before + 0.5 * x + 0.25 * after


RESTORATIONS = {"rotate90": rotate90, "erase": erase, "blur": blur, "grey": grey}


def problem(kind: str, image_shape: tuple[int, ...]) -> str | None:
    """Returns what images a kind needs that these are not, None where it works."""
    if len(image_shape) != 3:
        return f"corruption={kind!r} needs images, (height, width, channels)"
    if kind == "rotate90" and image_shape[0] != image_shape[1]:
        return "corruption='rotate90' needs images as high as wide"
    if kind == "grey" and image_shape[-1] < 2:
        return "corruption='grey' needs images with colours"
    return None
