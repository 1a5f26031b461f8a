"""A model class under check: how models of it are made, and the data that its task needs."""

import json

import keras
import numpy as np

from zoo.registry import presets
from zoo.testing import images as drawn
from zoo.testing.reloading import Reloader

NUM_IMAGES = 1250


class Subject:
    """Makes models of a class, small ones, and keeps what several checks need.

    Args:
        model_class: Subclass of `zoo.ZooModel`.
        image_shape: Shape of the images, where none are given.
        arguments: Constructor arguments, on top of those of the preset `tiny` that the class has.
        changed: A value off its default for each constructor argument that is new in the class.
        steady: Arguments under which the loss of a batch is the mean of its halves' losses.
        images, labels: At least 1,250 images in `[0, 1]` and their classes, `0, 1, ...`.
        reloader: Process in which saved models are loaded; one of its own by default.
    """

    def __init__(
        self,
        model_class,
        image_shape=(8, 8, 1),
        *,
        arguments=None,
        changed=None,
        steady=None,
        images=None,
        labels=None,
        reloader=None,
    ):
        self.model_class = model_class
        if images is None:
            images, labels = drawn.spots(NUM_IMAGES, tuple(image_shape))
        self.images = images
        self.labels = np.arange(len(images)) % drawn.NUM_CLASSES if labels is None else labels
        self.image_shape = tuple(images.shape[1:])
        self.arguments = arguments or {}
        self.changed = changed or {}
        self.steady = {"normalization": None} if steady is None else steady
        self.reloader = reloader or Reloader()
        self._trained = None
        self._plain: dict[tuple, tuple] = {}

    @property
    def task(self) -> str:
        return self.model_class.task

    def excuse(self, name: str) -> str | None:
        """Returns why a check does not hold for the class, as it or a base of it declares.

        `EXCEPTIONS = {"name of the check": "the reason, in a sentence"}` in the class.
        """
        for base in self.model_class.__mro__:
            if name in vars(base).get("EXCEPTIONS", {}):
                return vars(base)["EXCEPTIONS"][name]
        return None

    def takes(self, argument: str) -> bool:
        return argument in self.model_class.argument_names()

    # --- models -----------------------------------------------------------------------------

    def make(self, optimizer=None, *, image_shape=None, eager=False, **arguments):
        """Returns a compiled model; arguments that the class does not have are left out.

        `eager` runs its steps without a graph: for one or two steps of a small model it is
        several times as fast as tracing them.
        """
        model = self.uncompiled(image_shape=image_shape, **arguments)
        model.compile(optimizer or keras.optimizers.Adam(3e-3), run_eagerly=eager)
        return model

    def steady_start(self, optimizer=None, **arguments):
        """Returns `make` of seed 5, whose first weights `fit` does not take from its data."""
        return self.make(optimizer, seed=5, start_at_mean=False, **arguments)

    def uncompiled(self, *, image_shape=None, **arguments):
        shape = self.image_shape if image_shape is None else image_shape
        name = self.model_class.registry_name
        arguments = presets.config(name, "tiny", shape) | self.arguments | arguments
        known = {*self.model_class.argument_names(), "name", "dtype"}
        return self.model_class(shape, **{k: v for k, v in arguments.items() if k in known})

    def trained(self):
        """Returns a model after a short training, its history, and its losses before."""
        if self._trained is None:
            keras.utils.set_random_seed(2)
            model = self.make()
            options = {"batch_size": 100, "verbose": 0, "return_dict": True}
            before = model.evaluate(*self.data(0, 250), **options)
            history = model.fit(
                *self.data(0, 1000),
                batch_size=64,
                epochs=4,
                verbose=0,
                validation_data=self.data(1000, 1250),
                validation_batch_size=100,
            ).history
            self._trained = model, history, before
        return self._trained

    def plain(self, learning_rate=0.5, metrics=None, *, eager=True, **arguments):
        """Returns a model of seed 5 with plain SGD, at its start; made once per arguments."""
        model = self.steady_start(**arguments)
        config = json.dumps(model.get_config() | {"name": None}, sort_keys=True)
        key = config, learning_rate, str(metrics), eager
        if key not in self._plain:
            optimizer = keras.optimizers.SGD(learning_rate)
            model.compile(optimizer, metrics=metrics, run_eagerly=eager)
            self._plain[key] = model, [variable.numpy() for variable in model.variables]
        model, start = self._plain[key]
        for variable, value in zip(model.variables, start, strict=True):
            variable.assign(value)
        return model

    def losses(self, seed: int, *, num_rows=128, epochs=2, **settings) -> list[float]:
        """Returns the losses of epochs that start from a seed; compiles with `settings`."""
        keras.utils.set_random_seed(seed)
        model = self.uncompiled()
        model.compile(keras.optimizers.Adam(3e-3), **settings)
        data = self.data(0, num_rows)
        return model.fit(*data, batch_size=32, epochs=epochs, verbose=0).history["loss"]

    # --- data -------------------------------------------------------------------------------

    def data(self, start: int, stop: int, images=None) -> tuple:
        """Returns `(x,)` or `(x, y)`, as the task of the model needs it."""
        labels = self.labels[start:stop]
        if images is None:
            images = self.images[start:stop]
        else:
            labels = np.arange(len(images)) % drawn.NUM_CLASSES
        if self.task == "conditional":
            return ({"image": images, "label": labels},)
        if self.task == "semi_supervised":
            return images, np.where(np.arange(len(images)) % 4 == 0, labels, -1)
        if self.task == "debiasing":
            return images, labels % 2
        if self.task == "segmentation":
            return images, (images[..., :1] > 0.5).astype("uint8")
        return (images,)

    def inputs(self, start: int, stop: int, images=None):
        """Returns `x` alone."""
        return self.data(start, stop, images)[0]

    def with_images(self, change) -> tuple:
        """Returns `data` of 20 rows whose images went through `change`."""
        x, *y = self.data(0, 20)
        if isinstance(x, dict):
            return {**x, "image": change(x["image"])}, *y
        return change(x), *y


def weights_of(model) -> list[np.ndarray]:
    return [weight.numpy() for weight in model.trainable_weights]


def update_of(model, start: list[np.ndarray]) -> np.ndarray:
    """Returns how far the weights are from a start, as one vector."""
    pairs = zip(weights_of(model), start, strict=True)
    return np.concatenate([(weight - old).ravel() for weight, old in pairs])
