"""The texture check: does the model for textures tell six of them apart, at three sizes?

    python -m bench.suites.texture_check

Each of six photographs of scikit-image is normal in turn. 60 patches of its left half are trained
on as `python -m zoo train feature_autoencoder FOLDER --preset textures` does: 20 epochs of batch 64
at Adam 1e-3. The test has 40 patches of its right half, and 40 of each other texture. Each training
is a line of the output file; a command that is started again goes on with what is missing.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

import zoo
from bench.data import dataset as datasets
from bench.evaluation import neighbours
from bench.metrics import anomaly
from bench.records import store
from bench.suites import texture_table
from zoo.anomalies import ranking

COMMAND = "python -m bench.suites.texture_check"
TEXTURES = ("brick", "grass", "gravel", "immunohistochemistry", "hubble_deep_field", "moon")
SIZES, SEEDS = (32, 64, 128), (0, 1, 2)
NUM_TRAIN, NUM_TEST = 60, 40
EPOCHS, BATCH_SIZE, LEARNING_RATE = 20, 64, 1e-3


def photograph(name: str) -> np.ndarray:
    """Returns a photograph in grey, float32 `(height, width)` in `[0, 1]`."""
    from skimage import data

    image = datasets.unit_range(getattr(data, name)())
    return image if image.ndim == 2 else image[..., :3].mean(axis=-1)


def patches(name: str, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Cuts patches of the left half to train on, and of the right half to test with."""
    image, generator = photograph(name), np.random.default_rng([seed, size])
    middle = image.shape[1] // 2
    parts = []
    for half, num in ((image[:, :middle], NUM_TRAIN), (image[:, middle:], NUM_TEST)):
        every = np.lib.stride_tricks.sliding_window_view(half, (size, size))
        places = generator.choice(every.shape[0] * every.shape[1], num, replace=False)
        parts.append(every[np.unravel_index(places, every.shape[:2])][..., None].copy())
    return parts[0], parts[1]


def record(normal: str, size: int, seed: int) -> dict[str, Any]:
    """Trains the model with one texture as the normal one; returns its AUROC and the floor's."""
    train, normals = patches(normal, size, seed)
    others = {name: patches(name, size, seed)[1] for name in TEXTURES if name != normal}
    keras.utils.set_random_seed(seed)
    model = zoo.create("feature_autoencoder", (size, size, 1), preset="textures", seed=seed)
    model.compile(keras.optimizers.Adam(LEARNING_RATE))
    model.fit(train, epochs=EPOCHS, batch_size=BATCH_SIZE, verbose=0)
    floor = neighbours.create(texture_table.FLOOR)
    floor.fit(train)
    found: dict[str, Any] = {"texture": normal, "size": size, "seed": seed}
    every = np.concatenate(list(others.values()))
    labels = np.repeat([0, 1], [len(normals), len(every)])
    for name, score in (("auroc", model.anomaly_score), ("floor", floor.own)):
        values = np.asarray(score(np.concatenate([normals, every])), "float64")
        found[name] = anomaly.auroc(labels, values)
    of_normals = np.asarray(model.anomaly_score(normals))
    found["by_other"] = {
        name: ranking.chance(of_normals, np.asarray(model.anomaly_score(images)))
        for name, images in others.items()
    }
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains what is missing and prints the table."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--output", type=Path, default=Path("runs/texture_check.jsonl"))
    options = parser.parse_args(arguments)
    records = store.lines_so_far(options.output, COMMAND)
    done = {(each["texture"], each["size"], each["seed"]) for each in records}
    for seed in options.seeds:
        for size in options.sizes:
            for texture in TEXTURES:
                if (texture, size, seed) in done:
                    continue
                found = record(texture, size, seed)
                records.append(store.append_line(options.output, found))
                keras.backend.clear_session()
                sys.stderr.write(f"{texture} {size}, seed {seed}: AUROC {found['auroc']:.3f}\n")
    print(texture_table.markdown(records))
    return 0


if __name__ == "__main__":
    sys.exit(main())
