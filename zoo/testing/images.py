"""Images to check models on: a bright spot whose place tells its class, no two alike."""

import math

import numpy as np

NUM_CLASSES = 10


def spots(num: int, shape: tuple[int, ...], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draws images of ten classes.

    Args:
        num: Number of images.
        shape: `(height, width, channels)`, `(length, channels)` or `(features,)`.
        seed: Of the images.

    Returns:
        Images, float32 `(num, *shape)` in `[0, 1]`, and labels, int64 `(num,)`.
    """
    generator = np.random.default_rng(seed)
    labels = np.arange(num) % NUM_CLASSES
    generator.shuffle(labels)
    sizes = shape if len(shape) == 1 else shape[:-1]
    distance = np.zeros((num, *sizes))
    for axis, size in enumerate(sizes):
        angle = 2 * math.pi * labels / NUM_CLASSES + axis * math.pi / 2
        centre = 0.5 + 0.3 * np.cos(angle) + generator.normal(0, 0.04, num)
        place = (np.arange(size) + 0.5) / size
        offset = place - centre[:, None]
        distance += np.expand_dims(offset**2, [k + 1 for k in range(len(sizes)) if k != axis])
    width = generator.uniform(0.1, 0.25, (num, *(1 for _ in sizes)))
    images = generator.uniform(0.6, 1.0, width.shape) * np.exp(-distance / (2 * width**2))
    if len(shape) > 1:
        images = images[..., None] * np.linspace(1.0, 0.6, shape[-1])
    return images.astype("float32"), labels
