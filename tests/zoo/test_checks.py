"""Errors name the owner, what was expected, what came, and the fix."""

import argparse
import re

import numpy as np
import pytest

from zoo import checks

SHAPE = (4, 4, 1)
GOOD = np.full((3, *SHAPE), 0.5, "float32")


def changed(value, dtype="float32"):
    """Three images with one pixel of the second one changed."""
    x = GOOD.astype(dtype)
    x[1, 2, 2, 0] = value
    return x


def raises(message, kind=ValueError):
    """The whole message, not a part of it."""
    return pytest.raises(kind, match=f"^{re.escape(message)}$")


def test_suggestion():
    assert checks.suggestion("vea", ["vae", "upae"]) == " Did you mean 'vae'?"
    assert checks.suggestion("qqqq", ["vae", "upae"]) == ""
    assert checks.suggestion(7, [7, 8]) == " Did you mean '7'?"


def test_one_of():
    checks.one_of("Owner", up=("transpose", ("transpose", "upsample")), other=(None, (None, 1)))
    with raises(
        "Owner: up must be one of 'transpose', 'upsample'. Received: up='transpos'. "
        "Did you mean 'transpose'?"
    ):
        checks.one_of("Owner", up=("transpos", ("transpose", "upsample")))
    with raises("Owner: up must be one of None, 1. Received: up='q'."):
        checks.one_of("Owner", up=("q", (None, 1)))


@pytest.mark.parametrize("value", [0, -1, 2.0, "3", None, True])
def test_positive_int_refuses(value):
    with raises(f"Owner: size must be an int >= 1. Received: size={value!r}."):
        checks.positive_int("Owner", size=value)


def test_positive_int_accepts():
    checks.positive_int("Owner", size=1, other=np.int64(7))


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan, np.inf, "0.5", None, True, 0.5j])
def test_number_refuses(value):
    with raises(f"Owner: level must be a number in [0, 1]. Received: level={value!r}."):
        checks.number("Owner", low=0.0, high=1.0, level=value)


def test_number_accepts():
    checks.number("Owner", low=0.0, high=1.0, low_end=0, high_end=1, other=np.float32(0.5))
    checks.number("Owner", anything=-1e30)


def test_number_without_limits_is_still_finite():
    with raises("Owner: level must be a finite number. Received: level=inf."):
        checks.number("Owner", level=float("inf"))


def test_ints():
    assert checks.ints("Owner", "widths", [8, np.int64(16)]) == (8, 16)
    assert all(type(n) is int for n in checks.ints("Owner", "widths", np.array([8, 16])))
    assert checks.ints("Owner", "widths", (), allow_empty=True) == ()
    with raises("Owner: widths must not be empty. Received: widths=()."):
        checks.ints("Owner", "widths", ())
    with raises("Owner: widths must be an int >= 1. Received: widths=-2."):
        checks.ints("Owner", "widths", (4, -2))


@pytest.mark.parametrize("values", [32, "32", b"32", None])
def test_ints_of_another_kind(values):
    with raises(
        f"Owner: widths must be a tuple of ints, such as (32, 64). Received: widths={values!r}.",
        TypeError,
    ):
        checks.ints("Owner", "widths", values)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((28, 28, 1), (28, 28, 1)),
        ([140, 1], (140, 1)),
        (784, (784,)),
        (np.array([8, 8, 3]), (8, 8, 3)),
    ],
)
def test_image_shape(shape, expected):
    result = checks.image_shape("Owner", shape)
    assert result == expected
    assert all(type(size) is int for size in result)


@pytest.mark.parametrize(
    "shape", [None, "28", (), (28, 0, 1), (28.0, 28, 1), (None, 28, 28, 1), (1, 28, 28, 1), 0]
)
def test_image_shape_refuses(shape):
    with pytest.raises(
        ValueError,
        match=r"^Owner: image_shape must be \(height, width, channels\) for images, \(length, "
        r"channels\) for series or \(features,\) for flat vectors, without the batch axis\. "
        r"Received: image_shape=.*\. For example \(28, 28, 1\)\.$",
    ):
        checks.image_shape("Owner", shape)


