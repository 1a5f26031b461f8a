"""Histograms of gradient directions: what edges an image has where, whatever its brightness."""

import math

from keras import ops

NUM_DIRECTIONS = 8
GRID, SMALLEST_CELL = 7, 2  # cells of a side of an image, and pixels of a side of a cell
SMALLEST_SHARE = 1e-6  # added to the sum of a histogram: an image without gradients has zeros


def gradient_histograms(
    images,
    grid: tuple[int, int],
    num_directions: int = NUM_DIRECTIONS,
    *,
    interpolate: bool = False,
):
    """Computes how much gradient of each direction there is in each cell of a grid.

        histogram[cell, k] = sum over pixels of membership[cell, pixel] direction_shares[k]

    Row `i` of `height` lies in the cells of row `floor(i * rows / height)`; columns the same.

    Args:
        images: Float tensor `(batch, height, width, channels)`, at least 3 x 3 pixels.
        grid: `(rows, columns)` of cells, at most one cell a pixel.
        num_directions: Positive int.
        interpolate: Whether a pixel counts in the cells next to it too, by how near their centres
            are, as in the paper. A shift by a pixel then changes little.

    Returns:
        Float32 tensor `(batch, rows, columns, num_directions)`, sums, each at least 0.

    Reference: Dalal and Triggs, 2005. https://doi.org/10.1109/CVPR.2005.177
    """
    height, width = images.shape[1:3]
    belongs = nearness if interpolate else membership
    in_rows, in_columns = belongs(height, grid[0]), belongs(width, grid[1])
    histograms = [
        ops.einsum("ri,bij,cj->brc", in_rows, share, in_columns)
        for share in direction_shares(images, num_directions)
    ]
    return ops.stack(histograms, axis=-1)


def direction_shares(images, num_directions: int = NUM_DIRECTIONS) -> list:
    """Computes how much gradient of each direction there is at each pixel.

        g_y, g_x = central differences, (next - previous) / 2, and 0 at the image's border
        magnitude = sqrt(g_y^2 + g_x^2),   direction = atan2(g_y, g_x) modulo pi
        share[k] = sum over channels of magnitude * w_k

    `w_k` divides a pixel between the two directions `k pi / num_directions` next to its own, in
    proportion to how near they are.

    Returns:
        For each direction a float32 tensor `(batch, height, width)`.
    """
    images = ops.cast(images, "float32")
    down = (images[:, 2:] - images[:, :-2]) / 2
    right = (images[:, :, 2:] - images[:, :, :-2]) / 2
    down = ops.pad(down, ((0, 0), (1, 1), (0, 0), (0, 0)))
    right = ops.pad(right, ((0, 0), (0, 0), (1, 1), (0, 0)))
    magnitude = ops.sqrt(ops.square(down) + ops.square(right))
    place = ops.arctan2(down, right) * (num_directions / math.pi)
    shares = []
    for direction in range(num_directions):
        away = ops.mod(place - direction, num_directions)
        away = ops.minimum(away, num_directions - away)
        shares.append(ops.sum(magnitude * ops.relu(1 - away), axis=-1))
    return shares


def whole_image_grid(height: int, width: int) -> tuple[int, int]:
    """Returns rows and columns of a grid over an image: 7 x 7, fewer where cells would be small.

    On images of 28 x 28 a cell has 4 x 4 pixels.
    """
    return tuple(max(1, min(GRID, size // SMALLEST_CELL)) for size in (height, width))


def root_shares(histograms, axes):
    """Returns the square roots of histograms that are divided by their sums over some axes.

    The Euclidean distance of two results is the Hellinger distance of the histograms, times the
    root of 2: large sums do not drown small ones.
    """
    total = ops.sum(histograms, axis=axes, keepdims=True)
    return ops.sqrt(histograms / (total + SMALLEST_SHARE))


def membership(size: int, num_cells: int):
    """Returns `(num_cells, size)`, 1 where a row of pixels lies in a cell."""
    cells = ops.arange(size) * num_cells // size
    return ops.cast(ops.arange(num_cells)[:, None] == cells[None], "float32")


def nearness(size: int, num_cells: int):
    """Returns `(num_cells, size)`, how much a row of pixels counts in a cell.

        max(0, 1 - |centre of the cell - centre of the row| / side of a cell)

    Between two centres the two numbers add up to 1.
    """
    side = size / num_cells
    centres = (ops.arange(num_cells, dtype="float32") + 0.5) * side
    rows = ops.arange(size, dtype="float32") + 0.5
    return ops.relu(1 - ops.abs(centres[:, None] - rows[None]) / side)
