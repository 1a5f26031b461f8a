"""What `predict` gains by convolutions of one output channel as products of matrices.

Both ways are of one model, and take turns in the order A B B A. `ratio` is the time of the ordinary
way by that of products, with its 95 % interval over turns; `cpu_ratio` the same of the processor's
time, which other programs on the machine change little.
"""

import contextlib
import time

import keras
import numpy as np
import pytest

import zoo
from bench.stats import intervals
from bench.stats.paired import Pair
from zoo.training import predict

TURNS = 24
NUM_IMAGES = 512
# Name, preset, image shape and batch size.
CASES = {
    "vae": ("vae", "keras_io", (28, 28, 1), 128),
    "autoencoder": ("autoencoder", None, (28, 28, 1), 128),
    "wide": ("autoencoder", None, (64, 64, 1), 32),
}


class _Unchanged:
    by_products = staticmethod(lambda model: contextlib.nullcontext())


@pytest.mark.parametrize("case", CASES)
def test_last_convolution(case, benchmark, monkeypatch):
    name, preset, image_shape, batch_size = CASES[case]
    images = np.random.default_rng(0).random((NUM_IMAGES, *image_shape), "float32")

    def build():
        keras.utils.set_random_seed(0)
        model = zoo.create(name, image_shape, preset=preset, seed=0)
        model.compile("adam")
        return model

    by_products, ordinary = build(), build()
    outputs = by_products.predict(images, batch_size=batch_size, verbose=0)
    monkeypatch.setattr(predict, "single_channel", _Unchanged)  # while the other is traced
    np.testing.assert_allclose(
        ordinary.predict(images, batch_size=batch_size, verbose=0), outputs, atol=1e-5
    )
    pairs = []

    def seconds(model) -> np.ndarray:
        before = time.perf_counter(), time.process_time()
        model.predict(images, batch_size=batch_size, verbose=0)
        return np.subtract((time.perf_counter(), time.process_time()), before)

    def turn():
        order = by_products, ordinary, ordinary, by_products
        pairs.append([seconds(model) for model in order])

    benchmark.pedantic(turn, rounds=TURNS, warmup_rounds=1)
    for place, key in enumerate(("ratio", "cpu_ratio")):
        logs = [Pair(*(part[place] for part in pair)).log_ratio for pair in pairs[1:]]
        found = intervals.bootstrap_interval(logs, lambda values: float(np.median(values)))
        ends = (found.mean, found.low, found.high)
        benchmark.extra_info[key] = [round(float(np.exp(part)), 4) for part in ends]
    benchmark.extra_info["turns"] = TURNS
