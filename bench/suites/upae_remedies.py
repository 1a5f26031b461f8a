"""The remedies of the UPAE: what each does to its AUROC, over classes and seeds.

    python -m bench.suites.upae_remedies

trains, for each normal class and seed, five members of a UPAE with the loss of the paper, and one
with each other loss. What is a matter of the score or of the epoch is read from the same trainings:
the score of the paper and that with the log term, each with and without the cap on the variance,
after the last epoch and with the weights of the lowest loss on held-out normals. Each is judged on
the test images, and on training images that no network of the class has seen, 500 normal ones and
2,000 of other classes: by these a default may be chosen. Each training, and each set of five, is a
line of the output file; a command that is started again goes on.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

import zoo
from bench.data import anomaly, catalog
from bench.metrics import anomaly as metrics
from bench.records import store
from bench.suites import upae_table

COMMAND = "python -m bench.suites.upae_remedies"
DATASET = "fashion_mnist"
CLASSES, SEEDS = (0, 4, 6), (0, 1, 2)
NUM_TRAIN, NUM_HELD_OUT, NUM_OTHERS = 2_000, 500, 2_000
EPOCHS, BATCH_SIZE, LEARNING_RATE = 40, 128, 1e-3
NLLS = ("joint", "beta", "detached")
ENSEMBLE_SIZES = (3, 5)
ARGUMENTS = {"hidden_units": (512, 256), "latent_dim": 32, "widths": ()}  # as in the study


class BestWeights(keras.callbacks.Callback):
    """Keeps the weights of the lowest loss on held-out normals, beside those of the last epoch."""

    looks_at_batches = False

    def __init__(self):
        super().__init__()
        self.lowest, self.weights, self.epoch = float("inf"), None, None

    def on_epoch_end(self, epoch, logs=None):
        if logs["val_loss"] < self.lowest:
            self.lowest, self.epoch = logs["val_loss"], epoch + 1
            self.weights = self.model.get_weights()


Predicted = tuple[np.ndarray, np.ndarray]  # mean, and variance on the scale [-1, 1]


def predicted(model, images: np.ndarray) -> Predicted:
    """Returns mean and predicted variance of each pixel, on the scale of the loss."""
    mean = 2 * np.asarray(model.reconstruct(images), "float64") - 1
    return mean, np.square(2 * np.asarray(model.predict_uncertainty(images), "float64"))


def together(members: Sequence[Predicted]) -> Predicted:
    """Returns mean and total variance of an ensemble, as `zoo.Ensemble` has them."""
    means, variances = (np.array(each) for each in zip(*members, strict=True))
    return means.mean(axis=0), variances.mean(axis=0) + means.var(axis=0)


def aurocs(test: Predicted, held_out: Predicted, images, labels) -> dict[str, float]:
    """Returns the AUROC by each score: of the paper, with the log term, both capped, of errors."""
    mean, variance = test
    squared = np.square(2 * images.astype("float64") - 1 - mean)
    capped = np.minimum(variance, held_out[1].max(axis=0))
    maps = {
        "paper": squared / variance,
        "paper_capped": squared / capped,
        "log": squared / variance + np.log(variance),
        "log_capped": squared / capped + np.log(capped),
        "squared_error": squared,
    }
    return {
        name: metrics.auroc(labels, values.reshape(len(values), -1).mean(axis=1))
        for name, values in maps.items()
    }


class Unit:
    """The trainings of one class and seed."""

    def __init__(self, dataset, normal_class: int, seed: int, epochs: int):
        data = anomaly.one_class(dataset, normal_class)
        self.train = data.train.images[:NUM_TRAIN]
        self.held_out = data.validation.images[:NUM_HELD_OUT]
        unseen = data.train.images[NUM_TRAIN : NUM_TRAIN + NUM_HELD_OUT]
        others = dataset.train.images[dataset.train.labels != normal_class][:NUM_OTHERS]
        labels = np.arange(len(unseen) + len(others)) >= len(unseen)
        self.judged = {
            "auroc": (data.test.images, data.test.labels),
            "train_auroc": (np.concatenate([unseen, others]), labels.astype(int)),
        }
        self.about = {"normal_class": normal_class, "seed": seed, "epochs": epochs}
        self.epochs = epochs

    def record(self, nll: str) -> dict[str, Any]:
        """Trains what belongs to a loss, and returns what came out by epoch, members and score."""
        sizes = (1, *ENSEMBLE_SIZES) if nll == "joint" else (1,)
        started = time.perf_counter()
        kept: dict[str, list] = {"last": [], "best": []}
        best_epochs = []
        for number in range(max(sizes)):
            model, best = self._trained(nll, 10 * self.about["seed"] + number)
            best_epochs.append(best.epoch)
            for which in kept:
                if which == "best":
                    model.set_weights(best.weights)
                sets = [images for images, _ in self.judged.values()]
                kept[which].append([predicted(model, x) for x in (*sets, self.held_out)])
            keras.backend.clear_session()
        results: dict[str, dict] = {name: {} for name in self.judged}
        for which, members in kept.items():
            for size in sizes:
                *parts, held_out = map(together, zip(*members[:size], strict=True))
                for name, part in zip(self.judged, parts, strict=True):
                    found = aurocs(part, held_out, *self.judged[name])
                    results[name][f"{which} {size}"] = found
        seconds = round(time.perf_counter() - started, 1)
        return {
            **self.about,
            "nll": nll,
            "num_train": len(self.train),
            "best_epochs": best_epochs,
            "seconds": seconds,
            **results,
        }

    def _trained(self, nll: str, seed: int):
        keras.utils.set_random_seed(seed)
        model = zoo.create("upae", self.train.shape[1:], seed=seed, nll=nll, **ARGUMENTS)
        model.compile(keras.optimizers.Adam(LEARNING_RATE))
        best = BestWeights()
        model.fit(
            self.train,
            epochs=self.epochs,
            batch_size=BATCH_SIZE,
            validation_data=(self.held_out,),
            callbacks=[best],
            verbose=0,
        )
        return model, best


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains what is missing and prints the table."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.partition("\n")[0])
    parser.add_argument("--dataset", default=DATASET, help="default: %(default)s")
    parser.add_argument("--classes", nargs="+", type=int, default=list(CLASSES))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="default: %(default)s")
    parser.add_argument("--output", type=Path, default=Path("runs/upae_remedies.jsonl"))
    options = parser.parse_args(arguments)
    records = store.lines_so_far(options.output, COMMAND)
    done = {(each["normal_class"], each["seed"], each["nll"]) for each in records}
    dataset = catalog.load(options.dataset)
    for seed in options.seeds:
        for label in options.classes:
            for nll in NLLS:
                if (label, seed, nll) in done:
                    continue
                record = Unit(dataset, label, seed, options.epochs).record(nll)
                records.append(store.append_line(options.output, record))
                sys.stderr.write(
                    f"class {label}, seed {seed}, {nll}: AUROC {record['auroc']['last 1']}\n"
                )
    print(upae_table.markdown(records))
    return 0


if __name__ == "__main__":
    sys.exit(main())
