"""Checks of arguments, shapes and files: each argument has its effect, also after saving."""

import inspect
import json
import tempfile
from pathlib import Path

import keras
import numpy as np

from zoo.testing import arguments as known
from zoo.testing import expect
from zoo.testing.expect import ExcusedError
from zoo.testing.subject import Subject

SHAPES = ((28, 28, 1), (32, 32, 3), (140, 1))
FLAT_SHAPE = (784,)
NO_SHAPES = ((28, 28, 1, 1), (), (28, 0, 1), "28x28", None, (2.5, 4))


def round_trip_keeps_every_argument(subject: Subject) -> None:
    """`from_config(get_config())` keeps all arguments, each off its default, through JSON."""
    model_class = subject.model_class
    values = known.OFF_DEFAULT | subject.changed
    names = model_class.argument_names()
    missing = [name for name in names if name not in values]
    expect.that(
        not missing,
        f"give a value off its default for {', '.join(missing)}: changed={{...}}",
    )
    chosen = {name: values[name] for name in names}
    defaults = _defaults(model_class)
    for name, value in chosen.items():
        is_told = name in subject.changed or name in known.AT_DEFAULT
        off = value != defaults.get(name) or is_told
        expect.that(off, f"changed[{name!r}] must differ from the default, {value!r}")
    model = model_class(**chosen, name="other")
    config = json.loads(json.dumps(model.get_config()))
    again = model_class.from_config(config)
    expect.that(again.get_config() == model.get_config(), "the configuration must come back")
    for name, value in chosen.items():
        restored = getattr(again, name)
        expect.that(restored == value, f"{name} must come back as {value!r}. It is {restored!r}")
    shapes, expected = ([weight.shape for weight in each.weights] for each in (again, model))
    expect.that(shapes == expected, "the weights must have the same shapes")


def _defaults(model_class) -> dict:
    defaults: dict = {}
    for base in model_class.__mro__:
        if base is keras.Model:
            break
        if "__init__" in vars(base):
            for key, parameter in inspect.signature(base.__init__).parameters.items():
                defaults.setdefault(key, parameter.default)
    return defaults


def unknown_arguments_are_refused(subject: Subject) -> None:
    """A slip of the pen is answered with the right name."""
    pattern = r"unknown argument 'image_shap'.*'image_shape'"
    with expect.refusal(TypeError, pattern, "image_shap=3"):
        subject.model_class(subject.image_shape, image_shap=3)


def any_shape_that_fits(subject: Subject) -> None:
    """Images of several sizes, series and vectors: shapes are kept, and losses are finite."""
    for shape in (*SHAPES, FLAT_SHAPE):
        if shape == FLAT_SHAPE and subject.excuse("flat_vectors"):
            with expect.refusal(ValueError, "image_shape must be", f"image_shape={shape}"):
                subject.make(image_shape=shape)
            continue
        # Of vectors there are no maps to convolve, whatever the arguments under check are.
        flat = {"widths": ()} if shape == FLAT_SHAPE else {}
        model = subject.make(image_shape=shape, eager=True, **flat)
        images = np.random.default_rng(0).random((3, *shape), dtype="float32")
        data = subject.data(0, 3, images)
        predicted = model.predict(data[0], verbose=0).shape
        channels = 1 if subject.task == "segmentation" else shape[-1]
        expected = (3, *shape[:-1], channels)
        expect.that(predicted == expected, f"predict must give {expected}. It gives {predicted}")
        loss = model.test_on_batch(*data, return_dict=True)["loss"]
        expect.that(np.isfinite(loss), f"the loss of {shape} must be finite. It is {loss}")


def shape_that_does_not_divide_says_how_to_pad(subject: Subject) -> None:
    """A size that cannot be halved as often as the network does is refused, with the next one."""
    if reason := subject.excuse("divisible_shapes"):
        model = subject.uncompiled(image_shape=(30, 30, 1))
        expect.that(model.built, f"(30, 30, 1) must fit: {reason}")
        return
    if not subject.takes("widths"):
        raise ExcusedError("the class has no widths")
    for shape, pattern in (
        ((30, 30, 1), r"divisible by \d.*\(30, 30, 1\).*Pad to \(32, 32, 1\)"),
        ((141, 1), r"length must be divisible by \d.*Pad to \(144, 1\)"),
    ):
        with expect.refusal(ValueError, pattern, f"image_shape={shape}"):
            subject.uncompiled(image_shape=shape, widths=(4, 4, 4))


def what_is_not_a_shape_is_refused(subject: Subject) -> None:
    """An `image_shape` of four axes, of none, of text or with a 0 is refused."""
    for shape in NO_SHAPES:
        with expect.refusal(ValueError, "image_shape must be", f"image_shape={shape!r}"):
            subject.model_class(shape)


def a_model_inside_of_another_is_saved(subject: Subject) -> None:
    """A Keras model that contains the model loads with equal outputs."""
    model = subject.uncompiled()
    example = model.example_inputs()
    if isinstance(example, dict):
        inputs = {
            name: keras.Input(part.shape[1:], dtype=part.dtype, name=name)
            for name, part in example.items()
        }
    else:
        inputs = keras.Input(example.shape[1:], dtype=example.dtype)
    outer = keras.Model(inputs, model(inputs))
    with tempfile.TemporaryDirectory(prefix="zoo-testing-") as folder:
        outer.save(Path(folder) / "outer.keras")
        again = keras.saving.load_model(Path(folder) / "outer.keras")
    data = subject.inputs(0, 4)
    expected = outer.predict(data, verbose=0)
    expect.close(again.predict(data, verbose=0), expected, "predictions", rtol=1e-5, atol=1e-6)


def saved_models_go_on_in_another_process(subject: Subject) -> None:
    """Outputs, optimizer and noise come back: training goes on as if it had not stopped."""
    if subject.model_class.__module__ == "__main__":
        raise ExcusedError("a class of __main__ cannot be imported elsewhere. Put it in a module")
    model, _, _ = subject.trained()
    data, inputs = subject.data(0, 64), subject.inputs(0, 64)
    with tempfile.TemporaryDirectory(prefix="zoo-testing-") as folder:
        model.save(Path(folder) / "model.keras")
        reloaded = subject.reloader.reload(Path(folder), subject.model_class, data)
    before = model.predict(inputs, verbose=0)
    variables = (*model.variables, *model.optimizer.variables)
    kept = [variable.numpy() for variable in variables]
    model.run_eagerly = True  # one step: faster than a graph
    model.fit(*data, batch_size=64, epochs=1, shuffle=False, verbose=0)
    model.run_eagerly, model.train_function = False, None
    after = model.predict(inputs, verbose=0)
    variables = (*model.variables, *model.optimizer.variables)
    for variable, value in zip(variables, kept, strict=True):
        variable.assign(value)  # other checks use the model as it was
    expect.close(reloaded[0], before, "predictions of the loaded model", rtol=1e-5, atol=1e-6)
    expect.close(reloaded[1], after, "predictions after one more step", rtol=1e-7, atol=2e-4)
    moved = np.abs(after - before).max()
    expect.that(moved > 1e-4, f"a step must change the predictions. It did by {moved:.2g}")


CHECKS = (
    round_trip_keeps_every_argument,
    unknown_arguments_are_refused,
    any_shape_that_fits,
    shape_that_does_not_divide_says_how_to_pad,
    what_is_not_a_shape_is_refused,
    a_model_inside_of_another_is_saved,
    saved_models_go_on_in_another_process,
)
