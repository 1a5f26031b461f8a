"""The default check: each registered model, made by its name alone, learns at Adam 1e-3.

    python -m bench.suites.default_check

trains each model with seeds 0 to 3 on 3,000 garments of the embedded data, 5 epochs of batch 64,
or as many updates as the registry says that the model needs. Each training is a line of the output
file; a command that is started again goes on with those that are missing. A model fails whose
error is not below 40 % of the mean image's, whose codes are the same for all images, whose output
has dead pixels, or whose seeds lie more than 20 % apart.
"""

import argparse
import functools
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from sklearn import linear_model

import zoo
from bench.data import catalog
from bench.records import store
from bench.suites import default_table
from zoo.layers import transformer

COMMAND = "python -m bench.suites.default_check"
NUM_TRAIN, NUM_TEST = 3_000, 500
BATCH_SIZE, EPOCHS, LEARNING_RATE = 64, 5, 1e-3
TOPS = (0, 2, 3, 4, 6)  # the positive class of a debiasing model: half of the garments
NOISE = 0.2  # on the images whose masks are looked for
SEEN = 0.3  # grey level above which a pixel is the garment's
# Choices of a model that have defaults of their own: a scale, a weight, a start.
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "vae likelihood=gaussian": ("vae", {"likelihood": "gaussian"}),
    "vae likelihood=laplace": ("vae", {"likelihood": "laplace"}),
    "sparse penalty=kl": ("sparse", {"penalty": "kl"}),
    "unet_denoiser residual=False": ("unet_denoiser", {"residual": False}),
}
ACTIVE_VARIANCE = 0.01  # of a Gaussian code's mean: Burda et al., 2016
ACTIVE_SHARE = 0.01  # of the deviation of the code's strongest unit
RIDGE = 1.0  # of the regression that a masked autoencoder is compared with
VARIES, IS_DEAD = 0.05, 1e-3  # deviations over images, of a pixel and of its prediction


def training_data(task: str, images: np.ndarray, labels: np.ndarray) -> tuple:
    """Returns `(x,)` or `(x, y)`, as `fit` takes them for a task."""
    if task == "conditional":
        return ({"image": images, "label": labels.astype("int32")},)
    if task == "semi_supervised":
        return images, labels.astype("int32")
    if task == "debiasing":
        return images, np.isin(labels, TOPS).astype("int32")
    if task == "segmentation":
        noise = np.random.default_rng(0).normal(0, NOISE, images.shape)
        noisy = np.clip(images + noise, 0, 1).astype("float32")
        return noisy, (images > SEEN).astype("uint8")
    return (images,)


def measure(model, task: str, train, test) -> dict[str, Any]:
    """Returns what a trained model makes of test images it has not seen.

    Args:
        train, test: Images and labels.
    """
    images, labels = test
    x, *y = training_data(task, images, labels)
    truth, known = images, train[0]
    if task == "segmentation":
        truth, known = y[0].astype("float32"), (train[0] > SEEN).astype("float32")
    if task == "debiasing":  # its VAE sees the positive class alone
        is_top = np.isin(labels, TOPS)
        x, truth = x[is_top], images[is_top]
        known = known[np.isin(train[1], TOPS)]
    elif model.damages_inputs:
        x = keras.ops.convert_to_numpy(model.corrupt(keras.ops.convert_to_tensor(x), False))
    if hasattr(model, "scaled_features"):  # it predicts features: they are what it is compared with
        truth, known = (
            keras.ops.convert_to_numpy(model.scaled_features(part)) for part in (truth, known)
        )
    prediction = model.predict(x, batch_size=100, verbose=0)
    varies = truth.std(axis=0) > VARIES
    dead = prediction.std(axis=0)[varies] < IS_DEAD
    return {
        "mse": float(np.mean(np.square(prediction - truth))),
        "mse_of_mean": float(np.mean(np.square(known.mean(axis=0) - truth))),
        "dead_pixels": float(dead.mean()),
        **_code(model, x),
        **({"floor": _ridge_error(model, train[0], x)} if hasattr(model, "num_visible") else {}),
    }


