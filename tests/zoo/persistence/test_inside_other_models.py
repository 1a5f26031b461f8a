"""A model of the zoo as a layer of another, and by the ways that Keras has to write it."""

import copy
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo

SHAPE = (4, 4, 1)
IMAGES = np.random.default_rng(0).random((3, *SHAPE), "float32")


def small(**arguments):
    return zoo.create("vae", SHAPE, widths=(), hidden_units=(), latent_dim=2, **arguments)


def inside(model) -> keras.Model:
    inputs = keras.Input(SHAPE)
    return keras.Model(inputs, keras.layers.Flatten()(model(inputs)))


@keras.saving.register_keras_serializable("test")
class Subclassed(keras.Model):
    def __init__(self, inner=None, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner or small()

    def call(self, x):
        return 2 * self.inner(x)


@pytest.mark.parametrize("outer", [inside, Subclassed], ids=["functional", "subclassed"])
def test_a_model_that_has_it_as_a_layer_is_loaded(outer, tmp_path):
    model = outer(small())
    expected = model.predict(IMAGES, verbose=0)
    model.save(tmp_path / "outer.keras")
    again = keras.saving.load_model(tmp_path / "outer.keras")
    np.testing.assert_array_equal(again.predict(IMAGES, verbose=0), expected)


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model)), keras.models.clone_model],
    ids=["copy", "pickle", "clone"],
)
def test_copies_have_equal_outputs(copied):
    model = small()
    model.compile("sgd")
    again = copied(model)
    again.set_weights(model.get_weights())  # a clone has new ones
    np.testing.assert_array_equal(
        again.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0)
    )


def test_keras_exports_a_model_that_was_only_trained(tmp_path):
    model = small()
    model.compile("sgd")
    model.fit(IMAGES, verbose=0)
    model.export(tmp_path / "saved", verbose=False)
    saved = tf.saved_model.load(tmp_path / "saved")
    np.testing.assert_allclose(saved.serve(IMAGES), model.predict(IMAGES, verbose=0), atol=1e-6)
