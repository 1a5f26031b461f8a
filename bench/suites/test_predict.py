"""What each part of `predict`, `predict_on_batch` and `evaluate` gains.

Two ways take turns in the order A B B A, the first that of the package. `ratio` is the time of the
second by that of the first, with its 95 % interval over turns; `cpu_ratio` the same of the
processor's time, which other programs on the machine change little.
"""

import contextlib
import time
from collections.abc import Callable

import keras
import numpy as np
import pytest

import zoo
from bench.stats import intervals
from bench.stats.paired import Pair
from zoo.training import predict

TURNS = 12
# Name, preset, image shape and number of images.
MODELS = {
    "dense": ("autoencoder", "tf_tutorial_dense", (28, 28, 1), 8_192),
    "tiny": ("autoencoder", "tiny", (28, 28, 1), 1_024),
    "vae": ("vae", "keras_io", (28, 28, 1), 512),
    "upae": ("upae", "upae_paper", (64, 64, 1), 384),
    "autoencoder": ("autoencoder", None, (28, 28, 1), 512),
    "wide": ("autoencoder", None, (64, 64, 1), 512),
}


class _Unchanged:
    swapped_in = staticmethod(lambda model: contextlib.nullcontext())


def _build(name: str, precision: str = "float32"):
    kind, preset, image_shape, num_images = MODELS[name]
    keras.utils.set_random_seed(0)
    model = zoo.create(kind, image_shape, preset=preset, seed=0, dtype=precision)
    model.compile("adam")
    return model, np.random.default_rng(0).random((num_images, *image_shape), "float32")


def _compare(
    benchmark,
    ours: Callable[[], np.ndarray],
    other: Callable[[], np.ndarray],
    tolerance: float = 1e-5,
) -> None:
    """Times two ways to the same outputs."""
    np.testing.assert_allclose(ours(), other(), atol=tolerance)
    pairs = []

    def seconds(way) -> np.ndarray:
        before = time.perf_counter(), time.process_time()
        way()
        return np.subtract((time.perf_counter(), time.process_time()), before)

    benchmark.pedantic(
        lambda: pairs.append([seconds(way) for way in (ours, other, other, ours)]),
        rounds=TURNS,
        warmup_rounds=1,
    )
    for place, key in enumerate(("ratio", "cpu_ratio")):
        logs = [Pair(*(part[place] for part in pair)).log_ratio for pair in pairs[1:]]
        found = intervals.bootstrap_interval(logs, lambda values: float(np.median(values)))
        ends = (found.mean, found.low, found.high)
        benchmark.extra_info[key] = [round(float(np.exp(part)), 4) for part in ends]
    benchmark.extra_info["turns"] = TURNS


@pytest.mark.parametrize(
    ("name", "batch_size", "precision"),
    [
        ("vae", 128, "float32"),
        ("autoencoder", 128, "float32"),
        ("wide", 32, "float32"),
        ("upae", 64, "float32"),
        ("vae", 128, "mixed_bfloat16"),
        ("upae", 64, "mixed_bfloat16"),
    ],
)
def test_faster_layers(name, batch_size, precision, benchmark, monkeypatch):
    """Beside the ordinary ones. Of the UPAE it is the last layer; of the VAE in float32, too."""
    (faster, images), (ordinary, _) = _build(name, precision), _build(name, precision)
    faster.predict(images, batch_size=batch_size, verbose=0)
    monkeypatch.setattr(predict, "faster_layers", _Unchanged)  # while the other is traced
    ways = [
        lambda model=model: model.predict(images, batch_size=batch_size, verbose=0)
        for model in (faster, ordinary)
    ]
    _compare(benchmark, *ways, tolerance=1e-5 if precision == "float32" else 0.05)


@pytest.mark.parametrize(
    ("name", "batch_size"),
    [("dense", 32), ("dense", 128), ("tiny", 32), ("vae", 32), ("vae", 128), ("upae", 64)],
)
def test_small_batches_together(name, batch_size, benchmark):
    """Beside a call for each batch."""
    model, images = _build(name)
    _compare(
        benchmark,
        lambda: model.predict(images, batch_size=batch_size, verbose=0),
        lambda: predict.predict(model, images, batch_size, batch_size, 0),
    )


@pytest.mark.parametrize("name", ["dense", "vae"])
def test_without_xla(name, benchmark, monkeypatch):
    """Beside XLA, on a CPU."""
    (model, images), (by_xla, _) = _build(name), _build(name)
    monkeypatch.setattr(predict, "_is_by_xla", lambda model: model is by_xla)
    _compare(
        benchmark,
        *(
            lambda each=each: each.predict(images, batch_size=128, verbose=0)
            for each in (model, by_xla)
        ),
    )


@pytest.mark.parametrize(
    ("name", "batch_size"), [("dense", 32), ("dense", 128), ("vae", 32), ("vae", 128)]
)
def test_evaluation(name, batch_size, benchmark):
    """Beside that of Keras."""
    model, images = _build(name)
    how = {"batch_size": batch_size, "verbose": 0}
    _compare(
        benchmark,
        lambda: np.array(model.evaluate(images, **how)),
        lambda: np.array(keras.Model.evaluate(model, images, **how)),
        tolerance=1e-2,  # of some 500 nats
    )


@pytest.mark.parametrize(
    ("name", "method"),
    [("dense", "predict_on_batch"), ("vae", "predict_on_batch"), ("dense", "predict")],
)
def test_one_image(name, method, benchmark):
    """Beside the same method of Keras."""
    model, images = _build(name)
    few = np.split(images[:100], 100)
    how = {"verbose": 0} if method == "predict" else {}
    ours, other = getattr(model, method), getattr(keras.Model, method)
    _compare(
        benchmark,
        lambda: np.concatenate([ours(image, **how) for image in few]),
        lambda: np.concatenate([other(model, image, **how) for image in few]),
    )
