"""Batches of crops for `fit`, drawn afresh in each epoch."""

import dataclasses
import math

import keras
import numpy as np

from zoo import checks
from zoo.data.augmentation import Augmentation, augment
from zoo.tiles.crops import Crops


class CroppedBatches(keras.utils.PyDataset):
    """Gives shuffled batches of random crops, and of their masks.

    Each image gives as many crops in an epoch as the others. Crops, order and changes depend on
    `seed`, on the epoch and on the place in the epoch alone. A batch is `(images,)` or
    `(images, masks)`: float32 `(batch, height, width, channels)` in `[0, 1]`, and class numbers
    `(batch, height, width)`.

    Args:
        crops: What is drawn from.
        per_image: Crops of an image in an epoch.
        batch_size: Positive int. The last batch of an epoch may be shorter.
        augmentation: What is changed in each crop, and in its mask alike; None: nothing.
        seed: Int.
        **kwargs: `workers`, `use_multiprocessing` and `max_queue_size` of `keras.utils.PyDataset`.

    Example:

    >>> import numpy as np
    >>> images = [np.zeros((40, 30, 1), "uint8"), np.zeros((9, 90, 1), "uint8")]
    >>> batches = CroppedBatches(Crops(images, size=(16, 16)), per_image=4, batch_size=3)
    >>> len(batches), batches[0][0].shape
    (3, (3, 16, 16, 1))
    """

    def __init__(
        self,
        crops: Crops,
        *,
        per_image: int,
        batch_size: int,
        augmentation: Augmentation | None = None,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        checks.positive_int("CroppedBatches", per_image=per_image, batch_size=batch_size)
        self.crops, self.per_image, self.batch_size = crops, per_image, batch_size
        self.augmentation, self.seed = augmentation, seed
        self.epoch = 0
        self._has_begun = False

    @property
    def num_crops(self) -> int:
        return len(self.crops.images) * self.per_image

    def __len__(self) -> int:
        return math.ceil(self.num_crops / self.batch_size)

    def __getitem__(self, index: int):
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.num_crops)
        chosen = order[index * self.batch_size : (index + 1) * self.batch_size]
        drawn = [
            self.crops.draw(
                int(number) % len(self.crops.images),
                np.random.default_rng([self.seed, self.epoch, 1, int(number)]),
            )
            for number in chosen
        ]
        images = np.stack([image for image, _ in drawn])
        has_masks = self.crops.masks is not None
        masks = np.stack([mask for _, mask in drawn])[..., None] if has_masks else None
        if self.augmentation is not None:
            settings = dataclasses.asdict(self.augmentation)
            settings["seed"] = (self.seed, self.epoch, index)
            changed = augment(images, masks, **settings)
            images, masks = changed if has_masks else (changed, None)
        return (images, masks[..., 0]) if has_masks else (images,)

    def on_epoch_begin(self) -> None:
        self._has_begun = True

    def on_epoch_end(self) -> None:
        # Keras also ends an epoch that never began, when `fit` looks at the first batches.
        self.epoch += self._has_begun
        self._has_begun = False