def _ridge_error(model, train: np.ndarray, test: np.ndarray) -> float:
    """Returns the error of a ridge regression in place of a masked autoencoder.

    It predicts the pixels of hidden patches from those of visible ones, with the masks that the
    model's `predict` uses, each patch as the mean over the masks that hide it.
    """
    to_patches = functools.partial(transformer.to_patches, patch_size=model.patch_size)
    known, asked = (keras.ops.convert_to_numpy(to_patches(images)) for images in (train, test))
    total, times = np.zeros_like(asked), np.zeros((1, asked.shape[1], 1))
    for order in model.fixed_orders:
        shown, hidden = order[: model.num_visible], order[model.num_visible :]
        visible, answer = (known[:, part].reshape(len(known), -1) for part in (shown, hidden))
        regression = linear_model.Ridge(RIDGE).fit(visible, answer)
        found = regression.predict(asked[:, shown].reshape(len(asked), -1))
        total[:, hidden] += found.reshape(len(asked), len(hidden), -1)
        times[:, hidden] += 1
    return float(np.mean(np.square(total / times - asked)))


def _code(model, x) -> dict[str, int]:
    """Returns how many units a code has, and how many of them tell images apart."""
    if hasattr(model, "encode_indices"):
        return {
            "num_units": model.num_embeddings,
            "active_units": len(np.unique(model.encode_indices(x))),
        }
    if not hasattr(model, "encode"):
        return {}
    codes = np.asarray(model.encode(x))
    deviation = codes.reshape(len(codes), -1).std(axis=0)
    is_gaussian = hasattr(model, "sampler") and getattr(model, "stochastic_encoder", True)
    least = math.sqrt(ACTIVE_VARIANCE) if is_gaussian else ACTIVE_SHARE * deviation.max()
    return {"num_units": deviation.size, "active_units": int((deviation > max(least, 1e-6)).sum())}


def train(name: str, seed: int, splits) -> dict[str, Any]:
    """Trains a model as a user would who gives its name, or one of `VARIANTS`, alone.

    Returns:
        Its record.
    """
    label = name
    name, arguments = VARIANTS.get(label, (label, {}))
    entry = zoo.get(name)
    budget = getattr(entry, "least_updates", 0)
    train_split, test_split = splits
    epochs = max(EPOCHS, math.ceil(budget / math.ceil(NUM_TRAIN / BATCH_SIZE)))
    keras.utils.set_random_seed(seed)
    model = zoo.create(name, train_split[0].shape[1:], seed=seed, **arguments)
    model.compile(keras.optimizers.Adam(LEARNING_RATE))
    started = time.perf_counter()
    model.fit(
        *training_data(entry.task, *train_split), epochs=epochs, batch_size=BATCH_SIZE, verbose=0
    )
    return {
        "model": label,
        "seed": seed,
        "epochs": epochs,
        "updates": epochs * math.ceil(NUM_TRAIN / BATCH_SIZE),
        "seconds": round(time.perf_counter() - started, 1),
        **measure(model, entry.task, train_split, test_split),
    }


def garments():
    """Returns images and labels of the training and of the test images."""
    dataset = catalog.load("fashion_mnist_small")
    parts = (dataset.train, NUM_TRAIN), (dataset.test, NUM_TEST)
    return [(split.images[:number], split.labels[:number]) for split, number in parts]


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains what is missing, prints the table, and returns 1 where a model fails."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.partition("\n")[0])
    names = [*zoo.names(), *VARIANTS]
    parser.add_argument("--models", nargs="+", choices=names, default=names, metavar="MODEL")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3])
    parser.add_argument("--output", type=Path, default=Path("runs/default_check.jsonl"))
    options = parser.parse_args(arguments)
    records = store.lines_so_far(options.output, COMMAND)
    done = {(record["model"], record["seed"]) for record in records}
    splits = garments()
    for seed in options.seeds:
        for name in options.models:
            if (name, seed) in done:
                continue
            record = train(name, seed, splits)
            records.append(store.append_line(options.output, record))
            sys.stderr.write(f"{name} seed {seed}: MSE {record['mse']:.4f}\n")
    asked = [record for record in records if record["model"] in options.models]
    verdicts = default_table.verdicts(asked)
    print(default_table.markdown(verdicts))
    return 1 if any(verdict.failures for verdict in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
