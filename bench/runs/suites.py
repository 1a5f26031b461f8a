"""Defaults of a run: its models, by the task of the data, and a training budget equal for all."""

import math

from bench.errors import BenchError
from zoo import checks

# At most ten, so that the default stays short as the zoo grows. Each with one code size.
SUITES: dict[str, tuple[str, ...]] = {
    "quick": (
        "autoencoder:tiny",
        "autoencoder:dense:latent_dim=8",
        "denoising:tiny",
        "vae:tiny",
    ),
    "core": (
        "autoencoder:small",
        "autoencoder:dense",
        "denoising:small",
        "sparse:small",
        "vae:small",
        "upae:small",
    ),
    "anomaly": (
        "autoencoder:small",
        "autoencoder:dense",
        "vae:small",
        "upae:small",
        "feature_autoencoder:small",
        "feature_autoencoder:textures",
    ),
    "segmentation": (
        "unet:maxpool_transpose_bce",
        "unet:maxpool_transpose_dice",
        "unet:strided_transpose_bce",
        "unet:strided_upsample_dice",
    ),
}
# Run without --models on these data; on others by their task, see `bench.data.tasks.SUITE_OF`.
OF_DATASET = {"fashion_mnist_small": "quick"}
UPDATES = 273
LEAST_EPOCHS = 10
CROPS_BATCH_SIZE = 16


def default_batch_size(num_train: int) -> int:
    """Returns 64 for fewer than 5,000 training images, else 128."""
    return 64 if num_train < 5_000 else 128


def epochs_of(num_images: int, batch_size: int, updates: int | None = None) -> int:
    """Returns the epochs of a budget of updates, the last one whole.

    Args:
        num_images: In an epoch.
        updates: None: 273, but at least 10 epochs.
    """
    epochs = math.ceil((updates or UPDATES) / math.ceil(num_images / batch_size))
    return epochs if updates else max(LEAST_EPOCHS, epochs)


def members(suite: str) -> tuple[str, ...]:
    """Returns the models of a suite.

    Raises:
        BenchError: for a name that no suite has.
    """
    if suite not in SUITES:
        suggestion = checks.suggestion(suite, SUITES)
        raise BenchError(f"unknown suite {suite!r}.{suggestion} Suites: {', '.join(SUITES)}.")
    return SUITES[suite]
