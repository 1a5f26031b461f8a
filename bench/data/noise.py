"""Noise that is drawn once and kept: the inputs of a denoising data set."""

import numpy as np

from bench.errors import BenchError

KINDS = ("gaussian", "masking", "salt_and_pepper")


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
        kind: `"gaussian"`: `clip(image + level * standard normal)`; `"masking"`: pixels become 0
            with probability `level`; `"salt_and_pepper"`: 0 or 1, each with probability
            `level / 2`.
        level: In `(0, 1]`.
        generator: Source of the noise.
    """
    if kind == "gaussian":
        noise = generator.standard_normal(images.shape, dtype="float32")
        return np.clip(images + np.float32(level) * noise, 0, 1)
    shape = images.shape if images.ndim == 2 else (*images.shape[:-1], 1)
    hit = generator.random(shape, dtype="float32")
    damaged = np.where(hit < level, np.float32(0), images)
    if kind == "salt_and_pepper":
        damaged = np.where(hit < level / 2, np.float32(1), damaged)
    return damaged
