"""A module of someone's own models and detectors, good and bad, that tests copy and run."""

import keras
import numpy as np


def build(image_shape, width=4):
    inputs = keras.Input(image_shape)
    x = keras.layers.Conv2D(width, 3, padding="same", activation="relu")(inputs)
    return keras.Model(inputs, keras.layers.Conv2D(image_shape[-1], 1)(x))


class OwnStep(keras.Model):
    def __init__(self, image_shape):
        super().__init__()
        self.dense = keras.layers.Dense(image_shape[-1], activation="sigmoid")
        self.compile("sgd")

    def call(self, x):
        return self.dense(x)

    def encode(self, x):
        raise AssertionError("not a method of ours")

    score_map = elbo = classify = encode

    def train_step(self, x):
        loss = keras.ops.mean((self(x) - x) ** 2)  # x is no tuple
        return {"loss": loss}


def wrong_shape(image_shape):
    inputs = keras.Input(image_shape)
    return keras.Model(inputs, keras.layers.Conv2D(2, 3)(inputs))


def two_outputs(image_shape):
    inputs = keras.Input(image_shape)
    return keras.Model(inputs, [inputs, inputs])


def other_size():
    inputs = keras.Input((9, 9, 1))
    return keras.Model(inputs, keras.layers.Conv2D(1, 1)(inputs))


class NotCompiled(OwnStep):
    def __init__(self):
        keras.Model.__init__(self)

    def call(self, x):
        return x


def no_loss(image_shape):
    model = build(image_shape)
    model.compile("adam")
    return model


def half_of_a_batch(image_shape):
    class Half(keras.layers.Layer):
        def call(self, x):
            return x[:1]

    inputs = keras.Input(image_shape)
    return keras.Model(inputs, Half()(inputs))


def not_a_number(image_shape):
    model = build(image_shape)
    model.layers[-1].bias.assign([np.nan])
    return model


def loss_of_nothing(image_shape):
    model = build(image_shape)
    model.compile("adam", lambda y, p: keras.ops.mean(keras.ops.log(-1 - keras.ops.abs(p - y))))
    return model


def text():
    return "a model"


def fails():
    raise RuntimeError("no such network")


def quits():
    raise SystemExit(3)


once = build((8, 8, 1))


class Half:
    def fit(self, rows):
        self.mean = rows.mean(axis=0)


class Unknown(Half):
    def decision_function(self, rows):
        return np.square(rows - self.mean).reshape(len(rows), -1).mean(axis=1)


class Far(Unknown):
    higher_is_anomalous = True


class FarOfImages(Far):
    takes_images = True

    def fit(self, rows):
        assert rows.ndim == 4
        super().fit(rows)


class Nan(Far):
    def decision_function(self, rows):
        return rows.sum(axis=1) * np.nan


class Fails(Far):
    def decision_function(self, rows):
        raise KeyError("no such column")


class Wide(Far):
    def decision_function(self, rows):
        return rows


def local_outlier():
    from sklearn.neighbors import LocalOutlierFactor

    return LocalOutlierFactor()


def density():
    from sklearn.neighbors import KernelDensity

    return KernelDensity()