def test_divisible():
    checks.divisible("Owner", (28, 28, 1), 2)
    checks.divisible("Owner", (140, 3), 2)
    checks.divisible("Owner", (7,), 5)
    with raises(
        "Owner: image_shape height and width must be divisible by 16, as the network halves it 4 "
        "times. Received: image_shape=(30, 32, 3). Pad to (32, 32, 3) or use fewer widths."
    ):
        checks.divisible("Owner", (30, 32, 3), 4)
    with raises(
        "Owner: image_shape length must be divisible by 4, as the network halves it 2 times. "
        "Received: image_shape=(141, 1). Pad to (144, 1) or use fewer widths."
    ):
        checks.divisible("Owner", (141, 1), 2)


@pytest.mark.parametrize(
    "x",
    [
        GOOD,
        changed(0.0),
        changed(1.0),
        GOOD.astype("float16"),
        GOOD.astype("float64"),
        np.ones((1, *SHAPE), "uint8"),
    ],
)
def test_images_accepts(x):
    checks.images("Owner", x, SHAPE)


@pytest.mark.parametrize("x", [np.full((2, *SHAPE), "a"), np.full((2, *SHAPE), None, object)])
def test_images_of_another_kind(x):
    with raises(
        f"Owner: x must be a numeric array of shape (batch, 4, 4, 1). Received: dtype {x.dtype}.",
        TypeError,
    ):
        checks.images("Owner", x, SHAPE)


def test_no_images():
    with raises("Owner: x must hold at least one image. Received: 0 images."):
        checks.images("Owner", GOOD[:0], SHAPE)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_images_that_are_not_finite(bad):
    x = changed(bad)
    x[2, 0] = bad
    with raises(
        "Owner: y must be finite. Received: NaN or infinity in 2 of 3 images, the first at index "
        "1. Remove them, or replace them with numpy.nan_to_num."
    ):
        checks.images("Owner", x, SHAPE, "y")


@pytest.mark.parametrize(
    ("x", "received", "fix"),
    [
        (changed(255, "uint8"), "minimum 0, maximum 255", "Divide by 255: x.astype('float32') / "),
        (changed(200.0), "minimum 0.5, maximum 200", "Divide by 255: x.astype('float32') / 255."),
        (changed(-1.0), "minimum -1, maximum 0.5", "Rescale with (x - x.min()) / (x.max() - "),
        (changed(300.0), "minimum 0.5, maximum 300", "Rescale with (x - x.min())"),
        (changed(1.2), "maximum 1.2", "Rescale with (x - x.min())"),
        (changed(np.nextafter(np.float32(1), 2)), "maximum 1.0000001", "Clip it: x.clip(0, 1)."),
        (changed(-1e-7), "minimum -1e-07, maximum 0.5", "Clip it: x.clip(0, 1)."),
    ],
)
def test_images_out_of_range(x, received, fix):
    with pytest.raises(ValueError, match=r"^Owner: x must lie in \[0, 1\]\. Received: ") as error:
        checks.images("Owner", x, SHAPE)
    assert received in str(error.value)
    assert fix in str(error.value)


@pytest.mark.parametrize(
    ("received", "fix"),
    [
        ((4, 4, 1), "Add the batch axis: x[None]."),
        ((3, 4, 4), "Add the channel axis: x[..., None]."),
        ((3, 16), "Reshape it: x.reshape((-1, 4, 4, 1))."),
        ((3, 8, 8, 1), "Create the model with image_shape=(8, 8, 1), or resize the images."),
        ((3, 4, 4, 3), "Create the model with image_shape=(4, 4, 3), or resize the images."),
        ((7,), "Give one row per image."),
        ((), "Give one row per image."),
    ],
)
def test_array_shape_refuses(received, fix):
    with raises(f"Owner: x must have shape (batch, 4, 4, 1). Received: shape {received}. {fix}"):
        checks.array_shape("Owner", received, SHAPE)


@pytest.mark.parametrize(
    ("received", "change"),
    [
        ((5, 3, 4, 6), lambda x: np.moveaxis(x, 1, -1)),
        ((5, 6, 4, 3), lambda x: x.swapaxes(1, 2)),
        ((5, 72), lambda x: x.reshape((-1, 4, 6, 3))),
        ((5, 1, 4, 6, 3), lambda x: x.reshape((-1, 4, 6, 3))),
        ((5, 6, 3, 4), None),
        ((5, 12, 6), None),
    ],
)
def test_a_remedy_keeps_each_value_in_its_place(received, change):
    """A reshape of other axes would mix pixels, and nothing would say so."""
    with pytest.raises(ValueError, match="must have shape") as error:
        checks.array_shape("Owner", received, (4, 6, 3))
    _, _, remedy = str(error.value).partition(f"Received: shape {received}. ")
    x = np.arange(np.prod(received)).reshape(received)
    if change is None:
        assert remedy.startswith("Create the model with image_shape=")
    else:
        code = remedy.rpartition(": ")[2].removesuffix(".")
        np.testing.assert_array_equal(eval(code, {"x": x, "numpy": np}), change(x))


