"""What first weights from PCA save: epochs and time until an error is reached."""

import keras
import numpy as np
import pytest

import zoo
from bench.data import catalog

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
    dataset = catalog.load("fashion_mnist")
    return dataset.train.images[:NUM_TRAIN], dataset.test.images[:NUM_TEST]


@pytest.fixture(params=SETTINGS)
def network(request):
    return request.param


@pytest.fixture(params=["random", "pca"])
def started(request, network, images, benchmark):
    """Returns a function that times work on a model of each seed, its start included."""
    train, _ = images
    seeds = iter(SEEDS)

    def build():
        seed = next(seeds)
        keras.utils.set_random_seed(seed)
        fixed = {"widths": (), "hidden_units": (), "seed": seed}
        arguments = fixed | SETTINGS[network]
        model = zoo.create("autoencoder", image_shape=train.shape[1:], **arguments)
        model.compile(keras.optimizers.Adam(1e-3))
        return (model,), {}

    def measure(work):
        def whole(model):
            if request.param == "pca":
                zoo.start_from_pca(model, train)
            work(model)

        benchmark.pedantic(whole, setup=build, rounds=len(SEEDS))

    return measure


def error(model, images) -> float:
    return float(np.mean((model.predict(images, verbose=0) - images) ** 2))


def test_time_to_target(started, images, benchmark):
    """A training until the error on the test images is below the target, PCA included."""
    train, test = images
    epochs = []

    def train_to_target(model):
        epochs.append(0)
        while error(model, test) >= TARGET_MSE:
            if epochs[-1] == MOST_EPOCHS:
                pytest.fail(f"not below {TARGET_MSE} after {MOST_EPOCHS} epochs")
            model.fit(train, batch_size=BATCH_SIZE, verbose=0)
            epochs[-1] += 1

    started(train_to_target)
    benchmark.extra_info.update(
        epochs=epochs, target_mse=TARGET_MSE, images=len(train), batch_size=BATCH_SIZE
    )


def test_after_many_epochs(started, images, benchmark):
    """A long training: `mse` on the test images, where the start should no longer matter."""
    train, test = images
    errors = []

    def train_long(model):
        model.fit(train, epochs=MANY_EPOCHS, batch_size=BATCH_SIZE, verbose=0)
        errors.append(error(model, test))

    started(train_long)
    benchmark.extra_info.update(mse=errors, epochs=MANY_EPOCHS)
