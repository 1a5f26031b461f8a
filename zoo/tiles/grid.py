"""Maps of images of any size: tile by tile, and blended where tiles overlap.

The weights of tiles are products of weights along the axes, and along each axis they add up to 1
at every place. So a map needs no sum of weights beside it and is ready from its first rows on: no
more than one row of tiles is in memory. Series, images and volumes are treated alike.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

BLENDS = ("gaussian", "constant")
MAX_OVERLAP = 0.9
_SIGMA = 0.125  # of the tile: its edge weighs exp(-8) of its middle


@dataclasses.dataclass(frozen=True)
class Axis:
    """The tiles along one axis.

    Attributes:
        size: Of the image.
        tile: Of each tile.
        starts: First place of each tile, rising; one below 0 where the image is smaller than it.
        weights: float32 `(tiles, tile)`; at each place of the image they add up to 1.
    """

    size: int
    tile: int
    starts: tuple[int, ...]
    weights: np.ndarray

    def inside(self, index: int) -> tuple[slice, slice]:
        """Returns what of the image a tile covers, and the same part of the tile."""
        start = self.starts[index]
        first, last = max(start, 0), min(start + self.tile, self.size)
        return slice(first, last), slice(first - start, last - start)


def axis(size: int, tile: int, overlap: float = 0.25, blend: str = "gaussian") -> Axis:
    """Lays tiles along an axis, evenly, the first and the last at its ends.

    Args:
        overlap: Share of a tile, in `[0, 0.9]`, that the next one covers at least.
        blend: `"gaussian"`, of a deviation of 1/8 of the tile, or `"constant"`.
    """
    if size <= tile:
        starts = np.array([-((tile - size) // 2)])
    else:
        stride = max(1, int(tile * (1 - overlap)))
        number = -(-(size - tile) // stride) + 1
        starts = np.rint(np.linspace(0, size - tile, number)).astype(int)
    weights = np.ones(tile)
    if blend == "gaussian":
        offset = (np.arange(tile) - (tile - 1) / 2) / (_SIGMA * tile)
        weights = np.exp(-0.5 * np.square(offset))
    total = np.zeros(max(size, tile))
    first = starts[0]  # below 0 for an image smaller than its tile
    for start in starts:
        total[start - first : start - first + tile] += weights
    shares = np.stack([weights / total[s - first : s - first + tile] for s in starts])
    return Axis(size, tile, tuple(starts.tolist()), shares.astype("float32"))


def axes(
    shape: Sequence[int], tile: Sequence[int], overlap: float = 0.25, blend: str = "gaussian"
) -> tuple[Axis, ...]:
    """Lays tiles along each axis of an image.

    Raises:
        ValueError: for arguments out of range.
    """
    if blend not in BLENDS:
        raise ValueError(f"tiles: blend must be one of {', '.join(BLENDS)}. Received: {blend!r}.")
    if not 0 <= overlap <= MAX_OVERLAP:
        raise ValueError(
            f"tiles: overlap must be a share of the tile from 0 to {MAX_OVERLAP}. "
            f"Received: overlap={overlap!r}. For example 0.25."
        )
    return tuple(axis(*sizes, overlap, blend) for sizes in zip(shape, tile, strict=True))


def cut(image, grid: Sequence[Axis], place: Sequence[int]) -> np.ndarray:
    """Returns one tile, `(*tile, channels)`; beyond the image's edge it goes on mirrored."""
    parts = [each.inside(index) for each, index in zip(grid, place, strict=True)]
    values = np.asarray(image[tuple(of_image for of_image, _ in parts)])
    pads = [
        (of_tile.start, each.tile - of_tile.stop)
        for each, (_, of_tile) in zip(grid, parts, strict=True)
    ]
    if not any(map(any, pads)):
        return values
    return np.pad(values, [*pads, *((0, 0),) * (values.ndim - len(pads))], mode="symmetric")


def blended(
    image,
    grid: Sequence[Axis],
    function: Callable[[np.ndarray], np.ndarray],
    batch_size: int = 8,
) -> Iterator[tuple[int, np.ndarray]]:
    """Yields the map of an image, a band of rows at a time, from the first to the last.

    Args:
        image: `(*sizes, channels)`; anything that gives arrays for slices, such as a file that is
            mapped to memory.
        grid: See `axes`.
        function: From tiles `(n, *tile, channels)` to their maps `(n, *tile, ...)`.
        batch_size: Tiles at a time.

    Yields:
        The first row of the band, and its values, float32 `(rows, *other sizes, ...)`; they are
        written over when the next band is asked for.
    """
    rows, *others = grid
    places = list(itertools.product(*(range(len(each.starts)) for each in others)))
    band = None
    for index in range(len(rows.starts)):
        for number in range(0, len(places), batch_size):
            chosen = [(index, *place) for place in places[number : number + batch_size]]
            maps = function(np.stack([cut(image, grid, place) for place in chosen]))
            if band is None:
                shape = [min(each.size, each.tile) for each in grid[:1]]
                shape += [each.size for each in others]
                band = np.zeros((*shape, *maps.shape[1 + len(grid) :]), "float32")
            for place, values in zip(chosen, maps, strict=True):
                _add(band, grid, place, values)
        first = max(rows.starts[index], 0)
        is_last = index + 1 == len(rows.starts)
        num_ready = (rows.size if is_last else rows.starts[index + 1]) - first
        yield first, band[:num_ready]
        band[: len(band) - num_ready] = band[num_ready:].copy()
        band[len(band) - num_ready :] = 0


def _add(band: np.ndarray, grid: Sequence[Axis], place: Sequence[int], values) -> None:
    """Adds the weighed map of a tile to a band, whose first row is the tile's."""
    windows, weights = [], np.float32(1)
    for number, (each, index) in enumerate(zip(grid, place, strict=True)):
        of_image, of_tile = each.inside(index)
        windows.append(of_image if number else slice(0, of_tile.stop - of_tile.start))
        values = values[(slice(None),) * number + (of_tile,)]
        weights = np.multiply.outer(weights, each.weights[index][of_tile])
    band[tuple(windows)] += values * weights.reshape(
        weights.shape + (1,) * (values.ndim - len(grid))
    )
