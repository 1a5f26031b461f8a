"""The floor of a model: the best closed form that it has to beat to be worth its training."""

import math
from collections.abc import Iterable, Sequence

from bench.leaderboard.rows import Row


def is_exact(latent_size: int | None, image_shape: Sequence[int]) -> bool:
    """Tells whether a projection on so many components gives every image back as it is.

    Such a baseline is exact by construction: it compresses nothing, and no model can beat it.

    Args:
        latent_size: Number of components; None for baselines without a code.
        image_shape: Of one image; its product is the number of values that a code stands for.
            Empty: not known, which is no.
    """
    return latent_size is not None and bool(image_shape) and latent_size >= math.prod(image_shape)


def floor_of(row: Row, members: Iterable[Row]) -> Row | None:
    """Returns the floor of a row; None where there is none.

    Of images that are to be given back, a code of more numbers than the model's is no fair
    comparison, and one as large as the image is none at all. Anomalies may be found with any code.

    Args:
        row: Of a model.
        members: Its table, best first.
    """
    size = None if row.record.data.task == "anomaly" else row.record.model.latent_size

    def is_fair(other: Row) -> bool:
        latent_size = other.record.model.latent_size
        if is_exact(latent_size, other.record.data.image_shape or ()):
            return False
        return size is None or latent_size is None or latent_size <= size

    return next((other for other in members if other.baseline and is_fair(other)), None)
