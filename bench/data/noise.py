"""Noise that is drawn once and kept: the inputs of a denoising data set."""

import numpy as np

from bench.errors import BenchError
from zoo.layers.noise import KINDS


def parse(noise: str) -> tuple[str, float]:
    """Returns the kind and the level of `"gaussian:0.2"` and the like.

    Raises:
        BenchError: if the kind is unknown, or the level is not in `(0, 1]`.
    """
    kind, _, level = noise.partition(":")
    try:
        value = float(level)
    except ValueError:
        value = -1.0
    if kind not in KINDS or not 0 < value <= 1:
        raise BenchError(
            f"--noise must be KIND:LEVEL with KIND one of {', '.join(KINDS)} and LEVEL in "
            f"(0, 1]. Received: {noise!r}. For example gaussian:0.2."
        )
    return kind, value


def corrupt(
    images: np.ndarray, kind: str, level: float, generator: np.random.Generator
) -> np.ndarray:
    """Returns a damaged copy, float32, in `[0, 1]`.

    A pixel is hit or spared with all its channels; of flat vectors, `(n, features)`, each
    feature is a pixel.

    Args:
        images: float32 in `[0, 1]`, first axis the images.
        kind: A key of `zoo.layers.noise.KINDS`, which has the formulas.
        level: In `(0, 1]`.
        generator: Source of the noise.
    """
    noise = KINDS[kind]
    draw = generator.standard_normal if noise.is_normal else generator.random
    shape = noise.draw_shape(images.shape)
    return noise.formula(np, images, draw(shape, dtype="float32"), np.float32(level))
