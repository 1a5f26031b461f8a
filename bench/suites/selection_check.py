"""The selection check: which measure without labelled anomalies chooses well among trainings.

    python -m bench.suites.selection_check

trains 12 small networks with each of five garments of the embedded data as the normal class and
measures each after 3, 15 and 60 epochs: 36 trained settings for each class. Each training is a few
lines of the output file; a command that is started again goes on with what is missing.

200 images of the class are trained on, 100 are the known normals, and 150 more are unlabelled, with
anomalies among them in two shares. The true AUROC is that of the test split: no measure sees it.
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
from bench.data.dataset import Dataset
from bench.metrics import anomaly as metrics
from bench.records import store
from bench.suites import selection_table
from zoo.anomalies import selection

COMMAND = "python -m bench.suites.selection_check"
CLASSES = (0, 2, 4, 6, 8)
NUM_TRAIN, NUM_NORMALS = 200, 100
CHECKPOINTS = (3, 15, 60)  # epochs
BATCH_SIZE, LEARNING_RATE = 32, 1e-3
SHARES = {"aucp_50": 0.5, "aucp_10": 0.1}  # of anomalies among the unlabelled
_DENSE = {"hidden_units": (128, 64), "widths": ()}
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "autoencoder-2": ("autoencoder", {**_DENSE, "latent_dim": 2}),
    "autoencoder-8": ("autoencoder", {**_DENSE, "latent_dim": 8}),
    "autoencoder-64": ("autoencoder", {**_DENSE, "latent_dim": 64}),
    "denoising-16": ("denoising", {**_DENSE, "latent_dim": 16}),
    "memory-16": ("memory_autoencoder", {**_DENSE, "latent_dim": 16, "num_items": 100}),
    "vae-8": ("vae", {**_DENSE, "latent_dim": 8}),
    "upae-8": ("upae", {**_DENSE, "latent_dim": 8, "nll": "joint"}),
    "upae-8 paper": ("upae", {**_DENSE, "latent_dim": 8, "nll": "joint", "score": "paper"}),
    "upae-8 detached": ("upae", {**_DENSE, "latent_dim": 8, "nll": "detached"}),
    "features-4": ("feature_autoencoder", {"latent_dim": 4}),
    "features-16": ("feature_autoencoder", {"latent_dim": 16}),
    "features-64": ("feature_autoencoder", {"latent_dim": 64}),
}


class Task:
    """One class as the normal one.

    Attributes:
        train, normals: Images of the class, to train on and held out.
        unlabelled: For each of `SHARES`, images that hold anomalies in that share.
        test, labels: Images, and 1 for anomalies.
    """

    def __init__(self, dataset: Dataset, normal_class: int):
        data = anomaly.one_class(dataset, normal_class)
        self.train, self.normals, more = np.split(
            data.train.images, [NUM_TRAIN, NUM_TRAIN + NUM_NORMALS]
        )
        more = np.concatenate([more, data.validation.images])
        self.test, self.labels = data.test.images, data.test.labels
        others = dataset.validation.images[dataset.validation.labels != normal_class]
        others = np.random.default_rng(normal_class).permutation(others)
        self.unlabelled = {}
        for name, share in SHARES.items():
            num = round(len(more) * share / (1 - share))
            self.unlabelled[name] = np.concatenate([more, others[:num]])


def measure(model, task: Task) -> dict[str, float]:
    """Returns what is known without labels, and the true AUROC of the test split."""
    return {
        "val_loss": float(model.evaluate(task.normals, verbose=0, return_dict=True)["loss"]),
        "auroc_synthetic": selection.auroc_synthetic(model, task.normals),
        **{
            name: selection.aucp(model, task.normals, images)
            for name, images in task.unlabelled.items()
        },
        "auroc": metrics.auroc(task.labels, selection.scores(model, task.test)),
    }


def train(network: str, normal_class: int, seed: int, task: Task) -> list[dict[str, Any]]:
    """Trains a network and returns a record for each checkpoint."""
    name, arguments = NETWORKS[network]
    keras.utils.set_random_seed(seed)
    model = zoo.create(name, task.train.shape[1:], seed=seed, **arguments)
    model.compile(keras.optimizers.Adam(LEARNING_RATE))
    records, begun = [], 0
    for epochs in CHECKPOINTS:
        started = time.perf_counter()
        model.fit(task.train, initial_epoch=begun, epochs=epochs, batch_size=BATCH_SIZE, verbose=0)
        seconds = time.perf_counter() - started
        begun = epochs
        records.append(
            {
                "normal_class": normal_class,
                "network": network,
                "epochs": epochs,
                "seed": seed,
                "seconds": round(seconds, 1),
                **measure(model, task),
            }
        )
    return records


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains what is missing and prints the table."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.partition("\n")[0])
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--classes", nargs="+", type=int, default=list(CLASSES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("runs/selection_check.jsonl"))
    options = parser.parse_args(arguments)
    records = store.lines_so_far(options.output, COMMAND)
    done = {(each["network"], each["normal_class"], each["epochs"]) for each in records}
    dataset = catalog.load("fashion_mnist_small")
    for label in options.classes:
        task = Task(dataset, label)
        for network in options.networks:
            if all((network, label, epochs) in done for epochs in CHECKPOINTS):
                continue
            for record in train(network, label, options.seed, task):
                if (network, label, record["epochs"]) not in done:
                    records.append(store.append_line(options.output, record))
            keras.backend.clear_session()
            sys.stderr.write(f"class {label}, {network}: AUROC {records[-1]['auroc']:.3f}\n")
    print(selection_table.markdown(records))
    return 0


if __name__ == "__main__":
    sys.exit(main())
