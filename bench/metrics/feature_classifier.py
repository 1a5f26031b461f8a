"""A small classifier of real images, which the harness trains to judge what models generate.

In training it sees no model's output. The same data and version give the same classifier; its file
is kept beside the records.
"""

import dataclasses
import hashlib
from pathlib import Path

import keras
import numpy as np
from keras import layers

from bench.data.dataset import Dataset
from zoo.files import new_file

SEED = 11
VERSION = "conv-32-64-128-v2"
MAX_UPDATES = 2_000
MAX_EPOCHS = 30
BATCH_SIZE = 64


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A trained classifier.

    Attributes:
        accuracy: On the real test images: the most that generated images can be expected to reach.
        checksum: SHA-256 of its weights, in hexadecimal.
    """

    network: keras.Model
    accuracy: float
    checksum: str

    def read(self, images: np.ndarray) -> np.ndarray:
        """Returns the class that each image is taken for, int64 `(batch,)`."""
        return self.network.predict(images, batch_size=256, verbose=0).argmax(axis=-1)

    def features(self, images: np.ndarray) -> np.ndarray:
        """Returns the last hidden layer, `(batch, 128)`."""
        body = keras.Model(self.network.inputs, self.network.get_layer("features").output)
        return body.predict(images, batch_size=256, verbose=0)


def load_or_train(dataset: Dataset, folder: Path | None = None) -> Classifier:
    """Returns the classifier of a data set, from its file in `folder` if there is one.

    The classes weigh alike. Training ends with the best epoch on the validation split.
    """
    path = None if folder is None else folder / f"{VERSION}-{dataset.checksum[:16]}.keras"
    if path is not None and path.exists():
        network = keras.saving.load_model(path)
    else:
        network = _train(dataset)
        if path is not None:
            with new_file(path) as temporary:
                network.save(temporary)
    digest = hashlib.sha256()
    for weight in network.get_weights():
        digest.update(np.ascontiguousarray(weight).data)
    classifier = Classifier(network, float("nan"), digest.hexdigest())
    accuracy = float((classifier.read(dataset.test.images) == dataset.test.labels).mean())
    return dataclasses.replace(classifier, accuracy=accuracy)


def _train(dataset: Dataset) -> keras.Model:
    network = _network(dataset.image_shape, dataset.num_classes)
    network.compile(
        keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    train, validation = dataset.train, dataset.validation
    counts = np.bincount(train.labels, minlength=dataset.num_classes)
    weights = len(train) / np.maximum(counts * dataset.num_classes, 1)
    epochs = min(max(1, MAX_UPDATES // max(1, len(train) // BATCH_SIZE)), MAX_EPOCHS)
    best = keras.callbacks.EarlyStopping("val_accuracy", patience=4, restore_best_weights=True)
    network.fit(
        _Batches(train.images, train.labels, weights[train.labels]),
        epochs=epochs,
        shuffle=False,  # else Keras shuffles the batches by the process's seed
        validation_data=(validation.images, validation.labels),
        callbacks=[best],
        verbose=0,
    )
    return network


class _Batches(keras.utils.PyDataset):
    """Gives the rows in an order of its own, whatever the seed of the process."""

    def __init__(self, *arrays):
        super().__init__()
        self.arrays = arrays
        self.generator = np.random.default_rng(SEED)
        self.order = self.generator.permutation(len(arrays[0]))

    def __len__(self):
        return -(-len(self.order) // BATCH_SIZE)

    def __getitem__(self, index):
        rows = self.order[index * BATCH_SIZE : (index + 1) * BATCH_SIZE]
        return tuple(array[rows] for array in self.arrays)

    def on_epoch_begin(self):
        self.order = self.generator.permutation(len(self.order))


def _network(shape: tuple[int, ...], num_classes: int) -> keras.Model:
    def seeded(number: int):
        return {"kernel_initializer": keras.initializers.GlorotUniform(SEED + number)}

    inputs = x = keras.Input(shape)
    if len(shape) == 3:
        for number, width in enumerate((32, 64)):
            x = layers.Conv2D(width, 3, padding="same", activation="relu", **seeded(number))(x)
            x = layers.MaxPooling2D(2, padding="same")(x)
    x = layers.Flatten()(x)
    x = layers.Dense(128, activation="relu", name="features", **seeded(3))(x)
    x = layers.Dropout(0.3, seed=SEED)(x)
    return keras.Model(inputs, layers.Dense(num_classes, activation="softmax", **seeded(4))(x))
