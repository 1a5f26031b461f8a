"""What the battery shares: how each model is made, and the data that its task needs."""

import gc
import json
import os
import typing

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

import zoo

SHAPE = (8, 8, 1)


class Kit:
    """Makes models and their data, by registry name."""

    shape = SHAPE
    # Batch statistics differ between one batch and its halves: parity tests switch them off.
    without_batch_statistics: typing.ClassVar = {
        "upae": {"normalization": None},
        **{name: {"normalization": None} for name in zoo.names("*unet*")},
        "vq_vae": {"codebook": "gradient", "revive_after": None},
    }

    def __init__(self):
        digits = load_digits()
        self.images = (digits.images[..., None] / 16).astype("float32")
        self.labels = digits.target

    def task(self, name: str) -> str:
        return zoo.get(name).model_class.task

    def make(self, name, optimizer=None, *, image_shape=SHAPE, **arguments):
        """Returns a compiled model of preset `tiny`; arguments it does not have are left out."""
        known = {*zoo.get(name).model_class.argument_names(), "name", "dtype"}
        arguments = {key: value for key, value in arguments.items() if key in known}
        model = zoo.create(name, image_shape, preset="tiny", **arguments)
        model.compile(optimizer or keras.optimizers.Adam(3e-3))
        return model

    def data(self, name, start, stop, images=None):
        """Returns `(x,)` or `(x, y)`, as the task of the model needs it."""
        if images is None:
            images, labels = self.images[start:stop], self.labels[start:stop]
        else:
            labels = np.arange(len(images)) % 10
        return {
            "reconstruction": lambda: (images,),
            "conditional": lambda: ({"image": images, "label": labels},),
            "semi_supervised": lambda: (
                images,
                np.where(np.arange(len(images)) % 4 == 0, labels, -1),
            ),
            "debiasing": lambda: (images, labels % 2),
            "segmentation": lambda: (images, (images[..., :1] > 0.5).astype("uint8")),
        }[self.task(name)]()

    def losses(self, name, seed, **settings):
        """Returns the losses of two epochs that start from a seed; compiles with `settings`."""
        keras.utils.set_random_seed(seed)
        model = self.make(name)
        if settings:
            model.compile(keras.optimizers.Adam(3e-3), **settings)
        return model.fit(*self.data(name, 0, 128), batch_size=32, epochs=2, verbose=0).history[
            "loss"
        ]

    def inputs(self, name, start, stop, images=None):
        """Returns `x` alone."""
        return self.data(name, start, stop, images)[0]

    def with_images(self, name, change):
        """Returns `data` of 20 rows whose images went through `change`."""
        x, *y = self.data(name, 0, 20)
        if isinstance(x, dict):
            return {**x, "image": change(x["image"])}, *y
        return change(x), *y


@pytest.fixture(scope="session")
def kit():
    return Kit()


class Made(dict):
    """What was made for each model, by its name.

    A worker of pytest-xdist gets all tests of one model before the next: it lets go of the models
    before, whose traced graphs would fill the memory.
    """

    def __missing__(self, name):
        if "PYTEST_XDIST_WORKER" in os.environ:
            self.clear()
            gc.collect()
        self[name] = {}
        return self[name]


@pytest.fixture(scope="session")
def trained(kit):
    """Gives a model after a short training, its history and its losses before; made once each."""
    made = Made()

    def get(name):
        if not made[name]:
            keras.utils.set_random_seed(2)
            model = kit.make(name)
            before = model.evaluate(
                *kit.data(name, 0, 250), batch_size=100, verbose=0, return_dict=True
            )
            history = model.fit(
                *kit.data(name, 0, 1000),
                batch_size=64,
                epochs=4,
                verbose=0,
                validation_data=kit.data(name, 1000, 1250),
                validation_batch_size=100,
            ).history
            made[name]["trained"] = model, history, before
        return made[name]["trained"]

    return get


@pytest.fixture(scope="session")
def plain(kit):
    """Gives a model of seed 5 with plain SGD, at its start; made and traced once per arguments."""
    made = Made()

    def get(name, learning_rate=0.5, metrics=None, **arguments):
        model = kit.make(name, seed=5, **arguments)
        config = json.dumps(model.get_config() | {"name": None}, sort_keys=True)
        key = config, learning_rate, str(metrics)
        of_name = made[name]
        if key not in of_name:
            model.compile(keras.optimizers.SGD(learning_rate), metrics=metrics)
            of_name[key] = model, [variable.numpy() for variable in model.variables]
        model, start = of_name[key]
        for variable, value in zip(model.variables, start, strict=True):
            variable.assign(value)
        return model

    return get


@pytest.fixture(scope="session")
def losses_of_seed_7(kit):
    """Gives what `kit.losses` returns for a model; trained once."""
    made = {}

    def get(name):
        if name not in made:
            made[name] = kit.losses(name, 7)
        return made[name]

    return get


@pytest.fixture
def weights_of():
    return lambda model: [weight.numpy() for weight in model.trainable_weights]
