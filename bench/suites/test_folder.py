"""Training from a folder of images: end to end by `fit`, over what the model alone reaches."""

import itertools
import time

import keras
import numpy as np
import pytest

import zoo
from bench.profiling import timing
from bench.profiling.steps import TrainingStep
from bench.stats import intervals

NUM_IMAGES = 512
EPOCHS = 4  # of a call of fit
FILE_SIZE = (96, 96)
IMAGE_SHAPE = (64, 64, 3)
BATCH_SIZE = 32
MODEL = "autoencoder:tiny"  # the faster the model, the more is asked of the files
ROUNDS = 12


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Cuttings of photographs, as PNG and as JPEG files, larger than the model's images."""
    from PIL import Image
    from skimage import data

    generator = np.random.default_rng(0)
    photographs = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]
    places = {suffix: tmp_path_factory.mktemp(suffix) for suffix in ("png", "jpg")}
    for number in range(NUM_IMAGES):
        photograph = photographs[number % len(photographs)]
        spans = (size - wanted for size, wanted in zip(photograph.shape, FILE_SIZE, strict=False))
        top, left = (generator.integers(span) for span in spans)
        cutting = photograph[top : top + FILE_SIZE[0], left : left + FILE_SIZE[1]]
        for suffix, place in places.items():
            Image.fromarray(cutting).save(place / f"{number:04d}.{suffix}")
    return places


@pytest.fixture(scope="module")
def tiny():
    keras.utils.set_random_seed(0)
    name, preset = MODEL.split(":")
    built = zoo.create(name, image_shape=IMAGE_SHAPE, preset=preset)
    built.compile(keras.optimizers.Adam(1e-3))
    return built


@pytest.fixture(scope="module")
def model_alone(folders, tiny):
    """A function that trains as many batches as `fit` does, all of them in memory already."""
    import tensorflow as tf

    train = TrainingStep(tiny)
    batches = zoo.batches(folders["png"], IMAGE_SHAPE, batch_size=BATCH_SIZE)
    in_memory = [tf.constant(batch) for batch in batches]

    def run():
        logs = None
        for batch in itertools.chain.from_iterable([in_memory] * EPOCHS):
            logs = train(batch)
        timing.synchronize(logs)

    return run


@pytest.mark.parametrize("suffix", ["png", "jpg"])
@pytest.mark.parametrize("cache", ["memory", "file", "none"])
def test_epochs(suffix, cache, folders, tiny, model_alone, benchmark, measured, tmp_path):
    """Epochs of `fit` from files; `share` is their speed over that of the model alone.

    The share is the median over pairs, one after the other, with its 95 % interval.
    """
    place = {"memory": "memory", "file": tmp_path / "pixels.npy", "none": None}[cache]
    started = time.perf_counter()
    batches = zoo.batches(folders[suffix], IMAGE_SHAPE, batch_size=BATCH_SIZE, cache=place, seed=0)
    facts = {
        "model": MODEL,
        "images_per_call": NUM_IMAGES * EPOCHS,
        "opening_seconds": time.perf_counter() - started,
    }

    def fit():
        tiny.fit(batches, epochs=EPOCHS, verbose=0)

    def seconds(work):
        started = time.perf_counter()
        work()
        return time.perf_counter() - started

    seconds(model_alone)
    measured(fit, facts, rounds=ROUNDS)
    shares = [seconds(model_alone) / seconds(fit) for _ in range(ROUNDS)]
    share = intervals.median_interval(shares)
    benchmark.extra_info.update(share=share.median, share_low=share.low, share_high=share.high)
