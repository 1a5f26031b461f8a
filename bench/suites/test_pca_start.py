"""What first weights from PCA save: time, and epochs, until a reconstruction error is reached."""

import keras
import numpy as np
import pytest

import zoo
from bench import datasets

TARGET_MSE = 0.014  # between PCA with 32 components and with 64
MOST_EPOCHS = 40
NUM_TRAIN, NUM_TEST = 10_000, 2_000
BATCH_SIZE = 64
SEEDS = (0, 1, 2)
SETTINGS = {
    "one_layer": {"latent_dim": 64, "latent_activation": "relu"},
    "hidden_layer": {"latent_dim": 32, "hidden_units": (128,)},
}


@pytest.fixture(scope="module")
def images():
    found = datasets.load("fashion_mnist")
    return found.train.images[:NUM_TRAIN], found.test.images[:NUM_TEST]


@pytest.mark.parametrize("network", SETTINGS)
@pytest.mark.parametrize("start", ["random", "pca"])
def test_time_to_target(network, start, images, benchmark):
    """A training until the error on the test images is below the target, PCA included."""
    train, test = images
    epochs, seeds = [], iter(SEEDS)

    def build():
        seed = next(seeds)
        keras.utils.set_random_seed(seed)
        model = zoo.create(
            "autoencoder",
            image_shape=train.shape[1:],
            **({"widths": (), "hidden_units": (), "seed": seed} | SETTINGS[network]),
        )
        model.compile(keras.optimizers.Adam(1e-3))
        return (model,), {}

    def train_to_target(model):
        if start == "pca":
            zoo.start_from_pca(model, train)
        for epoch in range(MOST_EPOCHS + 1):
            if np.mean((model.predict(test, verbose=0) - test) ** 2) < TARGET_MSE:
                break
            model.fit(train, batch_size=BATCH_SIZE, verbose=0)
        epochs.append(epoch)

    benchmark.pedantic(train_to_target, setup=build, rounds=len(SEEDS))
    benchmark.extra_info.update(
        epochs=epochs, target_mse=TARGET_MSE, images=len(train), batch_size=BATCH_SIZE
    )
