"""Hooks of a model of one's own that give the wrong thing are named, with what they must give."""

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from zoo.testing.arguments import AT_DEFAULT, OFF_DEFAULT

SHAPE = (6, 6, 1)
IMAGES = np.random.default_rng(0).random((8, *SHAPE), "float32")


class Own(zoo.models.Autoencoder):
    """Gives what a test says."""

    wrong_terms = wrong_outputs = None

    def forward(self, x, training=False):
        outputs = super().forward(x, training=training)
        return outputs if self.wrong_outputs is None else self.wrong_outputs(outputs)

    def loss_terms(self, x, target, outputs):
        terms = super().loss_terms(x, target, outputs)
        return terms if self.wrong_terms is None else self.wrong_terms(outputs, terms)


def own(**wrong):
    model = Own(SHAPE, widths=(), hidden_units=(4,), latent_dim=2)
    for name, value in wrong.items():
        setattr(model, name, value)
    model.compile(keras.optimizers.Adam(), run_eagerly=False)
    return model


@pytest.mark.parametrize(
    ("terms", "received"),
    [
        (lambda outputs, terms: {"reconstruction": ops.mean(terms["reconstruction"])}, r"\(\)"),
        (lambda outputs, terms: {"reconstruction": terms["reconstruction"][:, None]}, "1"),
        (lambda outputs, terms: {"reconstruction": outputs["prediction"]}, "6, 6, 1"),
        (lambda outputs, terms: {"reconstruction": 0.0}, r"\(\)"),
        (lambda outputs, terms: {"error": terms["reconstruction"]}, r"\('error',\)"),
        (lambda outputs, terms: terms["reconstruction"], "Tensor"),
        (lambda outputs, terms: None, "NoneType"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "evaluate"])
def test_terms_are_one_value_per_sample(terms, received, method):
    model = own(wrong_terms=terms)
    with pytest.raises(ValueError, match=rf"Own\.loss_terms\(\).* must .*Received: .*{received}"):
        getattr(model, method)(IMAGES, verbose=0)


@pytest.mark.parametrize(
    ("outputs", "received"),
    [
        (lambda outputs: outputs["prediction"], "Tensor"),
        (lambda outputs: {"image": outputs["prediction"]}, "the keys 'image'"),
        (lambda outputs: None, "NoneType"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
def test_outputs_hold_the_prediction(outputs, received, method):
    model = own(wrong_outputs=outputs)
    with pytest.raises(TypeError, match=rf"Own\.forward\(\) must .*'prediction'.*{received}"):
        getattr(model, method)(IMAGES, verbose=0)


def test_a_hook_that_is_not_written_is_named():
    class Bare(zoo.ZooModel):
        """Has nothing."""

    with pytest.raises(NotImplementedError, match=r"Bare\.build_networks\(\) must make"):
        Bare(SHAPE)


def test_a_constructor_must_call_that_of_its_base():
    class Forgets(zoo.models.Autoencoder):
        """Does not."""

        def __init__(self, image_shape, **kwargs):
            pass

    with pytest.raises(TypeError, match=r"Forgets\.__init__\(\) must call super"):
        Forgets(SHAPE)


def test_an_argument_that_is_not_kept_is_named():
    class Drops(zoo.models.Autoencoder):
        """Keeps its argument under another name."""

        def __init__(self, image_shape, *, gain=1.0, **kwargs):
            super().__init__(image_shape, **kwargs)
            self.factor = gain

    with pytest.raises(AttributeError, match=r"Drops: the argument 'gain' .*self\.gain = gain"):
        Drops(SHAPE, widths=()).get_config()


FLAGS = [
    (name, argument)
    for name in zoo.names()
    for argument in zoo.get(name).argument_names
    if isinstance(OFF_DEFAULT.get(argument), bool) and argument not in AT_DEFAULT
]


@pytest.mark.parametrize(("name", "argument"), FLAGS)
def test_what_is_on_or_off_is_no_text(name, argument):
    with pytest.raises(TypeError, match=rf"{argument} must be True or False\. .*='false'"):
        zoo.create(name, (16, 16, 1), preset="tiny", **{argument: "false"})


def test_an_argument_of_ones_own_may_be_on_off_or_more():
    class Clips(zoo.models.Autoencoder):
        """Clips at a number, at 1, or not at all."""

        def __init__(self, image_shape, *, clip=False, **kwargs):
            super().__init__(image_shape, **kwargs)
            self.clip = clip

    assert Clips(SHAPE, widths=(), clip=0.5, pad_to_fit=np.bool_(True)).clip == 0.5
