"""What XLA saves in two epochs of `fit` on dense networks, its compilation counted.

Each training starts with a new model, so that tracing and compilation are in its time. The ways
take turns; `ratio` is the time without XLA by that of the way, the median over turns.
"""

import statistics
import time

import keras
import numpy as np
import pytest

import zoo

EPOCHS = 2
TURNS = 3
NETWORKS = {"784-64": (), "784-512-256-64": (512, 256)}
# Network, images of an update, updates in two epochs.
CASES = (
    *(("784-64", 32, count) for count in (10, 1000, 2000, 4000)),
    *(("784-64", 128, count) for count in (10, 300, 938)),
    *(("784-512-256-64", 32, count) for count in (10, 300, 1200)),
    *(("784-512-256-64", 128, count) for count in (300, 1200)),
)
WAYS = {"off": False, "on": True, "auto": "auto"}


def build(units, jit_compile):
    keras.utils.set_random_seed(0)
    arguments = {"widths": (), "hidden_units": units, "latent_dim": 64, "seed": 0}
    model = zoo.create("autoencoder", (28, 28, 1), **arguments)
    model.compile(keras.optimizers.Adam(1e-3), jit_compile=jit_compile)
    return model


@pytest.fixture(scope="module", autouse=True)
def started():
    """The first training of a process starts what all others find started."""
    for jit_compile in (False, True):
        build((), jit_compile).fit(np.zeros((64, 28, 28, 1), "float32"), epochs=2, verbose=0)


@pytest.mark.parametrize(("network", "batch_size", "num_updates"), CASES)
def test_two_epochs(network, batch_size, num_updates, benchmark):
    units = NETWORKS[network]
    num_rows = num_updates // EPOCHS * batch_size
    images = np.random.default_rng(0).random((num_rows, 28, 28, 1), "float32")
    seconds = {way: [] for way in WAYS}
    chosen = []

    def turn():
        for way, jit_compile in WAYS.items():
            model = build(units, jit_compile)
            start = time.perf_counter()
            model.fit(images, batch_size=batch_size, epochs=EPOCHS, verbose=0)
            seconds[way].append(time.perf_counter() - start)
            if way == "auto":
                chosen.append(model.fitted_by_xla)

    benchmark.pedantic(turn, rounds=TURNS)
    ratios = {
        way: statistics.median(
            plain / other for plain, other in zip(seconds["off"], seconds[way], strict=True)
        )
        for way in WAYS
    }
    benchmark.extra_info.update(
        ratio=ratios, seconds=seconds, chosen="on" if chosen[0] else "off", updates=num_updates
    )
