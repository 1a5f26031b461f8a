"""Three questions on masks: tiles or a smaller picture, weights for rare classes, flat memory.

    python -m bench.suites.segmentation

writes a line for each training and each measurement; a command that is started again goes on with
those that are missing.

`tiles`: garments on textures, 256 x 256 pixels, for a network of 64 x 64. One half of the networks
trains on crops and answers tile by tile; the other trains on images that are resized, and its
probabilities are enlarged again. Both have the same updates, and are measured in the images' size.
`lines`: lines one pixel wide, 64 x 64, without weights and with `class_weights="balanced"`.
`memory`: a process for each size, and the peak beside image and result.
"""

import argparse
import concurrent.futures
import math
import multiprocessing
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

import zoo
from bench.data import composed
from bench.metrics import segmentation
from bench.profiling import memory
from bench.records import store
from bench.suites import segmentation_table
from zoo.data.images import resized
from zoo.tiles.crop_batches import CroppedBatches
from zoo.tiles.crops import Crops

COMMAND = "python -m bench.suites.segmentation"
PARTS = ("tiles", "lines", "memory")
TILE, LARGE = 64, 256
OVERLAP = 0.5
NUM_TRAIN, NUM_TEST = 150, 40  # of the large images
PER_IMAGE, BATCH_SIZE, UPDATES = 8, 16, 600
LEARNING_RATE = 1e-3
NUM_LINES = {"train": 400, "test": 100}  # images
LINE_UPDATES = 150
SIDES = (1024, 2048, 4096)  # pixels, for memory


def tiles(way: str, seed: int) -> dict[str, Any]:
    """Trains one network, on crops or on resized images, and measures it on the large ones.

    Args:
        way: `"tiles"` or `"resizing"`.
    """
    train, test = (
        composed.large_foreground(part, number, LARGE, seed=0)
        for part, number in (("train", NUM_TRAIN), ("test", NUM_TEST))
    )
    keras.utils.set_random_seed(seed)
    model = _network(seed)
    if way == "tiles":
        drawn = Crops(list(train.images), list(train.targets[..., 0]), (TILE, TILE))
        settings = {"per_image": PER_IMAGE, "batch_size": BATCH_SIZE, "seed": seed}
        batches = CroppedBatches(drawn, **settings)
        model.fit(batches, epochs=math.ceil(UPDATES / len(batches)), verbose=0)
        found = model.predict_large(test.images, overlap=OVERLAP, method="probabilities")
    else:
        small = np.stack([resized(image, (TILE, TILE)) for image in train.images])
        share = np.stack([resized(mask.astype("float32"), (TILE, TILE)) for mask in train.targets])
        epochs = math.ceil(UPDATES / math.ceil(NUM_TRAIN / BATCH_SIZE))
        masks = (share >= 0.5).astype("uint8")
        model.fit(small, masks, epochs=epochs, batch_size=BATCH_SIZE, verbose=0)
        asked = np.stack([resized(image, (TILE, TILE)) for image in test.images])
        answers = model.predict(asked, verbose=0)
        found = np.stack([resized(answer, (LARGE, LARGE)) for answer in answers])
    scores = segmentation.summary(test.targets, np.clip(found, 0, 1))
    return {"updates": int(model.optimizer.iterations), **_shown(scores)}


def lines(weights: str, seed: int) -> dict[str, Any]:
    """Trains one network to find lines one pixel wide.

    Args:
        weights: `"none"` or `"balanced"`.
    """
    train, test = (composed.lines(part, number, seed=0) for part, number in NUM_LINES.items())
    keras.utils.set_random_seed(seed)
    model = _network(seed, class_weights=None if weights == "none" else weights)
    epochs = math.ceil(LINE_UPDATES / math.ceil(len(train) / BATCH_SIZE))
    model.fit(train.images, train.targets, epochs=epochs, batch_size=BATCH_SIZE, verbose=0)
    probabilities = model.predict(test.images, verbose=0)
    scores = segmentation.summary(test.targets, probabilities)
    found = segmentation.hard_masks(probabilities)
    return {
        "updates": int(model.optimizer.iterations),
        "foreground": float(test.targets.mean()),
        "recall": float(found[test.targets == 1].mean()),
        **_shown(scores),
    }


def large_memory(side: str, seed: int) -> dict[str, Any]:
    """Measures in a process of its own what `predict_large` takes beside image and result.

    Args:
        side: Pixels of the square image.
    """
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_peak, int(side), seed).result()


MEASURE: dict[str, tuple[Callable[[str, int], dict[str, Any]], tuple[str, ...]]] = {
    "tiles": (tiles, ("tiles", "resizing")),
    "lines": (lines, ("balanced", "none")),
    "memory": (large_memory, tuple(map(str, SIDES))),
}


def _network(seed: int, **arguments):
    model = zoo.create("unet", (TILE, TILE, 1), preset="small", seed=seed, **arguments)
    model.compile(keras.optimizers.Adam(LEARNING_RATE))
    return model


def _shown(scores: dict[str, Any]) -> dict[str, float]:
    names = ("iou_image", "iou_dataset", "boundary_f1", "hausdorff_95")
    return {name: scores[f"test_{name}"] for name in names}


def _peak(side: int, seed: int) -> dict[str, Any]:
    model = _network(seed)
    image = np.random.default_rng(seed).random((side, side, 1), "float32")
    model.predict_large(image[: 2 * TILE, : 2 * TILE])  # what TensorFlow needs once
    with memory.PeakMemory() as peak:
        mask = model.predict_large(image)
    result_mib = mask.nbytes / 2**20
    return {
        "image_mib": image.nbytes / 2**20,
        "result_mib": result_mib,
        "beside_mib": peak.mib - result_mib,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures what is missing and prints the tables."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.partition("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="default: all")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--output", type=Path, default=Path("runs/segmentation.jsonl"))
    options = parser.parse_args(arguments)
    records = store.lines_so_far(options.output, COMMAND)
    done = {(record["part"], record["way"], record["seed"]) for record in records}
    for part in options.parts:
        measure, ways = MEASURE[part]
        for seed in options.seeds if part != "memory" else options.seeds[:1]:
            for way in ways:
                if (part, way, seed) in done:
                    continue
                started = time.perf_counter()
                record = {"part": part, "way": way, "seed": seed, **measure(way, seed)}
                record["seconds"] = round(time.perf_counter() - started, 1)
                records.append(store.append_line(options.output, record))
                sys.stderr.write(f"{part}, {way}, seed {seed}: {record['seconds']} s\n")
    for part in options.parts:
        print(segmentation_table.markdown(records, part), end="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