def test_array_shape_lets_unknown_sizes_pass():
    checks.array_shape("Owner", (None, None, 4, 1), SHAPE)
    with pytest.raises(ValueError, match=r"Received: shape \(None, None, 8, 1\)"):
        checks.array_shape("Owner", (None, None, 8, 1), SHAPE)


def test_activation():
    checks.activation("Owner", "activation", "relu")
    with raises(
        "Owner: activation must be the name of a Keras activation. Received: activation='rellu'. "
        "Did you mean 'relu'? See keras.activations."
    ):
        checks.activation("Owner", "activation", "rellu")


@pytest.mark.parametrize("value", [None, 3, np.tanh])
def test_activation_of_another_kind(value):
    with pytest.raises(ValueError, match=r"Owner: activation must be the name of a Keras activati"):
        checks.activation("Owner", "activation", value)


@pytest.mark.parametrize(
    ("text", "size"), [("64x48", (64, 48)), ("64X48", (64, 48)), ("1x1", (1, 1))]
)
def test_size(text, size):
    assert checks.size(text) == size


@pytest.mark.parametrize("text", ["64", "64x", "0x4", "-1x4", "64x48x3", "axb", "4.0x4", ""])
def test_a_text_that_is_no_size(text):
    with raises(f"must be HEIGHTxWIDTH, such as 64x64, not {text!r}"):
        checks.size(text)


def test_a_command_line_shows_why_a_size_is_refused(capsys):
    parser = argparse.ArgumentParser()
    parser.add_argument("--resize", type=checks.size)
    with pytest.raises(SystemExit):
        parser.parse_args(["--resize", "64"])
    assert "must be HEIGHTxWIDTH, such as 64x64, not '64'" in capsys.readouterr().err


def test_an_error_in_one_line():
    error = ValueError("one\n  two")
    assert checks.one_line(error) == "ValueError: one two"
    assert checks.one_line(error, with_kind=False) == "one two"
    assert checks.one_line(KeyError(), with_kind=False) == "KeyError"
    assert len(checks.one_line(ValueError("x" * 1000))) == 500
    assert checks.one_line(ValueError("\x1b[1mone\x1b[0m two")) == "ValueError: one two"
    assert checks.one_line(ValueError("one. two three"), 18) == "ValueError: one …"


class ResourceExhaustedError(Exception):
    """Called as TensorFlow's is."""


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (MemoryError("Unable to allocate 75 GiB"), "memory is too small. Use a smaller model"),
        (ResourceExhaustedError("OOM when\nallocating"), "(OOM when allocating)"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (UnicodeEncodeError("ascii", "é", 0, 1, "ordinal not in range"), "can't encode"),
        (TypeError("Autoencoder: x must be numeric. Received: dtype <U1."), "x must be numeric"),
        (TypeError("unsupported operand type(s) for +: 'int' and 'str'"), None),
        (KeyError("x"), None),
        (RuntimeError("x"), None),
    ],
)
def test_what_is_no_defect_is_said_in_a_line(error, line):
    said = checks.no_defect(error)
    if line is None:
        assert said is None
    else:
        assert line in said
        assert "\n" not in said


@pytest.mark.parametrize("seed", [-1, 1.5, "a", True, 2**32, np.nan])
def test_what_is_no_seed_is_refused(seed):
    with pytest.raises(ValueError, match=r"Me: seed must be an int from 0 to 4294967295"):
        checks.seed_number("Me", seed)


def test_seeds_are_plain_ints():
    assert checks.seed_number("Me", None) is None
    assert type(checks.seed_number("Me", np.int64(3))) is int


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.zeros((3, 2)), r"shape \(batch, 4\).*Give codes as encode returns them"),
        (np.zeros(4), "Add the batch axis"),
        (np.zeros((0, 4)), "must hold at least one code"),
        (np.full((3, 4), np.nan), "must be finite"),
    ],
)
def test_wrong_codes_are_refused(codes, message):
    with pytest.raises(ValueError, match=message):
        checks.codes("Me", codes, (4,))
    checks.codes("Me", np.zeros((3, 4)), (4,))
