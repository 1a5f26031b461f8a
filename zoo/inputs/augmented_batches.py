"""Batches for `fit` whose images are changed afresh in each epoch.

Apart from `augmentation`, which the command line reads without Keras.
"""

import dataclasses
import math
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from zoo import checks
from zoo.data.augmentation import Augmentation, augment

_NUM_AHEAD = 2  # batches


class AugmentedBatches(keras.utils.PyDataset):
    """Gives shuffled batches of augmented images, with targets changed in the same way.

    Order and changes depend on `seed`, on the epoch and on the place of the batch alone: the same
    seed gives the same training, whatever the number of workers.

    Args:
        images: `(n, height, width, channels)`.
        targets: Masks (whole numbers, nearest neighbour) or images (floats, linear) of the same
            height and width; or None: batches hold images alone, as for a plain autoencoder.
        labels: `(n,)`, or None. Without targets, they are what is predicted; a subclass that
            needs another form overrides `batch`.
        augmentation: What is changed; see `augmentation.parse`.
        batch_size: Positive int. The last batch of an epoch may be shorter.
        seed: Int.
        shuffle: Whether each epoch has an order of its own.
        **kwargs: `workers`, `use_multiprocessing` and `max_queue_size` of `keras.utils.PyDataset`.

    Example:

    >>> import numpy as np
    >>> from zoo.data import augmentation
    >>> config = augmentation.parse("flip,shift:0.1")
    >>> images = np.zeros((10, 8, 8, 1), "float32")
    >>> batches = AugmentedBatches(images, augmentation=config, batch_size=4)
    >>> len(batches), batches[2][0].shape
    (3, (2, 8, 8, 1))
    """

    def __init__(
        self,
        images: np.ndarray,
        targets: np.ndarray | None = None,
        labels: np.ndarray | None = None,
        *,
        augmentation: Augmentation,
        batch_size: int,
        seed: int = 0,
        shuffle: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        checks.positive_int("AugmentedBatches", batch_size=batch_size)
        for name, values in (("targets", targets), ("labels", labels)):
            if values is not None and len(values) != len(images):
                raise ValueError(
                    f"AugmentedBatches: {name} must have one row per image. "
                    f"Received: {len(values)} for {len(images)} images. Take them from one split."
                )
        self.images, self.targets, self.labels = images, targets, labels
        self.augmentation = augmentation
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.epoch = 0
        self._has_begun = False

    def __len__(self) -> int:
        return math.ceil(len(self.images) / self.batch_size)

    def __getitem__(self, index: int):
        rows = np.arange(len(self.images))
        if self.shuffle:
            rows = np.random.default_rng([self.seed, self.epoch]).permutation(len(self.images))
        rows = rows[index * self.batch_size : (index + 1) * self.batch_size]
        arguments = dataclasses.asdict(self.augmentation)
        arguments["seed"] = (self.seed, self.epoch, index)
        labels = None if self.labels is None else self.labels[rows]
        if self.targets is None:
            return self.batch(augment(self.images[rows], **arguments), None, labels)
        return self.batch(*augment(self.images[rows], self.targets[rows], **arguments), labels)

    def batch(self, images, targets, labels) -> tuple:
        """Returns what `fit` gets: `(images,)`, `(images, targets)` or `(images, labels)`."""
        target = labels if targets is None else targets
        return (images,) if target is None else (images, target)

    def on_epoch_begin(self) -> None:
        self._has_begun = True

    def on_epoch_end(self) -> None:
        # Keras also ends an epoch that never began, when `fit` looks at the first batches.
        self.epoch += self._has_begun
        self._has_begun = False


def augmented(
    batches: tf.data.Dataset,
    kinds: Sequence[tuple[str, tuple[int, ...]]],
    config: Augmentation,
    seed: int,
    num_batches: int,
) -> tf.data.Dataset:
    """Changes the images of each batch, and masks alike, by seed, epoch and place of the batch.

    Args:
        batches: Of images `(batch, height, width, channels)`; or of tuples of them and of masks
            `(batch, height, width)`, whole numbers.
        kinds: Data type and shape of one row of each.
        num_batches: In an epoch.
    """
    settings = dataclasses.asdict(config)
    num_begun = [0]

    def next_epoch(_):
        num_begun[0] += 1
        return np.int64(num_begun[0] - 1)

    def change(epoch, place, images, *masks):
        seeds = (seed, int(epoch), int(place))
        if not masks:
            return augment(images, seed=seeds, **settings)
        images, changed = augment(images, masks[0][..., None], seed=seeds, **settings)
        return images, changed[..., 0]

    def of_epoch(epoch):
        def changed(place, batch):
            batch = batch if isinstance(batch, tuple) else (batch,)
            arrays = tf.numpy_function(change, [epoch, place, *batch], [kind for kind, _ in kinds])
            arrays = tuple(
                tf.ensure_shape(values, (None, *shape))
                for values, (_, shape) in zip(arrays, kinds, strict=True)
            )
            return arrays if len(arrays) > 1 else arrays[0]

        return batches.enumerate().map(changed, num_parallel_calls=tf.data.AUTOTUNE)

    epochs = tf.data.Dataset.range(1)
    epochs = epochs.map(lambda index: tf.numpy_function(next_epoch, [index], tf.int64))
    made = epochs.flat_map(of_epoch).apply(tf.data.experimental.assert_cardinality(num_batches))
    return made.prefetch(_NUM_AHEAD)
