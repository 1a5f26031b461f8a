"""The grids of settings that were all trained: what the table of real trainings is about."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from bench.data import catalog
from bench.data.dataset import Dataset, Split
from tuner.algorithms.random_and_grid import points
from tuner.space import ready
from tuner.space.hypermodel import hyperparameters
from tuner.space.space import Space, narrow

DATASET, IMAGE_SHAPE = "fashion_mnist_small", (16, 16, 1)
NUM_IMAGES, NUM_EPOCHS, BATCH_SIZE, SEEDS = 1_000, 3, 32, (0, 1)
_SHARED = {
    "latent_dim": [4, 8, 16, 32],
    "depth": [1, 2],
    "base_width": [8, 16],
    "learning_rate": [0.001, 0.002, 0.004, 0.008, 0.016, 0.03],
    "batch_size": BATCH_SIZE,
}
_FREE: dict[str, dict[str, Any]] = {
    "autoencoder": {"hidden_layers": [0, 1], "hidden_width": [32, 128]},
    "vae": {"likelihood": ["bernoulli", "gaussian"], "scale": [0.1, 0.3]},
}
MODELS = tuple(_FREE)


def space(model: str) -> Space:
    """Returns the part of a model's space of which the table has all points."""
    whole = ready.for_data(ready.get(model), IMAGE_SHAPE, NUM_IMAGES)
    free = _SHARED | _FREE[model]
    held = {name: parameter.default for name, parameter in whole.free.items() if name not in free}
    return narrow(whole, held | free)


def data(num_images: int = NUM_IMAGES) -> Dataset:
    """Returns the first garments, each padded by two pixels and halved by the mean of 2 x 2."""
    dataset = catalog.load(DATASET, limit=num_images)
    splits = {name: _halved(getattr(dataset, name)) for name in ("train", "validation", "test")}
    return dataclasses.replace(dataset, **splits)


def _halved(split: Split) -> Split:
    padded = np.pad(split.images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    count, height, width, channels = padded.shape
    blocks = padded.reshape(count, height // 2, 2, width // 2, 2, channels)
    return dataclasses.replace(split, images=blocks.mean(axis=(2, 4), dtype="float32"))


def settings(model: str) -> Iterator[dict[str, Any]]:
    """Gives all points of a grid, as keras-tuner has them: the learning rate changes first."""
    return points(hyperparameters(space(model)).space)
