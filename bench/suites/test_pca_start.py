"""What first weights from PCA save: epochs and time until an error is reached."""

import keras
import numpy as np
import pytest

import zoo
from bench import datasets

TARGET_MSE = 0.014  # between PCA with 32 components and with 64
MOST_EPOCHS, MANY_EPOCHS = 40, 60
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


def built(network: str, shape, seed: int):
    keras.utils.set_random_seed(seed)
    fixed = {"widths": (), "hidden_units": (), "seed": seed}
    model = zoo.create("autoencoder", image_shape=shape, **(fixed | SETTINGS[network]))
    model.compile(keras.optimizers.Adam(1e-3))
    return model


def error(model, images) -> float:
    return float(np.mean((model.predict(images, verbose=0) - images) ** 2))


@pytest.mark.parametrize("network", SETTINGS)
@pytest.mark.parametrize("start", ["random", "pca"])
def test_time_to_target(network, start, images, benchmark):
    """A training until the error on the test images is below the target, PCA included."""
    train, test = images
    epochs, seeds = [], iter(SEEDS)

    def setup():
        return (built(network, train.shape[1:], next(seeds)),), {}

    def train_to_target(model):
        if start == "pca":
            zoo.start_from_pca(model, train)
        epochs.append(0)
        while error(model, test) >= TARGET_MSE:
            if epochs[-1] == MOST_EPOCHS:
                pytest.fail(f"not below {TARGET_MSE} after {MOST_EPOCHS} epochs")
            model.fit(train, batch_size=BATCH_SIZE, verbose=0)
            epochs[-1] += 1

    benchmark.pedantic(train_to_target, setup=setup, rounds=len(SEEDS))
    benchmark.extra_info.update(
        epochs=epochs, target_mse=TARGET_MSE, images=len(train), batch_size=BATCH_SIZE
    )


@pytest.mark.parametrize("network", SETTINGS)
@pytest.mark.parametrize("start", ["random", "pca"])
def test_after_many_epochs(network, start, images, benchmark):
    """A long training: `mse` on the test images, where the start should no longer matter."""
    train, test = images
    errors, seeds = [], iter(SEEDS)

    def setup():
        return (built(network, train.shape[1:], next(seeds)),), {}

    def train_long(model):
        if start == "pca":
            zoo.start_from_pca(model, train)
        model.fit(train, epochs=MANY_EPOCHS, batch_size=BATCH_SIZE, verbose=0)
        errors.append(error(model, test))

    benchmark.pedantic(train_long, setup=setup, rounds=len(SEEDS))
    benchmark.extra_info.update(mse=errors, epochs=MANY_EPOCHS)
