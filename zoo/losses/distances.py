"""Exact Euclidean distances to the border of a mask, by operations that any compiler takes."""

from keras import ops

_FAR = 1e9  # squared pixels; beyond every image


def distance_map(mask):
    """Computes the signed distance of each pixel to the border of its mask, in pixels.

    Outside, the distance to the nearest pixel of the mask (at least 1); inside, minus the
    distance to the nearest pixel outside, plus 1 (0 at the mask's outermost pixels). A mask
    without a border, empty or full, gives 0 everywhere.

    Args:
        mask: `(batch, height, width, channels)` or `(batch, length, channels)` of known sizes,
            split at 0.5. Each channel is a mask of its own.

    Returns:
        Float32 tensor of the same shape.

    Raises:
        ValueError: for another rank or an unknown size.

    Reference: the exact transform, one axis at a time: Felzenszwalb and Huttenlocher, 2012.
    https://doi.org/10.4086/toc.2012.v008a019
    """
    shape = tuple(mask.shape)
    if len(shape) not in (3, 4) or None in shape[1:]:
        raise ValueError(
            "distance_map: mask must have shape (batch, height, width, channels) or "
            f"(batch, length, channels) of known sizes. Received: shape {shape}."
        )
    axes = tuple(range(1, len(shape) - 1))
    inside = ops.cast(ops.convert_to_tensor(mask) > 0.5, "float32")
    squared = ops.concatenate([1 - inside, inside], axis=-1) * _FAR
    for axis in axes:
        squared = _nearest_along(squared, axis)
    to_mask, to_outside = ops.split(ops.sqrt(squared), 2, axis=-1)
    signed = to_mask - ops.maximum(to_outside - 1, 0.0)
    covered = ops.mean(inside, axis=axes, keepdims=True)
    has_border = ops.logical_and(covered > 0, covered < 1)
    return ops.where(has_border, signed, ops.zeros_like(signed))


def _nearest_along(squared, axis: int):
    """Computes `min_j squared[j] + (i - j)^2` along one axis, one `j` after the other."""
    lines = ops.moveaxis(squared, axis, 0)
    size = lines.shape[0]
    position = ops.reshape(
        ops.arange(size, dtype="float32"), (size,) + (1,) * (len(lines.shape) - 1)
    )

    def through(index, best):
        offset = position - ops.cast(index, "float32")
        return ops.minimum(best, ops.take(lines, index, axis=0) + ops.square(offset))

    return ops.moveaxis(ops.fori_loop(0, size, through, lines), 0, axis)
